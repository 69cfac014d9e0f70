"""A process without descriptors: who is connected is served, who is not is told, and then all is well again.

The shortage is exact: the server, a process of its own, takes every descriptor there is and gives them back when told.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from tests.support.wire import ConnectionGone, HttpConnection, WebSocket

SERVER = """
import asyncio, logging, os, resource, sys
logging.basicConfig(stream=sys.stderr, format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from bayeux import BayeuxServer
from bayeux.transports.routes import make_handlers
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount

class Page(RequestHandler):
    def get(self):
        self.write("a page")

async def main():
    loop, taken = asyncio.get_running_loop(), []
    async with BayeuxServer() as server:
        mount = Mount(server, "/cometd")
        tornado = HTTPServer(Application([*make_handlers(mount), ("/page", Page)]))
        listening, port = bind_unused_port()
        tornado.add_socket(listening)
        listener = Listener([mount], tornado)
        commands = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        print(listener.listen(0), port, flush=True)
        while command := (await commands.readline()).decode().strip():
            if command == "take":
                try:
                    while True:
                        taken.append(os.dup(0))
                except OSError:
                    pass
            elif command == "give":
                while taken:
                    os.close(taken.pop())
            else:
                server.publish("/news", command)
            print(server.counters.rejected["SEC-L1"], flush=True)
        await listener.close()
        await tornado.close_all_connections()

asyncio.run(main())
"""
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
HANDSHAKE = orjson.dumps([{"id": "1", "channel": "/meta/handshake", "version": "1.0"}])


class Child:
    """The server; it listens itself at ``listener``, and in Tornado at ``handler``."""

    def __init__(self, process: asyncio.subprocess.Process, listener: int, handler: int) -> None:
        self._process = process
        self.listener = f"http://127.0.0.1:{listener}/cometd"
        self.handler = f"http://127.0.0.1:{handler}/cometd"

    async def tell(self, command: str) -> int:
        """Have it ``take`` or ``give`` descriptors, or publish; refusals for want of room until then."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command.encode() + b"\n")
        return int(await self._process.stdout.readline())


@asynccontextmanager
async def served() -> AsyncIterator[Child]:
    """A server in a process of its own; at its end it must have complained little."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(40):
            listener, handler = map(int, (await process.stdout.readline()).split())
            yield Child(process, listener, handler)
            _, errors = await process.communicate(b"\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    lines = errors.decode().splitlines()
    assert len(lines) <= 10
    assert all(line.startswith("cannot accept connections") for line in lines), lines


async def hears_news(socket: WebSocket) -> WebSocket:
    """Have a session on it that hears ``/news``."""
    socket.send(HANDSHAKE)
    client_id = orjson.loads(await socket.text())[0]["clientId"]
    socket.send(orjson.dumps([{"channel": "/meta/subscribe", "subscription": "/news", "clientId": client_id}]))
    assert orjson.loads(await socket.text())[0]["successful"]
    return socket


async def held_poll(url: str) -> HttpConnection:
    """A held connect whose session hears ``/news``."""
    connection = await HttpConnection.open(url)
    connection.request("POST", "/cometd", body=HANDSHAKE)
    reply = await connection.reply()
    cookie = {"Cookie": (reply.header("set-cookie") or "").partition(";")[0]}
    own = {"clientId": reply.json[0]["clientId"]}
    connect = {"channel": "/meta/connect", "connectionType": "long-polling", **own}
    first = [{"channel": "/meta/subscribe", "subscription": "/news", **own}, connect]
    connection.request("POST", "/cometd", cookie, orjson.dumps(first))
    assert all(each["successful"] for each in (await connection.reply()).json)
    connection.request("POST", "/cometd", cookie, orjson.dumps([connect]))
    return connection


async def known(url: str) -> HttpConnection:
    """A connection that the server has accepted, waiting for its next request."""
    connection = await HttpConnection.open(url)
    connection.request("GET", "/cometd")
    assert (await connection.reply()).status == 400
    return connection


async def heard(news: str, *sockets: WebSocket) -> None:
    for socket in sockets:
        assert [each["data"] for each in orjson.loads(await socket.text())] == [news]


async def page(connection: HttpConnection) -> int:
    """The status of a page of Tornado's."""
    connection.request("GET", "/page")
    return (await connection.reply()).status


@pytest.mark.spec("SEC-90", "SEC-3")
async def test_connections_that_are_there_do_not_notice_that_descriptors_have_run_out() -> None:
    """Neither sockets nor held polls nor an upgrade whose request had come half; what would take one gets 503."""
    async with served() as child:
        socket = await hears_news(await WebSocket.open(child.listener))
        poll = await held_poll(child.listener)
        half, whole, to_tornado = [await known(child.listener) for _ in range(3)]
        request = half.request_bytes("GET", "/cometd", UPGRADE)
        half.write(request[:60])
        await half.flush()
        refused = await child.tell("take")

        half.write(request[60:])
        whole.request("GET", "/cometd", UPGRADE)
        upgraded = [await hears_news(each.websocket(await each.reply())) for each in (half, whole)]
        assert await page(to_tornado) in (200, 503), "giving a connection to Tornado may take a descriptor"
        await child.tell("one")
        await heard("one", socket, *upgraded)
        assert [each.get("data") for each in (await poll.reply()).json] == ["one", None]
        waiting = [await HttpConnection.open(child.listener) for _ in range(3)]
        for each in waiting:
            each.write(each.request_bytes("POST", "/cometd", body=HANDSHAKE))
        told, pending = await asyncio.wait(
            [asyncio.ensure_future(each.reply()) for each in waiting], return_when=asyncio.FIRST_COMPLETED
        )
        assert {each.result().status for each in told} == {503}
        assert await child.tell("give") > refused

        rest = await asyncio.gather(*pending)
        assert {each.status for each in rest} <= {200, 503}
        assert 200 in {each.status for each in rest}, "they waited to be accepted, and were"
        fresh = await hears_news(await WebSocket.open(child.listener))
        fresh_poll = await held_poll(child.listener)
        to_tornado_again = await known(child.listener)
        assert await page(to_tornado_again) == 200
        await child.tell("two")
        await heard("two", socket, *upgraded, fresh)
        assert [each.get("data") for each in (await fresh_poll.reply()).json] == ["two", None]
        for each in (socket, poll, *upgraded, to_tornado, *waiting, fresh, fresh_poll, to_tornado_again):
            await each.close()


@pytest.mark.spec("SEC-90")
async def test_handler_in_tornado_lets_an_upgrade_go_that_no_descriptor_is_left_for() -> None:
    """Taking a connection over from Tornado takes one; the client comes again, and is served."""
    async with served() as child:
        socket = await hears_news(await WebSocket.open(child.handler))
        through_tornado = await HttpConnection.open(child.handler)
        assert await page(through_tornado) == 200
        await child.tell("take")
        through_tornado.request("GET", "/cometd", UPGRADE)
        with pytest.raises(ConnectionGone):
            await through_tornado.reply()
        await child.tell("give")
        again = await hears_news(await WebSocket.open(child.handler))
        await child.tell("one")
        await heard("one", socket, again)
        for each in (socket, through_tornado, again):
            await each.close()
