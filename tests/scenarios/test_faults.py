"""Lines that break, desktops that vanish, gateways that die (scenarios 7 and 11)."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from bayeux.client import Acknowledge
from bayeux.testing import FaultProxy
from tests.scenarios.conftest import OpenTown
from tests.scenarios.house import PATIENCE, Plan
from tests.scenarios.people import INTERACTIONS, Agent


def view(agent: Agent) -> dict[str, Any]:
    """What a desktop shows that only heard notifications: for each interaction its state and the events, once each."""
    shown: dict[str, Any] = {}
    for channel, data in agent.history:
        if channel != INTERACTIONS or "state" not in data:
            continue
        known = shown.setdefault(data["id"], {"events": {}})
        known["state"] = data["state"]
        known["events"] |= {each["EventId"]: each["MessageText"] for each in data.get("chat_notifications", [])}
    return {id: each for id, each in shown.items() if each["state"] in ("Invited", "Accepted", "Composing")}


def snapshot(held: list[Any]) -> dict[str, Any]:
    """The same, as the gateway tells it when asked."""
    return {
        each["id"]: {
            "state": each["state"],
            "events": {event["EventId"]: event["MessageText"] for event in each.get("chat_notifications", [])},
        }
        for each in held
    }


@pytest.mark.spec("AG-57", "AG-120")
async def test_a_broken_line_loses_nothing_that_is_acknowledged(open_town: OpenTown) -> None:
    town = await open_town(nodes=2)
    agent = await town.agent()
    await agent.start("chat")
    async with FaultProxy(_port(agent.origin)) as line:
        await agent.watch_at(f"http://localhost:{line.port}", INTERACTIONS, extensions=[Acknowledge()])
        await agent.ready("chat")
        customer = await town.customer()
        id = await customer.begin()
        await agent.invited(id)
        await agent.perform(id, "Accept")
        for n in range(30):
            await customer.say(f"line {n}")
            if n % 7 == 3:
                await line.cut()
                line.heal()
        await agent.until(lambda told: "line 29" in str(told.get("chat_notifications")))
        assert view(agent) == snapshot(await agent.held())


@pytest.mark.spec("AG-55", "AG-120")
async def test_a_broken_line_without_acknowledgement_is_repaired_by_asking(open_town: OpenTown) -> None:
    """Each break costs one answer at most; nothing comes twice, or in another order, and what there is can be read."""
    town = await open_town(nodes=2)
    agent = await town.agent()
    await agent.start("chat")
    async with FaultProxy(_port(agent.origin)) as line:
        await agent.watch_at(f"http://localhost:{line.port}", INTERACTIONS)
        await agent.ready("chat")
        customer = await town.customer()
        id = await customer.begin()
        await agent.invited(id)
        await agent.perform(id, "Accept")
        await agent.state("Accepted", id)
        cuts = 0
        for n in range(30):
            await customer.say(f"line {n}")
            if n % 7 == 3:
                await line.cut()
                line.heal()
                cuts += 1
        async with asyncio.timeout(PATIENCE):
            while "still there?" not in str(agent.history):
                await customer.say("still there?")
                await asyncio.sleep(0.5)
        told = [each for _, data in agent.history for each in data.get("chat_notifications", [])]
        asked = snapshot(await agent.held())[id]["events"]
        heard = {each["EventId"]: each["MessageText"] for each in told}
        assert [each["EventId"] for each in told] == sorted(heard)
        assert [text for text in asked.values() if text and text.startswith("line")] == [f"line {n}" for n in range(30)]
        assert heard.items() <= asked.items()
        missed = sorted(number for number in asked if number < max(heard) and number not in heard)
        assert sum(number - 1 not in missed for number in missed) <= cuts


def _port(origin: str) -> int:
    port = urlsplit(origin).port
    assert port is not None
    return port


@pytest.mark.spec("AG-121", "AG-123", "AG-57")
async def test_a_node_that_dies_takes_nothing_with_it(open_town: OpenTown) -> None:
    """What was answered with 0 stands; the agent goes on at the other node."""
    town = await open_town(nodes=2)
    agent = await town.desk("Agent1", "chat", node=0)
    customer = await town.customer(node=1)
    id = await customer.begin()
    await agent.invited(id)
    await agent.perform(id, "Accept")
    await agent.perform(id, "SendMessage", text="I am here")
    town.house.nodes[0].kill()
    await agent.go()
    again = await town.agent("Agent1", node=1)
    await again.watch()
    (held,) = await again.held()
    assert (held["id"], held["state"]) == (id, "Accepted")
    assert "I am here" in str(held["chat_notifications"])
    await customer.say("are you?")
    await again.until(lambda told: "are you?" in str(told.get("chat_notifications")))
    await again.perform(id, "StopProcessing")
    await again.state("Completed", id)


@pytest.mark.spec("AG-123", "AG-126", "AG-127")
async def test_a_gateway_that_starts_again_keeps_its_word(open_town: OpenTown) -> None:
    """One accepted chat, one invitation: killed with both, and the invitation still ends when it should."""
    town = await open_town(Plan(accept={"email": 8.0}))
    agent = await town.desk("Agent1", "chat", "email")
    customer = await town.customer()
    chat = await customer.begin()
    await agent.invited(chat)
    await agent.perform(chat, "Accept")
    mail = await town.house.bring_mail(b"From: a@example.com\r\nSubject: Help\r\n\r\nPlease.\r\n")
    await agent.invited(mail)
    began = time.monotonic()
    (node,) = town.house.nodes
    node.kill()
    await agent.go()
    node.start()
    await node.ready()
    again = await (await town.agent("Agent1")).sign_in()
    await again.watch()
    assert {each["id"]: each["state"] for each in await again.held()} == {chat: "Accepted", mail: "Invited"}
    await again.state("Revoked", mail)
    assert time.monotonic() - began >= 7
    assert [each["id"] for each in await again.held()] == [chat]


@pytest.mark.spec("AG-125")
async def test_a_desktop_that_vanishes(open_town: OpenTown) -> None:
    """Nothing is offered to who cannot see it; then he is NotReady, and his work goes to others."""
    settings = (
        "agent.presence_grace=1s",
        "agent.lost_after=2s",
        "lost.keep_for=4s",
        "mounts.notifications.max_interval=1s",
    )
    town = await open_town(Plan(settings=settings))
    agent = await town.desk("Agent1", "chat")
    customer = await town.customer()
    id = await customer.begin()
    await agent.invited(id)
    await agent.perform(id, "Accept")
    await agent.state("Accepted", id)
    await agent.go()
    colleague = await town.desk("Agent2", "chat")
    await colleague.invited(id)
    state = (await agent.get("/me/channels/chat"))["channel"]["userState"]
    assert (state["state"], state["reason"]) == ("NotReady", "CONNECTION_LOST")
    assert await agent.held() == []


@pytest.mark.spec("AG-26")
async def test_who_signs_out_leaves_his_work_to_others(open_town: OpenTown) -> None:
    town = await open_town()
    agent = await town.desk("Agent1", "chat")
    customer = await town.customer()
    id = await customer.begin()
    await agent.invited(id)
    await agent.perform(id, "Accept")
    await agent.state("Accepted", id)
    await agent.do("/me", "EndContactCenterSession")
    await agent.state("Revoked", id)
    assert (await agent.get("/me"))["statusCode"] == 20
    colleague = await town.desk("Agent2", "chat")
    await colleague.invited(id)
