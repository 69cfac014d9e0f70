"""HTTP sessions of agents: what a ``JSESSIONID`` stands for.

A bounded table; time is an argument. A session ends when nothing used it for a while, or when
its user or everybody has too many: then the one idle for longest goes.

Source: AG-10, AG-13, AG-14, AG-26, SEC-37, SEC-54.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field

COOKIE = "JSESSIONID"
CSRF_HEADER = "X-CSRF-TOKEN"


def cookie_line(value: str, *, secure: bool) -> str:
    """The ``Set-Cookie`` of a session (AG-10)."""
    return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")


@dataclass(slots=True)
class HttpSession:
    """One signed-in browser or program."""

    user: str
    key: bytes
    used_at: float
    csrf_token: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Lives as long as the session (AG-13)."""
    told_at: float = float("-inf")
    """When a store that others read was last told that it is used."""

    def is_shown(self, token: str) -> bool:
        """Is this its CSRF token (SEC-54)?"""
        return hmac.compare_digest(token.encode(), self.csrf_token.encode())


class HttpSessions:
    """All of them.

    Args:
        idle: seconds without use after which a session is over.
        most: sessions at once.
        most_per_user: sessions of one user at once.
    """

    def __init__(self, *, idle: float, most: int, most_per_user: int) -> None:
        self.idle = idle
        self.most = most
        self.most_per_user = most_per_user
        # Keyed by the hash of the cookie: how long a look-up takes tells nothing of the cookie (SEC-54).
        self._by_key: OrderedDict[bytes, HttpSession] = OrderedDict()
        self._by_user: dict[str, OrderedDict[bytes, None]] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def begin(self, user: str, now: float) -> tuple[str, HttpSession]:
        """A session for who has just shown credentials: its cookie's value, always a new one (SEC-37), and itself."""
        cookie = secrets.token_hex(16).upper()
        return cookie, self.adopt(HttpSession(user, self.key_of(cookie), now))

    def adopt(self, session: HttpSession) -> HttpSession:
        """Know a session that began elsewhere."""
        self._by_key[session.key] = session
        of_user = self._by_user.setdefault(session.user, OrderedDict())
        of_user[session.key] = None
        if len(of_user) > self.most_per_user:
            self._end(next(iter(of_user)))
        if len(self._by_key) > self.most:
            self._end(next(iter(self._by_key)))
        return session

    def use(self, cookie: str, now: float) -> HttpSession | None:
        """The session of a cookie, renewed by this (AG-14); None if there is none or it was idle for too long."""
        self._forget_idle(now)
        session = self._by_key.get(self.key_of(cookie))
        if session is not None:
            session.used_at = now
            self._by_key.move_to_end(session.key)
            self._by_user[session.user].move_to_end(session.key)
        return session

    def end(self, session: HttpSession) -> None:
        """Its cookie stands for nothing from here on; nothing happens if it is over already."""
        if session.key in self._by_key:
            self._end(session.key)

    @staticmethod
    def key_of(cookie: str) -> bytes:
        """What a session is known by where cookies must not be."""
        return hashlib.sha256(cookie.encode()).digest()

    def _forget_idle(self, now: float) -> None:
        while self._by_key:
            oldest = next(iter(self._by_key.values()))
            if oldest.used_at + self.idle > now:
                break
            self._end(oldest.key)

    def _end(self, key: bytes) -> None:
        session = self._by_key.pop(key)
        of_user = self._by_user[session.user]
        del of_user[key]
        if not of_user:
            del self._by_user[session.user]
