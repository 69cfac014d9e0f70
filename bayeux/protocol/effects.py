"""What a session asks of the server; the shell performs them in order, all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from bayeux.protocol.channel import ChannelName
from bayeux.protocol.message import Reply as ReplyFields


class EndReason(Enum):
    """Why a session is over: the same word in the log, the metric and the close (OPS-50)."""

    DISCONNECT = "disconnect"
    TIMEOUT = "timeout"
    SLOW = "slow"
    KICKED = "kicked"
    INACTIVE = "inactive"
    REVOKED = "revoked"
    DRAIN = "drain"
    ERROR = "error"


class HeldConnect:
    """A connect that waits for events: what its reply will need.

    Args:
        reply: the reply's beginning, ``id`` and ``channel``.
        until: when to answer it at the latest (CN-8), on the caller's clock.
        wants_advice: it brought an ``advice``, so its reply has one (ADV-4).
        interval: seconds the client said it would stay away afterwards (ADV-6), else None.
        transport: name of the transport that carries it.
    """

    __slots__ = ("interval", "reply", "transport", "until", "wants_advice")

    def __init__(
        self, reply: ReplyFields, until: float, wants_advice: bool, interval: float | None, transport: str
    ) -> None:
        self.reply: ReplyFields = reply
        self.until: float = until
        self.wants_advice: bool = wants_advice
        self.interval: float | None = interval
        self.transport: str = transport


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the message being processed with this."""

    fields: ReplyFields


@dataclass(frozen=True, slots=True)
class Hold:
    """Do not answer the connect being processed; it is the session's ``held`` from here on."""


@dataclass(frozen=True, slots=True)
class Dismiss:
    """End the request of a connect that another one replaced; its reply is never sent (CN-10, CN-11)."""


@dataclass(frozen=True, slots=True)
class Release:
    """Answer the held connect with this, after all waiting events."""

    fields: ReplyFields


@dataclass(frozen=True, slots=True)
class Publish:
    """Give the message being processed to listeners and subscribers."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Enter the session under these channels; those it had already are not among them (SUB-7)."""

    channels: Sequence[ChannelName]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Take the session out of these channels, all of which it had."""

    channels: Sequence[ChannelName]


@dataclass(frozen=True, slots=True)
class End:
    """Remove the session and tell the listeners."""

    reason: EndReason


Effect: TypeAlias = "Reply | Hold | Dismiss | Release | Publish | Subscribe | Unsubscribe | End"
