"""Who may handshake, create, subscribe and publish.

A policy is asked first, then the authorizers of the matching channels. Everything here may be
plain or awaitable; a hook that raises means deny (BER-2).

Source: SUB-4, PUB-6, HS-7, AUZ-1…5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from bayeux.protocol.channel import ChannelName, Kind

if TYPE_CHECKING:
    from bayeux.protocol.message import Message
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Context

DENIED_BY_POLICY = "denied_by_security_policy"
DENIED_BY_NOT_GRANTING = "denied_by_not_granting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Yes; a handshake may be told whose session it makes, and what its reply's ``ext`` says."""

    user: str | None = None
    roles: frozenset[str] | None = None
    ext: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """No; what is set replaces the standard words of the reply (HS-7).

    ``error`` is the whole wire form; ``reason`` is the argument of the standard error.
    """

    reason: str = DENIED_BY_POLICY
    error: str | None = None
    advice: Mapping[str, Any] | None = None
    ext: Mapping[str, Any] | None = None


Decision: TypeAlias = "bool | Granted | Denied"
MaybeAwaitable: TypeAlias = "Decision | Awaitable[Decision]"


class SecurityPolicy:
    """The default policy: everyone may handshake, publish and subscribe, except on meta channels (AUZ-2).

    Subclass it and override what should be stricter.
    """

    def can_handshake(self, server: BayeuxServer, session: ServerSession, message: Message) -> MaybeAwaitable:
        """May this client have a session? ``message.context`` tells its request, ``message.ext`` its claims."""
        return True

    def can_speak_for(self, server: BayeuxServer, session: ServerSession, context: Context) -> bool | Denied:
        """May a request of one user name the session of another (AG-103)? Not awaited, and seldom asked.

        True: who it is of does not matter, other proof does, such as the browser cookie. False: it is answered as if
        there were no such session. ``Denied``: with these words; the session is left alone.
        """
        return False

    def can_create(
        self, server: BayeuxServer, session: ServerSession | None, channel: ChannelName, message: Message
    ) -> MaybeAwaitable:
        """May this client bring a channel into being by subscribing or publishing to it?"""
        return channel.kind is not Kind.META

    def can_subscribe(
        self, server: BayeuxServer, session: ServerSession, channel: ChannelName, message: Message
    ) -> MaybeAwaitable:
        """May this client see a channel, or all channels of a pattern?"""
        return channel.kind is not Kind.META

    def can_publish(
        self, server: BayeuxServer, session: ServerSession | None, channel: ChannelName, message: Message
    ) -> MaybeAwaitable:
        """May this client publish here? ``session`` is None for an anonymous publish (PUB-2)."""
        return channel.kind is not Kind.META


class Operation(StrEnum):
    """What an authorizer is asked about."""

    CREATE = "create"
    SUBSCRIBE = "subscribe"
    PUBLISH = "publish"


class Verdict(Enum):
    """An authorizer's answer without a reason of its own."""

    GRANT = "grant"
    IGNORE = "ignore"


class Authorizer(Protocol):
    """Attached to a channel or pattern; once one is attached, silence denies (AUZ-5)."""

    def authorize(
        self, operation: Operation, channel: ChannelName, session: ServerSession | None, message: Message
    ) -> Verdict | Denied | Awaitable[Verdict | Denied]:
        """Grant, ignore, or deny with a reason; one deny wins over all grants."""
