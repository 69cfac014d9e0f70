"""Horizontal bars in groups, each with its name before it and its figure behind it.

Named where they are, bars need neither a legend nor an axis, and colours only help.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.bench.pictures.scales import figure
from gateway.bench.pictures.svg import LINE_HEIGHT, MARGIN, colour, element, picture, shortened, text, width_of, words

_THICKNESS = 15
_PITCH = 22
_BETWEEN_GROUPS = 10
_NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure with the least and the most that was measured for it, which are drawn as an error bar."""

    value: float
    least: float | None = None
    most: float | None = None

    @property
    def reach(self) -> float:
        """How far the bar or its error bar goes."""
        return max(self.value, self.value if self.most is None else self.most)

    @property
    def has_spread(self) -> bool:
        """Least or most differ from the value."""
        return any(end is not None and end != self.value for end in (self.least, self.most))

    def __str__(self) -> str:
        """1.20 (1.10–1.40)."""
        if not self.has_spread:
            return figure(self.value)
        least = self.value if self.least is None else self.least
        most = self.value if self.most is None else self.most
        return f"{figure(self.value)} ({figure(least)}–{figure(most)})"


Groups = Mapping[str, Mapping[str, Bar | float | None]]


def bars(title: str, groups: Groups, *, unit: str = "", description: str = "", width: int = 720) -> str:
    """Compare figures: for each group, one bar a series.

    Args:
        groups: by the name of the group (empty: none is written), then by the name of the series; None or a
            value that is no number is shown as not measured. A series has the same colour in all groups.
        unit: of all figures; written once, below the title.
        description: for who does not see the picture; by default all figures in words.
        width: pixels, as which the picture is shown where there is room; the height follows from the bars.
    """
    read = {group: {series: _bar(value) for series, value in row.items()} for group, row in groups.items()}
    series = list(dict.fromkeys(name for row in read.values() for name in row))
    known = [bar for row in read.values() for bar in row.values() if bar is not None]
    reach = max((bar.reach for bar in known), default=0.0) or 1.0

    names_width = min(max(map(width_of, series), default=0.0), width * 0.38)
    labels_width = max([width_of(_label(bar)) for row in read.values() for bar in row.values()], default=0.0)
    left = MARGIN + names_width + 8
    room = max(40.0, width - left - 10 - labels_width - MARGIN)

    body: list[str] = []
    y = 6.0
    if unit:
        body.append(words(MARGIN, y + 11, shortened(unit, width - 2 * MARGIN), class_="quiet"))
        y += LINE_HEIGHT + 6
    for group, row in read.items():
        if group:
            body.append(words(MARGIN, y + 13, shortened(group, width - 2 * MARGIN), class_="group"))
            y += LINE_HEIGHT + 4
        if row:
            body.append(element("path", class_="grid", d=f"M{left:.1f} {y - 2:.1f}v{_PITCH * len(row) - 3}"))
        for name, bar in row.items():
            shown = shortened(name, names_width)
            body.append(words(left - 8, y + 12, shown, text_anchor="end", class_="quiet"))
            end = left
            if bar is not None:
                body.append(_drawn(bar, left, y, room / reach, f"{name}: {_label(bar)}", series.index(name)))
                end += max(0.0, bar.reach) * room / reach
            body.append(words(end + 8, y + 12, _label(bar), class_=None if bar else "quiet"))
            y += _PITCH
        y += _BETWEEN_GROUPS
    if not known:
        body.append(words(MARGIN, y + 13, "Nothing was measured.", class_="quiet"))
        y += LINE_HEIGHT
    return picture(title, description or _described(read, unit), body, width=width, height=y - _BETWEEN_GROUPS)


def _bar(value: Bar | float | None) -> Bar | None:
    bar = value if isinstance(value, Bar | None) else Bar(value)
    return bar if bar is not None and math.isfinite(bar.reach) else None


def _label(bar: Bar | None) -> str:
    return _NOT_MEASURED if bar is None else str(bar)


def _drawn(bar: Bar, x: float, y: float, pixels: float, name: str, number: int) -> str:
    """The bar and its error bar, which tell their name to who points at them."""
    parts = [
        element("title", text(name)),
        element(
            "rect",
            class_=f"bar {colour(number)}",
            x=x,
            y=y,
            width=max(1.0, bar.value * pixels),
            height=_THICKNESS,
            rx=2,
        ),
    ]
    if bar.has_spread:
        least, most = (bar.value if end is None else end for end in (bar.least, bar.most))
        low, high, middle = x + max(0.0, least) * pixels, x + most * pixels, y + _THICKNESS / 2
        ends = "".join(f"M{end:.1f} {middle - 4:.1f}v8" for end in (low, high))
        parts.append(element("path", class_="whisker", d=f"M{low:.1f} {middle:.1f}H{high:.1f}{ends}"))
    return element("g", *parts)


def _described(groups: Mapping[str, Mapping[str, Bar | None]], unit: str) -> str:
    told = [f"In {unit}."] if unit else []
    for group, row in groups.items():
        figures = ", ".join(f"{name} {_label(bar)}" for name, bar in row.items())
        told.append(f"{group}: {figures}." if group else f"{figures}.")
    return " ".join(told)
