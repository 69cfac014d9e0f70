"""Section 12: HTTP in general, and what a body may look like."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import orjson
import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import Client, LongPolling, Message, check_reply, event, success
from tests.conformance.profiles import Profile
from tests.support.wire import Endpoint, HttpConnection, UpgradeRefused, WebSocket

spec = pytest.mark.spec

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def client(guests: Guests) -> LongPolling:
    return guests.long_polling()


@pytest.fixture
async def ready(guests: Guests) -> LongPolling:
    made = guests.long_polling()
    await made.ready()
    return made


def form(*messages: Message | list[Message], **others: str) -> bytes:
    pairs = [("message", orjson.dumps(message).decode()) for message in messages]
    return urlencode([*pairs, *others.items()]).encode()


class TestEndpoint:
    @spec("HTTP-1")
    @pytest.mark.parametrize(
        "suffix",
        [
            "",
            "/",
            "/handshake",
            "/connect",
            "/disconnect",
            "/60.0",
            "/a/b/c",
            "/connect/",
            "?x=1",
            "/connect?x=/y",
            "/%2e%2e",
        ],
    )
    async def test_suffix_of_the_path_has_no_meaning(self, client: LongPolling, suffix: str) -> None:
        """A handshake posted to any of them is a handshake."""
        (reply,) = check_reply(await client.post([client.handshake_message()], suffix=suffix))
        assert reply["successful"]
        assert reply["channel"] == "/meta/handshake"

    @spec("HTTP-1", "HTTP-9")
    @pytest.mark.parametrize("path", ["/", "/elsewhere", "{}x", "{}.json", "/x{}"])
    async def test_path_beside_the_endpoint_is_not_found(self, client: LongPolling, path: str) -> None:
        target = path.format(client.endpoint.path)
        connection = await client.connection()
        connection.request("POST", target, {"Content-Type": "application/json"}, b"[]")
        assert (await connection.reply()).status == 404

    @spec("HTTP-2", "HTTP-9", "NEG-5")
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
    async def test_other_methods_are_no_bayeux_transport(self, client: LongPolling, method: str) -> None:
        connection = await client.connection()
        body = None if method == "GET" else b"[{}]"
        connection.request(method, client.endpoint.path, {"Content-Type": "application/json"}, body)
        reply = await connection.reply()
        assert (reply.status, reply.body) == (400, b"Unknown Bayeux Transport")

    @spec("HTTP-2")
    async def test_head_is_no_bayeux_transport(self, client: LongPolling) -> None:
        connection = await client.connection()
        connection.request("HEAD", client.endpoint.path)
        assert (await connection.reply(to_head=True)).status == 400

    @spec("HTTP-2", "JP-7")
    async def test_callback_polling_is_off(self, client: LongPolling) -> None:
        connection = await client.connection()
        message = quote(orjson.dumps([client.handshake_message()]).decode())
        connection.request("GET", f"{client.endpoint.path}?jsonp=cb&message={message}")
        reply = await connection.reply()
        assert (reply.status, reply.body) == (400, b"Unknown Bayeux Transport")
        assert not reply.every("set-cookie")

    @spec("HTTP-2", "CORS-4")
    async def test_options_has_no_body(self, client: LongPolling) -> None:
        connection = await client.connection()
        connection.request("OPTIONS", client.endpoint.path)
        reply = await connection.reply()
        assert reply.status in (200, 204)
        assert reply.body == b""

    @spec("HTTP-2", "NEG-5", "HTTP-9")
    @pytest.mark.profile("websocket-only")
    async def test_posts_are_refused_where_long_polling_is_off(self, guests: Guests) -> None:
        client = guests.long_polling()
        reply = await client.post([client.handshake_message()])
        assert (reply.status, reply.body) == (400, b"Unknown Bayeux Transport")
        socket = await guests.websocket()
        assert (await socket.handshake())["supportedConnectionTypes"] == ["websocket"]

    @spec("HTTP-2", "NEG-2", "NEG-5", "HTTP-9")
    @pytest.mark.profile("long-polling-only")
    async def test_upgrades_are_refused_where_websocket_is_off(self, guests: Guests) -> None:
        """The client's fall-back over long-polling then works."""
        with pytest.raises(UpgradeRefused) as refused:
            await guests.websocket()
        assert (refused.value.reply.status, refused.value.reply.body) == (400, b"Unknown Bayeux Transport")
        client = guests.long_polling()
        reply = await client.handshake(supportedConnectionTypes=["websocket", "long-polling"])
        assert reply["supportedConnectionTypes"] == ["long-polling"]


