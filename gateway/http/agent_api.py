"""The beginning of the agent API: who am I, and what am I talking to.

Source: AG-10…15, AG-140.
"""

from __future__ import annotations

import math
import uuid

import gateway
from bayeux.protocol.errors import Unavailable
from bayeux.transports.proxy import Proxies
from gateway.auth.agents import Agents, Credentials
from gateway.auth.http_sessions import COOKIE, HttpSession, cookie_line
from gateway.auth.passwords import PasswordsBusy
from gateway.auth.throttle import TooManyFailures
from gateway.config.model import User
from gateway.http.handler import JsonHandler

_ACCESS_DENIED = {"statusCode": 20, "statusMessage": "Access denied"}


class AgentHandler(JsonHandler):
    """Only for agents; ``user`` is who asks."""

    user: str

    def initialize(self, agents: Agents, proxies: Proxies) -> None:
        """Who signs them in, and which proxies are believed about who they are (SEC-96)."""
        self._agents = agents
        self._proxies = proxies

    async def prepare(self) -> None:
        """Find out who asks, and give him a session (AG-10); refuse everybody else (AG-11)."""
        request = self.request
        self._client = self._proxies.client(request.remote_ip or "", request.protocol == "https", request.headers)
        cookie = self.get_cookie(COOKIE, "") or ""
        shown = Credentials(
            authorization=request.headers.get("Authorization", ""),
            cookie=cookie,
            peer=self._client.peer,
            is_secure=self._client.secure,
        )
        try:
            found = self._agents.who(shown)
            user = await found if found is not None and not isinstance(found, str) else found
            session = await self._session(user, cookie) if user is not None else None
        except TooManyFailures as failures:
            self.set_header("Retry-After", str(math.ceil(failures.retry_after)))
            user = session = None
        except (PasswordsBusy, Unavailable):
            self.set_header("Retry-After", "1")
            self.send_error(503)
            return
        if user is None or session is None:
            # No WWW-Authenticate: a browser would open a dialog (AG-11).
            self.answer(_ACCESS_DENIED, 403)
            return
        self.user = user
        if self.request.method == "GET":  # AG-13
            self.set_header("X-CSRF-HEADER", "X-CSRF-TOKEN")
            self.set_header("X-CSRF-TOKEN", session.csrf_token)

    async def _session(self, user: str, cookie: str) -> HttpSession:
        session = self._agents.session_of(cookie)
        if session is not None and session.user == user:
            return session
        value, session = await self._agents.enter(user)
        self.set_header("Set-Cookie", cookie_line(value, secure=self._client.secure))
        return session


class Me(AgentHandler):
    """``GET /api/v2/me``."""

    def get(self) -> None:
        """The agent himself."""
        known = self._agents.users.get(self.user)
        self.answer({"statusCode": 0, "user": self._describe(self.user, known)})

    def _describe(self, name: str, user: User | None) -> dict[str, object]:
        """Who has only a token is known by name alone."""
        user_id = uuid.uuid5(uuid.NAMESPACE_OID, name).hex
        path = f"/users/{user_id}"
        roles = user.roles if user is not None else ["agent"]
        return {
            "id": user_id,
            "userName": name,
            "firstName": user.first_name if user else "",
            "lastName": user.last_name if user else "",
            "emailAddress": user.email_address if user else "",
            "roles": [f"ROLE_{role.upper()}" for role in roles],
            "enabled": True,
            "changePasswordOnFirstLogin": False,
            "uri": f"{self._client.own_origin}/api/v2{path}",
            "path": path,
        }


class Version(JsonHandler):
    """``GET /api/v2/diagnostics/version`` (AG-15)."""

    def get(self) -> None:
        """For everybody."""
        self.answer({"statusCode": 0, "version": gateway.__version__})
