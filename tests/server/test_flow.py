"""Queue control: listeners that see a queue fill and empty, and what slow subscribers are spared."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.options import Options
from bayeux.server.flow import FlowControl
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn


def values(peer: Peer) -> list[Any]:
    return [event["data"] for event in peer.events]


def absent(peer: Peer) -> Peer:
    """Between two polls: what comes now waits in its queue."""
    peer.handshake().connect()
    peer.subscribe("/stock/*")
    return peer


@pytest.mark.spec("QUE-5")
async def test_only_the_latest_of_a_channel_waits_for_a_slow_subscriber() -> None:
    async with still_server(ManualClock()) as server:
        alice = absent(Peer(server))
        server.control_flow("/stock/*", FlowControl(latest_only=True))
        for price in (1, 2, 3):
            server.publish("/stock/ibm", price)
            server.publish("/stock/sap", -price)
        alice.connect()
        assert values(alice) == [3, -3]


@pytest.mark.spec("QUE-5")
async def test_a_key_tells_what_supersedes_what_and_other_channels_are_left_alone() -> None:
    async with still_server(ManualClock()) as server:
        alice = absent(Peer(server))
        server.control_flow("/stock/all", FlowControl(latest_only=True, key=lambda data: data["symbol"]))
        for price in (1, 2):
            server.publish("/stock/all", {"symbol": "ibm", "price": price})
            server.publish("/stock/all", {"symbol": "sap", "price": price})
            server.publish("/stock/news", price)
        alice.connect()
        assert values(alice) == [1, {"symbol": "ibm", "price": 2}, {"symbol": "sap", "price": 2}, 2]


@pytest.mark.spec("QUE-5", "GEN-2")
@pytest.mark.expected_logs("the key function of a flow control raised")
async def test_a_key_function_that_raises_costs_no_event() -> None:
    async with still_server(ManualClock()) as server:
        alice = absent(Peer(server))
        server.control_flow("/stock/*", FlowControl(latest_only=True, key=lambda data: data["symbol"]))
        server.publish("/stock/ibm", 1)
        server.publish("/stock/ibm", 2)
        alice.connect()
        assert values(alice) == [1, 2]


@pytest.mark.spec("QUE-5")
@pytest.mark.parametrize("transport", ["long-polling", "websocket"])
async def test_a_sampled_channel_gives_at_most_one_event_in_its_time_and_at_last_the_latest(transport: str) -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        alice = absent(Peer(server, transport))
        alice.connect()
        server.control_flow("/stock/*", FlowControl(every=2))
        heard: list[float] = []
        alice.on_heard = lambda message: heard.append(clock.now) if "data" in message else None
        for price in range(10):
            server.publish("/stock/ibm", price)
            await pass_time(server, clock, 0.5)
            if alice.session.held is None:
                alice.connect()
        await pass_time(server, clock, 5)
        assert values(alice)[0] == 0
        assert values(alice)[-1] == 9
        assert values(alice) == sorted(values(alice))
        assert len(heard) == 4
        assert all(later - earlier >= 2 - server.deadlines.tick for earlier, later in pairwise(heard))


@pytest.mark.spec("QUE-5")
async def test_an_event_that_waited_too_long_is_dropped_and_wakes_nobody() -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        alice = absent(Peer(server))
        server.control_flow("/stock/ibm", FlowControl(live_for=3))
        server.publish("/stock/ibm", "stale")
        await pass_time(server, clock, 2)
        server.publish("/stock/ibm", "fresh")
        server.publish("/stock/sap", "kept")
        await pass_time(server, clock, 2)
        alice.connect()
        assert values(alice) == ["fresh", "kept"]
        assert server.counters.messages_dropped["stale"] == 1


@pytest.mark.spec("QUE-5")
async def test_a_queue_full_of_stale_events_is_not_full() -> None:
    clock = ManualClock()
    async with still_server(clock, Options(max_queue=3, max_interval=60)) as server:
        alice = absent(Peer(server))
        server.control_flow("/stock/*", FlowControl(live_for=1))
        for number in range(3):
            server.publish("/stock/ibm", number)
        await pass_time(server, clock, 2)
        server.publish("/stock/ibm", 3)
        alice.connect()
        assert values(alice) == [3]


@pytest.mark.spec("QUE-5")
async def test_flow_control_ends_when_it_is_taken_back_and_the_narrowest_counts() -> None:
    async with still_server(ManualClock()) as server:
        alice = absent(Peer(server))
        server.control_flow("/stock/*", FlowControl(latest_only=True))
        stop = server.control_flow("/stock/ibm", FlowControl(live_for=60))
        for price in (1, 2):
            server.publish("/stock/ibm", price)
        stop()
        for price in (3, 4):
            server.publish("/stock/ibm", price)
        alice.connect()
        assert values(alice) == [1, 2, 4]


@pytest.mark.spec("QUE-5")
@pytest.mark.parametrize("wrong", [{}, {"every": -1.0}, {"live_for": -1.0}])
def test_a_flow_control_that_says_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"FlowControl|negative"):
        FlowControl(**wrong)  # type: ignore[arg-type]


@pytest.mark.spec("QUE-1", "Q-1", "SN-6")
@pytest.mark.parametrize("whose", ["server", "session"])
async def test_a_listener_of_a_full_queue_may_trim_it(whose: str) -> None:
    async with still_server(ManualClock(), Options(max_queue=2)) as server:
        alice, bob = absent(Peer(server)), Peer(server).handshake()
        told = []

        def trim(session: Any, queue: Any, sender: Any, message: EncodedMessage) -> bool:
            told.append((session, sender, message.channel))
            del queue.messages[0]
            return True

        (server if whose == "server" else alice.session).listeners.queue_full.append(trim)
        for number in range(4):
            bob.publish("/stock/ibm", number)
        alice.connect()
        assert values(alice) == [2, 3]
        assert told == [(alice.session, bob.session, "/stock/ibm")] * 2


@pytest.mark.spec("QUE-3", "Q-3", "SN-6")
@pytest.mark.parametrize("whose", ["server", "session"])
async def test_a_dequeue_listener_reorders_merges_and_drops_right_before_the_write(whose: str) -> None:
    async with still_server(ManualClock()) as server:
        alice = absent(Peer(server))
        seen = []

        def merge(session: Any, queue: list[EncodedMessage], replies: list[Any]) -> None:
            seen.append((len(queue), [reply["channel"] for reply in replies]))
            queue[:] = [EncodedMessage("/merged", b'{"channel":"/merged","data":%d}' % len(queue)), *queue[:0:-1]]

        (server if whose == "server" else alice.session).listeners.dequeue.append(merge)
        for number in range(3):
            server.publish("/stock/ibm", number)
        alice.connect()
        assert [(event["channel"], event["data"]) for event in alice.events] == [
            ("/merged", 3), ("/stock/ibm", 2), ("/stock/ibm", 1),
        ]  # fmt: skip
        alice.publish("/elsewhere", 1)
        assert seen == [(3, ["/meta/connect"]), (0, ["/elsewhere"])]


@pytest.mark.spec("QUE-2", "SN-6")
async def test_a_queued_listener_hears_of_each_event_with_its_sender() -> None:
    async with still_server(ManualClock()) as server:
        alice, bob = absent(Peer(server, "websocket")), Peer(server).handshake()
        told: list[Any] = []
        server.listeners.queued.append(lambda session, sender, message: told.append(("server", sender)))
        alice.session.listeners.queued.append(lambda session, sender, message: told.append(("session", sender)))
        bob.publish("/stock/ibm", 1)
        server.publish("/stock/ibm", 2)
        await turn()
        assert told == [("server", bob.session), ("session", bob.session), ("server", None), ("session", None)]
        assert values(alice) == [1, 2]
