"""The order among calls, whatever befalls them: any schedule of answers, redirections and losses."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis import exceptions

from bayeux.backplane.redis.calls import Call, Queue
from bayeux.backplane.redis.topology import Address
from bayeux.backplane.redis.unavailable import StoreUnavailable

OTHER = Address("other", 1)


class Server:
    """Stores numbers that are higher than the last one, as our scripts do; the others it takes for ones sent twice."""

    def __init__(self) -> None:
        self.stored: list[int] = []

    def execute(self, call: Call) -> int:
        number = int(call.packed)
        if self.stored and number <= self.stored[-1]:
            return -1
        self.stored.append(number)
        return number


class Network:
    """One connection at a time, to one server, before a queue."""

    place = "redis://here"

    def __init__(self) -> None:
        self.server = Server()
        self.under_way: deque[Call] = deque()
        self.is_connected = True
        self.looks = 0
        self.doomed = 0
        """How many of those under way will be refused, as those sent before them were."""
        self.doom = exceptions.ResponseError()
        self.queue = Queue(self)

    # as its dispatcher and sender

    def sender_of(self, queue: Queue) -> Network | None:
        return self if self.is_connected else None

    def sender_at(self, address: Address) -> Network | None:
        assert address == OTHER
        return self.sender_of(self.queue)

    def moved(self, slot: int, address: Address) -> None:
        assert (slot, address) == (0, OTHER)

    def look_again(self) -> None:
        self.looks += 1

    def why_away(self, queue: Queue) -> str:
        return "away"

    def send(self, call: Call) -> None:
        call.instead = None
        self.under_way.append(call)

    def drop(self, why: str) -> None:
        self.is_connected = False

    # what happens

    def answer(self, count: int) -> None:
        """The first few are executed, and answered."""
        for _ in range(min(count, len(self.under_way))):
            call = self.under_way.popleft()
            if self.doomed:
                self.doomed -= 1
                call.answered(self.doom)
            else:
                call.answered(self.server.execute(call))

    def lose(self, count: int) -> None:
        """The connection, though the first few are executed."""
        self.is_connected = False
        taken = list(self.under_way)
        self.under_way.clear()
        for call in taken[self.doomed :][:count]:
            self.server.execute(call)
        self.doomed = 0
        for call in taken:
            call.lost("lost")

    def refuse(self, error: exceptions.ResponseError, count: int) -> None:
        """All that is under way, of which the first few are told it."""
        self.doomed, self.doom = len(self.under_way), error
        self.answer(count)

    def settle(self) -> None:
        """There is a connection, perhaps another one."""
        if not self.is_connected:
            self.lose(0)
            self.is_connected = True
        self.queue.resume()


ERRORS = {
    "moved": lambda: exceptions.MovedError("0 other:1"),
    "ask": lambda: exceptions.AskError("0 other:1"),
    "later": lambda: exceptions.TryAgainError("later"),
    "down": lambda: exceptions.ClusterDownError("down"),
    "replica": lambda: exceptions.ReadOnlyError("read only"),
    "script": lambda: exceptions.NoScriptError("no script"),
}
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["call", "call", "answer", "lose", *ERRORS]), st.integers(1, 6)),
        st.tuples(st.just("settle"), st.just(1)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(EVENTS)
@example([("call", 3), ("moved", 1), ("call", 2), ("settle", 1), ("answer", 5)])
def test_no_call_overtakes_another(events: list[tuple[str, int]]) -> None:
    """What was answered has been done, once, and all in the order in which it was asked for."""

    async def play() -> None:
        network = Network()
        calls: list[Call] = []
        for event, count in events:
            match event:
                case "call":
                    for _ in range(count):
                        calls.append(Call(b"%d" % (len(calls) + 1), asyncio.get_running_loop().time() + 60))
                        network.queue.put(calls[-1])
                case "answer":
                    network.answer(count)
                case "lose":
                    network.lose(count)
                case "settle":
                    network.settle()
                case _:
                    network.refuse(ERRORS[event](), count)
            await asyncio.sleep(0)
        for _ in range(5):
            network.settle()
            await asyncio.sleep(0)
            network.answer(len(calls))
        assert network.queue.is_idle
        assert network.server.stored == sorted(network.server.stored)
        for number, call in enumerate(calls, 1):
            assert call.answer.done()
            if call.answer.exception() is None:
                assert number in network.server.stored
            else:
                assert isinstance(call.answer.exception(), StoreUnavailable)

    asyncio.run(play())


@pytest.mark.spec("OPS-72")
async def test_call_that_is_lost_twice_fails() -> None:
    """Whether it was done is unknown, and the text says so."""
    network = Network()
    call = Call(b"1", asyncio.get_running_loop().time() + 60)
    network.queue.put(call)
    for _ in range(2):
        network.lose(0)
        network.settle()
        await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="unknown"):
        await call.answer
    assert not network.under_way


async def test_call_waits_no_longer_than_it_may() -> None:
    """While nothing can be sent."""
    network = Network()
    network.is_connected = False
    loop = asyncio.get_running_loop()
    calls = [Call(b"%d" % number, loop.time() + number / 10) for number in (1, 2)]
    for call in calls:
        network.queue.put(call)
    for call in calls:
        with pytest.raises(StoreUnavailable, match="away"):
            await call.answer
    assert network.queue.is_idle


async def test_two_servers_that_name_each_other_are_not_asked_for_ever() -> None:
    """After a few redirections the map is read first."""
    network = Network()
    network.queue.put(Call(b"1", asyncio.get_running_loop().time() + 60))
    for _ in range(4):
        network.refuse(exceptions.MovedError("0 other:1"), 1)
        await asyncio.sleep(0)
    assert network.looks == 1 and not network.under_way
    network.settle()
    network.answer(1)
    assert network.server.stored == [1]
