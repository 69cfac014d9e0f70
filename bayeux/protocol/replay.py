"""Replay: from where a subscriber wants the events of a channel, and what it gets.

Owns the wire form of positions, both in subscribes and in events, and the decision what is replayed. Knows
nothing of where events are kept: what a history holds is an argument.

Source: RPL-2, RPL-11…15, RPL-17, RPL-19, RPL-20; the forms with plain integers are Salesforce's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, parse_channel
from bayeux.protocol.errors import (
    ChannelInvalid,
    ProtocolError,
    ReplayGap,
    ReplayIdInvalid,
    ReplayIdMissing,
    ReplayInvalid,
)
from bayeux.protocol.json import Json
from bayeux.protocol.message import Fields

MAX_ID: Final = 2**53 - 1  # RPL-2: what JavaScript counts exactly

NEW: Final = -1
"""Only new events (RPL-12)."""
ALL: Final = -2
"""Everything retained, then new events (RPL-12)."""

_INTEGER = re.compile(r"-?[0-9]{1,19}\Z")


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event stands in the history of its channel.

    Args:
        offset: its replay id, 1 … 2⁵³−1; later events have greater ones, with gaps (RPL-2).
        epoch: changes when the ids start over; an offset means nothing in another epoch.
    """

    offset: int
    epoch: str


@dataclass(frozen=True, slots=True)
class Extent:
    """What a history holds of one channel at one instant.

    Args:
        floor: every event with a greater id is still there; 0 while nothing was dropped.
        newest: the id of the last event, there or not; a greater one has not been given out.
    """

    epoch: str
    floor: int
    newest: int


class Style(Enum):
    """How a channel's events carry their ids, and in whose words its errors are (RPL-13, RPL-20)."""

    EXT = "ext"
    """In ``ext.replay``, with the epoch; ``data`` stays as it is."""
    SALESFORCE = "salesforce"
    """In ``data.event.replayId``."""
    BOTH = "both"
    """In both places. As only Salesforce's clients read the words of errors, they get theirs."""


class OnGap(Enum):
    """What happens when events after the position named are gone (RPL-15)."""

    ALL = "all"
    """What is left is replayed; the reply says that it is not everything."""
    NEW = "new"
    """Nothing is replayed; the reply says so."""
    ERROR = "error"
    """The subscribe fails."""


def default_on_gap(style: Style) -> OnGap:
    """Salesforce's clients look only for the error; ours are told by the reply (RPL-15)."""
    return OnGap.ERROR if style is Style.SALESFORCE else OnGap.ALL


