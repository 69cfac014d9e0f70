"""What a script needs that works on a partition: an epoch, should the partition have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bayeux.protocol.client_id import RandomBytes

STATE_TTL: Final = 7 * 24 * 3600.0
"""Seconds a partition that nobody listens or publishes to is known; then it begins another epoch."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The first two words of those scripts.

    Args:
        random_bytes: makes epochs.
    """

    random_bytes: RandomBytes

    def words(self) -> tuple[str, int]:
        """An epoch never used before, and how long the state is kept, in milliseconds."""
        return self.random_bytes(5).hex(), int(STATE_TTL * 1000)
