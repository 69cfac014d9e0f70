"""A delayed chat from the first request to the last word, in the order of the vendor's sequence diagram."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bayeux.client.extensions.ack import Acknowledge
from tests.interop.foreign import JavaScriptClient, driven
from tests.scenarios.apps import GENESYS, App, Json, entries, once
from tests.scenarios.conftest import OpenTown, Town
from tests.scenarios.house import Plan
from tests.scenarios.people import INTERACTIONS, Agent

CREATED = {"userId": "jamesbond", "_customer_number": "6504661232", "language": "French", "longitude": "2.4544"}
BOND = {"firstName": "James", "lastName": "Bond", "subject": "New gadget", "email": "j.b@gmail.com"}

OpenClient = Callable[[], Awaitable[JavaScriptClient]]


@pytest.fixture
async def open_client() -> AsyncIterator[OpenClient]:
    """npm ``cometd`` on Node, each in a process of its own."""
    async with AsyncExitStack() as stack:

        async def opened() -> JavaScriptClient:
            return JavaScriptClient(await stack.enter_async_context(driven("cometd_node.mjs")))

        yield opened


class Ears:
    """What one official client was told; notices that come twice count once (PN-2)."""

    def __init__(self, client: JavaScriptClient) -> None:
        self._client = client
        self._ids: set[str] = set()

    async def next(self) -> Json:
        """The next notice."""
        while True:
            message = await self._client.message()
            if message["channel"] != GENESYS:
                continue
            data: Json = message["data"]
            if data["id"] not in self._ids:
                self._ids.add(data["id"])
                return data

    async def chat(self) -> tuple[str, list[list[str]]]:
        """The next of the chat: its state, and its entries without their times."""
        told = await self.next()
        assert told["tag"].startswith("service.chat.refresh."), told
        message = told["message"]
        return message["chatIxnState"], [[*entry[:3], entry[4]] for entry in message["transcriptToShow"]]


@pytest.mark.spec("CX-1", "CX-7", "CM-1", "CM-5", "CM-6", "CC-1", "CC-5", "CC-6", "CC-9", "CC-10", "SM-20", "SM-24")
@pytest.mark.parametrize(
    ("transport", "extensions"),
    [
        pytest.param("long-polling", (), id="long-polling-plain"),
        pytest.param("websocket", ("AckExtension",), id="websocket-ack"),
        pytest.param("long-polling", ("AckExtension",), id="long-polling-ack", marks=pytest.mark.soak),
        pytest.param("websocket", (), id="websocket-plain", marks=pytest.mark.soak),
    ],
)
async def test_the_sequence_of_a_delayed_chat(
    open_town: OpenTown, open_client: OpenClient, transport: str, extensions: tuple[str, ...]
) -> None:
    town = await open_town(Plan(settings=("acknowledge=true",)))
    agent = await town.agent()
    await agent.start("chat")
    desk = await open_client()
    known: dict[str, Any] = {"headers": {"Cookie": agent.cookie}}
    if transport == "websocket":
        known = {"props": {"ext": {"token": await town.house.token("Agent1")}}}
    await desk.open(f"{agent.origin}/genesys/cometd", transports=[transport], **known)
    assert (await desk.subscribe(INTERACTIONS))["successful"]

    # The app opens its line, and asks to be called back when an agent is near.
    app = App(agent.origin, "jbond")
    client = await open_client()
    who: dict[str, Any] = {"headers": {"gms_user": "jbond"}}
    if transport == "websocket":
        who = {"props": {"ext": {"gms_user": "jbond"}}}
    await client.open(f"{agent.origin}/genesys/cometd", transports=[transport], extensions=extensions, **who)
    assert (await client.subscribe(GENESYS))["successful"]
    told = Ears(client)
    dialog = await app.start("chat-delay", **CREATED)
    id = dialog["_id"]
    assert (dialog["_action"], dialog["_text"]) == (
        "ConfirmationDialog",
        "We will notify you when agent is available",
    )
    place = await app.ask("check-queue-position")
    assert (place["_position"], place["_total_waiting"], place["_eta"]) == (1, 1, "n/a")
    assert not place["_agent_ready_threshold_passed"]
    assert await app.refused(f"/service/{id}/connect") == 503

    # An agent comes; the app is told, and shows what it may do.
    await agent.ready("chat")
    available = await told.next()
    action = "get-dialog-user-confirmation-provide_code-false"
    assert available["tag"] == f"service.agentavailable.{id}"
    assert available["message"] == {"_action": action, "_id": id}
    menu = await app.ask(action)
    assert menu["_action"] == "DisplayMenu"
    shown = await app.ask("connect")
    assert (shown["_action"], shown["_user_header"], shown["_id"]) == ("StartChat", "jbond", id)
    assert shown["_start_chat_url"] == f"{agent.origin}/genesys/1/service/{id}/ixn/chat"
    assert shown["_comet_url"] == f"{agent.origin}/genesys/cometd"
    answer = await app.ask("ixn/chat", notify_by="comet", _verbose="false", **BOND)
    assert answer == {"_id": id, "comet_channel": GENESYS}
    assert await told.chat() == ("CONNECTED", [["Notice.Joined", "James Bond", "has joined the session", "CLIENT"]])

    # The agent takes the chat, and both talk.
    invited = await next_state(desk, "Invited")
    assert json.loads(invited["userData"]["GMS_UserData"])["language"] == "French"
    await agent.perform(invited["id"], "Accept", nickname="Q")
    assert await told.chat() == ("TRANSCRIPT", [["Notice.Joined", "Q", "has joined the session", "AGENT"]])
    await agent.perform(invited["id"], "SendNotification", notification="TypingStarted")
    state, (typing,) = await told.chat()
    assert (state, typing[0], typing[3]) == ("TRANSCRIPT", "Notice.TypingStarted", "AGENT")
    await agent.perform(invited["id"], "SendMessage", text="Do you want a pen?")
    assert ["Message.Text", "Q", "Do you want a pen?", "AGENT"] in (await text_of(told))
    await agent.perform(invited["id"], "SendMessage", text="between us", visibility="Agents")
    await app.ask("ixn/chat/send", message="A car, please.")
    assert ["Message.Text", "James Bond", "A car, please.", "CLIENT"] in (await text_of(told))
    heard = await next_state(desk, "Accepted", text="A car, please.")
    assert heard["id"] == invited["id"]

    # Agent and app send each other what is no chat.
    sent = await app.ask("internal-notification", _display_message="Look", _application_message="FLASH")
    assert sent == {"message": "Notification Sent"}
    poked = await told.next()
    assert poked["message"] == {"_internal_message": "FLASH", "_id": id, "_display_message": "Look"}
    assert await app.ask("retrieve-notifications") == []
    assert await app.ask("agent-notification", _display_message="Back") == {"message": "Notification Sent"}
    (back,) = await app.ask("retrieve-agent-notifications")
    assert (json.loads(back["message"])["_display_message"], back["tag"]) == ("Back", f"agent.message.{id}")
    stored = await app.get(f"/service/{id}/storage")
    assert {name: stored[name] for name in ("userId", "language", "longitude")} == {
        name: CREATED[name] for name in ("userId", "language", "longitude")
    }

    # The customer ends it.
    gone = await app.ask("ixn/chat/disconnect")
    assert gone["chatIxnState"] == "DISCONNECTED"
    state, left = await told.chat()
    assert (state, left) == ("DISCONNECTED", [["Notice.Left", "James Bond", "has left the session", "CLIENT"]])
    record = await app.record()
    assert (record["_callback_state"], record["_callback_reason"]) == ("COMPLETED", "AGENT_CONNECTED")


STEPS = ("created", "available", "connected", "chatting", "accepted", "answered", "said")


@pytest.mark.spec("CX-4", "CC-13", "CM-17", "IN-6", "PN-7")
@pytest.mark.parametrize(
    ("transport", "acknowledged"),
    [
        pytest.param("long-polling", False, id="long-polling-plain"),
        pytest.param("websocket", True, id="websocket-ack", marks=pytest.mark.soak),
        pytest.param("long-polling", True, id="long-polling-ack", marks=pytest.mark.soak),
        pytest.param("websocket", False, id="websocket-plain", marks=pytest.mark.soak),
    ],
)
async def test_a_line_that_is_cut_at_each_step(open_town: OpenTown, transport: str, acknowledged: bool) -> None:
    """The app begins anew each time; nothing is lost, and nothing comes twice under two ids."""
    town = await open_town(Plan(settings=("acknowledge=true",)))
    app = App(town.house.nodes[0].origin, "jbond")

    async def cut(step: str) -> None:
        assert step in STEPS
        await app.go_away()
        await listen(app, transport, acknowledged)

    await listen(app, transport, acknowledged)
    await talk(town, app, cut)
    await app.go_away()
    said(app.told)


@pytest.mark.spec("CX-5", "CC-13", "SM-71")
async def test_a_node_that_dies_under_the_chat(open_town: OpenTown) -> None:
    """The customer is at the first node, the agent at the second one."""
    town = await open_town(nodes=2)
    first, second = town.house.nodes
    app = App(first.origin, "jbond")
    await app.listen()

    async def die(step: str) -> None:
        if step == "accepted":
            first.kill()
            app.origin = second.origin
            await app.listen()

    await talk(town, app, die, node=1)
    await app.go_away()
    said(app.told)


async def talk(town: Town, app: App, after: Callable[[str], Awaitable[None]], node: int = 0) -> None:
    """A short chat, with something in between after each step."""
    await app.start("chat-delay", _customer_number="6504661232")
    await after("created")
    agent: Agent = await town.desk("Agent1", "chat", node=node)
    await app.agent_available()
    await after("available")
    await app.ask("connect")
    await after("connected")
    await app.ask("ixn/chat", notify_by="comet", **BOND)
    await after("chatting")
    invited = await agent.invited()
    await agent.perform(invited["id"], "Accept", nickname="Q")
    await after("accepted")
    await agent.perform(invited["id"], "SendMessage", text="Hello")
    await app.entry("Message.Text", "Hello")
    await after("answered")
    await app.ask("ixn/chat/send", message="Good day")
    await after("said")
    await app.ask("ixn/chat/disconnect")
    await app.until(lambda told: dict(told["message"]).get("chatIxnState") == "DISCONNECTED")


def said(told: list[Json]) -> None:
    """The whole chat, each entry once and in its place."""
    assert [entry[:1] + entry[2:3] for entry in entries(once(told))] == [
        ["Notice.Joined", "has joined the session"],
        ["Notice.Joined", "has joined the session"],
        ["Message.Text", "Hello"],
        ["Message.Text", "Good day"],
        ["Notice.Left", "has left the session"],
    ]


async def listen(app: App, transport: str, acknowledged: bool) -> None:
    await app.listen(transports=(transport,), extensions=[Acknowledge()] if acknowledged else [])


async def next_state(desk: JavaScriptClient, state: str, text: str | None = None) -> Json:
    """The agent's next notification of a state, and with this text if one is named."""
    while True:
        message = await desk.message()
        data: Json = message["data"]
        said = [event.get("MessageText") for event in data.get("chat_notifications", [])]
        if message["channel"] == INTERACTIONS and data["state"] == state and text in (None, *said):
            return data


async def text_of(told: Ears) -> list[list[str]]:
    """The entries of the next notice that has a text; that somebody stopped typing may come before it."""
    while True:
        _, shown = await told.chat()
        if any(entry[0] == "Message.Text" for entry in shown):
            return shown
