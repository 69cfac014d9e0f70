"""What a script needs that works on a partition: an epoch, should the partition have none."""

from __future__ import annotations

from itertools import count
from typing import Final

from bayeux.protocol.client_id import RandomBytes

STATE_TTL: Final = 7 * 24 * 3600.0
"""Seconds a partition that nobody listens or publishes to is known; then it begins another epoch."""

_TTL = int(STATE_TTL * 1000)


class Offer:
    """The first two words of those scripts.

    Args:
        random_bytes: makes a node's epochs differ from those of others; among its own it counts.
    """

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._base = random_bytes(5).hex()
        self._number = count()

    def words(self) -> tuple[str, int]:
        """An epoch never used before, and how long the state is kept, in milliseconds."""
        return f"{self._base}{next(self._number):x}", _TTL
