"""Counting is right only if it finds what is wrong: servers that drop, repeat and swap events, and know how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.bench.workload import TRANSPORTS
from tests.gateway.bench.servers import loaded

EACH_TRANSPORT = pytest.mark.parametrize("transport", TRANSPORTS)

Change = Callable[[list[Any]], int]
"""Changes what is about to be written to a session; how many events it has harmed."""


class Harm:
    """Does to every third batch of events what it is told, and counts."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._batches = 0
        self.done = 0

    def __call__(self, session: Any, queue: list[Any], replies: list[Any]) -> None:
        self._batches += bool(queue)
        if queue and self._batches % 3 == 0:
            self.done += self._change(queue)


def drop_one(queue: list[Any]) -> int:
    queue.pop(0)
    return 1


def repeat_one(queue: list[Any]) -> int:
    queue.append(queue[0])
    return 1


def swap_two(queue: list[Any]) -> int:
    if len(queue) < 2:
        return 0
    queue[0], queue[1] = queue[1], queue[0]
    return 1


async def harmed(change: Change, **fields: Any) -> tuple[Any, int]:
    harm = Harm(change)
    async with loaded() as server:
        assert server.server is not None
        server.server.listeners.dequeue.append(harm)
        outcome = await server.bear(settle=0.5, **fields)
    assert harm.done > 0
    return outcome, harm.done


@EACH_TRANSPORT
@pytest.mark.parametrize("generators", [1, 2])
async def test_lost_events_are_counted_exactly(transport: str, generators: int) -> None:
    outcome, done = await harmed(
        drop_one, kind="fanout", transport=transport, generators=generators, rate=100.0, seconds=0.3
    )
    assert (outcome.lost, outcome.double, outcome.out_of_order) == (done, 0, 0)
    assert outcome.expected == outcome.arrived + done
    assert not outcome.is_exact


@EACH_TRANSPORT
async def test_lost_events_of_point_to_point_are_counted_exactly(transport: str) -> None:
    outcome, done = await harmed(drop_one, kind="p2p", transport=transport, rate=100.0, seconds=0.3)
    assert (outcome.lost, outcome.double, outcome.out_of_order) == (done, 0, 0)


@EACH_TRANSPORT
async def test_repeated_events_are_counted_exactly(transport: str) -> None:
    """And are no deliveries."""
    outcome, done = await harmed(repeat_one, kind="fanout", transport=transport)
    assert (outcome.lost, outcome.double, outcome.out_of_order) == (0, done, 0)
    assert outcome.arrived == outcome.expected
    assert outcome.latency.count == outcome.delivered == outcome.published * 8


async def test_swapped_events_are_counted_exactly() -> None:
    """Several publishes are in flight, so that some leave together."""
    outcome, done = await harmed(swap_two, kind="fanout", window=20)
    assert (outcome.lost, outcome.double, outcome.out_of_order) == (0, 0, done)
    assert outcome.arrived == outcome.expected


async def test_events_of_other_channels_are_errors() -> None:
    """A server that delivers to whom nobody asked it to."""
    async with loaded() as server:
        assert server.server is not None
        bayeux = server.server
        strayed = 0

        def stray(session: Any, channel: str, data: Any) -> None:
            nonlocal strayed
            publisher = session
            if publisher is not None and channel.endswith("/fanout/0"):
                strayed += publisher.deliver(channel, data)

        bayeux.listeners.published.append(stray)
        outcome = await server.bear(kind="fanout", channels=2)
    assert outcome.is_exact
    # What goes to a publisher, who has subscribed to nothing.
    assert 0 < outcome.errors["events of channels that were not subscribed"] == strayed


async def test_a_closed_loop_goes_on_after_losing_its_window() -> None:
    """All events of a while are dropped; what is in flight then never arrives."""
    dropping = False

    def drop_all_once(queue: list[Any]) -> int:
        nonlocal dropping
        if dropping:
            return 0
        dropping = True
        count = len(queue)
        queue.clear()
        return count

    outcome, done = await harmed(drop_all_once, kind="p2p", window=1, seconds=3.5, warm_up=0.0)
    assert outcome.lost == done
    assert outcome.errors == {"nothing arrived for 2 s; the window was filled again": 1}
    assert outcome.published > 3 + done
