"""Replay where something has to be awaited: nothing is missing and nothing comes twice.

Each test begins with the story of a bug.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.backplane.interface import Retention, Stretch
from bayeux.backplane.memory import MemoryHistory
from bayeux.extensions.replay import Replay
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.options import Options
from bayeux.server.extension import Extension
from bayeux.server.flow import FlowControl
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn
from tests.support.gates import Delays, Gate, turns


def values(peer: Peer) -> list[Any]:
    return [event["data"] for event in peer.events]


class SlowHistory(MemoryHistory):
    """One that is kept elsewhere: each call is waited for until the gate of its kind is opened."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.gates: dict[str, Gate] = {}

    async def append(self, *arguments: Any) -> Any:  # type: ignore[override]
        if "append" in self.gates:
            await self.gates["append"]()
        return super().append(*arguments)

    async def since(self, *arguments: Any) -> Stretch:  # type: ignore[override]
        if "since" in self.gates:
            await self.gates["since"]()
        return super().since(*arguments)


def subscribe(peer: Peer, channel: str, position: int | None) -> None:
    ext = {} if position is None else {"ext": {"replay": {channel: position}}}
    peer.send(peer.message("/meta/subscribe", subscription=channel, **ext))


def keeping(server: BayeuxServer, *, is_slow: bool = False, events: int = 5000) -> Any:
    history = SlowHistory(clock=server.clock, random_bytes=server.random_bytes) if is_slow else None
    server.extensions.append(Replay({"/**": Retention(events=events)}, history=history))
    return history


@pytest.mark.spec("RPL-16", "SUB-8")
async def test_who_catches_up_while_an_event_is_being_kept_gets_it() -> None:
    """The subscribers were counted before the history was waited for: who subscribed in between, and read the history
    before the event was in it, got it neither way.
    """
    async with still_server(ManualClock()) as server:
        history = keeping(server, is_slow=True)
        alice = Peer(server, "websocket").handshake()
        gate = history.gates["append"] = Gate()
        server.publish("/a", 1)
        await turn()
        subscribe(alice, "/a", -2)
        await turns()
        await gate.open()
        await turns()
        assert values(alice) == [1]


@pytest.mark.spec("RPL-16", "RPL-18", "GEN-1")
@pytest.mark.parametrize("count", [1, 2, 5])
async def test_what_waits_behind_a_hook_does_not_come_again_with_a_replay(count: int) -> None:
    """Events that an extension of the session kept were in the history, too, and came both ways."""
    async with still_server(ManualClock()) as server:
        keeping(server)
        alice = Peer(server, "websocket").handshake()
        subscribe(alice, "/a", None)
        delays = Delays(1)
        alice.session.extensions.append(delays)
        for number in range(1, count + 1):
            server.publish("/a", number)
        subscribe(alice, "/a", -2)
        server.publish("/a", "live")
        await turns()
        await delays.gate.open()
        await turns()
        assert values(alice) == [*range(1, count + 1), "live"]


@pytest.mark.spec("RPL-16", "RPL-18", "GEN-1")
async def test_live_events_behind_a_hook_do_not_come_again_with_a_replay() -> None:
    """The same for events that came while the session was catching up, behind a hook of another channel's event."""
    async with still_server(ManualClock(), Options(max_queue=8)) as server:
        keeping(server)
        for number in range(6):
            server.publish("/a", number)
        alice = Peer(server).handshake()
        alice.connect()
        subscribe(alice, "/other", None)
        delays = Delays("slow")
        alice.session.extensions.append(delays)
        subscribe(alice, "/a", -2)
        server.publish("/other", "slow")
        server.publish("/a", "live")
        alice.connect(advice={"timeout": 0})
        await turns(2)
        await delays.gate.open()
        for _ in range(8):
            alice.connect(advice={"timeout": 0})
            await turns(2)
        assert [value for value in values(alice) if value != "slow"] == [*range(6), "live"]
        assert values(alice).count("slow") == 1


@pytest.mark.spec("RPL-18", "RPL-22")
async def test_a_large_replay_waits_for_hooks_instead_of_filling_the_lane() -> None:
    """The room in the queue was looked at, not what waited in front of it: the whole history was put behind the first
    event, and the session ended as slow.
    """
    async with still_server(ManualClock(), Options(max_queue=20)) as server:
        keeping(server)
        for number in range(200):
            server.publish("/a", number)

        class Awaited(Extension):
            async def outgoing(self, *_: Any) -> None:
                await asyncio.sleep(0)

        alice = Peer(server, "websocket").handshake()
        alice.session.extensions.append(Awaited())
        subscribe(alice, "/a", -2)
        await turns(500)
        assert values(alice) == list(range(200))


