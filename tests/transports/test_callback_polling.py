"""The callback-polling transport: queries in, scripts out, and which pages get one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from bayeux.protocol.errors import MalformedBody
from bayeux.protocol.options import Options
from bayeux.transports.callback_polling import callback_of, escaped
from bayeux.transports.origin import Origins, Verdict
from tests.support.wire import HttpConnection, Reply
from tests.transports.doors import DOORS, House, open_house, until

HANDSHAKE = {"id": "1", "channel": "/meta/handshake", "supportedConnectionTypes": ["callback-polling"]}
ENABLED = {"transports": ("websocket", "long-polling", "callback-polling")}
_SCRIPT = re.compile(rb"/\*\*/([^(]+)\((.*)\);", re.DOTALL)

Messages = list[dict[str, Any]]


def messages_of(reply: Reply, callback: str = "cb") -> Messages:
    """What a script hands to its callback, after a look at its form (JP-4)."""
    assert reply.status == 200, reply.body
    assert reply.header("content-type") == "text/javascript;charset=UTF-8"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("content-disposition") == "attachment; filename=f.txt"
    script = _SCRIPT.fullmatch(reply.body)
    assert script is not None, reply.body
    assert script[1] == callback.encode()
    messages: Messages = orjson.loads(script[2])
    return messages


def target(*messages: object, query: str = "jsonp=cb") -> str:
    return f"/cometd?{query}&message={quote(orjson.dumps(list(messages)))}"


class Page:
    """A page's scripts, one connection for connects and one for the rest, with the browser's cookie."""

    def __init__(self, connection: HttpConnection, poll: HttpConnection) -> None:
        self.connection = connection
        self.poll = poll
        self.cookie = ""
        self.client_id = ""

    @classmethod
    @asynccontextmanager
    async def open(cls, house: House) -> AsyncIterator[Page]:
        page = cls(await HttpConnection.open(house.url), await HttpConnection.open(house.url))
        try:
            reply = await page.get(target(HANDSHAKE))
            page.cookie = (reply.header("set-cookie") or "").partition(";")[0]
            page.client_id = messages_of(reply)[0]["clientId"]
            yield page
        finally:
            await page.connection.close()
            await page.poll.close()

    def load(self, connection: HttpConnection, address: str, headers: Mapping[str, str] | None = None) -> None:
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        connection.request("GET", address, {**cookie, **(headers or {})})

    async def get(self, address: str, headers: Mapping[str, str] | None = None) -> Reply:
        self.load(self.connection, address, headers)
        return await self.connection.reply()

    def message(self, channel: str, **fields: Any) -> dict[str, Any]:
        return {"channel": channel, "clientId": self.client_id, **fields}

    async def ask(self, channel: str, **fields: Any) -> Messages:
        return messages_of(await self.get(target(self.message(channel, **fields))))

    def hold(self) -> None:
        self.load(self.poll, target(self.message("/meta/connect", connectionType="callback-polling")))

    async def held(self) -> Messages:
        return messages_of(await self.poll.reply())


@asynccontextmanager
async def open_page(door: str = "listener", **options: Any) -> AsyncIterator[tuple[House, Page]]:
    async with open_house(door, {**ENABLED, **options}) as house, Page.open(house) as page:
        yield house, page


# -- the callback --------------------------------------------------------------------------------


@pytest.mark.spec("JP-2")
@pytest.mark.parametrize(
    "name", ["_cometd_jsonp_0", "__jsonp1__", "$", "a", "Z9", "jQuery1.cb$_2", "%24.ajax", "a" * 64, "a."]
)
def test_callback_is_a_name_or_a_path_of_names(name: str) -> None:
    assert callback_of(f"message=x&jsonp={name}".encode(), Options()) == name.replace("%24", "$")


# What would make the answer another script than a call, or another file than a script.
ATTACKS = [
    "", "1", "9a", ".a", "-a", "a-b", "a b", "a+b", "a b", " a", "a%20", "%20a", "a%0a", "%0aa", "a%00", "a\x00",
    "alert(1)", "alert%281%29", "a;b", "a%3Bb", "a=b", "a%3Db", "a[0]", "a%5B0%5D", "a'b", "a%22b", "a`b", "a/b",
    "a%2Fb", "%2F**%2F", "a\\b", "a%5Cu0028", "a<b", "%3Cscript%3E", "a%26b", "a,b", "a|b", "a:b", "a?b", "a!b", "a#b",
    "a@b", "a*b", "(a)", "a{}", "a%7B%7D", "a~b", "a^b", "%C3%A9", "é", "%E2%80%A8", "%EF%BC%84", "%c0%ae", "%u0061",
    "%", "%4", "%zz", "a" * 65, "CWS%07%0E000x", "FWS%06%1b", "%ff%fe", "a%09", "a\t", "constructor(", "$(", "a.b()",
]  # fmt: skip


@pytest.mark.spec("JP-2", "SEC-32", "WSEC-1")
@pytest.mark.parametrize("name", ATTACKS)
def test_callback_that_is_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(MalformedBody) as refusal:
        callback_of(f"message=[]&jsonp={name}".encode(), Options())
    assert str(refusal.value) in ("malformed callback", "malformed form")


@pytest.mark.spec("JP-2")
@pytest.mark.parametrize("query", ["jsonp=a&jsonp=b", "jsonp=a&jsonp=a", "jsonp=a&jsonp=", "jsonp=a&jsonp"])
def test_two_callbacks_are_refused(query: str) -> None:
    with pytest.raises(MalformedBody):
        callback_of(query.encode(), Options())


@pytest.mark.spec("JP-2", "JP-3")
def test_name_length_and_default_of_the_callback_are_options() -> None:
    options = Options(callback_parameter="callback", callback_parameter_max_length=3, default_callback="jsonpcallback")
    assert callback_of(b"callback=abc&jsonp=!", options) == "abc"
    assert callback_of(b"jsonp=x", options) == "jsonpcallback"
    with pytest.raises(MalformedBody):
        callback_of(b"callback=abcd", options)
    with pytest.raises(MalformedBody):
        callback_of(b"callback=", options)
    with pytest.raises(ValueError, match="default_callback"):
        Options(default_callback="alert(1)")


@pytest.mark.spec("JP-4", "MSG-6")
def test_script_means_what_the_json_means_and_ends_no_element() -> None:
    json = orjson.dumps(["</script><!--", "\u2028\u2029", "a/b", "<\\/", "\U0001f600é"])
    script = escaped(json)
    assert orjson.loads(script) == orjson.loads(json)
    assert b"</" not in script
    assert "\u2028" not in script.decode()
    assert "\u2029" not in script.decode()
    assert "\U0001f600é".encode() in script


# -- conversations -------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("JP-1", "JP-4", "HS-3", "HS-10", "CN-1", "CN-3", "COOK-10")
async def test_conversation_by_scripts(door: str) -> None:
    """Handshake, connect, subscribe, a hold that an event ends, disconnect; the cookie goes along."""
    async with open_page(door) as (house, page):
        (session,) = house.server.sessions
        assert session.browser == page.cookie.partition("=")[2]
        (connect,) = await page.ask("/meta/connect", id="2", connectionType="callback-polling")
        assert connect["successful"]
        (reply,) = await page.ask("/meta/subscribe", id="3", subscription="/a")
        assert reply == {"id": "3", "channel": "/meta/subscribe", "subscription": "/a", "successful": True}
        page.hold()
        await until(lambda: house.server.sessions.held_by_browser)
        house.server.publish("/a", "</script>\u2028")
        event, connect = await page.held()
        assert event == {"channel": "/a", "data": "</script>\u2028"}
        assert connect["successful"]
        assert (await page.ask("/meta/disconnect"))[0]["successful"]


@pytest.mark.spec("JP-1", "LP-1")
async def test_messages_of_all_parameters_are_taken_in_order() -> None:
    async with open_page() as (_, page):
        first, second = (quote(orjson.dumps(page.message("/a", id=n))) for n in ("a", "b"))
        reply = await page.get(f"/cometd?message={first}&x=1&jsonp=cb&message=%5B{second}%5D&message")
        assert reply.status == 400, "an empty parameter holds no JSON"
        reply = await page.get(f"/cometd/any?message={first}&x=1&jsonp=cb&message=%5B{second}%5D")
        assert [each["id"] for each in messages_of(reply)] == ["a", "b"]


@pytest.mark.spec("JP-5", "DEL-3", "PUB-12")
async def test_events_leave_with_connect_replies_alone() -> None:
    """The publisher's own event waits for its connect, although the answer to the publish could carry it."""
    async with open_page() as (house, page):
        await page.ask("/meta/connect", connectionType="callback-polling")
        await page.ask("/meta/subscribe", subscription="/a")
        (reply,) = await page.ask("/a", id="7", data=1)
        assert reply == {"id": "7", "channel": "/a", "successful": True}
        page.hold()
        event, connect = await page.held()
        assert (event, connect["channel"]) == ({"channel": "/a", "data": 1}, "/meta/connect")
        page.hold()
        await until(lambda: house.server.sessions.held_by_browser)
        (reply,) = await page.ask("/a", id="8", data=2)
        assert reply["id"] == "8"
        assert (await page.held())[0] == {"channel": "/a", "data": 2}


