"""One conversation through every door and carrier gives the same bytes; what is not ours goes to Tornado."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from bayeux.protocol import frames
from bayeux.server.server import BayeuxServer
from bayeux.transports.adopted.carrier import StreamCarrier
from bayeux.transports.adopted.connection import Connection
from bayeux.transports.mount import Mount
from bayeux.transports.routes import make_handlers
from tests.support.wire import WAIT, Endpoint, HttpConnection, UpgradeRefused, WebSocket, frame
from tests.transports.doors import DOORS, PLAIN_DOORS, House, open_house, until

HANDSHAKE = {"id": "1", "channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["websocket"]}
UPGRADE = (
    b"GET /cometd HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def counted() -> Callable[[int], bytes]:
    """Random bytes that are the same in every run."""
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "little")


def post(*messages: object, path: str = "/cometd", headers: str = "") -> bytes:
    body = orjson.dumps(messages)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Raw:
    """A connection whose bytes are kept as they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = b""

    @classmethod
    async def open(cls, house: House) -> Raw:
        return cls(*await Endpoint.of(house.url).connect())

    async def response(self) -> bytes:
        async with asyncio.timeout(WAIT):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            body = await self.reader.readexactly(int(length[1])) if length else b""
        self.received += head + body
        return body

    async def frame(self) -> bytes:
        async with asyncio.timeout(WAIT):
            head = await self.reader.readexactly(2)
            size = head[1]
            if size == 126:
                head += await self.reader.readexactly(2)
                size = int.from_bytes(head[2:], "big")
            payload = await self.reader.readexactly(size)
        self.received += head + payload
        return payload

    async def rest(self) -> bytes:
        async with asyncio.timeout(WAIT):
            self.received += (rest := await self.reader.read())
        return rest

    async def close(self) -> None:
        self.writer.transport.abort()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass


async def converse(house: House) -> bytes:
    """Long-polling with everything, then a WebSocket; all bytes the server wrote."""
    house.server.random_bytes = counted()
    polling = await Raw.open(house)
    polling.writer.write(post(HANDSHAKE, path="/cometd/handshake"))
    client_id = orjson.loads(await polling.response())[0]["clientId"]
    cookie = re.search(rb"Set-Cookie: ([^;]+)", polling.received)
    assert cookie is not None
    proof = f"Cookie: {cookie[1].decode()}\r\n"

    def ask(channel: str, **fields: object) -> bytes:
        return post({"channel": channel, "clientId": client_id, **fields}, path="/cometd/", headers=proof)

    polling.writer.write(ask("/meta/connect", id="2", advice={"timeout": 0}))
    await polling.response()
    # Two requests in one write, the second behind the first: both are answered, in order.
    polling.writer.write(ask("/meta/subscribe", id="3", subscription=["/a", "/b/*"]) + ask("/a", id="4", data=None))
    await polling.response()
    await polling.response()
    polling.writer.write(ask("/meta/connect", id="5"))
    await until(lambda: house.server.sessions.held_by_browser)
    house.server.publish("/b/c", {"n": "x" * 2000})
    await polling.response()
    polling.writer.write(b"GET /cometd HTTP/1.1\r\nHost: x\r\n\r\nBREW /cometd HTTP/1.1\r\nHost: x\r\n\r\n")
    await polling.response()
    await polling.rest()
    await polling.close()

    socket = await Raw.open(house)
    socket.writer.write(UPGRADE + frame(0x1, orjson.dumps([HANDSHAKE])))
    await socket.response()
    client_id = orjson.loads(await socket.frame())[0]["clientId"]
    for n, fields in enumerate(({"channel": "/meta/connect"}, {"channel": "/meta/subscribe", "subscription": "/a"})):
        socket.writer.write(frame(0x1, orjson.dumps([{**fields, "id": str(n), "clientId": client_id}])))
        await socket.frame()
    for n in range(100):
        house.server.publish("/a", {"n": n, "text": "€" * 100})
    await socket.frame()
    socket.writer.write(frame(0x9, b"still there?") + frame(0x1, b"[]") + frame(0x1, b"{"))
    for _ in range(3):
        await socket.frame()
    socket.writer.write(frame(0x8, frames.close_payload(1000, "done")))
    await socket.rest()
    await socket.close()
    return polling.received + socket.received


async def run(door: str) -> bytes:
    async with open_house(door, {"browser_cookie_secure": "off"}) as house:
        written = await converse(house)
    return written.replace(b"Strict-Transport-Security: max-age=31536000\r\n", b"")


