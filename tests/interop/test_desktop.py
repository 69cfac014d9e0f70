"""The agent desktop at ``/desktop`` in headless Chromium: two agents, and customers whom the test plays.

Most tests play the routing, too; the last ones show the whole gateway with its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiosmtplib
import pytest

from bayeux.client import BayeuxClient
from channels.letter import Letter
from gateway.mail.parse import parse
from tests.gateway.mail.elsewhere import Elsewhere
from tests.gateway.mail.samples import SUPPORT
from tests.interop.aiocometd_client import MARKS
from tests.interop.browser import Browser, Tab, browser
from tests.interop.contact_center import Center, ContactCenter
from tests.interop.gateway_process import gateway
from tests.interop.hostile import TEXTS
from tests.support.ports import free_port

LETTER = Letter(
    mailbox="support@shop.example",
    from_address="carla@mail.example",
    from_personal="Carla",
    to=("support@shop.example",),
    cc=("bob@mail.example",),
    subject="Order 7",
    text="Where is it?\r\nCarla",
    message_id="<1@mail.example>",
)

pytestmark = MARKS


@pytest.fixture
async def desks() -> AsyncIterator[ContactCenter]:
    """A contact center for one test."""
    async with ContactCenter() as running:
        yield running


@pytest.fixture
def center(desks: ContactCenter) -> Center:
    """Its routing and its customers."""
    return desks.center


@pytest.fixture
async def desktop(chrome: Browser, desks: ContactCenter) -> AsyncIterator[Tab]:
    """Agent1, signed in; the page must break no rule and complain of nothing."""
    tab = await chrome.open(desks.url)
    await sign_in(tab, "Agent1")
    yield tab
    assert_unharmed(tab)


def assert_unharmed(tab: Tab) -> None:
    for event in ("violation", "console", "dialog", "elsewhere"):
        assert tab.heard(event) == []


async def sign_in(tab: Tab, user: str) -> None:
    await tab.fill("User", user)
    await tab.fill("Password", user)
    await tab.click("button", "Sign in")
    await tab.see("#state-text", "Connected over WebSocket")


async def get_ready(tab: Tab) -> None:
    await tab.click("button", "Ready, chat")
    await tab.see("#channel-chat [data-state=Ready][aria-pressed=true]", "Ready")  # by text alone "Not Ready" is, too


async def accept(tab: Tab) -> None:
    await tab.see(".invitation", "Order 7")
    await tab.click("button", "Accept")
    await tab.see("#pane h2", "Order 7")


@pytest.mark.spec("AG-20", "AG-22", "AG-30", "AG-33")
async def test_an_agent_is_ready_on_one_channel_and_not_on_the_other(desktop: Tab, center: Center) -> None:
    await desktop.see("#channel-chat .channel-state", "Not Ready")
    await get_ready(desktop)
    assert await desktop.texts("#channel-email .channel-state") == ["Not Ready"]
    assert center.wanted["Agent1"]["chat"].is_ready
    assert not center.wanted["Agent1"]["email"].is_ready
    pressed = (
        "() => [...document.querySelectorAll('#channel-chat [aria-pressed=true]')].map((each) => each.textContent)"
    )
    assert await desktop.evaluate(pressed) == ["Ready"]


@pytest.mark.spec("AG-91", "AG-92")
async def test_an_accepted_chat_shows_all_that_was_said_and_goes_on(desktop: Tab, center: Center) -> None:
    chat = center.chat("Agent1")
    center.say(chat, "Hello?")
    await accept(desktop)
    await desktop.see(".transcript .said", "Hello?")
    await desktop.fill("Your message", "How can I help?")
    await desktop.press("Enter")
    await desktop.see(".line.agent .said", "How can I help?")
    center.say(chat, "Where is my order?")
    await desktop.see(".line.client .said", "Where is my order?")
    assert center.heard_by_customer(chat) == ["Hello?", "How can I help?", "Where is my order?"]
    assert await desktop.texts(".transcript .said") == center.heard_by_customer(chat)


@pytest.mark.spec("AG-65", "AG-127")
async def test_an_invitation_counts_down_and_goes_away_when_nobody_answers(desktop: Tab, center: Center) -> None:
    chat = center.chat("Agent1")
    await desktop.see(".invitation .left", " s")
    [left] = await desktop.texts(".invitation .left")
    assert 0 < int(left.split()[0]) <= 30
    center.ring_out(chat, "Agent1")
    await desktop.see("#ended", "Order 7: taken back")
    assert await desktop.texts(".invitation") == []
    await desktop.see("#channel-chat .channel-state", "an invitation was not answered")


async def test_a_rejected_invitation_is_gone(desktop: Tab, center: Center) -> None:
    center.chat("Agent1")
    await desktop.see(".invitation", "SimpleChatInQueue")
    await desktop.click("button", "Reject")
    await desktop.see("#ended", "Order 7: rejected")
    assert await desktop.texts(".invitation") == []


@pytest.mark.spec("AG-75", "AG-102")
async def test_a_chat_that_is_transferred_is_the_other_agents(
    desktop: Tab, center: Center, desks: ContactCenter, chromium_endpoint: str
) -> None:
    async with browser(chromium_endpoint) as profile:
        other = await profile.open(desks.url)
        await sign_in(other, "Agent2")
        chat = center.chat("Agent1")
        await accept(desktop)
        center.say(chat, "Hello?")
        await desktop.fill("Transfer to agent", "Agent2")
        await desktop.press("Enter")
        await desktop.see("#ended", "Order 7: handed over")
        assert await desktop.texts("#work li") == []
        await accept(other)
        await other.see(".transcript .said", "Hello?")
        await other.fill("Your message", "I go on here.")
        await other.click("button", "Send")
        await other.see(".line.agent .said", "I go on here.")
        assert await desktop.texts(".said") == []
        assert_unharmed(other)


@pytest.mark.spec("AG-75")
async def test_why_a_transfer_was_not_possible_is_told_and_the_chat_stays(desktop: Tab, center: Center) -> None:
    center.chat("Agent1")
    await accept(desktop)
    center.refusal = "Agent2 is not ready"
    await desktop.fill("Transfer to agent", "Agent2")
    await desktop.click("button", "Transfer")
    await desktop.see("#notice", "Transfer: Agent2 is not ready")
    assert len(await desktop.texts("#work li")) == 1


async def test_what_a_server_refuses_is_told(desktop: Tab, center: Center) -> None:
    center.chat("Agent1")
    await accept(desktop)
    await desktop.fill("Transfer to agent", "Nobody")
    await desktop.click("button", "Transfer")
    await desktop.see("#notice", "There is no such agent")
    assert "404" in (await desktop.hear("console"))["text"]  # Chromium's own line about the answer


@pytest.mark.spec("AG-62")
async def test_after_the_customer_has_left_nothing_can_be_said(desktop: Tab, center: Center) -> None:
    chat = center.chat("Agent1")
    await accept(desktop)
    center.leave(chat)
    await desktop.see(".transcript", "Carla left")
    assert await desktop.evaluate("() => document.querySelector('.say').hidden")
    await desktop.click("button", "Done")
    await desktop.see("#ended", "Order 7: done")


@pytest.mark.spec("AG-79", "AG-80")
async def test_an_email_is_read_and_answered(desktop: Tab, center: Center) -> None:
    center.email("Agent1", LETTER)
    await accept(desktop)
    await desktop.see(".letter", "Where is it?")
    await desktop.see("#pane", "From carla@mail.example to support@shop.example")
    await desktop.click("button", "Reply to all")
    await desktop.see("#pane h2", "Re: Order 7")
    fields = "() => [...document.querySelectorAll('#pane input')].slice(0, 3).map((each) => each.value)"
    assert await desktop.evaluate(fields) == ["carla@mail.example", "bob@mail.example", "Re: Order 7"]
    await desktop.fill("Text", "On its way.")
    await desktop.click("button", "Send")
    await desktop.see("#ended", "Re: Order 7: done")
    [answer] = center.sent
    assert (answer.text, answer.to, answer.cc) == ("On its way.", ("carla@mail.example",), ("bob@mail.example",))
    assert answer.references == ("<1@mail.example>",)
    assert len(await desktop.texts("#work li")) == 1


@pytest.mark.spec("AG-80")
async def test_an_answer_that_could_not_be_sent_stays_as_it_was_written(desktop: Tab, center: Center) -> None:
    center.email("Agent1", LETTER)
    await accept(desktop)
    await desktop.click("button", "Reply")
    await desktop.see("#pane h2", "Re: Order 7")
    center.refusal = "the relay is away"
    await desktop.fill("Text", "On its way.")
    await desktop.click("button", "Send")
    await desktop.see("#notice", "Send: the relay is away")
    assert await desktop.evaluate("() => document.querySelector('#pane textarea').value") == "On its way."
    await desktop.click("button", "Discard")
    await desktop.see("#ended", "Re: Order 7: done")


@pytest.mark.spec("AG-55", "AG-57")
async def test_a_reload_finds_everything_again(desktop: Tab, center: Center) -> None:
    chat = center.chat("Agent1")
    await accept(desktop)
    center.say(chat, "Hello?")
    await desktop.see(".said", "Hello?")
    await desktop.reload()
    await desktop.see("#state-text", "Connected over WebSocket")
    await desktop.see("#work", "Order 7")
    center.say(chat, "Are you there?")
    await desktop.see("#work", "2 new")
    await desktop.click("button", "chat Order 7 2 new")
    await desktop.see(".said", "Are you there?")
    assert await desktop.texts(".said") == ["Hello?", "Are you there?"]


async def test_what_is_being_written_stays_when_messages_come(desktop: Tab, center: Center) -> None:
    chat = center.chat("Agent1")
    await accept(desktop)
    await desktop.fill("Your message", "half a sent")
    center.say(chat, "Hello?")
    await desktop.see(".said", "Hello?")
    assert await desktop.evaluate("() => document.querySelector('#pane textarea').value") == "half a sent"


@pytest.mark.spec("AG-106")
async def test_a_second_screen_shows_the_same_and_keeps_what_is_open_there(
    desktop: Tab, center: Center, chrome: Browser, desks: ContactCenter
) -> None:
    first = center.chat("Agent1", subject="Order 7")
    await accept(desktop)
    screen = await chrome.open(desks.url)
    await sign_in(screen, "Agent1")
    await screen.click("button", "chat Order 7")
    await screen.fill("Your message", "half a sent")
    center.chat("Agent1", subject="Order 8")
    await desktop.see(".invitation", "Order 8")
    await desktop.click("button", "Accept")
    await desktop.see("#pane h2", "Order 8")
    await screen.see("#work", "Order 8")
    assert await screen.texts("#pane h2") == ["Order 7"]
    assert await screen.evaluate("() => document.querySelector('#pane textarea').value") == "half a sent"
    center.say(first, "Hello?")
    await screen.see(".said", "Hello?")
    await desktop.see("#work", "1 new")


async def test_is_used_by_keyboard_alone(desktop: Tab, center: Center) -> None:
    """From an invitation to the customer's screen, by Tab, Enter and letters."""
    chat = center.chat("Agent1")
    await desktop.see(".invitation", "Order 7")
    await tab_to(desktop, "Accept")
    await desktop.press("Enter")
    await desktop.see("#pane h2", "Order 7")
    await tab_to(desktop, "Your message")
    for key in ("O", "K", "Enter"):
        await desktop.press(key)
    await desktop.see(".line.agent .said", "OK")
    assert center.heard_by_customer(chat) == ["OK"]


