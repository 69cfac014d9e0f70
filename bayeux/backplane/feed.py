"""One partition as one node takes it in: every event once, in the order of places.

Owns what to do with an event that comes early, late or twice, and when something is lost. Knows nothing of where events
come from: live ones and those read from the journal are both given to it, in any order and as often as one likes.

Source: OPS-74, CLU-3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

__all__ = ["Feed", "JournalStretch"]

MAX_HELD: Final = 1000
"""Early events that wait for those before them; above it they are let go of, for the journal has them, too."""


class _Placed(Protocol):
    """An event, in whatever form: it stands somewhere."""

    @property
    def place(self) -> int: ...


Event = TypeVar("Event", bound=_Placed)


@dataclass(frozen=True, slots=True)
class JournalStretch(Generic[Event]):
    """What a partition's journal held at one instant.

    Args:
        floor: every event with a greater place was there.
        newest: the place of the last event.
        events: some of them, one after the other, oldest first.
    """

    floor: int
    newest: int
    events: Sequence[Event] = ()


class Feed(Generic[Event]):
    """Hands over what it is given, when its turn has come.

    ``begin`` comes first, once it is certain that live events come in; what came earlier waits for it. ``pause`` when
    live events may have been missed: what comes waits until the journal was read.

    Args:
        give: takes an event.
        lost: told before the first event that follows a hole which cannot be filled.
    """

    __slots__ = ("_begun", "_give", "_held", "_is_paused", "_lost", "place")

    def __init__(self, give: Callable[[Event], None], lost: Callable[[], None]) -> None:
        self.place: int = 0
        """Of the last event that was handed over, or given up."""
        self._give = give
        self._lost = lost
        self._held: dict[int, Event] = {}
        self._begun = False
        self._is_paused = False

    @property
    def has_begun(self) -> bool:
        """Events are handed over."""
        return self._begun

    @property
    def is_behind(self) -> bool:
        """Something came that cannot be handed over before the journal was read (``fill``)."""
        return self._begun and bool(self._held)

    def begin(self, place: int) -> None:
        """Hand over what follows ``place``."""
        self.place = place
        self._begun = True
        self._hand_over_held()

    def pause(self) -> None:
        """Hand nothing over before the next ``fill`` or ``start_over``."""
        self._is_paused = self._begun

    def take(self, event: Event) -> None:
        """Something came live."""
        if event.place <= self.place:
            return
        if event.place > self.place + 1 or self._is_paused or not self._begun:
            if len(self._held) >= MAX_HELD:
                self._held.clear()
            self._held[event.place] = event
        else:
            self._hand_over(event)
            if self._held:
                self._hand_over_held()

    def fill(self, stretch: JournalStretch[Event]) -> None:
        """Take in what the journal holds after ``place``, all of it or the beginning."""
        self._is_paused = False
        if stretch.newest < self.place:  # the store has lost events, perhaps also some that we were given
            self._held.clear()
            self._give_up(stretch.newest)
            return
        if stretch.floor > self.place:
            self._give_up(stretch.floor)
        for event in stretch.events:
            if event.place > self.place + 1:
                self._give_up(event.place - 1)
            if event.place == self.place + 1:
                self._hand_over(event)
        self._hand_over_held()

    def start_over(self, place: int) -> None:
        """What was published up to ``place`` is lost, or not what it was thought to be."""
        self._is_paused = False
        self._held.clear()
        self._give_up(place)

    def _give_up(self, place: int) -> None:
        self.place = place
        self._lost()

    def _hand_over(self, event: Event) -> None:
        self.place = event.place
        self._give(event)

    def _hand_over_held(self) -> None:
        while (following := self._held.pop(self.place + 1, None)) is not None:
            self._hand_over(following)
        if self._held:
            self._held = {place: event for place, event in self._held.items() if place > self.place}