@pytest.mark.spec("RPL-16", "QUE-5")
async def test_a_sampled_event_does_not_come_again_with_a_replay() -> None:
    """What waited for its time was in the history, too."""
    clock = ManualClock()
    async with still_server(clock) as server:
        keeping(server)
        server.control_flow("/a", FlowControl(every=5))
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.connect()
        subscribe(alice, "/a", None)
        for number in (1, 2, 3):
            server.publish("/a", number)
        await turn()
        alice.heard.clear()
        subscribe(alice, "/a", -2)
        await turns()
        await pass_time(server, clock, 6)
        assert values(alice) == [1, 2, 3]


@pytest.mark.spec("RPL-21", "SUB-7")
async def test_a_replay_ends_with_its_subscription() -> None:
    """Its rest came after the client had subscribed anew without a position."""
    async with still_server(ManualClock(), Options(max_queue=8)) as server:
        keeping(server)
        for number in range(20):
            server.publish("/a", number)
        alice = Peer(server).handshake()
        alice.connect()
        subscribe(alice, "/a", -2)
        session = alice.session
        assert session.recovering
        session.queue.clear()
        alice.ask("/meta/unsubscribe", subscription="/a")
        alice.heard.clear()
        subscribe(alice, "/a", None)
        server.publish("/a", "live")
        for _ in range(5):
            alice.connect(advice={"timeout": 0})
            await turns(2)
        assert values(alice)[-1] == "live"
        assert len(values(alice)) <= 4


@pytest.mark.spec("RPL-21", "RPL-22")
async def test_rewinding_while_the_history_is_read_rewinds() -> None:
    """The reading that was under way took the new position for its own, and its end for the end of both."""
    async with still_server(ManualClock()) as server:
        history = keeping(server, is_slow=True)
        for number in range(3):
            server.publish("/a", number)
        await turns()
        alice = Peer(server, "websocket").handshake()
        subscribe(alice, "/a", 2)
        gates: list[Gate] = []

        async def since(*arguments: Any) -> Stretch:
            stretch = MemoryHistory.since(history, *arguments)
            gate = Gate()
            gates.append(gate)
            await gate()
            return stretch

        history.since = since
        await turns()
        subscribe(alice, "/a", -2)
        for _ in range(10):
            for gate in gates.copy():
                await gate.open()
        assert values(alice)[-3:] == [0, 1, 2]


@pytest.mark.spec("RPL-22", "Q-1")
@pytest.mark.parametrize("max_queue", [1, 2, 3])
async def test_the_smallest_queues_catch_up_too(max_queue: int) -> None:
    """Half of a queue for one event is none: nothing was replayed, and everything live withheld."""
    async with still_server(ManualClock(), Options(max_queue=max_queue)) as server:
        keeping(server)
        for number in range(5):
            server.publish("/a", number)
        alice = Peer(server, "websocket").handshake()
        subscribe(alice, "/a", -2)
        await turns(20)
        server.publish("/a", "live")
        await turns(20)
        assert values(alice) == [*range(5), "live"]


class LateHistory(MemoryHistory):
    """One that has kept an event before it says so."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.gate: Gate | None = None
        self.fails = False

    async def append(self, *arguments: Any) -> Any:  # type: ignore[override]
        position = super().append(*arguments)
        if self.gate is not None:
            await self.gate()
        if self.fails:
            raise Unavailable
        return position


@pytest.mark.spec("RPL-16", "RPL-21")
@pytest.mark.expected_logs("Task exception was never retrieved")
@pytest.mark.parametrize("fails", [False, True])
async def test_an_event_that_was_read_before_it_was_told_does_not_come_again(fails: bool) -> None:
    """A subscriber that caught up between the two had read the event, and was told of it as a live one then."""
    async with still_server(ManualClock()) as server:
        history = LateHistory(clock=server.clock, random_bytes=server.random_bytes)
        server.extensions.append(Replay({"/**": Retention(events=10)}, history=history))
        alice = Peer(server, "websocket").handshake()
        server.publish("/a", 1)
        await turns()
        subscribe(alice, "/a", -2)
        await turns()
        alice.heard.clear()
        gate = history.gate = Gate()
        history.fails = fails
        server.publish("/a", 2)
        await turn()
        subscribe(alice, "/a", -2)
        await turns()
        await gate.open()
        history.gate, history.fails = None, False
        server.publish("/a", 3)
        await turns()
        assert values(alice) == [1, 2, 3]
        assert alice.session.recovering is None
