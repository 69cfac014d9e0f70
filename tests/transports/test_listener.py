"""The listener as a whole: what it counts, how it ends, what it does without descriptors."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import time
from pathlib import Path

import orjson
import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.transports.listener import Listener, listen
from bayeux.transports.mount import Mount, mount_of
from bayeux.transports.routes import make_handlers
from tests.support.wire import WAIT, ConnectionGone, HttpConnection, Reply, WebSocket
from tests.transports.doors import DOORS, Elsewhere, open_house, server_context, until

HANDSHAKE = {"id": "1", "channel": "/meta/handshake"}


@pytest.mark.spec("HTTP-9")
async def test_other_paths_get_404_where_no_tornado_is() -> None:
    async with BayeuxServer() as server:
        listener = Listener([Mount(server, "/cometd")])
        url = f"http://127.0.0.1:{listener.listen(0)}/cometd"
        connection = await HttpConnection.open(url)
        connection.request("GET", "/other")
        assert (await connection.reply()).status == 404
        assert await connection.rest() == b""
        await connection.close()
        await listener.close()


async def test_connection_is_counted_once_however_often_it_changes_hands() -> None:
    async with open_house() as house:
        assert house.listener is not None
        connections = [await HttpConnection.open(house.url) for _ in range(3)]
        for path in ("/cometd", "/page", "/cometd", "/page", "/page", "/cometd"):
            for each in connections:
                each.request("GET", path)
                await each.reply()
            assert house.listener.connections == 3
        connections[2].request("GET", "/page")
        await connections[2].reply()
        for each in connections:
            await each.close()
        await until(lambda: house.listener is not None and not house.listener.connections)


@pytest.mark.spec("DSC-11")
async def test_stopped_listener_accepts_no_more_and_serves_on_whom_it_has() -> None:
    async with open_house() as house:
        assert house.listener is not None
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        await connection.reply()
        await house.listener.stop()
        with pytest.raises(ConnectionRefusedError):
            await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        assert (await connection.reply()).status == 200
        await house.server.drain(spread=0)
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        reply = await connection.reply()
        assert reply.header("connection") == "close"
        assert reply.json[0]["error"] == "503::unavailable"
        await connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("DSC-11")
async def test_socket_of_a_stopping_server_is_closed_with_1001(door: str) -> None:
    async with open_house(door) as house:
        socket = await WebSocket.open(house.url)
        socket.send(orjson.dumps(HANDSHAKE))
        await socket.text()
        await house.server.drain(spread=0)
        assert (await socket.closed()).code == 1001
        await socket.close()


async def test_closed_listener_leaves_no_connection() -> None:
    async with open_house() as house:
        assert house.listener is not None
        connection, socket = await HttpConnection.open(house.url), await WebSocket.open(house.url)
        connection.request("GET", "/cometd")
        await connection.reply()
        await house.listener.close()
        connection.request("GET", "/cometd")
        with pytest.raises(ConnectionGone):
            await connection.reply()
        assert (await socket.closed()).code is None
        assert house.listener.connections == 0
        await connection.close()
        await socket.close()


@pytest.mark.expected_logs("a request could not be served")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("SEC-21")
async def test_fault_of_a_hook_is_answered_with_500(door: str) -> None:
    def faulty(origin: str) -> bool:
        raise RuntimeError("secret")

    async with open_house(door, is_origin_allowed=faulty) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {"Origin": "https://a.example"}, orjson.dumps(HANDSHAKE))
        reply = await connection.reply()
        assert (reply.status, reply.body) == (500, b"Internal error")
        await connection.close()


@pytest.mark.spec("HTTP-1")
def test_longest_mount_that_covers_a_target_has_it() -> None:
    server = BayeuxServer()
    mounts = [Mount(server, path) for path in ("/cometd", "/cometd/deep/", "/api/v2/notifications")]
    short, deep, other = mounts
    assert [mount_of(mounts, target) for target in ("/cometd", "/cometd/", "/cometd/x", "/cometd?x=/y")] == [short] * 4
    assert [mount_of(mounts, target) for target in ("/cometd/deep", "/cometd/deep/x")] == [deep] * 2
    assert mount_of(mounts, "/api/v2/notifications/handshake") is other
    for target in ("/", "", "/cometdx", "/Cometd", "/cometd%2f", "/%63ometd", "//cometd", "/api", "*", "cometd"):
        assert mount_of(mounts, target) is None
    assert mount_of([Mount(server, "/")], "/anything") is not None


def test_mount_takes_the_most_specific_option() -> None:
    mount = Mount(
        BayeuxServer(Options(timeout=1.0, interval=1.0, max_interval=1.0)),
        overrides={"interval": 2.0, "max_interval": 2.0},
        websocket={"max_interval": 3.0},
    )
    assert [getattr(mount.options("websocket"), name) for name in ("timeout", "interval", "max_interval")] == [1, 2, 3]
    assert mount.options("long-polling").max_interval == 2
    with pytest.raises(ValueError, match="unknown option: nonsense"):
        Mount(BayeuxServer(), overrides={"nonsense": 1})
    with pytest.raises(ValueError, match="begins with /"):
        Mount(BayeuxServer(), "cometd")


STARVED = """
import asyncio, logging, os, resource, sys
logging.basicConfig(stream=sys.stderr, format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from bayeux.server.server import BayeuxServer
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount

async def main():
    async with BayeuxServer() as server:
        listener = Listener([Mount(server, "/cometd")])
        print(listener.listen(0), flush=True)
        taken_by_others = [os.dup(0) for _ in range(40)]
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        print(server.counters.rejected["SEC-L1"], flush=True)
        await listener.close()

asyncio.run(main())
"""


@pytest.mark.spec("SEC-90", "SEC-3")
async def test_server_out_of_descriptors_pauses_answers_one_and_recovers() -> None:
    """64 descriptors, most in use, 120 clients: plain Tornado writes tens of thousands of error lines a second."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        STARVED,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    async with asyncio.timeout(30):
        url = f"http://127.0.0.1:{int(await child.stdout.readline())}/cometd"
        clients = [await HttpConnection.open(url) for _ in range(120)]
        turned_away = await _first_answered(clients)
        assert turned_away.status == 503
        before, start = _cpu_seconds(child.pid), time.monotonic()
        await asyncio.sleep(1.5)  # what is measured is that nothing happens meanwhile
        assert (_cpu_seconds(child.pid) - before) / (time.monotonic() - start) < 0.2
        for each in clients:
            await each.close()
        last = await HttpConnection.open(url)
        last.request("GET", "/cometd")
        assert (await last.reply()).status == 400
        await last.close()
        output, errors = await child.communicate(b"\n")
    assert 1 <= int(output) <= 10
    assert 1 <= len(errors.splitlines()) <= 10
    assert child.returncode == 0


# -- standalone ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.spec("DSC-11", "HTTP-9", "SEC-34")
async def test_server_listens_on_its_own(tls: bool) -> None:
    """It is started, serves at its path, and is stopped with the listener: the held connect is answered."""
    server = BayeuxServer()
    ssl = server_context() if tls else None
    async with await listen(server, 0, path="/bayeux", ssl=ssl, overrides={"timeout": 60.0}) as listener:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.port}/bayeux"
        connection = await HttpConnection.open(url)
        connection.request("POST", "/bayeux/handshake", {}, orjson.dumps(HANDSHAKE))
        reply = await connection.reply()
        assert (reply.header("strict-transport-security") is not None) is tls
        cookie = {"Cookie": (reply.header("set-cookie") or "").partition(";")[0]}
        connect = {"channel": "/meta/connect", "clientId": reply.json[0]["clientId"]}
        for advice in ({"timeout": 0}, {}):
            connection.request("POST", "/bayeux", cookie, orjson.dumps({**connect, "advice": advice}))
            if advice:
                await connection.reply()
        await until(lambda: server.sessions.held_by_browser)
        web = await WebSocket.open(url)
        other = await HttpConnection.open(url)
        other.request("GET", "/")
        assert (await other.reply()).status == 404
    assert (await connection.reply()).json[0]["advice"]["reconnect"] == "retry"
    assert not server.is_started
    assert not listener.connections
    for each in (connection, web, other):
        await each.close()


