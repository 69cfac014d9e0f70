"""Callbacks from their beginning to their end, over a store, by a clock that moves when told."""

from __future__ import annotations

import asyncio

import pytest

from gateway.callback.events import AgentRejected, Contact, InteractionEnded
from gateway.callback.states import Step
from gateway.callbacks.refusal import CallbackUnknown, NotNow, StateWrong
from tests.callbacks.office import BASE, USER, Office


async def near(office: Office, name: str = "chat-delay") -> str:
    """A delayed callback whose customer was told."""
    id = str((await office.starts(name))["_id"])
    office.queues.ahead = 0
    await office.waits(31)
    return id


@pytest.mark.spec("CB-1", "SM-20", "SM-21", "SM-24", "SM-25", "SM-40", "SM-13")
async def test_a_delayed_chat_is_told_connected_and_taken(office: Office) -> None:
    dialog = await office.starts("chat-delay")
    assert dialog["_action"] == "ConfirmationDialog"
    assert dialog["_text"] == "We will notify you when agent is available"
    id = dialog["_id"]
    await office.carries_out()
    assert office.queues.waiting("sales") == [id]
    office.queues.ahead = 0
    await office.waits(31)
    (notice,) = await office.told()
    assert notice.tag == f"service.agentavailable.{id}"
    assert notice.message == {"_action": "get-dialog-user-confirmation-provide_code-false", "_id": id}
    assert office.mailboxes.nudged == [USER]
    dialog = dict(await office.callbacks.connect(id, BASE))
    assert dialog["_action"] == "StartChat"
    assert dialog["_start_chat_url"] == f"{BASE}/1/service/{id}/ixn/chat"
    await office.callbacks.request(id, Contact())
    await office.queues.comes("agent")
    await office.carries_out()
    assert office.queues.asked == [(id, "agent")]
    await office.queues.takes(id)
    assert await office.state(id) == "AGENT_CONNECTED"


@pytest.mark.spec("SM-31", "SM-32", "SM-34", "MI-8")
async def test_an_immediate_call_has_its_number_in_the_first_answer(office: Office) -> None:
    dialog = await office.asks("voice-now", {})
    assert dialog["_action"] == "DialNumber"
    assert dialog["_expiration_time"] == "30"
    assert await office.booked() == 1
    await office.carries_out()
    assert office.queues.places == {}
    await office.callbacks.request(dialog["_id"], Contact())
    await office.carries_out()
    assert office.queues.waiting("sales") == [dialog["_id"]]
    assert await office.booked() == 0


@pytest.mark.spec("SM-24", "SM-26", "RS-3")
async def test_who_does_not_call_gives_back_the_number_and_waits_again(office: Office) -> None:
    id = await near(office, "voice-delay")
    dialog = await office.callbacks.connect(id, BASE)
    assert dialog["_action"] == "DialNumber"
    assert await office.booked() == 1
    office.queues.ahead = 20
    await office.waits(31)
    assert await office.state(id) == Step.WAIT_AGENT
    assert await office.booked() == 0
    office.queues.ahead = 0
    await office.waits(31)
    assert await office.attempts(id) == 2


@pytest.mark.spec("SV-22", "RA-7")
async def test_connects_at_once_give_one_number(office: Office) -> None:
    id = await near(office, "voice-delay")
    dialogs = await asyncio.gather(*(office.callbacks.connect(id, BASE) for _ in range(6)))
    assert len({each["_access_number"] for each in dialogs}) == 1
    assert await office.booked() == 1
    assert (await office.instance(id)).connects == 1


@pytest.mark.spec("RS-3", "ERR-5")
async def test_no_free_number_changes_nothing(office: Office) -> None:
    for _ in range(2):
        await office.asks("voice-now", {})
    with pytest.raises(Exception, match="no number is free"):
        await office.asks("voice-now", {})
    id = await near(office, "voice-delay")
    for _ in range(2):
        await office.asks("voice-now", {})
    with pytest.raises(Exception, match="no number is free"):
        await office.callbacks.connect(id, BASE)
    assert await office.state(id) == Step.WAIT_CONFIRM


@pytest.mark.spec("SV-21", "SV-23")
async def test_connect_is_refused_before_an_agent_is_near_and_after_the_end(office: Office) -> None:
    id = (await office.starts("chat-delay"))["_id"]
    with pytest.raises(NotNow) as raised:
        await office.callbacks.connect(id, BASE)
    assert raised.value.retry_after == 30
    office.queues.ahead = 0
    await office.waits(31)
    await office.waits(14_500)
    assert await office.state(id) == "FAIL_USER_NO_CONFIRM"
    with pytest.raises(StateWrong):
        await office.callbacks.connect(id, BASE)
    await office.waits(86_400)
    with pytest.raises(CallbackUnknown):
        await office.callbacks.connect(id, BASE)


