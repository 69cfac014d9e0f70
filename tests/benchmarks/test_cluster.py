"""Many nodes: what is measured on which arrangement, what becomes of it in the page, and who is left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import cluster
from benchmarks.cluster.capacity import PROFILES, Prices, Profile, capacity, journal_mib, nodes_for, prices
from benchmarks.cluster.catalogue import ARRANGEMENTS, CASES, EMBEDDED, HOP, RELAYED, ROUNDS, TWO
from benchmarks.cluster.rig import arranged, failed, found, measure, measurement
from benchmarks.cluster.section import draw, redis_cost, section, together
from benchmarks.cluster.sitting import _expected
from benchmarks.cpus import Cpus
from benchmarks.measurement import Results
from benchmarks.peers.peer import Lacking
from gateway.bench.outcome import Outcome
from gateway.bench.workload import Workload
from tests.benchmarks.results_of import results_of, runs

LONGEST = 4 * 60
DEFAULTS: dict[str, Any] = {
    "target": "http://127.0.0.1:1/cometd",
    "run": "0",
    "started": "",
    "seconds": 2.0,
    "sessions": 10,
    "set_up_seconds": 1.0,
    "set_ups_per_second": 10.0,
    "published": 100,
    "delivered": 1000,
    "expected": 1000,
    "arrived": 1000,
    "lost": 0,
    "double": 0,
    "out_of_order": 0,
}

FULL = (
    runs("point-to-point", "embedded", 20.0, delivered=1000, published=1000, seconds=2.0),
    runs("point-to-point", "two", 100.0, delivered=1000, published=1000, redis_seconds=0.025, redis_bytes=400.0),
    runs("fan-out", "four", 8.0, delivered=1000, published=1, redis_seconds=0.001),
    runs("polls", "two", 40.0, delivered=1000, redis_seconds=0.001),
    runs("relayed", "two", 180.0, delivered=1000, redis_seconds=0.02),
    runs("hop", "embedded", 200.0, delivered=800, p50=0.3, p99=1.0),
    runs("hop", "two", 700.0, delivered=800, p50=0.8, p99=3.0, redis_seconds=0.1),
    runs("memory", "one", 4.5, redis_bytes=600.0, user_seconds=0.4, system_seconds=0.1, redis_seconds=0.04),
)


def row(text: str, *words: str) -> str:
    """The only row that begins with these cells."""
    begin = f"| {' | '.join(words)} |"
    (found_row,) = [line for line in text.splitlines() if line.startswith(begin)]
    return found_row.removeprefix(begin).removesuffix("|").strip()


def test_a_run_takes_less_than_four_minutes() -> None:
    """By the estimate that ``progress`` begins with."""
    assert ROUNDS * sum(_expected(CASES, each) for each in ARRANGEMENTS) < LONGEST


def test_relayed_polls_are_the_others_but_for_the_door() -> None:
    """What differs is what is compared."""
    own = next(case for case in CASES if case.name == "polls")
    assert (RELAYED.workload, RELAYED.polls_go_on, own.polls_go_on) == (own.workload, 1, 0)
    assert all(each.nodes > case.polls_go_on for case in CASES for each in case.on if case.polls_go_on)


def test_neighbours_are_on_different_nodes() -> None:
    """Sessions are dealt out in turn: an even ring over two nodes changes node at each step."""
    for case in CASES:
        if case.workload.kind == "p2p":
            assert case.workload.sessions % TWO.nodes == 0


def test_quick_cases_are_small() -> None:
    """But of the same kind."""
    small = HOP.quick()
    assert small.workload.sessions == 10
    assert (small.name, small.on, small.workload.rate) == (HOP.name, HOP.on, HOP.workload.rate)


def test_cost_of_nodes_and_of_redis_are_apart() -> None:
    """All nodes together are the figure; Redis has its own."""
    outcome = Outcome(workload=Workload(), watched={"node 0": 0.002, "node 1": 0.001, "redis": 0.5}, **DEFAULTS)
    says = found(outcome)
    assert says["value"] == pytest.approx(3.0)
    assert says["redis_seconds"] == 0.5
    assert says["failure"] == ""


def test_nothing_delivered_is_a_failure() -> None:
    """And no cost of zero."""
    outcome = Outcome(workload=Workload(), watched={"node 0": 1.0}, **{**DEFAULTS, "delivered": 0})
    assert (found(outcome)["value"], found(outcome)["failure"]) == (None, "nothing was delivered")


def test_failed_run_is_told() -> None:
    """In the table and by its words."""
    run = measurement(HOP, TWO, "2026-01-02 03:04 UTC", 1, failed(TimeoutError("it said\nnothing")))
    text = section(results_of((run,)))
    assert row(text, "two nodes") == "failed | failed | – | – | failed"
    assert "- point-to-point, 200 a second, two nodes, round 1: failed: it said nothing" in text


def test_costs_are_told_for_each_arrangement() -> None:
    """Without Redis there is none of it."""
    text = section(results_of(*FULL))
    title = "point-to-point ×200"
    assert row(text, title, "one node, no Redis") == "20.0 (20.0–20.0) | – | 20.0 (20.0–20.0) | – | 500 (500–500)"
    assert row(text, title, "two nodes").startswith("100 (100–100) | 25.0 (25.0–25.0) | 125 (125–125) | 25.0")


def test_latency_that_the_hop_adds_is_told() -> None:
    """In milliseconds, against the node without Redis."""
    text = section(results_of(*FULL))
    assert "| +0.50 | +2.00 |" in text
    assert "| – | – |" in row(text, "one node, no Redis", "0.300 (0.300–0.300)") + " |"


def test_relayed_poll_is_compared_with_a_local_one() -> None:
    """Redis included: 200 against 41."""
    assert "costs 159 µs more, 4.88 × one that does not" in section(results_of(*FULL))


def test_shared_core_is_told() -> None:
    """Nobody should read from it how far nodes scale."""
    results = results_of(*FULL, machine={"Nodes and Redis": "core 0 together", "Load": "core 1"})
    assert "Nodes and Redis had core 0 together." in section(results)


def test_what_was_not_measured_has_no_row() -> None:
    """Nor has it a table."""
    text = section(results_of(runs("hop", "embedded", 1.0, p50=1.0, p99=1.0)))
    assert "### Latency of the hop" in text
    assert "### A relayed long poll" not in text
    assert "two nodes" not in text


def test_cost_of_redis_is_none_without_redis() -> None:
    """And the whole is that of the node."""
    (run,) = runs("hop", EMBEDDED.name, 7.0, delivered=10)
    assert (redis_cost(run), together(run)) == (None, 7.0)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    """Those that the section shows."""
    results = results_of(*FULL)
    draw(results, tmp_path)
    for name in ("cluster", "cluster-hop"):
        assert f"({name}.svg)" in section(results)
        assert "two nodes" in (tmp_path / f"{name}.svg").read_text("utf-8")


# Capacity --------------------------------------------------------------------------------------


def test_one_node_more_than_needed() -> None:
    """Six tenths of a core are a node's share; one may die."""
    assert [nodes_for(cores) for cores in (0.0, 0.5, 0.6, 0.7, 3.0)] == [1, 2, 2, 3, 6]


