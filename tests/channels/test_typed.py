"""Dialect B: the same interactions in other words."""

from __future__ import annotations

import pytest

from channels.dialects import typed
from channels.dialects.announcement import history
from channels.interaction.effects import ShowHistory
from channels.interaction.refusal import NOT_NOW
from channels.interaction.vocabulary import Dialect
from channels.private import CHATS, EMAILS, INTERACTIONS
from tests.channels.story import Story, sample


@pytest.mark.spec("AG-98")
def test_accept_is_told_in_three_messages() -> None:
    story = Story.chat().says("Hello").invites("ann").forgets().asks("ann", "Accept")
    told = story.heard("ann", CHATS)
    assert [each["notificationType"] for each in told] == ["StatusChange", "ParticipantsUpdated", "NewMessages"]
    assert [each["type"] for each in told[1]["chat"]["participants"]] == ["Customer", "Agent"]
    assert [each["type"] for each in told[2]["messages"]] == ["ParticipantJoined", "Text", "ParticipantJoined"]


@pytest.mark.spec("AG-68", "AG-98")
def test_chatting_is_told_as_in_the_sample() -> None:
    story = Story.chat().invites("ann").forgets().asks("ann", "Accept", reference_id=17)
    assert story.heard("ann", CHATS)[0] == sample("ext/chat-typed-chatting")


@pytest.mark.spec("AG-98")
def test_message_is_told_as_in_the_sample() -> None:
    story = Story.chat().has("ann", nickname="TestName")
    story.now = 1389261492.035
    story.asks("ann", "SendMessage", text="How may I help you?")
    told = story.last("ann", CHATS)
    expected = sample("ext/chat-typed-new-messages")
    expected["messages"][0]["from"]["participantId"] = told["messages"][0]["from"]["participantId"]
    expected["messages"][0]["timestamp"] = "2014-01-09 09:58:12.035+0000"
    assert told == expected


@pytest.mark.spec("AG-2")
def test_what_is_done_in_one_dialect_is_seen_in_the_other() -> None:
    story = Story.chat().invites("ann").asks_typed("ann", "Accept")
    assert story.last("ann", INTERACTIONS)["state"] == "Accepted"
    story.asks("ann", "StopProcessing")
    assert story.last("ann", CHATS)["chat"]["state"] == "Completed"
    assert story.heard("ann", EMAILS) == []


@pytest.mark.spec("AG-68")
def test_states_have_other_names() -> None:
    assert Story.chat().invites("ann").asks("ann", "Reject").last("ann", CHATS)["chat"]["state"] == "Completed"
    assert Story.chat().has("ann").transfers("ann", "bob").last("ann", CHATS)["chat"]["state"] == "Completed"
    assert Story.chat().invites("ann").revokes("ann").last("ann", CHATS)["chat"]["state"] == "Revoked"
    left = Story.chat().has("ann").forgets().leaves()
    states = [each["chat"]["state"] for each in left.heard("ann", CHATS) if "chat" in each]
    assert set(states) == {"LeftChat"}
    email = Story.email().has("ann")
    assert email.last("ann", EMAILS)["email"]["state"] == "Processing"
    email.asks("ann", "Reply")
    assert email.last("ann", EMAILS)["email"]["state"] == "Composing"
    email.asks("ann", "PlaceInWorkbin", workbin="Drafts")
    assert email.last("ann", EMAILS)["email"]["state"] == "InWorkbin"


@pytest.mark.spec("AG-68")
def test_after_chat_work_may_be_transferred_in_this_dialect_alone() -> None:
    story = Story.chat().has("ann").leaves()
    assert story.is_refused("ann", "Transfer", agentId="bob") == NOT_NOW
    assert story.asks_typed("ann", "Transfer", agentId="bob").effects
    assert story.is_refused("ann", "SendMessage", Dialect.TYPED, text="Hello?") == NOT_NOW


