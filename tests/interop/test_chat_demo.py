"""The customer's page at ``/chat-demo`` in headless Chromium.

Most tests play the gateway's side; the last ones show the whole of it, with an agent at ``/desktop``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.aiocometd_client import MARKS
from tests.interop.browser import Browser, Tab, browser
from tests.interop.customer_side import CHAT, FAR, NEAR, START_CHAT, CustomerSide
from tests.interop.foreign import PATIENCE
from tests.interop.gateway_process import Gateway, gateway
from tests.interop.hostile import TEXTS
from tests.interop.test_desktop import get_ready

JOINED = ["Notice.Joined", "John Harry", "has joined the session", "0", "CLIENT"]
AGENT_JOINED = ["Notice.Joined", "Q", "has joined the session", "6", "AGENT"]

pytestmark = MARKS


@pytest.fixture
async def side() -> AsyncIterator[CustomerSide]:
    """The gateway's side for one test."""
    async with CustomerSide() as running:
        yield running


@pytest.fixture
async def phone(chrome: Browser, side: CustomerSide) -> AsyncIterator[Tab]:
    """The page on a phone; it must break no rule and complain of nothing."""
    tab = await chrome.open(side.url, viewport={"width": 390, "height": 800})
    yield tab
    assert_unharmed(tab)


def assert_unharmed(tab: Tab) -> None:
    for event in ("violation", "console", "dialog", "elsewhere"):
        assert tab.heard(event) == []


JOINED_BY_ITS_OWN_WORD = "() => JSON.parse(sessionStorage.getItem('chat-demo')).isJoined"


async def until_joined(phone: Tab) -> None:
    """The page has its answer to ixn/chat, which may come behind the chat's first event."""
    async with asyncio.timeout(PATIENCE):
        while not await phone.evaluate(JOINED_BY_ITS_OWN_WORD):  # noqa: ASYNC110 - nor what it keeps
            await asyncio.sleep(0.02)


async def load_anew(phone: Tab) -> None:
    """Returns when the page listens again: this side keeps nothing for those who do not, as the gateway does."""
    await phone.reload()
    await phone.see("#state-text", "Connected over")


async def until_asked(side: CustomerSide, what: str, times: int = 1) -> dict[str, str]:
    """Wait for a request; its parameters."""
    async with asyncio.timeout(PATIENCE):
        while len(side.requests(what)) < times:  # noqa: ASYNC110 - a page tells nobody what it asks
            await asyncio.sleep(0.01)
    return side.requests(what)[-1].parameters


async def chatting(phone: Tab, side: CustomerSide) -> None:
    """An agent has taken an immediate chat."""
    await phone.click("button", "Chat now")
    await until_asked(side, "ixn/chat")
    side.chat(1, JOINED, state="CONNECTED")
    side.chat(2, AGENT_JOINED)
    await phone.see(".line", "Q joined")


@pytest.mark.spec("CB-1", "CB-2", "CC-1", "CM-6", "CH1-2")
@pytest.mark.parametrize(("transport", "name"), [("", "WebSocket"), ("long-polling", "long-polling")])
async def test_an_immediate_chat_begins_at_once(phone: Tab, side: CustomerSide, transport: str, name: str) -> None:
    await phone.evaluate("(value) => { document.getElementById('transport').value = value }", transport)
    await phone.fill("First name", "Carla")
    await phone.fill("What is it about?", "My order")
    await phone.click("button", "Chat now")
    begun = await until_asked(side, "ixn/chat")
    assert begun == {
        "firstName": "Carla",
        "lastName": "Harry",
        "subject": "My order",
        "notify_by": "comet",
        "_verbose": "false",
    }
    started = side.requests("start chat-immediate")[0].parameters
    assert started["_device_os"] == "comet"
    assert started["_device_notification_id"] == side.user
    assert started["_customer_number"].startswith("408265")
    assert len(side.user) == 64
    await phone.see("#state-text", f"Connected over {name}")
    await phone.see("#chat-title", "My order")
    await phone.see("#activity", "Waiting for an agent")
    side.chat(1, JOINED, state="CONNECTED")
    side.chat(2, AGENT_JOINED)
    await phone.see(".line", "Q joined")
    assert await phone.texts("#activity") == [""]


