"""Colleagues in a chat, and who has it when somebody leaves."""

from __future__ import annotations

import pytest

from channels.chat import transcript
from channels.interaction.effects import AskConference, AskTransfer, ChangeTask
from channels.interaction.model import Role
from channels.interaction.refusal import EXISTS, MISSING, NOT_FOUND, NOT_PERMITTED, OUT_OF_RANGE
from tests.channels.story import Story


def consulting() -> Story:
    """Ann has the chat and asks bob for advice."""
    return Story.chat().has("ann").asks("ann", "InitiateConsultation", agentId="bob").asks("bob", "Accept")


def together(*colleagues: str) -> Story:
    """Ann has the chat, and these joined her in this order."""
    story = Story.chat().has("ann")
    for colleague in colleagues:
        story.asks("ann", "InviteUser", agentId=colleague).asks(colleague, "Accept")
    return story


@pytest.mark.spec("AG-95")
def test_consultation_is_hidden_from_the_customer() -> None:
    story = consulting().asks("bob", "SendMessage", text="psst").asks("ann", "SendMessage", text="Hello")
    assert story.customer_sees() == ["PARTY_JOINED", "PARTY_JOINED", "Hello"]
    story.asks("bob", "Leave")
    assert story.customer_sees() == ["PARTY_JOINED", "PARTY_JOINED", "Hello"]
    assert [event["Visibility"] for event in story.last("ann")["chat_notifications"]] == ["Agents"]


@pytest.mark.parametrize("name", ["InitiateConsultation", "InitiateConsulation", "StartChatConsultation"])
def test_colleague_is_invited_to_a_conference(name: str) -> None:
    story = Story.chat().has("ann").asks("ann", name, agentId="bob")
    told = story.last("bob")
    assert (told["state"], told["interactionType"], told["interactionSubType"]) == (
        "Invited",
        "Internal",
        "InternalConferenceInvite",
    )
    assert story.effects == (AskConference(owner="ann", participant="bob"),)


def test_owner_has_a_notice_of_whom_he_invited_and_who_declined() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob")
    (event,) = story.last("ann")["chat_notifications"]
    assert (event["NoticeType"], event["Visibility"]) == ("CUSTOM", "Agents")
    story.asks("bob", "Reject")
    assert story.last("ann")["chat_notifications"][0]["NoticeText"] == "bob declined"
    assert story.state("ann") == "Accepted"


def test_colleague_who_does_not_answer_is_told_to_the_owner() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").revokes("bob")
    assert story.state("bob") == "Revoked"
    assert story.last("ann")["chat_notifications"][0]["NoticeText"] == "bob did not come"


@pytest.mark.parametrize(("agent", "status_code"), [("ann", OUT_OF_RANGE), ("bob", EXISTS), ("zoe", NOT_FOUND)])
def test_who_cannot_be_invited(agent: str, status_code: int) -> None:
    assert together("bob").is_refused("ann", "InviteUser", agentId=agent) == status_code
    assert together("bob").is_refused("ann", "InviteUser") == MISSING


@pytest.mark.spec("AG-69")
def test_consultation_becomes_a_conference() -> None:
    story = consulting().asks("ann", "CompleteConference").asks("bob", "SendMessage", text="Hi")
    assert story.customer_sees() == ["PARTY_JOINED", "PARTY_JOINED", "PARTY_JOINED", "Hi"]
    assert story.leg("bob").role is Role.PARTICIPANT
    assert story.is_refused("ann", "CompleteConference") == NOT_FOUND


@pytest.mark.spec("AG-69", "AG-75")
def test_consultation_becomes_a_transfer_when_the_engine_agrees() -> None:
    story = consulting().asks("ann", "CompleteTransfer")
    assert story.effects == (AskTransfer(owner="ann", recipient="bob"),)
    assert story.state("ann") == "Accepted"
    story.transfers("ann", "bob")
    assert (story.state("ann"), story.state("bob"), story.leg("bob").role) == ("Transferred", "Accepted", Role.OWNER)
    assert story.customer_sees()[-2:] == ["PARTY_LEFT", "PARTY_JOINED"]
    assert story.last("bob")["interactionType"] == "Inbound"
    assert story.last("bob")["capabilities"][0] == "Transfer"


def test_of_several_who_consult_one_may_be_named() -> None:
    story = consulting().asks("ann", "InitiateConsultation", agentId="eve").asks("eve", "Accept")
    story.asks("ann", "CompleteTransfer", agentId="eve")
    assert story.effects == (AskTransfer(owner="ann", recipient="eve"),)
    story.transfers("ann", "eve")
    assert story.state("bob") == "Completed"
    assert story.effects == (ChangeTask(agent="bob", state="CLOSED", code="DONE"),)


def test_who_consults_may_have_been_transferred_to_before_he_came() -> None:
    story = Story.chat().has("ann").asks("ann", "InitiateConsultation", agentId="bob").transfers("ann", "bob")
    assert (story.state("bob"), story.leg("bob").role) == ("Invited", Role.OWNER)
    assert story.effects == ()


def test_participant_is_removed() -> None:
    story = together("bob").asks("ann", "RemoveParticipantFromConference", targetUri="http://localhost/users/bob")
    assert story.state("bob") == "Completed"
    assert story.customer_sees()[-1] == "PARTY_LEFT"
    assert story.effects == (ChangeTask(agent="bob", state="CLOSED", code="DONE"),)
    assert story.is_refused("ann", "RemoveParticipantFromConference", agentId="bob") == NOT_FOUND


