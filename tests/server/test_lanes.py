"""Events of one session on their way: behind a hook that is awaited, and through the control of their flow.

Each test begins with the story of a bug.
"""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.options import Options
from bayeux.server.extension import Extension
from bayeux.server.flow import FlowControl
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn
from tests.support.gates import Delays, turns


def values(peer: Peer) -> list[Any]:
    return [event["data"] for event in peer.events]


@pytest.mark.spec("GEN-1", "PUB-16", "LST-9")
async def test_a_hook_that_publishes_to_its_own_session_keeps_the_lane_behind_it() -> None:
    """The inner event opened the lane and the outer one opened it again: events overtook, and whoever came last found
    a lane that was closed already.
    """
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.subscribe("/**")

        delays = Delays("outer")

        class Publishes(Extension):
            def outgoing(self, sender: Any, session: Any, event: Any) -> None:
                if event["channel"] == "/outer":
                    server.publish("/inner", "inner")

        alice.session.extensions.append(delays)
        alice.session.extensions.append(Publishes())  # asked first: outgoing extensions are in reverse order
        server.publish("/outer", "outer")
        await turn()
        server.publish("/later", "later")
        await turns()
        await delays.gate.open()
        assert values(alice) == ["inner", "outer", "later"]
        server.publish("/later", "again")
        await turns()
        assert values(alice)[-1] == "again"


@pytest.mark.spec("Q-1", "SEC-L16", "GEN-1")
async def test_what_waits_behind_a_hook_is_bounded_in_bytes_too() -> None:
    """Only messages were counted, so a thousand large ones waited where a MiB was allowed."""
    options = Options(max_queue_bytes=300_000, max_message_size=200_000, queue_overflow="drop_new")
    async with still_server(ManualClock(), options) as server:
        alice = Peer(server, "websocket").handshake()
        alice.subscribe("/a")
        delays = Delays()
        alice.session.extensions.append(delays)
        taken = [alice.session.deliver("/a", "x" * 100_000) for _ in range(10)]
        assert taken.count(True) <= 3
        assert server.counters.messages_dropped["overflow"] == taken.count(False)
        await delays.gate.open()
        assert len(alice.events) == taken.count(True)


@pytest.mark.spec("DEL-7")
async def test_hooks_of_a_session_that_ended_are_not_asked() -> None:
    """What waited in the lane of a session was still given to its hooks, one event after the other, when it was
    over.
    """
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.subscribe("/a")
        heard: list[Any] = []
        delays = Delays(1)
        alice.session.extensions.append(delays)
        alice.session.listeners.message.append(lambda _, event: heard.append(event["data"]))
        for number in (1, 2, 3):
            server.publish("/a", number)
        alice.session.disconnect()
        await delays.gate.open()
        assert heard in ([], [1])
        assert values(alice) == []


# Flow control -------------------------------------------------------------------------------------


@pytest.mark.spec("QUE-5", "DEL-7")
async def test_a_sampled_event_for_a_session_that_ended_is_not_kept() -> None:
    """It was put by for its time, reported as taken, and the session watched again."""
    async with still_server(ManualClock()) as server:
        server.control_flow("/a", FlowControl(every=5))
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.connect()
            peer.subscribe("/a")
        ended = bob.session
        server.publish("/a", 1)
        alice.session.listeners.message.append(lambda *_: ended.disconnect() or None)
        server.publish("/a", 2)
        assert ended.samples is None or ended.samples.due_at == float("inf")
        assert not ended.next_look


@pytest.mark.spec("QUE-5", "UNS-2", "AUZ-9")
@pytest.mark.parametrize("way", ["unsubscribe", "revoked"])
async def test_a_sampled_event_of_a_channel_that_was_left_does_not_come_later(way: str) -> None:
    """Up to its time after the unsubscribe, or after the right was revoked, the client got one more event."""
    clock = ManualClock()
    async with still_server(clock) as server:
        server.control_flow("/a", FlowControl(every=5))
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.connect()
        alice.subscribe("/a")
        server.publish("/a", 1)
        server.publish("/a", 2)
        await turn()
        if way == "revoked":
            server.policy.can_subscribe = lambda *_: False  # type: ignore[method-assign]
            server.revalidate(alice.session)
        else:
            alice.ask("/meta/unsubscribe", subscription="/a")
        await pass_time(server, clock, 6)
        assert values(alice) == [1]


@pytest.mark.spec("QUE-5")
async def test_more_keys_than_are_sampled_cost_no_event() -> None:
    """Above a thousand keys the oldest was forgotten together with the event that waited for its time."""
    clock = ManualClock()
    async with still_server(clock, Options(max_queue=5000)) as server:
        server.control_flow("/a", FlowControl(every=5, key=lambda data: data[0]))
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.connect()
        alice.subscribe("/a")
        for turn_of in ("first", "last"):
            for key in range(1000):
                server.publish("/a", [key, turn_of])
        for key in range(1000, 1200):
            server.publish("/a", [key, "last"])
        await pass_time(server, clock, 6)
        assert {tuple(data) for data in values(alice)} >= {(key, "last") for key in range(1200)}
        samples = alice.session.samples
        assert samples is not None
        assert len(samples._by_key) <= 1000


@pytest.mark.spec("MSGX-6", "EXN-8", "SEC-L12")
async def test_data_as_deep_as_can_be_encoded_passes_hooks_too() -> None:
    """Copies for hooks were decoded under a bound for clients, a little below what can be encoded: an application's
    event between the two broke the fan-out in the middle.
    """
    async with still_server(ManualClock()) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.connect()
            peer.subscribe("/a")
        alice.session.listeners.message.append(lambda *_: None)
        deep: Any = 1
        for _ in range(253):
            deep = [deep]
        server.publish("/a", deep)
        assert [len(peer.session.queue) for peer in (alice, bob)] == [1, 1]
