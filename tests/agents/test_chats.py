"""Chats from the customer's first word to the agent's last: invited, accepted, passed on, taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from channels.private import CHATS, INTERACTIONS
from gateway.agents.operations import Dialect
from gateway.agents.refusal import Refused
from gateway.agents.side import ROOM
from gateway.agents.tasks import ASKED_AGAIN_AFTER, Tasks
from gateway.agents.turn import Turn
from gateway.routing.bus.bus import CHAT_SERVER
from gateway.routing.messages import compose
from tests.agents.conftest import OpenOffice
from tests.agents.office import PATIENCE


@pytest.mark.spec("AG-91", "AG-92", "AG-95")
async def test_accepted_chat_shows_all_that_was_said_before(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat(subject="Order 7")
    await office.say(chat, "Hello?")

    assert (await agent.told("Invited", chat))["userData"]["Subject"] == "Order 7"
    await agent.perform(chat, "Accept")
    accepted = await agent.told("Accepted", chat)
    assert [each["MessageText"] for each in accepted["chat_notifications"]] == [None, "Hello?", None]

    await agent.perform(chat, "SendMessage", text="Good morning")
    said = await agent.told("Accepted", chat)
    assert [each["EventId"] for each in said["chat_notifications"]] == [4]
    assert [each["MessageText"] for each in await office.center.customers.transcript(chat, 4)] == ["Good morning"]


@pytest.mark.spec("AG-2", "AG-98")
async def test_both_dialects_tell_of_one_chat(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept", Dialect.CHATS)

    await office.until("Agent1", CHATS, lambda data: data["messageType"] == "MessageLogUpdated")
    kinds = [data["notificationType"] for data in office.heard("Agent1", CHATS)[1:]]
    assert kinds == ["StatusChange", "ParticipantsUpdated", "NewMessages"]
    assert (await agent.told("Accepted", chat))["id"] == chat


@pytest.mark.spec("AG-36")
async def test_agent_without_a_desktop_is_not_selected(open_office: OpenOffice) -> None:
    office = await open_office()
    first = office.agent("Agent1")
    await first.start("chat")
    await first.state("Ready", "chat")
    second = await office.ready("Agent2")
    chat = await office.chat()

    await second.told("Invited", chat)
    assert office.heard("Agent1", INTERACTIONS) == []

    await first.sit_down()
    other = await office.chat()
    await first.told("Invited", other)


@pytest.mark.spec("AG-35")
async def test_ready_on_email_brings_no_chat(open_office: OpenOffice) -> None:
    office = await open_office()
    mailer = await office.ready("Agent1", "email")
    chatter = await office.ready("Agent2", "chat")
    chat = await office.chat()

    await chatter.told("Invited", chat)
    assert await mailer.has() == []


@pytest.mark.spec("AG-58", "AG-126", "AG-127")
async def test_unanswered_invitation_is_revoked_and_the_agent_rests(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)

    await office.pass_time(31)
    assert (await agent.told("Revoked", chat))["capabilities"] == []
    await agent.channel_is("chat", "NotReady", "RONA")
    assert office.reasons("Agent1") == ["RONA"]
    assert await agent.has() == []

    other = await office.ready("Agent2")
    await other.told("Invited", chat)


@pytest.mark.spec("AG-128")
async def test_customer_who_leaves_early_takes_the_invitation_along(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await office.center.customers.leave(chat)

    await agent.told("Revoked", chat)
    assert office.reasons("Agent1") == ["CUSTOMER_LEFT"]
    assert (await agent.service.channel(agent.caller, "chat"))["userState"]["state"] == "Ready"
    another = await office.chat()
    await agent.told("Invited", another)


@pytest.mark.spec("AG-67")
async def test_rejected_chat_goes_to_somebody_else(open_office: OpenOffice) -> None:
    office = await open_office()
    first = await office.ready("Agent1")
    chat = await office.chat()
    await first.told("Invited", chat)
    second = await office.ready("Agent2")
    await first.perform(chat, "Reject")

    await first.told("Rejected", chat)
    await second.told("Invited", chat)
    with pytest.raises(Refused) as refused:
        await first.perform(chat, "Accept")
    assert refused.value.status_code == 6


@pytest.mark.spec("AG-75", "MRE-82")
async def test_transfer_brings_the_whole_chat_to_a_colleague(open_office: OpenOffice) -> None:
    office = await open_office()
    first = await office.ready("Agent1")
    chat = await office.chat()
    await first.told("Invited", chat)
    await first.perform(chat, "Accept")
    second = await office.ready("Agent2")
    await office.say(chat, "Still there?")
    await first.perform(chat, "Transfer", agentId="Agent2")

    await first.told("Transferred", chat)
    await second.told("Invited", chat)
    await second.perform(chat, "Accept")
    texts = [each["MessageText"] for each in (await second.told("Accepted", chat))["chat_notifications"]]
    assert "Still there?" in texts


@pytest.mark.spec("AG-75")
async def test_transfer_to_who_cannot_take_it_is_refused_at_once(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    codes = []
    for colleague in ("Agent2", "Nobody", "Agent1"):
        with pytest.raises(Refused) as refused:
            await agent.perform(chat, "Transfer", agentId=colleague)
        codes.append(refused.value.status_code)
    assert codes == [2, 6, 10]
    assert await agent.has() == [(chat, "Accepted")]


@pytest.mark.spec("AG-75", "AG-144")
async def test_owner_hears_why_the_engine_refused_a_transfer(open_office: OpenOffice) -> None:
    """The colleague has all he may have: only the engine knows that."""
    office = await open_office(
        'mre.agents=[{"name": "Agent2", "mrds": ["chat=1"]}]',
    )
    second = await office.ready("Agent2")
    busy_with = await office.chat()
    await second.told("Invited", busy_with)
    await second.perform(busy_with, "Accept")
    first = await office.ready("Agent1")
    chat = await office.chat()
    await first.told("Invited", chat)
    await first.perform(chat, "Accept")
    await first.perform(chat, "Transfer", agentId="Agent2", referenceId=17)

    error = await first.error()
    assert (error["operationName"], error["statusCode"], error["id"], error["referenceId"]) == ("Transfer", 2, chat, 17)
    assert await first.has() == [(chat, "Accepted")]


@pytest.mark.spec("AG-69", "MRE-85")
async def test_colleague_is_consulted_and_takes_over(open_office: OpenOffice) -> None:
    office = await open_office()
    first = await office.ready("Agent1")
    chat = await office.chat()
    await first.told("Invited", chat)
    await first.perform(chat, "Accept")
    second = await office.ready("Agent2")
    await first.perform(chat, "InitiateConsultation", agentId="Agent2")
    assert (await second.told("Invited", chat))["interactionSubType"] == "InternalConferenceInvite"
    await second.perform(chat, "Accept")
    await second.told("Accepted", chat)
    await second.perform(chat, "SendMessage", text="psst")
    await first.perform(chat, "CompleteTransfer")

    await first.told("Transferred", chat)
    seen = await office.center.customers.transcript(chat)
    assert "psst" not in [each["MessageText"] for each in seen]
    assert [each["NickName"] for each in seen if each["MessageType"] == "PARTY_JOINED"] == ["Carla", "First", "Second"]
    await second.perform(chat, "SendMessage", text="I have it")


@pytest.mark.spec("AG-77")
async def test_chat_that_is_done_with_is_nobodys(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    await agent.perform(chat, "StopProcessing")
    await agent.told("Completed", chat)

    assert await agent.has() == []
    with pytest.raises(Refused, match="over"):
        await office.say(chat, "One more thing")
    for n in range(3):  # his places are free again
        following = await office.chat(f"Customer {n}")
        await agent.told("Invited", following)
        await agent.perform(following, "Accept")


@pytest.mark.spec("AG-69")
async def test_chat_placed_in_its_queue_is_offered_anew(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    second = await office.ready("Agent2")
    await agent.state("NotReady", "chat")
    await agent.perform(chat, "PlaceInQueue", queueName="SimpleChatInQueue")

    await agent.told("Placed", chat)
    await second.told("Invited", chat)


@pytest.mark.spec("AG-150", "AG-151", "AG-152")
async def test_chat_in_a_workbin_takes_no_place_and_comes_back(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    await agent.service.perform_on_workbin(agent.caller, "Personal", "Subscribe", {})
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    await agent.perform(chat, "PlaceInWorkbin", workbin="Personal")
    await agent.told("InWorkbin", chat)
    added = await office.until("Agent1", "/v2/me/workbins", lambda data: data.get("action") == "ItemAdded")
    assert added["chatStateResourceV2"]["id"] == chat
    found = await agent.service.workbin(agent.caller, "Personal", with_content=True)
    assert [each["id"] for each in found["chats"]] == [chat]
    assert await agent.has() == []

    await agent.service.perform_on_workbin(agent.caller, "Personal", "PullChat", {"id": chat})
    await agent.told("Accepted", chat)
    await agent.perform(chat, "SendMessage", text="Here again")
    await agent.perform(chat, "StopProcessing")
    await agent.told("Completed", chat)


@pytest.mark.spec("AG-129")
async def test_silent_chat_is_warned_and_closed(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    await agent.told("Accepted", chat)

    await office.pass_time(256)
    warned = await agent.told("Accepted", chat)
    assert warned["chat_notifications"][-1]["NoticeType"] == "IDLE_ALERT"
    await office.pass_time(46)
    closed = await agent.told("Accepted", chat)
    assert "Reply" not in closed["capabilities"]
    with pytest.raises(Refused):
        await office.say(chat, "Sorry, I was away")


@pytest.mark.spec("AG-126", "MRE-126")
async def test_invitation_survives_a_restart_and_its_timer_too(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await office.restart()
    await agent.sit_down()
    assert await agent.has() == [(chat, "Invited")]
    await office.pass_time(31)
    await agent.told("Revoked", chat)


@pytest.mark.spec("AG-74")
async def test_message_that_is_sent_twice_is_said_once(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    for _ in range(2):
        await agent.perform(chat, "SendMessage", text="Hello", clientMessageId="m1")
        await office.center.customers.say(chat, "Hi", message_id="c1")
    texts = [each["MessageText"] for each in await office.center.customers.transcript(chat) if each["MessageText"]]
    assert texts == ["Hello", "Hi"]


@pytest.mark.spec("AG-75", "MRE-114")
async def test_chat_for_a_skill_that_cannot_be_is_asked_for_without_it(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    await agent.perform(chat, "Transfer", skill=f"french == {'x' * 300}")
    contact = office.center.store.room(ROOM)

    async def asked_later() -> bool:
        due = await contact.due(office.clock() + ASKED_AGAIN_AFTER)
        return f"again:{chat}" in {each.name for each in due}

    async with asyncio.timeout(PATIENCE):
        while not await asked_later():  # noqa: ASYNC110 - roles write it
            await asyncio.sleep(0.01)
    await office.say(chat, "Are you there?")
    await office.pass_time(ASKED_AGAIN_AFTER)
    await agent.told("Invited", chat)


@pytest.mark.spec("MRE-48", "MRE-114")
async def test_chat_that_the_communication_server_does_not_take_is_over(open_office: OpenOffice) -> None:
    """Its customer would wait for an agent whom nobody looks for."""
    office = await open_office()
    await office.occupy("visit 1", "email")
    chat = await office.center.customers.begin_chat(nickname="Carla", key="visit 1")
    await office.knows_interaction(chat, lambda interaction: interaction.is_closed)
    with pytest.raises(Refused, match="over"):
        await office.say(chat, "Anybody there?")
    assert (await office.center.customers.transcript(chat))[-1]["MessageType"] == "PARTY_LEFT"


@pytest.mark.spec("AG-75", "MRE-86")
async def test_colleague_who_came_before_his_conference_was_refused_goes_again(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine does not count this chat among his."""
    office = await open_office('mre.agents=[{"name": "Agent2", "mrds": ["chat=1"]}]')
    second = await office.ready("Agent2")
    busy_with = await office.chat()
    await second.told("Invited", busy_with)
    await second.perform(busy_with, "Accept")
    first = await office.ready("Agent1")
    chat = await office.chat()
    await first.told("Invited", chat)
    await first.perform(chat, "Accept")

    accepted = asyncio.Event()
    hear = Tasks.heard

    async def hear_late(tasks: Tasks, turn: Turn, message_type: str, body: Mapping[str, Any]) -> None:
        if message_type == "Error":
            await accepted.wait()
        await hear(tasks, turn, message_type, body)

    monkeypatch.setattr(Tasks, "heard", hear_late)
    await first.perform(chat, "InviteUser", agentId="Agent2", referenceId=17)
    await second.told("Invited", chat)
    await second.perform(chat, "Accept")
    accepted.set()

    await second.told("Revoked", chat)
    error = await first.error()
    assert (error["operationName"], error["statusCode"], error["referenceId"]) == ("InviteUser", 2, 17)
    assert await second.has() == [(busy_with, "Accepted")]
    assert (await office.center.customers.transcript(chat))[-1]["MessageType"] == "PARTY_LEFT"
    assert await first.has() == [(chat, "Accepted")]


