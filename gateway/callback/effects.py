"""What has to happen elsewhere when a callback changed, and what its customer is answered: values, all of them.

Source: the action column of SM-20…34, SM-40…43; SM-70.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from gateway.callback.instance import Access, Instance


@dataclass(frozen=True, slots=True)
class JoinQueue:
    """Give it a place in the queue, which is its own however often this is repeated; no agent is to be asked yet."""


@dataclass(frozen=True, slots=True)
class AskQueue:
    """Find out the place, and send it as ``QueueSeen``."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the app that an agent is near: ``service.agentavailable.<id>``; once an attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Route:
    """The customer is there: ask an agent; from the place in the queue, if there is one."""


@dataclass(frozen=True, slots=True)
class NextTarget:
    """Release the agent who was asked, and ask another."""


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """Give up the place, and release the agent who was asked, if any."""


@dataclass(frozen=True, slots=True)
class ReleaseNumber:
    """End the booking if it is still this instance's: a match has ended it before (MI-3)."""

    access: Access


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove the instance and what is kept for it."""


Effect: TypeAlias = JoinQueue | AskQueue | Notify | Route | NextTarget | LeaveQueue | ReleaseNumber | Forget


class Dialog(StrEnum):
    """What the customer is shown next; ``dialogs`` writes it."""

    CONFIRMATION = "ConfirmationDialog"
    DIAL_NUMBER = "DialNumber"
    START_CHAT = "StartChat"


@dataclass(frozen=True, slots=True)
class NumberNeeded:
    """Nothing has happened yet: book a number and send the ``Connect`` with it."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Refused with 503: no agent is near (SV-21)."""

    retry_after: int
    """Seconds."""


@dataclass(frozen=True, slots=True)
class WrongState:
    """Refused with 400 ``CallbackExceptionState`` (SV-23, CB-13, SM-27)."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Refused with 404: its life is over (SV-4)."""


Refusal: TypeAlias = NotYet | WrongState | Gone
Answer: TypeAlias = Dialog | NumberNeeded | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an event.

    Store the instance, its deadlines and the effects in one commit (by compare-and-set against the instance that it
    was made from), then answer, then perform the effects in order. Of two events at once one is stored; the other is
    to be received again by the instance that is there by then (SM-73).
    """

    instance: Instance
    effects: Sequence[Effect] = ()
    answer: Answer | None = None
    """None: nobody waits for one, or there is nothing to say."""
