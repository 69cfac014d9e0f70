"""A contact center whose routing and customers a test plays, behind the gateway's own API, sign-in and pages.

What agents may do and what they are told is the interaction model's; kept in memory, on one node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import argon2

from bayeux.server.server import BayeuxServer
from bayeux.transports.mount import Mount
from channels.dialects.announcement import announcements
from channels.dialects.interactions import snapshot
from channels.interaction import customer, engine, operations, writing
from channels.interaction.effects import AskTransfer, EndReply, Outcome, SendLetter
from channels.interaction.model import Interaction, begin_chat, begin_email
from channels.interaction.reasons import Reason
from channels.interaction.rules import Rules
from channels.interaction.vocabulary import Dialect as Words
from channels.letter import Letter
from channels.private import CHANNELS
from gateway.agents.operations import Caller, ChannelResult, Dialect, Done, Json
from gateway.agents.refusal import NOT_NOW, Refused
from gateway.agents.states import NOT_READY, RONA, UserState, UserStates, not_ready
from gateway.auth.agents import Agents
from gateway.auth.policy import GatewayPolicy
from gateway.config.model import Auth, Config
from tests.interop.played import Played

AGENTS = ("Agent1", "Agent2")
NOW = 1_795_255_200.0


class Center:
    """``AgentService`` for desktops; the other methods are the test's hands."""

    def __init__(self, server: BayeuxServer) -> None:
        self._server = server
        self._states = UserStates(["OutToLunch"])
        self._ids = count(1)
        self.rules = Rules(find_agent=lambda name: name if name in AGENTS else None)
        self.interactions_by_id: dict[str, Interaction] = {}
        self.wanted: dict[str, dict[str, UserState]] = {}
        self.sent: list[Letter] = []
        """What left by the relay."""
        self.refusal = ""
        """What the relay, or the engine for a transfer, says no with."""

    # What the test plays

    def chat(self, agent: str, subject: str = "Order 7", nickname: str = "Carla") -> str:
        """A customer begins a chat and this agent is selected; the id of the interaction."""
        begun = begin_chat(self._id(), "SimpleChatInQueue", NOW, user_data={"Subject": subject})
        self._keep(None, customer.join(begun, nickname, NOW, self._id))
        return self.invite(begun.id, agent)

    def email(self, agent: str, letter: Letter) -> str:
        """A mail came in and this agent is selected."""
        data = {"Subject": letter.subject, "FromAddress": letter.from_address}
        begun = begin_email(self._id(), "SimpleEmailInQueue", letter, NOW, user_data=data)
        self._keep(None, Outcome(interaction=begun))
        return self.invite(begun.id, agent)

    def invite(self, id: str, agent: str) -> str:
        """The engine selects this agent."""
        self._apply(id, engine.invited(self.interactions_by_id[id], agent, NOW))
        return id

    def say(self, id: str, text: str) -> None:
        """The customer says something."""
        self._apply(id, customer.say(self.interactions_by_id[id], text, NOW))

    def leave(self, id: str) -> None:
        """The customer goes."""
        self._apply(id, customer.leave(self.interactions_by_id[id], NOW))

    def ring_out(self, id: str, agent: str) -> None:
        """The agent did not answer in time."""
        self._apply(id, engine.revoked(self.interactions_by_id[id], agent, Reason.RONA, NOW))
        self._set(agent, {self.interactions_by_id[id].channel.value: not_ready(RONA)})

    def heard_by_customer(self, id: str) -> list[str | None]:
        """What agents said, as the customer sees it."""
        transcript = self.interactions_by_id[id].transcript
        assert transcript is not None
        return [each.text for each in transcript.events if each.kind.value == "NEW_MESSAGE"]

    # What desktops ask for

    async def start_session(
        self, caller: Caller, channels: Sequence[str] | None, *, place: str = "", login_code: str = "", queue: str = ""
    ) -> Sequence[ChannelResult]:
        names = channels or ()
        self.wanted.setdefault(caller.user, dict.fromkeys(names, NOT_READY))
        return [ChannelResult(name) for name in names]

    async def end_session(self, caller: Caller) -> None:
        self.wanted.pop(caller.user, None)

    async def set_state(self, caller: Caller, operation: str, channel: str | None = None) -> Sequence[ChannelResult]:
        state = self._states.find(operation)
        assert state is not None
        names = [channel] if channel else list(self.wanted[caller.user])
        self._set(caller.user, dict.fromkeys(names, state))
        return [ChannelResult(name) for name in names]

    async def channels(self, caller: Caller) -> Sequence[Json]:
        return self._described(self.wanted.get(caller.user, {}))

    async def channel(self, caller: Caller, channel: str) -> Json:
        return self._described({channel: self.wanted[caller.user][channel]})[0]

    def agent_states(self) -> Sequence[Json]:
        return self._states.settings()

    async def interactions(self, caller: Caller, dialect: Dialect) -> Sequence[Json]:
        legs = [(each, each.leg(caller.user)) for each in self.interactions_by_id.values()]
        return [snapshot(each, leg, self.rules) for each, leg in legs if leg is not None and leg.is_live]

    async def interaction(self, caller: Caller, interaction: str, dialect: Dialect) -> Json:
        raise NotImplementedError

    async def all_interactions(
        self, caller: Caller, *, offset: int = 0, limit: int = 100
    ) -> tuple[Sequence[Json], int]:
        raise NotImplementedError

    async def perform(
        self,
        caller: Caller,
        interaction: str,
        operation: str,
        parameters: Json,
        dialect: Dialect = Dialect.INTERACTIONS,
    ) -> Done:
        before = self.interactions_by_id[interaction]
        words = Words(dialect.value)
        outcome = operations.perform(
            before, caller.user, operation, parameters, now=NOW, new_id=self._id, rules=self.rules, dialect=words
        )
        self._apply(interaction, outcome)
        return Done()

    async def workbins(self, caller: Caller) -> Sequence[Json]:
        return []

    async def workbin(self, caller: Caller, workbin: str, *, with_content: bool = False) -> Json:
        raise NotImplementedError

    async def perform_on_workbin(self, caller: Caller, workbin: str, operation: str, parameters: Json) -> Done:
        raise NotImplementedError

    async def begin_email(self, mail: Any) -> str:
        raise NotImplementedError

    # How that comes about

    def _id(self) -> str:
        return f"{next(self._ids):016X}"

    def _apply(self, id: str, outcome: Outcome) -> None:
        self._keep(self.interactions_by_id.get(id), outcome)
        for effect in outcome.effects:
            if isinstance(effect, AskTransfer):
                self._transfer(id, effect)
            elif isinstance(effect, SendLetter):
                self._send(effect.interaction)
            elif isinstance(effect, EndReply):
                parent = self.interactions_by_id[effect.parent]
                self._apply(parent.id, Outcome(interaction=writing.reply_ended(parent, effect.reply)))

    def _keep(self, before: Interaction | None, outcome: Outcome) -> None:
        for each in (outcome.interaction, *outcome.created):
            self.interactions_by_id[each.id] = each
        for told in announcements(before, outcome, rules=self.rules):
            self._server.deliver_to_user(told.user, told.channel, told.data)

    def _transfer(self, id: str, asked: AskTransfer) -> None:
        if self.refusal:
            self._refuse(id, asked.owner, "Transfer")
        else:
            self._apply(id, engine.transferred(self.interactions_by_id[id], asked.owner, asked.recipient, NOW))

    def _send(self, id: str) -> None:
        draft = self.interactions_by_id[id]
        if self.refusal:
            self._apply(id, writing.not_sent(draft))
            assert draft.owner is not None
            self._refuse(id, draft.owner.agent, "Send")
        else:
            assert draft.letter is not None
            self.sent.append(draft.letter)
            self._apply(id, writing.sent(draft, NOW))

    def _refuse(self, id: str, agent: str, operation: str) -> None:
        refused = Refused(NOT_NOW, self.refusal)
        told = {"operationName": operation, "statusCode": refused.status_code, "statusMessage": refused.text, "id": id}
        self._server.deliver_to_user(agent, "/v2/me/interactions", {"messageType": "ErrorMessage", **told})

    def _set(self, agent: str, states: Mapping[str, UserState]) -> None:
        self.wanted[agent].update(states)
        told = {"messageType": "ChannelStateChangeMessageV2", "channels": self._described(states)}
        self._server.deliver_to_user(agent, CHANNELS, told)

    @staticmethod
    def _described(states: Mapping[str, UserState]) -> list[dict[str, Any]]:
        return [{"channel": channel, "userState": state.as_json()} for channel, state in states.items()]


class ContactCenter(Played):
    """The center on a port of its own; agents' passwords are their names."""

    def __init__(self) -> None:
        light = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        users = [{"name": name, "password_hash": light.hash(name)} for name in AGENTS]
        agents = Agents(Auth.model_validate({"users": users}))
        policy = GatewayPolicy(agents.tokens, agents.users, ())
        server = BayeuxServer(Config().bayeux.options(), policy=policy)
        policy.guard_wildcards(server)
        self.center = Center(server)
        super().__init__(server, Mount(server, "/api/v2/notifications", identify=agents.identify), agents, self.center)

    @property
    def url(self) -> str:
        """The desktop."""
        return f"http://localhost:{self.port}/desktop"
