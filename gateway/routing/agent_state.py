"""An agent's state in one MRD: computed from what he wants and what he has, never set.

Source: MRE-60…63, MRE-66.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.routing.task_state import TaskState


class AgentState(StrEnum):
    """What an agent is in one MRD; the words are the wire's."""

    LOGIN = "LOGIN"
    NOT_READY = "NOT_READY"
    READY = "READY"
    RESERVED = "RESERVED"
    ACTIVE = "ACTIVE"
    BUSY = "BUSY"
    WORK_READY = "WORK_READY"
    INTERRUPTED = "INTERRUPTED"
    PENDING_NOT_READY = "PENDING_NOT_READY"
    LOGOUT = "LOGOUT"
    UNKNOWN = "UNKNOWN"


LOGIN, NOT_READY, READY, RESERVED = AgentState.LOGIN, AgentState.NOT_READY, AgentState.READY, AgentState.RESERVED
ACTIVE, BUSY, WORK_READY = AgentState.ACTIVE, AgentState.BUSY, AgentState.WORK_READY
INTERRUPTED, PENDING = AgentState.INTERRUPTED, AgentState.PENDING_NOT_READY
LOGOUT, UNKNOWN = AgentState.LOGOUT, AgentState.UNKNOWN

MEANINGS: Mapping[AgentState, str] = {
    LOGIN: "just signed in; passes to NOT_READY by itself",
    NOT_READY: "gets no tasks; so he begins",
    READY: "gets tasks, has none",
    RESERVED: "has been offered tasks and has no other work",
    ACTIVE: "has accepted a task and may get more",
    BUSY: "has as many tasks as he may",
    WORK_READY: "has only tasks to wrap up",
    INTERRUPTED: "a task of another MRD pushed this one aside",
    PENDING: "wants no more tasks, and still has some",
    LOGOUT: "is not signed in",
    UNKNOWN: "the chat server came back from a failure and has not met him yet",
}

COMMANDS = (READY, NOT_READY, LOGOUT)
"""What an agent may ask for; everything else comes from tasks or failures (MRE-63)."""

CANDIDATES = frozenset({READY, ACTIVE})
"""Who may be offered a task (MRE-92)."""

TRANSITIONS: Mapping[AgentState, frozenset[AgentState]] = {
    LOGIN: frozenset({NOT_READY}),
    # to itself: for another reason; to PENDING_NOT_READY: with a task of his own workbin
    NOT_READY: frozenset({READY, LOGOUT, INTERRUPTED, NOT_READY, PENDING}),
    # ACTIVE and BUSY: with a task of his own workbin; LOGOUT only by way of NOT_READY
    READY: frozenset({NOT_READY, RESERVED, INTERRUPTED, ACTIVE, BUSY}),
    RESERVED: frozenset({ACTIVE, READY, NOT_READY, INTERRUPTED, BUSY, PENDING}),
    ACTIVE: frozenset({WORK_READY, READY, INTERRUPTED, BUSY, RESERVED, PENDING}),
    BUSY: frozenset({ACTIVE, INTERRUPTED, READY, WORK_READY, RESERVED, PENDING}),
    WORK_READY: frozenset({READY, INTERRUPTED, ACTIVE, BUSY, RESERVED, PENDING}),
    INTERRUPTED: frozenset({NOT_READY, READY, RESERVED, ACTIVE, BUSY, WORK_READY, PENDING}),
    # with work in hand he wants READY again: what his tasks make of it
    PENDING: frozenset({NOT_READY, INTERRUPTED, RESERVED, ACTIVE, BUSY, WORK_READY}),
    LOGOUT: frozenset({LOGIN}),
    UNKNOWN: frozenset({NOT_READY, READY, RESERVED, ACTIVE, BUSY, WORK_READY, PENDING, LOGOUT}),
}
"""From each state where to; besides, all but LOGOUT may become UNKNOWN (MRE-62)."""


def may_become(state: AgentState, following: AgentState) -> bool:
    """Whether an agent may go from the one to the other."""
    return following in TRANSITIONS[state] or (following is UNKNOWN and state not in (LOGOUT, UNKNOWN))


@dataclass(frozen=True, slots=True)
class Standing:
    """What an agent's state in an MRD is computed from, his tasks aside."""

    signed_in: bool
    wants_ready: bool
    known: bool = True
    """False: the chat server does not know his sessions."""
    interrupted: bool = False


def state_of(standing: Standing, legs: Iterable[TaskState], most: int) -> AgentState:
    """The agent's state; first what holds first (MRE-61).

    Args:
        legs: the states of his legs that are not over.
        most: how many tasks he may have.
    """
    count = Counter(legs)
    at_work = count[TaskState.ACTIVE] + count[TaskState.PAUSED]
    wrapping_up, offered = count[TaskState.WRAP_UP], count[TaskState.RESERVED]
    if not standing.signed_in:
        return LOGOUT
    if not standing.known:
        return UNKNOWN
    if standing.interrupted:
        return INTERRUPTED
    if not standing.wants_ready:
        return PENDING if at_work + wrapping_up + offered else NOT_READY
    if offered and not at_work + wrapping_up:
        return RESERVED
    if at_work:
        return BUSY if at_work + wrapping_up >= most else ACTIVE
    return WORK_READY if wrapping_up else READY