def test_invited_colleague_is_removed() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob")
    story.asks("ann", "RemoveParticipantFromConference", agentId="bob")
    assert story.state("bob") == "Revoked"
    assert story.effects == (ChangeTask(agent="bob", state="CLOSED", code="CANCELLED"),)


def test_only_who_is_seen_may_remove_and_never_the_owner() -> None:
    assert consulting().is_refused("bob", "RemoveParticipantFromConference", agentId="ann") == NOT_PERMITTED
    assert together("bob").is_refused("bob", "RemoveParticipantFromConference", agentId="ann") == OUT_OF_RANGE


@pytest.mark.spec("AG-86")
def test_chat_of_an_owner_who_leaves_is_his_who_was_seen_longest() -> None:
    story = together("bob", "eve").asks("ann", "LeaveConference")
    assert (story.state("ann"), story.leg("bob").role, story.leg("eve").role) == (
        "Completed",
        Role.OWNER,
        Role.PARTICIPANT,
    )
    assert story.effects == (ChangeTask(agent="ann", state="CLOSED", code="LEAVE"),)
    assert story.interaction.has_customer
    assert "Transfer" in story.last("bob")["capabilities"]


@pytest.mark.spec("AG-86")
def test_who_was_there_longest_is_who_accepted_first() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").asks("ann", "InviteUser", agentId="eve")
    story.asks("eve", "Accept").asks("bob", "Accept").asks("ann", "LeaveConference")
    assert story.leg("eve").role is Role.OWNER


@pytest.mark.spec("AG-86")
def test_who_consults_does_not_inherit() -> None:
    story = consulting().asks("ann", "InviteUser", agentId="eve").asks("eve", "Accept").asks("ann", "Leave")
    assert (story.state("bob"), story.leg("eve").role) == ("Completed", Role.OWNER)
    assert story.effects == (
        ChangeTask(agent="bob", state="CLOSED", code="DONE"),
        ChangeTask(agent="ann", state="CLOSED", code="LEAVE"),
    )


@pytest.mark.spec("AG-86", "AG-62")
@pytest.mark.parametrize("operation", ["LeaveConference", "EndChatSession"])
def test_alone_an_owner_who_leaves_ends_the_session_and_keeps_the_rest(operation: str) -> None:
    story = consulting().asks("ann", operation)
    assert (story.state("ann"), story.state("bob")) == ("Accepted", "Completed")
    assert story.last("ann")["capabilities"] == [
        "PlaceInQueue",
        "StopProcessing",
        "PlaceInWorkbin",
        "UpdateProperties",
    ]
    assert story.customer_sees()[-1] == "PARTY_LEFT"
    assert not story.interaction.is_closed


def test_participant_leaves_alone() -> None:
    story = together("bob").asks("bob", "LeaveConference")
    assert (story.state("ann"), story.state("bob")) == ("Accepted", "Completed")
    assert story.effects == (ChangeTask(agent="bob", state="CLOSED", code="DONE"),)


@pytest.mark.spec("AG-85")
def test_when_the_owner_stops_all_is_over_for_colleagues() -> None:
    story = together("bob").asks("ann", "InviteUser", agentId="eve").asks("ann", "StopProcessing")
    assert [story.state(agent) for agent in ("ann", "bob", "eve")] == ["Completed", "Completed", "Revoked"]
    assert story.customer_sees()[-3:] == ["PARTY_LEFT"] * 3


@pytest.mark.spec("AG-66")
@pytest.mark.parametrize("operation", ["PlaceInQueue", "PlaceInWorkbin"])
def test_what_the_owner_puts_away_nobody_else_keeps(operation: str) -> None:
    story = together("bob").asks("ann", operation, queueName="Sales", workbin="Drafts")
    assert story.state("bob") == "Completed"
    assert story.effects[0] == ChangeTask(agent="bob", state="CLOSED", code="DONE")
    assert story.interaction.has_customer


def test_participant_whom_it_is_transferred_to_is_seen_already() -> None:
    story = together("bob").transfers("ann", "bob")
    assert (story.state("bob"), story.leg("bob").role) == ("Accepted", Role.OWNER)
    assert story.customer_sees()[-2:] == ["PARTY_JOINED", "PARTY_LEFT"]


def test_who_declines_when_the_owner_is_gone_tells_nobody() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").transfers("ann", "eve").forgets()
    story.asks("bob", "Reject")
    assert [each.user for each in story.told] == ["bob", "bob"]


def test_full_chat_still_lets_colleagues_decline(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").forgets()
    monkeypatch.setattr(transcript, "MAX_EVENTS", 3)
    story.asks("bob", "Reject")
    assert story.heard("ann") == []
    assert story.is_refused("ann", "SendMessage", text="Hello") == OUT_OF_RANGE


@pytest.mark.spec("AG-93")
def test_who_comes_back_is_introduced_again_under_his_id() -> None:
    story = together("bob").asks("bob", "Leave").asks("ann", "InviteUser", agentId="bob").asks("bob", "Accept")
    joined = [event for event in story.last("bob")["chat_notifications"] if event["NickName"] == "Bob"]
    assert len({event["UserId"] for event in joined}) == 1
    assert joined[-1] == story.last("bob")["chat_notifications"][-1]
