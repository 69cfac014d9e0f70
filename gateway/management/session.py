"""``login``, ``logout`` and ``me``: the session of an administrator's browser.

Source: MG-1, AUTH-4, SEC-33, SEC-37, SEC-52.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from gateway.customers.refusal import NotAuthenticated
from gateway.management.audit import Author
from gateway.management.declaration import ALL_ROLES, ANYBODY, Method, Role
from gateway.management.handler import Answer, Body, Managed
from gateway.management.reception import Somebody
from gateway.management.sessions import cookie_line

_ME: Final = {
    "type": "object",
    "required": ["name", "role"],
    "properties": {
        "name": {"type": "string"},
        "role": {"type": "string", "enum": [role.value for role in Role]},
        "csrfToken": {
            "type": "string",
            "description": "Comes as `X-CSRF-TOKEN` with every change that shows the cookie alone.",
        },
    },
}


class SignIn(Body):
    """An account."""

    username: str = Field(min_length=1, max_length=128)
    password: str = Field(max_length=1024)


class Login(Managed):
    """Beginning a session."""

    path = "/admin/login"
    posts = Method(
        says="Sign in; the answer sets a cookie.",
        roles=ANYBODY,
        body=SignIn.model_json_schema(),
        answer=_ME,
        refuses=(401, 429),
    )

    async def take(self, *path: str) -> Answer:
        """Also in place of another session."""
        account = self.sent(SignIn)
        try:
            cookie, somebody = await self.around.reception.sign_in(account.username, account.password, self.client)
        except NotAuthenticated:
            Author(account.username, self.client.peer, self.request_id).did("sign-in to the management refused")
            raise
        Author(somebody.name, self.client.peer, self.request_id).did("signed in to the management")
        return Answer(body=_shown(somebody), cookie=cookie_line(cookie, is_secure=self.client.secure))


class Logout(Managed):
    """Ending a session."""

    path = "/admin/logout"
    posts = Method(says="Sign out; the cookie stands for nothing any more.", roles=ALL_ROLES, status=204)

    async def take(self, *path: str) -> Answer:
        """Who came by HTTP Basic has no session to end."""
        if self.somebody.session is not None:
            await self.around.reception.sessions.end(self.somebody.session)
            self.author.did("signed out of the management")
        return Answer(cookie=cookie_line("", is_secure=self.client.secure))


class Me(Managed):
    """Who has signed in."""

    path = "/admin/me"
    gets = Method(says="Name and role of who asks.", roles=ALL_ROLES, answer=_ME)

    async def read(self, *path: str) -> Answer:
        """MG-1."""
        return Answer(body=_shown(self.somebody))


def _shown(somebody: Somebody) -> dict[str, Any]:
    token = {"csrfToken": somebody.session.csrf_token} if somebody.session is not None else {}
    return {"name": somebody.name, "role": somebody.role.value, **token}