@pytest.mark.spec("SM-20", "SM-24", "SV-20", "SV-30", "PN-3")
async def test_a_delayed_chat_waits_until_an_agent_is_near(phone: Tab, side: CustomerSide) -> None:
    await phone.click("button", "Tell me when an agent is near")
    await phone.see("#promise", "We will notify you when agent is available")
    await phone.see("#place", "You are number 2 of 3 in the queue, about 2 min.")
    side.answers["check-queue-position"] = (200, NEAR)
    side.call_agent_near()
    await phone.see("#near h2", "An agent is near")
    assert side.requests("connect") == []
    await phone.click("button", "Yes, chat now")
    await until_asked(side, "ixn/chat")
    await phone.see("#chat-title", "billing question")


async def test_an_agent_who_is_near_before_the_answer_is_not_missed(phone: Tab, side: CustomerSide) -> None:
    """The notice is faster than the answer that tells the instance."""
    await phone.evaluate(
        """() => {
          const send = window.fetch;
          window.fetch = async (...order) => {
            const answer = await send(...order);
            if (String(order[0]).includes("/callback/")) {
              await new Promise((resolve) => { window.letGo = resolve; });
            }
            return answer;
          };
        }"""
    )
    await phone.click("button", "Tell me when an agent is near")
    await until_asked(side, "start chat-delay")
    side.call_agent_near()
    await phone.evaluate("async () => { await new Promise((resolve) => setTimeout(resolve, 200)); window.letGo(); }")
    await phone.see("#near h2", "An agent is near")


@pytest.mark.spec("SV-42")
@pytest.mark.parametrize("is_near", [False, True])
async def test_who_gives_up_withdraws(phone: Tab, side: CustomerSide, is_near: bool) -> None:
    await phone.click("button", "Tell me when an agent is near")
    await phone.see("#place", "number 2")
    if is_near:
        side.answers["check-queue-position"] = (200, NEAR)
        side.call_agent_near()
    await phone.click("button", "No, thank you" if is_near else "Give up")
    await until_asked(side, "disconnect")
    await phone.see("#why", "You gave up.")
    await phone.see("#state-text", "Not connected")
    await phone.click("button", "Start again")
    assert await phone.texts("#form button") == ["Chat now", "Tell me when an agent is near"]


@pytest.mark.spec("CC-6", "CC-9", "CH1-6", "CH1-8")
async def test_both_talk(phone: Tab, side: CustomerSide) -> None:
    await chatting(phone, side)
    side.chat(2, ["Notice.TypingStarted", "Q", "is typing", "8", "AGENT"])
    await phone.see("#activity", "Q is typing…")
    side.chat(3, ["Message.Text", "Q", "How can I help?", "11", "AGENT"])
    await phone.see(".line.agent .said", "How can I help?")
    assert await phone.texts("#activity") == [""]
    await phone.fill("Your message", "Where is my order?")
    await until_asked(side, "ixn/chat/startTyping")
    await phone.press("Enter")
    assert await until_asked(side, "ixn/chat/send") == {"message": "Where is my order?"}
    side.chat(4, ["Message.Text", "John Harry", "Where is my order?", "15", "CLIENT"])
    await phone.see(".line.client .said", "Where is my order?")
    assert await phone.evaluate("() => document.getElementById('message').value") == ""
    side.chat(4, ["Notice.TypingStarted", "Q", "is typing", "20", "AGENT"])
    await phone.see("#activity", "Q is typing…")
    side.chat(4, ["Notice.TypingStopped", "Q", "stopped typing", "21", "AGENT"])
    side.chat(5, ["Message.Text", "Q", "On its way", "22", "AGENT"])
    await phone.see(".line.agent .said", "On its way")
    assert await phone.texts("#activity") == [""]


