"""A chat as version 1 of the customers' interface shows it: numbered entries, and what a change adds to them.

Positions count what the customer may see, from 1 on and without gaps; numbers of events (``EventId``) do not get out.
What was an entry once stays that entry: every reader is shown the same ones, whenever he asks and by whatever way.

Source: CH1-4, CH1-5, CH1-8, CH1-15, CC-4…8, CC-10, AG-95; docs/decisions/positions-count-what-is-seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from channels.chat.notices import TYPING, EventKind, NoticeKind, PartyKind, Visibility
from channels.chat.transcript import Event, Transcript

AVAILABLE: Final = "Chat service is available"
"""``chatServiceMessage``."""


class State(StrEnum):
    """``chatIxnState``."""

    CONNECTED = "CONNECTED"
    """It begins."""
    TRANSCRIPT = "TRANSCRIPT"
    """It goes on."""
    DISCONNECTED = "DISCONNECTED"
    """It is over for the customer; nothing follows."""


class EntryType(StrEnum):
    """The first text of an entry."""

    TEXT = "Message.Text"
    JOINED = "Notice.Joined"
    LEFT = "Notice.Left"
    TYPING_STARTED = "Notice.TypingStarted"
    TYPING_STOPPED = "Notice.TypingStopped"
    PUSH_URL = "Notice.PushUrl"
    CUSTOM = "Notice.Custom"


SHOWN: Mapping[PartyKind, str] = {
    PartyKind.CLIENT: "CLIENT",
    PartyKind.AGENT: "AGENT",
    PartyKind.EXTERNAL: "EXTERNAL",
    PartyKind.SYSTEM: "EXTERNAL",
}
"""The last text of an entry."""

NOTICES: Mapping[NoticeKind, tuple[EntryType, str]] = {
    NoticeKind.TYPING_STARTED: (EntryType.TYPING_STARTED, "is typing"),
    NoticeKind.TYPING_STOPPED: (EntryType.TYPING_STOPPED, "has stopped typing"),
    NoticeKind.PUSH_URL: (EntryType.PUSH_URL, ""),
    NoticeKind.CUSTOM: (EntryType.CUSTOM, ""),
    NoticeKind.IDLE_ALERT: (EntryType.CUSTOM, "The chat will end soon if nobody says anything"),
    NoticeKind.IDLE_CLOSE: (EntryType.CUSTOM, "The chat has ended because nobody said anything"),
}
"""Type of a notice's entry, and its text where the notice has none."""

Entry = tuple[str, ...]
"""Type, nickname, text, whole seconds since the chat began, party."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that the customer may read of a chat."""

    started: float = 0.0
    """When he came; 0: he has not."""
    client: str = ""
    """Id of his party."""
    entries: tuple[Entry, ...] = ()
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one change of a chat lets the customer hear."""

    started: float
    position: int
    """Of the last entry before."""
    entries: tuple[Entry, ...] = ()
    """Those that came, in their order."""
    typing: tuple[Entry, ...] = ()
    """Notices that pass and have no position."""
    ends: bool = False
    """It is over by this change."""

    @property
    def is_nothing(self) -> bool:
        """He hears nothing of it."""
        return not (self.entries or self.typing or self.ends)


def read(transcript: Transcript) -> Reading:
    """The whole of it, up to the customer's leaving."""
    return Reading(
        started=_started(transcript),
        client=transcript.client.id if transcript.client is not None else "",
        entries=tuple(entry for _, entry in _shown(transcript)),
        is_over=not transcript.is_open,
    )


def heard(before: Transcript | None, after: Transcript, passing: Iterable[Event] = ()) -> Heard:
    """What is new in ``after``.

    Args:
        before: as it was; None: there was none.
        passing: events of the same change that are not kept.
    """
    known = before.last_id if before is not None else 0
    shown = _shown(after)
    was_over = before is not None and not before.is_open
    return Heard(
        started=_started(after),
        position=sum(id <= known for id, _ in shown),
        entries=tuple(entry for id, entry in shown if id > known),
        typing=_typing(after, passing) if after.is_open else (),
        ends=not after.is_open and not was_over,
    )