@pytest.mark.spec("HTTP-3", "LP-11", "LP-13", "WS-1", "WS-5", "WS-10", "BAT-2")
async def test_conversation_is_the_same_bytes_through_every_door() -> None:
    written = {door: await run(door) for door in DOORS}
    assert written["listener"].count(b"HTTP/1.1 200 OK\r\n") == 5
    assert written["handler"] == written["listener"]
    assert written["tls"] == written["listener"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("HTTP-1", "HTTP-9")
async def test_request_for_another_path_goes_to_tornado_and_the_next_for_ours_comes_back(door: str) -> None:
    """A browser shows the page and polls on one connection, in any order."""
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        for _ in range(3):
            connection.request("GET", "/page?x=1")
            assert (await connection.reply()).body == b"elsewhere /page"
            connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
            assert (await connection.reply()).json[0]["successful"]
            connection.request("POST", "/cometdx", {}, b"x" * 200_000)
            assert (await connection.reply()).body == b"posted 200000"
        await connection.close()


@pytest.mark.spec("HTTP-1")
async def test_server_stands_for_a_mount_of_it() -> None:
    async with BayeuxServer() as server:
        application = Application(make_handlers(server, Mount(server, "/second"), path="/first"))
        listening, port = bind_unused_port()
        tornado = HTTPServer(application)
        tornado.add_socket(listening)
        connection = await HttpConnection.open(f"http://127.0.0.1:{port}/")
        for path, status in (("/first/handshake", 200), ("/second", 200), ("/cometd", 404)):
            connection.request("POST", path, {}, orjson.dumps(HANDSHAKE))
            assert (await connection.reply()).status == status
        await connection.close()
        tornado.stop()
        await tornado.close_all_connections()
    with pytest.raises(TypeError, match="path: a Mount has its own"):
        make_handlers(Mount(server), path="/first")


@pytest.mark.parametrize("door", DOORS)
async def test_pipelined_requests_are_answered_in_order_by_whom_they_are_for(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        ours = connection.request_bytes("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        theirs = connection.request_bytes("POST", "/other", {}, b"12345")
        connection.write(ours + theirs + ours + ours + theirs)
        kinds = [(await connection.reply()).body[:6] for _ in range(5)]
        assert kinds == [b'[{"id"', b"posted", b'[{"id"', b'[{"id"', b"posted"]
        await connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("MSGX-4")
async def test_request_behind_a_message_is_served_outside_of_it(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        ours = connection.request_bytes("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        connection.write(ours + connection.request_bytes("PUT", "/other", {}, b"1") + ours)
        assert (await connection.reply()).json[0]["successful"]
        assert (await connection.reply()).body == b"while None is handled"
        await connection.close()


@pytest.mark.parametrize("door", PLAIN_DOORS)
async def test_request_that_arrives_in_pieces_is_the_same_request(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        request = connection.request_bytes("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        for n in range(len(request)):
            connection.write(request[n : n + 1])
            await asyncio.sleep(0)
        assert (await connection.reply()).json[0]["successful"]
        await connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-1")
async def test_socket_opens_on_the_path_and_below_it(door: str) -> None:
    async with open_house(door) as house:
        for path in ("", "/", "/anything?x=y"):
            socket = await WebSocket.open(house.url + path)
            socket.send("[]")
            assert await socket.text() == "[]"
            await socket.close()
        with pytest.raises(UpgradeRefused) as refused:
            await WebSocket.open(house.url + "x")
        assert refused.value.reply.status == 200  # Tornado's page: not our path


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("SES-8")
async def test_closed_connection_of_a_held_poll_is_noticed_at_once(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        reply = await connection.reply()
        cookie = (reply.header("set-cookie") or "").partition(";")[0]
        connect = {"channel": "/meta/connect", "clientId": reply.json[0]["clientId"]}
        connection.request("POST", "/cometd", {"Cookie": cookie}, orjson.dumps(connect))
        await connection.reply()
        connection.request("POST", "/cometd", {"Cookie": cookie}, orjson.dumps(connect))
        await until(lambda: house.server.sessions.held_by_browser)
        connection.abort()
        await until(lambda: not house.server.sessions.held_by_browser)
        await connection.close()


@pytest.mark.spec("LP-13")
@pytest.mark.parametrize("door", DOORS)
async def test_small_answers_are_sent_at_once(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nagle's algorithm and a delayed acknowledgement would make 40 ms of them."""
    kept_back: list[int] = []
    answer = Connection.answer

    def noted(connection: Connection, *arguments: Any, **options: Any) -> int:
        carrier = connection.carrier
        connected = carrier._stream.socket if isinstance(carrier, StreamCarrier) else carrier._socket  # type: ignore[attr-defined]
        kept_back.append(not connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return answer(connection, *arguments, **options)

    monkeypatch.setattr(Connection, "answer", noted)
    async with open_house(door) as house:
        raw = await Raw.open(house)
        raw.writer.write(post(HANDSHAKE))
        await raw.response()
        raw.writer.close()
    assert kept_back == [False]