async def test_server_that_works_already_goes_on_without_its_listener() -> None:
    async with BayeuxServer() as server:
        async with await listen(server, 0):
            pass
        assert server.is_started
        assert not server.is_draining


async def test_server_whose_port_is_taken_is_not_left_started() -> None:
    taken, port = bind_unused_port()
    server = BayeuxServer()
    with taken, pytest.raises(OSError, match="in use"):
        await listen(server, port)
    assert not server.is_started


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.spec("HTTP-1")
async def test_tornado_serves_the_other_paths_of_the_port(tls: bool) -> None:
    server = BayeuxServer()
    tornado = HTTPServer(Application([*make_handlers(server), (r"/.*", Elsewhere)]))
    async with await listen(server, 0, ssl=server_context() if tls else None, http_server=tornado) as listener:
        connection = await HttpConnection.open(f"{'https' if tls else 'http'}://127.0.0.1:{listener.port}/")
        for _ in range(2):
            connection.request("GET", "/page")
            assert (await connection.reply()).body == b"elsewhere /page"
            connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
            assert (await connection.reply()).json[0]["successful"]
        await connection.close()
        await tornado.close_all_connections()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("size", [70_000, 90_000, 200_000])
@pytest.mark.spec("HTTP-1")
async def test_large_requests_pass_from_one_to_the_other_whole(tls: bool, size: int) -> None:
    """By TLS what had been received ahead was lost when the connection went to Tornado, and an upload hung."""
    server = BayeuxServer()
    tornado = HTTPServer(Application([*make_handlers(server), (r"/.*", Elsewhere)]))
    async with await listen(server, 0, ssl=server_context() if tls else None, http_server=tornado) as listener:
        connection = await HttpConnection.open(f"{'https' if tls else 'http'}://127.0.0.1:{listener.port}/")
        for _ in range(2):  # all at once: the second is pipelined behind the first, and so on
            connection.request("POST", "/upload", {}, b"x" * size)
            connection.request("POST", "/cometd", {}, b" " * size + orjson.dumps(HANDSHAKE))
        for _ in range(2):
            assert (await connection.reply()).body == b"posted %d" % size
            assert (await connection.reply()).json[0]["successful"]
        await connection.close()
        await tornado.close_all_connections()