@pytest.mark.spec("CN-10", "JP-5")
async def test_second_connect_replaces_the_first() -> None:
    async with open_page(timeout=60.0) as (house, page):
        await page.ask("/meta/connect")
        page.hold()
        await until(lambda: house.server.sessions.held_by_browser)
        await page.ask("/meta/connect", advice={"timeout": 0})
        assert (await page.poll.reply()).status == 500


@pytest.mark.spec("SES-8")
async def test_page_that_goes_away_is_noticed() -> None:
    async with open_page() as (house, page):
        await page.ask("/meta/connect")
        page.hold()
        await until(lambda: house.server.sessions.held_by_browser)
        page.poll.abort()
        await until(lambda: not house.server.sessions.held_by_browser)
        assert house.server.counters.connections["callback-polling"] == 0


@pytest.mark.spec("ENC-2")
async def test_script_is_never_compressed() -> None:
    async with open_page(gzip_min_size=0) as (_, page):
        reply = await page.get(target(page.message("/a" * 60)), {"Accept-Encoding": "gzip"})
        assert reply.header("content-encoding") is None
        assert messages_of(reply)[0]["channel"] == "/a" * 60


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("JP-6", "SEC-L4")
async def test_address_of_8_kib_is_read_and_one_of_20_is_not(door: str) -> None:
    async with open_page(door) as (_, page):
        for size, status in ((8 * 1024, 200), (20 * 1024, 431)):
            address = target(page.message("/a", data=""))
            address = target(page.message("/a", data="x" * (size - len(address))))
            assert len(address) == size
            assert (await page.get(address)).status == status


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", b"Refused: one callback is needed"),
        ("message=%5B%7B%7D%5D", b"Refused: one callback is needed"),
        ("jsonp=cb", b"Refused: no messages"),
        ("jsonp=cb&message=%5B%5D", b"Refused: no messages"),
        ("jsonp=cb&message=", None),
        ("jsonp=cb&message=%5B", None),
        ("jsonp=cb&message=1", None),
        ("jsonp=cb&message=%ff", None),
        ("jsonp=<cb>&message=%5B%7B%7D%5D", b"Refused: malformed callback"),
        ("jsonp=%&message=%5B%7B%7D%5D", b"Refused: malformed form"),
        ("jsonp=cb" + "&x" * 1000, b"Refused: malformed form"),
    ],
)
@pytest.mark.spec("JP-2", "JP-3", "LP-3", "SEC-10", "SEC-22")
async def test_query_without_callback_or_messages_gets_400(query: str, body: bytes | None) -> None:
    """As plain text, not as a script, and nothing of it is repeated."""
    async with open_house(options=ENABLED) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("GET", f"/cometd?{query}")
        reply = await connection.reply()
        assert reply.status == 400
        assert reply.header("content-type") == "text/plain;charset=UTF-8"
        assert body is None or reply.body == body
        assert b"cb" not in reply.body
        await connection.close()


