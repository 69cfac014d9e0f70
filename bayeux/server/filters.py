"""Data filters: functions that change or refuse the data of messages on a channel or pattern.

A filter is asked for the publishes of clients and of the server alike, as a message listener in its place among
the others (``FilterListener``). Knows only the data; who may publish is decided elsewhere.

Source: FLT-1…3; CometD's ``DataFilter``, ``JSONDataFilter`` and those made of it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from enum import Enum
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from bayeux.protocol.channel import ChannelName
from bayeux.protocol.json import Json

if TYPE_CHECKING:
    from bayeux.protocol.message import Message
    from bayeux.server.sessions import ServerSession


class _Discard(Enum):
    """The type of ``DISCARD``."""

    DISCARD = "discard"


DISCARD: Final = _Discard.DISCARD
"""Returned by a filter: the message is deleted. (``None`` is data: JSON's null.)"""


class Abort(Exception):
    """Raised by a filter: the message is deleted, ``404::message_deleted``; the same as returning ``DISCARD``."""


class DataFilter(Protocol):
    """A plain or coroutine function; one that raises anything but ``Abort`` leaves the data as it was (GEN-2)."""

    def __call__(self, session: ServerSession | None, channel: ChannelName, data: Json) -> Json | Awaitable[Json]:
        """The data that goes on, or ``DISCARD``.

        Args:
            session: the publisher; None for the server itself and for a client without a session.
            channel: where it is published, also if the filter sits on a pattern.
            data: not to be changed in place: whoever published it may still use it.
        """


class FilterListener:
    """A filter as a message listener of a channel (LST-8)."""

    __slots__ = ("data_filter",)

    def __init__(self, data_filter: DataFilter) -> None:
        self.data_filter: DataFilter = data_filter

    def __repr__(self) -> str:
        return f"<FilterListener {self.data_filter!r}>"

    def __call__(
        self, session: ServerSession | None, message: Message
    ) -> Literal[False] | None | Awaitable[Literal[False] | None]:
        """Give the message the filtered data; False vetoes it."""
        try:
            data = self.data_filter(session, message.channel, message.data)
        except Abort:
            return False
        return self._wait(message, data) if isawaitable(data) else _go_on(message, data)

    async def _wait(self, message: Message, data: Awaitable[Json]) -> Literal[False] | None:
        try:
            return _go_on(message, await data)
        except Abort:
            return False


def _go_on(message: Message, data: Json) -> Literal[False] | None:
    if data is DISCARD:
        return False
    message.data = data
    return None


class WalkingFilter:
    """Visits every value in the data, and puts what a visit returns in its place (FLT-2).

    Override what is needed. Inner values are visited before the map or list that holds them, which is then visited
    with what became of them; keys, nulls and ``BinaryData`` are not visited. A visit that raises ``Abort`` or
    returns ``DISCARD`` deletes the whole message. Visits are plain functions; the data they are given is a copy.
    """

    def filter_string(self, session: ServerSession | None, channel: ChannelName, value: str) -> Json:
        """What becomes of a string."""
        return value

    def filter_number(self, session: ServerSession | None, channel: ChannelName, value: float) -> Json:
        """What becomes of an integer or a float."""
        return value

    def filter_boolean(self, session: ServerSession | None, channel: ChannelName, value: bool) -> Json:
        """What becomes of true or false."""
        return value

    def filter_map(self, session: ServerSession | None, channel: ChannelName, value: dict[str, Json]) -> Json:
        """What becomes of an object."""
        return value

    def filter_list(self, session: ServerSession | None, channel: ChannelName, value: list[Json]) -> Json:
        """What becomes of an array."""
        return value

    def __call__(self, session: ServerSession | None, channel: ChannelName, data: Json) -> Json:
        """The data with everything visited."""
        root = [data]
        # A loop over places instead of a recursion: depth costs no stack. The list grows while it is walked, outer
        # places before inner ones, so its reverse has every inner value visited first.
        places: list[tuple[Any, Any]] = [(root, 0)]
        for holder, key in places:
            value = holder[key]
            if isinstance(value, dict):
                holder[key] = dict(value)
                places += [(holder[key], inner) for inner in value]
            elif isinstance(value, (list, tuple)):
                holder[key] = list(value)
                places += [(holder[key], inner) for inner in range(len(value))]
        for holder, key in reversed(places):
            value = self._visit(session, channel, holder[key])
            if value is DISCARD:
                raise Abort
            holder[key] = value
        return root[0]

    def _visit(self, session: ServerSession | None, channel: ChannelName, value: Json) -> Json:
        if isinstance(value, str):
            return self.filter_string(session, channel, value)
        if isinstance(value, bool):
            return self.filter_boolean(session, channel, value)
        if isinstance(value, (int, float)):
            return self.filter_number(session, channel, value)
        if isinstance(value, dict):
            return self.filter_map(session, channel, value)
        if isinstance(value, list):
            return self.filter_list(session, channel, value)
        return value


class RegexFilter(WalkingFilter):
    r"""Replaces what patterns find in strings, one pattern after the other (FLT-3).

    Args:
        rules: pairs of a pattern and its replacement, as ``re.sub`` takes them; without a replacement (None) a
            string in which the pattern is found deletes the message.

    Patterns are the programmer's: one that end users may write could be made to run for hours.

    Raises re.error for what is no pattern.

    Example::

        server.filter("/chat/**", RegexFilter([[r"(?i)\bdarn\b", "****"], ["\0", None]]))
    """

    def __init__(self, rules: Iterable[tuple[str | re.Pattern[str], str | None] | list[Any]]) -> None:
        self.rules: list[tuple[re.Pattern[str], str | None]] = [
            (re.compile(pattern), replacement) for pattern, replacement in rules
        ]

    def filter_string(self, session: ServerSession | None, channel: ChannelName, value: str) -> str:
        """Apply the rules in their order."""
        for pattern, replacement in self.rules:
            if replacement is not None:
                value = pattern.sub(replacement, value)
            elif pattern.search(value):
                raise Abort
        return value


class NoMarkupFilter(WalkingFilter):
    """Makes ``<`` and ``>`` in strings harmless: ``&lt;`` and ``&gt;`` (FLT-3)."""

    def filter_string(self, session: ServerSession | None, channel: ChannelName, value: str) -> str:
        """Replace them."""
        return value.replace("<", "&lt;").replace(">", "&gt;")


class NoScriptsFilter(RegexFilter):
    """Makes ``<script`` and ``</script`` in strings ``<span`` and ``</span``, in any case (FLT-3).

    It keeps scripts out of pages that show old messages as they are. Other ways to run code in a page remain:
    where markup must not arrive at all, use ``NoMarkupFilter``.
    """

    def __init__(self) -> None:
        super().__init__([(r"(?i)<\s*script", "<span"), (r"(?i)<\s*/\s*script", "</span")])


def configured_filters(settings: Mapping[str, Sequence[str | Mapping[str, Any]]]) -> list[tuple[str, DataFilter]]:
    """The filters that a configuration names, each with its channel or pattern, in order (FLT-4).

    ::

        {"/chat/**": ["no_markup", {"regex": [["(?i)darn", "****"]]}]}

    Raises ValueError that names the channel and what is wrong there.
    """
    return [(channel, _configured(channel, setting)) for channel, listed in settings.items() for setting in listed]


def _configured(channel: str, setting: Any) -> DataFilter:
    match setting:
        case "no_markup":
            return NoMarkupFilter()
        case "no_scripts":
            return NoScriptsFilter()
        case {"regex": rules, **others} if not others:
            try:
                return RegexFilter(rules)
            except (re.error, TypeError, ValueError) as error:
                raise ValueError(f"{channel}: these are no pairs of pattern and replacement: {error}") from None
    raise ValueError(f"{channel}: no filter is called {setting!r}; choose no_markup, no_scripts or {{'regex': [...]}}")
