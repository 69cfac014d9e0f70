"""Everything agents ask for, joined: ``AgentService`` as this gateway keeps it.

Source: AG-20…40, AG-55, AG-56, AG-69…80, AG-85, AG-86, AG-150.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from weakref import WeakValueDictionary

from channels.dialects.announcement import Asked
from channels.interaction import operations, vocabulary
from channels.interaction.effects import AskConference, AskTransfer, SendLetter
from channels.interaction.model import Interaction, Leg
from channels.interaction.states import State
from channels.private import CHATS, EMAILS, INTERACTIONS
from gateway.agents.customers import Customers
from gateway.agents.desktop import Current
from gateway.agents.interactions import ALL, Interactions, interaction_key, is_of
from gateway.agents.operations import Caller, ChannelResult, Dialect, Done, Json
from gateway.agents.refusal import NOT_FOUND, NOT_PERMITTED, Refused
from gateway.agents.sessions import Sessions
from gateway.agents.settings import Settings
from gateway.agents.side import ChatSide
from gateway.agents.turn import Turn, latest_seq
from gateway.agents.workbins import Workbins
from gateway.mail.incoming import IncomingMail

ADMIN, SUPERVISOR = "admin", "supervisor"
"""Roles of users."""
_OWN_DIGITS: Final = 7
"""Of a number that a client does not give: any client can read it as an integer."""
_SHOWN_ON: Final = {INTERACTIONS: Dialect.INTERACTIONS, CHATS: Dialect.CHATS, EMAILS: Dialect.EMAILS}


class Service:
    """See ``AgentService``."""

    def __init__(
        self,
        side: ChatSide,
        settings: Settings,
        interactions: Interactions,
        sessions: Sessions,
        customers: Customers,
        workbins: Workbins,
        new_hex: Callable[[], str],
    ) -> None:
        self._side = side
        self._settings = settings
        self._interactions = interactions
        self._sessions = sessions
        self._customers = customers
        self._workbins = workbins
        self._new_hex = new_hex
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Of interactions that something is being done with."""

    # The contact-center session

    async def start_session(
        self, caller: Caller, channels: Sequence[str] | None, *, place: str = "", login_code: str = "", queue: str = ""
    ) -> Sequence[ChannelResult]:
        """See ``AgentService``; login code and queue are for voice, which is not served."""
        return await self._sessions.start(caller, channels, place=place)

    async def end_session(self, caller: Caller) -> None:
        """See ``AgentService``."""
        await self._sessions.end(caller)

    async def set_state(self, caller: Caller, operation: str, channel: str | None = None) -> Sequence[ChannelResult]:
        """See ``AgentService``."""
        return await self._sessions.set_state(caller, operation, channel)

    async def channels(self, caller: Caller) -> Sequence[Json]:
        """See ``AgentService``."""
        return await self._sessions.channels(caller)

    async def channel(self, caller: Caller, channel: str) -> Json:
        """See ``AgentService``."""
        return await self._sessions.channel(caller, channel)

    def agent_states(self) -> Sequence[Json]:
        """See ``AgentService``."""
        return self._settings.states.settings()

    # Interactions

    async def interactions(self, caller: Caller, dialect: Dialect) -> Sequence[Json]:
        """See ``AgentService``."""

        async def decision(turn: Turn) -> Sequence[Interaction]:
            return await self._interactions.of_agent(turn, caller.user)

        found = await self._side.decide(decision)
        return [self._shown(each, caller, dialect) for each in found if is_of(each, dialect)]

    async def interaction(self, caller: Caller, interaction: str, dialect: Dialect) -> Json:
        """See ``AgentService``."""
        found = await self._side.decide(lambda turn: self._interactions.find(turn, interaction))
        if found is None or not is_of(found, dialect):
            raise Refused(NOT_FOUND, "there is no such interaction")
        leg = found.leg(caller.user)
        is_his = leg is not None and leg.is_live
        if found.is_closed or not (is_his or caller.roles & {ADMIN, SUPERVISOR}):
            raise Refused(NOT_FOUND, "there is no such interaction")  # no probing of ids
        return self._shown(found, caller, dialect)

    async def all_interactions(
        self, caller: Caller, *, offset: int = 0, limit: int = 100
    ) -> tuple[Sequence[Json], int]:
        """See ``AgentService``."""
        if ADMIN not in caller.roles:
            raise Refused(NOT_PERMITTED, "that is for administrators")
        room = self._side.room
        entries = await room.page(ALL, offset=offset, limit=limit)
        found = [
            Interaction.from_document(document.body)
            for document in await room.read(*(entry.key for entry in entries))
            if document is not None
        ]
        return [self._shown(each, caller, Dialect.INTERACTIONS) for each in found], await room.count(ALL)

    async def perform(
        self,
        caller: Caller,
        interaction: str,
        operation: str,
        parameters: Json,
        dialect: Dialect = Dialect.INTERACTIONS,
    ) -> Done:
        """See ``AgentService``."""
        given = parameters.get("referenceId")
        is_given = isinstance(given, int)
        number = given if isinstance(given, int) else int(self._new_hex()[:_OWN_DIGITS], 16)
        numbered = Asked(agent=caller.user, reference_id=number, is_given=is_given)
        words = vocabulary.Dialect.INTERACTIONS if dialect is Dialect.INTERACTIONS else vocabulary.Dialect.TYPED

        async def decision(turn: Turn) -> Asked | None:
            before = await self._interactions.find(turn, interaction)
            if before is None or not is_of(before, dialect):
                raise Refused(NOT_FOUND, "there is no such interaction")
            outcome = operations.perform(
                before,
                caller.user,
                operation,
                {name: value for name, value in parameters.items() if name != "referenceId"},
                now=turn.now,
                new_id=self._new_hex,
                rules=self._settings.rules,
                dialect=words,
            )
            comes_later = any(
                isinstance(effect, AskTransfer | AskConference | SendLetter) for effect in outcome.effects
            )
            asked = numbered if is_given or (comes_later and dialect is not Dialect.INTERACTIONS) else None
            await self._interactions.keep(turn, before, outcome, asked=asked, asker=caller.session)
            return asked

        # In the order of arrival (AG-73), also where the first is overtaken by somebody else and decided anew.
        async with self._turns.setdefault(interaction, asyncio.Lock()):
            asked = await self._side.decide(decision)
        return Done(asked.reference_id if asked is not None else None)

    async def snapshot(self, user: str, channel: str) -> Sequence[Current]:
        """What a session may begin with that subscribes to one of the channels of interactions (AG-121)."""
        dialect = _SHOWN_ON.get(channel)
        if dialect is None:
            return ()
        caller = Caller(user=user)
        room = self._side.room
        entries = await room.page(f"agent:{user}", limit=1000)
        current = []
        for document in await room.read(*(entry.key for entry in entries)):
            found = Interaction.from_document(document.body) if document is not None else None
            if document is not None and found is not None and is_of(found, dialect):
                shown = self._shown(found, caller, dialect)
                current.append(Current(shown, interaction_key(found.id), latest_seq(document.version)))
        return current

    # Workbins

    async def workbins(self, caller: Caller) -> Sequence[Json]:
        """See ``AgentService``."""
        return self._workbins.all(caller)

    async def workbin(self, caller: Caller, workbin: str, *, with_content: bool = False) -> Json:
        """See ``AgentService``."""
        return await self._workbins.one(caller, workbin, with_content=with_content)

    async def perform_on_workbin(self, caller: Caller, workbin: str, operation: str, parameters: Json) -> Done:
        """See ``AgentService``."""
        return await self._workbins.perform(caller, workbin, operation, parameters)

    # E-mail that arrives

    async def begin_email(self, mail: IncomingMail) -> str:
        """See ``AgentService``."""
        return await self._customers.begin_email(mail)

    def _shown(self, interaction: Interaction, caller: Caller, dialect: Dialect) -> Mapping[str, Any]:
        """As this agent has it; a supervisor sees it as its owner does."""
        leg = interaction.leg(caller.user) or interaction.owner or Leg(agent=caller.user, state=State.REVOKED)
        return self._interactions.shown(interaction, leg, dialect, caller.origin)
