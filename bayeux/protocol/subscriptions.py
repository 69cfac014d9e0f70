"""The channels that one session is subscribed to, in little room.

Most sessions have a few, and there are many sessions: a set of one takes 216 bytes, a tuple of one 48. Where there
are many to search, a set is worth its room.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

FEW = 8
"""So many are searched one by one as fast as by their hashes."""

Subscriptions: TypeAlias = "tuple[str, ...] | set[str]"
"""Names of channels and patterns, each once; one session's own."""

NONE: Subscriptions = ()


def added(subscriptions: Subscriptions, channels: Collection[str]) -> Subscriptions:
    """These channels, too; a set is changed in place, because there may be thousands in it."""
    if isinstance(subscriptions, tuple):
        more = dict.fromkeys((*subscriptions, *channels))
        return tuple(more) if len(more) <= FEW else set(more)
    subscriptions.update(channels)
    return subscriptions


def removed(subscriptions: Subscriptions, channels: Collection[str]) -> Subscriptions:
    """These channels no longer."""
    if isinstance(subscriptions, tuple):
        return tuple(each for each in subscriptions if each not in channels)
    subscriptions.difference_update(channels)
    return subscriptions