@dataclass(frozen=True, slots=True)
class Wanted:
    """From where a subscriber wants the events of a channel (RPL-12).

    Args:
        id: ``NEW``, ``ALL``, or the last id it has, 0 or more.
        epoch: that of the id, if the subscriber knows it.
    """

    id: int = NEW
    epoch: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a subscriber gets.

    Args:
        after: retained events with a greater id are replayed, oldest first; the newest id if none are.
        recovered: nothing that the subscriber asked for is missing (RPL-14).
    """

    after: int
    recovered: bool

    def report(self, extent: Extent, count: int) -> Fields:
        """What the reply says of this channel, ``count`` events having been replayed (RPL-14)."""
        return {"id": extent.newest, "epoch": extent.epoch, "recovered": self.recovered, "count": count}


class ReplayMap:
    """The ``ext.replay`` of one subscribe: a position a channel; make one with ``replay_map``."""

    __slots__ = ("_below", "_given", "_positions")

    def __init__(self, given: Mapping[str, Json]) -> None:
        self._given = given
        self._positions: dict[str, Json] = {}
        self._below: dict[str, list[str]] | None = None
        for key, position in given.items():
            try:
                if position is not None:
                    self._positions[parse_channel(key).text] = position
            except ChannelInvalid:
                continue  # no channel is called like this, so nobody can ask for it

    def wanted(self, channel: ChannelName, style: Style) -> dict[str, Wanted]:
        """From where to replay, by channel, for one of the subscriptions (RPL-19).

        For a pattern: its own entry is meant for every channel it matches that has no entry (RPL-17).

        Raises ReplayInvalid, ReplayIdInvalid, ReplayIdMissing (RPL-20).
        """
        found = {name: self._read(name, style) for name in self._names(channel)}
        own = found.get(channel.text)
        if channel.is_wild and own is not None and own.id >= 0:  # ids are counted channel by channel
            raise _invalid(channel.text, self._positions[channel.text], style)
        if found:
            return found
        if style is Style.SALESFORCE:
            shown = ", ".join(f"{key}={_shown(value)}" for key, value in self._given.items())
            raise ReplayIdMissing(channel.text, shown)
        return {channel.text: Wanted()}

    def _names(self, channel: ChannelName) -> list[str]:
        own = [channel.text] if channel.text in self._positions else []
        if not channel.is_wild:
            return own
        if self._below is None:
            # Once for all subscriptions: looking at each entry for each pattern would multiply what a client sends.
            self._below = {}
            for name in map(parse_channel, self._positions):
                for pattern in () if name.is_wild else name.patterns[:-1]:
                    self._below.setdefault(pattern, []).append(name.text)
        return own + self._below.get(channel.text, [])

    def _read(self, channel: str, style: Style) -> Wanted:
        position = self._positions[channel]
        epoch = None
        number = position
        if isinstance(position, dict):
            number, epoch = position.get("id"), position.get("epoch")
        if isinstance(number, str) and _INTEGER.match(number):
            number = int(number)
        is_integer = isinstance(number, int) and not isinstance(number, bool) and number >= ALL
        if not is_integer or not (epoch is None or isinstance(epoch, str)):
            raise _invalid(channel, position, style)
        return Wanted(number, epoch)


def replay_map(ext: Fields) -> ReplayMap | None:
    """What a subscribe with this ``ext`` asks to have replayed; None if it does not ask (XT-1, RPL-21)."""
    given = ext.get("replay")
    return ReplayMap(given) if isinstance(given, dict) else None


def decide(wanted: Wanted, extent: Extent, channel: str, style: Style, on_gap: OnGap) -> Outcome:
    """What a subscriber gets of one channel (RPL-12, RPL-14, RPL-15).

    Raises ReplayGap, ReplayIdInvalid: it asked for what is gone, or was never there, and gaps are refused.
    """
    if wanted.id == NEW:
        return Outcome(extent.newest, recovered=True)
    if wanted.id == ALL:
        return Outcome(0, recovered=True)
    is_known = wanted.epoch in (None, extent.epoch) and wanted.id <= extent.newest
    if is_known and wanted.id >= extent.floor:
        return Outcome(wanted.id, recovered=True)
    if on_gap is OnGap.ALL:
        return Outcome(0, recovered=False)
    if on_gap is OnGap.NEW:
        return Outcome(extent.newest, recovered=False)
    raise ReplayGap(channel) if style is Style.EXT else ReplayIdInvalid(str(wanted.id))


def mark(event: Fields, position: Position, style: Style, created_date: str) -> None:
    """Write into an event where it stands (RPL-13); its ``ext`` and ``data`` are replaced, not changed.

    Args:
        created_date: when it was published, ISO 8601; kept if the event says another.
    """
    if style is not Style.SALESFORCE:
        event["ext"] = {**(event.get("ext") or {}), "replay": {"id": position.offset, "epoch": position.epoch}}
    if style is Style.EXT:
        return
    data = event.get("data")
    if not isinstance(data, dict) or not isinstance(about := data.get("event", {}), dict):
        return  # there is no place for it
    about = {"replayId": 0, "createdDate": created_date, **about}
    event["data"] = {**data, "event": {**about, "replayId": position.offset}}


def _invalid(channel: str, position: Json, style: Style) -> ProtocolError:
    return ReplayInvalid(channel) if style is Style.EXT else ReplayIdInvalid(_shown(position))


def _shown(position: Json) -> str:
    """A position as Salesforce writes it."""
    if isinstance(position, dict) and "id" in position:
        position = position["id"]
    return position if isinstance(position, str) else json.encode(position).decode()
