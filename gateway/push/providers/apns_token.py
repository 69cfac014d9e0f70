"""The tokens by which Apple knows us: signed with a key of the app's team, used for most of an hour.

Apple refuses one that is older than an hour, and who makes more than one in twenty minutes.

Source: NT-15; Apple, "Establishing a token-based connection to APNs".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.push.provider import DeliveryFailed

LIFE: Final = 50 * 60.0
"""Seconds that one is used."""
YOUNGEST: Final = 20 * 60.0
"""Seconds within which it is not replaced, though Apple refuses it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Where a ``.p8`` file is, and what Apple calls the key in it."""

    file: str
    password: str
    key_id: str
    team_id: str


class ProviderTokens:
    """One for each key. ``now`` is in seconds since 1970."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tokens: dict[SigningKey, tuple[str, float]] = {}

    async def token(self, key: SigningKey) -> str:
        """Raises DeliveryFailed where the key cannot be used."""
        known = self._tokens.get(key)
        if known is not None and self._now() - known[1] < LIFE:
            return known[0]
        made = self._now()
        token = await asyncio.to_thread(_signed, key, made)
        # Who came meanwhile has made one, too; all go on with one of them.
        self._tokens[key] = token, made
        return token

    def refused(self, key: SigningKey, token: str) -> bool:
        """Apple does not take a token; whether another one may be had at once."""
        known = self._tokens.get(key)
        if known is None or known[0] != token:
            return True
        if self._now() - known[1] < YOUNGEST:
            return False
        del self._tokens[key]
        return True


def _signed(key: SigningKey, now: float) -> str:
    """Raises DeliveryFailed."""
    try:
        pem = Path(key.file).read_bytes()
        private = load_pem_private_key(pem, key.password.encode() or None if b"ENCRYPTED" in pem else None)
    except OSError:
        raise DeliveryFailed("the file of apple.keystore cannot be read", permanent=False) from None
    except (ValueError, TypeError):
        raise DeliveryFailed("apple.keystore holds no key that apple.keystorePassword opens", permanent=False) from None
    if not isinstance(private, EllipticCurvePrivateKey):
        raise DeliveryFailed("apple.keystore holds no key for ES256", permanent=False)
    return jwt.encode(
        {"iss": key.team_id, "iat": int(now)}, private, algorithm="ES256", headers={"kid": key.key_id, "typ": None}
    )
