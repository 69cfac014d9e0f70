"""Sign-ins of administrators' browsers, known to every node: what the cookie of the management stands for.

They are in the store, under the hash of the cookie, so that who reads the store cannot sign in with what is there.
One ends when nothing used it for a while, after a time at the latest, and when its user is no administrator any more
or has another password.

Source: MG-1, SEC-33, SEC-37, SEC-54.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final

from gateway.store.store import Changes, Conflict, Room, Write

NAME: Final = "GATEWAY_ADMIN"
SECURE_NAME: Final = f"__Host-{NAME}"
CSRF_HEADER: Final = "X-CSRF-TOKEN"
_TOLD_EVERY: Final = 60.0
"""Seconds; use within them is not written down."""


@dataclass(frozen=True, slots=True)
class Session:
    """One browser."""

    user: str
    csrf_token: str
    key: str
    """Its document's."""

    def is_shown(self, token: str) -> bool:
        """Is this its CSRF token (SEC-54)?"""
        return hmac.compare_digest(token.encode(), self.csrf_token.encode())


class Sessions:
    """All of them.

    Args:
        room: where they are kept.
        accounts: fingerprint of each administrator's password, by name.
        idle: seconds without use after which one is over.
        lifetime: seconds after which any is over.
        clock: seconds since 1970.

    All methods raise Unavailable.
    """

    def __init__(
        self, room: Room, accounts: Mapping[str, str], *, idle: float, lifetime: float, clock: Callable[[], float]
    ) -> None:
        self._room = room
        self._accounts = accounts
        self._idle = idle
        self._lifetime = lifetime
        self._clock = clock

    async def begin(self, user: str) -> tuple[str, Session]:
        """A sign-in of who has just shown his password, and the value of its cookie, always a new one (SEC-37)."""
        cookie, now = secrets.token_hex(32), self._clock()
        session = Session(user, secrets.token_hex(16), _key(cookie))
        body = {
            "user": user,
            "csrf": session.csrf_token,
            "account": self._accounts[user],
            "began": now,
            "used": now,
        }
        await self._room.commit(Changes(writes=[Write(session.key, body, 0, ttl=self._left(now, now))]))
        return cookie, session

    async def find(self, cookie: str) -> Session | None:
        """The live one of a cookie; it is used by this."""
        if not cookie:
            return None
        (document,) = await self._room.read(_key(cookie))
        if document is None:
            return None
        body, now = document.body, self._clock()
        is_over = now >= body["used"] + self._idle or now >= body["began"] + self._lifetime
        if is_over or self._accounts.get(body["user"]) != body["account"]:
            return None
        if now - body["used"] >= min(_TOLD_EVERY, self._idle / 4):
            used = {**body, "used": now}
            ttl = self._left(body["began"], now)
            try:
                await self._room.commit(Changes(writes=[Write(document.key, used, document.version, ttl=ttl)]))
            except Conflict:
                pass  # another request of the same browser was first, or it has just signed out
        return Session(body["user"], body["csrf"], document.key)

    async def end(self, session: Session) -> None:
        """Its cookie stands for nothing from here on."""
        while True:
            (document,) = await self._room.read(session.key)
            if document is None:
                return
            try:
                await self._room.commit(Changes(writes=[Write(session.key, None, document.version)]))
            except Conflict:
                continue
            return

    def _left(self, began: float, now: float) -> float:
        return max(1.0, min(self._idle, began + self._lifetime - now))


def cookie_line(value: str, *, is_secure: bool) -> str:
    """The ``Set-Cookie`` of a sign-in, or of its end where the value is empty (SEC-37)."""
    name = SECURE_NAME if is_secure else NAME
    attributes = "; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if is_secure else "")
    return f"{name}={value}{attributes}" + ("" if value else "; Max-Age=0")


def cookie_of(header: str, *, is_secure: bool) -> str:
    """The value that a request shows; empty: none.

    Over TLS only the name counts that no other host, and no plain connection, could have set.
    """
    try:
        found = SimpleCookie(header).get(SECURE_NAME if is_secure else NAME)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def fingerprint(password_hash: str) -> str:
    """Another one when the password is."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


def _key(cookie: str) -> str:
    return f"session:{hashlib.sha256(cookie.encode()).hexdigest()}"
