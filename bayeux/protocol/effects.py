"""What a session asks of the server; the shell performs them in order, all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from bayeux.protocol.channel import META_CONNECT, ChannelName
from bayeux.protocol.message import MessageId
from bayeux.protocol.reply import Reply as ReplyFields


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
    GAP = "gap"
    MOVED = "moved"


class HeldConnect:
    """A connect that waits for events: what its reply will need.

    Args:
        reply: the reply's beginning, ``id`` and ``channel``, and what hooks added to it; None where there is
            nothing but these two, and nobody looks at it before it is sent.
        until: when to answer it at the latest (CN-8), on the caller's clock.
        wants_advice: it brought an ``advice``, so its reply has one (ADV-4).
        interval: seconds the client said it would stay away afterwards (ADV-6), else None.
        transport: name of the transport that carries it.
        message_id: of the connect; needed where there is no reply yet.
    """

    __slots__ = ("_id", "_reply", "interval", "transport", "until", "wants_advice")

    def __init__(
        self,
        reply: ReplyFields | None,
        until: float,
        wants_advice: bool,
        interval: float | None,
        transport: str,
        message_id: MessageId | None = None,
    ) -> None:
        self._reply: ReplyFields | None = reply
        self._id: MessageId | None = message_id if reply is None else None
        self.until: float = until
        self.wants_advice: bool = wants_advice
        self.interval: float | None = interval
        self.transport: str = transport

    @property
    def reply(self) -> ReplyFields:
        """The reply's beginning, to be completed when the connect is answered."""
        if self._reply is not None:
            return self._reply
        return ReplyFields({"channel": META_CONNECT} if self._id is None else {"id": self._id, "channel": META_CONNECT})

    def fold(self) -> None:
        """Keep the ``id`` alone, where nothing else stands in the reply and nobody will look at it before it is sent.

        Most connects are held so: it saves 250 bytes of each.
        """
        reply = self._reply
        if reply is not None and reply.get("channel") == META_CONNECT and len(reply) == 1 + ("id" in reply):
            self._reply, self._id = None, reply.get("id")


@dataclass(slots=True)
class Reply:
    """Answer the message being processed with this.

    Not frozen, though nobody changes one: nearly every meta request makes one, and that would take three times as long.
    """

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
    """Give the message being processed to listeners and subscribers; its reply says what came of that (PUB-13)."""


@dataclass(slots=True)
class Subscribe:
    """Enter the session under these channels; those it had already are not among them (SUB-7). Not frozen: likewise."""

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
