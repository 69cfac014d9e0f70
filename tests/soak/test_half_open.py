"""Peers whose network goes without a word: what the server's kernel and its time-outs make of them.

The same over a proxy that swallows bytes, for who cannot make a network: ``tests/transports/test_half_open.py``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from tests.support.figures import Tell
from tests.support.network import Network, NoNetwork, network
from tests.support.wire import HttpConnection, WebSocket

pytestmark = [pytest.mark.soak, pytest.mark.timed]

EACH = 20
LATE = 3.0
"""Seconds by which a loaded machine may be late."""
HANDSHAKE = {"channel": "/meta/handshake", "version": "1.0"}


@pytest.fixture
def net() -> Iterator[Network]:
    """A network whose far end can vanish."""
    try:
        with network() as made:
            yield made
    except NoNetwork as reason:
        pytest.skip(str(reason))


class House:
    """A server at the near end."""

    def __init__(self, server: BayeuxServer, listener: Listener, address: str) -> None:
        self.server, self.listener = server, listener
        self.url = f"http://{address}:{listener.port}/cometd"

    def carried(self, transport: str) -> int:
        """Connections of a transport."""
        return self.server.counters.connections[transport]


@asynccontextmanager
async def open_house(net: Network, **options: Any) -> AsyncIterator[House]:
    async with BayeuxServer(Options(**options)) as server, Listener([Mount(server, "/cometd")]) as listener:
        listener.listen(0, net.address)
        yield House(server, listener, net.address)


async def connected_socket(socket: WebSocket, channel: str) -> WebSocket:
    """Its session hears the channel and has a connect held."""
    socket.send(orjson.dumps([HANDSHAKE]))
    own = {"clientId": orjson.loads(await socket.text())[0]["clientId"]}
    connect = {"channel": "/meta/connect", "connectionType": "websocket", **own}
    socket.send(orjson.dumps([{"channel": "/meta/subscribe", "subscription": channel, **own}, connect]))
    await socket.text()
    socket.send(orjson.dumps([connect]))
    return socket


async def held_poll(connection: HttpConnection) -> HttpConnection:
    """Its session has a connect held."""
    connection.request("POST", "/cometd", body=orjson.dumps(HANDSHAKE))
    reply = await connection.reply()
    cookie = {"Cookie": (reply.header("set-cookie") or "").partition(";")[0]}
    own = {"clientId": reply.json[0]["clientId"]}
    connect = orjson.dumps({"channel": "/meta/connect", "connectionType": "long-polling", **own})
    connection.request("POST", "/cometd", cookie, connect)
    await connection.reply()
    connection.request("POST", "/cometd", cookie, connect)
    return connection


async def seconds_until(condition: Any, at_most: float) -> float:
    """How long it takes. Raises TimeoutError."""
    started = time.monotonic()
    async with asyncio.timeout(at_most):
        while not condition():  # noqa: ASYNC110 - the server has no events for its tests
            await asyncio.sleep(0.02)
    return time.monotonic() - started


async def keep_publishing(house: House, channel: str) -> None:
    """Something to write at any time; cancelled at the end."""
    while True:
        house.server.publish(channel, 1)
        await asyncio.sleep(0.1)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.spec("WS-16", "WS-18", "SES-5", "CN-3")
async def test_vanished_peers_are_found_and_cost_no_descriptor(net: Network, tell: Tell) -> None:
    """Idle sockets, sockets that events leave for, and held polls; their sessions wait their usual time."""
    options = {"ws_ping_interval": 2.0, "ws_ping_timeout": 1.0, "timeout": 4.0, "keepalive_idle": 2.0}
    async with open_house(net, **options, max_interval=6.0) as house:
        sockets = [await connected_socket(await net.open_websocket(house.url), "/idle") for _ in range(EACH)]
        busy = [await connected_socket(await net.open_websocket(house.url), "/busy") for _ in range(EACH)]
        polls = [await held_poll(await net.connect(house.url)) for _ in range(EACH)]
        await seconds_until(lambda: house.carried("long-polling") == EACH, LATE)
        publishing = asyncio.create_task(keep_publishing(house, "/busy"))
        before = descriptors()
        net.vanish()

        seconds = await seconds_until(lambda: not house.carried("websocket"), 3.0 + LATE)
        tell(f"{2 * EACH} sockets were found dead within {seconds:.1f} s")
        assert len(house.server.sessions) == 3 * EACH
        seconds += await seconds_until(lambda: not house.carried("long-polling"), 4.0 + LATE)
        tell(f"{EACH} held polls were answered within {seconds:.1f} s")
        seconds += await seconds_until(lambda: not house.listener.connections, 2.0 + LATE)
        assert descriptors() == before - 3 * EACH
        seconds += await seconds_until(lambda: not len(house.server.sessions), 6.0 + LATE)
        tell(f"their sessions had ended after {seconds:.1f} s")
        assert house.server.counters.session_ends == {"timeout": 3 * EACH}
        publishing.cancel()
        for each in (*sockets, *busy, *polls):
            await each.close()


@pytest.mark.spec("SES-5", "DSC-9")
async def test_vanished_socket_without_pings_goes_with_its_session(net: Network, tell: Tell) -> None:
    """As in the library unless told otherwise: the connect is answered, and no other one follows."""
    async with open_house(net, timeout=2.0, max_interval=2.0) as house:
        socket = await connected_socket(await net.open_websocket(house.url), "/idle")
        net.vanish()
        seconds = await seconds_until(lambda: not house.listener.connections, 2.0 + 2.0 + 2.0 + LATE)
        tell(f"session and socket were gone after {seconds:.1f} s")
        assert house.server.counters.session_ends == {"timeout": 1}
        await socket.close()


@pytest.mark.spec("WS-21", "SEC-91")
async def test_write_to_a_vanished_socket_is_cut_off_and_delays_nobody(net: Network, tell: Tell) -> None:
    """Once the kernel takes no more of it; a socket at the near end gets everything meanwhile."""
    async with open_house(net, ws_write_timeout=2.0, max_queue_bytes=0, max_queue=0) as house:
        socket = await connected_socket(await net.open_websocket(house.url), "/busy")
        near = await connected_socket(await WebSocket.open(house.url), "/busy")
        net.vanish()
        started, events = time.monotonic(), 0
        async with asyncio.timeout(20.0):
            while not house.server.counters.rejected["SEC-L17"]:
                house.server.publish("/busy", [events, "x" * 200_000])
                (event,) = orjson.loads(await near.text())
                assert event["data"][0] == events
                events += 1
                await asyncio.sleep(0.05)  # the pace of the test
        tell(f"cut off {time.monotonic() - started:.1f} s after the first write; the other had {events} events")
        assert house.carried("websocket") == 1
        assert len(house.server.sessions) == 2
        await socket.close()
        await near.close()
