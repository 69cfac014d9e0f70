"""The states of a task, of its legs, and the codes of why they changed.

A task has a leg for each agent who is in it, one of them the owner's. Its state is that of the owner's leg, or QUEUED.

Source: MRE-70…73.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class TaskState(StrEnum):
    """What a task or a leg is; the words are the wire's."""

    QUEUED = "QUEUED"
    RESERVED = "RESERVED"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    WRAP_UP = "WRAP_UP"
    INTERRUPTED = "INTERRUPTED"
    CLOSED = "CLOSED"


class LegRole(StrEnum):
    """What an agent is in a task."""

    OWNER = "OWNER"
    PARTICIPANT = "PARTICIPANT"


class Disposition(StrEnum):
    """Codes of ours for why a task or leg changed; an agent's command may bring one of its own."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    RONA = "RONA"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    DONE = "DONE"
    LEAVE = "LEAVE"
    TRANSFERRED = "TRANSFERRED"
    REQUEUED = "REQUEUED"
    CANCELLED = "CANCELLED"
    AGENT_LOGOUT = "AGENT_LOGOUT"
    NO_AGENT_AVAILABLE = "NO_AGENT_AVAILABLE"
    FORCE_CLOSED = "FORCE_CLOSED"
    LIFETIME_EXCEEDED = "LIFETIME_EXCEEDED"
    PLACE_TAKEN = "PLACE_TAKEN"
    NONE = ""


QUEUED, RESERVED, ACTIVE = TaskState.QUEUED, TaskState.RESERVED, TaskState.ACTIVE
PAUSED, WRAP_UP, CLOSED = TaskState.PAUSED, TaskState.WRAP_UP, TaskState.CLOSED

MEANINGS: Mapping[TaskState, str] = {
    QUEUED: "waits for an agent",
    RESERVED: "was offered to an agent",
    ACTIVE: "an agent works on it",
    PAUSED: "its agent put it aside",
    WRAP_UP: "the customer is gone, its agent finishes",
    TaskState.INTERRUPTED: "a task of another MRD pushed it aside",
    CLOSED: "is over",
}

ACCEPTED = frozenset({ACTIVE, PAUSED, WRAP_UP})
"""The agent has taken it."""

AT_WORK = frozenset({ACTIVE, PAUSED})
"""May be transferred (MRE-80)."""

OWNER_COMMANDS: Mapping[tuple[TaskState, TaskState], Disposition] = {
    (RESERVED, ACTIVE): Disposition.ACCEPTED,
    (RESERVED, QUEUED): Disposition.REJECTED,
    (RESERVED, CLOSED): Disposition.CANCELLED,  # the customer is gone
    (ACTIVE, PAUSED): Disposition.PAUSE,
    (PAUSED, ACTIVE): Disposition.RESUME,
    (ACTIVE, WRAP_UP): Disposition.NONE,
    (PAUSED, WRAP_UP): Disposition.NONE,
    (ACTIVE, QUEUED): Disposition.REQUEUED,
    (PAUSED, QUEUED): Disposition.REQUEUED,
    (ACTIVE, CLOSED): Disposition.DONE,
    (PAUSED, CLOSED): Disposition.DONE,
    (WRAP_UP, CLOSED): Disposition.DONE,
}
"""What TaskState may ask of the owner's leg, with the code if it brings none."""

PARTICIPANT_COMMANDS: Mapping[tuple[TaskState, TaskState], Disposition] = {
    # his QUEUED ends his leg, not the owner's (MRE-85)
    **{pair: code for pair, code in OWNER_COMMANDS.items() if pair not in {(ACTIVE, QUEUED), (PAUSED, QUEUED)}},
    (RESERVED, CLOSED): Disposition.REJECTED,
}
"""The same for a participant's leg."""

COMMANDS: Mapping[LegRole, Mapping[tuple[TaskState, TaskState], Disposition]] = {
    LegRole.OWNER: OWNER_COMMANDS,
    LegRole.PARTICIPANT: PARTICIPANT_COMMANDS,
}
