"""The four profiles in which the customer calls or chats, and the options that select them.

Those in which the customer is dialled (USERTERMINATED) are refused: there is no dialler.

Source: SM-1…3.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Media(StrEnum):
    """``_media_type``."""

    VOICE = "voice"
    CHAT = "chat"


class Direction(StrEnum):
    """``_call_direction``: who calls whom."""

    USERORIGINATED = "USERORIGINATED"
    USERTERMINATED = "USERTERMINATED"


class Profile(StrEnum):
    """A scenario, by the name of its template."""

    VOICE_NOW = "User-Originated-Immediate"
    VOICE_WAIT = "User-Originated-Delayed"
    CHAT_NOW = "Chat-Immediate"
    CHAT_WAIT = "Chat-Delayed"

    @property
    def media(self) -> Media:
        """How the customer comes."""
        return Media.VOICE if self in {Profile.VOICE_NOW, Profile.VOICE_WAIT} else Media.CHAT

    @property
    def waits(self) -> bool:
        """Whether the customer is told when an agent is near, rather than sent there at once."""
        return self in {Profile.VOICE_WAIT, Profile.CHAT_WAIT}


SELECTORS = frozenset({"_media_type", "_call_direction", "_wait_for_agent", "_wait_for_user_confirm"})
"""Options that select a profile."""

PRESETS: Mapping[Profile, Mapping[str, str]] = {
    Profile.VOICE_NOW: {
        "_media_type": "voice",
        "_call_direction": "USERORIGINATED",
        "_wait_for_agent": "false",
        "_wait_for_user_confirm": "false",
        "_mandatory_customer_lookup_keys": "-",  # the seed's sample sends no number (CB-4)
    },
    Profile.VOICE_WAIT: {
        "_media_type": "voice",
        "_call_direction": "USERORIGINATED",
        "_wait_for_agent": "true",
        "_wait_for_user_confirm": "true",
    },
    Profile.CHAT_NOW: {
        "_media_type": "chat",
        "_call_direction": "USERORIGINATED",
        "_wait_for_agent": "false",
        "_wait_for_user_confirm": "false",
    },
    Profile.CHAT_WAIT: {
        "_media_type": "chat",
        "_call_direction": "USERORIGINATED",
        "_wait_for_agent": "true",
        "_wait_for_user_confirm": "true",
    },
}
"""What a service of a profile is configured with; its selectors are not to be changed (SM-3)."""

BY_SELECTORS: Mapping[tuple[Media, bool], Profile] = {
    (Media.VOICE, False): Profile.VOICE_NOW,
    (Media.VOICE, True): Profile.VOICE_WAIT,
    (Media.CHAT, False): Profile.CHAT_NOW,
    (Media.CHAT, True): Profile.CHAT_WAIT,
}


class ProfileUnsupported(Exception):
    """The customer would have to be dialled."""


def select(media: Media, direction: Direction, wait_for_agent: bool) -> Profile:
    """The profile that the options select; a chat has no direction.

    ``_wait_for_user_confirm`` selects nothing: without waiting for an agent it is ignored, and waiting without it
    differs by the notice alone (SM-2).

    Raises:
        ProfileUnsupported: voice, USERTERMINATED.
    """
    if media is Media.VOICE and direction is Direction.USERTERMINATED:
        raise ProfileUnsupported
    return BY_SELECTORS[media, wait_for_agent]
