"""What limits go by: how many callbacks of a service, and of one customer of it, are there, and when they began.

When callbacks began is one document a service, which every start reads and writes, so of two at once one is first: that
makes all limits exact, also those on what is in the queue, which only starts add to. That itself is counted by an
index, so what leaves the queue frees its place with its own commit, and is in nobody's way.

Source: CB-15…20.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from bayeux.protocol import json
from gateway.callback import limits
from gateway.callback.limits import DAY, LimitReached, Load
from gateway.callback.settings import Settings
from gateway.callbacks.callback import queued_indexes
from gateway.callbacks.refusal import NotNow
from gateway.store.store import Room
from gateway.store.turn import Turn

_LINGERING: Final = 60.0
"""Seconds that what counts for nothing any more stays: clocks of nodes may differ."""


class Loads:
    """Of the callbacks in one room."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def count(self, turn: Turn, name: str, settings: Settings, number: str, customer: Sequence[str]) -> None:
        """One more of a service begins with this turn.

        Args:
            number: the customer's; empty: not told, and nothing is counted by it.
            customer: by what he is told from others (``limits.customer_key``); empty: by nothing.

        Raises:
            NotNow: a limit is reached; nothing of the turn may be committed.
        """
        keys = [_key(name), *([_key(name, customer)] if customer else [])]
        starts, *of_customer = [tuple(body["starts"]) if body else () for body in await turn.read(*keys)]
        # After that document, which tells of all starts whose callbacks may stand in the indexes.
        queued, *of_number = [await self._room.count(index) for index in queued_indexes(name, number)]
        load = Load(
            queued=queued,
            queued_of_customer=sum(of_number),
            starts=starts,
            starts_of_customer=sum(of_customer, ()),
        )
        try:
            limits.check(name, settings, load, turn.now)
        except LimitReached as reached:
            raise NotNow(reached.text, retry_after=reached.retry_after) from None
        after = limits.counted(settings, load, turn.now)
        longest = max(settings.throttle_ttl_1, settings.throttle_ttl_2)
        turn.write(keys[0], {"starts": list(after.starts)}, ttl=longest + _LINGERING)
        if customer:
            turn.write(keys[1], {"starts": list(after.starts_of_customer)}, ttl=DAY + _LINGERING)


def _key(name: str, customer: Sequence[str] = ()) -> str:
    if not customer:
        return f"callback-starts:{name}"
    # What an app sends may be long, and is nobody's business who looks at keys.
    return f"callback-starts:{name}:{hashlib.sha256(json.encode(list(customer))).hexdigest()}"
