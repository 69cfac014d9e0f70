"""From a request to who asks: credentials, the cookie, and the token against pages of other sites.

A change that comes with a cookie alone has to show the token that only our own pages could read; who shows
credentials with each request needs none, because no browser adds those by itself.

Source: AG-10…14, SEC-33.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from bayeux.transports.proxy import Client
from gateway.agents.operations import Caller
from gateway.agents.refusal import ACCESS_DENIED, FORBIDDEN, Refused
from gateway.auth.agents import Agents, Credentials
from gateway.auth.http_sessions import CSRF_HEADER, HttpSession

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class AccessDenied(Refused):
    """AG-11."""

    def __init__(self) -> None:
        super().__init__(ACCESS_DENIED, "Access denied")


class CsrfTokenWrong(Refused):
    """AG-13."""

    def __init__(self) -> None:
        super().__init__(FORBIDDEN, "Missing or invalid Csrf token")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who asks, and his HTTP session."""

    caller: Caller
    session: HttpSession
    new_cookie: str | None
    """Where the session begins with this request: what its cookie has to be."""


class Reception:
    """Knows who asks.

    Args:
        agents: signs them in.
        demands_csrf_token: of changes that come with a cookie alone.
        origin: what URIs in answers begin with; empty: where the request came to.
    """

    def __init__(self, agents: Agents, *, demands_csrf_token: bool, origin: str = "") -> None:
        self.agents = agents
        self._demands_csrf_token = demands_csrf_token
        self._origin = origin

    async def receive(self, method: str, headers: Mapping[str, str], cookie: str, client: Client) -> SignedIn:
        """Who sends a request.

        Raises AccessDenied, CsrfTokenWrong, TooManyFailures, PasswordsBusy, Unavailable.
        """
        authorization, token = headers.get("Authorization", ""), headers.get(CSRF_HEADER, "")
        needs_token = self._demands_csrf_token and method not in _SAFE and not authorization
        if needs_token and not (cookie and token):
            raise CsrfTokenWrong
        shown = Credentials(authorization=authorization, cookie=cookie, peer=client.peer, is_secure=client.secure)
        found = self.agents.who(shown)
        user = await found if isinstance(found, Awaitable) else found
        if user is None:
            raise AccessDenied
        new_cookie = None
        session = self.agents.session_of(cookie)
        if session is None or session.user != user:
            new_cookie, session = await self.agents.enter(user)
        if needs_token and not session.is_shown(token):
            raise CsrfTokenWrong
        caller = Caller(
            user=user, roles=self._roles(user), session=session.key.hex(), origin=self._origin or client.own_origin
        )
        return SignedIn(caller, session, new_cookie)

    def _roles(self, user: str) -> frozenset[str]:
        """Who has only a token is an agent."""
        known = self.agents.users.get(user)
        return frozenset(known.roles) if known is not None else frozenset({"agent"})
