"""How long things may take between a node and Redis."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds, each with a default that fits servers in the same data centre.

    Raises ValueError for what is not above 0.
    """

    connect: float = 1.0
    """Until a connection is open, its TLS and its log-in included (OPS-72)."""
    reply: float = 1.0
    """Until a command is answered; then its connection is dropped (OPS-72)."""
    patience: float = 2.0
    """Until a call fails, its second attempt included."""
    least_pause: float = 0.1
    most_pause: float = 5.0
    """Between two attempts to connect (OPS-72)."""
    probe: float = 3.0
    """Between two probes (OPS-73)."""
    missed_probes: int = 3
    """After so many times ``probe`` without hearing one, connections are dropped (OPS-73)."""

    look: float = 10.0
    """Between two questions to Sentinels, or a Cluster, whether servers have changed."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")

    def pause(self, last: float, away: float, chance: random.Random) -> float:
        """How long to wait before the next attempt: decorrelated jitter, so that many nodes do not come at once.

        Never more than a quarter of the time the server has been away: one that is back is found soon.

        Args:
            last: the pause before; 0 at first.
            away: since when the server cannot be reached.
        """
        drawn = chance.uniform(self.least_pause, max(self.least_pause, last) * 3)
        return max(self.least_pause, min(drawn, self.most_pause, away / 4))
