"""Chats of apps that poll: begun, talked in, read again, ended."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.access.refusal import InstanceUnknown
from gateway.callback.profiles import Profile
from gateway.chats.chat import Target
from gateway.chats.refusal import ChatNotYet, ChatRefused, ChatUnknown
from gateway.customers.values import File
from gateway.push.provider import Device
from gateway.push.subscriptions import Subscription, keep_of_instance
from tests.chats.conftest import OpenHouse
from tests.chats.house import said

SAMPLES = Path(__file__).parent.parent / "samples" / "gms" / "ext"
JOINED, TEXT, LEFT = "Notice.Joined", "Message.Text", "Notice.Left"


@pytest.mark.spec("CH1-2", "CH1-4", "CH1-5", "CH1-14")
async def test_chat_begins_with_the_customer_in_it(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer()
    answer = await customer.comes(firstName="John", lastName="Harry", subject="testing")
    assert answer == {
        "chatIxnState": "CONNECTED",
        "chatSessionId": customer.interaction,
        "transcriptPosition": "1",
        "chatServiceMessage": "Chat service is available",
        "transcriptToShow": [["Notice.Joined", "John Harry", "has joined the session", "0", "CLIENT"]],
        "startedAt": "2026-01-15T09:20:00Z",
    }


@pytest.mark.spec("CH1-4")
async def test_verbose_answer_has_what_the_original_has(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer()
    answer = await customer.comes(_verbose="true", userDisplayName="John")
    sample = json.loads((SAMPLES / "chat-v1-verbose.json").read_text("utf-8"))
    assert answer.keys() == sample.keys()
    assert {key: type(value) for key, value in answer.items()} == {key: type(value) for key, value in sample.items()}
    assert answer["_chatIxnAPI_REFRESH_URL"] == f"/genesys/1/service/{customer.id}/ixn/chat/refresh"
    assert answer["transcriptToShow"][0][1] == "John"


@pytest.mark.spec("CH1-6", "CH1-7", "CH1-15")
async def test_words_go_both_ways_at_positions_without_gaps(open_house: OpenHouse) -> None:
    house = await open_house()
    agent = await house.ready()
    customer = await house.customer()
    await customer.comes(userDisplayName="John", subject="Order 7")
    assert said(await customer.says("Hello?")) == [(TEXT, "Hello?")]

    invited = await agent.told("Invited", customer.interaction)
    assert (invited["userData"]["Subject"], invited["userData"]["_id"]) == ("Order 7", customer.id)
    await agent.perform(customer.interaction, "Accept")
    await agent.perform(customer.interaction, "SendMessage", text="Careful", visibility="Agents")
    await agent.perform(customer.interaction, "SendMessage", text="Good morning")

    answer = await customer.refreshes()
    assert (answer["chatIxnState"], answer["transcriptPosition"]) == ("TRANSCRIPT", "4")
    assert said(answer) == [(JOINED, "has joined the session"), (TEXT, "Good morning")]
    assert said(await customer.refreshes()) == []
    assert said(await customer.refreshes(3)) == [(TEXT, "Good morning")]
    assert len(said(await customer.refreshes(1))) == len(said(await customer.refreshes(0))) == 4
    assert said(await customer.refreshes(99)) == []


@pytest.mark.spec("CH1-7")
async def test_refresh_with_a_message_says_it_first(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer()
    await customer.comes()
    assert said(await customer.refreshes(1, message="Hi"))[-1] == (TEXT, "Hi")


@pytest.mark.spec("CC-9", "CH1-6")
async def test_message_that_is_sent_again_is_said_once(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer()
    await customer.comes()
    await asyncio.gather(*(customer.says("Hi", clientMessageId="m1") for _ in range(5)))
    await customer.says("Hi", clientMessageId="m2")
    assert said(await customer.refreshes(0))[1:] == [(TEXT, "Hi"), (TEXT, "Hi")]


@pytest.mark.spec("CH1-6")
@pytest.mark.parametrize("values", [{}, {"message": ""}, {"message": "x" * 11}])
async def test_message_that_is_empty_or_too_long_is_refused(open_house: OpenHouse, values: dict[str, Any]) -> None:
    house = await open_house(max_message_length=10)
    customer = await house.customer()
    await customer.comes()
    with pytest.raises(ChatRefused) as refused:
        await house.chats.send(customer.id, "", values)
    assert refused.value.status == 400
    await customer.says("x" * 10)


@pytest.mark.spec("CH1-2", "CH1-7")
@pytest.mark.parametrize(
    "form",
    [
        {"notify_by": "pigeon"},
        {"push_notification_deviceid": "d" * 2049},
        {"firstName": File("a", "text/plain", b"")},
        {f"name{number}": "" for number in range(65)},
    ],
)
async def test_what_no_chat_begins_with_is_refused(open_house: OpenHouse, form: dict[str, Any]) -> None:
    house = await open_house()
    customer = await house.customer()
    with pytest.raises(Exception) as refused:
        await customer.comes(**form)
    assert getattr(refused.value, "status", None) == 400
    with pytest.raises(ChatUnknown):
        await customer.refreshes()


@pytest.mark.spec("CH1-7")
@pytest.mark.parametrize("position", ["-1", "1.5", "x", "9" * 12, "²"])
async def test_position_that_is_no_number_is_refused(open_house: OpenHouse, position: str) -> None:
    house = await open_house()
    customer = await house.customer()
    await customer.comes()
    with pytest.raises(ChatRefused):
        await house.chats.refresh(customer.id, "", {"transcriptPosition": position})


@pytest.mark.spec("CH1-8")
async def test_agent_sees_the_customer_type_and_positions_stay(open_house: OpenHouse) -> None:
    house = await open_house()
    agent = await house.ready()
    customer = await house.customer()
    await customer.comes()
    await agent.takes(customer.interaction)

    assert (await customer.types())["transcriptPosition"] == "2"
    seen = await agent.told("Accepted", customer.interaction)
    assert [each["NoticeType"] for each in seen["chat_notifications"]] == ["TYPING_STARTED"]
    house.clock.advance(2)
    assert (await customer.stops_typing())["transcriptPosition"] == "2"


@pytest.mark.spec("CH1-9", "CC-10")
async def test_agent_sees_the_customer_leave(open_house: OpenHouse) -> None:
    house = await open_house()
    agent = await house.ready()
    customer = await house.customer()
    await customer.comes(userDisplayName="John")
    await agent.takes(customer.interaction)

    gone = await customer.goes()
    assert (gone["chatIxnState"], said(gone)[-1]) == ("DISCONNECTED", (LEFT, "has left the session"))
    seen = await agent.told("Accepted", customer.interaction)
    assert [each["MessageType"] for each in seen["chat_notifications"]] == ["PARTY_LEFT"]
    assert await customer.goes() == gone


@pytest.mark.spec("CH1-10")
async def test_chat_that_is_over_says_so(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer()
    await customer.comes()
    gone = await customer.goes()
    for asked in (customer.says("Hi"), customer.refreshes(), customer.types(), customer.comes()):
        answer = await asked
        assert (answer["chatIxnState"], answer["transcriptPosition"]) == ("DISCONNECTED", "2")
    assert gone["transcriptPosition"] == "2"


@pytest.mark.spec("CH1-10")
async def test_chat_that_is_over_is_refused_where_the_service_wants_it(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer(chat_400_response_on_disconnected="true")
    await customer.comes()
    await customer.says("Hi")
    await customer.goes()
    for asked in (customer.says("Hi"), customer.refreshes(), customer.types()):
        with pytest.raises(ChatRefused) as refused:
            await asked
        assert refused.value.status == 400
    assert (await customer.goes())["chatIxnState"] == "DISCONNECTED"


@pytest.mark.spec("CH1-12")
async def test_before_an_agent_is_near_there_is_no_chat(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer(profile=Profile.CHAT_WAIT)
    with pytest.raises(ChatNotYet) as refused:
        await customer.comes()
    assert refused.value.status == 503
    assert refused.value.retry_after
    assert await house.kept.of(customer.id) is None


@pytest.mark.spec("CH1-12")
async def test_second_request_gives_the_same_chat(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer()
    first = await customer.comes(userDisplayName="John")
    await customer.says("Hi")
    again = await customer.comes(userDisplayName="Jack")
    assert again["chatSessionId"] == first["chatSessionId"]
    assert [entry[1] for entry in again["transcriptToShow"]] == ["John", "John"]


@pytest.mark.spec("CH1-12", "CH1-15")
async def test_many_at_once_begin_one_chat(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer()
    answers = await asyncio.gather(*(customer.comes() for _ in range(8)))
    assert {(each["chatSessionId"], each["transcriptPosition"]) for each in answers} == {(customer.interaction, "1")}


async def test_service_without_a_chat_refuses_one(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer(profile=Profile.VOICE_WAIT)
    with pytest.raises(ChatRefused):
        await customer.comes()


@pytest.mark.spec("AUTH-6")
async def test_another_users_chat_is_unknown(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer("alice")
    await customer.comes()
    with pytest.raises(InstanceUnknown):
        await house.chats.refresh(customer.id, "bob", {})


@pytest.mark.spec("OPT-6")
@pytest.mark.parametrize(
    ("attach", "expected"),
    [
        ("single_json", {"GMS_UserData": '{"order": "7"}'}),
        ("separate_keys", {"order": "7"}),
        ("gms_storage_id", {"GMS_UserData": "data of 7-1"}),
    ],
)
async def test_agents_get_what_the_app_left(open_house: OpenHouse, attach: str, expected: dict[str, str]) -> None:
    house = await open_house()
    agent = await house.ready()
    customer = await house.customer(attach_udata=attach, data={"order": "7"})
    await customer.comes(email="j.h@gmail.com")
    invited = await agent.told("Invited", customer.interaction)
    assert expected.items() <= invited["userData"].items()
    assert invited["userData"]["EmailAddress"] == "j.h@gmail.com"


@pytest.mark.spec("CH1-14")
@pytest.mark.parametrize(
    ("form", "nickname"),
    [
        ({"userDisplayName": "JH", "firstName": "John"}, "JH"),
        ({"firstName": "John", "lastName": "Harry"}, "John Harry"),
        ({"lastName": "Harry"}, "Harry"),
        ({"userDisplayName": " "}, "anonymous"),
    ],
)
async def test_nickname(open_house: OpenHouse, form: dict[str, str], nickname: str) -> None:
    house = await open_house()
    customer = await house.customer()
    assert (await customer.comes(**form))["transcriptToShow"][0][1] == nickname


@pytest.mark.spec("CH1-13", "CC-11")
async def test_customer_who_does_not_poll_is_dropped(open_house: OpenHouse) -> None:
    house = await open_house()
    agent = await house.ready()
    customer = await house.customer()
    await customer.comes()
    await agent.takes(customer.interaction)

    await house.comes_due(100)
    await customer.refreshes()
    await house.comes_due(119)
    assert (await customer.chat()).is_over is False
    await house.comes_due(2)
    seen = await agent.told("Accepted", customer.interaction)
    assert [each["MessageType"] for each in seen["chat_notifications"]] == ["PARTY_LEFT"]
    assert (await customer.refreshes())["chatIxnState"] == "DISCONNECTED"


@pytest.mark.spec("CH1-13")
async def test_live_session_keeps_the_chat_of_who_polls(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer("alice")
    await customer.comes()
    house.sessions.add("alice")
    await house.comes_due(1000)
    assert not (await customer.chat()).is_over
    house.sessions.clear()
    await house.comes_due(250)
    assert (await customer.chat()).is_over


@pytest.mark.spec("NT-20")
async def test_who_has_not_polled_for_a_while_is_pushed(open_house: OpenHouse) -> None:
    house = await open_house()
    agent = await house.ready()
    customer = await house.customer()
    await customer.comes(push_notification_type="fcm", push_notification_deviceid="device")
    await agent.told("Invited", customer.interaction)
    await agent.perform(customer.interaction, "Accept")
    await customer.refreshes()
    await agent.perform(customer.interaction, "SendMessage", text="You poll")
    await customer.has_news("AgentReserved", "AgentConnected")
    house.clock.advance(11)
    await agent.perform(customer.interaction, "SendMessage", text="You sleep")
    await agent.perform(customer.interaction, "Complete")
    await customer.has_news("AgentReserved", "AgentConnected", "InteractionEnded")
    pushed = [each["lastTranscript"] for each in await house.push.device("device")]
    assert pushed == [[{"Message.Text": "You sleep"}], [{"Notice.Left": "has left the session"}]]


@pytest.mark.spec("CC-11")
async def test_device_that_nobody_can_tell_is_none(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer()
    await customer.comes(push_notification_type="pigeon", push_notification_deviceid="device")
    assert (await customer.chat()).target is None


@pytest.mark.spec("CC-11", "CB-2")
async def test_device_of_the_callback_is_that_of_its_chat(open_house: OpenHouse) -> None:
    house = await open_house()
    customer = await house.customer("alice")
    device = Device(type="fcm", id="device", language="de")
    known = Subscription(id=customer.id, user="alice", filter="*", device=device, expires=2e9, attempts=3)
    await house.kept.decide(lambda turn: keep_of_instance(turn, known))
    await customer.comes()
    assert (await customer.chat()).target == Target(type="fcm", id="device", language="de")


@pytest.mark.spec("OPT-9")
async def test_entries_have_their_positions_where_that_is_wanted(open_house: OpenHouse) -> None:
    house = await open_house(is_indexed=True)
    customer = await house.customer()
    await customer.comes()
    await customer.says("Hi")
    assert [entry[5] for entry in (await customer.refreshes(0))["transcriptToShow"]] == ["1", "2"]


@pytest.mark.spec("SM-13", "SM-42")
async def test_callback_hears_what_becomes_of_its_chat(open_house: OpenHouse) -> None:
    house = await open_house()
    agent = await house.ready()
    customer = await house.customer()
    await customer.comes()
    await agent.takes(customer.interaction)
    await customer.goes()
    await customer.has_news("AgentReserved", "AgentConnected", "InteractionEnded")
