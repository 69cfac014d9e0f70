"""What an agent is told of an interaction's state, and what moves it: one machine for each of its agents.

Source: AG-64, AG-65, AG-67 and the table of agent-api.md, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """An interaction's state as one agent has it, in the words of dialect A."""

    INVITED = "Invited"
    ACCEPTED = "Accepted"
    COMPOSING = "Composing"
    IN_WORKBIN = "InWorkbin"
    REJECTED = "Rejected"
    REVOKED = "Revoked"
    COMPLETED = "Completed"
    TRANSFERRED = "Transferred"
    PLACED = "Placed"


MEANINGS: Mapping[State, str] = {
    State.INVITED: "was offered to the agent",
    State.ACCEPTED: "the agent works on it",
    State.COMPOSING: "the agent writes it: an outbound e-mail",
    State.IN_WORKBIN: "parked for the agent",
    State.REJECTED: "the agent did not want it",
    State.REVOKED: "was taken away: not answered in time, the customer gone, the agent signed out or lost",
    State.COMPLETED: "done with, for this agent",
    State.TRANSFERRED: "given to somebody else",
    State.PLACED: "put in a queue",
}

HELD = frozenset({State.ACCEPTED, State.COMPOSING})
"""The agent works on it."""
LISTED = HELD | {State.INVITED}
"""It is among what the agent has (AG-55)."""
LIVE = LISTED | {State.IN_WORKBIN}
"""All others are final: the agent has it no more, until he is invited again (AG-67)."""


class Trigger(StrEnum):
    """What moves a leg from one state to another."""

    ACCEPT = "accept"
    COMPOSE = "compose"
    """Accept or pull an outbound draft."""
    REJECT = "reject"
    REVOKE = "revoke"
    COMPLETE = "complete"
    TRANSFER = "transfer"
    PLACE = "place"
    PARK = "park"
    PULL = "pull"


TRANSITIONS: Mapping[tuple[State, Trigger], State] = {
    # invited: by the engine, or by a colleague into his chat
    (State.INVITED, Trigger.ACCEPT): State.ACCEPTED,
    (State.INVITED, Trigger.COMPOSE): State.COMPOSING,
    (State.INVITED, Trigger.REJECT): State.REJECTED,
    (State.INVITED, Trigger.REVOKE): State.REVOKED,  # timer, customer gone, taken elsewhere, logout
    # accepted
    (State.ACCEPTED, Trigger.COMPLETE): State.COMPLETED,
    (State.ACCEPTED, Trigger.TRANSFER): State.TRANSFERRED,
    (State.ACCEPTED, Trigger.PLACE): State.PLACED,
    (State.ACCEPTED, Trigger.PARK): State.IN_WORKBIN,
    (State.ACCEPTED, Trigger.REVOKE): State.REVOKED,  # session lost, supervisor
    # composing: an outbound e-mail
    (State.COMPOSING, Trigger.COMPLETE): State.COMPLETED,  # sent or cancelled
    (State.COMPOSING, Trigger.TRANSFER): State.TRANSFERRED,
    (State.COMPOSING, Trigger.PARK): State.IN_WORKBIN,
    (State.COMPOSING, Trigger.REVOKE): State.REVOKED,
    # in a workbin
    (State.IN_WORKBIN, Trigger.PULL): State.ACCEPTED,
    (State.IN_WORKBIN, Trigger.COMPOSE): State.COMPOSING,
    (State.IN_WORKBIN, Trigger.REVOKE): State.REVOKED,
}
