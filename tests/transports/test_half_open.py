"""Peers whose network has gone, and who say nothing of it: found by pings and time-outs, never by their silence alone.

Here bytes vanish in a proxy; what the kernel does about a cable that was pulled is in ``tests/soak/test_half_open.py``.
"""

from __future__ import annotations

import asyncio

import orjson
import pytest

from bayeux.testing.fault_proxy import FaultProxy
from tests.support.wire import PING, PONG, WAIT, HttpConnection, SocketClosed, WebSocket, frame
from tests.transports.doors import DOORS, House, open_house, until

HANDSHAKE = {"id": "1", "channel": "/meta/handshake", "version": "1.0"}
PINGS = {"ws_ping_interval": 0.2, "ws_ping_timeout": 0.2}


async def subscribed(url: str, *, receive_buffer: int | None = None) -> WebSocket:
    """A socket whose session hears ``/a`` and has no connect held."""
    socket = await WebSocket.open(url, receive_buffer=receive_buffer)
    socket.send(orjson.dumps(HANDSHAKE))
    client_id = orjson.loads(await socket.text())[0]["clientId"]
    socket.send(orjson.dumps([{"channel": "/meta/subscribe", "clientId": client_id, "subscription": "/a"}]))
    await socket.text()
    return socket


async def keep_publishing(house: House) -> None:
    """Something to write at any time; cancelled at the end."""
    while True:
        house.server.publish("/a", 1)
        await asyncio.sleep(0.02)


async def frames_until_closed(socket: WebSocket) -> None:
    """Read, and answer nothing."""
    try:
        while True:
            await socket.frame()
    except SocketClosed:
        pass  # that is what was waited for


# WebSockets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-18", "WS-16")
async def test_socket_that_answers_no_ping_is_dropped_although_events_leave_for_it(door: str) -> None:
    """Each event put the next ping off, so a peer without a network took events until its session expired."""
    async with open_house(door, websocket=PINGS) as house:
        socket = await subscribed(house.url)
        publishing = asyncio.ensure_future(keep_publishing(house))
        async with asyncio.timeout(WAIT):
            await frames_until_closed(socket)
        assert len(house.server.sessions) == 1, "it waits for its client"
        publishing.cancel()
        await socket.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-18")
async def test_socket_that_answers_pings_stays_while_events_leave_for_it(door: str) -> None:
    async with open_house(door, websocket=PINGS) as house:
        socket = await subscribed(house.url)
        publishing = asyncio.ensure_future(keep_publishing(house))
        for _ in range(4):
            while (await socket.frame()).opcode != PING:
                pass
            socket.write(frame(PONG, b""))
        publishing.cancel()
        assert house.server.counters.connections["websocket"] == 1
        await socket.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-18", "WS-21")
async def test_slow_reader_is_not_taken_for_dead(door: str) -> None:
    """While events wait for it, nothing is read from it: its pong could not be seen, whenever the ping arrived."""
    async with open_house(door, {"ws_write_timeout": 5.0, "max_queue_bytes": 0}, websocket=PINGS) as house:
        socket = await subscribed(house.url, receive_buffer=4096)
        for n in range(30):
            house.server.publish("/a", [n, "x" * 150_000])
        seen = 0
        async with asyncio.timeout(WAIT):
            while seen < 30:
                for event in orjson.loads(await socket.text()):
                    assert event["data"][0] == seen
                    seen += 1
                await asyncio.sleep(0.05)
        assert not house.server.counters.rejected
        await socket.close()


@pytest.mark.spec("WS-18", "WS-9")
async def test_socket_whose_message_is_waited_for_is_not_taken_for_dead() -> None:
    """Nothing is read meanwhile, so its pong could not be seen."""
    async with open_house(websocket=PINGS) as house:
        is_done = asyncio.Event()

        @house.server.on("/b")
        async def wait(*_: object) -> None:
            await is_done.wait()

        socket = await subscribed(house.url)
        client_id = next(iter(house.server.sessions)).client_id
        socket.send(orjson.dumps([{"id": "9", "channel": "/b", "data": 1, "clientId": client_id}]))
        await asyncio.sleep(1.2)  # several times as long as a pong may take
        is_done.set()
        assert '"id":"9"' in await socket.text()
        await socket.close()


# Sessions and connections -------------------------------------------------------------------------


@pytest.mark.spec("WS-16", "WS-18", "SES-5")
async def test_session_of_a_vanished_socket_waits_its_usual_time() -> None:
    options = {"max_interval": 1.0, **PINGS}
    async with open_house(websocket=options) as house, FaultProxy(house.port) as proxy:
        socket = await subscribed(proxy.url("/cometd"))
        proxy.swallow()
        await until(lambda: not connections(house))
        assert len(house.server.sessions) == 1
        await until(lambda: house.server.counters.session_ends["timeout"] == 1)
        await socket.close()


@pytest.mark.spec("CN-3", "SES-5", "SEC-91")
async def test_held_poll_of_a_vanished_client_ends_in_its_time() -> None:
    """The answer goes nowhere; connection and session go when no request follows."""
    options = {"timeout": 0.5, "keepalive_idle": 0.3, "max_interval": 1.0}
    async with open_house(options=options) as house, FaultProxy(house.port) as proxy:
        connection = await HttpConnection.open(proxy.url("/cometd"))
        connection.request("POST", "/cometd", body=orjson.dumps(HANDSHAKE))
        reply = await connection.reply()
        client_id, cookie = reply.json[0]["clientId"], {"Cookie": (reply.header("set-cookie") or "").partition(";")[0]}
        connect = orjson.dumps({"channel": "/meta/connect", "connectionType": "long-polling", "clientId": client_id})
        connection.request("POST", "/cometd", cookie, connect)
        assert (await connection.reply()).json[0]["successful"]
        connection.request("POST", "/cometd", cookie, connect)
        await until(lambda: house.server.counters.connections["long-polling"])
        proxy.swallow()
        await until(lambda: not house.server.counters.connections["long-polling"])
        assert len(house.server.sessions) == 1
        await until(lambda: not connections(house))
        await until(lambda: house.server.counters.session_ends["timeout"] == 1)
        await connection.close()


def connections(house: House) -> int:
    assert house.listener is not None
    return house.listener.connections
