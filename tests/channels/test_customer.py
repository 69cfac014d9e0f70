"""The customer's side of a chat, and the silence in it."""

from __future__ import annotations

import pytest

from channels.chat import transcript
from channels.chat.notices import NoticeKind, Visibility
from channels.interaction import customer, idle
from channels.interaction.customer import ChatClosed
from channels.interaction.effects import ChangeTask
from channels.interaction.model import begin_chat
from channels.interaction.refusal import MISSING, OUT_OF_RANGE, OperationRefused
from tests.channels.story import Story, rules


def test_customer_joins_once() -> None:
    story = Story.chat().joins().joins("Another")
    assert story.customer_sees() == ["PARTY_JOINED"]


@pytest.mark.spec("AG-74", "AG-97")
def test_what_the_customer_says_is_told_once() -> None:
    story = Story.chat().has("ann").forgets().says(" <b>Hi</b>\r\n", "1").says(" <b>Hi</b>\r\n", "1")
    (told,) = story.heard("ann")
    assert told["chat_notifications"][0]["MessageText"] == " <b>Hi</b>\r\n"


@pytest.mark.spec("AG-73")
@pytest.mark.parametrize(("text", "status_code"), [("", MISSING), ("123456", OUT_OF_RANGE)])
def test_message_that_is_none_is_refused(text: str, status_code: int) -> None:
    with pytest.raises(OperationRefused) as refusal:
        Story.chat(rules(max_message=5)).says(text)
    assert refusal.value.status_code == status_code


def test_full_chat_takes_nothing_more_of_the_customer(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story.chat().has("ann")
    monkeypatch.setattr(transcript, "MAX_EVENTS", 2)
    for attempt in (
        lambda: story.says("Hello"),
        lambda: customer.notice(story.interaction, NoticeKind.CUSTOM, story.now, "x"),
    ):
        with pytest.raises(OperationRefused) as refusal:
            attempt()
        assert refusal.value.status_code == OUT_OF_RANGE
    assert story.types().leaves().customer_sees()[-1] == "PARTY_LEFT"


@pytest.mark.spec("AG-128")
def test_customer_who_leaves_before_accept_takes_the_invitation_with_him() -> None:
    story = Story.chat().invites("ann").leaves()
    assert story.state("ann") == "Revoked"
    assert story.told[-1].reason == "CUSTOMER_LEFT"
    assert story.effects == (ChangeTask(agent="ann", state="CLOSED", code="CANCELLED"),)
    assert story.interaction.is_closed


@pytest.mark.spec("AG-128")
def test_customer_who_leaves_before_anybody_was_found_ends_it() -> None:
    story = Story.chat().leaves()
    assert story.effects == (ChangeTask(agent="", state="CLOSED", code="CANCELLED"),)
    assert story.interaction.is_closed


@pytest.mark.spec("AG-58", "AG-62")
def test_customer_who_leaves_leaves_the_owner_his_work_and_nobody_else() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").asks("bob", "Accept")
    story.asks("ann", "InitiateConsultation", agentId="eve").leaves()
    assert [story.state(agent) for agent in ("ann", "bob", "eve")] == ["Accepted", "Completed", "Revoked"]
    assert {each.user: each.reason for each in story.told[-6:]}["bob"] == "CUSTOMER_LEFT"
    assert not story.interaction.is_closed


def test_chat_that_is_over_takes_nothing_more() -> None:
    story = Story.chat().leaves()
    for attempt in (story.joins, lambda: story.says("Hello?"), story.types):
        with pytest.raises(ChatClosed):
            attempt()
    before = story.interaction
    assert story.leaves().interaction == before


def test_who_has_not_come_says_nothing() -> None:
    with pytest.raises(ChatClosed):
        customer.say(begin_chat("1", "Support", 1.0), "Hello", 2.0)
    with pytest.raises(ChatClosed):
        customer.say(Story.email().interaction, "Hello", 2.0)


@pytest.mark.spec("AG-93", "AG-95", "AG-161")
def test_house_tells_agents_what_the_customer_does_not_see() -> None:
    story = Story.chat().has("ann")
    outcome = customer.tell(story.interaction, NoticeKind.CUSTOM, '{"x":1}', story.now, story.new_id, Visibility.AGENTS)
    kept = outcome.interaction.transcript
    assert kept is not None
    assert [(event.kind, event.notice_text) for event in kept.events[-2:]] == [
        ("PARTY_JOINED", None),
        ("NOTICE", '{"x":1}'),
    ]
    assert [event.kind for event in kept.for_customer()] == ["PARTY_JOINED", "PARTY_JOINED"]
    again = customer.tell(outcome.interaction, NoticeKind.CUSTOM, "2", story.now, story.new_id, Visibility.AGENTS)
    assert again.interaction.transcript is not None
    assert again.interaction.transcript.last_id == kept.last_id + 1
    to_all = customer.tell(again.interaction, NoticeKind.PUSH_URL, "http://x", story.now, story.new_id)
    assert to_all.interaction.transcript is not None
    assert [event.kind for event in to_all.interaction.transcript.for_customer()][-2:] == ["PARTY_JOINED", "NOTICE"]


# Silence


@pytest.mark.spec("AG-129")
def test_silent_chat_is_warned_of_then_ended() -> None:
    story = Story.chat().has("ann").falls_silent()
    assert story.customer_sees()[-1] == "IDLE_ALERT"
    warned = story.now
    story.falls_silent()
    assert story.now == warned - 10.0 + 45.0 + 10.0
    assert story.customer_sees()[-2:] == ["IDLE_CLOSE", "PARTY_LEFT"]
    assert (story.state("ann"), story.interaction.has_customer) == ("Accepted", False)
    assert idle.due(story.interaction, story.rules) is None


@pytest.mark.spec("AG-129")
def test_silent_chat_that_is_full_ends_unwarned(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story.chat().has("ann").says("That was all.")
    monkeypatch.setattr(transcript, "MAX_EVENTS", 3)
    story.falls_silent()
    assert story.interaction.transcript is not None
    assert (story.interaction.transcript.is_open, story.state("ann")) == (False, "Accepted")


@pytest.mark.spec("AG-129")
def test_whoever_speaks_begins_the_silence_anew() -> None:
    story = Story.chat().has("ann").falls_silent().says("Still here")
    spoken = story.now - 10.0
    assert idle.due(story.interaction, story.rules) == (spoken + 255.0, NoticeKind.IDLE_ALERT)
    too_early = idle.expire(story.interaction, spoken + 254.0, story.new_id, story.rules)
    assert too_early.interaction == story.interaction


@pytest.mark.spec("AG-129")
def test_who_waits_for_an_agent_is_not_idle_and_zero_turns_it_off() -> None:
    assert idle.due(Story.chat().invites("ann").interaction) is None
    assert idle.due(Story.email().has("ann").interaction) is None
    assert idle.due(Story.chat().has("ann").interaction, rules(idle_alert=0.0)) is None
    warned = Story.chat(rules(idle_close=0.0)).has("ann").falls_silent()
    assert idle.due(warned.interaction, warned.rules) is None