def test_context_for_clients_is_refused() -> None:
    """Every client hung, and every connection counted for ever."""
    with pytest.raises(ValueError, match="that context is for clients"):
        Listener([Mount(BayeuxServer())], ssl=ssl.create_default_context())
    with pytest.raises(TypeError, match="give an SSLContext"):
        Listener([Mount(BayeuxServer())], ssl=("cert.pem", "key.pem"))  # type: ignore[arg-type]


@pytest.mark.expected_logs("a connection could not be taken")
async def test_fault_in_taking_a_connection_costs_that_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("no such cipher")

    context = server_context()
    async with await listen(BayeuxServer(), 0, ssl=context) as listener:
        with monkeypatch.context() as broken:
            broken.setattr("bayeux.transports.listener.ssl_wrap_socket", fail)
            with pytest.raises(OSError):
                await HttpConnection.open(f"https://127.0.0.1:{listener.port}/")
        await until(lambda: not listener.connections)
        connection = await HttpConnection.open(f"https://127.0.0.1:{listener.port}/")
        connection.request("GET", "/")
        assert (await connection.reply()).status == 404
        await connection.close()


@pytest.mark.spec("SEC-L4", "SEC-L1", "SEC-2")
async def test_client_that_does_not_speak_tls_is_closed() -> None:
    """Whether it is silent, speaks something else, or comes where there is no room."""
    options = Options(header_timeout=0.05, max_connections=2)
    server = BayeuxServer(options)
    async with await listen(server, 0, ssl=server_context()) as listener:
        url = f"http://127.0.0.1:{listener.port}/"
        silent, plain = await HttpConnection.open(url), await HttpConnection.open(url)
        await until(lambda: listener.connections == 2)
        third = await HttpConnection.open(url)
        assert await third.rest() == b""
        plain.request("GET", "/cometd")
        assert b"HTTP" not in await plain.rest()
        assert await silent.rest() == b""
        await until(lambda: not listener.connections)
        assert server.counters.rejected == {"SEC-L1": 1, "SEC-L4": 1}
        for each in (silent, plain, third):
            await each.close()


async def test_listener_does_not_wait_for_a_client_that_is_slow_to_shake_hands() -> None:
    server = BayeuxServer(Options(header_timeout=600.0))
    async with await listen(server, 0, ssl=server_context()) as listener:
        silent = socket.create_connection(("127.0.0.1", listener.port))
        await until(lambda: listener.connections)
    assert not listener.connections
    silent.close()


async def _first_answered(clients: list[HttpConnection]) -> Reply:
    """Whoever is told anything without having asked."""
    replies = [asyncio.ensure_future(each.reply()) for each in clients]
    done, pending = await asyncio.wait(replies, timeout=WAIT, return_when=asyncio.FIRST_COMPLETED)
    for each in pending:
        each.cancel()
    await asyncio.wait(replies)
    return done.pop().result()


def _cpu_seconds(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
