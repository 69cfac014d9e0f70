"""What can happen to a callback, apart from time passing.

A request has somebody who waits for its answer; news has none, and comes too late as well as in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gateway.callback.instance import Access
from gateway.callback.states import Reason
from gateway.callback.threshold import QueueReport


@dataclass(frozen=True, slots=True)
class Connect:
    """The customer is ready (SV-20).

    Send it without ``access`` first. If the answer is ``NumberNeeded``, book one and send it again with that; give
    the number back unless the instance has it afterwards.
    """

    access: Access | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """The customer is there: his call was matched (MI-8), or his ``ixn/chat`` asks for a chat."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The customer withdraws, or somebody for him (CB-12, SV-42)."""

    reason: Reason = Reason.CANCELLED


@dataclass(frozen=True, slots=True)
class Poll:
    """The app asks for its place; what it is told is ``queue_position.answer`` of the instance afterwards."""

    report: QueueReport


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """What the queue answered to ``AskQueue``."""

    report: QueueReport


@dataclass(frozen=True, slots=True)
class AgentReserved:
    """An agent was found and asked."""


@dataclass(frozen=True, slots=True)
class AgentRejected:
    """He did not take the customer."""


@dataclass(frozen=True, slots=True)
class AgentConnected:
    """He did, and both talk."""


@dataclass(frozen=True, slots=True)
class InteractionEnded:
    """The call or chat is over; before an agent was there, the customer has left (SM-42)."""


@dataclass(frozen=True, slots=True)
class TargetUnknown:
    """Nobody is, or can be, whom the service's target names (SM-43)."""


@dataclass(frozen=True, slots=True)
class NotQueued:
    """The queue did not take it."""


Request: TypeAlias = Connect | Contact | Cancel
News: TypeAlias = (
    Poll | QueueSeen | AgentReserved | AgentRejected | AgentConnected | InteractionEnded | TargetUnknown | NotQueued
)
Event: TypeAlias = Request | News
