"""What a role decides by: a machine that takes a message and says what has to happen.

A machine reads no clock, draws no lots and waits for nothing, so that a message handled again after a crash ends as it
would have ended. Whoever runs it stores a step as a whole and only then lets the machine adopt it; a step that could
not be stored is forgotten, and the machine is as it was.

Source: MRE-1, MRE-120, MRE-126.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from gateway.routing.bus.bus import BusMessage
from gateway.routing.plan import Plan
from gateway.store.store import Document

NewId: TypeAlias = Callable[[], str]
"""Gives ids that nobody else gives; without a colon."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A message on its way to a queue."""

    queue: str
    message: BusMessage


@dataclass(frozen=True, slots=True)
class Step:
    """All that follows from one message or deadline: stored in one commit, or not at all."""

    documents: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """Key to the body as it shall be; None: there is none any more."""
    deadlines: Mapping[str, float | None] = field(default_factory=dict)
    """Name to the moment it is due; None: it is no more."""
    messages: Sequence[Sending] = ()
    """In the order in which they have to leave."""
    refused: str = ""
    """The code of the refusal, if it was one (MRE-115); ``messages`` then tell the sender."""
    buried: str = ""
    """Why the message belongs to the dead letters (MRE-32); empty: it was handled."""


class Machine(Protocol):
    """The state of one role and how it changes.

    ``receive`` and ``expire`` leave the machine as it is: it changes by ``adopt`` alone, and ``load`` after all steps
    that were stored gives the same machine as adopting them did. They never raise for what a message says.
    """

    @property
    def queues(self) -> tuple[str, ...]:
        """What it takes messages from."""

    def load(self, documents: Iterable[Document]) -> None:
        """Begin with these documents and nothing else."""

    def receive(self, queue: str, message: BusMessage, now: float, new_id: NewId) -> Step:
        """Take a message that was not taken before; one past ``expires`` is refused here (MRE-125)."""

    def expire(self, deadline: str, now: float, new_id: NewId) -> Step:
        """Take a deadline that is due; its step ends or moves it, even if nothing else follows."""

    def adopt(self, step: Step) -> None:
        """The step was stored."""


class Planned(Machine, Protocol):
    """A machine that decides by a plan."""

    def replan(self, plan: Plan, now: float, new_id: NewId) -> Step:
        """Decide by this plan from here on, also if the step cannot be stored; the step is what follows at once.

        Done again it gives what is still to be done, so that it can be repeated after a crash.
        """
