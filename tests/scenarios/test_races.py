"""What happens at the same time has one outcome (scenarios 5 and 6 of the agents' interface)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.scenarios.conftest import OpenTown
from tests.scenarios.house import Plan
from tests.scenarios.people import INTERACTIONS


@pytest.mark.spec("AG-37", "AG-38")
async def test_no_invitation_after_not_ready_was_answered(open_town: OpenTown) -> None:
    """Two hundred chats wait while the agent goes in and out of Ready."""
    town = await open_town(Plan(most_chats=10, settings=("mre.offers_max=10",)))
    agent = await town.desk("Agent1")
    customer = await town.customer()
    for _ in range(200):
        await customer.begin()
    taken: set[str] = set()
    for _ in range(20):
        await agent.ready("chat")
        invited = await agent.invited()
        await agent.not_ready("chat")
        agent.waiting()  # what was published until then
        count = len(agent.history)
        await asyncio.sleep(0.3)
        late = [data["id"] for channel, data in agent.history[count:] if _is_invitation(channel, data)]
        assert late == []
        for each in await agent.held():
            if each["state"] == "Invited":
                await agent.perform(each["id"], "Accept")
            taken.add(each["id"])
            await agent.perform(each["id"], "StopProcessing")
        assert invited["id"] in taken
        agent.waiting()


def _is_invitation(channel: str, data: Any) -> bool:
    return channel == INTERACTIONS and data["state"] == "Invited"


@pytest.mark.spec("AG-66", "AG-71")
async def test_two_browsers_of_one_agent_accept_at_once(open_town: OpenTown, nodes: int) -> None:
    """Both see one Accepted; the agent joined once."""
    town = await open_town(nodes=nodes)
    browsers = [await town.desk("Agent1", node=0), await town.desk("Agent1", "chat", node=-1)]
    customer = await town.customer()
    for _ in range(10):
        id = await customer.begin()
        for browser in browsers:
            await browser.invited(id)
        answers = await asyncio.gather(*(each.ask(f"/me/interactions/{id}", "Accept") for each in browsers))
        assert [each["statusCode"] for each in answers] == [0, 0]
        for browser in browsers:
            events = (await browser.state("Accepted", id))["chat_notifications"]
            assert [each["UserType"] for each in events] == ["Client", "Agent"]
        await browsers[0].perform(id, "StopProcessing")
        for browser in browsers:
            await browser.state("Completed", id)


@pytest.mark.spec("AG-66", "AG-126")
async def test_accept_and_the_timer_come_to_one_end(open_town: OpenTown) -> None:
    """Accept is sent when the invitation is about to end; all desktops are told one story, with one end.

    The timer is the communication server's: an Accept that reached the chat side while the timer's word was under way
    is told Accepted, and then Revoked.
    """
    settings = ("rona.not_ready=false", "rona.exclude_for=60s", "rona.exclude_min=60s")
    town = await open_town(Plan(accept={"chat": 1.0}, settings=settings), nodes=2)
    agent = await town.desk("Agent1", "chat")
    beside = await town.desk("Agent1", node=1)
    customer = await town.customer()
    stories: dict[str, list[str]] = {}
    for n in range(16):
        id = await customer.begin()
        await agent.invited(id)
        await asyncio.sleep(0.93 + n * 0.01)
        answer = await agent.ask(f"/me/interactions/{id}", "Accept")
        stories[id] = ["Invited", "Revoked"]
        if answer["statusCode"] == 0:
            await agent.state("Accepted", id)
            done = await agent.ask(f"/me/interactions/{id}", "StopProcessing")
            stories[id][1:] = ["Accepted", "Completed" if done["statusCode"] == 0 else "Revoked"]
        else:
            assert answer["statusCode"] in (2, 6)
        await agent.state(stories[id][-1], id)
        await beside.state(stories[id][-1], id)
    for id, story in stories.items():
        for desktop in (agent, beside):
            assert [data["state"] for _, data in desktop.history if data.get("id") == id] == story
    assert await agent.held() == await beside.held() == []
