"""Random schedules: whatever the network loses, everything arrives, in order, and by long-polling once.

Numbered events are published while one client connects, reads all, some or none of what was written, loses its
connection with or without the server noticing, publishes itself, and moves between the transports.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeux.extensions.ack import Acknowledge
from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, pass_time, still_server, turn
from tests.extensions.acknowledging import Acknowledging

OPTIONS = Options(
    session_message_rate=0,
    max_interval=3600.0,
    max_queue=0,
    max_queue_bytes=0,
    ack_max_resends=0,
    ws_messages_per_frame=2,
)


class Schedule:
    """Carries out actions on a real server; the client remembers what it read."""

    def __init__(self, server: BayeuxServer, clock: ManualClock, name: str) -> None:
        self.server = server
        self.clock = clock
        self.client = Acknowledging(server, name).ready("/n")
        self.said: list[dict[str, Any]] = []
        self.published = 0
        self.read: list[int] = []
        self.batch: Any = None

    async def publish(self, count: int, lazy: bool = False) -> None:
        for _ in range(count):
            self.published += 1
            self.server.publish("/n", self.published, lazy=lazy)

    async def publish_own(self) -> None:
        self.published += 1
        answer = self.client.peer.publish("/n", self.published)
        if self.client.peer.name == "long-polling":
            assert [message["channel"] for message in answer] == ["/n"], "only the reply"
            assert "data" not in answer[0]

    async def connect(self) -> None:
        """A client has one connect at a time; a second one says that it gave up the first."""
        if self.client.carrier is not None and not self.client.carrier.streaming:
            self.client.carrier.sent.clear()
        self.client.connect()
        self.said.append({"ext": {"ack": self.client.number}})

    async def ghost(self, age: int) -> None:
        """An earlier connect of the client arrives once more, and nobody reads its answer."""
        if self.said:
            self.client.peer.connect(**self.said[-1 - age % len(self.said)])
            if self.client.carrier is not None and self.client.carrier.streaming:
                self.client.carrier.sent[-3:] = []

    async def receive(self) -> None:
        await turn()
        self.read += self.client.read()

    async def cut(self, frames: int, is_noticed: bool) -> None:
        """The client reads so many frames of what was written; on long-polling all of an answer or nothing."""
        await turn()
        client = self.client
        if client.carrier is None:
            return
        if client.carrier.streaming or frames > 1:
            self.read += client.read(frames)
        if is_noticed:
            client.lose()
        elif client.carrier.streaming:
            client.open_socket()
        client.carrier.sent.clear()
        client.carrier = None

    async def move(self, name: str) -> None:
        await self.receive() if self.client.carrier is not None else None
        self.client.carrier = None
        self.client.move(name)

    async def collect(self) -> None:
        """The application opens a batch, or closes it (SN-3)."""
        if self.batch is None:
            self.batch = self.client.session.batch()
            self.batch.__enter__()
        else:
            self.batch.__exit__(None, None, None)
            self.batch = None

    async def wait(self, seconds: float) -> None:
        await pass_time(self.server, self.clock, seconds)

    async def settle(self) -> None:
        """The network is well again."""
        if self.batch is not None:
            await self.collect()
        await self.cut(0, is_noticed=True)
        for _ in range(3):
            self.client.connect(advice={"timeout": 0})
            await self.receive()
        assert self.client.session.acknowledgement is not None
        assert self.client.session.acknowledgement.count == 0


COMMON = [
    st.tuples(st.just("publish"), st.integers(1, 4)),
    st.tuples(st.just("publish"), st.integers(1, 2), st.booleans()),
    st.tuples(st.just("publish_own")),
    st.tuples(st.just("connect")),
    st.tuples(st.just("connect")),
    st.tuples(st.just("receive")),
    st.tuples(st.just("receive")),
    st.tuples(st.just("cut"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("collect")),
    st.tuples(st.just("wait"), st.sampled_from((1.0, 6.0, 31.0))),
]
GHOST = st.tuples(st.just("ghost"), st.integers(0, 5))
MOVE = st.tuples(st.just("move"), st.sampled_from(("long-polling", "websocket")))


async def follow(name: str, schedule: list[tuple[Any, ...]]) -> Schedule:
    clock = ManualClock()
    async with still_server(clock, OPTIONS) as server:
        server.extensions.append(Acknowledge())
        client = Schedule(server, clock, name)
        for action, *arguments in schedule:
            if action in ("receive", "ghost") and client.client.carrier is None:
                continue
            await getattr(client, action)(*arguments)
        await client.settle()
    return client


def once(read: list[int]) -> list[int]:
    """Without the repeats."""
    return list(dict.fromkeys(read))


@pytest.mark.spec("ACK-11", "ACK-12", "ACK-14", "ACK-15", "ACK-16", "ACK-17", "ACK-19", "CN-10", "SES-8")
@settings(max_examples=300, deadline=None)
@given(schedule=st.lists(st.one_of(*COMMON, GHOST), min_size=20, max_size=80))
def test_by_long_polling_everything_arrives_once_and_in_order(schedule: list[tuple[Any, ...]]) -> None:
    client = asyncio.run(follow("long-polling", schedule))
    assert client.read == list(range(1, client.published + 1))


@pytest.mark.spec("ACK-11", "ACK-15", "ACK-30", "ACK-31", "WS-14", "SES-3")
@settings(max_examples=300, deadline=None)
@given(schedule=st.lists(st.one_of(*COMMON, MOVE), min_size=20, max_size=80))
def test_on_sockets_and_between_transports_everything_arrives_in_order(schedule: list[tuple[Any, ...]]) -> None:
    """Repeats are possible (ACK-31); without them the order is that of the publishes."""
    client = asyncio.run(follow("websocket", schedule))
    assert once(client.read) == list(range(1, client.published + 1))


@pytest.mark.spec("ACK-15", "ACK-31")
@pytest.mark.parametrize("name", ["long-polling", "websocket"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_thousand_events_over_a_bad_network(name: str, seed: int) -> None:
    chance = random.Random(seed)
    schedule: list[tuple[Any, ...]] = []
    for _ in range(400):
        schedule += [("connect",), ("publish", chance.randint(0, 5))]
        schedule.append(("cut", chance.randint(0, 2), chance.random() < 0.5) if chance.random() < 0.4 else ("receive",))
    client = asyncio.run(follow(name, schedule))
    assert client.published > 800
    assert once(client.read) == list(range(1, client.published + 1))
    if name == "long-polling":
        assert len(client.read) == client.published
