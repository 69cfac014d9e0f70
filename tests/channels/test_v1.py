"""A chat as version 1 shows it to the customer: what is an entry, at which position, and what a change adds."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.chat.notices import NoticeKind, PartyKind, Visibility
from channels.chat.transcript import Party, Transcript
from channels.chat.v1 import Entry, State, chat_object, heard, is_address, moment, read
from channels.interaction.effects import Outcome
from channels.interaction.hearing import Hearing, hearing
from channels.interaction.model import Interaction
from tests.channels.story import Story

SAMPLES = Path(__file__).parent.parent / "samples" / "gms"
CARL = Party(id="C", kind=PartyKind.CLIENT, nickname="Carl")
ANN = Party(id="A", kind=PartyKind.AGENT, nickname="Ann", agent="ann")
BOB = Party(id="B", kind=PartyKind.AGENT, nickname="Bob", agent="bob", visibility=Visibility.AGENTS)
HOUSE = Party(id="H", kind=PartyKind.SYSTEM, nickname="System")


def chat(*parties: Party) -> Transcript:
    transcript = Transcript()
    for party in parties or (CARL, ANN):
        transcript = transcript.joined(party, 1.0)
    return transcript


def brief(entries: Any) -> list[tuple[str, str, str]]:
    """Type, nickname and party."""
    return [(entry[0], entry[1], entry[4]) for entry in entries]


@pytest.mark.spec("CH1-5", "CC-5")
def test_client_joins_first_at_second_zero() -> None:
    transcript = Transcript().joined(CARL, 100.9).joined(ANN, 107.2).said(ANN, "Hello", 112.0)
    assert list(read(transcript).entries) == [
        ("Notice.Joined", "Carl", "has joined the session", "0", "CLIENT"),
        ("Notice.Joined", "Ann", "has joined the session", "7", "AGENT"),
        ("Message.Text", "Ann", "Hello", "12", "AGENT"),
    ]


@pytest.mark.spec("CH1-4", "CC-4")
def test_seconds_and_beginning_add_up_to_the_second_in_which_it_was_said() -> None:
    reading = read(Transcript().joined(CARL, 1_423_607_963.99).said(CARL, "Hello", 1_423_607_965.01))
    assert moment(reading.started) == "2015-02-10T22:39:23Z"
    assert reading.entries[-1][3] == "2"


@pytest.mark.spec("CC-3", "CC-4")
def test_object_has_the_members_of_the_original() -> None:
    sample = json.loads((SAMPLES / "ext" / "comet-v1-transcript.json").read_text("utf-8"))["data"]["message"]
    entries = [("Notice.Joined", "chat1", "has joined the session", "6", "AGENT")]
    assert chat_object(State.TRANSCRIPT, "0000YaADMWXM0013", 2, entries, 1_423_607_963.0) == sample


@pytest.mark.spec("CH1-15", "AG-95")
def test_positions_have_no_gaps_where_agents_whisper() -> None:
    transcript = chat(CARL, ANN, BOB)
    transcript = transcript.said(BOB, "Careful", 2.0).said(ANN, "psst", 2.0, visibility=Visibility.AGENTS)
    assert len(read(transcript).entries) == 2

    news = heard(transcript, transcript.said(ANN, "Hello", 3.0))
    assert news.position == 2
    assert [entry[2] for entry in news.entries] == ["Hello"]


@pytest.mark.spec("CH1-8", "CC-6")
def test_typing_of_an_agent_is_heard_and_has_no_position() -> None:
    before = chat()
    after, passing = before.noticed(ANN, NoticeKind.TYPING_STARTED, 9.0)
    assert passing is not None
    news = heard(before, after, [passing])
    assert news.typing == (("Notice.TypingStarted", "Ann", "is typing", "8", "AGENT"),)
    assert (news.position, news.entries) == (2, ())
    assert len(read(after).entries) == 2


@pytest.mark.spec("CC-6", "AG-95")
@pytest.mark.parametrize("typist", [CARL, BOB])
def test_own_typing_and_that_of_a_hidden_colleague_is_not_heard(typist: Party) -> None:
    before = chat(CARL, ANN, BOB)
    after, passing = before.noticed(typist, NoticeKind.TYPING_STOPPED, 9.0)
    assert passing is not None
    assert heard(before, after, [passing]).is_nothing


@pytest.mark.spec("CC-8")
@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("https://example.com/a?b=c", True),
        ("http://example.com", True),
        ("javascript:alert(1)", False),
        ("ftp://example.com/", False),
        ("https:///nowhere", False),
        ("https://example.com/\nX", False),
        ("http://[bad", False),
        ("", False),
    ],
)
def test_only_addresses_of_pages_are_pushed(text: str, is_shown: bool) -> None:
    transcript, _ = chat().noticed(ANN, NoticeKind.PUSH_URL, 3.0, text=text)
    shown = read(transcript.said(ANN, "Look", 4.0)).entries[2:]
    assert is_address(text) is is_shown
    assert [entry[0] for entry in shown] == ["Notice.PushUrl"] * is_shown + ["Message.Text"]


@pytest.mark.spec("CC-8", "CH1-5")
def test_notices_of_the_house_are_custom_ones_of_a_third_party() -> None:
    transcript, _ = chat().joined(HOUSE, 5.0).noticed(HOUSE, NoticeKind.IDLE_ALERT, 5.0)
    transcript, _ = transcript.noticed(ANN, NoticeKind.CUSTOM, 6.0, text="{}")
    assert brief(read(transcript).entries[2:]) == [
        ("Notice.Custom", "System", "EXTERNAL"),
        ("Notice.Custom", "Ann", "AGENT"),
    ]


@pytest.mark.spec("CC-7")
def test_transfer_after_a_consultation_is_one_piece_of_news() -> None:
    story = Story.chat().has("ann").asks("ann", "InitiateConsultation", agentId="bob").asks("bob", "Accept")
    before = story.interaction
    news = _news(before, story.transfers("ann", "bob").interaction)
    assert brief(news.shown.entries) == [("Notice.Left", "Ann", "AGENT"), ("Notice.Joined", "Bob", "AGENT")]


@pytest.mark.spec("CC-10")
def test_customer_who_leaves_is_the_last_entry() -> None:
    story = Story.chat().has("ann").leaves()
    entries = _entries(story)
    assert brief(entries[-1:]) == [("Notice.Left", "Carl", "CLIENT")]
    assert read(story.asks("ann", "Complete").interaction.transcript or Transcript()).entries == entries


@pytest.mark.spec("CC-10")
def test_agent_who_ends_it_is_who_has_left() -> None:
    story = Story.chat().has("ann").asks("ann", "LeaveConference")
    assert brief(_entries(story)[1:]) == [("Notice.Joined", "Ann", "AGENT"), ("Notice.Left", "Ann", "AGENT")]
    assert len(_entries(story.asks("ann", "Complete"))) == 3


@pytest.mark.spec("CC-10")
def test_agent_who_is_done_leaves_once() -> None:
    story = Story.chat().has("ann")
    before = story.interaction
    news = _news(before, story.asks("ann", "Complete").interaction)
    assert brief(news.shown.entries) == [("Notice.Left", "Ann", "AGENT")]
    assert news.shown.ends


@pytest.mark.spec("CC-10", "CH1-5")
def test_chat_that_nobody_took_ends_with_the_customer() -> None:
    story = Story.chat().ends()
    assert brief(_entries(story)[1:]) == [("Notice.Left", "Carl", "CLIENT")]


@pytest.mark.spec("CC-10")
def test_forced_end_is_the_leaving_of_who_had_it() -> None:
    story = Story.chat().has("ann").ends()
    assert brief(_entries(story)[2:]) == [("Notice.Left", "Ann", "AGENT")]


def test_what_no_service_was_begun_for_is_heard_by_nobody() -> None:
    story = Story.chat()
    before = story.interaction
    assert _heard(before, story.says("Hello").interaction) is None


@pytest.mark.parametrize("service", ["7-abc"])
def test_what_is_heard_survives_the_store(service: str) -> None:
    story = Story.chat(service=service).has("ann")
    before = story.interaction
    told = _heard(before, story.asks("ann", "LeaveConference").interaction)
    assert told is not None
    assert told.service == service
    assert Hearing.from_document(json.loads(json.dumps(told.to_document()))) == told


# Any chat

_PARTIES = (CARL, ANN, BOB, HOUSE)
_DEEDS = st.tuples(
    st.sampled_from(["join", "leave", "say", "whisper", "custom", "type", "show", "url"]), st.sampled_from(_PARTIES)
)


@pytest.mark.spec("CH1-15", "AG-95", "CC-12")
@given(st.lists(_DEEDS, max_size=30), st.booleans())
def test_entries_only_grow_and_never_tell_what_is_for_agents(deeds: list[Any], is_ended_by_ann: bool) -> None:
    transcript = Transcript().joined(CARL, 0.0).joined(ANN, 0.0).joined(BOB, 0.0).joined(HOUSE, 0.0)
    steps = [transcript]
    for at, (deed, party) in enumerate(deeds, 1):
        steps.append(_done(steps[-1], deed, party, float(at)))
    steps.append(steps[-1].closed(99.0, ANN if is_ended_by_ann else None))

    told: list[Entry] = list(read(transcript).entries)
    for before, after in pairwise(steps):
        news = heard(before, after)
        assert news.position == len(told)
        told += news.entries
        assert list(read(after).entries) == told
    assert not any("secret" in entry[2] for entry in told)
    assert read(steps[-1]).is_over
    assert told[-1][0] == "Notice.Left"


def _done(transcript: Transcript, deed: str, party: Party, at: float) -> Transcript:
    known = transcript.party(party.id) or party
    hidden = known.visibility is Visibility.AGENTS
    match deed:
        case "join":
            return transcript.joined(known, at)
        case "leave":
            return transcript if known.kind is PartyKind.CLIENT else transcript.left(known, at)
        case "say":
            return transcript.said(known, "secret" if hidden else "hello", at)
        case "whisper":
            return transcript.said(known, "secret", at, visibility=Visibility.AGENTS)
        case "show":
            return transcript.joined(Party(**{**_fields(known), "visibility": Visibility.ALL}), at)
        case _:
            kinds = {"custom": NoticeKind.CUSTOM, "type": NoticeKind.TYPING_STARTED, "url": NoticeKind.PUSH_URL}
            text = "secret" if hidden else "https://example.com"
            return transcript.noticed(known, kinds[deed], at, text=text)[0]


def _fields(party: Party) -> dict[str, Any]:
    return {name: getattr(party, name) for name in ("id", "kind", "nickname", "agent")}


def _entries(story: Story) -> Any:
    assert story.interaction.transcript is not None
    return read(story.interaction.transcript).entries


def _heard(before: Interaction, after: Interaction) -> Hearing | None:
    return hearing(before, Outcome(interaction=after))


def _news(before: Interaction, after: Interaction) -> Hearing:
    told = _heard(replace(before, service="7-abc"), replace(after, service="7-abc"))
    assert told is not None
    return told
