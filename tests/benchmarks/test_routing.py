"""How tasks find agents: what is measured, what becomes of it in the page, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.cpus import Cpus
from benchmarks.measurement import Results
from benchmarks.routing import machines, path
from benchmarks.routing.catalogue import AGENTS, BOTH, EMBEDDED, ENGINE, MACHINES, ON_REDIS, PATHS, ROUNDS, Machines
from benchmarks.routing.section import section
from benchmarks.routing.sitting import _plan, _quick
from tests.benchmarks.results_of import results_of, runs

LONGEST = 8 * 60
FULL = (
    runs("engine", "1", 250.0, delivered=5000),
    runs("engine", "1000", 500.0, 500.0, 1000.0, delivered=5000),
    runs("embedded", "1000", 10_000.0, delivered=100, seconds=2.0, p50=12.0, p99=30.0),
    runs("redis", "1000", 8_000.0, delivered=100, seconds=1.0, p50=14.0, p99=40.0, redis_seconds=0.2),
)


def row(text: str, *words: str) -> str:
    """The only row that begins with these cells."""
    begin = f"| {' | '.join(words)} |"
    (found_row,) = [line for line in text.splitlines() if line.startswith(begin)]
    return found_row.removeprefix(begin).removesuffix("|").strip()


def test_a_run_takes_less_than_eight_minutes() -> None:
    """By the estimate that ``progress`` begins with."""
    plan, _ = _plan(is_quick=False)
    assert ROUNDS * sum(run.expected_seconds for run in plan) < LONGEST


@pytest.mark.parametrize("case", MACHINES, ids=lambda case: case.name)
def test_every_task_finds_an_agent(case: Machines) -> None:
    """Also where there is one agent, who has to be free again each time."""
    for agents in (1, 10):
        says = machines.measure(_small(case), agents)
        assert (says["delivered"], says["lost"]) == (20, 0)
        assert says["value"] > 0


def test_more_is_charged_where_both_take_part() -> None:
    """The communication server has to be told everything, too."""
    engine, both = (machines.measure(_small(case), 10)["value"] for case in (ENGINE, BOTH))
    assert both > engine


def _small(case: Machines) -> Machines:
    small = _quick(case)
    assert isinstance(small, Machines)
    return small


def test_whole_path_is_measured() -> None:
    """For real and small: everything that comes is shown at a desk, and frees it again."""
    small = _quick(EMBEDDED)
    assert not isinstance(small, Machines)
    says = path.measure(small, 2, Cpus.choose())
    assert says["delivered"] > 0
    assert says["value"] > 0
    assert 0 < says["p50"] <= says["p99"]


def test_without_redis_that_part_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sentence."""
    monkeypatch.setenv("PATH", "")
    plan, left_out = _plan(is_quick=False)
    assert left_out == ["Routing on Redis was left out: redis-server is not installed."]
    assert [run.case for run in plan if run.agents == 1] == [ENGINE, BOTH, EMBEDDED]


def test_decisions_are_told_for_each_number_of_agents() -> None:
    text = section(results_of(*FULL))
    assert row(text, ENGINE.title, "1").startswith("250 (250–250) | 4,000")
    assert row(text, ENGINE.title, "1,000").startswith("500 (500–1,000)")


def test_way_to_the_desktop_is_told_with_its_cost() -> None:
    """Milliseconds; those of Redis where there is one."""
    text = section(results_of(*FULL))
    embedded, on_redis = (row(text, each.title, "1,000").split(" | ") for each in PATHS)
    assert [cell.partition(" ")[0] for cell in embedded] == ["12.0", "30.0", "10.0", "–", "50.0"]
    assert [cell.partition(" ")[0] for cell in on_redis] == ["14.0", "40.0", "8.00", "2.00", "100"]


def test_what_was_not_measured_has_no_row() -> None:
    text = section(results_of(*FULL[:1]))
    assert "### Decisions" in text
    assert "### From the task" not in text
    assert ON_REDIS.title not in text


def test_failed_run_is_told() -> None:
    text = section(results_of(runs("redis", "100", None, failure="it said\nnothing")))
    assert row(text, ON_REDIS.title, "100").startswith("–")
    assert f"- {ON_REDIS.title}, 100 agents, round 1: failed: it said nothing" in text


def test_section_is_written_beside_the_rest(tmp_path: Path) -> None:
    """And stays where the rest is measured anew."""
    (tmp_path / "latest.json").write_text(results_of(runs("point-to-point", "ours", 1.0)).encode(), "utf-8")
    (tmp_path / "routing.json").write_text(results_of(*FULL).encode(), "utf-8")
    assert command.main(["--page-only", "--results", str(tmp_path)]) == 0
    assert "## Which agent gets which task" in (tmp_path / "latest.md").read_text("utf-8")
    kept = Results.read(tmp_path / "routing.json")
    assert kept is not None
    assert {run.peer for run in kept.measurements} <= {str(agents) for agents in AGENTS}
