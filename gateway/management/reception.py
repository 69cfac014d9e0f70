"""Who an administrator is: by HTTP Basic with each request, or by the cookie of a sign-in.

A change that comes with a cookie alone needs the CSRF token, and a browser that tells which page sends it.

Source: AUTH-4, AUTH-5, MG-1, MG-22, SEC-33, SEC-51…53, SEC-L21.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bayeux.transports.origin import Origins, Verdict
from bayeux.transports.proxy import Client
from gateway.auth.agents import Agents, Credentials
from gateway.auth.passwords import PasswordsBusy
from gateway.auth.throttle import TooManyFailures
from gateway.config.customers import Administrator, Management
from gateway.config.model import Auth, Tokens, User
from gateway.customers.refusal import Away, Forbidden, NotAuthenticated
from gateway.management.declaration import Role
from gateway.management.refusal import TooOften
from gateway.management.sessions import CSRF_HEADER, Session, Sessions, cookie_of, fingerprint
from gateway.store.store import Room

_READS = frozenset({"GET", "HEAD"})
_OWN = Origins()


@dataclass(frozen=True, slots=True)
class Somebody:
    """Who has signed in."""

    name: str
    role: Role
    session: Session | None
    """None: by HTTP Basic."""


class Reception:
    """Signs administrators in; ``close`` it at the end.

    Args:
        management: who they are.
        auth: has the bounds on guessing, and the passwords of those who are users as well.
        room: where sign-ins are kept.
        clock: seconds since 1970.
    """

    def __init__(self, management: Management, auth: Auth, room: Room, *, clock: Callable[[], float]) -> None:
        users = {user.name: user for user in auth.users}
        accounts = [_account(each, users) for each in management.administrators]
        self._roles = {each.name: Role(each.role) for each in management.administrators}
        self._agents = Agents(auth.model_copy(update={"users": accounts, "tokens": Tokens()}))
        self.sessions = Sessions(
            room,
            {user.name: fingerprint(user.password_hash.get_secret_value()) for user in accounts if user.enabled},
            idle=management.session_idle,
            lifetime=management.session_lifetime,
            clock=clock,
        )

    def close(self) -> None:
        """Stop checking passwords."""
        self._agents.close()

    async def receive(self, method: str, headers: Mapping[str, str], client: Client) -> Somebody:
        """Who asks. Raises NotAuthenticated, Forbidden, TooOften, Away, Unavailable."""
        if authorization := headers.get("Authorization", ""):
            return await self._by_password(authorization, client)
        session = await self.sessions.find(cookie_of(headers.get("Cookie", ""), is_secure=client.secure))
        if session is None:
            raise NotAuthenticated("sign in first")
        if method not in _READS:
            if "Origin" not in headers and "Sec-Fetch-Site" not in headers:
                raise Forbidden("with a cookie, a browser has to tell which page asks")
            if not session.is_shown(headers.get(CSRF_HEADER, "")):
                raise Forbidden(f"{CSRF_HEADER} is missing or wrong")
        return Somebody(session.user, self._roles[session.user], session)

    async def sign_in(self, name: str, password: str, client: Client) -> tuple[str, Somebody]:
        """Begin a sign-in; the value of its cookie. Raises NotAuthenticated, TooOften, Away, Unavailable."""
        encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
        if ":" in name:
            raise NotAuthenticated("user name or password is wrong")
        known = await self._by_password(f"Basic {encoded}", client)
        cookie, session = await self.sessions.begin(known.name)
        return cookie, Somebody(known.name, known.role, session)

    async def _by_password(self, authorization: str, client: Client) -> Somebody:
        shown = Credentials(authorization=authorization, cookie="", peer=client.peer, is_secure=client.secure)
        try:
            found = self._agents.who(shown)
            name = await found if isinstance(found, Awaitable) else found
        except TooManyFailures as failures:
            raise TooOften("too many wrong passwords", retry_after=math.ceil(failures.retry_after)) from None
        except PasswordsBusy:
            raise Away("try again in a moment", retry_after=1) from None
        if name is None:
            raise NotAuthenticated("user name or password is wrong")
        return Somebody(name, self._roles[name], None)


def admit_page(method: str, headers: Mapping[str, str], client: Client) -> None:
    """Only our own pages change anything, whoever else may speak with customers' parts. Raises Forbidden."""
    if method not in _READS and _OWN.judge(headers, client.own_origin) is not Verdict.OWN:
        raise Forbidden("pages of this origin may not do that")


def _account(administrator: Administrator, users: Mapping[str, User]) -> User:
    """As the check of passwords knows accounts."""
    if administrator.password_hash is None:
        return users[administrator.name]
    return User(name=administrator.name, password_hash=administrator.password_hash)
