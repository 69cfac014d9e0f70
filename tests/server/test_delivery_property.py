"""Random schedules against a plain model: nothing lost, doubled or out of order beyond what the rules allow.

One client polls or holds a socket while numbered events are published; connections drop, answers get lost,
time passes. The model knows only three things: which numbers the client was subscribed for while its session
lived, which of them were in an answer that was lost on the way, and what the client read.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, MemoryTransport, Peer, pass_time, still_server, turn

CHANNELS = ("/news", "/news/today")
SUBSCRIPTIONS = ("/news", "/news/*", "/**", "/news/today")


@dataclass
class Model:
    """What the client may expect."""

    subscriptions: set[str] = field(default_factory=set)
    owed: list[int] = field(default_factory=list)
    lost_on_the_way: set[int] = field(default_factory=set)
    read: list[int] = field(default_factory=list)
    lives: int = 0

    def is_owed(self, channel: str) -> bool:
        matches = {"/news": {"/news", "/**"}, "/news/today": {"/news/today", "/news/*", "/**"}}
        return bool(self.subscriptions & matches[channel])

    def begin_anew(self) -> None:
        """The session is gone: what it had not read is not owed any more."""
        self.owed = [number for number in self.owed if number in self.read]
        self.subscriptions.clear()
        self.lives += 1


class Schedule:
    """Carries out actions on a real server and keeps the model beside it."""

    def __init__(self, server: BayeuxServer, clock: ManualClock, name: str) -> None:
        self.server = server
        self.clock = clock
        self.model = Model()
        self.peer = Peer(server, name)
        self.open: MemoryTransport | None = None
        self.number = 0
        self.handshake()

    def handshake(self) -> None:
        if self.peer.name == "websocket":
            self.peer.socket = MemoryTransport("websocket")
        self.peer.handshake()
        self.open = None
        self.model.begin_anew()

    def collect(self, transport: MemoryTransport | None, *, is_lost: bool = False) -> None:
        """Read what the server wrote, or lose it."""
        if transport is None:
            return
        fresh, transport.sent = transport.sent, []
        messages = [message for part in fresh for message in part]
        numbers = [message["data"] for message in messages if "data" in message]
        if is_lost:
            self.model.lost_on_the_way.update(numbers)
        else:
            self.model.read += numbers
            if any(m.get("error") == "402::session_unknown" for m in messages):
                self.handshake()

    def ask(self, channel: str, *, is_lost: bool = False, **fields: Any) -> None:
        transport = self.peer.send(self.peer.message(channel, **fields))
        self.collect(transport, is_lost=is_lost)

    def subscribe(self, subscription: str) -> None:
        lives = self.model.lives
        self.ask("/meta/subscribe", subscription=subscription)
        if lives == self.model.lives:
            self.model.subscriptions.add(subscription)

    def unsubscribe(self, subscription: str) -> None:
        self.ask("/meta/unsubscribe", subscription=subscription)
        self.model.subscriptions.discard(subscription)

    def publish(self, channel: str) -> None:
        self.number += 1
        if self.model.is_owed(channel) and self.server.sessions.find(self.peer.client_id):
            self.model.owed.append(self.number)
        self.server.publish(channel, self.number)

    def publish_own(self, channel: str) -> None:
        self.number += 1
        is_alive = self.server.sessions.find(self.peer.client_id) is not None
        if self.model.is_owed(channel) and is_alive:
            self.model.owed.append(self.number)
        self.ask(channel, data=self.number)

    def connect(self) -> None:
        transport = self.peer.connect()
        replaced, self.open = self.open, transport
        self.collect(replaced if replaced is not transport else None)
        self.collect(transport)

    def lose_an_answer(self, channel: str) -> None:
        """A request whose answer never arrives: its events are lost, as DEL-5 allows without acknowledgement."""
        if self.peer.name == "long-polling":
            self.ask("/meta/subscribe", subscription="/other", is_lost=True)

    def drop(self) -> None:
        """The connection goes: the held one, or the socket, which a new one replaces."""
        transport = self.peer.socket or self.open
        if transport is None or transport.closed:
            return
        self.collect(transport)
        transport.closed = True
        self.server.connection_lost(transport)
        self.open = None
        if self.peer.name == "websocket":
            self.peer.socket = MemoryTransport("websocket")

    async def wait(self, seconds: float) -> None:
        await pass_time(self.server, self.clock, seconds)
        self.collect(self.open or self.peer.socket)
        if self.open is not None and self.open.closed and not self.open.streaming:
            self.open = None
        if self.server.sessions.find(self.peer.client_id) is None:
            self.handshake()

    async def settle(self) -> None:
        await turn()
        transport = self.peer.socket or self.open
        if transport is not None:
            self.collect(transport)
            if transport.closed and not transport.streaming:
                self.open = None

    def check(self) -> None:
        read, owed = self.model.read, self.model.owed
        assert len(set(read)) == len(read), f"doubled: {read}"
        assert read == sorted(read), f"out of order: {read}"
        assert set(read) <= set(owed), f"never owed: {set(read) - set(owed)}"


actions = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from(CHANNELS)),
    st.tuples(st.just("publish"), st.sampled_from(CHANNELS)),
    st.tuples(st.just("publish_own"), st.sampled_from(CHANNELS)),
    st.tuples(st.just("subscribe"), st.sampled_from(SUBSCRIPTIONS)),
    st.tuples(st.just("unsubscribe"), st.sampled_from(SUBSCRIPTIONS)),
    st.tuples(st.just("connect")),
    st.tuples(st.just("connect")),
    st.tuples(st.just("drop")),
    st.tuples(st.just("lose_an_answer"), st.just("")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("wait"), st.sampled_from((1.0, 9.0, 31.0, 45.0))),
)


async def follow(name: str, schedule: list[tuple[Any, ...]]) -> None:
    clock = ManualClock()
    options = Options(session_message_rate=0, handshake_rate_per_ip=0)
    async with still_server(clock, options) as server:
        client = Schedule(server, clock, name)
        for action, *arguments in schedule:
            result = getattr(client, action)(*arguments)
            if asyncio.iscoroutine(result):
                await result
            client.check()
        await client.settle()
        client.connect()
        await client.settle()
        client.connect()
        await client.settle()
        client.check()
        missing = set(client.model.owed) - set(client.model.read) - client.model.lost_on_the_way
        assert not missing, f"lost: {sorted(missing)}"


@pytest.mark.spec("DEL-5", "DEL-7", "PUB-16", "SES-8", "CH-22", "WS-14", "WS-16", "CN-10", "UNS-4")
@pytest.mark.parametrize("name", ["long-polling", "websocket"])
@settings(max_examples=400, deadline=None)
@given(schedule=st.lists(actions, min_size=25, max_size=80))
def test_any_schedule_loses_doubles_and_reorders_nothing(name: str, schedule: list[tuple[Any, ...]]) -> None:
    """Publish, poll, drop, reconnect, unsubscribe and expire in any order (Bayeux reference, sections 5, 8, 9)."""
    asyncio.run(follow(name, schedule))
