"""A plain connection on its socket, by every way there is to learn that the socket is ready."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import pytest

from bayeux.transports.adopted.carrier import SocketCarrier
from bayeux.transports.adopted.readiness import EpollReadiness, LoopReadiness, Readiness
from tests.support.wire import WAIT
from tests.transports.doors import until

MUCH = b"0123456789abcdef" * 64 * 1024  # above what the system buffers between two sockets


class Told:
    """A receiver that remembers what it was told."""

    def __init__(self) -> None:
        self.data = b""
        self.events: list[str] = []
        self.on_received: Callable[[], None] = lambda: None

    def received(self, data: bytes) -> None:
        self.data += data
        self.on_received()

    def write_paused(self) -> None:
        self.events.append("paused")

    def write_resumed(self) -> None:
        self.events.append("resumed")

    def lost(self) -> None:
        self.events.append("lost")


class Line:
    """A carrier with its receiver, and the peer's end of the connection."""

    def __init__(self, ours: socket.socket, peer: socket.socket, readiness: Readiness) -> None:
        self.told = Told()
        self.socket = ours
        self.peer = peer
        self.carrier = SocketCarrier(ours, "192.0.2.1", readiness)
        self.carrier.start(self.told)

    async def until(self, *events: str) -> None:
        """Wait for just these events."""
        await until(lambda: self.told.events == list(events))

    async def until_received(self, data: bytes) -> None:
        await until(lambda: self.told.data == data)

    async def read(self, size: int) -> bytes:
        """What the peer gets, up to so much; less only at the end of the connection."""
        loop, data = asyncio.get_running_loop(), b""
        async with asyncio.timeout(WAIT):
            while len(data) < size and (part := await loop.sock_recv(self.peer, size - len(data))):
                data += part
        return data

    def reset(self) -> None:
        """The peer goes without a good-bye."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()


@pytest.fixture(params=[EpollReadiness, LoopReadiness])
async def readiness(request: pytest.FixtureRequest) -> AsyncIterator[Readiness]:
    kind: type[Readiness] = request.param
    readiness = kind()
    yield readiness
    readiness.close()


@contextmanager
def connection(readiness: Readiness) -> Iterator[Line]:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as peer:
        ours, _ = server.accept()
        for each in (ours, peer):
            each.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
        with ours:
            line = Line(ours, peer, readiness)
            yield line
            line.carrier.abort()


@pytest.fixture
async def line(readiness: Readiness) -> AsyncIterator[Line]:
    with connection(readiness) as line:
        yield line
        await asyncio.sleep(0)


async def test_bytes_arrive_both_ways(line: Line) -> None:
    line.peer.send(b"hello")
    await line.until_received(b"hello")
    line.carrier.write(b"good day")
    assert await line.read(8) == b"good day"
    assert line.told.events == []


async def test_input_of_many_reads_is_told_in_order(line: Line) -> None:
    await asyncio.gather(asyncio.get_running_loop().sock_sendall(line.peer, MUCH), line.until_received(MUCH))


@pytest.mark.spec("WS-21")
async def test_what_the_socket_does_not_take_waits_and_is_sent_in_order(line: Line) -> None:
    line.carrier.write(MUCH)
    await line.until("paused")
    line.carrier.write(MUCH)
    line.carrier.write(b"the end")
    assert line.carrier.unsent > len(MUCH)
    assert await line.read(2 * len(MUCH) + 7) == MUCH + MUCH + b"the end"
    await line.until("paused", "resumed")
    assert line.carrier.unsent == 0


async def test_input_is_read_while_output_waits(line: Line) -> None:
    line.carrier.write(MUCH)
    line.peer.send(b"still here")
    await line.until_received(b"still here")
    assert line.carrier.unsent


async def test_what_comes_while_nothing_is_to_be_read_is_read_later(line: Line) -> None:
    line.carrier.read_on(False)
    line.peer.send(b"hello")
    for _ in range(10):
        await asyncio.sleep(0)
    assert line.told.data == b""
    line.carrier.read_on(True)
    await line.until_received(b"hello")


async def test_output_is_sent_while_nothing_is_to_be_read(line: Line) -> None:
    line.carrier.write(MUCH)
    line.carrier.read_on(False)
    line.peer.send(b"hello")
    assert await line.read(len(MUCH)) == MUCH
    await line.until("paused", "resumed")
    assert line.told.data == b""


async def test_peer_that_leaves_is_told_once(line: Line) -> None:
    line.peer.close()
    await line.until("lost")
    line.carrier.write(b"to nobody")
    line.carrier.close()
    line.carrier.abort()
    for _ in range(10):
        await asyncio.sleep(0)
    assert line.told.events == ["lost"]
    assert line.socket.fileno() == -1


async def test_peer_that_resets_the_connection_is_told_once(line: Line) -> None:
    line.reset()
    await line.until("lost")


async def test_write_to_a_peer_that_has_gone_ends_the_connection_later(line: Line) -> None:
    """Whoever writes is still at work: it must not hear of the end in the middle of it."""
    line.carrier.read_on(False)
    line.reset()
    line.carrier.write(b"one to learn of it")
    line.carrier.write(b"one more")
    assert line.told.events == []
    await line.until("lost")


async def test_peer_that_resets_while_output_waits_is_told_once(line: Line) -> None:
    line.carrier.write(MUCH)
    line.carrier.read_on(False)
    line.reset()
    await line.until("paused", "lost")


async def test_peer_that_leaves_while_output_waits_ends_the_connection(line: Line) -> None:
    line.carrier.write(MUCH)
    line.peer.close()
    await line.until("paused", "lost")


async def test_close_comes_behind_what_was_written(line: Line) -> None:
    line.carrier.write(MUCH)
    line.carrier.close()
    line.carrier.write(b"too late")
    line.peer.send(b"not read any more")
    assert await line.read(len(MUCH)) == MUCH
    await line.until("paused", "resumed", "lost")
    assert line.told.data == b""


async def test_closed_connection_is_told_of_in_a_later_turn(line: Line) -> None:
    line.carrier.close()
    assert line.told.events == []
    await line.until("lost")
    assert await line.read(1) == b""


async def test_abort_forgets_what_was_not_sent(line: Line) -> None:
    line.carrier.write(MUCH)
    line.carrier.abort()
    assert line.carrier.unsent == 0
    await line.until("paused", "lost")
    assert len(await line.read(len(MUCH))) < len(MUCH)


@pytest.mark.parametrize("size", [5, len(MUCH)])
async def test_finished_connection_is_half_open_behind_what_was_written(line: Line, size: int) -> None:
    line.carrier.write(MUCH[:size])
    line.carrier.finish()
    line.carrier.write(b"too late")
    assert await line.read(len(MUCH) + 1) == MUCH[:size]
    line.peer.send(b"I see")
    await line.until_received(b"I see")
    line.peer.close()
    await until(lambda: "lost" in line.told.events)


async def test_finished_connection_whose_peer_has_gone_is_told_once(line: Line) -> None:
    line.reset()
    line.carrier.finish()
    await line.until("lost")


@pytest.mark.expected_logs("a connection failed")
async def test_fault_in_one_connection_ends_that_one_alone(readiness: Readiness, line: Line) -> None:
    def fail() -> None:
        raise LookupError("a fault of ours")

    with connection(readiness) as other:
        line.told.on_received = fail
        line.peer.send(b"hello")
        other.peer.send(b"hello")
        await line.until("lost")
        await other.until_received(b"hello")
        other.carrier.write(b"good day")
        assert await other.read(8) == b"good day"
    await asyncio.sleep(0)


async def test_connection_that_another_one_ends_reads_nothing_any_more(readiness: Readiness, line: Line) -> None:
    """Both have input in the same turn."""
    with connection(readiness) as other:
        line.told.on_received, other.told.on_received = other.carrier.abort, line.carrier.abort
        line.peer.send(b"hello")
        other.peer.send(b"hello")
        await until(lambda: line.told.events + other.told.events)
        assert line.told.data + other.told.data == b"hello"
    await asyncio.sleep(0)


async def test_what_a_read_sets_in_its_context_is_not_seen_by_another(readiness: Readiness, line: Line) -> None:
    spoken: ContextVar[str] = ContextVar("spoken", default="nothing")
    seen: list[str] = []

    def note() -> None:
        seen.append(spoken.get())
        spoken.set("something")

    with connection(readiness) as other:
        line.told.on_received = other.told.on_received = note
        line.peer.send(b"hello")
        await line.until_received(b"hello")
        other.peer.send(b"hello")
        await other.until_received(b"hello")
    await asyncio.sleep(0)
    assert seen == ["nothing", "nothing"]


async def test_released_connection_lives_on_as_a_stream(line: Line) -> None:
    ends: list[str] = []
    address = line.carrier.address
    stream = line.carrier.release(b"first, ", lambda: ends.append("closed"))
    line.peer.send(b"then more")
    assert await stream.read_bytes(16) == b"first, then more"
    assert address == line.peer.getsockname()
    assert line.told.data == b""
    stream.close()
    assert ends == ["closed"]
    assert line.told.events == []
