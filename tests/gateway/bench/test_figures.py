"""Figures in words: what is told, what is wrong, and what to know."""

import dataclasses
from typing import Any

import pytest

from gateway.bench import figures
from gateway.bench.outcome import Outcome
from gateway.bench.workload import Kind, Workload
from tests.gateway.bench.outcomes import COST, outcome_of


def rows(outcome: Outcome) -> dict[str, str]:
    return {
        f"{section.title}: {row.name}": row.value for section in figures.sections(outcome) for row in section.figures
    }


def test_all_that_was_measured_is_told() -> None:
    told = rows(outcome_of())
    assert told["Delivery: Delivered a second"] == "4,000"
    assert told["Delivery: Lost"] == "0"
    assert told["Sessions: Set up a second"] == "505"
    assert told["Server: CPU time a delivered message"] == "7.50 µs"
    assert told["Server: CPU time a set-up"] == "812 µs"
    assert told["Server: Memory a session"] == "10.2 KiB"
    assert told["Load generators: CPU time"] == "35%"
    assert float(told["Latency: Median"].split()[0]) == pytest.approx(0.4, rel=0.02)
    assert float(told["Latency: 99 %"].split()[0]) == pytest.approx(2.5, rel=0.02)


def test_what_was_not_measured_is_left_out() -> None:
    told = rows(outcome_of(latency=None, server=None, generator_cpu=(), workload=Workload(kind="connect")))
    assert {name.partition(":")[0] for name in told} == {"Sessions"}


def test_an_exact_run_has_no_fault() -> None:
    assert figures.faults(outcome_of()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lost": 3}, "3 were lost"),
        ({"double": 2}, "2 came twice"),
        ({"out_of_order": 1}, "1 came out of order"),
        ({"delivered": 0}, "Nothing was delivered."),
        ({"sessions": 99, "workload": Workload(kind="connect")}, "Only 99 of 100 sessions"),
    ],
)
def test_a_fault_is_told_with_its_number(changes: dict[str, Any], words: str) -> None:
    (told,) = figures.faults(outcome_of(**changes))
    assert words in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"errors": {"429:50 a second:rate_limited": 7, "429:9 a second:rate_limited": 1}}, "session_message_rate"),
        ({"generator_cpu": (0.4, 0.97)}, "--generators"),
        ({"generator_late_ms": 250.0}, "250 ms after its time"),
        ({"server": None}, "--server-pid"),
    ],
)
def test_what_makes_figures_doubtful_is_remarked_with_the_next_step(changes: dict[str, Any], words: str) -> None:
    (told,) = figures.remarks(outcome_of(**changes))
    assert words in told
    assert figures.remarks(outcome_of()) == []


def test_words_of_the_server_are_shown_as_text() -> None:
    """A hostile server cannot colour the terminal, or fill it."""
    outcome = outcome_of(errors={"\x1b[31m500\r" + "x" * 5000: 2})
    (row,) = (row for section in figures.sections(outcome) for row in section.figures if section.title == "Errors")
    assert row.value == "2"
    assert row.note.isprintable()
    assert len(row.note) < 250


def test_sessions_that_come_and_go_are_told_by_their_lives() -> None:
    told = rows(outcome_of(workload=Workload(kind="churn", rate=40.0), sessions=0))
    assert told["Sessions: Came and went a second"] == "40"
    assert told["Server: CPU time a session"] == "812 µs"
    assert not [name for name in told if "Memory a session" in name or "delivered message" in name]


def test_the_query_of_the_target_is_not_told() -> None:
    assert (
        figures.place(outcome_of(target="http://127.0.0.1:8080/cometd?token=secret")) == "http://127.0.0.1:8080/cometd"
    )


@pytest.mark.parametrize("kind", ["connect", "fanout", "p2p", "rtt", "churn", "mix"])
def test_every_kind_has_a_title(kind: Kind) -> None:
    assert "100" in figures.title(Workload(kind=kind))
    assert "long-polling, acknowledged" in figures.title(Workload(kind=kind, transport="long-polling", ack=True))


def test_several_processes_of_a_server_are_told() -> None:
    assert rows(outcome_of(server=dataclasses.replace(COST, processes=3)))["Server: Processes"] == "3"
