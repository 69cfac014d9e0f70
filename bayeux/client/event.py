"""What a client reads: events, and the places they have in their channel's history.

Source: MSG-18, PUB-9 for events; RPL-2, RPL-11, RPL-13 for positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeGuard

Message: TypeAlias = dict[str, Any]
"""A Bayeux message as JSON has it."""

_EVENT_FIELDS = ("channel", "data", "ext")
# MSG-18: no server should send these in an event; old Faye servers do send an id.
_PROTOCOL_FIELDS = ("id", "clientId", "advice")


@dataclass(frozen=True, slots=True)
class Position:
    """The place of an event in the history of its channel (RPL-2)."""

    id: int
    """Grows from event to event of a channel, with gaps; says nothing else."""
    epoch: str | None = None
    """Changes when the ids start over; None where the server tells none, as Salesforce."""

    @property
    def wire(self) -> int | dict[str, Any]:
        """As a subscribe says it (RPL-11); also what a store of positions keeps."""
        return self.id if self.epoch is None else {"id": self.id, "epoch": self.epoch}

    @classmethod
    def parse(cls, wire: object) -> Position | None:
        """The position that a server wrote, or ``wire`` made; None for anything else."""
        if isinstance(wire, Mapping):
            epoch = wire.get("epoch")
            return cls(wire["id"], epoch if isinstance(epoch, str) else None) if is_integer(wire.get("id")) else None
        return cls(wire) if is_integer(wire) else None


def is_integer(value: object) -> TypeGuard[int]:
    """Whether it is an integer of JSON, where ``true`` is none."""
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Event:
    """A message published on a channel."""

    channel: str
    data: Any
    ext: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What else the publisher put into the message."""
    position: Position | None = None
    """Its place in the history of the channel, if that has one (RPL-13)."""


def make_event(channel: str, message: Message, position: Position | None = None) -> Event:
    """The event that a message is, without what belongs to the protocol."""
    ext = message.get("ext")
    left_out = (*_EVENT_FIELDS, *_PROTOCOL_FIELDS)
    fields = {name: value for name, value in message.items() if name not in left_out}
    return Event(channel, message.get("data"), ext if isinstance(ext, dict) else {}, fields, position)
