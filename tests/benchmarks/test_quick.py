"""``benchmarks.quick``: it counts the same every time, and finds a server that does more than it did."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from benchmarks.quick.__main__ import BETTER, FREE, MISSING, WORSE, main
from benchmarks.quick.baseline import EVERY, PATH, VERSION, Baseline, Tables
from benchmarks.quick.clients import PollClient, SocketClient
from benchmarks.quick.counts import DIGITS, KINDS, Counts, Kind, Verdict
from benchmarks.quick.measuring import measure
from benchmarks.quick.stand import Unanswered, plain_server
from benchmarks.quick.workloads import WORKLOADS, FanOut, PointToPoint, SetUp, Workload

FAN_OUT = FanOut("fan-out", 10, SocketClient, 3)
SMALL = (
    FAN_OUT,
    FanOut("polls", 5, PollClient, 3),
    PointToPoint("point-to-point", 5),
    SetUp("set-up over a WebSocket", 3, SocketClient),
    SetUp("set-up over polls", 3, PollClient),
)


def of(workload: Workload, counts: Counts) -> Baseline:
    """A baseline that says these."""
    return Baseline({}).updated({workload.name: counts})


def verdicts(baseline: Baseline, workload: Workload, counts: Counts) -> dict[str, Verdict]:
    """By kind."""
    return {row.kind.name: row.verdict for row in baseline.compare({workload.name: counts})}


# Counting -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workload", SMALL, ids=lambda workload: workload.name)
def test_counting_again_gives_the_same(workload: Workload) -> None:
    """All that the rules call exact to the last digit; memory may find other places to lie in."""
    measure(workload)  # it fills what is filled once
    first, second = measure(workload), measure(workload)
    assert {kind.name for kind in KINDS} == first.keys()
    assert set(verdicts(of(workload, first), workload, second).values()) == {Verdict.SAME}
    for name in ("bytes written", "writes", "tasks", "futures", "timers", "instructions", "calls", "calls of C"):
        assert first[name] == second[name], name


def test_counts_are_those_of_a_unit() -> None:
    """Three events to each of ten in one write, 140 bytes an event; three replies to the publisher; nothing stays."""
    counts = measure(FAN_OUT)
    assert 10 / 30 - 10**-DIGITS < counts["writes"] <= 13 / 30
    assert 100 < counts["bytes written"] < 200
    assert counts["instructions"] > counts["calls"] > 1
    assert (counts["tasks"], counts["futures"], counts["timers"]) == (0, 0, 0)
    assert abs(counts["objects kept"]) < 1


def test_task_for_each_delivery_is_found() -> None:
    """And that the events, each waiting for its own, leave in more writes."""
    baseline = of(FAN_OUT, measure(FAN_OUT))
    counts = measure(FAN_OUT, server_that_waits_for_a_hook)
    found = verdicts(baseline, FAN_OUT, counts)
    assert counts["tasks"] >= 1 / 3
    for name in ("tasks", "writes", "instructions", "calls", "calls of C", "objects made", "objects at once"):
        assert found[name] is Verdict.WORSE, name
    assert found["timers"] is Verdict.SAME


def server_that_waits_for_a_hook() -> BayeuxServer:
    server = plain_server()

    async def see(session: ServerSession, message: dict[str, Any]) -> None:
        await asyncio.sleep(0)

    def hang_on(session: ServerSession, *_: object) -> None:
        session.listeners.message(see)

    server.listeners.session_added(hang_on)
    return server


def test_object_kept_for_each_delivery_is_found() -> None:
    baseline = of(FAN_OUT, measure(FAN_OUT))
    counts = measure(FAN_OUT, server_that_remembers)
    found = verdicts(baseline, FAN_OUT, counts)
    assert counts["objects kept"] == pytest.approx(2, abs=0.2)
    for name in ("objects made", "objects kept", "bytes kept", "calls"):
        assert found[name] is Verdict.WORSE, name
    for name in ("writes", "bytes written", "tasks"):
        assert found[name] is Verdict.SAME, name


def server_that_remembers() -> BayeuxServer:
    server = plain_server()
    queued: list[object] = []

    def remember(*queueing: object) -> None:
        queued.append({"what": queueing})  # a dictionary and a tuple

    server.listeners.queued(remember)
    return server


@pytest.mark.parametrize("times", [0, 2])
def test_event_that_is_lost_or_comes_twice_fails_the_count(times: int) -> None:
    def make_server() -> BayeuxServer:
        server = plain_server()

        def instead(session: ServerSession | None, message: Any) -> bool:
            for _ in range(times):
                server.deliver(server.sessions, "/quick/news", {"n": "00000"})
            return False

        server.on("/quick/news", instead)
        return server

    with pytest.raises(Unanswered):
        measure(FAN_OUT, make_server)


# Comparing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "before", "now", "verdict"),
    [
        (Kind("exact"), 2.0, 2.0, Verdict.SAME),
        (Kind("exact"), 2.0, 2.001, Verdict.WORSE),
        (Kind("exact"), 2.0, 1.999, Verdict.BETTER),
        (Kind("exact"), 0.0, 0.001, Verdict.WORSE),
        (Kind("with a share", share=0.03), 100.0, 103.0, Verdict.SAME),
        (Kind("with a share", share=0.03), 100.0, 103.1, Verdict.WORSE),
        (Kind("with a share", share=0.03), 100.0, 97.0, Verdict.SAME),
        (Kind("with a share", share=0.03), 100.0, 96.9, Verdict.BETTER),
        (Kind("with slack", slack=0.1), -0.02, 0.08, Verdict.SAME),
        (Kind("with slack", slack=0.1), -0.02, 0.1, Verdict.WORSE),
    ],
)
def test_verdict_goes_by_share_and_slack(kind: Kind, before: float, now: float, verdict: Verdict) -> None:
    assert kind.compare(before, now) is verdict


COUNTS = {kind.name: 7.5 for kind in KINDS}


def test_baseline_reads_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "baseline.toml"
    assert Baseline.read(path).tables == {}
    baseline = Baseline({}).updated({"one thing, and more": COUNTS, "another": COUNTS})
    baseline.write(path)
    assert Baseline.read(path).tables == baseline.tables


def test_update_leaves_other_versions_and_forgets_what_is_not_measured() -> None:
    tables: Tables = {
        EVERY: {"gone": {"writes": 1.0}},
        "3.9": {"gone": {"calls": 2.0}},
        VERSION: {"gone": {"calls": 1.0}},
    }
    updated = Baseline(tables).updated({"here": COUNTS}).tables
    assert updated["3.9"] == {"gone": {"calls": 2.0}}
    assert updated[EVERY].keys() == updated[VERSION].keys() == {"here"}


def test_unknown_version_is_compared_where_the_version_does_not_matter() -> None:
    baseline = of(FAN_OUT, COUNTS)
    of_another = Baseline(baseline.tables, "99.1")
    found = verdicts(of_another, FAN_OUT, {**COUNTS, "tasks": 9.0})
    assert found["tasks"] is Verdict.WORSE
    assert found["writes"] is Verdict.SAME
    assert found["instructions"] is Verdict.FREE


def test_committed_baseline_has_every_count_of_every_workload() -> None:
    tables = Baseline.read().tables
    names = [workload.name for workload in WORKLOADS]
    assert EVERY in tables and len(tables) > 1
    for version, workloads in tables.items():
        assert list(workloads) == names
        kinds = {kind.name for kind in KINDS if kind.is_of_python is (version != EVERY)}
        assert all(counts.keys() == kinds for counts in workloads.values())


# The command --------------------------------------------------------------------------------------


class Command:
    """The command with one small workload and a baseline of its own."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self._capsys = path, capsys

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """What it exits with, and what it prints."""
        code = main(arguments, [FAN_OUT], self.path)
        return code, self._capsys.readouterr().out

    def rewrite(self, kind: str, by: float) -> None:
        """Have the baseline say a multiple."""
        baseline = Baseline.read(self.path)
        for tables in baseline.tables.values():
            for counts in tables.values():
                if kind in counts:
                    counts[kind] *= by
        baseline.write(self.path)


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path / "baseline.toml", capsys)


