"""Chats whose events go to the customer's sessions: each once, in order, and nothing that is for agents."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from gateway.agents.operations import Dialect
from gateway.chats.refusal import ChatRefused
from tests.chats.conftest import OpenHouse
from tests.chats.house import Customer, House, said

SESSION = Path(__file__).parent.parent / "samples" / "gms" / "ext" / "comet-v1-session.json"


@pytest.mark.spec("CH1-3", "CC-1")
async def test_answer_names_the_channel_and_nothing_else(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer("alice")
    assert await customer.comes_by_comet() == {"_id": customer.id, "comet_channel": "/_genesys"}


@pytest.mark.spec("CH1-3")
async def test_comet_needs_a_user(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer()
    with pytest.raises(ChatRefused) as refused:
        await customer.comes(notify_by="comet")
    assert refused.value.status == 400
    assert await house.kept.of(customer.id) is None


@pytest.mark.spec("CC-3", "CC-4", "CC-5", "CC-6", "CC-7", "CC-10")
async def test_events_of_a_whole_chat_are_those_of_the_original(open_house: OpenHouse) -> None:
    house = await open_house()
    agent, colleague = await house.ready("Agent1"), await house.ready("Agent2")
    await colleague.state("NotReady", "chat")
    customer = await house.customer("alice")
    await customer.comes_by_comet(firstName="John")
    await customer.hears(lambda events: len(events) == 1)

    chat = customer.interaction
    await agent.told("Invited", chat)
    house.clock.advance(6)
    await agent.perform(chat, "Accept", nickname="KSippola")
    house.clock.advance(2)
    await agent.perform(chat, "SendStartTypingNotification", Dialect.CHATS)
    house.clock.advance(3)
    await agent.perform(chat, "SendMessage", text="Hello John")
    await customer.has_heard("Hello John")

    await colleague.state("Ready", "chat")
    await agent.perform(chat, "InitiateConsultation", agentId="Agent2")
    await colleague.told("Invited", chat)
    house.clock.advance(29)
    await colleague.perform(chat, "Accept", nickname="Supervisor1")
    await colleague.perform(chat, "SendMessage", text="What does he want?")
    await agent.perform(chat, "CompleteTransfer")
    await customer.hears(lambda events: len(events) == 5)
    house.clock.advance(15)
    await customer.goes()

    events = await customer.hears(lambda events: events[-1]["chatIxnState"] == "DISCONNECTED")
    samples = [each["data"]["message"] for each in json.loads(SESSION.read_text("utf-8"))]
    of_ours = {"chatSessionId": chat, "startedAt": "2026-01-15T09:20:00Z"}
    assert events == [{**each, **of_ours} for each in samples]
    tags = {each["tag"] for each in await house.push.mailbox("alice")}
    assert tags == {f"service.chat.refresh.{customer.id}"}


@pytest.mark.spec("CC-9", "CH1-8")
async def test_own_words_come_once_and_not_by_answers(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer("alice")
    await customer.comes_by_comet()
    answers = [await customer.says("Hi", clientMessageId="m"), await customer.says("Hi", clientMessageId="m")]
    await customer.types()
    await customer.says("There")
    await customer.has_heard("There")
    assert [entry[2] for entry in await customer.told()] == ["has joined the session", "Hi", "There"]
    assert all(said(answer) == [] for answer in answers)
    assert not any("Typing" in entry[0] for each in await customer.events() for entry in each["transcriptToShow"])


@pytest.mark.spec("CC-12")
async def test_refresh_gives_the_same_entries_at_the_same_positions(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, _ = await talking(house)
    events = await customer.hears(lambda events: len(events) >= 4)
    answer = await customer.refreshes(0)
    assert answer["transcriptToShow"] == await customer.told()
    position = int(events[1]["transcriptPosition"])
    assert (await customer.refreshes(position))["transcriptToShow"] == (await customer.told())[position:]


@pytest.mark.spec("CC-10")
@pytest.mark.parametrize("operation", ["LeaveConference", "Complete"])
async def test_agent_who_ends_it_is_seen_to_leave_and_nothing_follows(open_house: OpenHouse, operation: str) -> None:
    house = await open_house()
    customer, agent = await talking(house)
    await agent.perform(customer.interaction, operation)
    if operation != "Complete":
        await agent.perform(customer.interaction, "Complete")
    events = await customer.hears(lambda events: events[-1]["chatIxnState"] == "DISCONNECTED")
    assert [(entry[0], entry[4]) for entry in events[-1]["transcriptToShow"]] == [("Notice.Left", "AGENT")]
    assert (await customer.goes())["chatIxnState"] == "DISCONNECTED"
    await customer.has_news("AgentReserved", "AgentConnected", "InteractionEnded")
    assert await customer.events() == events


@pytest.mark.spec("CC-6")
async def test_customer_sees_the_agent_type(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house)
    house.clock.advance(5)
    await agent.perform(customer.interaction, "SendStartTypingNotification", Dialect.CHATS)
    house.clock.advance(5)
    await agent.perform(customer.interaction, "SendStopTypingNotification", Dialect.CHATS)
    events = await customer.has_heard("has stopped typing")
    assert [each["transcriptToShow"][0][0] for each in events[-2:]] == ["Notice.TypingStarted", "Notice.TypingStopped"]
    assert {each["transcriptPosition"] for each in events[-3:]} == {"4"}


@pytest.mark.spec("CH1-15", "CC-12")
async def test_all_readers_see_one_order_of_what_is_said_at_once(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house)
    words = [f"word {number}" for number in range(20)]
    await asyncio.gather(
        *(customer.says(word) for word in words[::2]),
        *(agent.perform(customer.interaction, "SendMessage", text=word) for word in words[1::2]),
    )
    await customer.hears(lambda events: events[-1]["transcriptPosition"] == "24")
    told = await customer.told()
    assert sorted(entry[2] for entry in told[4:]) == sorted(words)
    assert (await customer.refreshes(0))["transcriptToShow"] == told
    read = await house.center.customers.transcript(customer.interaction)
    assert [each["MessageText"] for each in read if each["MessageText"] in words] == [entry[2] for entry in told[4:]]


@pytest.mark.spec("AG-95", "CH1-15")
@pytest.mark.parametrize("seed", range(3))
async def test_no_user_hears_what_is_for_agents_or_for_another(open_house: OpenHouse, seed: int) -> None:
    house = await open_house()
    chance = random.Random(seed)
    pairs = [await talking(house, f"user{number}") for number in range(3)]

    async def traffic(customer: Customer, agent: Any) -> None:
        for number in range(10):
            if chance.random() < 0.4:
                await customer.says(f"{customer.user} says {number}")
                continue
            whispers = chance.random() < 0.5
            text = f"secret {number}" if whispers else f"to {customer.user} {number}"
            seen = {"visibility": "Agents"} if whispers else {}
            await agent.perform(customer.interaction, "SendMessage", text=text, **seen)

    await asyncio.gather(*(traffic(customer, agent) for customer, agent in pairs))
    for customer, _ in pairs:
        await customer.goes()
        await customer.hears(lambda events: events[-1]["chatIxnState"] == "DISCONNECTED")
        told = await customer.told()
        assert not [entry for entry in told if "secret" in entry[2]]
        words = [entry[2] for entry in told if entry[0] == "Message.Text"]
        assert all(customer.user in word or word in ("Hello?", "Good morning") for word in words)
        assert (await customer.refreshes(0))["transcriptToShow"] == told


@pytest.mark.spec("CC-13", "SM-70")
@pytest.mark.expected_logs("customer waits in the outbox")
async def test_what_could_not_leave_arrives_later_in_order(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house)
    await customer.has_heard("Good morning")
    house.is_cut_off = True
    for number in range(3):
        await agent.perform(customer.interaction, "SendMessage", text=f"word {number}")
    await customer.says("I see nothing")
    house.is_cut_off = False
    await customer.has_heard("I see nothing")
    assert [entry[2] for entry in await customer.told()][4:] == ["word 0", "word 1", "word 2", "I see nothing"]


@pytest.mark.spec("CC-2", "CH1-12")
@pytest.mark.expected_logs("customer waits in the outbox")
async def test_who_polled_before_is_told_what_he_has_not_read(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer("alice")
    await customer.comes()
    await customer.says("One")
    house.is_cut_off = True
    await house.center.customers.say(customer.interaction, "Two")
    await customer.comes_by_comet()
    house.is_cut_off = False
    await customer.says("Three")
    await customer.has_heard("Three")
    assert [entry[2] for entry in await customer.told()] == ["Two", "Three"]


# Signs of life


@pytest.mark.spec("CC-11", "CH1-13")
async def test_live_session_keeps_the_chat(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house)
    await house.comes_due(1000)
    house.sessions.clear()
    await house.comes_due(119)
    assert not (await customer.chat()).is_over
    await house.comes_due(40)
    seen = await agent.told("Accepted", customer.interaction)
    assert [each["MessageType"] for each in seen["chat_notifications"]] == ["PARTY_LEFT"]
    events = await customer.hears(lambda events: events[-1]["chatIxnState"] == "DISCONNECTED")
    assert events[-1]["transcriptToShow"][-1][4] == "CLIENT"


@pytest.mark.spec("CC-13", "CC-11")
async def test_who_comes_back_in_time_goes_on(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house)
    house.sessions.clear()
    await house.comes_due(100)
    await agent.perform(customer.interaction, "SendMessage", text="Still there?")
    house.sessions.add("alice")
    await house.comes_due(1000)
    await customer.says("Yes")
    await customer.has_heard("Yes")
    assert [entry[2] for entry in await customer.told()][-2:] == ["Still there?", "Yes"]


@pytest.mark.spec("SV-7")
async def test_chat_ends_with_its_instance(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house)
    instance = house.instances.known[customer.id]
    await house.kept.decide(lambda turn: house.chats.ending(turn, instance))
    await house.comes_due(0)
    seen = await agent.told("Accepted", customer.interaction)
    assert [each["MessageType"] for each in seen["chat_notifications"]] == ["PARTY_LEFT"]
    await customer.hears(lambda events: events[-1]["chatIxnState"] == "DISCONNECTED")


# In the background

DEVICE = {"push_notification_type": "fcm", "push_notification_deviceid": "device"}


@pytest.mark.spec("NT-20", "CC-11", "CC-14", "OPT-9")
async def test_app_in_the_background_is_pushed_what_agents_say(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house, **DEVICE)
    await agent.perform(customer.interaction, "SendMessage", text="You read this")
    await customer.has_heard("You read this")
    assert await house.push.device("device") == []

    house.sessions.clear()
    await agent.perform(customer.interaction, "SendMessage", text="psst", visibility="Agents")
    await agent.perform(customer.interaction, "SendMessage", text="Hello John")
    house.clock.advance(5)
    await agent.perform(customer.interaction, "SendStartTypingNotification", Dialect.CHATS)
    await customer.says("I am back")
    await customer.has_heard("I am back")
    sample = json.loads((SESSION.parent / "push-chat-payload.json").read_text("utf-8"))
    assert await house.push.device("device") == [{**sample, "serviceId": customer.id}]


@pytest.mark.spec("CC-11")
async def test_app_that_can_be_pushed_is_waited_for_an_hour(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, _ = await talking(house, **DEVICE)
    house.sessions.clear()
    await house.comes_due(3600)
    assert not (await customer.chat()).is_over
    await house.comes_due(60)
    assert (await customer.chat()).is_over


@pytest.mark.spec("CC-14", "OPT-9")
async def test_service_says_what_is_not_pushed_and_in_which_words(open_house: OpenHouse) -> None:
    house = await open_house(include_payload=False, to_active_client=True)
    customer, agent = await talking(
        house,
        **DEVICE,
        filtering_chat_events="Notice.Joined, Message.Text",
        client_timeout_notification_message="Come back",
    )
    await agent.perform(customer.interaction, "SendMessage", text="Hello")
    await agent.perform(customer.interaction, "Complete")
    await customer.hears(lambda events: events[-1]["chatIxnState"] == "DISCONNECTED")
    assert await house.push.device("device") == [
        {"message": "Come back", "serviceId": customer.id, "lastTranscript": []}
    ]


@pytest.mark.spec("OPT-9")
async def test_agents_are_told_that_the_app_went_into_the_background(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house, **DEVICE, agent_timeout_notification_message="The customer is away")
    house.sessions.clear()
    await house.comes_due(200)
    seen = await agent.told("Accepted", customer.interaction)
    assert [each["NoticeText"] for each in seen["chat_notifications"] if each["NoticeText"]] == ["The customer is away"]
    assert not any("away" in entry[2] for entry in (await customer.refreshes(0))["transcriptToShow"])


async def talking(house: House, user: str = "alice", **more: str) -> tuple[Customer, Any]:
    """A customer and an agent who have greeted each other: four entries."""
    agent = await house.ready("Agent1")
    form = {name: text for name, text in more.items() if name.startswith("push_")}
    options: dict[str, Any] = {name: text for name, text in more.items() if name not in form}
    customer = await house.customer(user, **options)
    await customer.comes_by_comet(userDisplayName="John", **form)
    await agent.takes(customer.interaction)
    await customer.says("Hello?")
    await agent.told("Accepted", customer.interaction)
    await agent.perform(customer.interaction, "SendMessage", text="Good morning")
    await agent.told("Accepted", customer.interaction)
    return customer, agent


@pytest.mark.spec("CC-11", "NT-20")
async def test_what_a_dead_session_did_not_take_is_pushed_when_that_is_seen(open_house: OpenHouse) -> None:
    house = await open_house()
    customer, agent = await talking(house, **DEVICE)
    await customer.has_heard("Good morning")
    house.push.taken = {each["id"] for each in await house.push.mailbox("alice")}
    await agent.perform(customer.interaction, "SendMessage", text="Into the void")
    await customer.has_heard("Into the void")
    house.sessions.clear()
    await agent.perform(customer.interaction, "SendMessage", text="Are you there?")
    await customer.has_heard("Are you there?")
    await house.comes_due(200)
    pushed = [each["lastTranscript"] for each in await house.push.device("device")]
    assert pushed == [[{"Message.Text": "Are you there?"}]]

    house.sessions.add("alice")
    await house.comes_due(100)
    await agent.perform(customer.interaction, "SendMessage", text="Nice to see you")
    await customer.has_heard("Nice to see you")
    house.sessions.clear()
    await house.comes_due(100)
    pushed = [each["lastTranscript"] for each in await house.push.device("device")]
    assert pushed[1:] == [[{"Message.Text": "Nice to see you"}]]


@pytest.mark.spec("CC-13")
async def test_much_at_once_comes_in_several_events(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer("alice")
    await customer.comes()
    for number in range(20):
        await house.center.customers.say(customer.interaction, f"{number} " + "x" * 4000)
    await customer.comes_by_comet()
    events = await customer.events()
    assert [each["transcriptPosition"] for each in events] == ["9", "17", "21"]
    assert len(await customer.told()) == 20