class TestContentTypes:
    @spec("LP-1", "HTTP-3")
    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json", "text/json", "application/json;charset=UTF-8", "application/json; charset=utf-8",
            "APPLICATION/JSON", "Text/Json ; charset=utf-8", "text/plain", "text/plain;charset=UTF-8",
            "application/xml",
            "application/octet-stream", "x/y", "", "nonsense",
        ],
    )  # fmt: skip
    async def test_json_text_under_any_name(self, client: LongPolling, content_type: str) -> None:
        """Anything but a form is JSON if it begins like it; white space in front does not matter."""
        body = b" \n" + orjson.dumps([client.handshake_message()])
        (reply,) = check_reply(await client.post(body, {"Content-Type": content_type}))
        assert reply["successful"]

    @spec("LP-1", "MSG-1")
    @pytest.mark.parametrize("content_type", ["text/plain", "application/xml"])
    async def test_bare_object_under_another_name(self, client: LongPolling, content_type: str) -> None:
        body = orjson.dumps(client.handshake_message())
        (reply,) = check_reply(await client.post(body, {"Content-Type": content_type}))
        assert reply["successful"]

    @spec("LP-1")
    async def test_missing_content_type(self, client: LongPolling) -> None:
        (reply,) = check_reply(await client.post([client.handshake_message()], {}))
        assert reply["successful"]

    @spec("LP-1")
    @pytest.mark.parametrize(
        "content_type", [FORM, FORM.upper(), f"{FORM};charset=UTF-8", "text/plain", "application/xml", "x/y"]
    )
    async def test_form(self, client: LongPolling, content_type: str) -> None:
        """Also without the name of a form, as Faye's cross-origin transport posts."""
        body = form([client.handshake_message()])
        (reply,) = check_reply(await client.post(body, {"Content-Type": content_type}))
        assert reply["successful"]

    @spec("LP-1", "BAT-2")
    async def test_messages_of_a_form_are_concatenated_in_order(self, ready: LongPolling) -> None:
        """Objects and arrays mixed, other parameters between them."""
        requests = [ready.message("/service/conformance/x", data=n) for n in range(4)]
        body = b"a=b&" + form(requests[0], requests[1:3]) + b"&c=%5B&" + form(requests[3])
        replies = check_reply(await ready.post(body, {"Content-Type": FORM}))
        assert replies == [success(request) for request in requests]

    @spec("LP-1", "MSG-6")
    async def test_form_encodings(self, ready: LongPolling, channel: str) -> None:
        """A plus is a space, percent escapes are UTF-8."""
        await ready.subscribe(channel)
        message = ready.message(channel, data="a b + \u00e9 & = % \U0001f600")
        for encode in (quote, quote_plus):
            body = f"message={encode(orjson.dumps(message).decode(), safe='')}".encode()
            came = check_reply(await ready.post(body, {"Content-Type": FORM}))
            assert came[0] == event(channel, message["data"])

    @spec("LP-1", "MSG-4")
    @pytest.mark.parametrize(
        "body", [b"message=%5B", b"message=1", b"message=%5B%7B%7D%5D&message=x", b"message=%5B1%5D"]
    )
    async def test_form_with_a_malformed_message(self, client: LongPolling, body: bytes) -> None:
        assert (await client.post(body, {"Content-Type": FORM})).status == 400

    @spec("LP-1", "HS-9")
    async def test_handshake_in_a_form_must_be_alone_too(self, client: LongPolling) -> None:
        body = form(client.handshake_message(), client.handshake_message())
        assert (await client.post(body, {"Content-Type": FORM})).status == 400

    @spec("LP-3", "MSG-3", "SEC-12", "HTTP-10", "HTTP-9")
    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("application/json", b""),
            ("application/json", b"[]"),
            ("application/json", b" [ ] "),
            ("text/plain", b""),
            ("text/plain", b"[]"),
            (FORM, b""),
            (FORM, b"a=b"),
            (FORM, b"message="),
            (FORM, b"message=%5B%5D"),
            (FORM, b"Message=%5B%7B%7D%5D"),
            (FORM, b"jsonp=cb"),
        ],
    )
    async def test_no_messages(self, client: LongPolling, content_type: str, body: bytes) -> None:
        assert (await client.post(body, {"Content-Type": content_type})).status == 400