def test_command_asks_for_a_baseline_and_is_content_with_it(command: Command) -> None:
    code, text = command()
    assert code == 1 and MISSING in text
    code, text = command("--update")
    assert code == 0 and text.count("fan-out") == 1
    code, text = command()
    assert code == 0
    assert f"{len(KINDS)} of {len(KINDS)} counts are as in the baseline." in text
    assert all(kind.name in text for kind in KINDS)


@pytest.mark.parametrize(("by", "sentence"), [(0.5, WORSE), (2.0, BETTER)])
def test_command_fails_for_worse_and_for_better_and_says_what_to_do(command: Command, by: float, sentence: str) -> None:
    command("--update")
    command.rewrite("instructions", by)
    code, text = command("--differences")
    assert code == 1
    assert sentence in text and "--update" in sentence
    assert "instructions" in text
    assert "timers" not in text
    command("--update")
    assert command()[0] == 0


def test_command_says_what_it_cannot_compare(command: Command) -> None:
    command("--update")
    baseline = Baseline.read(command.path)
    del baseline.tables[VERSION]
    baseline.write(command.path)
    code, text = command("--differences")
    assert code == 0
    assert FREE in text


def test_committed_baseline_lies_beside_the_command() -> None:
    assert PATH.parent.name == "quick" and PATH.is_file()
