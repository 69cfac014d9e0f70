"""The ASGI application: alone under uvicorn, mounted by frameworks, and against servers of every temper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount as StarletteMount
from starlette.routing import Route
from tornado.testing import bind_unused_port

from bayeux.protocol.errors import Unavailable
from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.server.transport import Context
from bayeux.transports.asgi import BayeuxASGI
from bayeux.transports.asgi_request import head_of, target_below_root
from bayeux.transports.mount import Mount
from tests.support.asgi_server import AsgiServer
from tests.support.wire import HttpConnection, UpgradeRefused, WebSocket
from tests.transports.doors import open_house, until

HANDSHAKE = {"id": "1", "channel": "/meta/handshake"}


async def ask(connection: HttpConnection, *messages: object, path: str = "/cometd", **headers: str) -> Any:
    connection.request("POST", path, headers, orjson.dumps(messages))
    reply = await connection.reply()
    assert reply.status == 200, reply.body
    return reply.json


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The address of an application under uvicorn."""
    async with AsgiServer(app, bind_unused_port()[0]) as server:
        yield f"http://127.0.0.1:{server.port}"


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[HttpConnection]:
    connection = await HttpConnection.open(url)
    try:
        yield connection
    finally:
        await connection.close()


# -- where it is served --------------------------------------------------------------------------


@pytest.mark.spec("HTTP-1", "HTTP-9", "WS-1", "DSC-11")
async def test_alone_it_starts_and_stops_its_servers() -> None:
    server, other = BayeuxServer(), BayeuxServer()
    app = BayeuxASGI(server, Mount(server, "/second"), Mount(other, "/other"), path="/first")
    async with serving(app) as url, connected(url) as connection:
        for path in ("/first", "/first/", "/first/handshake", "/second", "/other?x"):
            assert (await ask(connection, HANDSHAKE, path=path))[0]["successful"]
        assert (len(server.sessions), len(other.sessions)) == (4, 1)
        for method in ("POST", "GET", "HEAD"):
            connection.request(method, "/firsts", {}, b"[]" if method == "POST" else None)
            reply = await connection.reply(to_head=method == "HEAD")
            assert (reply.status, reply.body) == (404, b"" if method == "HEAD" else b"Not found")
        with pytest.raises(UpgradeRefused) as refused:
            await WebSocket.open(url + "/firsts")
        assert refused.value.reply.status == 404
    assert not server.is_started
    assert not len(server.sessions)


@pytest.mark.parametrize("stage", ["startup", "shutdown"])
@pytest.mark.expected_logs("(startup|shutdown) failed", "no database")
async def test_server_that_cannot_start_or_stop_is_told_of(stage: str) -> None:
    """uvicorn took a start that raised for "knows no lifespan", and went on to serve without a server."""

    class Failing(BayeuxServer):
        async def start(self) -> None:
            if stage == "startup":
                raise RuntimeError("no database")
            await super().start()

        async def stop(self) -> None:
            await super().stop()
            raise RuntimeError("no database")

    first = BayeuxServer()
    told: list[str] = []
    events = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

    async def receive() -> dict[str, Any]:
        return next(events)

    async def send(event: Any) -> None:
        told.append(event["type"])

    app = BayeuxASGI(first, Mount(Failing(), "/second"))
    await app({"type": "lifespan"}, receive, send)
    assert told[-1] == f"lifespan.{stage}.failed"
    assert not first.is_started


async def test_server_that_somebody_else_started_is_left_to_them() -> None:
    async with BayeuxServer() as server:
        async with serving(BayeuxASGI(server)):
            pass
        assert server.is_started
        assert not server.is_draining


