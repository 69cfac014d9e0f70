"""What is measured, and with how many agents.

``benchmark`` of a measurement is the case, ``peer`` the number of agents who are Ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NAME: Final = "routing"
"""What ``--only`` calls all of it."""
ROUNDS: Final = 2
AGENTS: Final = (1, 100, 1000)
"""Who are Ready."""


@dataclass(frozen=True, slots=True)
class Machines:
    """Decisions without anything around them: no store, no bus, no clock; tasks one after the other.

    Args:
        has_communication: the communication server is there too, and all messages between the two.
    """

    name: str
    title: str
    has_communication: bool
    tasks: int = 5000
    """In one run."""

    @property
    def expected_seconds(self) -> float:
        """Of one run, roughly."""
        return self.tasks * 400e-6


@dataclass(frozen=True, slots=True)
class Path:
    """Everything between a customer who wants an agent and the desktop that shows it.

    Each task is given up as soon as it is shown, so that its agent is free for the next one.
    """

    name: str
    title: str
    has_redis: bool
    rate: float = 10.0
    """Tasks a second by the clock, where time is measured."""
    timed: int = 150
    """Tasks then."""
    window: int = 20
    """Tasks that are on their way where cost is measured: never more than there are agents."""
    seconds: float = 5.0
    """Then."""
    warm_up: int = 20
    """Tasks before all that."""

    def expected_seconds(self, agents: int) -> float:
        """Of one run, roughly."""
        return 5.0 + agents * 0.03 + self.warm_up * 0.05 + self.timed / self.rate + self.seconds


ENGINE: Final = Machines("engine", "the engine alone", has_communication=False)
BOTH: Final = Machines("machines", "engine and communication server", has_communication=True, tasks=1000)
EMBEDDED: Final = Path("embedded", "one node, SQLite", has_redis=False)
ON_REDIS: Final = Path("redis", "one node on Redis", has_redis=True)

MACHINES: Final = (ENGINE, BOTH)
PATHS: Final = (EMBEDDED, ON_REDIS)
