"""The counts that are committed: ``baseline.toml``, to be read by people, written by ``--update`` alone.

What depends on the version of Python has a table for each minor version; the rest has one for all.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quick.counts import KINDS, Counts, Kind, Verdict

PATH = Path(__file__).with_name("baseline.toml")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
EVERY = "any"
"""Whatever the version."""
HEAD = """\
# What the hot paths cost, a delivered message or a session's set-up: see benchmarks/quick.
# Written by: python -m benchmarks.quick --update
"""

Tables = dict[str, dict[str, dict[str, float]]]
"""By version, workload and kind."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One count beside its baseline."""

    workload: str
    kind: Kind
    before: float | None
    now: float
    verdict: Verdict


class Baseline:
    """The counts to compare with.

    Args:
        tables: what the file says.
        version: the Python whose counts are meant.
    """

    def __init__(self, tables: Tables, version: str = VERSION) -> None:
        self.tables = tables
        self.version = version

    @classmethod
    def read(cls, path: Path = PATH) -> Baseline:
        """What the file says; nothing if there is none."""
        return cls(tomllib.loads(path.read_text("utf-8")) if path.exists() else {})

    @property
    def knows_version(self) -> bool:
        """It was measured with this Python."""
        return self.version in self.tables

    def compare(self, measured: Mapping[str, Counts]) -> Iterator[Compared]:
        """Every count that was measured, by workload."""
        for workload, counts in measured.items():
            for kind in KINDS:
                now = counts[kind.name]
                before = self._table_of(kind).get(workload, {}).get(kind.name)
                if before is not None:
                    verdict = kind.compare(before, now)
                elif kind.is_of_python and not self.knows_version:
                    verdict = Verdict.FREE
                else:
                    verdict = Verdict.MISSING
                yield Compared(workload, kind, before, now, verdict)

    def updated(self, measured: Mapping[str, Counts]) -> Baseline:
        """One that says what was measured; what it says of other versions stays."""
        tables = {**self.tables, EVERY: {}, self.version: {}}
        for workload, counts in measured.items():
            for kind in KINDS:
                version = self.version if kind.is_of_python else EVERY
                tables[version].setdefault(workload, {})[kind.name] = counts[kind.name]
        return Baseline(tables, self.version)

    def write(self, path: Path = PATH) -> None:
        """Make it what the file says."""
        sections = [HEAD]
        for version in sorted(self.tables, key=_order):
            for workload, counts in self.tables[version].items():
                lines = [f'["{version}"."{workload}"]', *(f'"{name}" = {count}' for name, count in counts.items())]
                sections.append("\n".join(lines) + "\n")
        path.write_text("\n".join(sections), "utf-8")

    def _table_of(self, kind: Kind) -> dict[str, dict[str, float]]:
        return self.tables.get(self.version if kind.is_of_python else EVERY, {})


def _order(version: str) -> tuple[int, ...]:
    return () if version == EVERY else tuple(map(int, version.split(".")))
