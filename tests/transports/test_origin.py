"""Origins: who may talk to us, and what browsers are told (CORS, SEC-30)."""

from __future__ import annotations

import orjson
import pytest

from bayeux.transports.origin import Origins, Verdict, normalise
from tests.support.wire import HttpConnection, UpgradeRefused, WebSocket
from tests.transports.doors import DOORS, open_house

OWN, ALLOWED, FOREIGN = Verdict.OWN, Verdict.ALLOWED, Verdict.FOREIGN
LISTED = (
    "https://app.example",
    "http://dev.example:8000",
    "*.wide.example",
    "https://*.tls.example:8443",
    "https://münchen.example",
)
HANDSHAKE = {"id": "1", "channel": "/meta/handshake"}


@pytest.mark.spec("SEC-30", "CORS-1", "CORS-6")
@pytest.mark.parametrize(
    ("origin", "verdict"),
    [
        # our own: https://push.example
        ("https://push.example", OWN),
        ("https://push.example:443", OWN),
        ("HTTPS://PUSH.EXAMPLE", OWN),
        ("http://push.example", FOREIGN),
        ("https://push.example:444", FOREIGN),
        ("https://push.example.", FOREIGN),
        ("https://x.push.example", FOREIGN),
        ("https://push.example.evil.example", FOREIGN),
        ("https://push.example@evil.example", FOREIGN),
        ("https://evilpush.example", FOREIGN),
        # listed by name
        ("https://app.example", ALLOWED),
        ("https://app.example:443", ALLOWED),
        ("https://App.Example", ALLOWED),
        ("http://app.example", FOREIGN),
        ("https://app.example:8443", FOREIGN),
        ("https://app.example/", FOREIGN),
        ("https://app.example/path", FOREIGN),
        ("https://аpp.example", FOREIGN),  # a Cyrillic look-alike
        ("https://xn--pp-7lc.example", FOREIGN),
        ("https://app.exampleevil", FOREIGN),
        ("https://sub.app.example", FOREIGN),
        ("http://dev.example:8000", ALLOWED),
        ("http://dev.example", FOREIGN),
        ("http://dev.example:80000", FOREIGN),
        ("https://xn--mnchen-3ya.example", ALLOWED),
        ("https://münchen.example", FOREIGN),  # no browser writes it so
        # listed by pattern
        ("https://a.wide.example", ALLOWED),
        ("http://a.b.wide.example", ALLOWED),
        ("https://wide.example", FOREIGN),
        ("https://evilwide.example", FOREIGN),
        ("https://.wide.example", FOREIGN),
        ("https://a..wide.example", FOREIGN),
        ("https://a.wide.example:8443", FOREIGN),
        ("https://a.wide.example.evil.example", FOREIGN),
        ("https://a.tls.example:8443", ALLOWED),
        ("http://a.tls.example:8443", FOREIGN),
        ("https://a.tls.example", FOREIGN),
        # no origin at all
        ("null", FOREIGN),
        ("", FOREIGN),
        ("*", FOREIGN),
        ("any", FOREIGN),
        ("file://", FOREIGN),
        ("chrome-extension://abc", FOREIGN),
        ("ws://push.example", FOREIGN),
        ("https://", FOREIGN),
        ("https://app.example, https://app.example", FOREIGN),  # the header twice
        ("https://app.example https://evil.example", FOREIGN),
        ("https://app.example\t", FOREIGN),
    ],
)
def test_origin_is_judged(origin: str, verdict: Verdict) -> None:
    assert Origins(LISTED).judge({"origin": origin}, "https://push.example") is verdict


@pytest.mark.spec("SEC-30")
@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, OWN),
        ({"sec-fetch-site": "none"}, OWN),
        ({"sec-fetch-site": "same-origin"}, OWN),
        ({"sec-fetch-site": "same-site"}, FOREIGN),
        ({"sec-fetch-site": "cross-site"}, FOREIGN),
        ({"sec-fetch-site": "nonsense"}, FOREIGN),
        # A proxy we were not told of ended the TLS: the browser knows better than we do.
        ({"sec-fetch-site": "same-origin", "origin": "https://push.example"}, OWN),
        ({"sec-fetch-site": "cross-site", "origin": "http://push.example"}, FOREIGN),
        ({"sec-fetch-site": "same-site", "origin": "https://a.push.example"}, FOREIGN),
        ({"sec-fetch-site": "cross-site", "origin": "https://app.example"}, ALLOWED),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, FOREIGN),
    ],
)
def test_sec_fetch_site_is_believed(headers: dict[str, str], verdict: Verdict) -> None:
    assert Origins(LISTED).judge(headers, "http://push.example") is verdict


