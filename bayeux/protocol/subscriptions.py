"""The channels that one session is subscribed to, in little room.

Most sessions have a few, and there are many sessions: a set of one takes 216 bytes, a tuple of one 48. Where there
are many to search, a set is worth its room.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

FEW = 8
"""So many are searched one by one as fast as by their hashes."""

Subscriptions: TypeAlias = "tuple[str, ...] | frozenset[str]"
"""Names of channels and patterns, each once."""

NONE: Subscriptions = ()


def added(subscriptions: Subscriptions, channels: Iterable[str]) -> Subscriptions:
    """These channels, too."""
    return _compact(dict.fromkeys((*subscriptions, *channels)))


def removed(subscriptions: Subscriptions, channels: Collection[str]) -> Subscriptions:
    """These channels no longer."""
    return _compact([each for each in subscriptions if each not in channels])


def _compact(channels: Collection[str]) -> Subscriptions:
    return tuple(channels) if len(channels) <= FEW else frozenset(channels)
