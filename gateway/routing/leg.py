"""One agent's part in a task.

Source: MRE-70, MRE-72.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.routing.task_state import ACCEPTED, LegRole, TaskState


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg that is not over; one that is has no record."""

    agent: str
    state: TaskState
    role: LegRole
    joined: float
    """When it began, in seconds since 1970."""

    @property
    def is_owner(self) -> bool:
        """Whether the task is his."""
        return self.role is LegRole.OWNER


def legs_from(bodies: Iterable[Mapping[str, Any]]) -> tuple[Leg, ...]:
    """Legs as they were stored."""
    return tuple(Leg(body["agent"], TaskState(body["state"]), LegRole(body["role"]), body["joined"]) for body in bodies)


def leg_of(legs: Iterable[Leg], agent: str) -> Leg | None:
    """An agent's leg."""
    return next((leg for leg in legs if leg.agent == agent), None)


def owner_of(legs: Iterable[Leg]) -> Leg | None:
    """The owner's leg; None while the task waits."""
    return next((leg for leg in legs if leg.is_owner), None)


def successor_among(legs: Sequence[Leg]) -> Leg | None:
    """Who becomes owner when the owner leaves: of the participants who are in, who is so longest (MRE-72)."""
    accepted = [leg for leg in legs if not leg.is_owner and leg.state in ACCEPTED]
    return min(accepted, key=lambda leg: (leg.joined, leg.agent), default=None)


def replaced(legs: Iterable[Leg], leg: Leg) -> tuple[Leg, ...]:
    """The legs with this one in place of that of the same agent."""
    return tuple(leg if each.agent == leg.agent else each for each in legs)


def without(legs: Iterable[Leg], agent: str) -> tuple[Leg, ...]:
    """The legs but his."""
    return tuple(leg for leg in legs if leg.agent != agent)
