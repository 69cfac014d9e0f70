"""Dealing a workload out: all of it, each piece once, whatever the number of generators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.bench.churn import Churn
from gateway.bench.hearing import Published
from gateway.bench.loop import Loop
from gateway.bench.plan import Plan, Seat, sessions_of
from gateway.bench.publishing import Publishing
from gateway.bench.session import Manners
from gateway.bench.workload import Workload


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def deal(loop: Loop, **fields: Any) -> list[Plan]:
    workload = Workload(**fields)
    manners = Manners(workload.transport)
    return [
        Plan(workload, "run", Seat(number, workload.generators), manners, loop, lambda session: None)
        for number in range(workload.generators)
    ]


def publishing(plans: list[Plan]) -> list[Publishing]:
    return [part for plan in plans for part in plan.parts if isinstance(part, Publishing)]


def subscriptions(plans: list[Plan]) -> Counter[str]:
    parts = [part for plan in plans for part in (plan.idle, *plan.parts)]
    return Counter(name for part in parts for session in part.sessions for name in session.channels)


@pytest.mark.parametrize("generators", [1, 3])
def test_subscribers_are_spread_evenly_over_channels(loop: Loop, generators: int) -> None:
    plans = deal(loop, kind="fanout", sessions=100, channels=10, publishers=3, generators=generators)
    assert subscriptions(plans) == {f"/bench/run/fanout/{i}": 10 for i in range(10)}
    streams = [stream.id for part in publishing(plans) for stream in part.streams]
    assert sorted(streams) == list(range(30))


@pytest.mark.parametrize("generators", [1, 3])
def test_everything_published_is_expected_by_those_who_subscribed(loop: Loop, generators: int) -> None:
    """Ten channels with ten subscribers each; a stream published n times is expected ten times n."""
    plans = deal(loop, kind="fanout", sessions=100, channels=10, publishers=3, generators=generators)
    published = {stream: Published(stream) for stream in range(30)}
    assert sum(part.expected(published) for part in publishing(plans)) == 10 * sum(range(30))
    assert sum(part.lost(published) for part in publishing(plans)) == 10 * sum(range(30))


@pytest.mark.parametrize("kind", ["p2p", "rtt"])
@pytest.mark.parametrize("generators", [1, 4])
def test_each_session_hears_exactly_one_other(loop: Loop, kind: Any, generators: int) -> None:
    """Its neighbour in point-to-point, itself in round trips."""
    plans = deal(loop, kind=kind, sessions=10, generators=generators)
    parts = publishing(plans)
    assert subscriptions(plans) == {f"/bench/run/{kind}/{i}": 1 for i in range(10)}
    own = [session.channels[0] for part in parts for session in part.sessions]
    sent = [stream.channel for part in parts for stream in part.streams]
    assert sorted(own) == sorted(sent)
    assert [a == b for a, b in zip(own, sent, strict=True)] == [kind == "rtt"] * 10
    published = {stream.id: Published(2) for part in parts for stream in part.streams}
    assert sum(part.expected(published) for part in parts) == 20


@pytest.mark.parametrize(("kind", "publishers"), [("fanout", 1), ("fanout", 2), ("fanout", 5), ("p2p", 1)])
@pytest.mark.parametrize("window", [1, 2, 7])
def test_window_rate_and_publishes_are_dealt_out_whole(loop: Loop, kind: Any, publishers: int, window: int) -> None:
    plans = deal(
        loop, kind=kind, sessions=20, generators=3, publishers=publishers, window=window, rate=90, publishes=100
    )
    paces = [part.pace for part in publishing(plans)]
    assert sum(pace.window for pace in paces) == window
    assert sum(pace.rate or 0 for pace in paces) == pytest.approx(90)
    assert sum(pace.limit or 0 for pace in paces) == 100


def test_silent_channels_and_patterns_are_held_by_others(loop: Loop) -> None:
    """They exist, and nobody publishes to them."""
    plans = deal(
        loop, kind="p2p", sessions=4, generators=2, silent_channels=250, wildcards=101, subscriptions=3, publishers=9
    )
    kinds = Counter(name.split("/")[3] for name in subscriptions(plans).elements())
    assert kinds == {"p2p": 4, "p2p-silent": 8, "silent": 250, "wild": 101}
    assert sum(name.endswith("*") for name in subscriptions(plans)) == 101
    assert all(len(session.channels) <= 100 for plan in plans for session in plan.idle.sessions)
    assert max(subscriptions(plans).values()) == 1


def test_a_mix_is_made_of_all_the_others(loop: Loop) -> None:
    """Their streams have different numbers, so that none is taken for another's."""
    plans = deal(loop, kind="mix", sessions=64, generators=2)
    parts = publishing(plans)
    assert sum(len(part.listeners) for part in parts) == 32 + 16 + 8
    assert sum(isinstance(part, Churn) for plan in plans for part in plan.parts) == 2
    streams = [stream.id for part in parts for stream in part.streams]
    assert len(set(streams)) == len(streams)
    published = {stream: Published(1) for stream in streams}
    assert sum(part.expected(published) for part in parts) == 32 + 16 + 8


@pytest.mark.parametrize(
    ("fields", "sessions"),
    [
        ({"kind": "fanout", "sessions": 10, "publishers": 2}, 12),
        ({"kind": "p2p", "sessions": 10, "publishers": 2}, 10),
        ({"kind": "p2p", "sessions": 10, "silent_channels": 101, "wildcards": 1, "generators": 2}, 12),
        ({"kind": "connect", "sessions": 10, "silent_channels": 101, "wildcards": 1}, 12),
    ],
)
def test_all_sessions_are_counted_before_the_start(fields: dict[str, Any], sessions: int) -> None:
    assert sessions_of(Workload(**fields)) == sessions