@pytest.mark.spec("PN-2", "CC-12", "CC-13")
async def test_what_comes_twice_or_in_disorder_is_shown_once_and_in_order(phone: Tab, side: CustomerSide) -> None:
    await chatting(phone, side)
    said = [["Message.Text", "Q", text, "9", "AGENT"] for text in ("one", "two", "three", "four")]
    side.chat(6, *said[2:])
    id = side.chat(4, said[0], said[1])
    side.chat(4, said[0], said[1], id=id)
    side.chat(5, *said[:3])
    side.chat(7, ["Message.Text", "Q", "last", "9", "AGENT"])
    await phone.see(".said", "last")
    assert await phone.texts(".said") == ["one", "two", "three", "four", "last"]


@pytest.mark.spec("CC-7")
async def test_a_transfer_shows_who_went_and_who_came(phone: Tab, side: CustomerSide) -> None:
    await chatting(phone, side)
    left = ["Notice.Left", "Q", "has left the session", "40", "AGENT"]
    side.chat(3, left)
    await phone.see("#activity", "Waiting for an agent")
    side.chat(4, ["Notice.Joined", "M", "has joined the session", "40", "AGENT"])
    await phone.see(".line", "M joined")
    assert await phone.texts("#activity") == [""]
    assert (await phone.texts(".line"))[-2:] == ["Q left", "M joined"]


@pytest.mark.spec("CC-10", "CH1-9")
async def test_a_chat_that_the_agent_ends_stays_to_be_read(phone: Tab, side: CustomerSide) -> None:
    await chatting(phone, side)
    side.chat(3, ["Notice.Left", "Q", "has left the session", "40", "AGENT"], state="DISCONNECTED")
    await phone.see("#why", "The chat has ended.")
    await phone.see(".line", "Q left")
    assert await phone.evaluate("() => document.getElementById('say').hidden") is True
    await phone.see("#state-text", "Not connected")


@pytest.mark.spec("CH1-9")
async def test_the_customer_may_end_it(phone: Tab, side: CustomerSide) -> None:
    await chatting(phone, side)
    await phone.click("button", "End chat")
    await until_asked(side, "ixn/chat/disconnect")
    await phone.see("#why", "The chat has ended.")
    await phone.click("button", "Start again")
    await phone.see("#form button", "Chat now")
    assert await phone.texts(".line") == []


@pytest.mark.spec("IN-2")
async def test_a_message_of_the_centers_is_shown(phone: Tab, side: CustomerSide) -> None:
    await chatting(phone, side)
    side.tell("service.message", {"_display_message": "We close at noon.", "_id": "1-x"})
    await phone.see("#notice", "We close at noon.")


@pytest.mark.spec("CC-12")
async def test_a_reload_goes_on_where_it_was(phone: Tab, side: CustomerSide) -> None:
    await phone.click("button", "Tell me when an agent is near")
    await phone.see("#place", "number 2")
    user = side.user
    await load_anew(phone)
    await phone.see("#place", "number 2")
    await phone.see("#promise", "We will notify you")
    side.answers["check-queue-position"] = (200, NEAR)
    side.call_agent_near()
    await phone.see("#near h2", "An agent is near")
    await load_anew(phone)
    await phone.click("button", "Yes, chat now")
    await until_asked(side, "ixn/chat")
    side.chat(1, JOINED, state="CONNECTED")
    await phone.see(".line", "John Harry joined")
    entries: list[Any] = [JOINED, AGENT_JOINED]
    side.answers["ixn/chat/refresh"] = (200, {**CHAT, "transcriptPosition": "2", "transcriptToShow": entries})
    await until_joined(phone)
    await load_anew(phone)
    await phone.see(".line", "Q joined")
    assert (await until_asked(side, "ixn/chat/refresh"))["transcriptPosition"] == "0"
    side.chat(3, ["Message.Text", "Q", "Hello", "11", "AGENT"])
    await phone.see(".said", "Hello")
    assert await phone.texts(".line") == ["John Harry joined", "Q joined", "Q\nHello"]
    assert {each.user for each in side.asked} == {user}
    assert len(side.requests("ixn/chat")) == 1