def test_journals_are_bounded() -> None:
    """64 partitions of a thousand events of 1 KiB."""
    assert journal_mib(1024.0, 1000) == pytest.approx(62.5)


def test_profile_adds_up_what_its_sessions_cost() -> None:
    """Each event to a polling client ends a poll, and so does the time."""
    known = Prices(to_one=100.0, to_many=8.0, relayed_poll=180.0, redis_publish=25.0, redis_relay=20.0)
    alone = Profile("", to_one=0.1)
    assert alone.of_nodes(10_000, known) == pytest.approx(0.1)
    assert alone.of_redis(10_000, known) == pytest.approx(0.025)
    everybody = Profile("", to_all=1.0)
    assert everybody.of_nodes(10_000, known) == pytest.approx(0.08)
    assert everybody.of_redis(10_000, known) == pytest.approx(0.000025)
    polling = Profile("", to_one=0.1, polls=True)
    assert polling.of_nodes(3000, known) == pytest.approx(0.03 + 0.054 + 0.018)


def test_capacity_is_reckoned_from_the_measurements() -> None:
    """100 and 8 µs, relayed polls of 180; the journal's events of 400 bytes."""
    results = results_of(
        *FULL, machine={"Processor": "Abacus", "Cores": "2 of 2", "Nodes and Redis": "core 0 together"}
    )
    assert prices(results) == Prices(100.0, 8.0, 180.0, pytest.approx(25.0), pytest.approx(20.0))
    text = capacity(results_of(runs("memory-websocket", "ours", 3.0)), results)
    assert "On Redis: 2026-01-02 03:04 UTC, Abacus" in text
    assert row(text, "KiB of a node for an idle session, WebSocket") == "3.00 | 4.50"
    assert row(text, PROFILES[0].title).endswith("3 nodes (1.00 cores; Redis 0.25)")
    assert "take 48.8 MiB when each holds 2,000 events" in text


