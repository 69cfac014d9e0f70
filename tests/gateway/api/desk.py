"""An agent service that remembers what it was asked, and answers as it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.agents.operations import Caller, ChannelResult, Dialect, Done, Json
from gateway.agents.refusal import NOT_FOUND, Refused

READY = {"id": "9430250E-0A1B-421F-B372-F29E69366DED", "displayName": "Ready", "state": "Ready"}
STATES: Sequence[Json] = [
    {"id": "1", "operationName": "Ready", "displayName": "Ready", "state": "Ready", "type": "Ready"},
    {"id": "2", "operationName": "NotReady", "displayName": "Not Ready", "state": "NotReady", "type": "NotReady"},
    {
        "id": "3",
        "operationName": "OutToLunch",
        "displayName": "Out to lunch",
        "state": "NotReady",
        "reason": "OutToLunch",
        "type": "NotReady",
    },
]


def interaction(id: str) -> dict[str, Any]:
    return {
        "messageType": "InteractionStateMessage",
        "id": id,
        "channel": "chat",
        "state": "Invited",
        "capabilities": ["Accept", "Reject"],
        "interactionType": "Inbound",
        "interactionSubType": "InboundNew",
        "currentQueue": "SimpleChatInQueue",
        "userData": {},
    }


class Desk:
    """``AgentService`` for one agent who has three interactions."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        """Each request: what was asked, and with what."""
        self.callers: list[Caller] = []
        self.results: Sequence[ChannelResult] = [ChannelResult("chat")]
        self.error: Exception | None = None
        """Raised by whatever is asked next."""
        self.reference_id: int | None = None
        self.held = [interaction(f"0000Ja8V814907K{n}") for n in range(3)]

    def _take(self, caller: Caller, *asked: Any) -> None:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.asked.append(asked)
        self.callers.append(caller)

    async def start_session(
        self, caller: Caller, channels: Sequence[str] | None, *, place: str = "", login_code: str = "", queue: str = ""
    ) -> Sequence[ChannelResult]:
        self._take(caller, "start", channels, place, login_code, queue)
        return self.results

    async def end_session(self, caller: Caller) -> None:
        self._take(caller, "end")

    async def set_state(self, caller: Caller, operation: str, channel: str | None = None) -> Sequence[ChannelResult]:
        self._take(caller, "state", operation, channel)
        return self.results

    async def channels(self, caller: Caller) -> Sequence[Json]:
        self._take(caller, "channels")
        return [{"channel": "chat", "userState": READY}]

    async def channel(self, caller: Caller, channel: str) -> Json:
        self._take(caller, "channel", channel)
        if channel != "chat":
            raise Refused(NOT_FOUND, "the channel is not started")
        return {"channel": "chat", "userState": READY}

    def agent_states(self) -> Sequence[Json]:
        return STATES

    async def interactions(self, caller: Caller, dialect: Dialect) -> Sequence[Json]:
        self._take(caller, "interactions", dialect)
        return self.held

    async def interaction(self, caller: Caller, interaction: str, dialect: Dialect) -> Json:
        self._take(caller, "interaction", interaction, dialect)
        for each in self.held:
            if each["id"] == interaction:
                return each
        raise Refused(NOT_FOUND, "there is no such interaction")

    async def all_interactions(
        self, caller: Caller, *, offset: int = 0, limit: int = 100
    ) -> tuple[Sequence[Json], int]:
        self._take(caller, "all", offset, limit)
        return self.held[offset : offset + limit], len(self.held)

    async def perform(
        self,
        caller: Caller,
        interaction: str,
        operation: str,
        parameters: Mapping[str, Any],
        dialect: Dialect = Dialect.INTERACTIONS,
    ) -> Done:
        self._take(caller, dialect, interaction, operation, parameters)
        return Done(self.reference_id)

    async def workbins(self, caller: Caller) -> Sequence[Json]:
        self._take(caller, "workbins")
        return [await self.workbin(caller, "1")]

    async def workbin(self, caller: Caller, workbin: str, *, with_content: bool = False) -> Json:
        self._take(caller, "workbin", workbin, with_content)
        uri = f"{caller.origin}/api/v2/workbins/{workbin}"
        return {"id": workbin, "workbinName": "Personal", "displayName": "Personal", "type": "Agent", "uri": uri}

    async def perform_on_workbin(self, caller: Caller, workbin: str, operation: str, parameters: Json) -> Done:
        self._take(caller, "workbin", workbin, operation, parameters)
        return Done(self.reference_id)

    async def begin_email(self, mail: Any) -> str:
        self._take(Caller(user=""), "email", mail)
        return "0000Ja8V814907KS"
