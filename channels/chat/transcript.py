"""A chat's events in their order, and its parties.

Owns the numbers (``EventId``), who is present, and what is kept: typing notices take a number and pass. A transcript
is a value; each method gives the next one. Times are seconds since 1970.

Source: AG-73, AG-74, AG-90…97, AG-129.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from channels.chat.notices import TYPING, EventKind, NoticeKind, PartyKind, Visibility

MAX_EVENTS = 2_000
"""Events that one chat keeps: four a minute for eight hours.

The whole is read and written with each of them, and the last must not keep everybody else of the node waiting: 2,000
take about 10 ms.
"""
MAX_CHARACTERS = 2 * 1024 * 1024
"""Of all their texts together: the whole is read and written with each event."""
REMEMBER_MESSAGE_IDS = 24 * 60 * 60.0
"""Seconds that a ``clientMessageId`` makes a retry safe (AG-74)."""
TYPING_INTERVAL = 1.0
"""Seconds; of one party's typing notices no more than one in this time is passed on (AG-94)."""


class TranscriptFull(Exception):
    """The chat takes no more messages and notices; parties may still leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody who takes or took part, under one id for the whole chat."""

    id: str
    """``UserId``: 16 hexadecimal digits."""
    kind: PartyKind
    nickname: str
    agent: str = ""
    """The agent's user; empty for others."""
    visibility: Visibility = Visibility.ALL
    """AGENTS: a consulting agent, of whom the customer knows nothing."""
    present: bool = True
    typed_at: float = 0.0
    """When his latest typing notice was passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened in a chat."""

    id: int
    """``EventId``: 1 for the first, strictly increasing; numbers of what is not kept or not seen are gaps."""
    kind: EventKind
    party: str
    """Id of who did it."""
    at: float
    visibility: Visibility = Visibility.ALL
    party_kind: PartyKind | None = None
    """Of PARTY_JOINED."""
    nickname: str | None = None
    """Of PARTY_JOINED."""
    text: str | None = None
    """Of NEW_MESSAGE, as it was sent (AG-97)."""
    notice: NoticeKind | None = None
    notice_text: str | None = None
    message_id: str = ""
    """The sender's own ``clientMessageId``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """All of one chat."""

    events: tuple[Event, ...] = ()
    parties: tuple[Party, ...] = ()
    """In the order in which they first came."""
    last_id: int = 0
    is_open: bool = True
    """The customer's session goes on, or has not begun yet."""
    ended_by: str = ""
    """Id of the agent's party that ended it; empty: the customer or the house did, or it goes on."""

    # What is known

    def party(self, id: str) -> Party | None:
        """Who has this id."""
        return next((party for party in self.parties if party.id == id), None)

    def party_of_agent(self, agent: str) -> Party | None:
        """The party that an agent is or was here."""
        return next((party for party in self.parties if agent and party.agent == agent), None)

    @property
    def client(self) -> Party | None:
        """The customer, once he has come."""
        return next((party for party in self.parties if party.kind is PartyKind.CLIENT), None)

    @property
    def last_said(self) -> Event | None:
        """When somebody last joined or spoke; notices and who leaves do not count (AG-129)."""
        counted = (EventKind.PARTY_JOINED, EventKind.NEW_MESSAGE)
        return next((event for event in reversed(self.events) if event.kind in counted), None)

    def last_notice(self, kind: NoticeKind) -> Event | None:
        """The latest one of this kind that was kept."""
        return next((event for event in reversed(self.events) if event.notice is kind), None)

    def from_id(self, first: int) -> Sequence[Event]:
        """The kept events from a number on, before them the PARTY_JOINED of parties that occur in them (AG-93)."""
        wanted = [event for event in self.events if event.id >= first]
        used = {event.party for event in wanted}
        joined = (event for event in self.events if event.id < first and event.kind is EventKind.PARTY_JOINED)
        return [*{event.party: event for event in joined if event.party in used}.values(), *wanted]

    def for_customer(self, after: int = 0) -> Sequence[Event]:
        """What the customer may see of the events after a number (AG-95, AG-96)."""
        return [event for event in self.events if event.id > after and event.visibility is Visibility.ALL]

    def was_said(self, party: Party, message_id: str, now: float) -> bool:
        """Did this party send a message under this id of his before (AG-74)?"""
        if not message_id:
            return False
        since = now - REMEMBER_MESSAGE_IDS
        return any(e.message_id == message_id and e.party == party.id and e.at > since for e in reversed(self.events))

    # What happens

    def joined(self, party: Party, now: float) -> Transcript:
        """A party is here; one who was here before comes under his old id, or becomes visible to all."""
        introduced = replace(party, present=True)
        parties = {each.id: each for each in self.parties} | {party.id: introduced}
        return replace(self, parties=tuple(parties.values()))._with(
            EventKind.PARTY_JOINED, introduced, now, party_kind=party.kind, nickname=party.nickname
        )

    def left(self, party: Party, now: float) -> Transcript:
        """A party goes; nothing happens if he is not present."""
        known = self.party(party.id)
        if known is None or not known.present:
            return self
        return self._knowing(replace(known, present=False))._with(EventKind.PARTY_LEFT, known, now)

    def said(
        self, party: Party, text: str, now: float, *, visibility: Visibility = Visibility.ALL, message_id: str = ""
    ) -> Transcript:
        """A party says something; a consulting agent to agents only. Raises TranscriptFull."""
        self._has_room(len(text))
        return self._with(
            EventKind.NEW_MESSAGE, party, now, text=text, visibility=_least(party, visibility), message_id=message_id
        )

    def noticed(
        self,
        party: Party,
        notice: NoticeKind,
        now: float,
        *,
        text: str | None = None,
        visibility: Visibility = Visibility.ALL,
    ) -> tuple[Transcript, Event | None]:
        """A party gives a notice: the next transcript, and the event to pass on if it is not kept.

        Typing notices that come too soon are swallowed: nothing changes. Raises TranscriptFull for those that are kept.
        """
        if notice not in TYPING:
            self._has_room(len(text or ""))
            visible = _least(party, visibility)
            return self._with(EventKind.NOTICE, party, now, notice=notice, notice_text=text, visibility=visible), None
        if now - party.typed_at < TYPING_INTERVAL:
            return self, None
        number = self.last_id + 1
        passing = Event(
            id=number,
            kind=EventKind.NOTICE,
            party=party.id,
            at=now,
            notice=notice,
            notice_text=text,
            visibility=_least(party, visibility),
        )
        return replace(self._knowing(replace(party, typed_at=now)), last_id=number), passing

    def closed(self, now: float, by: Party | None = None) -> Transcript:
        """The customer's session is over; nothing happens if it was.

        Args:
            by: the agent who ended it; None: nobody did.
        """
        if not self.is_open:
            return self
        gone = self.left(self.client, now) if self.client else self
        return replace(gone, is_open=False, ended_by=by.id if by is not None else "")

    def _with(self, kind: EventKind, party: Party, now: float, **details: Any) -> Transcript:
        visibility = details.pop("visibility", party.visibility)
        event = Event(id=self.last_id + 1, kind=kind, party=party.id, at=now, visibility=visibility, **details)
        return replace(self, events=(*self.events, event), last_id=event.id)

    def _knowing(self, party: Party) -> Transcript:
        return replace(self, parties=tuple(party if each.id == party.id else each for each in self.parties))

    def _has_room(self, characters: int) -> None:
        if len(self.events) >= MAX_EVENTS:
            raise TranscriptFull
        kept = sum(len(event.text or "") + len(event.notice_text or "") for event in self.events)
        if kept + characters > MAX_CHARACTERS:
            raise TranscriptFull


def _least(party: Party, wanted: Visibility) -> Visibility:
    """Nobody speaks further than he is seen."""
    return Visibility.AGENTS if Visibility.AGENTS in (party.visibility, wanted) else Visibility.ALL
