"""The long-polling transport: bodies in, answers out."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from bayeux.protocol.errors import MalformedBody
from bayeux.protocol.options import Options
from bayeux.server.transport import Context
from bayeux.transports.long_polling import messages_of
from tests.support.wire import HttpConnection, Reply
from tests.transports.doors import DOORS, House, open_house, until

HANDSHAKE = {"id": "1", "channel": "/meta/handshake"}
ONE = b'{"channel":"/a"}'
TWO = b'[{"channel":"/a"},{"channel":"/b"}]'
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def form(*texts: bytes) -> bytes:
    return b"&".join(b"message=" + quote(text).encode() for text in texts)


@pytest.mark.spec("LP-1", "LP-2", "MSG-1", "SEC-11")
@pytest.mark.parametrize(
    ("content_type", "body", "channels"),
    [
        (JSON, ONE, "/a"),
        (JSON, TWO, "/a /b"),
        ("APPLICATION/JSON; charset=UTF-8", TWO, "/a /b"),
        ("text/json", ONE, "/a"),
        ("", TWO, "/a /b"),
        (FORM, form(ONE), "/a"),
        (FORM, form(ONE, TWO), "/a /a /b"),
        (FORM, b"other=1&" + form(TWO) + b"&x", "/a /b"),
        (f"{FORM};charset=UTF-8", form(TWO), "/a /b"),
        ("text/plain", TWO, "/a /b"),
        ("text/plain;charset=UTF-8", b" \r\n\t" + ONE, "/a"),
        ("text/plain;charset=UTF-8", form(TWO), "/a /b"),
        ("application/xml", form(ONE), "/a"),
        ("nonsense", ONE, "/a"),
        ("application/json;charset=iso-8859-7", '{"channel":"/a","data":"Ω"}'.encode("iso-8859-7"), "/a"),
        ('application/json; charset="ISO-8859-1"', '{"channel":"/a","data":"ä"}'.encode("latin-1"), "/a"),
        ("application/json;charset=utf-16", TWO.decode().encode("utf-16"), "/a /b"),
        ("application/json;charset=us-ascii", TWO, "/a /b"),
        (f"{FORM};charset=windows-1252", form(ONE), "/a"),
        (JSON, b'{"channel":"/b","channel":"/a"}', "/a"),
    ],
)
def test_body_is_read_as_its_content_type_says(content_type: str, body: bytes, channels: str) -> None:
    assert [each["channel"] for each in messages_of(content_type, body, Options())] == channels.split()


@pytest.mark.spec("LP-2", "MSG-5", "MSG-6")
def test_text_is_the_same_in_every_charset() -> None:
    for charset in ("utf-8", "iso-8859-7", "utf-16", "utf-32"):
        body = '{"channel":"/a","data":"Ωμέγα"}'.encode(charset)
        assert messages_of(f"application/json;charset={charset}", body, Options())[0]["data"] == "Ωμέγα"


@pytest.mark.spec("LP-2", "LP-3", "MSG-4", "MSG-5", "SEC-10", "SEC-12")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b""),
        (JSON, b" "),
        (JSON, b"[]"),
        (JSON, b"{"),
        (JSON, b"[" * 100_000),
        (JSON, b"1"),
        (JSON, b'"text"'),
        (JSON, b"null"),
        (JSON, b"[1]"),
        (JSON, b"[[]]"),
        (JSON, b"[{},null]"),
        (JSON, b"[{}]x"),
        (JSON, b"\xef\xbb\xbf[{}]"),
        (JSON, b'{"channel":NaN}'),
        (JSON, b'{"channel":-Infinity}'),
        (JSON, b'{"channel":1e999}'),
        (JSON, b'{"channel":"\\ud800"}'),
        (JSON, b'{"channel":"\xff"}'),
        (JSON, b'{"channel":"a\nb"}'),
        (JSON, b"{'channel':1}"),
        (JSON, b'{"data":' + b"[" * 32 + b"]" * 32 + b"}"),
        (JSON, form(ONE)),
        (f"{JSON};charset=nonsense", ONE),
        (f"{JSON};charset=punycode", ONE),
        (f"{JSON};charset=idna", ONE),
        (f"{JSON};charset=zip", ONE),
        (f"{JSON};charset=unicode_escape", ONE),
        (f"{JSON};charset=", ONE),
        (f"{JSON};charset=iso-8859-99", ONE),
        (f"{JSON};charset=us-ascii", '{"channel":"ä"}'.encode()),
        (f"{JSON};charset=utf-16", ONE),
        (FORM, b""),
        (FORM, b"message="),
        (FORM, b"message=x"),
        (FORM, b"other=1"),
        (FORM, b"message=%ff"),
        (FORM, b"message=\xff"),
        (FORM, form(ONE) + b"&message=["),
        (FORM, TWO),
        (FORM, b"&".join([b"message=%5B%5D"] * 2000)),
        ("text/plain", b""),
        ("text/plain", b"hello"),
    ],
)
async def test_body_that_holds_no_messages_gets_400(content_type: str, body: bytes) -> None:
    with pytest.raises(MalformedBody):
        messages_of(content_type, body, Options())
    async with open_house() as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {"Content-Type": content_type} if content_type else {}, body)
        reply = await connection.reply()
        assert reply.status == 400
        assert len(reply.body) < 64
        assert connection.is_usable
        await connection.close()


# -- conversations -------------------------------------------------------------------------------


class Client:
    """A long-polling client with a connection or two."""

    def __init__(self, house: House, connection: HttpConnection) -> None:
        self.house = house
        self.connection = connection
        self.cookie = ""
        self.client_id = ""

    @classmethod
    async def handshaken(cls, house: House) -> Client:
        client = cls(house, await HttpConnection.open(house.url))
        client.write(HANDSHAKE)
        reply = await client.connection.reply()
        client.cookie = (reply.header("set-cookie") or "").partition(";")[0]
        client.client_id = reply.json[0]["clientId"]
        return client

    def write(
        self, *messages: dict[str, Any], over: HttpConnection | None = None, headers: dict[str, str] | None = None
    ) -> None:
        body = [{**message, "clientId": self.client_id} for message in messages]
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        (over or self.connection).request("POST", "/cometd", {**cookie, **(headers or {})}, orjson.dumps(body))

    async def ask(self, *messages: dict[str, Any], headers: dict[str, str] | None = None) -> Reply:
        self.write(*messages, headers=headers)
        return await self.connection.reply()


CONNECT = {"id": "c", "channel": "/meta/connect"}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("CN-10", "CN-11", "HTTP-10")
async def test_replaced_connect_ends_with_the_configured_status_and_nothing_else(door: str) -> None:
    async with open_house(door, {"duplicate_meta_connect_http_code": 502}) as house:
        client = await Client.handshaken(house)
        await client.ask(CONNECT)
        client.write(CONNECT)
        await until(lambda: house.server.sessions.held_by_browser)
        other = await HttpConnection.open(house.url)
        client.write(CONNECT, over=other)
        replaced = await client.connection.reply()
        assert (replaced.status, replaced.body) == (502, b"")
        house.server.kick(next(iter(house.server.sessions)))
        assert (await other.reply()).json[-1]["id"] == "c"
        await other.close()
        await client.connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("ENC-1", "ENC-4", "HTTP-3", "SEC-22", "SEC-31")
async def test_every_answer_has_the_headers_of_an_answer_and_no_others(door: str) -> None:
    async with open_house(door) as house:
        client = await Client.handshaken(house)
        usual = {"content-type", "cache-control", "x-content-type-options", "referrer-policy", "content-length"}
        if door == "tls":
            usual.add("strict-transport-security")
        for reply in (await client.ask({"channel": "/a"}), await client.ask()):
            assert {name for name, _ in reply.headers} == usual
            assert reply.header("cache-control") == "no-cache, no-store"
            assert reply.header("x-content-type-options") == "nosniff"
            assert reply.header("referrer-policy") == "no-referrer"
            is_success = reply.status == 200
            kind = "application/json" if is_success else "text/plain"
            assert reply.header("content-type") == f"{kind};charset=UTF-8"
        await client.connection.close()


@pytest.mark.spec("ENC-2")
@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("GZIP", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("deflate, br", False),
        ("xgzip", False),
        ("gzipx", False),
        ("identity", False),
        ("", False),
    ],
)
async def test_large_answer_is_compressed_for_clients_that_accept_it(accepted: str, is_compressed: bool) -> None:
    async with open_house() as house:
        client = await Client.handshaken(house)
        await client.ask({"channel": "/meta/subscribe", "subscription": "/a"})
        for size, is_large in ((10, False), (2000, True)):
            reply = await client.ask({"channel": "/a", "data": "x" * size}, headers={"Accept-Encoding": accepted})
            assert (reply.header("content-encoding") == "gzip") is (is_compressed and is_large)
            assert ("accept-encoding" in reply.tokens("vary")) is (is_compressed and is_large)
            body = gzip.decompress(reply.body) if is_compressed and is_large else reply.body
            assert orjson.loads(body)[0]["data"] == "x" * size
        await client.connection.close()


@pytest.mark.spec("ENC-2")
async def test_compression_begins_at_gzip_min_size_and_can_be_switched_off() -> None:
    for options, is_compressed in (({"gzip_min_size": 100}, True), ({"gzip": False, "gzip_min_size": 0}, False)):
        async with open_house(options=options) as house:
            client = await Client.handshaken(house)
            reply = await client.ask({"channel": "/a" * 60}, headers={"Accept-Encoding": "gzip"})
            assert (reply.header("content-encoding") == "gzip") is is_compressed
            await client.connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("HTTP-2", "HTTP-9")
async def test_request_for_no_transport_gets_400(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
            connection.request(method, "/cometd", {}, b"[]" if method in ("PUT", "PATCH") else None)
            reply = await connection.reply(to_head=method == "HEAD")
            assert reply.status == 400
            assert reply.body == (b"" if method == "HEAD" else b"Unknown Bayeux Transport")
        await connection.close()


@pytest.mark.spec("NEG-5", "NEG-2", "HS-3")
async def test_transport_that_is_not_enabled_gets_400() -> None:
    async with open_house(overrides={"transports": ("websocket",)}) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        assert (await connection.reply()).body == b"Unknown Bayeux Transport"
        await connection.close()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("connection_header", ["", "close", "keep-alive", "Keep-Alive, x"])
@pytest.mark.spec("LP-13", "ENC-4")
async def test_connection_lives_as_long_as_both_ends_want(version: str, connection_header: str) -> None:
    async with open_house() as house:
        connection = await HttpConnection.open(house.url)
        body = orjson.dumps(HANDSHAKE)
        line = f"Connection: {connection_header}\r\n" if connection_header else ""
        head = f"POST /cometd HTTP/{version}\r\nHost: x\r\n{line}Content-Length: {len(body)}\r\n\r\n"
        connection.write(head.encode() + body)
        reply = await connection.reply()
        is_kept = connection_header != "close" and (version == "1.1" or "keep" in connection_header.lower())
        assert reply.version == "HTTP/1.1"
        assert reply.header("connection") == (("keep-alive" if version == "1.0" else None) if is_kept else "close")
        if is_kept:
            connection.write(head.encode() + body)
            assert (await connection.reply()).status == 200
        else:
            assert await connection.rest() == b""
        await connection.close()


# -- who asks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
async def test_identity_may_be_awaited_while_the_client_goes_on_sending(door: str) -> None:
    gate = asyncio.Event()

    async def identify(context: Context) -> str:
        await gate.wait()
        return context.headers["x-user"]

    async with open_house(door, identify=identify) as house:
        connection = await HttpConnection.open(house.url)
        for user in ("anna", "berta"):
            connection.request("POST", "/cometd", {"X-User": user}, orjson.dumps(HANDSHAKE))
        await asyncio.sleep(0)
        gate.set()
        assert [(await connection.reply()).status for _ in range(2)] == [200, 200]
        assert [session.user for session in house.server.sessions] == ["anna", "berta"]
        await connection.close()


@pytest.mark.expected_logs("a request could not be answered")
@pytest.mark.parametrize("door", [*DOORS, "asgi"])
@pytest.mark.spec("SEC-21", "BER-2", "GEN-3")
async def test_identity_that_fails_refuses_the_request(door: str) -> None:
    """Also one that hangs, or waits for what is cancelled: nobody answered that, and the client hung, too."""

    async def later(context: Context) -> str:
        raise RuntimeError("secret")

    async def never(context: Context) -> str:
        await asyncio.Event().wait()
        return ""

    async def cancelled(context: Context) -> str:
        other = asyncio.ensure_future(asyncio.sleep(10))
        other.cancel()
        await other
        return ""

    def now(context: Context) -> str:
        raise RuntimeError("secret")

    for identify in (now, later, never, cancelled):
        async with open_house(door, {"hook_timeout": 0.02}, identify=identify) as house:
            connection = await HttpConnection.open(house.url)
            connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
            reply = await connection.reply()
            assert reply.status == 500
            assert b"secret" not in reply.body
            assert not len(house.server.sessions)
            await connection.close()


@pytest.mark.expected_logs("answer_headers has what cannot be a header")
@pytest.mark.parametrize("door", [*DOORS, "asgi"])
@pytest.mark.spec("SEC-21")
async def test_header_that_is_none_is_left_out(door: str) -> None:
    """Whoever put a user's name into a header let the user write the rest of the answer, or left it unanswered."""

    async def identify(context: Context) -> str:
        context.answer_headers.update({"X-Good": "é", "X-Name": context.headers["x-user"] + "\r\nX-More: 1", "X": "€"})
        return "anna"

    async with open_house(door, identify=identify) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {"X-User": "anna"}, orjson.dumps(HANDSHAKE))
        reply = await connection.reply()
        assert reply.status == 200
        assert reply.header("x-good") == "é"
        assert (reply.header("x-name"), reply.header("x-more"), reply.header("x")) == (None, None, None)
        await connection.close()


async def test_client_that_hangs_up_while_its_identity_is_awaited_is_forgotten() -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def identify(context: Context) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with open_house(identify=identify) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        await asked.wait()
        assert house.listener is not None
        await house.listener.close()
        await asyncio.wait_for(cancelled.wait(), 5)
        await connection.close()


@pytest.mark.spec("OPS-50")
async def test_what_is_open_and_what_was_carried_is_counted() -> None:
    async with open_house() as house:
        client = await Client.handshaken(house)
        await client.ask(CONNECT)
        client.write(CONNECT)
        counters = house.server.counters
        await until(lambda: counters.connections["long-polling"] == 1)
        assert counters.bytes_received["long-polling"] > 100
        assert counters.bytes_sent["long-polling"] > 300
        client.connection.abort()
        await until(lambda: counters.connections["long-polling"] == 0)
        await client.connection.close()