async def tab_to(tab: Tab, name: str) -> None:
    """Press Tab until what has this text or label has the focus."""
    focused = "() => document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent"
    for _ in range(40):
        await tab.press("Tab")
        if await tab.evaluate(focused) == name:
            return
    raise AssertionError(f"Tab does not lead to {name}")


@pytest.mark.spec("SEC-35", "SEC-36", "AG-97")
async def test_shows_hostile_texts_as_text(desktop: Tab, center: Center) -> None:
    chat = center.chat("Agent1", subject="Order 7 " + TEXTS[0], nickname=TEXTS[0])
    await accept(desktop)
    said = [text for text in TEXTS if text]
    for text in said:
        center.say(chat, text)
    center.say(chat, "the last one")
    await desktop.see(".said", "the last one")
    shown = await desktop.evaluate("() => [...document.querySelectorAll('.said')].map((each) => each.textContent)")
    assert shown == [*said, "the last one"]
    strange = "() => document.querySelectorAll('#desk script, #desk img, #desk iframe, #desk a, #desk svg').length"
    assert await desktop.evaluate(strange) == 0


@pytest.mark.spec("AG-13", "AG-26")
async def test_who_signs_out_is_out(desktop: Tab, center: Center) -> None:
    await desktop.click("button", "Sign out")
    await desktop.see("#state-text", "Not connected")
    assert center.wanted == {}
    await desktop.reload()
    assert await desktop.evaluate("() => document.getElementById('desk').hidden")


