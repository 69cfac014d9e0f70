"""Whoever moves what customers hear dies at each step, or is not alone: each customer hears all of it, once."""

from __future__ import annotations

import pytest

from gateway.agents.operations import Dialect
from tests.chats.conftest import OpenHouse
from tests.chats.house import Died
from tests.chats.test_comet import DEVICE, talking


@pytest.mark.spec("SM-70", "SM-71", "CC-13")
@pytest.mark.parametrize("seed", range(4))
async def test_death_at_any_step_loses_and_repeats_nothing(open_house: OpenHouse, seed: int) -> None:
    house = await open_house(to_active_client=True)
    house.deaths.seed(seed)
    customer, agent = await talking(house, **DEVICE)
    await customer.has_heard("Good morning")
    house.deaths.is_near = True
    words = [f"word {number}" for number in range(6)]
    for word in words:
        house.clock.advance(5)
        await agent.perform(customer.interaction, "SendStartTypingNotification", Dialect.CHATS)
        await agent.perform(customer.interaction, "SendMessage", text=word)
    await agent.perform(customer.interaction, "Complete")
    events = await customer.hears(lambda events: events[-1]["chatIxnState"] == "DISCONNECTED")
    await customer.has_news("AgentReserved", "AgentConnected", "InteractionEnded")

    assert house.deaths.count > len(words)
    assert [entry[2] for entry in await customer.told()][4:] == [*words, "has left the session"]
    assert sum(each["transcriptToShow"][0][0] == "Notice.TypingStarted" for each in events) == len(words)
    ids = [each["id"] for each in await house.push.mailbox("alice")]
    assert len(set(ids)) == len(ids)
    shown = [one for each in await house.push.device("device") for one in each["lastTranscript"]]
    pushed = [text for each in shown for text in each.values()]
    assert pushed[2:] == [*words, "has left the session"]


@pytest.mark.spec("SM-73", "CC-9")
async def test_two_who_move_the_same_tell_it_once(open_house: OpenHouse) -> None:
    house = await open_house()
    house.movers = 3
    customer, agent = await talking(house)
    for number in range(5):
        await agent.perform(customer.interaction, "SendMessage", text=f"word {number}")
    await customer.goes()
    await customer.hears(lambda events: events[-1]["chatIxnState"] == "DISCONNECTED")
    await customer.has_news("AgentReserved", "AgentConnected", "InteractionEnded")
    assert (await customer.refreshes(0))["transcriptToShow"] == await customer.told()


@pytest.mark.spec("SM-70")
@pytest.mark.expected_logs("customer waits in the outbox")
async def test_what_was_committed_before_a_restart_is_told_behind_it(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house)
    await customer.has_heard("Good morning")
    house.is_cut_off = True
    await agent.perform(customer.interaction, "SendMessage", text="Before the crash")
    await house.restart()
    house.is_cut_off = False
    await customer.has_heard("Before the crash")
    assert len(await customer.told()) == 5


@pytest.mark.spec("SM-70", "CH1-12")
async def test_chat_that_did_not_begin_before_a_crash_begins_when_it_is_asked_for_again(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer("alice")

    async def dies(id: str) -> None:
        raise Died

    route, house.callbacks.route = house.callbacks.route, dies
    with pytest.raises(Died):
        await customer.comes()
    house.callbacks.route = route
    assert (await customer.comes())["transcriptPosition"] == "1"
