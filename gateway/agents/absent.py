"""What agents can ask for where nothing is routed to anybody: to see that there is nothing.

Source: AG-64, AG-141.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from gateway.agents.operations import Caller, ChannelResult, Dialect, Done, Json
from gateway.agents.refusal import NOT_FOUND, NOT_NOW, Refused
from gateway.mail.incoming import IncomingMail


class NoContactCenter:
    """``AgentService`` of a gateway that only pushes."""

    async def start_session(
        self, caller: Caller, channels: Sequence[str] | None, *, place: str = "", login_code: str = "", queue: str = ""
    ) -> Sequence[ChannelResult]:
        """Refused."""
        _refuse()

    async def end_session(self, caller: Caller) -> None:
        """There is none to end."""

    async def set_state(self, caller: Caller, operation: str, channel: str | None = None) -> Sequence[ChannelResult]:
        """Refused."""
        _refuse()

    async def channels(self, caller: Caller) -> Sequence[Json]:
        """None."""
        return ()

    async def channel(self, caller: Caller, channel: str) -> Json:
        """Unknown."""
        raise _unknown()

    def agent_states(self) -> Sequence[Json]:
        """None."""
        return ()

    async def interactions(self, caller: Caller, dialect: Dialect) -> Sequence[Json]:
        """None."""
        return ()

    async def interaction(self, caller: Caller, interaction: str, dialect: Dialect) -> Json:
        """Unknown."""
        raise _unknown()

    async def all_interactions(
        self, caller: Caller, *, offset: int = 0, limit: int = 100
    ) -> tuple[Sequence[Json], int]:
        """None."""
        return (), 0

    async def perform(
        self,
        caller: Caller,
        interaction: str,
        operation: str,
        parameters: Json,
        dialect: Dialect = Dialect.INTERACTIONS,
    ) -> Done:
        """Unknown."""
        raise _unknown()

    async def workbins(self, caller: Caller) -> Sequence[Json]:
        """None."""
        return ()

    async def workbin(self, caller: Caller, workbin: str, *, with_content: bool = False) -> Json:
        """Unknown."""
        raise _unknown()

    async def perform_on_workbin(self, caller: Caller, workbin: str, operation: str, parameters: Json) -> Done:
        """Unknown."""
        raise _unknown()

    async def begin_email(self, mail: IncomingMail) -> str:
        """Refused."""
        _refuse()


def _refuse() -> NoReturn:
    raise Refused(NOT_NOW, "this gateway routes nothing to agents; its configuration has no mre.mrds")


def _unknown() -> Refused:
    return Refused(NOT_FOUND, "there is no such thing")
