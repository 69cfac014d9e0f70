"""Section 15: pages of other origins."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import LongPolling, check_reply
from tests.support.wire import Endpoint, Reply, UpgradeRefused

spec = pytest.mark.spec

JSON = {"Content-Type": "application/json"}

ALLOWED = [
    "https://app.example.com",
    "http://app.example.com:8080",
    "https://www.trusted.example",
    "https://a.b.trusted.example",
    "http://www.trusted.example",
]
FOREIGN = [
    "http://app.example.com", "https://app.example.com:8443", "https://app.example.com:8080", "https://example.com",
    "https://www.app.example.com", "https://app.example.com.evil.example", "https://evil-app.example.com",
    "https://appXexample.com", "https://trusted.example", "https://eviltrusted.example",
    "https://trusted.example.evil.example", "https://www.trusted.example.", "https://www.trusted.example:8443",
    "https://.trusted.example", "null", "file://", "ftp://app.example.com", "https://", "app.example.com", "*",
    "https://app.example.com/", "https://app.example.com/path", "https://user@app.example.com",
    "https://app.example.com@evil.example",
    "https://app.example.com#", "https://app.example.com?", "https://app.example.com\\.evil.example",
    "https://\u0430pp.example.com", "https://xn--pp-8cd.example.com", "https://app\u3002example.com",
    "https://app.example.com, https://evil.example", "https://evil.example, https://app.example.com",
    "https:app.example.com",
    "https:///app.example.com", " ", "data:text/html,x", "chrome-extension://abcdef",
    "https://app.example.com%00.evil.example",
]  # fmt: skip


def cors_headers(reply: Reply) -> dict[str, str]:
    return {name: value for name, value in reply.headers if name.startswith("access-control-")}


async def post_handshake(client: LongPolling, headers: Mapping[str, str]) -> Reply:
    connection = await client.connection()
    return await client.post([client.handshake_message()], {**JSON, **headers}, connection=connection)


async def refused_upgrade(guests: Guests, headers: dict[str, str]) -> Reply:
    with pytest.raises(UpgradeRefused) as refused:
        await guests.websocket(headers=headers)
    return refused.value.reply


def header_bytes(text: str) -> str:
    """As it goes on the wire: UTF-8, seen as latin-1."""
    return text.encode().decode("latin-1")


@pytest.fixture
def client(guests: Guests) -> LongPolling:
    return guests.long_polling()


@pytest.mark.profile("origins")
class TestAllowed:
    """On a server that allows two origins and a suffix."""

    @spec("CORS-1", "CORS-2", "SEC-30")
    @pytest.mark.parametrize("origin", ALLOWED)
    async def test_allowed_origin_is_named_in_the_response(self, client: LongPolling, origin: str) -> None:
        """Itself, never a star; with credentials."""
        reply = await post_handshake(client, {"Origin": origin})
        assert check_reply(reply)[0]["successful"]
        assert reply.every("access-control-allow-origin") == [origin]
        assert reply.every("access-control-allow-credentials") == ["true"]
        assert "origin" in reply.tokens("vary")

    @spec("CORS-2", "HTTP-9")
    @pytest.mark.parametrize(
        ("body", "status"), [(b"[", 400), (b"[]", 400), (b"[{}]", 200), (b"[" + b"{}," * 150 + b"{}]", 413)]
    )
    async def test_errors_have_the_headers_too(self, client: LongPolling, body: bytes, status: int) -> None:
        """Otherwise the page cannot even tell what went wrong."""
        connection = await client.connection()
        reply = await client.post(body, {**JSON, "Origin": ALLOWED[0]}, connection=connection)
        assert reply.status == status
        assert reply.header("access-control-allow-origin") == ALLOWED[0]
        assert reply.header("access-control-allow-credentials") == "true"
        assert "origin" in reply.tokens("vary")

    @spec("CORS-2", "CN-10")
    async def test_replaced_poll_has_the_headers_too(self, client: LongPolling) -> None:
        await client.ready()
        connection = await client.warm_connection()
        request = client.connect_message()
        headers = {**JSON, "Origin": ALLOWED[0]}
        client.write(connection, [request], headers)
        await client.barrier()
        await client.connect(advice={"timeout": 0})
        replaced = await connection.reply()
        assert replaced.status == 500
        assert replaced.header("access-control-allow-origin") == ALLOWED[0]

    @spec("CORS-3", "SEC-31")
    @pytest.mark.parametrize("suffix", ["", "/", "/handshake", "/connect"])
    async def test_preflight(self, client: LongPolling, suffix: str) -> None:
        """No body, no cookie; the JS client sends one for each suffix."""
        connection = await client.connection()
        connection.request(
            "OPTIONS",
            client.endpoint.path + suffix,
            {
                "Origin": ALLOWED[0],
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
        )
        reply = await connection.reply()
        assert reply.status == 200
        assert reply.body == b""
        assert reply.header("access-control-allow-origin") == ALLOWED[0]
        assert reply.header("access-control-allow-credentials") == "true"
        assert reply.tokens("access-control-allow-methods") == {"get", "post", "options"}
        assert reply.tokens("access-control-allow-headers") >= {
            "accept", "authorization", "content-type", "pragma", "x-requested-with",
        }  # fmt: skip
        assert reply.header("access-control-max-age") == "600"
        assert "origin" in reply.tokens("vary")
        assert not reply.every("set-cookie")

    @spec("CORS-3", "CORS-6")
    async def test_preflight_of_a_foreign_page_grants_nothing(self, client: LongPolling) -> None:
        connection = await client.connection()
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        connection.request("OPTIONS", client.endpoint.path, headers)
        reply = await connection.reply()
        assert not cors_headers(reply)

    @spec("WS-3", "CORS-1")
    @pytest.mark.parametrize("origin", ALLOWED)
    async def test_allowed_origin_may_open_a_socket(self, guests: Guests, origin: str) -> None:
        socket = await guests.websocket(headers={"Origin": origin})
        assert (await socket.handshake())["successful"]

    @spec("CORS-6", "SEC-30")
    @pytest.mark.parametrize("transport", ["long-polling", "websocket"])
    async def test_own_origin_is_always_allowed(self, guests: Guests, url: str, transport: str) -> None:
        headers = {"Origin": Endpoint.of(url).origin}
        if transport == "websocket":
            assert (await (await guests.websocket(headers=headers)).handshake())["successful"]
        else:
            assert (await post_handshake(guests.long_polling(), headers)).status == 200


@pytest.mark.profile("origins")
class TestForeign:
    @spec("CORS-6", "SEC-30", "WSEC-1", "HTTP-9")
    @pytest.mark.parametrize("origin", FOREIGN)
    async def test_foreign_page_is_refused(self, client: LongPolling, origin: str) -> None:
        """403 before anything is processed: no session, no cookie, no CORS header."""
        reply = await post_handshake(client, {"Origin": header_bytes(origin)})
        assert reply.status == 403
        assert not cors_headers(reply)
        assert not reply.every("set-cookie")

    @spec("WS-3", "CORS-6", "SEC-30", "WSEC-1")
    @pytest.mark.parametrize("origin", FOREIGN)
    async def test_foreign_page_may_not_open_a_socket(self, guests: Guests, origin: str) -> None:
        """This is what stops the hijack of a cookie-authenticated socket."""
        reply = await refused_upgrade(guests, {"Origin": header_bytes(origin)})
        assert reply.status == 403
        assert not reply.every("set-cookie")

    @spec("CORS-6", "SEC-30", "SEC-19")
    async def test_two_origins_are_refused(self, client: LongPolling) -> None:
        """An allowed one and another, in two headers."""
        connection = await client.connection()
        body = b"[{}]"
        for pair in ([ALLOWED[0], "https://evil.example"], ["https://evil.example", ALLOWED[0]], [ALLOWED[0]] * 2):
            headers = [*JSON.items(), *(("Origin", origin) for origin in pair)]
            connection.request("POST", client.endpoint.path, headers, body)
            assert (await connection.reply()).status in (400, 403)
            if not connection.is_usable:
                connection = await client.connection()

    @spec("CORS-6")
    async def test_message_of_a_foreign_page_is_not_processed(self, client: LongPolling) -> None:
        """A disconnect with the right cookie and clientId, as a forged form could send it."""
        await client.ready()
        forged = await client.post(
            [client.message("/meta/disconnect")],
            {"Content-Type": "text/plain", "Origin": "https://evil.example"},
        )
        assert forged.status == 403
        assert await client.is_known()


class TestDefault:
    """On a server that allows no other origin."""

    @spec("CORS-1", "CORS-6", "SEC-30")
    @pytest.mark.parametrize("transport", ["long-polling", "websocket"])
    async def test_only_the_own_origin_passes(self, guests: Guests, url: str, transport: str) -> None:
        """Scheme, host and port must be ours."""
        own = Endpoint.of(url)
        other_scheme = f"{'http' if own.tls else 'https'}://{own.authority}"
        foreign = [
            other_scheme, f"{own.origin}0", f"{own.origin.rpartition(':')[0]}:1", own.origin.rpartition(":")[0],
            f"{own.origin}.evil.example", "null", "https://evil.example",
        ]  # fmt: skip
        for origin in foreign:
            if transport == "websocket":
                assert (await refused_upgrade(guests, {"Origin": origin})).status == 403
            else:
                assert (await post_handshake(guests.long_polling(), {"Origin": origin})).status == 403
        if transport == "websocket":
            assert (await (await guests.websocket(headers={"Origin": own.origin})).handshake())["successful"]
        else:
            assert (await post_handshake(guests.long_polling(), {"Origin": own.origin})).status == 200

    @spec("CORS-6", "WS-3")
    async def test_programs_without_an_origin_pass(self, guests: Guests) -> None:
        reply = await post_handshake(guests.long_polling(), {})
        assert reply.status == 200
        assert not cors_headers(reply)
        assert (await (await guests.websocket()).handshake())["successful"]

    @spec("CORS-4", "HTTP-2")
    async def test_plain_options(self, client: LongPolling) -> None:
        connection = await client.connection()
        connection.request("OPTIONS", client.endpoint.path)
        reply = await connection.reply()
        assert (reply.status, reply.body) == (200, b"")
        assert not cors_headers(reply)
        assert not reply.every("set-cookie")

    @spec("CORS-6", "SEC-30", "SEC-96")
    async def test_forwarded_headers_of_strangers_do_not_change_our_origin(self, client: LongPolling) -> None:
        headers = {
            "Origin": "https://evil.example",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "Forwarded": "host=evil.example;proto=https",
        }
        assert (await post_handshake(client, headers)).status == 403

    @spec("SEC-30")
    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    async def test_browser_that_says_it_is_another_site_is_refused(self, client: LongPolling, site: str) -> None:
        """Also without an Origin."""
        reply = await post_handshake(client, {"Sec-Fetch-Site": site})
        assert reply.status == 403


@spec("CORS-6", "CORS-2")
@pytest.mark.profile("lenient-origins")
async def test_foreign_page_is_served_without_headers_where_options_say_so(guests: Guests) -> None:
    """Browsers then keep the answer from the page."""
    foreign = await post_handshake(guests.long_polling(), {"Origin": "https://evil.example"})
    assert foreign.status == 200
    assert not cors_headers(foreign)
    allowed = await post_handshake(guests.long_polling(), {"Origin": "https://app.example.com"})
    assert allowed.header("access-control-allow-origin") == "https://app.example.com"


@spec("CORS-1", "CORS-2")
@pytest.mark.profile("cross-site")
@pytest.mark.parametrize("origin", ["https://anything.example", "http://localhost:1234"])
async def test_any_origin_is_named_not_starred(guests: Guests, origin: str) -> None:
    reply = await post_handshake(guests.long_polling(), {"Origin": origin})
    assert reply.status == 200
    assert reply.header("access-control-allow-origin") == origin
    assert reply.header("access-control-allow-credentials") == "true"