class TestCharsets:
    @spec("LP-2")
    @pytest.mark.parametrize(
        ("charset", "text"),
        [
            ("ISO-8859-7", "\u03b5\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac"),
            ("iso-8859-1", "\u00e9\u00ff"),
            ("windows-1252", "\u20ac"),
            ("UTF-16", "\u03b5\U0001f600"),
            ("utf-8", "\U0001f600"),
            ("US-ASCII", "plain"),
            ("Shift_JIS", "\u30c6\u30b9\u30c8"),
        ],
    )
    @pytest.mark.parametrize(
        "shape", ["application/json;charset={}", 'application/json; charset="{}"', "text/json; x=y; CHARSET={}"]
    )
    async def test_body_in_its_declared_charset(
        self, ready: LongPolling, channel: str, charset: str, text: str, shape: str
    ) -> None:
        """What comes back is UTF-8."""
        await ready.subscribe(channel)
        message = ready.message(channel, data=text)
        body = orjson.dumps([message]).decode().encode(charset)
        came = check_reply(await ready.post(body, {"Content-Type": shape.format(charset)}))
        assert came == [event(channel, text), success(message)]

    @spec("LP-2", "HTTP-9", "SEC-22")
    @pytest.mark.parametrize(
        "charset",
        ["klingon", "hex", "rot13", "base64", "zlib", "idna", "undefined", "unicode_escape", "utf-8\u00e9", "x" * 300],
    )
    async def test_unknown_charset(self, client: LongPolling, charset: str) -> None:
        """Also what Python takes for one and nobody else does."""
        body = orjson.dumps([client.handshake_message()])
        reply = await client.post(body, {"Content-Type": f"application/json;charset={charset}"})
        assert reply.status == 400
        assert b"Traceback" not in reply.body

    @spec("LP-2", "MSG-5", "SEC-10")
    @pytest.mark.parametrize(
        ("charset", "body"),
        [
            ("UTF-8", b'[{"id":"\xe9"}]'),
            ("US-ASCII", b'[{"id":"\xc3\xa9"}]'),
            ("UTF-16", b"[{}"),
            ("Shift_JIS", b'[{"id":"\x81"}]'),
        ],
    )
    async def test_bytes_outside_of_the_charset(self, client: LongPolling, charset: str, body: bytes) -> None:
        assert (await client.post(body, {"Content-Type": f"application/json;charset={charset}"})).status == 400