@pytest.mark.spec("CM-17")
async def test_what_a_session_missed_at_its_end_is_caught_up_with(chrome: Browser, side: CustomerSide) -> None:
    """Whose client begins anew; Chromium complains of what the client still sent."""
    phone = await chrome.open(side.url)
    await chatting(phone, side)
    entry = ["Message.Text", "Q", "Are you there?", "11", "AGENT"]
    side.answers["ixn/chat/refresh"] = (200, {**CHAT, "transcriptPosition": "3", "transcriptToShow": [entry]})
    for _ in range(side.server.options.max_queue + 1):  # more than a session may have to read: it ends
        side.tell("service.status", {})
    await phone.see(".said", "Are you there?")
    assert (await until_asked(side, "ixn/chat/refresh"))["transcriptPosition"] == "2"
    side.chat(4, ["Message.Text", "Q", "Hello?", "20", "AGENT"])
    await phone.see(".said", "Hello?")


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("FAIL_USER_NO_CONFIRM", "You did not answer in time."),
        ("NOT_AVAILABLE", "No agent was near"),
        ("ODD", "It is over."),
    ],
)
async def test_a_callback_that_ended_says_why(chrome: Browser, side: CustomerSide, reason: str, why: str) -> None:
    tab = await chrome.open(side.url)
    await tab.click("button", "Tell me when an agent is near")
    await tab.see("#place", "number 2")
    side.answers["check-queue-position"] = (404, {"message": "not queued"})
    ended = [{"_callback_state": "COMPLETED", "_callback_reason": reason}]
    side.answers["callback"] = (200, ended)
    await tab.see("#why", why)


@pytest.mark.spec("ERR-1")
async def test_errors_are_shown_and_what_was_written_stays(chrome: Browser, side: CustomerSide) -> None:
    tab = await chrome.open(side.url)
    side.answers["start chat-immediate"] = (503, {"message": "chat-immediate has too many callbacks", "exception": "x"})
    await tab.click("button", "Chat now")
    await tab.see("#notice", "chat-immediate has too many callbacks")
    side.answers["start chat-immediate"] = (200, START_CHAT)
    await chatting(tab, side)
    assert await tab.evaluate("() => document.getElementById('notice').hidden") is True
    side.answers["ixn/chat/send"] = (500, {})
    await tab.fill("Your message", "Hello?")
    await tab.click("button", "Send")
    await tab.see("#notice", "The gateway answered 500.")
    assert await tab.evaluate("() => document.getElementById('message').value") == "Hello?"


@pytest.mark.spec("SM-26")
async def test_an_agent_who_is_not_near_any_more_is_waited_for_again(phone: Tab, side: CustomerSide) -> None:
    side.answers["check-queue-position"] = (200, NEAR)
    await phone.click("button", "Tell me when an agent is near")
    await phone.see("#near h2", "An agent is near")
    side.answers["check-queue-position"] = (200, FAR)
    await phone.see("#place", "number 2")


@pytest.mark.spec("SEC-36")
async def test_hostile_texts_stay_texts(phone: Tab, side: CustomerSide) -> None:
    await phone.fill("What is it about?", TEXTS[0])
    await chatting(phone, side)
    position = 2
    for text in TEXTS:
        entries = [
            [kind, text, text, "9", "AGENT"] for kind in ("Message.Text", "Notice.Joined", "Notice.PushUrl", text)
        ]
        position += len(entries)
        side.chat(position, *entries)
    side.chat(position, ["Notice.TypingStarted", TEXTS[0], "", "9", "AGENT"])
    side.tell("service.message", {"_display_message": TEXTS[0]})
    side.chat(position + 1, ["Message.Text", "Q", "the end", "9", "AGENT"])
    await phone.see(".said", "the end")
    shown = await phone.texts(".line.agent .said")
    assert [text.strip() for text in shown[:3]] == [text.strip() for text in TEXTS[:3]]
    assert await phone.evaluate("() => document.querySelectorAll('#transcript a').length") == 0
    made = "() => document.querySelectorAll('main script, main img, main svg, main iframe, main form form').length"
    assert await phone.evaluate(made) == 0


