"""Chats as the customers' part of the store keeps them.

Source: CH1-13, SM-70.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from gateway.chats.chat import Chat, chat_key
from gateway.store.store import Fence, Room
from gateway.store.turn import Turn, decided

LINGERING: Final = 60 * 60.0
"""Seconds that one is kept when its instance is forgotten, for what is under way still."""
PRECISION: Final = 1.0
"""Seconds: a sign of life so close to the last one is not stored."""

T = TypeVar("T")


class KeptChats:
    """Found and written, each in the turn of whoever decides about it.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, room: Room, clock: Callable[[], float]) -> None:
        self._room = room
        self._clock = clock

    async def decide(
        self, decision: Callable[[Turn], Awaitable[T]], *, taken: str = "", fence: Fence | None = None
    ) -> T:
        """As ``gateway.store.turn.decided``: it may be asked anew. Raises what it raises; TakenAlready, LeaseLost."""

        def begin() -> Turn:
            turn = Turn(self._room, self._clock())
            turn.taken, turn.fence = taken, fence
            return turn

        given, _ = await decided(self._room, decision, begin)
        return given

    async def of(self, id: str) -> Chat | None:
        """That of an instance; None: it has none."""
        return await self.decide(lambda turn: self.find(turn, id))

    async def find(self, turn: Turn, id: str) -> Chat | None:
        """The same, for a decision."""
        (body,) = await turn.read(chat_key(id))
        return Chat.from_document(body) if body is not None else None

    def put(self, turn: Turn, chat: Chat) -> None:
        """As it shall be; it was looked for in this turn."""
        ttl = max(chat.expires - turn.now, 0.0) + LINGERING
        turn.write(chat_key(chat.id), chat.to_document(), ttl=ttl)
        turn.deadlines[chat_key(chat.id)] = chat.due(turn.now)

    async def forget(self, turn: Turn, id: str) -> None:
        """There is none."""
        await self.find(turn, id)
        turn.write(chat_key(id), None)
        turn.deadlines[chat_key(id)] = None

    async def seen(self, turn: Turn, id: str, *, given: int | None = None) -> Chat | None:
        """Its customer gave a sign of life; None: there is no such chat.

        Args:
            given: position of what he is answered.
        """
        chat = await self.find(turn, id)
        if chat is None:
            return None
        there = replace(chat, given=chat.given if given is None else given, seen_at=turn.now, is_away=False)
        is_news = there.given != chat.given or chat.is_away or turn.now - chat.seen_at >= PRECISION
        if is_news:
            self.put(turn, there)
        return there

    async def over(self, turn: Turn, id: str) -> None:
        """Nothing is waited for any more."""
        chat = await self.find(turn, id)
        if chat is not None and not chat.is_over:
            self.put(turn, replace(chat, is_over=True))