def chat_object(state: State, session: str, position: int, entries: Iterable[Entry], started: float) -> dict[str, Any]:
    """What an answer, or an event, says of a chat (CH1-4).

    Args:
        session: ``chatSessionId``.
        position: of the last entry that the reader has when he has read this.
    """
    return {
        "chatIxnState": state.value,
        "chatSessionId": session,
        "transcriptPosition": str(position),
        "chatServiceMessage": AVAILABLE,
        "transcriptToShow": [list(entry) for entry in entries],
        "startedAt": moment(started),
    }


def moment(at: float) -> str:
    """A time as ``startedAt`` gives it: whole seconds of UTC (CH1-4)."""
    return f"{datetime.fromtimestamp(math.floor(at), UTC):%Y-%m-%dT%H:%M:%SZ}"


def is_address(text: str) -> bool:
    """May this be shown to a customer as an address to go to (CC-8)?"""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable()


# Entries


@dataclass(frozen=True, slots=True)
class _Name:
    nickname: str
    kind: PartyKind


def _shown(transcript: Transcript) -> list[tuple[int, Entry]]:
    """Entries with the numbers of their events."""
    names: dict[str, _Name] = {}
    client = transcript.client
    started = _started(transcript)
    shown: list[tuple[int, Entry]] = []
    latest: Event | None = None
    for event in transcript.events:
        if event.visibility is not Visibility.ALL:
            continue
        if event.kind is EventKind.PARTY_JOINED and event.nickname is not None and event.party_kind is not None:
            names[event.party] = _Name(event.nickname, event.party_kind)  # as he called himself then
        by, is_end = event.party, False
        if client is not None and event.party == client.id and event.kind is EventKind.PARTY_LEFT:
            is_end = True
            if latest is not None and _is_leaving(latest, transcript.ended_by):
                break  # he was seen to leave
            by = transcript.ended_by if transcript.ended_by in names else event.party
        entry = _entry(event, names[by], started)
        if entry is not None:
            shown.append((event.id, entry))
            latest = event
        if is_end:
            break  # CC-10: nothing after it
    return shown


def _is_leaving(event: Event, party: str) -> bool:
    return event.kind is EventKind.PARTY_LEFT and event.party == party


def _typing(transcript: Transcript, passing: Iterable[Event]) -> tuple[Entry, ...]:
    """Of others; the customer knows when he types (CC-6)."""
    client = transcript.client
    entries = []
    for event in passing:
        party = transcript.party(event.party)
        if event.notice not in TYPING or event.visibility is not Visibility.ALL or party is None or party is client:
            continue
        entry = _entry(event, _Name(party.nickname, party.kind), _started(transcript))
        assert entry is not None, "typing is shown"
        entries.append(entry)
    return tuple(entries)


def _entry(event: Event, who: _Name, started: float) -> Entry | None:
    """None: the customer is not shown it, and it has no position."""
    said = _said(event, who)
    if said is None:
        return None
    kind, text = said
    seconds = math.floor(event.at) - math.floor(started)  # so that startedAt and this are when it was
    return (kind.value, who.nickname, text, str(max(seconds, 0)), SHOWN[who.kind])


def _said(event: Event, who: _Name) -> tuple[EntryType, str] | None:
    match event.kind:
        case EventKind.NEW_MESSAGE:
            return EntryType.TEXT, event.text or ""
        case EventKind.PARTY_JOINED:
            # The house is introduced for agents' desktops (AG-93); an app has no face for it.
            return None if who.kind is PartyKind.SYSTEM else (EntryType.JOINED, "has joined the session")
        case EventKind.PARTY_LEFT:
            return EntryType.LEFT, "has left the session"
        case EventKind.NOTICE:
            assert event.notice is not None
            kind, text = NOTICES[event.notice]
            text = event.notice_text or text
            return None if kind is EntryType.PUSH_URL and not is_address(text) else (kind, text)


def _started(transcript: Transcript) -> float:
    client = transcript.client
    if client is None:
        return 0.0
    return next(event.at for event in transcript.events if event.party == client.id)
