"""What was measured, as values that go to JSON and come back; the page and the pictures are made from them."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One run of one server."""

    benchmark: str
    """Its name."""
    peer: str
    """Or ``floor``."""
    sitting: str
    """When the sitting began that it is of: UTC, to the minute, ISO 8601."""
    round: int
    """From 1."""
    value: float | None
    """The figure that the benchmark is about; None if the run failed."""
    failure: str = ""
    """Why it did, in words."""
    delivered: int = 0
    lost: int = 0
    double: int = 0
    out_of_order: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    p50: float | None = None
    """Milliseconds."""
    p99: float | None = None
    user_seconds: float = 0.0
    """CPU of the server while it was measured."""
    system_seconds: float = 0.0
    set_ups_per_second: float = 0.0
    """By the clock on the wall, the load's own cost included."""
    heap_kib_per_session: float | None = None
    """What the server's own heap grew by, where it can tell."""
    load_cpu: float = 0.0
    """Share of its core that the load used."""
    idle_cpu: float = 0.0
    """Share of a core that the other servers used meanwhile, all together."""
    published: int = 0
    seconds: float = 0.0
    """From the first publish to the last delivery."""
    redis_seconds: float = 0.0
    """CPU of redis-server meanwhile."""
    redis_bytes: float | None = None
    """What it keeps for a session, or for an event in its journal."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The rounds of one server in one benchmark: the median, and how far they are apart."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All that is known, of one sitting or of several."""

    machine: Mapping[str, str]
    """By what it tells."""
    versions: Mapping[str, str]
    """By program."""
    rounds: int
    left_out: tuple[str, ...] = ()
    """A sentence for each peer that could not run."""
    measurements: tuple[Measurement, ...] = ()

    def of(self, benchmark: str, peer: str) -> list[Measurement]:
        """Its runs, failed ones included."""
        return [each for each in self.measurements if (each.benchmark, each.peer) == (benchmark, peer)]

    def spread(
        self, benchmark: str, peer: str, what: Callable[[Measurement], float | None] = lambda run: run.value
    ) -> Spread | None:
        """Its rounds; None if it was not measured, or failed each time."""
        values = [value for run in self.of(benchmark, peer) if (value := what(run)) is not None]
        return Spread.of(values) if values else None

    def median(self, benchmark: str, peer: str) -> float | None:
        """See spread."""
        spread = self.spread(benchmark, peer)
        return spread.median if spread else None

    @property
    def sittings(self) -> list[str]:
        """All it is of, the latest last; more than one if parts were repeated."""
        return sorted({each.sitting for each in self.measurements})

    def are_together(self, benchmark: str, *peers: str) -> bool:
        """These servers were measured in one sitting."""
        return len({run.sitting for peer in peers for run in self.of(benchmark, peer)}) == 1

    def replaced_by(self, other: Results) -> Results:
        """These, where ``other`` has nothing of the same server in the same benchmark.

        Nothing is kept that was measured on another machine.
        """
        if other.machine != self.machine:
            return other
        repeated = {(each.benchmark, each.peer) for each in other.measurements}
        kept = tuple(each for each in self.measurements if (each.benchmark, each.peer) not in repeated)
        return dataclasses.replace(
            other,
            versions={**self.versions, **other.versions} if kept else other.versions,
            measurements=kept + other.measurements,
        )

    def encode(self) -> str:
        """As JSON, one measurement a line, so that a difference can be read."""
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        fields["measurements"] = None
        head = json.dumps(fields, indent=1, ensure_ascii=False).removesuffix("null\n}")
        lines = ",\n  ".join(json.dumps(_told(each), ensure_ascii=False) for each in self.measurements)
        return f"{head}[\n  {lines}\n ]\n}}\n"

    @classmethod
    def decode(cls, text: str) -> Self:
        """The inverse of ``encode``."""
        fields = json.loads(text)
        runs = tuple(Measurement(**each) for each in fields.pop("measurements"))
        return cls(**{**fields, "left_out": tuple(fields["left_out"])}, measurements=runs)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """From a file; None if there is none."""
        return cls.decode(path.read_text("utf-8")) if path.exists() else None


def total(runs: Iterable[Measurement], what: Callable[[Measurement], int]) -> int:
    """A count of all runs together."""
    return sum(map(what, runs))


def _told(run: Measurement) -> dict[str, Any]:
    """What a run says, without what it says nothing about."""
    said = {each.name: getattr(run, each.name) for each in dataclasses.fields(run)}
    numbers = {name: round(value, 4) if isinstance(value, float) else value for name, value in said.items()}
    optional = {each.name: each.default for each in dataclasses.fields(run) if each.default is not dataclasses.MISSING}
    return {
        name: value
        for name, value in numbers.items()
        if not (name in optional and value == optional[name]) and value != {}
    }
