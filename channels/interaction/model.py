"""An interaction: one chat or e-mail thread, with a leg for each agent who has or had it.

Pure values. ``operations`` says what agents do with them, ``customer`` what the customer does, ``engine`` what routing
does; ``dialects`` shows them to desktops. Times are seconds since 1970.

Source: AG-50…58, AG-66, AG-67, AG-86; legs as in MRE-70.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from channels.chat.transcript import Transcript
from channels.document import from_document, to_document
from channels.interaction.reasons import Reason
from channels.interaction.states import HELD, LIVE, TRANSITIONS, State, Trigger
from channels.letter import Letter


class Channel(StrEnum):
    """The medium."""

    CHAT = "chat"
    EMAIL = "email"


class Role(StrEnum):
    """What an agent is in an interaction."""

    OWNER = "owner"
    """It is his; at most one agent has it so."""
    PARTICIPANT = "participant"
    """In the owner's conference, seen by the customer."""
    CONSULTANT = "consultant"
    """Asked by the owner, and hidden from the customer."""


MAX_ENDED_LEGS = 20
"""Parts that are over which an interaction remembers."""
STOP = "__STOP__"
"""In ``in_queues``: it may be stopped there and then (AG-77)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One agent's part in an interaction; stays when it is over, until the agent is invited again."""

    agent: str
    """The agent's user."""
    state: State
    role: Role = Role.OWNER
    reason: Reason | None = None
    """Why it is over (AG-58)."""
    workbin: str = ""
    """Where it lies while in a workbin."""
    until: float | None = None
    """When an invitation ceases to be taken (AG-66); None: it stands until it is revoked."""

    @property
    def is_live(self) -> bool:
        """The agent still has to do with it."""
        return self.state in LIVE

    @property
    def is_held(self) -> bool:
        """The agent works on it."""
        return self.state in HELD

    def moved(self, trigger: Trigger, reason: Reason | None = None) -> Leg:
        """The leg in its next state. Raises KeyError where the table has none: a defect of the caller."""
        return replace(self, state=TRANSITIONS[self.state, trigger], reason=reason, until=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenReply:
    """An agent's answer to an e-mail that has not left yet (AG-79)."""

    agent: str
    id: str
    """Of the outbound interaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One thread as it stands. Change it by the functions of this package, which keep what is promised of it."""

    id: str
    """16 characters of ``[0-9A-Za-z]``; opaque."""
    channel: Channel
    kind: str = "Inbound"
    """``interactionType``: Inbound, Outbound, Internal."""
    subkind: str = "InboundNew"
    """``interactionSubType``."""
    queue: str
    """``currentQueue``."""
    service: str = ""
    """Id of the instance of a customers' service that it was begun for; its customer hears of it there. Empty: none."""
    user_data: Mapping[str, Any] = field(default_factory=dict)
    """Attached data: opaque, its keys in order, its types kept (AG-52)."""
    in_queues: tuple[str, ...] = (STOP,)
    out_queues: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = ()
    """In the order in which the agents were invited; who accepts comes last, so that the first was there longest."""
    transcript: Transcript | None = None
    """Of a chat."""
    letter: Letter | None = None
    """Of an e-mail."""
    replies: tuple[OpenReply, ...] = ()
    """Of an inbound e-mail."""
    parent: str = ""
    """Of an outbound e-mail: id of the inbound one."""
    sending: bool = False
    """The relay has an outbound e-mail, and has not said yet whether it took it."""
    is_routed: bool = True
    """The engine has a task for it, or was asked for one."""
    task: str = ""
    """``TaskId``; empty: not known yet, or there is none."""
    missed: int = 0
    """Offers of it that no agent took."""
    given_up: str = ""
    """The task before this one: what is still said of it is about the past."""
    created_at: float
    closed_at: float | None = None
    """When it was done with."""

    # What is known

    def leg(self, agent: str) -> Leg | None:
        """An agent's part, over or not."""
        return next((leg for leg in self.legs if leg.agent == agent), None)

    @property
    def owner(self) -> Leg | None:
        """Whose it is, or whom it was offered."""
        return next((leg for leg in self.legs if leg.role is Role.OWNER and leg.is_live), None)

    @property
    def agents(self) -> tuple[str, ...]:
        """All whose part is not over."""
        return tuple(leg.agent for leg in self.legs if leg.is_live)

    @property
    def is_closed(self) -> bool:
        """Nothing happens with it any more."""
        return self.closed_at is not None

    @property
    def is_draft(self) -> bool:
        """An e-mail that shall go out: it is composed, not accepted."""
        return self.channel is Channel.EMAIL and self.kind == "Outbound"

    @property
    def has_customer(self) -> bool:
        """There is somebody to talk to, or to write to."""
        return self.transcript is None or self.transcript.is_open

    # As it changes

    def with_leg(self, leg: Leg) -> Interaction:
        """The same with this leg in the place of the agent's earlier one."""
        return replace(self, legs=tuple(leg if each.agent == leg.agent else each for each in self.legs))

    def with_last_leg(self, leg: Leg) -> Interaction:
        """The same with this leg as the last, instead of the agent's earlier one, if any."""
        return replace(self, legs=(*(each for each in self.legs if each.agent != leg.agent), leg))

    # As the store keeps it

    def to_document(self) -> dict[str, Any]:
        """JSON values, which ``from_document`` reads."""
        return to_document(self)

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Interaction:
        """What ``to_document`` gave, without agents who had it long ago: they were told, and are strangers to it."""
        interaction = from_document(cls, body)
        ended = [leg.agent for leg in interaction.legs if not leg.is_live]
        forgotten = frozenset(ended[:-MAX_ENDED_LEGS])
        return replace(interaction, legs=tuple(leg for leg in interaction.legs if leg.agent not in forgotten))


def begin_chat(
    id: str,
    queue: str,
    now: float,
    *,
    service: str = "",
    user_data: Mapping[str, Any] | None = None,
    in_queues: tuple[str, ...] = (STOP,),
) -> Interaction:
    """A chat without anybody in it: the customer joins (``customer.join``), and the engine is asked for an agent."""
    return Interaction(
        id=id,
        channel=Channel.CHAT,
        queue=queue,
        service=service,
        user_data=dict(user_data or {}),
        in_queues=in_queues,
        transcript=Transcript(),
        created_at=now,
    )


def begin_email(
    id: str,
    queue: str,
    letter: Letter,
    now: float,
    *,
    user_data: Mapping[str, Any] | None = None,
    in_queues: tuple[str, ...] = (STOP,),
    out_queues: tuple[str, ...] = (),
) -> Interaction:
    """An e-mail that came."""
    return Interaction(
        id=id,
        channel=Channel.EMAIL,
        queue=queue,
        user_data=dict(user_data or {}),
        in_queues=in_queues,
        out_queues=out_queues,
        letter=letter,
        created_at=now,
    )
