"""Who an agent is: by password, by token, or by the cookie of an earlier sign-in.

One door for REST and Bayeux. What somebody shows with a request wins over his cookie, so that a
new sign-in in the same browser is at once the new user's (AG-102).

Source: AG-10…14, AG-26, SEC-51…53.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bayeux.protocol.errors import Unavailable
from bayeux.server.transport import Context
from gateway.auth.http_sessions import COOKIE, CSRF_HEADER, HttpSession, HttpSessions, cookie_line
from gateway.auth.passwords import Passwords, PasswordsBusy
from gateway.auth.shared_sessions import SharedSessions
from gateway.auth.throttle import Throttle, TooManyFailures
from gateway.auth.tokens import TokenRefused, Tokens
from gateway.config.model import Auth

log = logging.getLogger(__name__)

API = "/api/v2/"
"""Below it whoever shows credentials is given a session (AG-10)."""
_VERIFIED_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows of its sender."""

    authorization: str
    """The header, or empty."""
    cookie: str
    """Value of JSESSIONID, or empty."""
    peer: str
    is_secure: bool
    """It came over TLS."""

    @property
    def is_confidential(self) -> bool:
        """Could nobody on the way read it (SEC-53)?"""
        if self.is_secure:
            return True
        try:
            return ipaddress.ip_address(self.peer).is_loopback
        except ValueError:
            return False