@pytest.mark.spec("MRE-84", "MRE-86")
async def test_colleague_who_is_in_the_task_stays_though_he_is_asked_for_again(open_office: OpenOffice) -> None:
    office = await open_office()
    first = await office.ready("Agent1")
    chat = await office.chat()
    await first.told("Invited", chat)
    await first.perform(chat, "Accept")
    second = await office.ready("Agent2")
    await first.perform(chat, "InviteUser", agentId="Agent2")
    await second.told("Invited", chat)
    await second.perform(chat, "Accept")
    tasks: list[str] = []
    await office.knows_interaction(chat, lambda interaction: bool(tasks.append(interaction.task) or tasks[-1]))
    again = {"Type": "Conference", "Code": "ALREADY_IN_TASK", "Reason": "in it", "RequestId": "1#1"}
    body = {**again, "TaskId": tasks[-1], "AgentId": "Agent2"}
    message = compose(CHAT_SERVER, "Error", body, id="again", now=office.clock(), producer="test")
    await office.center.bus.send(CHAT_SERVER, message)
    await first.error()
    assert await second.has() == [(chat, "Accepted")]


@pytest.mark.spec("MRE-75")
async def test_what_was_pulled_and_given_away_is_not_offered_to_who_did(open_office: OpenOffice) -> None:
    """The engine says late that it is his."""
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    await agent.state("NotReady", "chat")
    await agent.perform(chat, "PlaceInQueue", queueName="SimpleChatInQueue")
    tasks: list[str] = []
    await office.knows_interaction(chat, lambda interaction: bool(tasks.append(interaction.task) or tasks[-1]))
    late = {"TaskId": tasks[-1], "AgentId": "Agent1", "Status": "ACTIVE", "ClientUniqueId": chat}
    message = compose(CHAT_SERVER, "TaskAgentSelected", late, id="late", now=office.clock(), producer="test")
    await office.center.bus.send(CHAT_SERVER, message)
    assert await agent.has() == []