@pytest.mark.spec("AG-11")
async def test_a_wrong_password_is_told(chrome: Browser, desks: ContactCenter) -> None:
    tab = await chrome.open(desks.url)
    await tab.fill("User", "Agent1")
    await tab.fill("Password", "wrong")
    await tab.click("button", "Sign in")
    await tab.see("#notice", "The user or the password is wrong.")


@pytest.mark.parametrize("width", [320, 390])
async def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    chrome: Browser, desks: ContactCenter, center: Center, width: int
) -> None:
    tab = await chrome.open(desks.url, viewport={"width": width, "height": 700})
    await sign_in(tab, "Agent1")
    chat = center.chat("Agent1", nickname="C" * 100)
    await accept(tab)
    center.say(chat, "W" * 300)
    await tab.see(".said", "WWW")
    assert await tab.evaluate("() => document.documentElement.scrollWidth") <= width
    assert_unharmed(tab)


@pytest.mark.spec("SEC-34")
async def test_comes_with_the_security_headers_of_the_page(chrome: Browser, desks: ContactCenter) -> None:
    tab = await chrome.open(desks.url)
    assert "default-src 'none'; script-src 'self'" in tab.headers["content-security-policy"]
    assert tab.headers["x-content-type-options"] == "nosniff"


async def test_says_what_to_do_when_its_module_is_missing(chrome: Browser, desks: ContactCenter) -> None:
    tab = await chrome.open(desks.url, without="**/static/vendor/**")
    await tab.see("#notice", "run `make vendor`")


