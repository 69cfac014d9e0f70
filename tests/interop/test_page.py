"""The page at ``/`` in headless Chromium, on a development gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.interop.aiocometd_client import MARKS, aiocometd
from tests.interop.browser import Browser, Tab, browser
from tests.interop.gateway_process import Gateway, gateway
from tests.interop.hostile import TEXTS

CHANNEL = "/v2/me/interactions"
INVITED = {
    "messageType": "InteractionStateMessage",
    "channel": "chat",
    "state": "Invited",
    "userData": {"Subject": "Hi"},
}

pytestmark = MARKS


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A development gateway for all tests of the page."""
    with gateway(tmp_path_factory.mktemp("gateway")) as service:
        yield service


@pytest.fixture
async def page(chrome: Browser, running: Gateway) -> AsyncIterator[Tab]:
    """The page, freshly opened; it must break no rule and complain of nothing."""
    tab = await chrome.open(running.url())
    yield tab
    assert_unharmed(tab)


def assert_unharmed(tab: Tab) -> None:
    """No violation of the Content-Security-Policy, no console error, no dialog, no request elsewhere."""
    for event in ("violation", "console", "dialog", "elsewhere"):
        assert tab.heard(event) == []


async def sign_in(tab: Tab, user: str) -> None:
    await tab.fill("User", user)
    await tab.fill("Password", user)
    await tab.click("button", "Sign in")
    await tab.see("#state-text", "Connected over WebSocket")


async def watch(tab: Tab, channel: str, transport: str = "") -> None:
    await tab.fill("Channel", channel)
    await tab.choose("Transport", transport)
    await tab.click("button", "Watch")
    name = {"": "WebSocket", "websocket": "WebSocket", "long-polling": "long-polling"}[transport]
    await tab.see("#state-text", f"Connected over {name}")


async def publish_to(running: Gateway, user: str, data: object) -> None:
    await running.run("publish", "--user", user, CHANNEL, json.dumps(data))


@pytest.mark.spec("SEC-34", "SEC-35")
async def test_comes_with_its_security_headers(page: Tab) -> None:
    assert page.status == 200
    policy = {part.split()[0]: part.split()[1:] for part in page.headers["content-security-policy"].split(";")}
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.spec("AG-10", "AG-102", "SEC-44")
@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
async def test_shows_an_agent_his_messages_live_and_no_others(
    page: Tab, chromium_endpoint: str, running: Gateway, transport: str
) -> None:
    async with browser(chromium_endpoint) as profile:
        other = await profile.open(running.url())
        for tab, user in ((page, "Agent1"), (other, "Agent2")):
            await sign_in(tab, user)
            await watch(tab, CHANNEL, transport)
        await publish_to(running, "Agent1", INVITED)
        await page.see("#messages .gist", "chat · Invited · Hi")
        await publish_to(running, "Agent2", "for the other")
        await other.see("#messages pre", "for the other")
        assert len(await other.texts("#messages li")) == 1
        assert len(await page.texts("#messages li")) == 1
        assert_unharmed(other)


@pytest.mark.spec("AG-102")
async def test_another_agent_who_signs_in_in_the_same_browser_sees_only_his_own(page: Tab, running: Gateway) -> None:
    await sign_in(page, "Agent1")
    await page.click("button", "Sign out")
    await page.see("#state-text", "Not connected")
    await sign_in(page, "Agent2")
    await publish_to(running, "Agent1", "for the first")
    await publish_to(running, "Agent2", "for the second")
    await page.see("#messages pre", "for the second")
    assert len(await page.texts("#messages li")) == 1


@pytest.mark.spec("AG-10")
async def test_a_reload_keeps_one_signed_in(page: Tab, running: Gateway) -> None:
    await sign_in(page, "Agent1")
    await page.reload()
    await page.see("#state-text", "Connected over WebSocket")
    await publish_to(running, "Agent1", "after the reload")
    await page.see("#messages pre", "after the reload")


@pytest.mark.spec("AG-100", "HS-7")
async def test_asks_to_sign_in_again_when_the_sign_in_has_expired(chrome: Browser, page: Tab) -> None:
    await sign_in(page, "Agent1")
    await chrome.forget_cookies()
    await page.click("button", "Watch")
    await page.see("#notice", "403::handshake_denied. Sign in again.")
    await sign_in(page, "Agent1")


@pytest.mark.spec("AG-11")
async def test_a_wrong_password_is_told(page: Tab) -> None:
    await page.fill("User", "Agent1")
    await page.fill("Password", "wrong")
    await page.click("button", "Sign in")
    await page.see("#notice", "The user or the password is wrong.")
    assert "403" in (await page.hear("console"))["text"]  # Chromium's own line about the answer