@pytest.mark.spec("AG-75", "MRE-113")
async def test_what_is_said_late_of_the_task_before_is_not_heard(open_office: OpenOffice) -> None:
    """He passes it on so quickly that his own acceptance is told only then."""
    office = await open_office()
    agent = await office.ready()
    for _ in range(3):
        chat = await office.chat()
        await agent.told("Invited", chat)
        await agent.perform(chat, "Accept")
        await agent.perform(chat, "Transfer", skill="!french")
        await agent.told("Transferred", chat)
        await agent.told("Invited", chat)
        await agent.perform(chat, "Accept")
        await agent.perform(chat, "StopProcessing")


@pytest.mark.spec("AG-67", "AG-76")
@pytest.mark.parametrize("declines", ["Reject", "RONA"])
async def test_chat_that_a_colleague_does_not_take_may_return(open_office: OpenOffice, declines: str) -> None:
    office = await open_office("transfer.fail=return")
    owner = await office.ready("Agent1")
    chat = await office.chat()
    await owner.told("Invited", chat)
    await owner.perform(chat, "Accept")
    colleague, other = await office.ready("Agent2"), await office.ready("Agent3")
    await owner.perform(chat, "Transfer", agentId="Agent2")
    await owner.told("Transferred", chat)
    await colleague.told("Invited", chat)
    if declines == "Reject":
        await colleague.perform(chat, "Reject")
    else:
        await office.pass_time(31)
        await colleague.told("Revoked", chat)
        assert office.reasons("Agent2") == ["RONA"]
    await owner.told("Invited", chat)
    await owner.perform(chat, "Accept")
    await owner.told("Accepted", chat)
    assert (await colleague.has(), await other.has()) == ([], [])
