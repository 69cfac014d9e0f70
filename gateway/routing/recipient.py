"""Whether a task may be passed to an agent, or shared with him: asked by both roles, each of what it knows.

Source: MRE-80, MRE-81, MRE-84.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.routing.agent_state import BUSY, CANDIDATES, AgentState
from gateway.routing.leg import Leg, leg_of, owner_of
from gateway.routing.refusal import Code, Refused
from gateway.routing.task_state import AT_WORK


@dataclass(frozen=True, slots=True)
class Recipient:
    """The agent who is to have it."""

    id: str
    exists: bool
    state: AgentState
    """In the task's MRD; LOGOUT, if he is not signed in there."""
    load: int
    most: int


def check_owner(task_id: str, legs: Sequence[Leg], owner_id: str) -> None:
    """Raises Refused unless the task is his and he is at work on it."""
    owner = owner_of(legs)
    if owner is None or owner.agent != owner_id:
        raise Refused(Code.NOT_OWNER, f"task {task_id} is not {owner_id}'s")
    if owner.state not in AT_WORK:
        raise Refused(Code.ILLEGAL_TRANSITION, f"task {task_id} is {owner.state}, neither ACTIVE nor PAUSED")


def check_signed_in(mrd: str, owner_id: str, recipient: Recipient) -> None:
    """Raises Refused unless there is such another agent."""
    if not recipient.exists:
        raise Refused(Code.UNKNOWN_AGENT, f"there is no agent {recipient.id}")
    if recipient.state is AgentState.LOGOUT:
        raise Refused(Code.NOT_LOGGED_IN, f"{recipient.id} is not signed in on {mrd}")
    if recipient.id == owner_id:
        raise Refused(Code.SAME_AGENT, f"the task is {owner_id}'s already")


def check_free(mrd: str, recipient: Recipient) -> None:
    """Raises Refused unless he may have one task more. BUSY is told as such, not as just unavailable."""
    if recipient.state is BUSY or (recipient.state in CANDIDATES and recipient.load >= recipient.most):
        raise Refused(Code.RECIPIENT_BUSY, f"{recipient.id} has {recipient.load} tasks in MRD {mrd}")
    if recipient.state not in CANDIDATES:
        raise Refused(Code.RECIPIENT_NOT_AVAILABLE, f"{recipient.id} is {recipient.state} in MRD {mrd}")


def check_transfer(task_id: str, mrd: str, legs: Sequence[Leg], owner_id: str, recipient: Recipient) -> None:
    """Raises Refused with the first reason against a transfer; who is in the task already needs no room (MRE-87)."""
    check_owner(task_id, legs, owner_id)
    check_signed_in(mrd, owner_id, recipient)
    if leg_of(legs, recipient.id) is None:
        check_free(mrd, recipient)


def check_conference(
    task_id: str, mrd: str, legs: Sequence[Leg], owner_id: str, recipient: Recipient, most_agents: int
) -> None:
    """Raises Refused with the first reason against one agent more."""
    check_owner(task_id, legs, owner_id)
    check_signed_in(mrd, owner_id, recipient)
    if leg_of(legs, recipient.id) is not None:
        raise Refused(Code.ALREADY_IN_TASK, f"{recipient.id} is in task {task_id} already")
    if len(legs) >= most_agents:
        raise Refused(Code.CONFERENCE_FULL, f"task {task_id} has {len(legs)} agents")
    check_free(mrd, recipient)