def starlette_app(server: BayeuxServer, mounts: Mapping[str, str]) -> Starlette:
    """A framework with a page of its own; where to mount, and the path that is mounted there."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with server:
            yield

    async def page(_: Any) -> PlainTextResponse:
        return PlainTextResponse("page")

    ours = [StarletteMount(prefix, app=BayeuxASGI(server, path=path)) for prefix, path in mounts.items()]
    return Starlette(routes=[Route("/page", page), *ours], lifespan=lifespan)


@pytest.mark.parametrize(
    ("prefix", "path", "paths"),
    [
        ("/", "/cometd", ("/cometd", "/cometd/", "/cometd/connect")),
        ("/push", "/cometd", ("/push/cometd", "/push/cometd/handshake")),
        ("/push", "", ("/push/", "/push/handshake")),
        ("/a b", "/cometd", ("/a%20b/cometd",)),
    ],
)
@pytest.mark.spec("HTTP-1", "WS-1")
async def test_mounted_by_a_framework_it_serves_below_the_prefix(
    prefix: str, path: str, paths: tuple[str, ...]
) -> None:
    server = BayeuxServer()
    async with serving(starlette_app(server, {prefix: path})) as url, connected(url) as connection:
        for each in paths:
            assert (await ask(connection, HANDSHAKE, path=each))[0]["successful"]
            socket = await WebSocket.open(url + each)
            socket.send(orjson.dumps([HANDSHAKE]))
            assert orjson.loads(await socket.text())[0]["successful"]
            await socket.close()
        connection.request("GET", "/page")
        assert (await connection.reply()).body == b"page"


async def test_fastapi_mounts_it_behind_its_own_routes() -> None:
    server = BayeuxServer()
    app = FastAPI(lifespan=lambda _: lifespan())

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with server:
            yield

    @app.get("/rooms")
    async def rooms() -> list[str]:
        return list(server.channels.get("/chat").attributes) if server.channels.get("/chat") else ["none"]

    app.mount("/", BayeuxASGI(server))
    async with serving(app) as url, connected(url) as connection:
        assert (await ask(connection, HANDSHAKE))[0]["successful"]
        connection.request("GET", "/rooms")
        assert (await connection.reply()).json == ["none"]


@pytest.mark.expected_logs("a request could not be served.*nobody has started the server")
async def test_server_that_nobody_started_is_asked_for_by_the_log() -> None:
    """A framework tells what it mounts nothing of its life; without a start sessions would never end."""
    app = Starlette(routes=[StarletteMount("/", app=BayeuxASGI(BayeuxServer()))])
    async with serving(app) as url, connected(url) as connection:
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        reply = await connection.reply()
        assert (reply.status, reply.body) == (500, b"Internal error")


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        ({"path": "/cometd", "raw_path": b"/cometd"}, "/cometd"),
        ({"path": "/cometd", "raw_path": b"/cometd", "query_string": b"a=%20"}, "/cometd?a=%20"),
        ({"path": "/cometd", "query_string": b"a"}, "/cometd?a"),
        ({"path": "/p/cometd", "raw_path": b"/p/cometd", "root_path": "/p"}, "/cometd"),
        ({"path": "/p/cometd", "raw_path": b"/p/cometd", "root_path": "/p/"}, "/cometd"),
        ({"path": "/p", "raw_path": b"/p", "root_path": "/p", "query_string": b"a"}, "?a"),
        ({"path": "/pcometd", "raw_path": b"/pcometd", "root_path": "/p"}, "/pcometd"),
        ({"path": "/cometd", "raw_path": b"/cometd", "root_path": "/p"}, "/cometd"),
        ({"path": "/é/cometd", "raw_path": b"/%C3%A9/cometd", "root_path": "/é"}, "/cometd"),
        ({"path": "/é/cometd/ü", "root_path": "/é"}, "/cometd/%C3%BC"),
        ({"path": "/cometd/x", "raw_path": b"/comet%64/x"}, "/comet%64/x"),
    ],
)
@pytest.mark.spec("HTTP-1")
def test_target_is_what_the_client_sent_below_the_prefix(scope: dict[str, Any], target: str) -> None:
    assert target_below_root(scope) == target


def test_serving_nothing_or_a_mount_with_options_is_a_mistake() -> None:
    server = BayeuxServer()
    with pytest.raises(TypeError, match="nothing to serve"):
        BayeuxASGI()
    with pytest.raises(TypeError, match=r"nothing to serve: .* not .*'/cometd'"):
        BayeuxASGI("/cometd")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="identify: a Mount has its own"):
        BayeuxASGI(Mount(server), identify=lambda _: None)
    with pytest.raises(ValueError, match="unknown option"):
        BayeuxASGI(server, overrides={"colour": "blue"})


# -- under uvicorn -------------------------------------------------------------------------------


@pytest.mark.spec("HTTP-3", "ENC-1", "ENC-2", "LP-13", "COOK-1", "BAT-5", "SEC-34")
async def test_long_polling_conversation() -> None:
    async with open_house("asgi") as house, connected(house.url) as connection:
        connection.request("POST", "/cometd/handshake", {}, orjson.dumps([HANDSHAKE]))
        reply = await connection.reply()
        assert reply.header("content-type") == "application/json;charset=UTF-8"
        assert reply.tokens("cache-control") == {"no-cache", "no-store"}
        assert reply.header("content-length") == str(len(reply.body))
        headers = {"Cookie": (reply.header("set-cookie") or "").partition(";")[0], "Accept-Encoding": "gzip"}
        client_id = reply.json[0]["clientId"]

        def message(channel: str, **fields: Any) -> dict[str, Any]:
            return {"channel": channel, "clientId": client_id, **fields}

        await ask(connection, message("/meta/connect"), **headers)
        await ask(connection, message("/meta/subscribe", subscription="/a"), **headers)
        connection.request("POST", "/cometd", headers, orjson.dumps(message("/meta/connect", id="9")))
        await until(lambda: house.server.sessions.held_by_browser)
        house.server.publish("/a", "x" * 3000)
        reply = await connection.reply()
        assert reply.header("content-encoding") == "gzip"
        assert [each["channel"] for each in reply.json] == ["/a", "/meta/connect"]
        assert house.server.counters.connections["long-polling"] == 0


@pytest.mark.spec("JP-1", "JP-4", "JP-6")
async def test_callback_polling_conversation() -> None:
    options = {"transports": ("callback-polling",)}
    async with open_house("asgi", options) as house, connected(house.url) as connection:
        padding = "x" * 7500
        message = quote(orjson.dumps([{**HANDSHAKE, "padding": padding}]))
        connection.request("GET", f"/cometd/handshake?jsonp=cb&message={message}")
        reply = await connection.reply()
        assert reply.body.startswith(b'/**/cb([{"id":"1","channel":"/meta/handshake","successful":true')
        assert reply.header("content-disposition") == "attachment; filename=f.txt"


@pytest.mark.spec("WS-5", "WS-10", "WS-11", "WS-32", "CORS-2", "SEC-30")
async def test_socket_conversation() -> None:
    options = {"allowed_origins": ("https://app.example",), "ws_protocol": "bayeux"}
    page = {"Origin": "https://app.example", "Sec-WebSocket-Protocol": "other, bayeux"}
    async with open_house("asgi", options) as house:
        socket = await WebSocket.open(house.url, page)
        assert socket.upgrade.header("sec-websocket-protocol") == "bayeux"
        assert "BAYEUX_BROWSER=" in (socket.upgrade.header("set-cookie") or "")
        socket.send(orjson.dumps([HANDSHAKE]))
        client_id = orjson.loads(await socket.text())[0]["clientId"]
        subscribe = {"channel": "/meta/subscribe", "clientId": client_id, "subscription": "/a"}
        socket.send(orjson.dumps([{**subscribe, "id": "2"}, {**subscribe, "id": "3"}]))
        assert [each["id"] for each in orjson.loads(await socket.text())] == ["2", "3"]
        house.server.publish("/a", 1)
        house.server.publish("/a", "é€😀")
        assert [each["data"] for each in orjson.loads(await socket.text())] == [1, "é€😀"]
        assert house.server.counters.connections["websocket"] == 1
        (session,) = house.server.sessions
        assert session.transport is not None
        session.transport.close(1000, "Idle")
        end = await socket.closed()
        assert (end.code, end.reason) == (1000, "Idle")
        await socket.close()
        await until(lambda: not house.server.counters.connections["websocket"])


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({"Origin": "https://evil.example"}, 403, b"Origin not allowed"),
        ({}, 400, b"Unknown subprotocol"),
        ({"Sec-WebSocket-Protocol": "bayeux", "X-User": "nobody"}, 503, b"Try again"),
    ],
)
@pytest.mark.spec("WS-2", "WS-3", "CORS-6")
async def test_upgrade_is_refused_with_its_reason(headers: dict[str, str], status: int, body: bytes) -> None:
    async def identify(context: Context) -> str | None:
        if "x-user" in context.headers:
            raise Unavailable
        return None

    async with open_house("asgi", {"ws_protocol": "bayeux"}, identify=identify) as house:
        with pytest.raises(UpgradeRefused) as refused:
            await WebSocket.open(house.url, headers)
        assert (refused.value.reply.status, refused.value.reply.body) == (status, body)
        assert not house.server.counters.connections["websocket"]


@pytest.mark.spec("SES-8", "SES-5")
async def test_client_that_hangs_up_is_noticed() -> None:
    """While its connect is held, and on a socket."""
    async with open_house("asgi") as house, connected(house.url) as connection:
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        reply = await connection.reply()
        cookie = (reply.header("set-cookie") or "").partition(";")[0]
        connect = {"channel": "/meta/connect", "clientId": reply.json[0]["clientId"]}
        await ask(connection, connect, Cookie=cookie)
        connection.request("POST", "/cometd", {"Cookie": cookie}, orjson.dumps(connect))
        await until(lambda: house.server.sessions.held_by_browser)
        connection.abort()
        await until(lambda: not house.server.sessions.held_by_browser)
        assert len(house.server.sessions) == 1

        socket = await WebSocket.open(house.url)
        await until(lambda: house.server.counters.connections["websocket"])
        socket.abort()
        await until(lambda: not house.server.counters.connections["websocket"])
        await socket.close()


@pytest.mark.spec("LP-4", "ENC-3", "SEC-L5", "SEC-L7", "SEC-19", "CORS-2")
async def test_body_is_bounded_and_plain() -> None:
    options = {"max_message_size": 1000, "body_timeout": 0.05, "allowed_origins": ("https://app.example",)}
    async with open_house("asgi", options) as house:
        chunked = {"Transfer-Encoding": "chunked"}
        for headers, body, status in (
            ({}, b"x" * 1001, 413),
            (chunked, b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n", 413),
            ({"Content-Encoding": "gzip"}, b"x", 415),
            ({"Content-Length": "5"}, b"x", 400),
            ({"Host": "a, b"}, b"[]", 400),
        ):
            async with connected(house.url) as connection:
                connection.request("POST", "/cometd", {**headers, "Origin": "https://app.example"}, body)
                reply = await connection.reply()
                assert reply.status == status
                assert reply.header("connection") == "close"
                if status != 400:
                    assert reply.header("access-control-allow-origin") == "https://app.example"
        assert house.server.counters.rejected == {"SEC-L7": 2, "SEC-L5": 1}


@pytest.mark.spec("SEC-21")
@pytest.mark.expected_logs("a request could not be answered")
async def test_identity_comes_from_what_the_framework_knows() -> None:
    """Its middleware leaves it in the scope; a fault in asking is answered with 500."""
    server = BayeuxServer()
    ours = BayeuxASGI(server, identify=lambda context: (context.scope or {})["user"])

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        if dict(scope.get("headers", ())).get(b"x-user"):
            scope["user"] = "anna"
        await ours(scope, receive, send)

    async with serving(middleware) as url, connected(url) as connection:
        await ask(connection, HANDSHAKE, **{"X-User": "anna"})
        (session,) = server.sessions
        assert session.user == "anna"
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        assert (await connection.reply()).status == 500


# -- against a server in memory ------------------------------------------------------------------


class Call:
    """One call of the application by a server whose every move is the test's."""

    def __init__(self, app: BayeuxASGI, kind: str = "http", **scope: Any) -> None:
        self.to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.takes = asyncio.Event()
        self.takes.set()
        self.fault: Exception | None = None
        usual = {"type": kind, "http_version": "1.1", "path": "/cometd", "headers": [(b"host", b"x")], "method": "POST"}
        self.task = asyncio.create_task(app({**usual, **scope}, self.to_app.get, self._send))  # type: ignore[arg-type]

    async def _send(self, event: Any) -> None:
        await self.takes.wait()
        if self.fault is not None:
            raise self.fault
        self.sent.put_nowait(event)

    def tell(self, kind: str, **fields: Any) -> None:
        self.to_app.put_nowait({"type": kind, **fields})

    def say(self, *messages: object) -> None:
        self.tell("websocket.receive", text=orjson.dumps(messages).decode())

    async def heard(self) -> Any:
        return await asyncio.wait_for(self.sent.get(), 30)

    async def messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = orjson.loads((await self.heard())["text"])
        return messages

    async def over(self) -> None:
        await asyncio.wait_for(self.task, 30)