@pytest.mark.spec("CORS-1")
def test_any_allows_every_origin_but_null() -> None:
    origins = Origins(["any"])
    assert origins.judge({"origin": "http://evil.example:99"}, "http://x") is ALLOWED
    assert origins.judge({"origin": "null"}, "http://x") is FOREIGN
    assert Origins(["any", "null"]).judge({"origin": "null"}, "http://x") is ALLOWED


@pytest.mark.spec("CORS-1")
def test_application_is_asked_for_what_is_not_listed() -> None:
    asked = []

    def is_allowed(origin: str) -> bool:
        asked.append(origin)
        return True

    origins = Origins([], is_allowed=is_allowed)
    assert origins.judge({"origin": "https://X.example:443"}, "http://x") is ALLOWED
    assert asked == ["https://x.example"]


@pytest.mark.parametrize(
    "entry", ["", "*", "app.example", "https://", "https://*", "ftp://a.example", "https://a/b", "*."]
)
def test_entry_that_could_never_match_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="allowed_origins"):
        Origins([entry])


def test_origin_is_normalised() -> None:
    assert normalise("HTTP://Example.COM:80") == "http://example.com"
    assert normalise("http://[::1]:8080") == "http://[::1]:8080"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("CORS-2", "CORS-3", "CORS-4", "CORS-6", "HTTP-2", "HTTP-9", "SEC-31", "WS-3")
async def test_pages_are_answered_as_their_origin_deserves(door: str) -> None:
    page, evil = {"Origin": "https://app.example"}, {"Origin": "https://evil.example"}
    asked = []
    async with open_house(
        door,
        {"allowed_origins": LISTED, "allowed_headers": ("X-Token",), "max_message_size": 1000},
        identify=lambda context: asked.append(context.headers.get("origin")),
    ) as house:
        connection = await HttpConnection.open(house.url)

        def assert_cors(reply: object) -> None:
            assert reply.header("access-control-allow-origin") == "https://app.example"  # type: ignore[attr-defined]
            assert reply.header("access-control-allow-credentials") == "true"  # type: ignore[attr-defined]
            assert "origin" in reply.tokens("vary")  # type: ignore[attr-defined]

        for headers, status in ((page, 200), ({}, 200), ({"Origin": connection.endpoint.origin}, 200), (evil, 403)):
            connection.request("POST", "/cometd", headers, orjson.dumps(HANDSHAKE))
            reply = await connection.reply()
            assert reply.status == status
            if headers is page:
                assert_cors(reply)
            else:
                assert not [name for name, _ in reply.headers if name.startswith("access-control")]
        assert asked == ["https://app.example", None, connection.endpoint.origin], "refused before anyone is asked"
        assert len(house.server.sessions) == 3

        connection.request("OPTIONS", "/cometd", {**page, "Access-Control-Request-Method": "POST"})
        preflight = await connection.reply()
        assert (preflight.status, preflight.body) == (200, b"")
        assert_cors(preflight)
        assert preflight.header("access-control-allow-methods") == "GET, POST, OPTIONS"
        granted = preflight.tokens("access-control-allow-headers")
        assert granted == {"accept", "authorization", "content-type", "pragma", "x-requested-with", "x-token"}
        assert preflight.header("access-control-max-age") == "600"

        connection.request("OPTIONS", "/cometd")
        plain = await connection.reply()
        assert (plain.status, plain.body) == (200, b"")
        connection.request("OPTIONS", "/cometd", evil)
        assert (await connection.reply()).status == 403

        for method, body in (("PUT", b""), ("POST", b"{"), ("POST", b"x" * 2000)):
            connection.request(method, "/cometd", page, body)
            refused = await connection.reply()
            assert refused.status in (400, 413)
            assert_cors(refused)
        await connection.close()

        await (await WebSocket.open(house.url, page)).close()
        await (await WebSocket.open(house.url)).close()
        with pytest.raises(UpgradeRefused) as refusal:
            await WebSocket.open(house.url, evil)
        assert refusal.value.reply.status == 403
        with pytest.raises(UpgradeRefused):
            await WebSocket.open(house.url, [*page.items(), *page.items()])


@pytest.mark.spec("CORS-6")
async def test_bad_origin_may_be_let_through_without_cors_headers() -> None:
    async with open_house(options={"reject_bad_origin": False}) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {"Origin": "https://evil.example"}, orjson.dumps(HANDSHAKE))
        reply = await connection.reply()
        assert reply.status == 200
        assert reply.header("access-control-allow-origin") is None
        await connection.close()
