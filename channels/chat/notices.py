"""The words of a chat's events, as they stand in ``chat_notifications``.

Source: AG-90…98.
"""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """``MessageType`` of dialect A."""

    PARTY_JOINED = "PARTY_JOINED"
    PARTY_LEFT = "PARTY_LEFT"
    NEW_MESSAGE = "NEW_MESSAGE"
    NOTICE = "NOTICE"


class PartyKind(StrEnum):
    """``UserType`` of dialect A."""

    CLIENT = "Client"
    AGENT = "Agent"
    EXTERNAL = "External"
    SYSTEM = "System"


class NoticeKind(StrEnum):
    """``NoticeType`` of dialect A."""

    TYPING_STARTED = "TYPING_STARTED"
    TYPING_STOPPED = "TYPING_STOPPED"
    PUSH_URL = "PUSH_URL"
    CUSTOM = "CUSTOM"
    IDLE_ALERT = "IDLE_ALERT"
    IDLE_CLOSE = "IDLE_CLOSE"


TYPING = frozenset({NoticeKind.TYPING_STARTED, NoticeKind.TYPING_STOPPED})
"""They pass and are not kept (AG-94)."""


class Visibility(StrEnum):
    """Who may see an event."""

    ALL = "All"
    AGENTS = "Agents"
    """Never the customer, by whatever route (AG-95)."""
