"""What may be configured about interactions, and what they have to know of agents and queues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _half_a_minute(medium: str, queue: str) -> float:
    return 30.0


def _same(name: str) -> str | None:
    return name or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One house's rules."""

    max_message: int = 16_384
    """Characters of one chat message (AG-73)."""
    forbidden: frozenset[str] = frozenset()
    """Operations of dialect A that nobody has here (AG-63)."""
    idle_alert: float = 255.0
    """Seconds of silence before the parties of a chat are warned; 0: never (AG-129)."""
    idle_close: float = 45.0
    """Seconds from the warning to the end; 0: never."""
    accept_timeout: Callable[[str, str], float] = _half_a_minute
    """Seconds that an invitation stands, by medium and queue (AG-126)."""
    find_agent: Callable[[str], str | None] = _same
    """The user whom an id, employee id or user name means; None: there is none."""
    find_queue: Callable[[str], str | None] = _same
    """The queue's name that a name or id means."""
    find_workbin: Callable[[str], str | None] = _same
    """The workbin's id that a name or id means."""
    mailboxes: frozenset[str] = frozenset()
    """Ours, in lower case: in whose name agents may write, besides the one that was written to."""
    nickname: Callable[[str], str] = str
    """What the customer sees of an agent who names himself nothing else (AG-72)."""


DEFAULT_RULES = Rules()
