"""The pictures of the results, drawn from the measurements alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalogue import CATALOGUE, COST, LATENCY, MEMORY, SET_UPS, Figure
from benchmarks.floor import send
from benchmarks.measurement import Results
from gateway.bench.pictures import Axis, Bar, Linear, Logarithmic, bars, lines

_GROWTH = "growth"


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars of all benchmarks about one figure."""

    name: str
    """Of its file, without ``.svg``."""
    title: str
    about: Figure


PICTURES = (
    Picture("cost", "What a delivered message costs the server", COST),
    Picture("set-up", "Sessions set up", SET_UPS),
    Picture("memory", "Memory of an idle session", MEMORY),
    Picture("latency", "The slowest hundredth of deliveries", LATENCY),
)


def draw(results: Results, titles: Mapping[str, str], folder: Path) -> None:
    """Write them all into a folder.

    Args:
        titles: of the peers, by name, in the order of bars.
    """
    named = {**titles, send.NAME: send.TITLE}
    for each in PICTURES:
        (folder / f"{each.name}.svg").write_text(_bars(each, results, named) + "\n", "utf-8")
    (folder / f"{_GROWTH}.svg").write_text(_growth(results, named) + "\n", "utf-8")


def _bars(picture: Picture, results: Results, titles: Mapping[str, str]) -> str:
    groups: dict[str, dict[str, Bar | float | None]] = {}
    for benchmark in CATALOGUE:
        if benchmark.figure is picture.about and not benchmark.family:
            spreads = ((title, results.spread(benchmark.name, name)) for name, title in titles.items())
            row: dict[str, Bar | float | None] = {
                title: Bar(spread.median, spread.least, spread.most) for title, spread in spreads if spread is not None
            }
            if row:
                groups[benchmark.title] = row
    return bars(picture.title, groups, unit=picture.about.name)


def _growth(results: Results, titles: Mapping[str, str]) -> str:
    """A line for each server where subscribers grow, and one of ours for each of the other numbers."""
    series: dict[str, list[tuple[float, float | None]]] = {}
    for benchmark in CATALOGUE:
        for name, title in titles.items():
            cost = results.median(benchmark.name, name) if benchmark.family else None
            if cost is not None:
                series.setdefault(f"{title}: {benchmark.family}", []).append((max(1, benchmark.at), cost))
    return lines(
        "A delivery, as one number grows",
        series,
        x=Axis("how many; none is drawn at 1", Logarithmic),
        y=Axis(COST.name, Linear),
    )