# -- who gets one --------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("JP-7", "HTTP-2", "HS-3")
async def test_it_is_off_by_default(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("GET", target(HANDSHAKE))
        reply = await connection.reply()
        assert (reply.status, reply.body) == (400, b"Unknown Bayeux Transport")
        connection.request("POST", "/cometd", {}, orjson.dumps({"channel": "/meta/handshake"}))
        assert (await connection.reply()).json[0]["supportedConnectionTypes"] == ["websocket", "long-polling"]
        await connection.close()


@pytest.mark.spec("HS-3", "HTTP-2")
async def test_it_can_be_the_only_transport_and_have_options_of_its_own() -> None:
    mounting = {"overrides": {"transports": ("callback-polling",)}, "callback_polling": {"callback_parameter": "call"}}
    async with open_house(**mounting) as house:  # type: ignore[arg-type]
        connection = await HttpConnection.open(house.url)
        connection.request("GET", target(HANDSHAKE, query="call=cb"))
        (reply,) = messages_of(await connection.reply())
        assert reply["supportedConnectionTypes"] == ["callback-polling"]
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        assert (await connection.reply()).status == 400
        for method in ("HEAD", "PUT"):
            connection.request(method, target(HANDSHAKE, query="call=cb"))
            assert (await connection.reply(to_head=method == "HEAD")).status == 400
        connection.request("OPTIONS", target(HANDSHAKE, query="call=cb"))
        preflight = await connection.reply()
        assert (preflight.status, preflight.body) == (200, b"")
        assert len(house.server.sessions) == 1
        await connection.close()


@pytest.mark.expected_logs("sent no BAYEUX_BROWSER cookie")
@pytest.mark.spec("JP-7", "COOK-3", "COOK-4")
async def test_session_is_found_by_its_cookie_alone() -> None:
    """Whoever knows a clientId, or is the same user, gets nothing without it."""
    async with (
        open_house(options={**ENABLED, "trust_client_session": True}, identify=lambda _: "anna") as house,
        Page.open(house) as page,
    ):
        page.cookie, cookie = "", page.cookie
        (refused,) = await page.ask("/meta/connect")
        assert refused["error"] == "402::session_unknown"
        page.connection.request("POST", "/cometd", {}, orjson.dumps(page.message("/meta/connect")))
        assert (await page.connection.reply()).json[0]["successful"], "long-polling trusts as it was told"
        page.cookie = cookie
        assert (await page.ask("/meta/connect", advice={"timeout": 0}))[0]["successful"]


LISTED = ("https://app.example", "*.wide.example")
OWN, ALLOWED, FOREIGN = Verdict.OWN, Verdict.ALLOWED, Verdict.FOREIGN


@pytest.mark.spec("SEC-32", "SEC-30")
@pytest.mark.parametrize(
    ("site", "referer", "verdict"),
    [
        (None, None, OWN),
        ("same-origin", None, OWN),
        ("same-origin", "https://push.example/page", OWN),
        ("none", None, OWN),
        ("cross-site", None, FOREIGN),
        ("same-site", None, FOREIGN),
        ("nonsense", None, FOREIGN),
        ("cross-site", "https://app.example/", ALLOWED),
        ("cross-site", "https://app.example", ALLOWED),
        ("cross-site", "https://app.example:443/page?x#y", ALLOWED),
        ("same-site", "https://a.wide.example/", ALLOWED),
        ("same-site", "https://wide.example/", FOREIGN),
        ("cross-site", "http://app.example/", FOREIGN),
        ("cross-site", "https://app.example.evil.example/", FOREIGN),
        ("cross-site", "https://app.example@evil.example/", FOREIGN),
        ("cross-site", "https://evil.example/?https://app.example/", FOREIGN),
        ("cross-site", "https://evil.example/https://app.example/", FOREIGN),
        ("cross-site", "https:app.example", FOREIGN),
        ("cross-site", "https://app.example\\.evil.example/", FOREIGN),
        ("cross-site", "", FOREIGN),
        ("cross-site", "about:client", FOREIGN),
        ("cross-site", "data:text/html,https://app.example/", FOREIGN),
        ("cross-site", "https://push.example/", FOREIGN),  # a browser that is no other site would say so
        (None, "https://push.example/page", OWN),
        (None, "https://app.example/", ALLOWED),
        (None, "https://evil.example/", FOREIGN),
        (None, "", FOREIGN),
    ],
)
def test_page_that_loads_a_script_is_known_by_its_referer(
    site: str | None, referer: str | None, verdict: Verdict
) -> None:
    given = {"sec-fetch-site": site, "referer": referer}
    headers = {name: value for name, value in given.items() if value is not None}
    assert Origins(LISTED).judge_script(headers, "https://push.example") is verdict


@pytest.mark.spec("SEC-32", "CORS-2")
def test_origin_counts_for_more_than_the_referer() -> None:
    headers = {"origin": "https://evil.example", "referer": "https://app.example/", "sec-fetch-site": "cross-site"}
    assert Origins(LISTED).judge_script(headers, "https://push.example") is FOREIGN
    headers["origin"] = "https://app.example"
    assert Origins(LISTED).judge_script(headers, "https://push.example") is ALLOWED


@pytest.mark.parametrize("reject_bad_origin", [True, False])
@pytest.mark.spec("SEC-32", "CORS-6")
async def test_script_for_another_site_is_refused_whatever_is_done_with_other_requests(reject_bad_origin: bool) -> None:
    """It would run with what is in it: there is nothing like CORS headers that could be left out."""
    options = {**ENABLED, "allowed_origins": LISTED, "reject_bad_origin": reject_bad_origin}
    async with open_house(options=options) as house:
        connection = await HttpConnection.open(house.url)
        for referer, status in (("https://evil.example/", 403), ("https://app.example/page", 200)):
            connection.request("GET", target(HANDSHAKE), {"Sec-Fetch-Site": "cross-site", "Referer": referer})
            reply = await connection.reply()
            assert reply.status == status
            assert reply.header("access-control-allow-origin") is None
        assert len(house.server.sessions) == 1
        await connection.close()


@pytest.mark.spec("CORS-2")
async def test_script_asked_for_with_an_origin_has_cors_headers() -> None:
    async with open_house(options={**ENABLED, "allowed_origins": LISTED}) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("GET", target(HANDSHAKE), {"Origin": "https://app.example"})
        reply = await connection.reply()
        messages_of(reply)
        assert reply.header("access-control-allow-origin") == "https://app.example"
        await connection.close()
