"""One decision about callbacks, which remembers whom it tells of something.

Source: SM-70.
"""

from __future__ import annotations

from gateway.callbacks.telling import Telling
from gateway.push.notice import Notice
from gateway.store import turn
from gateway.store.store import Room


class Turn(turn.Turn):
    """See ``gateway.store.turn.Turn``."""

    def __init__(self, room: Room, now: float) -> None:
        super().__init__(room, now)
        self.told: set[str] = set()
        """Users who are to be nudged after the commit."""


async def tell(telling: Telling, turn: turn.Turn, notice: Notice) -> None:
    """Tell somebody; whoever else has begun the turn does without the nudge, and the notice comes a little later."""
    await telling.tell(turn, notice)
    if isinstance(turn, Turn):
        turn.told.add(notice.user)
