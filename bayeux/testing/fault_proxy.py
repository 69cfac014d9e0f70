"""A TCP proxy on loopback that can lose the network in many ways: for tests of what clients do then.

Owns the listening socket, its connections, and what befalls all of them. Knows no Bayeux, and of HTTP only
what refusing a WebSocket takes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from bayeux.testing.carried import CHUNK, CarriedConnection, Tally, reset
from bayeux.testing.faults import BOTH, Faults, Faulty, Planned, Rates, Way, refuse_negative, schedule

HOST = "127.0.0.1"
MAX_CONNECTIONS = 1000
ACCEPTING = 0.01
"""Seconds for the few turns that asyncio takes to accept a connection."""
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class FaultProxy(Faulty):
    """Use it as an asynchronous context; clients connect to 127.0.0.1 at ``port``.

    What it is told, by the verbs of ``Faulty``, befalls all connections, present and future ones, until
    ``heal``; ``connections`` takes the same verbs one by one. ``at_random`` draws faults from a seed.

    Args:
        target: port of the server behind, on 127.0.0.1.
        latency, jitter: seconds by which bytes are usually late, each way, and at most more at random.
        refuse_upgrades: answer 403 to a connection whose first request asks for a WebSocket, as old HTTP
            proxies do.
        max_connections: carried at once; more are reset.
        chance: where jitter comes from.

    Raises ValueError for negative times.
    """

    def __init__(
        self,
        target: int,
        *,
        latency: float = 0.0,
        jitter: float = 0.0,
        refuse_upgrades: bool = False,
        max_connections: int = MAX_CONNECTIONS,
        chance: random.Random | None = None,
    ) -> None:
        refuse_negative(latency, jitter)
        self.target = target
        self.port: int = 0
        """Where clients connect, once it is started."""
        self.refuse_upgrades = refuse_upgrades
        self.max_connections = max_connections
        self.tally: Tally = Tally()
        """What it has done so far."""
        self.is_cut: bool = False
        self._usual = Faults(latency=latency, jitter=jitter)
        self._faults = {way: replace(self._usual) for way in BOTH}
        self._chance = chance or random.Random(0)  # noqa: S311 - no secret
        self._plan: Callable[[], Iterator[Planned]] | None = None
        self._tasks: dict[asyncio.Task[None], CarriedConnection | None] = {}

    def url(self, path: str = "/") -> str:
        """The same as an HTTP address."""
        return f"http://{HOST}:{self.port}{path}"

    @property
    def connections(self) -> list[CarriedConnection]:
        """Those being carried, in the order they came."""
        return [connection for connection in self._tasks.values() if connection is not None]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0, backlog=self.max_connections)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_listening()
        await self._reset_all()
        await self._server.wait_closed()

    # What befalls all -------------------------------------------------------------------------

    def faults(self, way: Way | None = None) -> Iterable[Faults]:
        """See ``Faulty``: those of the connections there are, and what others begin with."""
        own = self._faults.values() if way is None else [self._faults[way]]
        return [*own, *(each for connection in self.connections for each in connection.faults(way))]

    async def cut(self) -> None:
        """Reset all connections, both sides, and those to come until ``heal``; returns when they are gone."""
        self.is_cut = True
        self.tally.outages += 1
        await self._reset_all()

    def half_close(self, way: Way) -> None:
        """End one way of each connection for its receiver; the other goes on."""
        for connection in self.connections:
            connection.half_close(way)

    def heal(self) -> None:
        """The network is back, and as it usually is; connections that lost bytes are reset."""
        self.is_cut = False
        for way in BOTH:
            self._faults[way] = replace(self._usual)
        for connection in self.connections:
            connection.heal()

    @asynccontextmanager
    async def at_random(self, chance: random.Random, rates: Rates) -> AsyncIterator[None]:
        """Have faults befall each connection within the block as ``rates`` say, then heal.

        Each connection has a schedule of its own, drawn from ``chance`` in the order the connections come.
        """
        outages = asyncio.create_task(self._outages(_branch(chance), rates), name="fault proxy: outages")
        self._plan = lambda: schedule(_branch(chance), rates)
        for connection in self.connections:
            connection.suffer(self._plan())
        try:
            yield
        finally:
            self._plan = None
            outages.cancel()
            await asyncio.wait([outages])
            for connection in self.connections:
                connection.recover()
            self.heal()

    async def _outages(self, chance: random.Random, rates: Rates) -> None:
        while rates.outage:
            await asyncio.sleep(chance.expovariate(rates.outage))
            await self.cut()
            await asyncio.sleep(chance.uniform(0.0, rates.longest))
            self.is_cut = False

    # Carrying ---------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut or len(self._tasks) >= self.max_connections:
            self.tally.refused += 1
            reset(writer)
            return
        task = asyncio.create_task(self._carry(reader, writer), name="fault proxy: connection")
        self._tasks[task] = None
        task.add_done_callback(lambda task: self._end(task, writer))

    def _end(self, task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        del self._tasks[task]
        reset(writer)  # it may have been cut before it began
        if not task.cancelled():
            task.result()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = b""
        if self.refuse_upgrades:
            first = await _head(reader)
            if b"\nupgrade: websocket" in first.lower():
                await self._refuse_upgrade(writer)
                return
        try:
            behind = await asyncio.open_connection(HOST, self.target)
        except OSError:
            self.tally.unreachable += 1
            return
        connection = CarriedConnection((reader, writer), behind, self._faults, self.tally, self._chance, first)
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = connection
        self.tally.connections += 1
        if self._plan is not None:
            connection.suffer(self._plan())
        await connection.carry()

    async def _refuse_upgrade(self, writer: asyncio.StreamWriter) -> None:
        self.tally.refused_upgrades += 1
        writer.write(REFUSAL)
        await writer.drain()
        writer.close()

    async def _stop_listening(self) -> None:
        """Let in who is at the door: asyncio forgets, and never closes, whom it accepts while its server is closed."""
        self.is_cut = True
        loop = asyncio.get_running_loop()
        for listening in self._server.sockets:
            loop.remove_reader(listening.fileno())
        await asyncio.sleep(ACCEPTING)
        self._server.close()

    async def _reset_all(self) -> None:
        tasks = list(self._tasks)
        for connection in self.connections:
            connection.cut()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close their sockets in the next turn


async def _head(reader: asyncio.StreamReader) -> bytes:
    """What a client sends first: a request's head, unless it is long or something else."""
    head = b""
    try:
        while b"\r\n\r\n" not in head and len(head) < CHUNK:
            data = await reader.read(CHUNK)
            if not data:
                break
            head += data
    except OSError:
        pass  # it has gone: carrying finds out
    return head


def _branch(chance: random.Random) -> random.Random:
    """A source of its own, so that who draws more does not change what others draw."""
    return random.Random(chance.getrandbits(64))  # noqa: S311 - a seed is the point