@pytest.mark.spec("SM-22", "SM-23", "PN-8")
async def test_who_does_not_answer_is_told_three_times(office: Office) -> None:
    id = await near(office)
    await office.waits(29 + 30 + 30 + 30)
    assert await office.attempts(id) == 3
    await office.waits(60)
    assert await office.state(id) == "FAIL_USER_NO_CONFIRM"
    assert office.queues.places == {}
    assert len({each.id for each in await office.told()}) == 3
    assert await office.withdrawn() == [f"service.agentavailable.{id}"] * 3


@pytest.mark.spec("PN-8", "PN-7")
async def test_connect_withdraws_what_was_not_delivered(office: Office) -> None:
    id = await near(office)
    assert await office.withdrawn() == []
    await office.callbacks.connect(id, BASE)
    assert await office.withdrawn() == [f"service.agentavailable.{id}"]


@pytest.mark.spec("SM-40")
async def test_an_agent_who_rejects_is_followed_by_the_next(office: Office) -> None:
    id = await near(office)
    await office.callbacks.request(id, Contact())
    for agent in ("first", "second"):
        await office.queues.comes(agent)
    await office.carries_out()
    await office.queues.rejects(id)
    await office.carries_out()
    assert office.queues.asked == [(id, "first"), (id, "second")]
    await office.waits(31)  # the second does not answer
    await office.queues.comes("third")
    await office.carries_out()
    await office.queues.takes(id)
    assert await office.state(id) == "AGENT_CONNECTED"
    assert office.queues.served == {id: "third"}


@pytest.mark.spec("SM-40")
async def test_news_that_is_told_twice_counts_once(office: Office) -> None:
    id = await near(office)
    await office.callbacks.request(id, Contact())
    for _ in range(3):
        await office.callbacks.news(id, AgentRejected(), once="offer 1")
    assert (await office.instance(id)).rejections == 1


@pytest.mark.spec("SM-42")
async def test_who_leaves_before_an_agent_is_there_gives_up_his_place(office: Office) -> None:
    id = await near(office)
    await office.callbacks.request(id, Contact())
    await office.callbacks.news(id, InteractionEnded())
    await office.carries_out()
    assert await office.state(id) == "FAIL_INTERACTION_DELETED"
    assert office.queues.places == {}


@pytest.mark.spec("SM-4", "SM-43")
async def test_a_target_that_nobody_knows_ends_it(office: Office) -> None:
    office.services["chat-delay"] = {**office.services["chat-delay"], "_target": "nobody@StatServer.GA"}
    id = (await office.starts("chat-delay"))["_id"]
    await office.carries_out()
    assert await office.state(id) == "FAIL_TARGET_NOT_FOUND"


@pytest.mark.spec("SV-4", "CB-35")
async def test_a_callback_is_forgotten_when_its_life_is_over(office: Office) -> None:
    id = (await office.starts("chat-delay"))["_id"]
    await office.carries_out()
    await office.waits(86_399)
    assert await office.state(id) == "NOT_AVAILABLE"
    await office.waits(2)
    assert await office.callbacks.look(id) is None
    assert office.queues.places == {}
    assert await office.room.next_deadline() is None
    assert await office.room.count("callbacks") == 0


@pytest.mark.spec("SV-7")
async def test_a_callback_whose_instance_is_ended_is_cancelled(office: Office) -> None:
    dialog = await office.asks("voice-now", {})
    await office.instances.end(dialog["_id"])
    assert await office.state(dialog["_id"]) == "CANCELLED"
    assert await office.booked() == 0


@pytest.mark.spec("SM-30", "SV-30", "SV-31", "SV-32", "TH-10")
async def test_an_app_that_asks_finds_out_that_an_agent_is_near(office: Office) -> None:
    id = (await office.starts("chat-delay", customer_number="4082652649"))["_id"]
    far = await office.callbacks.position(id)  # before anybody has given it a place
    assert (far["_position"], far["_total_waiting"], far["_eta"], far["ewt"]) == (21, 21, 600, 600)
    assert far["_agent_ready_threshold_passed"] is False
    office.queues.ahead = 0
    near = await office.callbacks.position(id)
    assert near["_agent_ready_threshold_passed_reason"] == "position is first in queue"
    dialog = await office.callbacks.connect(id, BASE)
    assert dialog["_action"] == "StartChat"
    assert await office.told() == []
    now = await office.asks("chat-now", {"_customer_number": "4082652649"})
    with pytest.raises(CallbackUnknown):
        await office.callbacks.position(now["_id"])


@pytest.mark.spec("PN-4")
async def test_each_public_state_is_told_to_who_wants_it(office: Office) -> None:
    id = (await office.starts("voice-now", notify_status="true"))["_id"]
    await office.callbacks.request(id, Contact())
    await office.callbacks.news(id, InteractionEnded())
    assert [(each.tag, each.message) for each in await office.told()] == [
        (f"service.status.{id}", {"_id": id, "_callback_state": "QUEUED"}),
        (f"service.status.{id}", {"_id": id, "_callback_state": "ROUTING"}),
        (
            f"service.status.{id}",
            {"_id": id, "_callback_state": "COMPLETED", "_callback_reason": "FAIL_INTERACTION_DELETED"},
        ),
    ]