@pytest.mark.spec("AG-78")
@pytest.mark.parametrize(
    ("operation", "parameters", "after"),
    [
        ("AttachUserData", {"userData": {"b": 2}}, {"a": "1", "b": 2}),
        ("UpdateUserData", {"userData": {"a": None}}, {"a": None}),
        ("DeleteUserData", {"keys": ["a"]}, {}),
        ("SetDisposition", {"dispositionCode": "sold"}, {"a": "1", "DispositionCode": "sold"}),
    ],
)
def test_attached_data_is_told_as_properties(
    operation: str, parameters: dict[str, object], after: dict[str, object]
) -> None:
    story = Story.chat(user_data={"a": "1"}).has("ann").forgets().asks_typed("ann", operation, **parameters)
    (told,) = story.heard("ann", CHATS)
    assert (told["notificationType"], told["chat"]["userData"]) == ("PropertiesUpdated", after)


def test_attached_data_of_an_email_is_told_as_properties_too() -> None:
    story = Story.email().has("ann").forgets().asks_typed("ann", "AddComment", comment="fine")
    (told,) = story.heard("ann", EMAILS)
    assert (told["notificationType"], told["email"]["userData"]) == ("PropertiesUpdated", {"Comment": "fine"})


def test_in_focus_is_nobody_elses_business() -> None:
    story = Story.chat().has("ann").forgets().asks_typed("ann", "SetInFocus")
    assert story.told == []


def test_saved_draft_is_told_as_saved() -> None:
    inbound = Story.email().has("ann").asks_typed("ann", "Reply")
    draft = inbound.continues_with(inbound.created[0]).forgets()
    draft.asks_typed("ann", "Save", email={"subject": "Hello"})
    (told,) = draft.heard("ann", EMAILS)
    assert (told["notificationType"], told["email"]["subject"]) == ("EmailSaved", "Hello")
    assert told["email"]["parentUri"].endswith(f"/emails/{inbound.interaction.id}")
    draft.asks_typed("ann", "Cancel")
    assert draft.last("ann", EMAILS)["email"] == {
        "id": draft.interaction.id,
        "state": "Completed",
        "capabilities": [],
        "uri": f"http://localhost:8080/api/v2/emails/{draft.interaction.id}",
        "parentUri": f"http://localhost:8080/api/v2/emails/{inbound.interaction.id}",
    }


@pytest.mark.spec("AG-95")
def test_who_is_hidden_is_marked() -> None:
    story = Story.chat().has("ann").asks_typed("ann", "Consult", agentId="bob").asks_typed("bob", "Accept")
    story.asks_typed("bob", "SendMessage", text="psst")
    (message,) = story.last("ann", CHATS)["messages"]
    assert (message["visibility"], message["from"]["visibility"]) == ("Agents", "Agents")


@pytest.mark.spec("AG-55")
def test_chat_that_is_asked_for_comes_with_its_messages() -> None:
    story = Story.chat(user_data={"a": "1"}).says("Hello").has("ann")
    told = typed.snapshot(story.interaction, story.leg("ann"), "/api/v2", story.rules)
    assert [each["index"] for each in told["messages"]] == [1, 2, 3]
    assert told["userData"] == {"a": "1"}
    assert len(told["participants"]) == 2


def test_history_is_told_in_both_dialects() -> None:
    story = Story.chat().says("Hello").has("ann").asks("ann", "RequestChatHistory", eventId=2)
    (shown,) = story.effects
    assert isinstance(shown, ShowHistory)
    told = history(story.interaction, shown, rules=story.rules)
    assert [each.channel for each in told] == [INTERACTIONS, CHATS]
    assert [event["EventId"] for event in told[0].data["chat_notifications"]] == [1, 2, 3]
    assert [each["index"] for each in told[1].data["messages"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "1970-01-01 00:00:00.000+0000"),
        (1.9996, "1970-01-01 00:00:02.000+0000"),
        (0.0014, "1970-01-01 00:00:00.001+0000"),
    ],
)
def test_time_is_told_in_milliseconds(at: float, text: str) -> None:
    assert typed.timestamp(at) == text
