"""A chat's events: their numbers, their order, who sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels.chat import transcript as module
from channels.chat.notices import EventKind, NoticeKind, PartyKind, Visibility
from channels.chat.transcript import Event, Party, Transcript, TranscriptFull

CARL = Party(id="C", kind=PartyKind.CLIENT, nickname="Carl")
ANN = Party(id="A", kind=PartyKind.AGENT, nickname="Ann", agent="ann")
BOB = Party(id="B", kind=PartyKind.AGENT, nickname="Bob", agent="bob", visibility=Visibility.AGENTS)


def chat(*parties: Party) -> Transcript:
    transcript = Transcript()
    for party in parties or (CARL, ANN):
        transcript = transcript.joined(party, 1.0)
    return transcript


def brief(events: object) -> list[tuple[int, str]]:
    assert isinstance(events, (list, tuple))
    return [(event.id, event.text or event.kind.value) for event in events if isinstance(event, Event)]


@pytest.mark.spec("AG-90")
def test_events_are_numbered_from_one() -> None:
    transcript = chat().said(CARL, "Hello", 2.0).left(CARL, 3.0)
    assert brief(transcript.events) == [(1, "PARTY_JOINED"), (2, "PARTY_JOINED"), (3, "Hello"), (4, "PARTY_LEFT")]


@pytest.mark.spec("AG-94")
def test_typing_takes_a_number_and_is_not_kept() -> None:
    transcript, passing = chat().noticed(CARL, NoticeKind.TYPING_STARTED, 5.0)
    assert passing is not None and passing.id == 3
    assert [event.id for event in transcript.said(CARL, "Hello", 6.0).events] == [1, 2, 4]


@pytest.mark.spec("AG-94")
def test_one_typing_notice_a_second_is_passed_on_for_each_party() -> None:
    transcript, _ = chat().noticed(CARL, NoticeKind.TYPING_STARTED, 5.0)
    typing = transcript.party("C")
    assert typing is not None
    assert transcript.noticed(typing, NoticeKind.TYPING_STOPPED, 5.9) == (transcript, None)
    assert transcript.noticed(ANN, NoticeKind.TYPING_STARTED, 5.9)[1] is not None
    assert transcript.noticed(typing, NoticeKind.TYPING_STOPPED, 6.0)[1] is not None


@pytest.mark.spec("AG-95", "AG-96")
def test_customer_sees_nothing_that_is_for_agents_and_the_same_numbers() -> None:
    transcript = chat(CARL, ANN, BOB).said(BOB, "psst", 2.0).said(ANN, "aside", 2.0, visibility=Visibility.AGENTS)
    transcript = transcript.said(ANN, "Hello", 3.0).left(BOB, 4.0)
    assert brief(transcript.for_customer()) == [(1, "PARTY_JOINED"), (2, "PARTY_JOINED"), (6, "Hello")]
    assert brief(transcript.for_customer(after=2)) == [(6, "Hello")]


@pytest.mark.spec("AG-95")
def test_typing_of_who_is_hidden_is_hidden() -> None:
    _, passing = chat(CARL, BOB).noticed(BOB, NoticeKind.TYPING_STARTED, 5.0)
    assert passing is not None and passing.visibility is Visibility.AGENTS


@pytest.mark.spec("AG-93")
def test_history_from_an_event_on_introduces_who_occurs_in_it() -> None:
    transcript = chat(CARL, ANN, BOB).said(CARL, "one", 2.0).said(ANN, "two", 3.0)
    assert brief(transcript.from_id(5)) == [(2, "PARTY_JOINED"), (5, "two")]
    assert brief(transcript.from_id(4)) == [(1, "PARTY_JOINED"), (2, "PARTY_JOINED"), (4, "one"), (5, "two")]
    assert transcript.from_id(1) == list(transcript.events)
    assert transcript.from_id(9) == []


@pytest.mark.spec("AG-97")
@pytest.mark.parametrize("text", [" <b>&amp;</b> ", "a\r\nb\n", "😀\u200d", "\t"])
def test_text_is_kept_as_it_was_sent(text: str) -> None:
    assert chat().said(CARL, text, 2.0).events[-1].text == text


@pytest.mark.spec("AG-74")
def test_message_id_is_remembered_for_a_day_and_for_its_sender() -> None:
    transcript = chat().said(CARL, "Hello", 100.0, message_id="m1")
    assert transcript.was_said(CARL, "m1", 100.0 + module.REMEMBER_MESSAGE_IDS - 1)
    assert not transcript.was_said(CARL, "m1", 100.0 + module.REMEMBER_MESSAGE_IDS)
    assert not transcript.was_said(ANN, "m1", 101.0)
    assert not transcript.was_said(CARL, "", 101.0)


def test_who_comes_back_has_his_old_id() -> None:
    transcript = chat().left(ANN, 2.0).joined(replace(ANN, nickname="Annie"), 3.0)
    assert [(party.id, party.nickname, party.present) for party in transcript.parties] == [
        ("C", "Carl", True),
        ("A", "Annie", True),
    ]


def test_who_has_left_does_not_leave_again() -> None:
    gone = chat().left(ANN, 2.0)
    assert gone.left(ANN, 3.0) is gone
    assert gone.left(BOB, 3.0) is gone


def test_closed_chat_has_no_customer() -> None:
    closed = chat().closed(2.0)
    assert closed.client is not None and not closed.client.present
    assert closed.events[-1].kind is EventKind.PARTY_LEFT
    assert closed.closed(3.0) is closed
    assert not Transcript().closed(1.0).is_open


@pytest.mark.spec("AG-129")
def test_notices_and_leavers_are_not_speech() -> None:
    transcript = chat().said(CARL, "Hello", 2.0).left(ANN, 3.0)
    transcript, _ = transcript.noticed(CARL, NoticeKind.CUSTOM, 4.0, text="x")
    assert transcript.last_said is not None and transcript.last_said.at == 2.0
    assert Transcript().last_said is None


def test_full_chat_takes_no_more_messages_and_lets_parties_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EVENTS", 3)
    full = chat().said(CARL, "Hello", 2.0)
    with pytest.raises(TranscriptFull):
        full.said(CARL, "Hello?", 3.0)
    with pytest.raises(TranscriptFull):
        full.noticed(CARL, NoticeKind.CUSTOM, 3.0)
    assert full.left(CARL, 4.0).last_id == 4


def test_chat_is_full_before_it_is_slow() -> None:
    full = replace(chat(), events=chat().events * 1_000)
    with pytest.raises(TranscriptFull):
        full.said(CARL, "Hello?", 3.0)


def test_texts_of_a_chat_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 10)
    transcript = chat().said(CARL, "12345", 2.0)
    with pytest.raises(TranscriptFull):
        transcript.said(ANN, "123456", 3.0)
    assert transcript.said(ANN, "12345", 3.0).last_id == 4
