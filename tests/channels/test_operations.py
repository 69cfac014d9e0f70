"""What agents do with an interaction, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from channels.interaction.effects import (
    AddToWorkbin,
    AskTransfer,
    ChangeTask,
    EndReply,
    SendLetter,
    ShowHistory,
    StartTask,
)
from channels.interaction.reasons import Reason
from channels.interaction.refusal import FORBIDDEN, MISSING, NOT_FOUND, NOT_NOW, OUT_OF_RANGE
from channels.interaction.vocabulary import Dialect
from channels.interaction.writing import reply_ended
from tests.channels.story import TIME_TO_ACCEPT, Story, rules

# Taking


@pytest.mark.spec("AG-72")
def test_agent_joins_under_his_nickname_or_his_first_name() -> None:
    named = Story.chat().has("ann", nickname="Queen")
    unnamed = Story.chat().has("ann")
    assert named.last("ann")["chat_notifications"][-1]["NickName"] == "Queen"
    assert unnamed.last("ann")["chat_notifications"][-1]["NickName"] == "Ann"
    assert unnamed.effects == (ChangeTask(agent="ann", state="ACTIVE", code="ACCEPTED"),)


def invited_by_the_engine() -> Story:
    return Story.chat().invites("ann")


def asked_in_by_the_owner() -> Story:
    return Story.chat().has("bob").asks("bob", "InviteUser", agentId="ann")


def asked_for_advice() -> Story:
    return Story.chat().has("bob").asks("bob", "InitiateConsultation", agentId="ann")


def transferred_to() -> Story:
    return Story.chat().has("bob").transfers("bob", "ann")


@pytest.mark.spec("AG-64", "AG-66", "AG-126")
@pytest.mark.parametrize(
    "ringing",
    [invited_by_the_engine, asked_in_by_the_owner, asked_for_advice, transferred_to],
    ids=lambda each: each.__name__,
)
def test_when_the_time_is_over_an_invitation_is_accepted_no_more(ringing: Callable[[], Story]) -> None:
    """Though it is not revoked yet: whoever does that waits for what was accepted before."""
    assert ringing().waits(TIME_TO_ACCEPT - 10.5).asks("ann", "Accept").state("ann") == "Accepted"
    late = ringing().waits(TIME_TO_ACCEPT - 10.0)
    before = late.interaction
    assert late.is_refused("ann", "Accept") == late.is_refused("ann", "Accept", Dialect.TYPED) == NOT_NOW
    assert late.interaction == before
    assert late.asks("ann", "Reject").state("ann") == "Rejected"


@pytest.mark.spec("AG-66", "AG-71")
def test_what_was_accepted_in_time_is_still_accepted_later() -> None:
    story = Story.chat().has("ann").waits(TIME_TO_ACCEPT).asks("ann", "Accept")
    assert story.state("ann") == "Accepted"


@pytest.mark.spec("AG-71")
def test_accept_twice_joins_once() -> None:
    story = Story.chat().has("ann").forgets().asks("ann", "Accept")
    assert story.told == []
    assert story.effects == ()


def test_rejected_goes_back_to_the_engine() -> None:
    story = Story.chat().invites("ann").asks("ann", "Reject")
    assert story.state("ann") == "Rejected"
    assert story.effects == (ChangeTask(agent="ann", state="QUEUED", code="REJECTED"),)
    assert story.told[-1].reason == "REJECTED"


# Talking


@pytest.mark.spec("AG-92")
def test_sender_is_told_of_his_message_like_all_others() -> None:
    story = Story.chat().has("ann").forgets().asks("ann", "SendMessage", text="Hello")
    (told,) = story.heard("ann")
    assert [event["MessageText"] for event in told["chat_notifications"]] == ["Hello"]
    assert story.customer_sees()[-1] == "Hello"


@pytest.mark.spec("AG-73")
@pytest.mark.parametrize(
    ("parameters", "status_code"),
    [
        ({}, MISSING),
        ({"text": ""}, MISSING),
        ({"text": None}, MISSING),
        ({"text": 7}, OUT_OF_RANGE),
        ({"text": "123456"}, OUT_OF_RANGE),
        ({"text": "12345", "visibility": "Nobody"}, OUT_OF_RANGE),
    ],
)
def test_message_that_is_none_is_refused(parameters: dict[str, Any], status_code: int) -> None:
    story = Story.chat(rules(max_message=5)).has("ann")
    assert story.is_refused("ann", "SendMessage", **parameters) == status_code


@pytest.mark.spec("AG-73")
def test_length_of_a_message_is_counted_in_characters() -> None:
    story = Story.chat(rules(max_message=5)).has("ann").asks("ann", "SendMessage", text="😀😀😀😀😀")
    assert story.customer_sees()[-1] == "😀😀😀😀😀"


@pytest.mark.spec("AG-74")
def test_message_under_the_same_id_is_said_once() -> None:
    story = Story.chat().has("ann").asks("ann", "SendMessage", text="Hello", clientMessageId="1").forgets()
    story.asks("ann", "SendMessage", text="Hello", clientMessageId="1")
    assert story.told == []
    story.asks("ann", "SendMessage", text="Hello", clientMessageId="2")
    assert story.customer_sees()[-2:] == ["Hello", "Hello"]


@pytest.mark.spec("AG-94")
@pytest.mark.parametrize("parameter", ["notification", "notifcation"])
def test_typing_is_told_to_others_and_not_to_who_types(parameter: str) -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").asks("bob", "Accept").forgets()
    story.asks("ann", "SendNotification", **{parameter: "TypingStarted"})
    assert story.heard("ann") == []
    assert [event["NoticeType"] for event in story.last("bob")["chat_notifications"]] == ["TYPING_STARTED"]


@pytest.mark.spec("AG-3")
def test_typing_has_names_of_its_own_in_later_releases() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").asks("bob", "Accept")
    story.asks("ann", "SendStopTypingNotification")
    assert story.last("bob")["chat_notifications"][0]["NoticeType"] == "TYPING_STOPPED"
    assert story.is_refused("ann", "SendNotification", notification="Dancing") == OUT_OF_RANGE
    assert story.is_refused("ann", "SendNotification") == MISSING


@pytest.mark.spec("AG-93")
def test_history_is_for_who_asks_and_changes_nothing() -> None:
    story = Story.chat().says("Help").has("ann").forgets().asks("ann", "RequestChatHistory", eventId=2)
    assert story.told == []
    (shown,) = story.effects
    assert isinstance(shown, ShowHistory)
    assert [event.id for event in shown.events] == [1, 2, 3]


@pytest.mark.parametrize("first", [0, -1, "2", 1.5, True])
def test_history_begins_with_a_number(first: object) -> None:
    assert Story.chat().has("ann").is_refused("ann", "RequestChatHistory", eventId=first) == OUT_OF_RANGE


# Handing over


@pytest.mark.spec("AG-75")
def test_transfer_waits_for_the_engine() -> None:
    story = Story.chat().has("ann").forgets().asks("ann", "Transfer", agentId="bob")
    assert story.effects == (AskTransfer(owner="ann", recipient="bob"),)
    assert story.told == []
    story.transfers("ann", "bob")
    assert (story.state("ann"), story.state("bob")) == ("Transferred", "Invited")
    assert story.last("ann")["state"] == "Transferred"
    story.says("still here").asks("bob", "Accept")
    texts = [event["MessageText"] for event in story.last("bob")["chat_notifications"]]
    assert "still here" in texts


@pytest.mark.spec("AG-75")
@pytest.mark.parametrize(
    ("parameters", "status_code"),
    [
        ({}, MISSING),
        ({"agentId": "nobody"}, NOT_FOUND),
        ({"agentId": "ann"}, OUT_OF_RANGE),
        ({"agentId": 7}, OUT_OF_RANGE),
        ({"queueName": "Nowhere"}, NOT_FOUND),
        ({"targetUri": "http://localhost/api/v2/queues/Nowhere"}, NOT_FOUND),
    ],
)
def test_transfer_to_nobody_is_refused(parameters: dict[str, Any], status_code: int) -> None:
    assert Story.chat().has("ann").is_refused("ann", "Transfer", **parameters) == status_code


@pytest.mark.spec("AG-75")
@pytest.mark.parametrize(
    "parameters",
    [
        {"agentId": "bob"},
        {"targetUri": "http://localhost/api/v2/users/bob"},
        {"targetPath": "/users/bob"},
        {"userUri": "http://localhost/api/v2/users/bob/"},
    ],
)
def test_agent_may_be_named_in_several_ways(parameters: dict[str, Any]) -> None:
    story = Story.chat().has("ann").asks("ann", "SingleStepTransfer", **parameters)
    assert story.effects == (AskTransfer(owner="ann", recipient="bob"),)


@pytest.mark.spec("AG-75")
@pytest.mark.parametrize("parameters", [{"queueName": "Sales"}, {"targetPath": "/queues/Sales"}])
def test_transfer_to_a_queue_happens_at_once(parameters: dict[str, Any]) -> None:
    story = Story.chat().has("ann").asks("ann", "Transfer", **parameters)
    assert story.state("ann") == "Transferred"
    assert story.effects == (ChangeTask(agent="ann", state="CLOSED", code="DONE"), StartTask(queue="Sales"))
    assert story.interaction.has_customer


@pytest.mark.spec("AG-75")
def test_transfer_to_a_skill_asks_for_it_in_the_same_queue() -> None:
    story = Story.email().has("ann").asks("ann", "Transfer", skill="French")
    assert story.effects[-1] == StartTask(queue="Support", skill="French")


def test_placed_in_its_own_queue_a_task_goes_on_waiting() -> None:
    story = Story.email().has("ann").asks("ann", "PlaceInQueue", queue="Support")
    assert story.state("ann") == "Placed"
    assert story.effects == (ChangeTask(agent="ann", state="QUEUED", code="REQUEUED"),)


def test_placed_in_another_queue_it_gets_another_task() -> None:
    story = Story.chat().has("ann").asks("ann", "PlaceInQueue", queueUri="http://localhost/api/v2/queues/Sales")
    assert story.last("ann")["currentQueue"] == "Sales"
    assert story.effects == (ChangeTask(agent="ann", state="CLOSED", code="DONE"), StartTask(queue="Sales"))
    assert Story.chat().has("ann").is_refused("ann", "PlaceInQueue") == MISSING


@pytest.mark.spec("AG-152")
def test_in_a_workbin_it_takes_no_place_in_the_engine() -> None:
    story = Story.email().has("ann").asks("ann", "PlaceInWorkbin", workbin="Drafts")
    assert (story.state("ann"), story.leg("ann").workbin) == ("InWorkbin", "Drafts")
    assert story.effects == (
        ChangeTask(agent="ann", state="CLOSED", code="DONE"),
        AddToWorkbin(agent="ann", workbin="Drafts"),
    )
    story.pulls("ann")
    assert story.last("ann")["state"] == "Accepted"
    assert story.effects[-1] == StartTask(queue="Support", agent="ann", pull=True)
    assert story.is_refused("ann", "PlaceInWorkbin", workbin="Elsewhere") == NOT_FOUND


@pytest.mark.spec("AG-91")
def test_chat_from_a_workbin_comes_with_all_that_was_said() -> None:
    story = Story.chat().has("ann").asks("ann", "PlaceInWorkbin", workbin="Drafts").says("Hello?").pulls("ann")
    ids = [event["EventId"] for event in story.last("ann")["chat_notifications"]]
    assert ids == list(range(1, len(ids) + 1))


@pytest.mark.spec("AG-77")
@pytest.mark.parametrize(
    ("in_queues", "parameters", "queue"),
    [
        (("__STOP__",), {}, "Support"),
        (("Done", "__STOP__"), {}, "Support"),
        (("Done", "Kept"), {}, "Done"),
        (("Done", "Kept"), {"queueName": "Kept"}, "Kept"),
        ((), {}, "Support"),
    ],
)
def test_stopped_it_rests_where_it_may(in_queues: tuple[str, ...], parameters: dict[str, Any], queue: str) -> None:
    story = Story.chat(in_queues=in_queues).has("ann").asks("ann", "StopProcessing", **parameters)
    assert (story.state("ann"), story.interaction.queue, story.interaction.is_closed) == ("Completed", queue, True)
    assert story.effects == (ChangeTask(agent="ann", state="CLOSED", code="DONE"),)
    assert not story.interaction.has_customer


@pytest.mark.spec("AG-77")
def test_stopped_it_rests_nowhere_else() -> None:
    story = Story.chat(in_queues=("Done",)).has("ann")
    assert story.is_refused("ann", "StopProcessing", queueName="Sales") == OUT_OF_RANGE


# Attached data


@pytest.mark.spec("AG-78")
def test_attached_data_is_merged_and_told_to_all_agents() -> None:
    story = Story.chat(user_data={"a": "1", "b": "2"}).has("ann").asks("ann", "InviteUser", agentId="bob")
    story.forgets().asks("ann", "UpdateProperties", userData={"a": None, "c": 3}, deletedKeys=["b"])
    assert story.last("ann")["userData"] == story.last("bob")["userData"] == {"a": None, "c": 3}


@pytest.mark.spec("AG-78")
@pytest.mark.parametrize(
    ("parameters", "status_code"),
    [
        ({}, MISSING),
        ({"userData": []}, OUT_OF_RANGE),
        ({"userData": {}, "deletedKeys": "a"}, OUT_OF_RANGE),
        ({"userData": {"RTargetRequested": "x"}}, FORBIDDEN),
        ({"userData": {"a": "x" * 300_000}}, OUT_OF_RANGE),
    ],
)
def test_attached_data_that_is_none_is_refused(parameters: dict[str, Any], status_code: int) -> None:
    assert Story.chat().has("ann").is_refused("ann", "UpdateProperties", **parameters) == status_code


@pytest.mark.spec("AG-50")
def test_what_changes_nothing_is_told_to_nobody() -> None:
    story = Story.chat(user_data={"a": "1"}).has("ann").forgets().asks("ann", "UpdateProperties", userData={"a": "1"})
    assert story.told == []


@pytest.mark.spec("AG-70")
def test_reference_comes_back_to_who_asked() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").asks("bob", "Accept").forgets()
    story.asks("ann", "SendMessage", text="Hello", reference_id=7)
    assert story.last("ann")["referenceId"] == 7
    assert "referenceId" not in story.last("bob")


# Writing


def replying() -> tuple[Story, Story]:
    """An e-mail, and the answer that its agent writes."""
    story = Story.email(user_data={"ContactId": "C1", "Subject": "Help", "odd": 1}).has("ann")
    story.asks("ann", "Reply", userData={"mine": True})
    return story, story.continues_with(story.created[0])


@pytest.mark.spec("AG-79")
def test_reply_is_an_interaction_of_its_own() -> None:
    inbound, outbound = replying()
    told = inbound.last("ann")
    assert (told["state"], told["interactionType"], told["interactionSubType"]) == (
        "Composing",
        "Outbound",
        "OutboundReply",
    )
    assert told["parentId"] == inbound.interaction.id != told["id"]
    assert told["currentQueue"] == "Out"
    assert told["userData"] == {"ContactId": "C1", "Subject": "Re: Help", "mine": True}
    assert told["email_object"] == {
        "interactionId": told["id"],
        "text": "",
        "fromAddress": "support@house.example",
        "toAddress": "carl@customer.example",
        "subject": "Re: Help",
    }
    assert not {"inQueues", "outQueues"} & set(told)
    assert outbound.interaction.owner is not None


def test_reply_goes_out_through_the_queue_that_is_named() -> None:
    story = Story.email(out_queues=("Out", "Slow")).has("ann").asks("ann", "Reply", queueName="Slow")
    assert story.last("ann")["currentQueue"] == "Slow"


@pytest.mark.spec("AG-79")
def test_agent_has_one_open_reply() -> None:
    inbound, outbound = replying()
    assert inbound.is_refused("ann", "ReplyAll") == NOT_NOW
    outbound.asks("ann", "CancelReply")
    (ended,) = outbound.effects
    assert isinstance(ended, EndReply)
    inbound.interaction = reply_ended(inbound.interaction, ended.reply)
    inbound.asks("ann", "ReplyAll")
    assert inbound.last("ann")["email_object"]["ccAddress"] == "dora@customer.example"


@pytest.mark.spec("AG-79")
@pytest.mark.parametrize(
    "parameters", [{"queueName": "Elsewhere"}, {"quoteOriginal": "yes"}, {"userData": 1}, {"body": 1}]
)
def test_reply_that_cannot_be_is_refused(parameters: dict[str, Any]) -> None:
    assert Story.email().has("ann").is_refused("ann", "Reply", **parameters) == OUT_OF_RANGE


def test_draft_is_saved() -> None:
    _, outbound = replying()
    outbound.asks("ann", "Save", email={"subject": "Re: Your help", "bcc": ["eve@house.example"]})
    assert outbound.last("ann")["email_object"]["subject"] == "Re: Your help"
    assert outbound.last("ann")["email_object"]["bccAddress"] == "eve@house.example"
    assert outbound.is_refused("ann", "Save") == MISSING
    assert outbound.is_refused("ann", "Save", email={"to": "nobody"}) == OUT_OF_RANGE
    assert outbound.is_refused("ann", "Save", email={"from": "king@house.example"}) == OUT_OF_RANGE


@pytest.mark.spec("AG-80")
def test_sent_draft_is_completed_when_the_relay_has_it() -> None:
    inbound, outbound = replying()
    outbound.asks("ann", "Send", email={"bodyAsPlainText": "Try again."})
    assert outbound.effects == (SendLetter(interaction=outbound.interaction.id),)
    assert (outbound.last("ann")["state"], outbound.last("ann")["capabilities"]) == ("Composing", [])
    outbound.relay_takes_it()
    assert (outbound.state("ann"), outbound.interaction.is_closed) == ("Completed", True)
    assert outbound.effects == (EndReply(parent=inbound.interaction.id, reply=outbound.interaction.id),)
    told = len(outbound.told)
    assert len(outbound.relay_takes_it().told) == told


@pytest.mark.spec("AG-26", "AG-80")
@pytest.mark.parametrize("is_offered", [False, True])
def test_draft_whose_agent_left_while_it_was_sent_is_over_for_all(*, is_offered: bool) -> None:
    inbound, outbound = replying()
    outbound.asks("ann", "Send").revokes("ann", Reason.LOGOUT).requeues()
    if is_offered:
        outbound.invites("bob")
    outbound.relay_takes_it()
    assert (outbound.interaction.is_closed, outbound.interaction.agents) == (True, ())
    assert outbound.effects == (
        EndReply(parent=inbound.interaction.id, reply=outbound.interaction.id),
        ChangeTask(agent="bob" if is_offered else "", state="CLOSED", code="CANCELLED"),
    )


@pytest.mark.spec("AG-80")
def test_draft_that_the_relay_did_not_take_can_be_sent_again() -> None:
    _, outbound = replying()
    outbound.asks("ann", "Send").relay_fails()
    assert outbound.last("ann")["capabilities"][0] == "Send"
    assert outbound.asks("ann", "Send").relay_takes_it().state("ann") == "Completed"


def test_letter_to_nobody_does_not_leave() -> None:
    _, outbound = replying()
    assert outbound.is_refused("ann", "Send", email={"to": []}) == MISSING


def test_forwarded_mail_is_addressed_to_nobody_yet() -> None:
    story = Story.email().has("ann").asks("ann", "Forward")
    assert story.last("ann")["interactionSubType"] == "OutboundNew"
    assert story.last("ann")["email_object"]["toAddress"] == ""


@pytest.mark.spec("AG-75")
def test_draft_goes_to_a_colleague_by_a_task_of_its_own() -> None:
    _, outbound = replying()
    outbound.asks("ann", "Transfer", agentId="bob")
    assert outbound.state("ann") == "Transferred"
    assert outbound.effects == (StartTask(queue="Out", agent="bob"),)
    outbound.has("bob")
    assert outbound.state("bob") == "Composing"
    outbound.asks("bob", "Send").relay_takes_it()
    assert outbound.effects[0] == ChangeTask(agent="bob", state="CLOSED", code="DONE")
