"""Scales: where a value lies on an axis, and which values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias


class Scale(Protocol):
    """Some values in their order."""

    def place(self, value: float) -> float:
        """From 0, the beginning of the axis, to 1, its end."""

    @property
    def ticks(self) -> Sequence[tuple[float, str]]:
        """Values to be named, with their names, rising; a chart leaves out those for which it has no room."""


class Linear:
    """From zero, or the least value if that is negative, to a round number."""

    def __init__(self, values: Iterable[float]) -> None:
        known = [value for value in values if math.isfinite(value)]
        low, high = min([0.0, *known]), max(known, default=0.0)
        high = high if high > low else low + 1
        step = _round_step((high - low) / 5)
        first, last = math.floor(low / step), math.ceil(round(high / step, 9))
        self._low, self._high = first * step, last * step
        # Multiplied, not added up: 0.1 + 0.2 would be named 0.30000000000000004.
        self.ticks = [(number * step, short(number * step)) for number in range(first, last + 1)]

    def place(self, value: float) -> float:
        """See Scale."""
        return (value - self._low) / (self._high - self._low)


class Stretch:
    """From the least value to the greatest, and no further: time."""

    def __init__(self, values: Iterable[float]) -> None:
        known = [value for value in values if math.isfinite(value)] or [0.0]
        self._low, self._high = min(known), max(known)
        if self._low == self._high:
            self._high = self._low + 1
        step = _round_step((self._high - self._low) / 8)
        numbers = range(math.ceil(self._low / step - 1e-9), math.floor(self._high / step + 1e-9) + 1)
        self.ticks = [(number * step, short(number * step)) for number in numbers]

    def place(self, value: float) -> float:
        """See Scale."""
        return (value - self._low) / (self._high - self._low)


class Logarithmic:
    """Each decade as wide as the next; what is not above zero has no place and lies at the beginning."""

    def __init__(self, values: Iterable[float]) -> None:
        known = [value for value in values if math.isfinite(value) and value > 0] or [1.0, 10.0]
        self._low, self._high = math.log10(min(known)), math.log10(max(known))
        decades = self._high - self._low
        if decades < 0.3:
            self._low, self._high = self._low - 0.2, self._high + 0.2
        within = range(math.floor(self._low), math.ceil(self._high) + 1)
        steps = (1, 2, 5) if decades <= 3 else (1,)
        self.ticks = [
            (step * 10.0**decade, short(step * 10.0**decade))
            for decade in within
            for step in steps
            if self._low - 1e-9 <= math.log10(step) + decade <= self._high + 1e-9
        ]

    def place(self, value: float) -> float:
        """See Scale."""
        if value <= 0:
            return 0.0
        return min(1.0, max(0.0, (math.log10(value) - self._low) / (self._high - self._low)))


class Percentiles:
    """0 to 100 %, each nine as wide as the one before it, then the maximum, as HDR Histogram draws them."""

    def __init__(self, values: Iterable[float]) -> None:
        below = [value for value in values if 0 <= value < 100]
        # A share of 1e-9 would be told from rounding no longer.
        self._nines = min(8, max(1, math.ceil(max(map(_nines, below), default=1.0) - 1e-9)))
        names = ["0 %", "90 %", "99 %", *(f"99.{'9' * number} %" for number in range(1, self._nines - 1))]
        self.ticks = [(100 - 100 / 10.0**number, names[number]) for number in range(self._nines + 1)]
        self.ticks[1:1] = [(50.0, "50 %")]
        self.ticks.append((100.0, "max"))

    def place(self, value: float) -> float:
        """See Scale."""
        whole = self._nines + 0.5
        return 1.0 if value >= 100 else min(_nines(max(0.0, value)), self._nines) / whole


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows: its label, which should tell the unit, and its kind of scale."""

    label: str
    scale: type[Linear] | type[Stretch] | type[Logarithmic] | type[Percentiles] = Linear


Value: TypeAlias = float | None
"""None: was not measured."""


def figure(value: float) -> str:
    """A measured value as people read it, to three digits: 1.23, 12.3, 12,345."""
    if not math.isfinite(value):
        return "–"
    if value == 0 or abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def short(value: float) -> str:
    """The name of a tick: no digit that says nothing."""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e7):
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _round_step(least: float) -> float:
    """The next of 1, 2, 5 × 10ⁿ."""
    decade = 10.0 ** math.floor(math.log10(least))
    return next(step * decade for step in (1, 2, 5, 10) if step * decade >= least * 0.999)


def _nines(percentile: float) -> float:
    return -math.log10(1 - percentile / 100)
