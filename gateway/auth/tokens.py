"""Bearer tokens of agents: signed by keys from the configuration, checked against an allow-list.

A key is bound to one algorithm, so no token can choose how it is checked.

Source: AG-12, SEC-50.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from gateway.config.loading import ConfigurationWrong
from gateway.config.model import Key
from gateway.config.model import Tokens as TokenConfig
from gateway.config.sources import Problem

_MAXIMUM_TOKEN_BYTES = 8 * 1024
_MINIMUM_RSA_BITS = 2048
_MAXIMUM_NAME = 128
_CUSTOMERS = "gms:"
"""A customer's name begins like this, so no agent's does (``gateway.auth.customers``)."""


class TokenRefused(Exception):
    """Not a token that signs anybody in; the text says why, for an operator, never for the client."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key with the only algorithm it serves."""

    algorithm: str
    id: str
    checks: Any
    """The secret or the public key."""
    makes: Any | None
    """The secret or the private key; None if only the public one is known."""


class Tokens:
    """Checks tokens, and makes them for tests (OPS-6).

    Raises ConfigurationWrong for key files that cannot be used.
    """

    def __init__(self, config: TokenConfig) -> None:
        self._config = config
        self._keys = _keys(config)

    def user_of(self, token: str) -> str:
        """Whose token it is.

        Raises TokenRefused.
        """
        claims = self.check(token)
        user = claims.get(self._config.user_claim)
        if (
            not isinstance(user, str)
            or not 0 < len(user) <= _MAXIMUM_NAME
            or not user.isprintable()
            or user.startswith(_CUSTOMERS)
        ):
            raise TokenRefused(f"its {self._config.user_claim} is not a user's name")
        return user

    def check(self, token: str) -> dict[str, Any]:
        """The claims of a token that is valid now.

        Raises TokenRefused.
        """
        if len(token) > _MAXIMUM_TOKEN_BYTES:
            raise TokenRefused(f"it is longer than {_MAXIMUM_TOKEN_BYTES} bytes")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise TokenRefused(f"it is not a JWT: {error}") from None
        refused = TokenRefused("no configured key fits its algorithm and key id")
        for key in self._candidates(header):
            try:
                return jwt.decode(
                    token,
                    key.checks,
                    algorithms=[key.algorithm],
                    issuer=self._config.issuer or None,
                    audience=self._config.audience or None,
                    leeway=self._config.leeway,
                    options={"require": ["exp"], "verify_aud": bool(self._config.audience)},
                )
            except jwt.InvalidTokenError as error:
                refused = TokenRefused(str(error))
        raise refused

    def make(self, user: str, *, now: float, lifetime: float) -> str:
        """A token for a user, signed with the first key that can.

        Raises TokenRefused if there is none.
        """
        key = next((key for key in self._keys if key.makes is not None), None)
        if key is None or key.makes is None:
            raise TokenRefused("no key can sign: set auth.tokens.secret, or a private key in auth.tokens.keys")
        claims: dict[str, Any] = {self._config.user_claim: user, "iat": int(now), "exp": int(now + lifetime)}
        if self._config.issuer:
            claims["iss"] = self._config.issuer
        if self._config.audience:
            claims["aud"] = self._config.audience
        return jwt.encode(claims, key.makes, algorithm=key.algorithm, headers={"kid": key.id} if key.id else None)

    def _candidates(self, header: dict[str, Any]) -> Sequence[SigningKey]:
        key_id = header.get("kid")
        return [
            key
            for key in self._keys
            if key.algorithm == header.get("alg") and (not key.id or not key_id or key.id == key_id)
        ]


def _keys(config: TokenConfig) -> list[SigningKey]:
    keys = []
    if config.secret is not None:
        secret = config.secret.get_secret_value()
        keys.append(SigningKey("HS256", "", secret, secret))
    problems = []
    for index, key in enumerate(config.keys):
        try:
            keys.append(_loaded(key))
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            reason = getattr(error, "strerror", None) or str(error)
            problems.append(Problem("", f"auth.tokens.keys.{index}.file", f"{key.file} cannot be used: {reason}"))
    if problems:
        raise ConfigurationWrong(problems)
    return keys


def _loaded(key: Key) -> SigningKey:
    """Raises OSError, ValueError or UnsupportedAlgorithm."""
    pem = Path(key.file).read_bytes()
    private: Any = None
    if b"PRIVATE KEY" in pem:
        private = serialization.load_pem_private_key(pem, password=None)
        public: Any = private.public_key()
    else:
        public = serialization.load_pem_public_key(pem)
    fits = {
        "RS256": isinstance(public, rsa.RSAPublicKey) and public.key_size >= _MINIMUM_RSA_BITS,
        "ES256": isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1),
        "EdDSA": isinstance(public, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)),
    }
    if not fits[key.algorithm]:
        raise ValueError(f"it is not a key for {key.algorithm}, or too short")
    return SigningKey(key.algorithm, key.id, public, private)