@pytest.mark.spec("AG-36", "AG-75", "AG-91", "AG-102")
async def test_a_customer_is_served_by_two_agents_of_a_whole_gateway(
    chrome: Browser, chromium_endpoint: str, tmp_path: Path
) -> None:
    with gateway(tmp_path) as service:
        async with browser(chromium_endpoint) as profile, BayeuxClient(service.url("/cometd")) as customer:
            first, second = await chrome.open(service.url("/desktop")), await profile.open(service.url("/desktop"))
            for tab, user in ((first, "Agent1"), (second, "Agent2")):
                await sign_in(tab, user)
            await get_ready(first)
            form = {"nickname": "Carla", "queue": "SimpleChatInQueue", "userData": {"Subject": "Order 7"}}
            chat = await customer.call("dev/chat/begin", form)
            await customer.call("dev/chat/say", {"chat": chat, "text": "Hello?"})
            await accept(first)
            await first.see(".line.client .said", "Hello?")
            await get_ready(second)
            await first.fill("Transfer to agent", "Agent2")
            await first.click("button", "Transfer")
            await first.see("#ended", "Order 7: handed over")
            await accept(second)
            await second.fill("Your message", "It is on its way.")
            await second.press("Enter")
            await second.see(".line.agent .said", "It is on its way.")
            transcript = await customer.call("dev/chat/read", {"chat": chat})
            said = [each["MessageText"] for each in transcript if each["MessageType"] == "NEW_MESSAGE"]
            assert said == ["Hello?", "It is on its way."]
            assert await first.texts("#work li") == []
            for tab in (first, second):
                assert_unharmed(tab)


@pytest.mark.spec("AG-35", "AG-79", "AG-80", "AG-109")
async def test_a_mail_is_answered_by_a_whole_gateway(chrome: Browser, tmp_path: Path) -> None:
    """From one mail server to another, over an agent's desktop."""
    door = free_port()
    elsewhere = Elsewhere()
    async with elsewhere.open() as relay:
        settings = (f"mail.listen=127.0.0.1:{door}", f"mail.relay.address=127.0.0.1:{relay}")
        with gateway(tmp_path, *settings) as service:
            tab = await chrome.open(service.url("/desktop"))
            await sign_in(tab, "Agent1")
            await tab.click("button", "Ready, email")
            mail = b"From: carla@mail.example\r\nTo: support@localhost\r\nSubject: Order 7\r\n"
            mail += b"Message-ID: <1@mail.example>\r\n\r\nWhere is it?\r\n"
            await aiosmtplib.send(
                mail, sender="carla@mail.example", recipients=["support@localhost"], hostname="127.0.0.1", port=door
            )
            await tab.see(".invitation .left", " s")
            [left] = await tab.texts(".invitation .left")
            assert 30 < int(left.split()[0]) <= 60  # as the development profile has it for e-mail
            await accept(tab)
            await tab.see(".letter", "Where is it?")
            await tab.click("button", "Reply")
            await tab.see("#pane h2", "Re: Order 7")
            await tab.fill("Text", "On its way.")
            await tab.click("button", "Send")
            await tab.see("#ended", "Re: Order 7: done")
            assert_unharmed(tab)
    [(sender, recipients, content)] = elsewhere.received
    assert (sender, recipients) == ("support@localhost", ["carla@mail.example"])
    answer = parse(content, SUPPORT).letter
    assert (answer.text, answer.in_reply_to) == ("On its way.", "<1@mail.example>")
