"""What clients of the gateway may do: nothing that was not granted.

A signed-in user may listen to his own private names; everything else needs a grant from the
configuration. Development opens the general endpoints to guests and the public channels to all.

Source: SEC-45, AG-100, AG-102, AG-104, AG-105, CM-13, CM-14.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bayeux.protocol.channel import ChannelName, Kind, parse_channel
from bayeux.server.security import Denied, Granted, MaybeAwaitable, SecurityPolicy
from channels.private import CUSTOMER, SERVICES, reaches_private
from gateway.auth.customers import USER_MISMATCH, USER_REQUIRED, Customers, customer_named
from gateway.auth.tokens import TokenRefused, Tokens

if TYPE_CHECKING:
    from bayeux.protocol.message import Message
    from bayeux.server.channels import ServerChannel
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Context
    from gateway.config.model import Grant, User

_RESERVED = ("/v2", SERVICES)
"""The agents' names; none of them is public, not even in development (AG-104, AG-105)."""


class GatewayPolicy(SecurityPolicy):
    """Denies what is not granted.

    Args:
        tokens: checks ``ext.token`` of handshakes (AG-100).
        users: those with roles.
        grants: what is allowed besides the private names.
        guests: paths at which one may handshake without signing in.
        is_open: everybody may use every channel that is not reserved.
        customers: their door; None where they are not served.
    """

    def __init__(
        self,
        tokens: Tokens,
        users: Mapping[str, User],
        grants: Iterable[Grant],
        *,
        guests: Iterable[str] = (),
        is_open: bool = False,
        customers: Customers | None = None,
    ) -> None:
        self._tokens = tokens
        self._users = users
        self._grants = [(grant, parse_channel(grant.channel).text) for grant in grants]
        self._guests = tuple(guests)
        self._below_guests = tuple(f"{path}/" for path in self._guests)
        self._is_open = is_open
        self._customers = customers

    def can_handshake(self, server: BayeuxServer, session: ServerSession, message: Message) -> MaybeAwaitable:
        """Whoever shows who he is, in the request or by a token; at some paths everybody."""
        context, customers = message.context, self._customers
        if customers is not None and customers.serves(context) and customers.names_customer(message):
            return customers.admit(message)
        user: str | None = context.user
        token = message.ext.get("token")
        if token is not None:
            try:
                claimed = self._tokens.user_of(token) if isinstance(token, str) else None
            except TokenRefused:
                claimed = None
            known = self._users.get(claimed) if claimed is not None else None
            if claimed is None or user not in (None, claimed) or (known is not None and not known.enabled):
                return Denied()
            user = claimed
        if user is not None:
            return Granted(user=user)
        if customers is not None and customers.serves(context):
            return customers.admit(message)
        is_guest = context.path in self._guests or context.path.startswith(self._below_guests)
        return is_guest or Denied()

    def can_speak_for(self, server: BayeuxServer, session: ServerSession, context: Context) -> bool | Denied:
        """CM-7: not as another customer; what a browser tells of an agent in it says nothing of its customer."""
        if customer_named(session.user) is None:
            return False
        return USER_MISMATCH if customer_named(context.user) is not None else True

    def can_subscribe(
        self, server: BayeuxServer, session: ServerSession, channel: ChannelName, message: Message
    ) -> MaybeAwaitable:
        """One's own private names, and the wildcards that show them; what is open or granted."""
        if channel.text == CUSTOMER and customer_named(session.user) is None:
            return USER_REQUIRED
        return self._may_subscribe(server, session, channel)

    def _may_subscribe(self, server: BayeuxServer, session: ServerSession, channel: ChannelName) -> bool:
        prefixes = server.options.private_prefixes
        is_customer = customer_named(session.user) is not None
        if server.is_private(channel):
            is_own = channel.text == CUSTOMER if is_customer else not channel.is_below((CUSTOMER,))
            return is_own and session.user is not None
        if reaches_private(channel, prefixes) or channel.text == SERVICES:
            if is_customer:
                return False
            if session.user is not None:
                return True
        if channel.kind is Kind.SERVICE:  # CM-13: a no-op that succeeds
            return session.user is not None or self._is_open
        return self._is_public(channel) or self._is_granted("subscribe", session, channel)

    def can_publish(
        self, server: BayeuxServer, session: ServerSession | None, channel: ChannelName, message: Message
    ) -> MaybeAwaitable:
        """Never to private names and the agents' others; elsewhere what is open or granted."""
        if server.is_private(channel) or channel.is_below(_RESERVED):
            return False
        is_public = self._is_open and channel.kind is not Kind.META  # as ``_is_public``: it is not reserved
        return is_public or self._is_granted("publish", session, channel)

    def guard_wildcards(self, server: BayeuxServer) -> None:
        """Let a wildcard show only what its session might subscribe to by name.

        ``/**`` is allowed to every user for the sake of his own messages (AG-104); it is no way to channels that
        nobody granted him.
        """
        server.listeners.subscribed.append(self._guard)

    def _guard(self, session: ServerSession, channel: ServerChannel, message: Message | None) -> None:
        is_wider = reaches_private(channel.name, session.server.options.private_prefixes)
        if not is_wider or self._is_granted("subscribe", session, channel.name):
            return
        if self._is_visible not in session.listeners.message:
            session.listeners.message.append(self._is_visible)

    def _is_visible(self, session: ServerSession, event: Mapping[str, Any]) -> bool:
        return self._may_subscribe(session.server, session, parse_channel(event["channel"]))

    def _is_public(self, channel: ChannelName) -> bool:
        return self._is_open and channel.kind is not Kind.META and not channel.is_below(_RESERVED)

    def _is_granted(self, operation: str, session: ServerSession | None, channel: ChannelName) -> bool:
        if session is None or session.user is None or channel.kind is Kind.META:
            return False
        if customer_named(session.user) is not None:
            return False  # a grant to everyone who signed in is none to whoever says who he is
        user = self._users.get(session.user)
        roles = frozenset(user.roles) if user is not None else frozenset()
        return any(
            operation in grant.operations
            and pattern in channel.patterns
            and (session.user in grant.users or "*" in grant.users or not roles.isdisjoint(grant.roles))
            for grant, pattern in self._grants
        )
