"""What can go wrong on a network, and when: the vocabulary of ``FaultProxy``.

Owns the faults in force on one direction of a connection, the verbs that set them, and schedules drawn from a
seed: the same seed and rates give the same faults in the same order. Carries no bytes and knows no clock.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import Enum


class Way(Enum):
    """A direction; where a way may be given, none means both."""

    TO_SERVER = "client → server"
    TO_CLIENT = "server → client"


BOTH = (Way.TO_SERVER, Way.TO_CLIENT)


@dataclass(slots=True, kw_only=True)
class Faults:
    """What happens to the bytes of one direction; the default carries them well."""

    latency: float = 0.0
    """Seconds by which bytes are late."""
    jitter: float = 0.0
    """Further seconds, up to so many, at random; bytes never overtake others."""
    is_swallowing: bool = False
    """Bytes vanish while the connection stays open."""
    piece: int = 0
    """Bytes written at a time; 0 = as they come."""
    pause: float = 0.0
    """Seconds between two pieces."""
    until_cut: int | None = None
    """So many bytes are carried yet, then the connection is reset."""


class Faulty(ABC):
    """What a proxy and each of its connections can be told; a proxy tells all it has and will have.

    A fault stays until the next one of its kind or until ``heal``. ValueError for what is negative.
    """

    @abstractmethod
    def faults(self, way: Way | None = None) -> Iterable[Faults]:
        """Those in force on a way, or on both, to be changed."""

    def delay(self, latency: float, *, jitter: float = 0.0, way: Way | None = None) -> None:
        """Be late by ``latency`` seconds, and by up to ``jitter`` more at random; nothing overtakes."""
        refuse_negative(latency, jitter)
        for faults in self.faults(way):
            faults.latency, faults.jitter = latency, jitter

    def swallow(self, way: Way | None = None) -> None:
        """Have all bytes and the end of one way vanish, while the connection stays open."""
        for faults in self.faults(way):
            faults.is_swallowing = True

    def dribble(self, piece: int = 1, *, pause: float = 0.001, way: Way | None = None) -> None:
        """Write at most ``piece`` bytes at a time, with ``pause`` seconds between; 0 bytes = as they come."""
        refuse_negative(piece, pause)
        for faults in self.faults(way):
            faults.piece, faults.pause = piece, pause

    def cut_after(self, count: int, way: Way | None = None) -> None:
        """Reset a connection as soon as ``count`` further bytes of it went one way."""
        refuse_negative(count)
        for faults in self.faults(way):
            faults.until_cut = count


def refuse_negative(*values: float) -> None:
    """Raises ValueError if one is."""
    if min(values) < 0:
        raise ValueError(f"may not be negative: {min(values)}")


class Fault(Enum):
    """What happens to a connection at random."""

    CUT = "cut"
    """It is reset."""
    CUT_INSIDE = "cut inside"
    """It is reset after some further bytes, in the middle of whatever they say."""
    DELAY = "delay"
    """The bytes of one direction are late for a while."""
    SWALLOW = "swallow"
    """Those of one direction vanish for a while; then a connection that lost some is reset."""
    DRIBBLE = "dribble"
    """Those of one direction come in small pieces for a while."""
    HALF_CLOSE = "half close"
    """One direction ends, the other goes on for a while; then it is reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often each fault happens to each connection, in times a second, and how bad it may be.

    Raises ValueError for what is negative, and for no ways.
    """

    cut: float = 0.0
    cut_inside: float = 0.0
    delay: float = 0.0
    swallow: float = 0.0
    dribble: float = 0.0
    half_close: float = 0.0
    outage: float = 0.0
    """How often the whole network is cut, in times a second."""
    longest: float = 1.0
    """Seconds that a fault or an outage lasts at most."""
    max_latency: float = 0.2
    """Seconds by which bytes are late at most."""
    max_bytes: int = 500
    """Bytes until a cut inside, and of a piece, at most."""
    ways: tuple[Way, ...] = BOTH
    """Which directions suffer, where a fault has one."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.name != "ways" and getattr(self, each.name) < 0:
                raise ValueError(f"{each.name} may not be negative")
        if not self.ways:
            raise ValueError("ways: choose at least one")

    def of(self, fault: Fault) -> float:
        """Times a second for one connection."""
        rate: float = getattr(self, fault.name.lower())
        return rate


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of a schedule."""

    after: float
    """Seconds from the end of the one before."""
    fault: Fault
    way: Way
    lasting: float
    """Seconds, where it lasts."""
    latency: float
    """Seconds, for a delay."""
    bytes: int
    """For a cut inside and the pieces of a dribble; at least 1."""


def schedule(chance: random.Random, rates: Rates) -> Iterator[Planned]:
    """The faults of one connection, without end; none at all where every rate is 0."""
    weights = [rates.of(fault) for fault in Fault]
    total = sum(weights)
    while total:
        yield Planned(
            after=chance.expovariate(total),
            fault=chance.choices(list(Fault), weights)[0],
            way=chance.choice(rates.ways),
            lasting=chance.uniform(0.0, rates.longest),
            latency=chance.uniform(0.0, rates.max_latency),
            bytes=chance.randint(1, max(1, rates.max_bytes)),
        )
