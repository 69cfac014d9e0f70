"""Sessions that come in by several nodes of one gateway, and polls that go to another one on purpose."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.bench import conductor
from gateway.bench.generator import Assignment
from gateway.bench.loop import Address, Loop
from gateway.bench.marks import Reader
from gateway.bench.polling import PollingCarrier
from gateway.bench.session import Manners, Session
from gateway.bench.target import Door, Target
from gateway.bench.workload import Workload
from gateway.failure import Failure
from tests.gateway.bench.servers import SHORT, loaded


@pytest.fixture
def listeners() -> Iterator[list[socket.socket]]:
    """Two doors that take connections and say nothing."""
    with ExitStack() as stack:
        doors = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        for door in doors:
            door.settimeout(10)
        yield doors


def heard(loop: Loop, door: socket.socket) -> tuple[socket.socket, bytes]:
    """The next connection to it, and what that says first."""
    connection, _ = door.accept()
    connection.setblocking(False)
    while True:
        loop.turn()
        try:
            return connection, connection.recv(1000)
        except BlockingIOError:
            pass


def test_held_connects_go_where_they_are_told(listeners: list[socket.socket]) -> None:
    """Everything else goes to the session's own door."""
    own, other = (Address(socket.AF_INET, door.getsockname(), "127.0.0.1") for door in listeners)
    loop = Loop()
    session = Session(0, (), Manners("long-polling"), None)  # type: ignore[arg-type]
    carrier = PollingCarrier(loop, own, "own", "/cometd", Reader("0", remembers=False), session, polls=other)
    carrier.send(b"[1]")
    carrier.send_connect(b"[2]")
    connections, said = zip(*(heard(loop, door) for door in listeners), strict=True)
    assert [request.rpartition(b"\r\n")[2] for request in said] == [b"[1]", b"[2]"]
    carrier.close()
    loop.close()
    for connection in connections:
        connection.close()


def test_assignment_comes_back_from_json() -> None:
    """With all its doors."""
    doors = tuple(Door(Target("127.0.0.1", port), 2, ("127.0.0.1", port)) for port in (1, 2))
    assignment = Assignment(workload=Workload(), doors=doors, polls_go_on=1, run="0", number=0, of=1)
    assert Assignment.from_json(json.loads(json.dumps(assignment.as_json()))) == assignment


@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
async def test_sessions_are_dealt_out_and_processes_watched(transport: str) -> None:
    """Both doors lead to one server here: nothing is lost, and the named process has used its time."""
    async with loaded() as server:
        outcome = await asyncio.to_thread(
            conductor.run,
            Workload(**{**SHORT, "kind": "fanout", "transport": transport}),
            server.target,
            also=(server.target,),
            polls_go_on=1,
            watched={"this": os.getpid()},
        )
    assert outcome.is_exact
    assert outcome.errors == {}
    assert outcome.watched.keys() == {"this"}
    assert outcome.watched["this"] > 0


def test_process_that_is_gone_is_refused_before_anything_begins() -> None:
    """By its number."""
    with socket.create_server(("127.0.0.1", 0)) as door, pytest.raises(Failure, match="process 4194999 is gone"):
        conductor.run(Workload(), Target("127.0.0.1", door.getsockname()[1]), watched={"gone": 4194999})