@asynccontextmanager
async def calling(kind: str = "http", options: Mapping[str, Any] | None = None, **scope: Any) -> AsyncIterator[Call]:
    async with BayeuxServer(Options(**(options or {}))) as server:
        call = Call(BayeuxASGI(server), kind, server=server, **scope)
        try:
            yield call
        finally:
            call.task.cancel()
            await asyncio.wait((call.task,))


@asynccontextmanager
async def on_socket(server: BayeuxServer, **scope: Any) -> AsyncIterator[tuple[Call, str]]:
    """An accepted socket with a subscriber of ``/a`` on it."""
    call = Call(BayeuxASGI(server), "websocket", **scope)
    try:
        call.tell("websocket.connect")
        assert (await call.heard())["type"] == "websocket.accept"
        call.say(HANDSHAKE)
        client_id = (await call.messages())[0]["clientId"]
        call.say({"channel": "/meta/subscribe", "clientId": client_id, "subscription": "/a"})
        assert (await call.messages())[0]["successful"]
        yield call, client_id
    finally:
        call.task.cancel()
        await asyncio.wait((call.task,))


@pytest.mark.spec("COOK-10", "LP-13")
async def test_http_2_is_known_and_its_answers_have_no_connection_header() -> None:
    contexts: list[Context] = []
    server = BayeuxServer()
    app = BayeuxASGI(server, identify=contexts.append)
    async with server:
        for version, headers in (("2", [(b"host", b"x")]), ("1.0", []), ("2", [])):
            call = Call(app, http_version=version, headers=[*headers, (b"cookie", b"a=1"), (b"cookie", b"b=2")])
            call.tell("http.request", body=b'[{"channel":', more_body=True)
            call.tell("http.request", body=b'"/meta/handshake"}]')
            start, body = await call.heard(), await call.heard()
            assert start["status"] == (200 if headers or version == "1.0" else 400), "HTTP/1.1 and later name a host"
            assert ((b"connection", b"close") in start["headers"]) is (version == "1.0")
            assert (b"content-length", str(len(body["body"])).encode()) in start["headers"]
            await call.over()
        assert [context.http2 for context in contexts] == [True, False]
        assert contexts[0].cookies == {"a": "1", "b": "2"}