@pytest.mark.spec("CC-8")
async def test_an_address_that_is_pushed_becomes_a_link(phone: Tab, side: CustomerSide) -> None:
    await chatting(phone, side)
    side.chat(3, ["Notice.PushUrl", "Q", "https://shop.example/order/7", "9", "AGENT"])
    await phone.see(".line a", "https://shop.example/order/7")
    rel = await phone.evaluate("() => document.querySelector('.line a').rel")
    assert rel == "noopener noreferrer"


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_it_is_as_wide_as_a_phone(chrome: Browser, side: CustomerSide, width: int) -> None:
    tab = await chrome.open(side.url, viewport={"width": width, "height": 700})
    await tab.fill("What is it about?", "W" * 200)
    await chatting(tab, side)
    side.chat(3, ["Message.Text", "C" * 100, "W" * 300, "9", "AGENT"])
    await tab.see(".said", "WWW")
    assert await tab.evaluate("() => document.documentElement.scrollWidth") <= width
    assert await tab.evaluate("() => document.body.getBoundingClientRect().width") <= 420
    assert_unharmed(tab)


@pytest.mark.spec("SEC-34", "SEC-35")
async def test_comes_with_the_security_headers_of_the_page(phone: Tab) -> None:
    assert "default-src 'none'; script-src 'self'" in phone.headers["content-security-policy"]
    assert phone.headers["x-content-type-options"] == "nosniff"


async def test_says_what_to_do_when_its_module_is_missing(chrome: Browser, side: CustomerSide) -> None:
    tab = await chrome.open(side.url, without="**/static/vendor/**")
    await tab.see("#notice", "run `make vendor`")


# The whole gateway


async def at_the_desktop(profile: Browser, service: Gateway, user: str) -> Tab:
    """An agent, signed in, who is ready for nothing yet."""
    tab = await profile.open(service.url("/desktop/"))
    await tab.fill("User", user)
    await tab.fill("Password", user)
    await tab.click("button", "Sign in")
    await tab.see("#state-text", "Connected over WebSocket")
    return tab


async def take_chat(agent: Tab) -> None:
    await agent.see(".invitation", "My order")
    await agent.click("button", "Accept")
    await agent.see("#pane h2", "My order")


async def send(tab: Tab, text: str) -> None:
    await tab.fill("Your message", text)
    await tab.click("button", "Send")


async def ask_for(phone: Tab, button: str, transport: str) -> None:
    await phone.evaluate("(value) => { document.getElementById('transport').value = value }", transport)
    await phone.fill("First name", "Carla")
    await phone.fill("Last name", "")
    await phone.fill("What is it about?", "My order")
    await phone.click("button", button)


TRANSPORTS = pytest.mark.parametrize(
    ("transport", "name"), [("websocket", "WebSocket"), ("long-polling", "long-polling")], ids=["websocket", "polling"]
)


