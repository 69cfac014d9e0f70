"""Where a callback stands: the public states and reasons that clients see, and the steps within.

Steps are not on the wire; the log and the management pages tell them.

Source: SM-10…13 and the step column of SM-20…34, SM-40…43.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class PublicState(StrEnum):
    """``_callback_state``."""

    SCHEDULED = "SCHEDULED"
    """Waits for its time."""
    QUEUED = "QUEUED"
    """In the queue, also while the customer is waited for."""
    ROUTING = "ROUTING"
    """The customer is there, and waits for an agent."""
    PROCESSING = "PROCESSING"
    PAUSED = "PAUSED"
    """Its service is."""
    COMPLETED = "COMPLETED"


class Reason(StrEnum):
    """``_callback_reason``: why a callback is COMPLETED; those that belong to dialling are not here."""

    CANCELLED = "CANCELLED"
    CANCELLED_BY_ADMIN = "CANCELLED_BY_ADMIN"
    AGENT_CONNECTED = "AGENT_CONNECTED"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    """No agent came near in time."""
    FAIL_INTERACTION_DELETED = "FAIL_INTERACTION_DELETED"
    """The customer left before an agent was there."""
    FAIL_TARGET_NOT_FOUND = "FAIL_TARGET_NOT_FOUND"
    FAIL_TIMEOUT_TTL = "FAIL_TIMEOUT_TTL"
    FAIL_USER_NO_CONFIRM = "FAIL_USER_NO_CONFIRM"
    FAIL_QUEUEING = "FAIL_QUEUEING"
    FAIL_AGENT_CONNECT = "FAIL_AGENT_CONNECT"


class Step(StrEnum):
    """Where an instance is inside."""

    WAIT_AGENT = "WAIT_AGENT"
    """In the queue, and no agent is near."""
    WAIT_CONFIRM = "WAIT_CONFIRM"
    """The customer was told that an agent is near."""
    WAIT_CONTACT = "WAIT_CONTACT"
    """The customer knows where to call or chat."""
    WAIT_CONNECT = "WAIT_CONNECT"
    """The customer may call at once, and has no number: he did not call the one that he had (SM-33)."""
    ROUTING = "ROUTING"
    TALKING = "TALKING"
    DONE = "DONE"


PUBLIC: Mapping[Step, PublicState] = {
    Step.WAIT_AGENT: PublicState.QUEUED,
    Step.WAIT_CONFIRM: PublicState.QUEUED,
    Step.WAIT_CONTACT: PublicState.QUEUED,
    Step.WAIT_CONNECT: PublicState.QUEUED,
    Step.ROUTING: PublicState.ROUTING,
    Step.TALKING: PublicState.PROCESSING,
    Step.DONE: PublicState.COMPLETED,
}

WAITING = frozenset({Step.WAIT_AGENT, Step.WAIT_CONFIRM, Step.WAIT_CONTACT, Step.WAIT_CONNECT})
"""The customer is not there yet."""

_S = PublicState
MOVES: Mapping[PublicState, frozenset[PublicState]] = {
    _S.SCHEDULED: frozenset({_S.QUEUED, _S.PAUSED, _S.COMPLETED}),
    _S.QUEUED: frozenset({_S.SCHEDULED, _S.PAUSED, _S.ROUTING, _S.COMPLETED}),
    _S.PAUSED: frozenset({_S.SCHEDULED, _S.QUEUED, _S.COMPLETED}),
    _S.ROUTING: frozenset({_S.QUEUED, _S.PROCESSING, _S.COMPLETED}),
    _S.PROCESSING: frozenset({_S.COMPLETED}),
    _S.COMPLETED: frozenset(),
}
"""Where a public state may go (SM-11); any other move is a defect."""
