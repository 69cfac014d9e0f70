"""Channel names: their grammar, their kind, and the patterns that match them.

The only place that decides what kind of channel a name is (CH-10, CH-11) and which
subscriptions see it (CH-20…CH-22).

Source: section 2 of the Bayeux reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from bayeux.protocol.errors import ChannelInvalid

# Bounds of the grammar; what clients may use is an option below them (CH-5).
MAX_LENGTH = 2048
MAX_SEGMENTS = 128

META_HANDSHAKE = "/meta/handshake"
META_CONNECT = "/meta/connect"
META_SUBSCRIBE = "/meta/subscribe"
META_UNSUBSCRIBE = "/meta/unsubscribe"
META_DISCONNECT = "/meta/disconnect"
META_CHANNELS = frozenset((META_HANDSHAKE, META_CONNECT, META_SUBSCRIBE, META_UNSUBSCRIBE, META_DISCONNECT))
"""The only meta channels there are; compared whole, never by prefix (CH-11, SEC-40)."""

_NAME = re.compile(r"(?:/[A-Za-z0-9 !#$()*+\-.@_{~}]+)+\Z")
# A longer name is read anew each time: patterns grow with the square of the length, and a cache of
# hostile names would fill the memory.
_CACHED_LENGTH = 96
_WILDCARDS = ("*", "**")
_SPECIAL = frozenset("* {")  # names without these have no wildcard, no blank segment and no parameter
_TEMPLATE_PARAMETER = re.compile(r"\{[^{}]+\}")


class Kind(StrEnum):
    """What a channel is for (CH-10)."""

    META = "meta"
    SERVICE = "service"
    BROADCAST = "broadcast"


@dataclass(frozen=True, slots=True)
class ChannelName:
    """A valid channel name or pattern; make one with ``parse_channel``."""

    text: str
    kind: Kind
    is_wild: bool
    """Ends in ``*`` or ``**``."""
    is_template: bool
    """Holds a ``{parameter}``; only for server-side listeners (CH-6)."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """What sees a message here: wider patterns first, the name itself last (CH-21, AUZ-7)."""
        return _cached_patterns(self.text) if len(self.text) <= _CACHED_LENGTH else _patterns(self.text)

    def is_below(self, prefixes: tuple[str, ...]) -> bool:
        """Is it, or everything this pattern matches, one of these names or under one of them?"""
        text = self.text
        if not text.startswith(prefixes):  # as nearly all do not; asked of each publish
            return False
        return any(text == prefix or text.startswith(f"{prefix}/") for prefix in prefixes)

    def covers(self, name: str) -> bool:
        """Does a subscription to this channel or pattern see messages to ``name``, a valid name or pattern (CH-21)?

        A pattern is covered by itself and by wider ones (AUZ-7).
        """
        if not self.is_wild or self.text == name:
            return self.text == name
        above, _, wildcard = self.text.rpartition("/")
        rest = name.removeprefix(f"{above}/")
        return len(rest) < len(name) and (wildcard == "**" or ("/" not in rest and rest != "**"))

    def __str__(self) -> str:
        return self.text


def parse_channel(text: str, max_length: int = MAX_LENGTH, max_segments: int = MAX_SEGMENTS) -> ChannelName:
    """The channel that ``text`` names; trailing white space and one trailing ``/`` do not count (CH-3).

    Raises ChannelInvalid (CH-1, CH-2, CH-5).
    """
    parse = _cached_parse if len(text) <= _CACHED_LENGTH else _parse
    return parse(text, max_length, max_segments)


def _parse(text: str, max_length: int, max_segments: int) -> ChannelName:
    if len(text) > 2 * MAX_LENGTH:  # white space beyond reason would fill the cache
        raise _invalid(text, f"it has more than {MAX_LENGTH} characters")
    name = text.rstrip(" \t\r\n")
    if len(name) > 1 and name.endswith("/"):
        name = name[:-1]
    if len(name) > MAX_LENGTH:
        raise _invalid(text, f"it has more than {MAX_LENGTH} characters")
    if not _NAME.match(name):
        raise _invalid(text, "names are like /chat/room, of letters, digits, blanks and !#$()*+-.@_{~}")
    segments = name[1:].split("/")
    if len(segments) > MAX_SEGMENTS:
        raise _invalid(text, f"it has more than {MAX_SEGMENTS} segments")
    if len(name) > max_length or len(segments) > max_segments:
        raise ChannelInvalid
    is_wild = is_template = False
    if not _SPECIAL.isdisjoint(name):
        is_wild = segments[-1] in _WILDCARDS
        plain = segments[:-1] if is_wild else segments
        if any("*" in segment or not segment.strip() for segment in plain):  # CH-2: a star stands alone, and last
            raise _invalid(text, "a segment is empty, or * and ** do not stand alone at its end")
        is_template = any(_TEMPLATE_PARAMETER.fullmatch(segment) for segment in segments)
        if is_wild and is_template:
            raise _invalid(text, "a template has no wildcards")
    if name.startswith("/meta/"):
        kind = Kind.META
    elif name.startswith("/service/"):
        kind = Kind.SERVICE
    else:
        kind = Kind.BROADCAST
    return ChannelName(name, kind, is_wild, is_template)


def _invalid(text: str, why: str) -> ChannelInvalid:
    return ChannelInvalid(f"{text[:80]!r} is no channel: {why}")


def _patterns(text: str) -> tuple[str, ...]:
    """Widest first: ``/**``, ``/x/**``, then ``/x/*`` of the last parent, then the name (CH-21)."""
    above, _, last = text.rpartition("/")
    wider = _cached_wider(above) if len(text) <= _CACHED_LENGTH else _wider(above)
    if last == "**":
        return (*wider[:-2], text)
    if last == "*":
        return (*wider[:-1], text)
    return (*wider, text)


def _wider(above: str) -> tuple[str, ...]:
    """The patterns that see every channel just below ``above``; its thousands of channels share these strings."""
    segments = above.split("/")
    deep = ["/".join([*segments[:depth], "**"]) for depth in range(1, len(segments) + 1)]
    return (*deep, f"{above}/*")


_cached_wider = lru_cache(maxsize=1024)(_wider)
_cached_parse = lru_cache(maxsize=4096)(_parse)
_cached_patterns = lru_cache(maxsize=4096)(_patterns)
