"""Lines along an axis: growth, time, and percentiles of latency."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.bench.pictures.scales import Axis, Percentiles, Scale, Value, figure
from gateway.bench.pictures.svg import (
    LINE_HEIGHT,
    MARGIN,
    colour,
    element,
    picture,
    shortened,
    text,
    width_of,
    words,
)

_DASHES = ("", "7 4", "2 4", "10 4 2 4")
_MARKED = 24
"""A series of so many points or fewer has a mark at each."""

Series = Mapping[str, Sequence[tuple[float, Value]]]


def lines(
    title: str,
    series: Series,
    *,
    x: Axis,
    y: Axis,
    description: str = "",
    width: int = 720,
    height: int = 240,
) -> str:
    """Show how figures go along an axis, one line a series.

    Args:
        series: by name, points of x and y in the order in which they are joined; where y is None or no number
            the line has a gap.
        description: for who does not see the picture; by default where each line begins, ends and is highest.
        width: pixels, as which the picture is shown where there is room.
        height: pixels of the plot alone; title, legend and labels come on top.
    """
    points = {name: [(at, value) for at, value in row if math.isfinite(at)] for name, row in series.items()}
    known = [value for row in points.values() for _, value in row if _is_number(value)]
    across: Scale = x.scale(at for row in points.values() for at, _ in row)
    up: Scale = y.scale(value for value in known if value is not None)

    body: list[str] = []
    top = _legend(body, list(points), width) if len(points) > 1 else 4.0
    body.append(words(MARGIN, top + 13, shortened(y.label, width - 2 * MARGIN), class_="quiet"))
    top += LINE_HEIGHT + 8
    left = MARGIN + 8 + max(width_of(name) for _, name in up.ticks)
    right = width - MARGIN - 14
    bottom = top + height

    def at_x(value: float) -> float:
        return left + across.place(value) * (right - left)

    def at_y(value: float) -> float:
        return bottom - up.place(value) * height

    body.extend(_rows(up, at_y, left, right))
    body.extend(_columns(across, at_x, top, bottom, width))
    label = shortened(x.label, right - left)
    body.append(words((left + right) / 2, bottom + 38, label, text_anchor="middle", class_="quiet"))
    for number, (name, row) in enumerate(points.items()):
        body.append(_curve(name, row, at_x, at_y, number))
    if not known:
        middle = (left + right) / 2, (top + bottom) / 2
        body.append(words(*middle, "Nothing was measured.", text_anchor="middle", class_="quiet"))
    return picture(title, description or _described(points, x, y), body, width=width, height=bottom + 44)


def percentiles(
    title: str,
    series: Series,
    *,
    y: Axis,
    description: str = "",
    width: int = 720,
    height: int = 240,
) -> str:
    """Show latencies as HDR Histogram does: how slow the slowest 10 %, 1 %, 0.1 % … are.

    Args:
        series: by name, points of a percentile (0 to 100, where 100 is the maximum) and its value, rising.
    """
    x = Axis("share of deliveries that took no longer", Percentiles)
    return lines(title, series, x=x, y=y, description=description, width=width, height=height)


Place = Callable[[float], float]


def _legend(body: list[str], names: Sequence[str], width: int) -> float:
    """Name each line, in as many rows as they need; gives where the last row ends."""
    left, y = float(MARGIN), 4.0
    for number, full in enumerate(names):
        name = shortened(full, width - 2 * MARGIN - 34)
        wide = 34 + width_of(name) + 16
        if left > MARGIN and left + wide - 16 > width - MARGIN:
            left, y = MARGIN, y + LINE_HEIGHT
        body.append(_stroke(number, f"M{left:.1f} {y + 9:.1f}h24"))
        body.append(words(left + 32, y + 13, name))
        left += wide
    return y + LINE_HEIGHT + 4


def _rows(up: Scale, at_y: Place, left: float, right: float) -> Iterator[str]:
    """Named lines across the plot."""
    last = math.inf
    for value, name in up.ticks:
        y = at_y(value)
        yield element("path", class_="grid", d=f"M{left:.1f} {y:.1f}H{right:.1f}")
        if last - y >= LINE_HEIGHT - 2:
            yield words(left - 6, y + 4, name, text_anchor="end", class_="quiet")
            last = y


def _columns(across: Scale, at_x: Place, top: float, bottom: float, width: int) -> Iterator[str]:
    """Named marks below the plot, as many as have room; the last one always has."""
    ticks = list(across.ticks)
    taken: list[tuple[float, float]] = []
    for value, name in [ticks[-1], *ticks[:-1]] if ticks else []:
        x, half = at_x(value), width_of(name) / 2
        middle = min(max(x, half + 2), width - half - 2)
        yield element("path", class_="grid", d=f"M{x:.1f} {top:.1f}V{bottom + 4:.1f}")
        if all(middle + half + 6 < start or middle - half - 6 > end for start, end in taken):
            taken.append((middle - half, middle + half))
            yield words(middle, bottom + 19, name, text_anchor="middle", class_="quiet")


def _curve(name: str, row: Sequence[tuple[float, Value]], at_x: Place, at_y: Place, number: int) -> str:
    """One line with its gaps, and a mark at each point if they are few or stand alone."""
    path, marks, is_drawing = "", [], False
    for position, (at, value) in enumerate(row):
        if value is None or not _is_number(value):
            is_drawing = False
            continue
        x, y = at_x(at), at_y(value)
        path += f"{'L' if is_drawing else 'M'}{x:.1f} {y:.1f}"
        stands_alone = not is_drawing and (position + 1 == len(row) or not _is_number(row[position + 1][1]))
        is_drawing = True
        if len(row) <= _MARKED or stands_alone:
            told = element("title", text(f"{name}: {figure(value)} at {figure(at)}"))
            marks.append(element("circle", told, class_=colour(number), cx=x, cy=y, r=3))
    return element("g", _stroke(number, path) if path else "", *marks)


def _stroke(number: int, path: str) -> str:
    dashes = _DASHES[number % len(_DASHES)]
    more = {"stroke_dasharray": dashes} if dashes else {}
    return element("g", element("path", class_="curve", d=path, **more), class_=colour(number))


def _is_number(value: Value) -> bool:
    return value is not None and math.isfinite(value)


def _described(points: Series, x: Axis, y: Axis) -> str:
    told = [f"Across: {x.label}. Up: {y.label}."]
    for name, row in points.items():
        known = [(at, value) for at, value in row if value is not None and math.isfinite(value)]
        if not known:
            told.append(f"{name}: nothing was measured.")
            continue
        begin, end, most = known[0], known[-1], max(known, key=lambda point: point[1])
        told.append(
            f"{name}: {figure(begin[1])} at {figure(begin[0])}, {figure(end[1])} at {figure(end[0])},"
            f" at most {figure(most[1])} at {figure(most[0])}."
        )
    return " ".join(told)