class Agents:
    """Signs agents in; ``close`` it at the end.

    Args:
        config: users, keys and limits.
        guards_bayeux: Bayeux requests that come with a cookie alone have to show the CSRF token, too (AG-13).
        clock: seconds, monotonic.
    """

    def __init__(
        self, config: Auth, *, guards_bayeux: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.users = {user.name: user for user in config.users}
        self.tokens = Tokens(config.tokens)
        self.http_sessions = HttpSessions(
            idle=config.session_idle, most=config.max_sessions, most_per_user=config.max_sessions_per_user
        )
        self.shared: SharedSessions | None = None
        """What other nodes know of them; set where there are others."""
        self._throttle = Throttle(
            per_account=config.login_failures,
            per_address=config.login_failures_per_address,
            window=config.login_window,
        )
        self._passwords = Passwords(config.users)
        self._allow_basic_over_http = config.allow_basic_over_http
        self._guards_bayeux = guards_bayeux
        self._clock = clock
        # A fingerprint is of no use outside this process: its key is never stored.
        self._fingerprint_key = os.urandom(32)
        self._verified: OrderedDict[bytes, str] = OrderedDict()
        self._verifying: dict[bytes, asyncio.Task[str | None]] = {}

    def close(self) -> None:
        """Stop checking passwords."""
        for task in self._verifying.values():
            task.cancel()
        self._passwords.close()
        if self.shared is not None:
            self.shared.close()

    def identify(self, context: Context) -> str | Awaitable[str | None] | None:
        """Who sends this Bayeux request or upgrade; None for nobody we know, whatever the reason.

        What it gives or awaits raises Unavailable when too many passwords are being checked, or the backplane is away.
        """
        authorization, cookie = context.headers.get("authorization", ""), context.cookies.get(COOKIE, "")
        if not authorization and not cookie:
            return None  # nothing was shown
        shown = Credentials(
            authorization=authorization,
            cookie=cookie,
            peer=context.peer,
            is_secure=context.secure,
        )
        try:
            found = self.who(shown)
        except TooManyFailures:
            return None
        if self._guards_bayeux and not authorization:
            return self._guarded(found, cookie, context.headers.get(CSRF_HEADER.lower(), ""))
        if isinstance(found, Awaitable):
            return self._welcome_later(found, context)
        return self._welcome_later(_said(found), context) if self._is_welcomed(found, context) else found

    async def _guarded(self, found: str | Awaitable[str | None] | None, cookie: str, token: str) -> str | None:
        user = await found if isinstance(found, Awaitable) else found
        session = self.session_of(cookie)
        return user if session is not None and session.is_shown(token) else None

    async def _welcome_later(self, found: Awaitable[str | None], context: Context) -> str | None:
        try:
            user = await found
        except PasswordsBusy:
            raise Unavailable from None
        if user is not None and self._is_welcomed(user, context):
            value, _ = await self.enter(user)
            context.answer_headers["Set-Cookie"] = cookie_line(value, secure=context.secure)
        return user

    def _is_welcomed(self, user: str | None, context: Context) -> bool:
        """AG-10: who signs in with a request below the API gets an HTTP session, also where the request is Bayeux."""
        if user is None or not context.path.startswith(API) or "authorization" not in context.headers:
            return False
        session = self.session_of(context.cookies.get(COOKIE, ""))
        return session is None or session.user != user

    def who(self, shown: Credentials) -> str | Awaitable[str | None] | None:
        """The user; what has to be awaited is a password that was not seen before, and a cookie of another node.

        Raises TooManyFailures, PasswordsBusy; what it awaits, PasswordsBusy, Unavailable.
        """
        if shown.authorization:
            scheme, _, rest = shown.authorization.partition(" ")
            if scheme.lower() == "basic":
                return self._by_password(rest.strip(), shown)
            return self._by_token(rest.strip(), shown.peer) if scheme.lower() == "bearer" else None
        session = self.session_of(shown.cookie)
        if session is None and self.shared is not None and shown.cookie:
            return self._by_cookie_of_another_node(shown.cookie, self.shared)
        return self._user_of(session)

    def session_of(self, cookie: str) -> HttpSession | None:
        """The live HTTP session of a cookie that this node knows, renewed by being asked for (AG-14)."""
        session = self.http_sessions.use(cookie, self._clock()) if cookie else None
        if session is not None and self.shared is not None:
            self.shared.renew(session, self._clock())
        return session

    async def enter(self, user: str) -> tuple[str, HttpSession]:
        """An HTTP session for who has just shown who he is, and the value of its cookie. Raises Unavailable."""
        value, session = self.http_sessions.begin(user, self._clock())
        if self.shared is not None:
            session.told_at = self._clock()
            await self.shared.keep(session)
        return value, session

    def is_barred(self, user: str) -> bool:
        """Is this one configured as who may not sign in, whatever he shows?"""
        known = self.users.get(user)
        return known is not None and not known.enabled

    async def leave(self, session: HttpSession) -> None:
        """End an HTTP session, at other nodes within a minute or two (AG-26). Raises Unavailable."""
        self.http_sessions.end(session)
        if self.shared is not None:
            await self.shared.forget(session)

    async def _by_cookie_of_another_node(self, cookie: str, shared: SharedSessions) -> str | None:
        session = await shared.find(cookie, self._clock())
        return self._user_of(session)

    def _user_of(self, session: HttpSession | None) -> str | None:
        """Where cookies are shared they outlive a node; he may have been barred since."""
        return session.user if session is not None and not self.is_barred(session.user) else None

    def _by_token(self, token: str, peer: str) -> str | None:
        try:
            user = self.tokens.user_of(token)
            if self.is_barred(user):
                raise TokenRefused("its user may not sign in")
        except TokenRefused as refused:
            log.info("token refused", extra={"peer": peer, "reason": str(refused)})
            return None
        return user

    def _by_password(self, encoded: str, shown: Credentials) -> str | Awaitable[str | None] | None:
        if not shown.is_confidential and not self._allow_basic_over_http:
            log.warning(
                "a password came over plain HTTP and was not looked at; use TLS or set auth.allow_basic_over_http",
                extra={"peer": shown.peer},
            )
            return None
        try:
            name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if not colon:
            return None
        fingerprint = hmac.digest(self._fingerprint_key, f"{len(name)}:{name}{password}".encode(), "sha256")
        running = self._verifying.get(fingerprint)
        if running is not None:  # the same password at the same time is one attempt
            return asyncio.shield(running)
        self._throttle.attempt(name, shown.peer, self._clock())
        if fingerprint in self._verified:
            self._verified.move_to_end(fingerprint)
            self._throttle.forgive(name, shown.peer)
            return name
        task = asyncio.ensure_future(self._verify(name, password, shown.peer, fingerprint))
        self._verifying[fingerprint] = task
        task.add_done_callback(lambda _: self._verifying.pop(fingerprint))
        return asyncio.shield(task)

    async def _verify(self, name: str, password: str, peer: str, fingerprint: bytes) -> str | None:
        is_right = False
        try:
            is_right = await self._passwords.verify(name, password)
        except BaseException:
            self._throttle.forgive(name, peer)
            raise
        if not is_right:
            log.info("sign-in refused", extra={"user": name, "peer": peer})
            return None
        self._throttle.forgive(name, peer)
        self._verified[fingerprint] = name
        if len(self._verified) > _VERIFIED_KEPT:
            self._verified.popitem(last=False)
        return name


async def _said(user: str | None) -> str | None:
    """What is known already."""
    return user
