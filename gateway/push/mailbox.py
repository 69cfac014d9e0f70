"""What waits for one user: its order, its bounds, and who may still be given what.

Pure, and small: the notices themselves lie beside it, a slot tells of one. Who took a notice has it for all, but a
session that was listening when it came is given it nevertheless, so a slot stays for a moment after that (CM-21).

Source: CM-16, CM-21, IN-4, IN-6, PN-7, PN-8; bounds are ours.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

MOST: Final = 1000
"""Notices that wait for a user; above it the oldest go."""
MOST_BYTES: Final = 4 * 1024 * 1024
LINGER: Final = 60.0
"""Seconds that a slot stays after its notice was taken: for sessions of other nodes, and for who puts it again."""
BELIEVED: Final = 60.0
"""Seconds for which a notice that a session was given is thought to be on its way (IN-4); longer than a session lives
whose client does not come back."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One notice in a mailbox."""

    number: int
    """Rises from one to the next; never given twice, not even after all of the mailbox was forgotten."""
    id: str
    tag: str
    instance: str
    size: int
    until: float
    """Given to nobody after that; seconds since 1970, as all times here."""
    is_kept: bool
    given: float = 0.0
    """When it was last known to be on its way to a session; 0: it is not. Only where ``is_kept``."""
    taken: float = 0.0
    """When somebody was found to have it; 0: nobody has."""

    @property
    def waits(self) -> bool:
        """Nobody has it."""
        return not self.taken


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Every change gives another one."""

    last: int = 0
    """Number of the newest that ever was in it."""
    changed: float = 0.0
    """When that came."""
    dropped: int = 0
    """How many there was no room for."""
    slots: tuple[Slot, ...] = ()

    def put(self, slot: Slot, now: float, most: int = MOST) -> Mailbox:
        """With one more, whose number is told by its place; the same if it is there already.

        Args:
            most: so many may be in it.
        """
        if any(each.id == slot.id for each in self.slots):
            return self
        # The time is in it: a mailbox that was forgotten goes on above what sessions remember of it.
        number = max(self.last + 1, math.floor(now * 1000))
        slots = (*self.slots, replace(slot, number=number))
        kept, dropped = _within_bounds(slots, most)
        return Mailbox(number, now, self.dropped + dropped, kept)

    def tidied(self, now: float) -> Mailbox:
        """Without what is out of date."""
        slots = tuple(each for each in self.slots if each.until > now and (each.waits or each.taken + LINGER > now))
        return replace(self, slots=slots) if len(slots) < len(self.slots) else self

    def taken(self, ids: Collection[str], now: float) -> Mailbox:
        """Somebody has these."""
        return self._changed(
            {each.id: replace(each, taken=now) for each in self.slots if each.id in ids and each.waits}
        )

    def given(self, ids: Collection[str], now: float) -> Mailbox:
        """These are on their way to a session; 0 = no longer."""
        return self._changed(
            {each.id: replace(each, given=now) for each in self.slots if each.id in ids and each.waits}
        )

    def without(self, ids: Collection[str]) -> Mailbox:
        """As if these had never come."""
        return replace(self, slots=tuple(each for each in self.slots if each.id not in ids))

    def tagged(self, tag: str) -> list[str]:
        """Ids of what has this tag."""
        return [each.id for each in self.slots if each.tag == tag]

    def kept_of(self, instance: str, now: float) -> list[str]:
        """Ids of what whoever polls for this instance may have: nobody has it, nor is about to (IN-6)."""
        return [
            each.id
            for each in self.slots
            if each.is_kept
            and each.instance == instance
            and each.waits
            and each.until > now
            and (not each.given or each.given + BELIEVED <= now)
        ]

    def behind(self, number: int, joined: int, now: float) -> list[Slot]:
        """What a session is to be given that had everything up to a number, in order.

        Args:
            joined: the newest number when it began to listen; what others took before that is not for it.
        """
        return [
            each
            for each in self.slots
            if each.number > number and each.until > now and (each.waits or each.number > joined)
        ]

    def in_flight(self, proven: int, given: int) -> list[Slot]:
        """What a session was given behind a number, as far as it is still there."""
        return [each for each in self.slots if proven < each.number <= given]

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "last": self.last,
            "changed": self.changed,
            "dropped": self.dropped,
            "slots": [list(astuple(each)) for each in self.slots],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> Mailbox:
        """The same again; empty where there is none."""
        if document is None:
            return cls()
        slots = tuple(Slot(*each) for each in document["slots"])
        return cls(document["last"], document["changed"], document["dropped"], slots)

    def _changed(self, changes: Mapping[str, Slot]) -> Mailbox:
        if not changes:
            return self
        return replace(self, slots=tuple(changes.get(each.id, each) for each in self.slots))


def _within_bounds(slots: tuple[Slot, ...], most: int) -> tuple[tuple[Slot, ...], int]:
    """What there is room for, and how many that waited had to go; what somebody has goes before what nobody has."""
    excess = len(slots) - most
    too_big = sum(each.size for each in slots) - MOST_BYTES
    if excess <= 0 and too_big <= 0:
        return slots, 0
    gone: set[str] = set()
    dropped = 0
    for each in sorted(slots[:-1], key=lambda slot: (slot.waits, slot.number)):
        if excess <= 0 and too_big <= 0:
            break
        gone.add(each.id)
        dropped += each.waits
        excess -= 1
        too_big -= each.size
    return tuple(each for each in slots if each.id not in gone), dropped