async def test_socket_over_http_2_is_an_upgrade_as_well() -> None:
    scope = {"type": "websocket", "http_version": "2", "path": "/", "headers": [], "scheme": "wss"}
    assert head_of(scope).headers == {"upgrade": "websocket"}
    async with BayeuxServer() as server, on_socket(server, http_version="2", scheme="wss") as (call, _):
        (session,) = server.sessions
        assert session.transport is not None
        call.tell("websocket.disconnect", code=1001)
        await call.over()
        assert session.transport is None
        assert not session.is_over


async def test_server_without_the_denial_extension_is_told_to_close() -> None:
    async with calling("websocket", headers=[(b"host", b"x"), (b"origin", b"https://evil.example")]) as call:
        call.tell("websocket.connect")
        assert await call.heard() == {"type": "websocket.close"}
        await call.over()


async def test_server_that_knows_no_sockets_is_answered_in_words() -> None:
    headers = [(b"host", b"x"), (b"connection", b"upgrade"), (b"upgrade", b"websocket")]
    async with calling(method="GET", headers=headers) as call:
        call.tell("http.request", body=b"")
        assert (await call.heard())["status"] == 400
        assert (await call.heard())["body"] == b"No WebSockets here"


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_client_that_leaves_before_it_is_served_is_forgotten(kind: str) -> None:
    async with calling(kind) as call:
        if kind == "http":
            call.tell("http.request", body=b"[", more_body=True)
        call.tell(f"{kind}.disconnect")
        await call.over()
        assert call.sent.empty()


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_client_that_leaves_while_its_identity_is_awaited_is_forgotten(kind: str) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def identify(_: Context) -> str:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ""

    async with BayeuxServer() as server:
        call = Call(BayeuxASGI(server, identify=identify), kind)
        call.tell(*(("http.request",) if kind == "http" else ("websocket.connect",)))
        await asyncio.wait_for(asked.wait(), 5)
        call.tell(f"{kind}.disconnect")
        await call.over()
        await asyncio.wait_for(cancelled.wait(), 5)
        assert call.sent.empty()


