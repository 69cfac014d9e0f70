"""Customers who give no sign of life: looked after, told the agents of, and taken out of their chats in the end.

A sign of life is whatever an app asks of its chat, or a Bayeux session of its user. Only the leader looks; a customer
is dropped not before his time-out is over, and at most a look later.

Source: CH1-13, CC-11, OPT-9, SM-70.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from channels.interaction.refusal import OperationRefused
from gateway.chats.chat import Chat, chat_key
from gateway.chats.kept import KeptChats
from gateway.chats.neighbours import Desk, HasSession, Services
from gateway.chats.telling import Telling
from gateway.store.store import Fence
from gateway.store.turn import Turn

log = logging.getLogger(__name__)


class Absences:
    """Keeps the deadlines of the kind ``chat``.

    Args:
        has_session: of a user.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        kept: KeptChats,
        telling: Telling,
        desk: Desk,
        services: Services,
        has_session: HasSession,
        clock: Callable[[], float],
    ) -> None:
        self._kept = kept
        self._telling = telling
        self._desk = desk
        self._services = services
        self._has_session = has_session
        self._clock = clock

    async def expire(self, id: str, fence: Fence) -> None:
        """See ``gateway.customers.duty.Expire``."""
        chat = await self._kept.of(id)
        is_there = chat is not None and await self._has_session(chat.user)
        is_dropped = chat is not None and is_gone(chat, self._clock(), is_there=is_there)
        if chat is not None and is_dropped:
            await self._drop(chat)
        elif chat is not None and chat.is_comet and chat.had_session and not is_there:
            await self._tell_agents(chat)
        await self._kept.decide(
            lambda turn: self._looked(turn, id, is_there=is_there, is_dropped=is_dropped), fence=fence
        )

    async def _looked(self, turn: Turn, id: str, *, is_there: bool, is_dropped: bool) -> None:
        """What the look has shown."""
        chat = await self._kept.find(turn, id)
        if chat is None or chat.is_over:
            turn.deadlines[chat_key(id)] = None
            return
        if is_dropped:
            chat = replace(chat, is_over=True)
        elif is_there or chat.had_session:
            # A session that is gone was there until a moment ago: between two looks nobody knows.
            if not is_there:
                chat = await self._telling.push_missed(turn, chat)
            chat = replace(chat, seen_at=turn.now, had_session=is_there, is_away=chat.is_comet and not is_there)
        self._kept.put(turn, chat)

    async def _drop(self, chat: Chat) -> None:
        log.info("a customer's chat is abandoned", extra={"event": "chat_abandoned", "instance": chat.id})
        try:
            await self._desk.leave(chat.interaction)
        except OperationRefused:
            log.debug("there was no chat to leave", extra={"instance": chat.id})

    async def _tell_agents(self, chat: Chat) -> None:
        """As the service wants it, where the app can be fetched back."""
        said = self._services.services.get(chat.service, {}).get("_agent_timeout_notification_message", "")
        if not said or chat.target is None:
            return
        try:
            await self._desk.whisper(chat.interaction, said)
        except OperationRefused:
            log.debug("the agents could not be told", extra={"instance": chat.id})


def is_gone(chat: Chat, now: float, *, is_there: bool) -> bool:
    """Is its customer to be dropped, or its instance over?"""
    if chat.is_over:
        return False
    if is_there or chat.had_session:
        return now >= chat.expires
    return now >= chat.gone_at
