"""Section 13: callback-polling."""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import UNKNOWN, check_reply, event, success
from tests.conformance.scripts import CallbackPolling, as_response, query_of
from tests.support.wire import HttpConnection, Reply

spec = pytest.mark.spec
pytestmark = pytest.mark.profile("callback-polling")


@pytest.fixture
async def client(guests: Guests) -> CallbackPolling:
    """Without a session."""
    return guests.callback_polling()


@pytest.fixture
async def page(client: CallbackPolling) -> CallbackPolling:
    """With a session that has done its first connect."""
    await client.ready()
    return client


async def get(connection: HttpConnection, query: str, **headers: str) -> Reply:
    """Load a script."""
    connection.request("GET", connection.endpoint.path + query, {k.replace("_", "-"): v for k, v in headers.items()})
    return await connection.reply()


@spec("JP-1", "JP-4", "HS-3", "HS-10", "DSC-1")
async def test_session_from_handshake_to_disconnect(client: CallbackPolling, channel: str) -> None:
    reply = await client.handshake(supportedConnectionTypes=["callback-polling", "cross-origin-long-polling"])
    assert reply["supportedConnectionTypes"] == [
        "websocket", "long-polling", "callback-polling", "cross-origin-long-polling",
    ]  # fmt: skip
    assert client.last is not None
    assert client.last.every("set-cookie")
    assert (await client.connect())["successful"]
    assert (await client.subscribe(channel))["successful"]
    assert (await client.disconnect())["successful"]


@spec("JP-1", "HTTP-1")
async def test_message_may_be_repeated(page: CallbackPolling) -> None:
    first, second, third = (page.message("/service/conformance/x") for _ in range(3))
    more = f"&message={quote(orjson.dumps(second))}&other=1&message={quote(orjson.dumps([third]))}"
    connection = await page.connection()
    query = query_of(orjson.dumps(first)) + more
    connection.request("GET", f"{page.endpoint.path}/handshake{query}", page.browser.header())
    assert check_reply(await page.answer(connection)) == [success(each) for each in (first, second, third)]


@spec("JP-2", "SEC-32")
@pytest.mark.parametrize("callback", ["__jsonp1__", "$", "jQuery1.cb_2", "a" * 64, "%24a"])
async def test_callback_is_called_by_its_name(client: CallbackPolling, callback: str) -> None:
    connection = await client.connection()
    reply = await get(connection, query_of(orjson.dumps(client.handshake_message()), callback))
    assert check_reply(as_response(reply, callback.replace("%24", "$")))[0]["successful"]


@spec("JP-2", "JP-3", "SEC-32", "SEC-22")
@pytest.mark.parametrize(
    "query",
    [
        "?message=MESSAGE", "?jsonp=&message=MESSAGE", "?jsonp=a&jsonp=b&message=MESSAGE", "?jsonp=1a&message=MESSAGE",
        "?jsonp=alert(1)&message=MESSAGE", "?jsonp=alert%281%29&message=MESSAGE", "?jsonp=a%3Balert&message=MESSAGE",
        "?jsonp=%3Cscript%3E&message=MESSAGE", "?jsonp=a%0Ab&message=MESSAGE", "?jsonp=a%00&message=MESSAGE",
        "?jsonp=a[0]&message=MESSAGE", "?jsonp=a%2F&message=MESSAGE", "?jsonp=a-b&message=MESSAGE",
        "?jsonp=%C3%A9&message=MESSAGE", "?jsonp=" + "a" * 65 + "&message=MESSAGE", "?jsonp=CWS%07%0E&message=MESSAGE",
        "?jsonp=alert", "?jsonp=alert&message=", "?jsonp=alert&message=%5B%5D", "?jsonp=alert&message=alert",
    ],
)  # fmt: skip
async def test_query_that_asks_for_no_script_gets_400(client: CallbackPolling, query: str) -> None:
    """Nothing of it is repeated, and it is no script."""
    connection = await client.connection()
    reply = await get(connection, query.replace("MESSAGE", quote(orjson.dumps(client.handshake_message()))))
    assert reply.status == 400
    assert not any(word in reply.body for word in (b"alert", b"script", b"CWS", b"handshake", b"aaaa"))
    assert "javascript" not in (reply.header("content-type") or "")


