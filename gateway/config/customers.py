"""The customers' part of the configuration: their REST interface, the services that it offers, and who manages them.

Source: G-1, G-2, G-9, G-25, AUTH-1, AUTH-2, AUTH-4…7, OPT-7, MG-22, SEC-37.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from gateway.config.section import Section
from gateway.config.units import Duration, Size
from gateway.services.kinds import EntryWrong, Kind, read

MINIMUM_SECRET_BYTES: Final = 32
COMET: Final = "comet"
TYPES: Final = (COMET, "ios", "gcm", "fcm", "android", "wns", "httpcb", "orscb", "customhttp")
"""Of devices (NT-3)."""
_LEAST_EXPIRATION: Final = 30.0


def _texts(given: object) -> object:
    """Tables of texts by name; numbers and truth values are meant as texts."""
    if not isinstance(given, dict):
        raise ValueError("must be tables by name")
    return {name: _table(name, table) for name, table in given.items()}


def _table(name: object, table: object) -> dict[str, str]:
    if not isinstance(table, dict) or any(isinstance(each, (dict, list)) for each in table.values()):
        raise ValueError(f"{name}: must be a table of texts; write dotted names in quotes")
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in table.items()}


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

    strict_user: bool = Field(
        default=False,
        description="Who sends no `gms_user` may not use what somebody's `gms_user` has begun: 404 (AUTH-6).",
    )
    trusted_networks: list[str] = Field(
        default_factory=list,
        description="From where alone the contact center's own side is asked for, such as `10.0.0.0/8`: "
        "match-interaction, internal-notification and what is like them; empty = from anywhere (AUTH-7).",
    )
    api_key: SecretStr | None = Field(
        default=None, description="What that side shows in the header `X-Api-Key`; unset = nothing (AUTH-7)."
    )
    external_url: str = Field(
        default="",
        description="What absolute URLs begin with, such as `https://gms.example.com`; `server.path` follows; "
        "empty = what the client has asked (G-25).",
        pattern=r"^(https?://[A-Za-z0-9.\[\]:_~/-]+)?$",
    )
    trust_forwarded: bool = Field(
        default=False, description="Believe `X-Forwarded-Proto` and `-Host` in making them (G-25)."
    )

    @field_validator("trusted_networks")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError as wrong:
                raise ValueError(f"{wrong}; write one such as 10.0.0.0/8") from None
        return networks

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
        if key is not None and self.username:
            raise ValueError("user_token_key and username both want the header Authorization: leave one of them out")
        return self

    @model_validator(mode="after")
    def _account_is_whole(self) -> Self:
        secret = self.password_hash.get_secret_value() if self.password_hash is not None else ""
        if bool(self.username) != bool(secret):
            raise ValueError("username and password_hash go together")
        if secret and not secret.startswith("$argon2id$"):
            raise ValueError("password_hash must be an argon2id hash; `bayeux-gateway user hash` makes one")
        return self


class Callback(Section):
    """Callbacks of all services."""

    returned_keys: list[str] = Field(
        default=["_desired_time", "_callback_state", "_callback_reason", "_ors_session_id"],
        description="Parameters that records tell beside what they always do (CB-33).",
    )
    filter_keys: list[str] = Field(
        default=["_callback_state", "_callback_reason", "_request_queue_time_stat", "_request_ewt_service", "_vq"],
        description="What records can be asked for beside the lookup keys of their service (CB-41).",
    )
    targets: dict[str, str] = Field(
        default={},
        description="Queues by `_target` that does not begin with a queue's name, such as an expression of skills: "
        '`"English=20@StatServer.GA" = "english"` (SM-4).',
    )


class Compat(Section):
    """What older clients are used to."""

    queue_position_500: bool = Field(
        default=False, description="`check-queue-position` of what is in no queue answers 500 rather than 404 (SV-32)."
    )
    record_8_1_2: bool = Field(
        default=False,
        description="Records of callbacks also have `desiredTime`, `url`, `_customerNumber`, `_callbackState` (CB-34).",
    )


Profiles = Annotated[dict[str, dict[str, str]], BeforeValidator(_texts)]


class Push(Section):
    """How customers are told of what they did not ask for at that moment."""

    enabled: list[str] = Field(
        default=[COMET],
        description="Types of devices that may subscribe: comet, ios, gcm, fcm, android, wns, httpcb, orscb, "
        "customhttp; `pushEnabled` (NT-3).",
    )
    default_subscription_expiration: Duration = Field(
        default=Duration(30), description="Life of a subscription that does not say, or says less (NT-4)."
    )
    allowed_hosts: list[str] = Field(
        default=[], description="Hosts that notices may be posted to, such as `hooks.example.com`; empty = any (NT-13)."
    )
    allow_private_addresses: bool = Field(
        default=False, description="Post to addresses of private networks, too (SEC-70)."
    )
    localization_file: str = Field(
        default="", description="JSON: by language, texts by key, for messages that are published as keys (NT-14)."
    )
    providers: Profiles = Field(
        default={},
        description="Options of providers: `[push.providers.NAME]` with names as `apple.badge` or "
        "`debug.apple.badge`; the profile `default` is for all (NT-16).",
    )
    events: Profiles = Field(
        default={}, description="The same by tag, or by what a tag begins with, such as `service.message` (NT-16)."
    )

    @field_validator("enabled")
    @classmethod
    def _are_types(cls, types: list[str]) -> list[str]:
        for each in types:
            if each not in TYPES:
                raise ValueError(f"there is no type {each}: choose from {', '.join(TYPES)}")
        return types

    @field_validator("default_subscription_expiration")
    @classmethod
    def _is_long(cls, least: Duration) -> Duration:
        if least < _LEAST_EXPIRATION:
            raise ValueError(f"must be {_LEAST_EXPIRATION:g} seconds or more")
        return least


class Administrator(Section):
    """Who manages services."""

    name: str = Field(description="What he signs in as.", pattern=r"^[^:\x00-\x1f\x7f]{1,128}$")
    password_hash: SecretStr | None = Field(
        default=None,
        description="Argon2id; `bayeux-gateway user hash` makes one. Unset = the user of that name in `auth.users`.",
    )
    role: Literal["Administrator", "Supervisor"] = Field(
        default="Administrator", description="Supervisor = sees callbacks and changes nothing else (MG-22)."
    )

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        if self.password_hash is not None and not self.password_hash.get_secret_value().startswith("$argon2id$"):
            raise ValueError("password_hash must be an argon2id hash; `bayeux-gateway user hash` makes one")
        return self


class Management(Section):
    """The REST interface by which services are managed."""

    enabled: bool = Field(
        default=False, description="Serve it, below `/1/admin` of `server.path`, where `server` is enabled, too."
    )
    administrators: list[Administrator] = Field(default=[], description=f"{Administrator.__doc__}")
    session_idle: Duration = Field(default=Duration(1800), description="Life of an unused sign-in (SEC-37).")
    session_lifetime: Duration = Field(default=Duration(12 * 3600), description="Life of any sign-in.")

    @model_validator(mode="after")
    def _by_somebody(self) -> Self:
        if self.enabled and not self.administrators:
            raise ValueError("administrators: somebody has to be there who may sign in")
        for name, count in Counter(each.name for each in self.administrators).items():
            if count > 1:
                raise ValueError(f"administrators: {name} is there twice")
        return self


def _section(kind: Kind) -> BeforeValidator:
    """Tables by name, as they are kept; the first thing that is wrong with them."""

    def validated(given: Any) -> Any:
        if not isinstance(given, dict):
            raise ValueError("must be tables by name")
        found = {}
        for name, table in given.items():
            if not isinstance(table, dict):
                raise ValueError(f"{name}: must be a table")
            try:
                found[name] = read(kind, name, table)
            except EntryWrong as wrong:
                first = wrong.wrongs[0]
                place = name if first.path in ("", "name") else f"{name}.{first.path}"
                raise ValueError(f"{place}: {first.message}") from None
        return found

    return BeforeValidator(validated)


Services = Annotated[dict[str, dict[str, str | None]], _section(Kind.SERVICE)]
Resources = Annotated[dict[str, dict[str, str | None]], _section(Kind.RESOURCES)]
Patterns = Annotated[dict[str, dict[str, str | None]], _section(Kind.PATTERNS)]
