"""The customers' part of the configuration: where their REST interface is, and who may use it.

Source: G-1, G-2, G-9, AUTH-1, AUTH-2, AUTH-5.
"""

from __future__ import annotations

from typing import Final, Self

from pydantic import Field, SecretStr, model_validator

from gateway.config.section import Section
from gateway.config.units import Size

MINIMUM_SECRET_BYTES: Final = 32


class Server(Section):
    """The customers' REST interface."""

    enabled: bool = Field(default=False, description="Serve it.")
    path: str = Field(
        default="/genesys",
        description="What its URLs begin with; `/1` for version 1 follows (G-1).",
        pattern=r"^(/[A-Za-z0-9_.~-]+)+$",
    )
    legacy_path: bool = Field(default=True, description="Answer at `/gms-web/gms`, too (G-2).")
    max_body_size: Size = Field(default=Size(10 * 1024 * 1024), description="Of a request; more is a 413 (G-9).")
    username: str = Field(
        default="",
        description="Account that requests must show by HTTP Basic; empty = everybody may ask (AUTH-1).",
        pattern=r"^[^:\x00-\x1f\x7f]{0,128}$",
    )
    password_hash: SecretStr | None = Field(
        default=None, description="Argon2id, of that account; `bayeux-gateway user hash` makes one."
    )

    user_token_key: SecretStr | None = Field(
        default=None,
        description="Whoever names a `gms_user` has to prove it by a JWT that this key signed (HS256, 32 bytes or "
        "more; `sub` is the user, `exp` is checked). Unset = anybody may claim to be anybody (CM-23).",
    )
    allow_query_user: bool = Field(
        default=False,
        description="Take `gms_user` from the query of a WebSocket's URL, too; URLs are written to logs (CM-6).",
    )
    comet_needs_account: bool = Field(
        default=False, description="Customers have to show the account at `/genesys/cometd`, too (CM-22)."
    )

    @model_validator(mode="after")
    def _key_is_long(self) -> Self:
        key = self.user_token_key
        if key is not None and len(key.get_secret_value().encode()) < MINIMUM_SECRET_BYTES:
            raise ValueError(f"user_token_key must have {MINIMUM_SECRET_BYTES} bytes or more")
        return self

    @model_validator(mode="after")
    def _account_is_whole(self) -> Self:
        secret = self.password_hash.get_secret_value() if self.password_hash is not None else ""
        if bool(self.username) != bool(secret):
            raise ValueError("username and password_hash go together")
        if secret and not secret.startswith("$argon2id$"):
            raise ValueError("password_hash must be an argon2id hash; `bayeux-gateway user hash` makes one")
        return self