@pytest.mark.spec("AG-105")
async def test_publishes_what_one_writes_and_says_when_it_may_not(page: Tab) -> None:
    await sign_in(page, "Agent1")
    await watch(page, "/demo/**")
    await page.click("tab", "Send")
    await page.fill("Channel to publish to", "/demo/page")
    await page.fill("Data (JSON)", '{"text": "from the page"}')
    await page.click("button", "Publish")
    await page.see("#published", "Published.")
    await page.fill("Channel to publish to", CHANNEL)
    await page.click("button", "Publish")
    await page.see("#published", "The server refused: 403:")
    await page.fill("Data (JSON)", "{not json")
    await page.click("button", "Publish")
    await page.see("#published", "That is not JSON")
    await page.click("tab", "Watch")
    await page.see("#messages pre", "from the page")
    assert len(await page.texts("#messages li")) == 1


@pytest.mark.spec("AG-102")
async def test_sends_its_user_a_sample(page: Tab) -> None:
    await sign_in(page, "Agent1")
    await page.click("tab", "Send")
    await page.choose("Sample", "email-accepted")
    await page.see("#command", f"bayeux-gateway publish --user Agent1 {CHANNEL} @email-accepted.json")
    await page.click("button", "Send to me")
    await page.see("#sent", "Sent")
    await page.click("tab", "Watch")
    await page.see("#messages .gist", "email · Accepted")


async def test_is_used_by_keyboard_alone(page: Tab) -> None:
    """The first field has the focus; the tabs are one stop, and arrows move between them."""
    for text in ("Agent1", "Agent1"):
        await page.evaluate("(text) => { document.activeElement.value = text; }", text)
        await page.press("Tab")
    await page.press("Enter")
    await page.see("#state-text", "Connected over WebSocket")
    await page.press("Tab")
    await page.press("ArrowRight")
    assert await page.evaluate("() => document.activeElement.id") == "tab-send"
    await page.see("#panel-send h2", "Publish to a channel")
    await page.press("ArrowRight")
    await page.see("#panel-watch h2", "Messages")


@pytest.mark.spec("SEC-35", "SEC-36", "MSG-6")
async def test_shows_hostile_texts_as_text(page: Tab, running: Gateway) -> None:
    """As value, as key, and in every field the summary is made of."""
    await sign_in(page, "Agent1")
    await watch(page, "/demo/**")
    before = await page.evaluate(COUNT_ELEMENTS)
    hostile = [{"channel": text, "state": text, "userData": {"Subject": text, text: text}} for text in TEXTS]
    async with aiocometd() as outsider:
        await outsider.open(running.url("/cometd"), transports=["websocket"])
        for data in [*hostile, "the last one"]:
            assert (await outsider.publish("/demo/(alert(1))", data))["successful"]
    await page.see("#messages pre", "the last one")

    shown = await page.evaluate("() => [...document.querySelectorAll('#messages pre')].map((pre) => pre.textContent)")
    assert [json.loads(text) for text in shown] == ["the last one", *reversed(hostile)]
    after = await page.evaluate(COUNT_ELEMENTS)
    count = len(hostile) + 1
    added = {"LI": count, "DETAILS": count, "SUMMARY": count, "TIME": count, "SPAN": 2 * count, "PRE": count}
    assert after == {name: before.get(name, 0) + added.get(name, 0) for name in {*before, *added}}


COUNT_ELEMENTS = """() => {
    const counts = {};
    for (const {tagName} of document.querySelectorAll("*")) {
        counts[tagName] = (counts[tagName] ?? 0) + 1;
    }
    return counts;
}"""


async def test_keeps_the_last_200_messages(page: Tab, running: Gateway) -> None:
    await sign_in(page, "Agent1")
    await watch(page, "/demo/flood")

    async def publish(number: int) -> None:
        async with aiocometd() as outsider:
            await outsider.open(running.url("/cometd"), transports=["websocket"])
            for count in range(70):
                await outsider.publish("/demo/flood", [number, count])

    await asyncio.gather(*(publish(number) for number in range(3)))
    await page.see("#count", "210, the last 200 shown")
    assert len(await page.texts("#messages li")) == 200


async def test_says_what_to_do_when_its_module_is_missing(chrome: Browser, running: Gateway) -> None:
    tab = await chrome.open(running.url(), without="**/static/vendor/**")
    await tab.see("#notice", "run `make vendor`")
    assert tab.heard("violation") == []