def test_page_on_capacity_finds_its_parts() -> None:
    """It includes them by their marks, each once."""
    page = Path(__file__).parents[2] / "docs" / "explanation" / "capacity-planning.md"
    text = capacity(None, results_of(*FULL))
    for mark in ("<!-- journals -->", "<!-- sizes -->"):
        assert text.count(mark) == 1
        assert mark in page.read_text("utf-8")


def test_part_of_the_figures_makes_no_sizes() -> None:
    """One that was not measured is not guessed."""
    assert prices(results_of(*FULL[:3])) is None
    assert "nodes (" not in capacity(None, results_of(*FULL[:3]))


# The command -----------------------------------------------------------------------------------


def test_without_redis_many_nodes_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a sentence; what was measured earlier stays."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Lacking, match=r"^Many nodes were left out: redis-server is not installed\.$"):
        cluster.prepare()


def test_command_without_redis_says_so_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing fails: the rest of a sitting is worth having."""
    monkeypatch.setenv("PATH", "")
    assert command.main(["--only", "cluster", "--results", str(tmp_path)]) == 0
    assert "Many nodes were left out: redis-server is not installed." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_section_is_written_beside_the_rest(tmp_path: Path) -> None:
    """Whichever of the two was measured last."""
    (tmp_path / "latest.json").write_text(results_of(runs("point-to-point", "ours", 1.0)).encode(), "utf-8")
    assert command.main(["--page-only", "--results", str(tmp_path)]) == 0
    alone = (tmp_path / "latest.md").read_text("utf-8")
    (tmp_path / "cluster.json").write_text(results_of(*FULL).encode(), "utf-8")
    assert command.main(["--page-only", "--results", str(tmp_path)]) == 0
    both = (tmp_path / "latest.md").read_text("utf-8")
    assert both.startswith(alone)
    assert both[len(alone) :].strip().startswith("## Many nodes on a Redis")
    assert (tmp_path / "capacity.md").exists()


def test_results_of_many_nodes_come_back_from_json() -> None:
    """With what only they have."""
    results = results_of(*FULL)
    assert Results.decode(results.encode()) == results


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_two_nodes_are_measured(tmp_path: Path) -> None:
    """For real and small: polls that all reach the wrong node lose nothing, and Redis has its share of the work."""
    cpus = Cpus.choose()
    with arranged(TWO, cpus) as running:
        says = measure(RELAYED.quick(), running, cpus, tmp_path / "raw.json")
        assert set(running.watched) == {"node 0", "node 1", "redis"}
    assert says["delivered"] > 0
    assert (says["lost"], says["double"], says["errors"]) == (0, 0, {})
    assert says["value"] > 0
    outcome = Outcome.from_json(json.loads((tmp_path / "raw.json").read_text("utf-8")))
    assert min(outcome.watched["node 0"], outcome.watched["node 1"]) > 0
