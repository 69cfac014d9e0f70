"""What has to happen elsewhere when an interaction changed: values, performed in order by whoever stored the change.

Words of tasks are those of the engine's messages; the interaction's id is the task's ``ClientUniqueId``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from channels.chat.transcript import Event
from channels.interaction.model import Interaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTask:
    """Tell the Communication Server what an agent did with the task (``TaskState``)."""

    agent: str
    """Empty: nobody had it yet; the customer has left (CANCELLED)."""
    state: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTask:
    """Ask for an agent (``Task``); comes after the ``ChangeTask`` that closed an earlier one, if any."""

    queue: str = ""
    agent: str = ""
    """Prefer this one."""
    skill: str = ""
    pull: bool = False
    """The agent has it already: no invitation (MRE-75)."""
    place: str = ""
    """``ClientUniqueId`` of the held task whose place it takes."""
    since: float | None = None
    """Since when the customer waits, where that is not since now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTransfer:
    """``Transfer``: nothing has changed until the engine says so (``engine.transferred``)."""

    owner: str
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskConference:
    """``Conference``: the participant is invited; take that back if it is refused (``engine.revoked``, MRE-86)."""

    owner: str
    participant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowHistory:
    """Send these events to the session that asked, and to no other."""

    agent: str
    events: Sequence[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLetter:
    """Give the letter to the relay, then call ``writing.sent`` or ``writing.not_sent``."""

    interaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReply:
    """The reply is open no more: apply ``writing.reply_ended`` to the e-mail that it answers, in the same commit."""

    parent: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToWorkbin:
    """List it there; ``/v2/me/workbins`` tells it."""

    agent: str
    workbin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFromWorkbin:
    """List it there no more."""

    agent: str
    workbin: str


Effect = (
    ChangeTask
    | StartTask
    | AskTransfer
    | AskConference
    | ShowHistory
    | SendLetter
    | EndReply
    | AddToWorkbin
    | RemoveFromWorkbin
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one request or event.

    Store ``interaction`` (by compare-and-set against the one it was made from) with ``created``, announce what changed
    (``dialects.announcement``), perform the effects in order.
    """

    interaction: Interaction
    created: Sequence[Interaction] = ()
    """Others that came into being: a reply."""
    passing: Sequence[Event] = ()
    """Events to tell and not to keep: typing."""
    effects: Sequence[Effect] = ()
