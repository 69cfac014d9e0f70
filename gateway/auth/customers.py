"""Who a customer is: the user that his device names in ``gms_user``, proven by a signed token where that is demanded.

A customer is no agent, whatever his device is called: inside, his name begins with what no agent's may begin with.

Source: CM-5…9, CM-13, CM-22, CM-23, AUTH-8, G-14.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable
from typing import Final, Protocol
from urllib.parse import parse_qs

from bayeux.protocol.message import Message
from bayeux.server.security import Decision, Denied, Granted
from bayeux.server.transport import Context
from bayeux.transports.mount import Identify
from gateway.auth.tokens import TokenRefused, Tokens
from gateway.config.customers import Server
from gateway.config.model import Tokens as TokenConfig

HEADER: Final = "gms_user"
LONGEST: Final = 512
"""Characters (G-14)."""
PREFIX: Final = "gms:"
"""No agent's name begins like this."""

USER_REQUIRED: Final = Denied(error="403::gms_user required")
USER_MISMATCH: Final = Denied(error="403::user mismatch")
_TOKEN_REQUIRED = Denied(error="403::user token required")
_TOO_LONG = Denied(error=f"400::gms_user has more than {LONGEST} characters")
_ACCOUNT_REQUIRED = Denied(error="401::account required")


def bayeux_user(user: str) -> str:
    """The name by which sessions of a customer are addressed."""
    return PREFIX + user


def customer_named(name: str | None) -> str | None:
    """The customer behind a user's name; None for agents and guests."""
    return name[len(PREFIX) :] if name is not None and name.startswith(PREFIX) else None


def header_user(value: str) -> str:
    """A header as whoever sent it meant it: bytes of UTF-8 arrive as if they were Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


class UserTokens:
    """Signed proofs of ``gms_user``: JWT, HS256, ``sub`` and ``exp``.

    Args:
        key: that of the configuration; empty = nobody has to prove anything.
    """

    def __init__(self, key: str) -> None:
        self._tokens = Tokens(TokenConfig.model_validate({"secret": key})) if key else None

    @property
    def are_demanded(self) -> bool:
        """Whoever names a user has to prove it."""
        return self._tokens is not None

    def prove(self, user: str, token: str) -> bool:
        """Whether a token says that its bearer is this user; always where none is demanded."""
        if self._tokens is None:
            return True
        try:
            claimed = self._tokens.check(token).get("sub")
        except TokenRefused:
            return False
        return isinstance(claimed, str) and hmac.compare_digest(claimed.encode(), user.encode())


def user_tokens(server: Server) -> UserTokens:
    """As they are configured."""
    key = server.user_token_key
    return UserTokens(key.get_secret_value() if key is not None else "")


def bearer(authorization: str) -> str:
    """The token of an ``Authorization`` header; empty where there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class Admits(Protocol):
    """Lets requests in that show the customers' account, or refuses them."""

    async def __call__(self, context: Context) -> bool:
        """Whether this one does."""


class Customers:
    """The customers' door to Bayeux.

    Args:
        path: of the mount where they handshake.
        server: their part of the configuration.
        agents: tells who else a request is of.
    """

    def __init__(self, path: str, server: Server, agents: Identify) -> None:
        self.tokens: UserTokens = user_tokens(server)
        self.admits: Admits | None = None
        """Asked at each handshake of a customer or guest where an account is demanded (CM-22)."""
        self._path = path
        self._is_open = server.enabled
        self._allow_query = server.allow_query_user
        self._agents = agents

    def identify(self, context: Context) -> str | Awaitable[str | None] | None:
        """Who sends a request to the customers' mount: a customer if it says so, else whoever it is of elsewhere."""
        claimed = self._claimed(context)
        return bayeux_user(claimed) if claimed else self._agents(context)

    def serves(self, context: Context) -> bool:
        """Whether a request came to their mount, and they are served."""
        return self._is_open and (context.path == self._path or context.path.startswith(f"{self._path}/"))

    def names_customer(self, message: Message) -> bool:
        """Whether a handshake is a customer's: by its request, or by itself (CM-6)."""
        return customer_named(message.context.user) is not None or bool(message.ext.get(HEADER))

    def admit(self, message: Message) -> Decision | Awaitable[Decision]:
        """May this customer, or guest, have a session?"""
        context = message.context
        named, told = customer_named(context.user), message.ext.get(HEADER)
        if told is not None and not isinstance(told, str):
            return Denied(error="400::gms_user is no text")
        if named and told and named != told:
            return USER_MISMATCH
        user = named or told or ""
        if len(user) > LONGEST:
            return _TOO_LONG
        if user and not self._is_proven(user, message):
            return _TOKEN_REQUIRED
        granted = Granted(user=bayeux_user(user)) if user else Granted()
        return granted if self.admits is None else self._admit_account(context, granted, self.admits)

    async def _admit_account(self, context: Context, granted: Granted, admits: Admits) -> Decision:
        return granted if await admits(context) else _ACCOUNT_REQUIRED

    def _is_proven(self, user: str, message: Message) -> bool:
        token = message.ext.get("token")
        if not isinstance(token, str):
            token = bearer(message.context.headers.get("authorization", ""))
        return self.tokens.prove(user, token)

    def _claimed(self, context: Context) -> str:
        claimed = header_user(context.headers.get(HEADER, ""))
        if not claimed and self._allow_query and context.transport == "websocket":
            claimed = (parse_qs(context.query).get(HEADER) or [""])[-1]
        return claimed