@spec("JP-5", "DEL-3", "CN-3", "PUB-12")
async def test_events_leave_with_connect_replies_alone(page: CallbackPolling, channel: str) -> None:
    await page.subscribe(channel)
    message = page.message(channel, data="</script>\u2028\u2029")
    assert await page.exchange(message) == [success(message)]
    assert await page.events() == [event(channel, "</script>\u2028\u2029")]
    held = await page.hold()
    await page.publish(channel, 2)
    assert await held.messages() == [event(channel, 2), success(held.request)]


@spec("JP-5", "DEL-3", "SES-3")
async def test_session_that_goes_on_with_long_polling_gets_events_with_any_reply(
    page: CallbackPolling, guests: Guests, channel: str
) -> None:
    await page.subscribe(channel)
    other = guests.long_polling(page.browser)
    other.client_id = page.client_id
    await other.connect(advice={"timeout": 0})
    message = other.message(channel, data=1)
    assert await other.exchange(message) == [event(channel, 1), success(message)]


@spec("JP-6", "SEC-L4")
async def test_address_of_8_kib_is_read(page: CallbackPolling) -> None:
    message = page.message("/service/conformance/x", data="")
    message["data"] = "x" * (8 * 1024 - len(page.endpoint.path + query_of(orjson.dumps(message))))
    assert (await page.request(message))["successful"]


@spec("JP-7", "COOK-3", "COOK-4")
async def test_session_is_found_by_its_cookie_alone(page: CallbackPolling) -> None:
    """Although this server trusts a clientId over long-polling."""
    stranger = CallbackPolling(page.url)
    stranger.client_id = page.client_id
    assert (await stranger.connect())["error"] == UNKNOWN
    await stranger.close()
    assert await page.is_known()


@spec("JP-7", "HTTP-2")
@pytest.mark.profile("default")
async def test_it_is_off_by_default(client: CallbackPolling, guests: Guests) -> None:
    connection = await client.connection()
    reply = await get(connection, query_of(orjson.dumps(client.handshake_message())))
    assert (reply.status, reply.body) == (400, b"Unknown Bayeux Transport")
    handshake = await guests.long_polling().handshake(supportedConnectionTypes=["long-polling", "callback-polling"])
    assert handshake["supportedConnectionTypes"] == ["websocket", "long-polling"]


@spec("ENC-2")
async def test_script_is_never_compressed(page: CallbackPolling, channel: str) -> None:
    """Although this server compresses every answer of long-polling."""
    await page.subscribe(channel)
    await page.publish(channel, "x" * 3000)
    connection = await page.connection()
    message = page.connect_message(advice={"timeout": 0})
    query = query_of(orjson.dumps(message))
    connection.request("GET", page.endpoint.path + query, {"Accept-Encoding": "gzip", **page.browser.header()})
    assert event(channel, "x" * 3000) in check_reply(await page.answer(connection))


@spec("SEC-32", "SEC-30")
@pytest.mark.parametrize(
    ("referer", "status"),
    [
        ("https://app.example.com/", 200),
        ("https://app.example.com/page?x", 200),
        ("https://app.example.com.evil.example/", 403),
        ("https://evil.example/https://app.example.com/", 403),
        ("http://app.example.com/", 403),
        ("", 403),
    ],
)
async def test_script_for_another_site_is_refused_unless_its_page_is_allowed(
    client: CallbackPolling, referer: str, status: int
) -> None:
    connection = await client.connection()
    query = query_of(orjson.dumps(client.handshake_message()))
    headers = {"Referer": referer} if referer else {}
    assert (await get(connection, query, Sec_Fetch_Site="cross-site", **headers)).status == status


@spec("CORS-4", "HTTP-2")
@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("HEAD", 400), ("PUT", 400)])
async def test_other_methods_are_no_scripts(client: CallbackPolling, method: str, status: int) -> None:
    connection = await client.connection()
    connection.request(method, client.endpoint.path + query_of(orjson.dumps(client.handshake_message())))
    assert (await connection.reply(to_head=method == "HEAD")).status == status