@pytest.mark.spec("SES-8")
async def test_server_that_breaks_off_a_held_connect_loses_no_session() -> None:
    """As uvicorn does when its patience at shutdown ends."""
    async with BayeuxServer() as server, on_socket(server) as (_, client_id):
        (session,) = server.sessions
        headers = [(b"host", b"x"), (b"cookie", f"BAYEUX_BROWSER={session.browser}".encode())]
        for advice in ({"timeout": 0}, {}):
            call = Call(BayeuxASGI(server), headers=headers)
            body = {"channel": "/meta/connect", "clientId": client_id, "advice": advice}
            call.tell("http.request", body=orjson.dumps(body))
            if advice:
                await call.over()
        await until(lambda: session.held is not None)
        call.task.cancel()
        await asyncio.wait((call.task,))
        assert call.task.cancelled()
        assert session.held is None
        assert not session.is_over


@pytest.mark.spec("WS-21", "SEC-L16")
async def test_events_wait_in_the_queue_while_the_server_is_behind() -> None:
    async with BayeuxServer() as server, on_socket(server) as (call, _):
        (session,) = server.sessions
        socket = session.transport
        assert socket is not None
        call.takes.clear()
        for n in range(10):
            server.publish("/a", n)
            await asyncio.sleep(0.001)
        await until(lambda: not socket.writable)
        assert len(session.queue.messages) >= 8
        call.takes.set()
        got = [[event["data"] for event in await call.messages()] for _ in range(3)]
        assert got == [[0], [1], list(range(2, 10))], "in order, what waited in one message"
        assert socket.writable


