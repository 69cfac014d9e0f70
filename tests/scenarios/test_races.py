"""What happens at the same time has one outcome (scenarios 5 and 6 of the agents' interface)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from tests.scenarios.conftest import OpenTown
from tests.scenarios.house import PATIENCE, Plan
from tests.scenarios.people import INTERACTIONS, Agent


@pytest.mark.spec("AG-37", "AG-38")
@pytest.mark.parametrize("times", [5, pytest.param(20, marks=pytest.mark.soak)])
async def test_no_invitation_after_not_ready_was_answered(open_town: OpenTown, times: int) -> None:
    """Ten chats a time wait while the agent goes in and out of Ready."""
    town = await open_town(Plan(most_chats=10, settings=("mre.offers_max=10",)))
    agent = await town.desk("Agent1")
    customer = await town.customer()
    for _ in range(10 * times):
        await customer.begin()
    taken: set[str] = set()
    for _ in range(times):
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


@pytest.mark.soak
@pytest.mark.spec("AG-66", "AG-126")
@pytest.mark.parametrize("times", [30, pytest.param(200, marks=pytest.mark.soak)])
async def test_accept_and_the_timer_come_to_one_end(open_town: OpenTown, times: int) -> None:
    """So often Accept is sent when the invitation is about to end: one of the two wins, for all desktops."""
    settings = ("mre.offers_max=10", "rona.not_ready=false", "rona.exclude_for=600s", "rona.exclude_min=600s")
    town = await open_town(Plan(accept={"chat": 1.0}, most_chats=10, settings=settings), nodes=2)
    desktops = [await town.desk("Agent1", node=0), await town.desk("Agent1", "chat", node=1)]
    customer = await town.customer()

    async def race(n: int) -> int:
        """Gives the ``statusCode`` of the Accept."""
        id = await customer.begin()
        await asyncio.gather(*(_story(each, id, ["Invited"]) for each in desktops))
        await asyncio.sleep(0.85 + n % 10 * 0.03)
        code: int = (await desktops[n % 2].ask(f"/me/interactions/{id}", "Accept"))["statusCode"]
        if code == 0:
            await desktops[0].perform(id, "StopProcessing")
        story = ["Invited", *(["Accepted", "Completed"] if code == 0 else ["Revoked"])]
        await asyncio.gather(*(_story(each, id, story) for each in desktops))
        return code

    codes = [await asyncio.gather(*map(race, range(first, first + 10))) for first in range(0, times, 10)]
    counted = Counter(code for each in codes for code in each)
    assert counted.keys() <= {0, 2, 6}, "6: it was revoked when the Accept came, and is known no more (AG-67)"
    assert counted[0] and counted[2]
    assert [await each.held() for each in desktops] == [[], []]


async def _story(agent: Agent, id: str, expected: Sequence[str]) -> None:
    """Wait until this is what a desktop was told of an interaction."""
    told: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while told != expected:
                await asyncio.sleep(0.02)
                told = [data["state"] for _, data in agent.history if data.get("id") == id]
                assert told == list(expected)[: len(told)]
    except TimeoutError:
        raise AssertionError(f"{told} instead of {expected}") from None
