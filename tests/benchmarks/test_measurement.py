"""Measurements: medians, JSON, and what a repeated part replaces."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.measurement import Results, Spread
from tests.benchmarks.results_of import results_of, runs


def test_spread_is_of_the_rounds_that_succeeded() -> None:
    """A failed round has no figure, and hides none."""
    results = results_of(runs("memory", "faye", 3.0, None, 1.0, 10.0))
    assert results.spread("memory", "faye") == Spread(median=3.0, least=1.0, most=10.0)


def test_nothing_measured_has_no_spread() -> None:
    """Neither has a server that failed each time."""
    results = results_of(runs("memory", "faye", None, None))
    assert results.spread("memory", "faye") is None
    assert results.median("memory", "ours") is None


def test_results_come_back_from_json() -> None:
    """All of them, with what is rare and what is usual."""
    plain = runs("fan-out", "ours", 1.25, 1.5, delivered=1000, load_cpu=0.5)
    odd = runs("fan-out", "faye", None, failure="refused", lost=2, errors={"402::session_unknown": 3}, p99=1.5)
    results = results_of(plain, odd, left_out=("Faye was left out.",))
    assert Results.decode(results.encode()) == results


def test_each_measurement_is_a_line_of_the_file() -> None:
    """A difference between two sittings can be read; what a run has nothing to say about is left out."""
    text = results_of(runs("fan-out", "ours", 1.23456)).encode()
    assert (
        '\n  {"benchmark": "fan-out", "peer": "ours", "sitting": "2026-01-02 03:04 UTC", "round": 1, "value": 1.2346}\n'
        in text
    )
    json.loads(text)


def test_repeated_part_replaces_only_itself() -> None:
    """``--only`` and ``--peers``: the same server in the same benchmark."""
    earlier = results_of(runs("fan-out", "ours", 9.0, 9.0), runs("fan-out", "faye", 20.0), runs("memory", "ours", 5.0))
    later = results_of(runs("fan-out", "ours", 1.0, sitting="2026-03-04 05:06 UTC"), versions={"Faye": "1"})
    both = earlier.replaced_by(later)
    assert [(each.benchmark, each.peer, each.value) for each in both.measurements] == [
        ("fan-out", "faye", 20.0),
        ("memory", "ours", 5.0),
        ("fan-out", "ours", 1.0),
    ]
    assert both.sittings == ["2026-01-02 03:04 UTC", "2026-03-04 05:06 UTC"]
    assert both.versions == {"CometD": "8", "Faye": "1"}


def test_nothing_of_another_machine_is_kept() -> None:
    """Its figures would say nothing beside ours."""
    earlier = results_of(runs("fan-out", "faye", 9.0), machine={"Processor": "another"})
    later = results_of(runs("fan-out", "ours", 1.0))
    assert earlier.replaced_by(later) == later


def test_servers_are_together_in_one_sitting() -> None:
    """What the ratio of two of them needs."""
    results = results_of(
        runs("fan-out", "ours", 1.0),
        runs("fan-out", "faye", 9.0),
        runs("fan-out", "cometd", 9.0, sitting="2025-01-01 00:00 UTC"),
    )
    assert results.are_together("fan-out", "ours", "faye")
    assert not results.are_together("fan-out", "ours", "cometd")


def test_no_file_no_results(tmp_path: Path) -> None:
    """The first sitting."""
    assert Results.read(tmp_path / "latest.json") is None