@pytest.mark.spec("CC-1", "CC-5", "CC-6", "CC-9", "CC-10", "CB-1", "SM-20", "SM-21", "SM-24", "SM-25", "PN-3")
@pytest.mark.timeout(180)
@TRANSPORTS
async def test_a_delayed_chat_crosses_a_whole_gateway(
    chrome: Browser, chromium_endpoint: str, tmp_path: Path, transport: str, name: str
) -> None:
    """From the first click to the last message; the page is loaded anew on the way."""
    with gateway(tmp_path) as service:
        async with browser(chromium_endpoint) as profile:
            agent = await at_the_desktop(profile, service, "Agent1")
            phone = await chrome.open(service.url("/chat-demo"), viewport={"width": 390, "height": 800})
            await ask_for(phone, "Tell me when an agent is near", transport)
            await phone.see("#state-text", f"Connected over {name}")
            await phone.see("#promise", "We will notify you when agent is available")
            await phone.see("#place", "You are number 1 of 1 in the queue")
            await get_ready(agent)
            await phone.see("#near h2", "An agent is near")
            await phone.click("button", "Yes, chat now")
            await take_chat(agent)
            await phone.see(".line", "joined")
            await agent.fill("Your message", "How can I h")
            await phone.see("#activity", "is typing…")
            await send(agent, "How can I help?")
            await phone.see(".line.agent .said", "How can I help?")
            await phone.fill("Your message", "Where")
            await agent.see(".typing", "Carla is typing…")
            await send(phone, "Where is my order?")
            await phone.see(".line.client .said", "Where is my order?")
            await agent.see(".line.client .said", "Where is my order?")
            await phone.reload()
            await phone.see(".line.client .said", "Where is my order?")
            await phone.see("#state-text", f"Connected over {name}")
            await send(agent, "On its way.")
            await phone.see(".said", "On its way.")
            assert await phone.texts(".said") == ["How can I help?", "Where is my order?", "On its way."]
            assert await agent.texts(".said") == await phone.texts(".said")
            await phone.click("button", "End chat")
            await phone.see("#why", "The chat has ended.")
            await agent.see(".line", "Carla left")
            for tab in (agent, phone):
                assert_unharmed(tab)


@pytest.mark.spec("CC-5", "CC-7", "CC-10", "SM-31", "CH1-2")
@pytest.mark.timeout(180)
@TRANSPORTS
async def test_an_immediate_chat_is_transferred_in_a_whole_gateway(
    chrome: Browser, chromium_endpoint: str, tmp_path: Path, transport: str, name: str
) -> None:
    with gateway(tmp_path) as service:
        async with browser(chromium_endpoint) as profile, browser(chromium_endpoint) as another:
            first = await at_the_desktop(profile, service, "Agent1")
            second = await at_the_desktop(another, service, "Agent2")
            await get_ready(first)
            phone = await chrome.open(service.url("/chat-demo/"), viewport={"width": 390, "height": 800})
            await ask_for(phone, "Chat now", transport)
            await phone.see("#state-text", f"Connected over {name}")
            await take_chat(first)
            await phone.see(".line.agent", "joined")
            await send(phone, "Hello?")
            await first.see(".line.client .said", "Hello?")
            await get_ready(second)
            await first.fill("Transfer to agent", "Agent2")
            await first.click("button", "Transfer")
            await first.see("#ended", "My order: handed over")
            await take_chat(second)
            await send(second, "I go on here.")
            await phone.see(".line.agent .said", "I go on here.")
            kinds = [text.rpartition(" ")[2] for text in await phone.texts(".line.agent") if "\n" not in text]
            assert sorted(kinds) == ["joined", "joined", "left"]
            await second.click("button", "Done")
            await phone.see("#why", "The chat has ended.")
            for tab in (first, second, phone):
                assert_unharmed(tab)


@pytest.mark.spec("CM-5", "CM-8", "PN-1")
@pytest.mark.timeout(120)
async def test_both_sides_in_one_browser_are_two_users(chrome: Browser, tmp_path: Path) -> None:
    """As a newcomer has it: the agent's cookies come with the customer's requests."""
    with gateway(tmp_path) as service:
        agent = await at_the_desktop(chrome, service, "Agent1")
        await get_ready(agent)
        phone = await chrome.open(service.url("/chat-demo/"))
        await ask_for(phone, "Chat now", "")
        await take_chat(agent)
        await send(agent, "Hello")
        await phone.see(".line.agent .said", "Hello")
        for tab in (agent, phone):
            assert_unharmed(tab)