class TestSizes:
    @spec("LP-4", "SEC-L7", "SEC-1", "HTTP-9")
    @pytest.mark.profile("small")
    @pytest.mark.parametrize("beyond", [-1, 0, 1])
    async def test_body_is_bounded(self, client: LongPolling, profile: Profile, beyond: int) -> None:
        """At the limit it passes, beyond it the answer is 413 and a close."""
        limit = profile["max_message_size"]
        message = orjson.dumps([client.handshake_message()])
        body = message + b" " * (limit + beyond - len(message))
        connection = await client.connection()
        reply = await client.post(body, connection=connection)
        if beyond <= 0:
            assert check_reply(reply)[0]["successful"]
        else:
            assert reply.status == 413
            assert "close" in reply.tokens("connection")
            assert await connection.rest() == b""

    @spec("LP-4", "SEC-L7")
    @pytest.mark.profile("small")
    async def test_size_is_checked_before_the_body_is_read(self, client: LongPolling, profile: Profile) -> None:
        """The declared length is enough; not a byte of the body has to come."""
        connection = await client.connection()
        length = profile["max_message_size"] + 1
        connection.request(
            "POST", client.endpoint.path, {"Content-Type": "application/json", "Content-Length": str(length)}
        )
        assert (await connection.reply()).status == 413

    @spec("LP-4", "SEC-L7", "LP-13")
    @pytest.mark.profile("small")
    async def test_size_of_a_chunked_body_is_checked_while_it_comes(
        self, client: LongPolling, profile: Profile
    ) -> None:
        """No end of it is ever sent."""
        connection = await client.connection()
        connection.request(
            "POST", client.endpoint.path, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        )
        chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
        connection.write(chunk * (profile["max_message_size"] // 1024 + 1))
        assert (await connection.reply()).status == 413

    @spec("LP-4", "SEC-L7")
    async def test_default_limit_is_256_kib(self, client: LongPolling) -> None:
        connection = await client.connection()
        message = orjson.dumps([client.handshake_message()])
        assert (await client.post(message.ljust(256 * 1024), connection=connection)).status == 200
        assert (await client.post(message.ljust(256 * 1024 + 1), connection=connection)).status == 413


class TestConnections:
    @spec("LP-13")
    async def test_connection_is_kept(self, ready: LongPolling) -> None:
        """Twenty requests on one, answered with a length and without ``Connection: close``."""
        connection = await ready.connection()
        for n in range(20):
            reply = await ready.post([ready.message("/service/conformance/x", data=n)], connection=connection)
            check_reply(reply)
            assert "close" not in reply.tokens("connection")

    @spec("LP-13", "ENC-4")
    async def test_close_is_done_when_asked_for(self, ready: LongPolling) -> None:
        connection = await ready.connection()
        request = ready.message("/service/conformance/x")
        reply = await ready.post(
            [request], {"Content-Type": "application/json", "Connection": "close"}, connection=connection
        )
        assert check_reply(reply) == [success(request)]
        assert await connection.rest() == b""

    @spec("LP-13")
    async def test_chunked_request(self, ready: LongPolling) -> None:
        """In chunks of one byte."""
        request = ready.message("/service/conformance/x")
        text = orjson.dumps([request])
        body = b"".join(b"1\r\n%c\r\n" % byte for byte in text) + b"0\r\n\r\n"
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        assert check_reply(await ready.post(body, headers)) == [success(request)]
        assert await ready.is_known()

    @spec("LP-13")
    async def test_expect_continue(self, ready: LongPolling) -> None:
        """The interim answer comes before the body is sent."""
        connection = await ready.connection()
        request = ready.message("/service/conformance/x")
        body = orjson.dumps([request])
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Expect": "100-continue",
            **ready.browser.header(),
        }
        connection.request("POST", ready.endpoint.path, headers)
        assert (await connection.reply(interim=True)).status == 100
        connection.write(body)
        assert check_reply(await ready.answer(connection)) == [success(request)]

    @spec("LP-13")
    @pytest.mark.parametrize("keep_alive", [False, True])
    async def test_http_1_0_client(self, ready: LongPolling, keep_alive: bool) -> None:
        """Its connection is closed unless it asks to keep it."""
        connection = await ready.connection()
        request = ready.message("/service/conformance/x")
        headers = {"Content-Type": "application/json", **ready.browser.header()}
        if keep_alive:
            headers["Connection"] = "keep-alive"
        data = connection.request_bytes("POST", ready.endpoint.path, headers, orjson.dumps([request]))
        connection.write(data.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert check_reply(await ready.answer(connection)) == [success(request)]
        if not keep_alive:
            assert await connection.rest() == b""

    @spec("LP-13")
    async def test_pipelined_requests_are_answered_in_order(self, ready: LongPolling) -> None:
        """A connection that has served us before; all in one write."""
        connection = await ready.connection()
        await ready.post([ready.message("/service/conformance/x")], connection=connection)
        requests = [ready.message("/service/conformance/x", data=n) for n in range(5)]
        headers = {"Content-Type": "application/json", **ready.browser.header()}
        connection.write(
            b"".join(
                connection.request_bytes("POST", ready.endpoint.path, headers, orjson.dumps([request]))
                for request in requests
            )
        )
        for request in requests:
            assert check_reply(await ready.answer(connection)) == [success(request)]

    @spec("LP-13")
    async def test_request_may_come_in_pieces(self, ready: LongPolling) -> None:
        """Byte by byte, the head as well as the body."""
        connection = await ready.connection()
        request = ready.message("/service/conformance/x")
        headers = {"Content-Type": "application/json", **ready.browser.header()}
        for byte in connection.request_bytes("POST", ready.endpoint.path, headers, orjson.dumps([request])):
            connection.write(bytes([byte]))
            await connection.flush()
        assert check_reply(await ready.answer(connection)) == [success(request)]

    @spec("LP-13", "HTTP-1")
    async def test_other_paths_can_be_asked_for_on_the_same_connection(self, ready: LongPolling) -> None:
        """Another path between two Bayeux requests gets its own answer, here 404."""
        connection = await ready.connection()
        for _ in range(2):
            check_reply(await ready.post([ready.message("/service/conformance/x")], connection=connection))
            connection.request("GET", "/no/such/page")
            assert (await connection.reply()).status == 404
            if not connection.is_usable:
                connection = await ready.connection()

    @spec("CN-10", "LP-13", "HTTP-10")
    async def test_request_behind_a_held_connect_waits_for_it(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        """Pipelined behind a held connect: answered second."""
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        held = await client.hold()
        await carol.publish(channel, 1)
        assert await held.messages() == [event(channel, 1), success(held.request)]
        connect = client.connect_message()
        behind = client.message("/service/conformance/x")
        client.write(held.connection, [connect])
        client.write(held.connection, [behind])
        await client.barrier()
        await carol.publish(channel, 2)
        first = check_reply(await client.answer(held.connection))
        second = check_reply(await client.answer(held.connection))
        assert [*first, *second] == [event(channel, 2), success(connect), success(behind)]


@spec("WS-1", "HTTP-1")
@pytest.mark.parametrize("suffix", ["", "/", "/handshake", "/a/b"])
async def test_upgrade_at_any_suffix(url: str, suffix: str) -> None:
    socket = await WebSocket.open(url + suffix)
    assert socket.upgrade.status == 101
    await socket.close()


@spec("HTTP-1", "HTTP-9")
async def test_upgrade_beside_the_endpoint_is_not_found(url: str) -> None:
    beside = url.replace(Endpoint.of(url).path, "/elsewhere")
    with pytest.raises(UpgradeRefused) as refused:
        await WebSocket.open(beside)
    assert refused.value.reply.status == 404


@spec("SEC-22", "ENC-1")
@pytest.mark.parametrize("body", [b"[", b"[]", b"<script>" + b"x" * 500])
async def test_refusals_are_short_and_repeat_nothing(url: str, body: bytes) -> None:
    connection = await HttpConnection.open(url)
    connection.request("POST", connection.endpoint.path, {"Content-Type": "application/json"}, body)
    reply: Any = await connection.reply()
    assert reply.status == 400
    assert len(reply.body) < 200
    assert b"script" not in reply.body
    assert reply.header("cache-control") == "no-cache, no-store"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("server") is None
    await connection.close()