@pytest.mark.spec("WS-21", "SEC-L17")
async def test_socket_that_takes_nothing_is_given_up() -> None:
    """After the time for a write, or above the bound of what may be unsent; its session stays."""
    for options in ({"ws_write_timeout": 0.05}, {"ws_write_timeout": 0.05, "ws_max_write_buffer": 100}):
        async with BayeuxServer(Options(**options)) as server, on_socket(server) as (call, _):
            (session,) = server.sessions
            socket = session.transport
            assert socket is not None
            call.takes.clear()
            server.publish("/a", "x" * 90)
            await until(lambda socket=socket: socket._is_sending)
            if "ws_max_write_buffer" in options:
                socket.say(b"[]" * 20)  # type: ignore[attr-defined]
                assert socket.closed
            await call.over()
            assert socket.closed
            assert session.transport is None
            assert not session.is_over
            assert server.counters.rejected["SEC-L17"] >= 1
            assert server.counters.connections["websocket"] == 0


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("a message after the close")])
async def test_server_that_says_the_client_has_gone_is_believed(error: Exception) -> None:
    async with BayeuxServer() as server, on_socket(server) as (call, _):
        (session,) = server.sessions
        call.fault = error
        server.publish("/a", 1)
        await call.over()
        assert session.transport is None


@pytest.mark.spec("WS-9")
async def test_next_message_waits_for_the_hooks_of_the_one_before() -> None:
    gate = asyncio.Event()

    async def listen(*_: object) -> None:
        await gate.wait()

    async with BayeuxServer() as server, on_socket(server) as (call, client_id):
        server.on("/service/slow", listen)
        call.say({"id": "1", "channel": "/service/slow", "clientId": client_id})
        call.say({"id": "2", "channel": "/service/fast", "clientId": client_id})
        await asyncio.sleep(0)
        assert call.sent.empty()
        gate.set()
        assert [(await call.messages())[0]["id"] for _ in range(2)] == ["1", "2"]


@pytest.mark.spec("WS-6", "WS-17", "WS-19", "SEC-L18")
async def test_socket_is_closed_for_silence_and_for_size() -> None:
    options = Options(handshake_timeout=0.01, ws_max_message_size=100)
    async with BayeuxServer(options) as server:
        for text, code in ((None, 1008), ("[" + " " * 100 + "]", 1009)):
            call = Call(BayeuxASGI(server), "websocket")
            call.tell("websocket.connect")
            assert (await call.heard())["type"] == "websocket.accept"
            if text:
                call.tell("websocket.receive", text=text)
            assert (await call.heard())["code"] == code
            await call.over()


async def test_scope_of_another_kind_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="telegraph"):
        async with calling("telegraph") as call:
            await call.over()
