"""The tokens by which Google knows us: asked for with a signed word of a service account, used until they run out.

Source: NT-15; Google, "Using OAuth 2.0 for server to server applications"; RFC 7523.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import jwt

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.outgoing.client import Outgoing
from gateway.outgoing.origin import Answer
from gateway.push.provider import DeliveryFailed
from gateway.push.providers.calling import called

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - a place
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_LIFE: Final = 3600
_MARGIN: Final = 60.0
"""Seconds before its end after which a token is used no more."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """As its file says."""

    project: str
    email: str
    key_id: str
    private_key: str
    token_uri: str

    @classmethod
    def read(cls, file: str) -> ServiceAccount:
        """Raises DeliveryFailed."""
        try:
            told = json.decode(Path(file).read_bytes(), 4)
        except OSError:
            raise DeliveryFailed("the file of fcm.apiKey cannot be read", permanent=False) from None
        except MalformedBody:
            told = None
        needed = ("project_id", "client_email", "private_key_id", "private_key")
        if not isinstance(told, dict) or not all(isinstance(told.get(name), str) for name in needed):
            raise DeliveryFailed("the file of fcm.apiKey is no service account's", permanent=False)
        project, email, key_id, private_key = (told[name] for name in needed)
        return cls(project, email, key_id, private_key, str(told.get("token_uri") or TOKEN_URI))

    def assertion(self, now: float) -> str:
        """The signed word. Raises DeliveryFailed."""
        claims = {
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": int(now),
            "exp": int(now) + _ASSERTION_LIFE,
        }
        try:
            return jwt.encode(claims, self.private_key, algorithm="RS256", headers={"kid": self.key_id})
        except (ValueError, TypeError, jwt.InvalidKeyError):
            raise DeliveryFailed("the file of fcm.apiKey holds no key for RS256", permanent=False) from None


@dataclass(frozen=True, slots=True)
class Access:
    """To one project, by one token."""

    project: str
    token: str
    ends: float


class AccessTokens:
    """One for each service account's file. ``now`` is in seconds since 1970."""

    def __init__(self, outgoing: Outgoing, now: Callable[[], float]) -> None:
        self._outgoing = outgoing
        self._now = now
        self._accesses: dict[str, Access] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        """Of many deliveries that need a token at once one asks for it."""

    async def access(self, file: str) -> Access:
        """Raises DeliveryFailed."""
        async with self._turns.setdefault(file, asyncio.Lock()):
            known = self._accesses.get(file)
            if known is None or self._now() >= known.ends - _MARGIN:
                known = self._accesses[file] = await self._asked(file)
            return known

    def refused(self, file: str, access: Access) -> None:
        """Google does not take it any more: the next one who needs one asks anew."""
        if self._accesses.get(file) is access:
            del self._accesses[file]

    async def _asked(self, file: str) -> Access:
        """Raises DeliveryFailed."""
        now = self._now()
        account, assertion = await asyncio.to_thread(_signed, file, now)
        body = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await called(self._outgoing, account.token_uri, body, headers)
        if answer.status != 200:
            raise DeliveryFailed(f"Google answered {answer.status} when asked for access", permanent=False)
        token, seconds = _told(answer)
        return Access(account.project, token, now + seconds)


def _signed(file: str, now: float) -> tuple[ServiceAccount, str]:
    account = ServiceAccount.read(file)
    return account, account.assertion(now)


def _told(answer: Answer) -> tuple[str, float]:
    """Raises DeliveryFailed."""
    try:
        told: Any = json.decode(answer.body, 4)
        return str(told["access_token"]), float(told["expires_in"])
    except (MalformedBody, KeyError, TypeError, ValueError):
        raise DeliveryFailed("Google gave no access", permanent=False) from None
