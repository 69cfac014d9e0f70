"""Everything that can be configured: one typed model, from which checks, names, docs and pages come.

Nothing here reads a file or the environment; ``gateway.config.loading`` does.

Source: OPS-20…22, OPS-40, OPS-43, OPS-45, OPS-46, OPS-60, OPS-61, OPS-72, OPS-77, RPL-1, SEC-4, SEC-45, SEC-50…53.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated, Literal, Self

import argon2
from pydantic import Field, SecretStr, model_validator

from bayeux.backplane.redis.topology import Topology
from bayeux.protocol.channel import parse_channel
from bayeux.protocol.errors import ChannelInvalid
from gateway.config.bayeux import BayeuxSection, MountOverrides
from gateway.config.contact import (
    AgentTimers,
    Chat,
    Csrf,
    Logout,
    Lost,
    Mail,
    Mre,
    Rona,
    Sessions,
    Transfer,
    Workbin,
)
from gateway.config.customers import Callback, Compat, Management, Patterns, Push, Resources, Server, Services
from gateway.config.section import Section
from gateway.config.units import Address, Duration, Size

MINIMUM_SECRET_BYTES = 32  # SEC-50: a shorter HS256 secret can be guessed offline
MINIMUM_TOKEN = 16  # characters of the internal listener's
MAXIMUM_KEYS = 20  # SEC-50


class Listen(Section):
    """Where the gateway listens."""

    public: Address = Field(
        default=Address("127.0.0.1", 8080), description="Bayeux and the APIs meant for clients (OPS-40)."
    )
    internal: Address = Field(
        default=Address("127.0.0.1", 8081), description="Metrics, health and control; never for clients (OPS-40)."
    )


class Internal(Section):
    """How commands on this machine prove themselves to the internal listener."""

    token: SecretStr | None = Field(
        default=None,
        description="Bearer token, 16 characters or more; unset = a new one at each start, in a file for its owner.",
    )
    directory: str = Field(
        default="",
        description="Where that file is; empty = `bayeux-gateway` below $XDG_RUNTIME_DIR, else below ~/.local/state.",
    )

    @model_validator(mode="after")
    def _token_is_long(self) -> Self:
        # An empty one, as of a variable that nobody has set, would be shown by whoever shows nothing.
        if self.token is not None and len(self.token.get_secret_value()) < MINIMUM_TOKEN:
            raise ValueError(f"token must have {MINIMUM_TOKEN} characters or more")
        return self


class Mount(MountOverrides):
    """A path at which Bayeux is served, and what differs there."""

    path: str = Field(
        description="URL path; what lies below it belongs to it (HTTP-1).", pattern=r"^(/[A-Za-z0-9_.~-]+)+$"
    )


class Mounts(Section):
    """One Bayeux server at three paths."""

    cometd: Mount = Field(default=Mount(path="/cometd"), description="The general endpoint.")
    genesys: Mount = Field(
        default=Mount.model_validate(
            {"path": "/genesys/cometd", "browser_cookie_path": "/genesys", "advise_unknown_session": True}
        ),
        description="Mobile engagement (CM-1, CM-9, CM-12).",
    )
    notifications: Mount = Field(
        default=Mount.model_validate({"path": "/api/v2/notifications", "max_interval": "20s"}),
        description="Agents (AG-100, AG-120).",
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        paths = [self.cometd.path, self.genesys.path, self.notifications.path]
        for path, count in Counter(paths).items():
            if count > 1:
                raise ValueError(f"two mounts have the path {path}")
        return self


class User(Section):
    """An agent who may sign in with a password."""

    name: str = Field(description="What he signs in as.", pattern=r"^[^:\x00-\x1f\x7f]{1,128}$")
    password_hash: SecretStr = Field(description="Argon2id; `bayeux-gateway user hash` makes one.")
    first_name: str = Field(default="", description="For `GET /api/v2/me`.")
    last_name: str = Field(default="", description="For `GET /api/v2/me`.")
    email_address: str = Field(default="", description="For `GET /api/v2/me`.")
    roles: list[str] = Field(default=["agent"], description="What `grants` may refer to.")
    enabled: bool = Field(default=True, description="False: may not sign in.")

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        if not self.password_hash.get_secret_value().startswith("$argon2id$"):
            raise ValueError("password_hash must be an argon2id hash; `bayeux-gateway user hash` makes one")
        return self


class Key(Section):
    """A key that signs tokens."""

    file: str = Field(description="PEM: a public key checks tokens, a private one also makes them.")
    algorithm: Literal["RS256", "ES256", "EdDSA"] = Field(description="The only algorithm it is used with.")
    id: str = Field(default="", description="The token's `kid`; empty = tried for every token of the algorithm.")


class Tokens(Section):
    """Bearer tokens (JWT) of agents."""

    secret: SecretStr | None = Field(default=None, description="For HS256, 32 bytes or more; unset = HS256 is refused.")
    keys: list[Key] = Field(default=[], description="For RS256, ES256 and EdDSA; at most 20.", max_length=MAXIMUM_KEYS)
    issuer: str = Field(default="", description="The `iss` that a token must have; empty = any.")
    audience: str = Field(default="", description="The `aud` that a token must have; empty = none is expected.")
    user_claim: str = Field(default="sub", description="The claim that holds the user's name (AG-12).", min_length=1)
    leeway: Duration = Field(default=Duration(30), description="How far clocks may differ.")

    @model_validator(mode="after")
    def _secret_is_long(self) -> Self:
        if self.secret is not None and len(self.secret.get_secret_value().encode()) < MINIMUM_SECRET_BYTES:
            raise ValueError(f"secret must have {MINIMUM_SECRET_BYTES} bytes or more")
        return self


class Auth(Section):
    """How agents sign in."""

    users: list[User] = Field(default=[], description="Agents with a password; with tokens alone it may stay empty.")
    tokens: Tokens = Field(default=Tokens(), description="Bearer tokens.")
    allow_basic_over_http: bool = Field(
        default=False, description="Accept passwords over plain HTTP from other machines (SEC-53)."
    )
    session_idle: Duration = Field(default=Duration(1800), description="Life of an unused JSESSIONID (AG-14).")
    max_sessions: int = Field(default=20_000, description="JSESSIONIDs at once; the longest idle goes first.", ge=1)
    max_sessions_per_user: int = Field(default=16, description="JSESSIONIDs of one user; the same.", ge=1)
    login_failures: int = Field(
        default=5, description="Failures of an account from one address before a pause (SEC-L21).", ge=1
    )
    login_failures_per_address: int = Field(default=50, description="The same for all accounts from one address.", ge=1)
    login_window: Duration = Field(default=Duration(900), description="How long failures count, from the first one.")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for name, count in Counter(user.name for user in self.users).items():
            if count > 1:
                raise ValueError(f"users: {name} is there twice")
        return self


class Grant(Section):
    """What users or roles may do besides listening to their own private names (SEC-45)."""

    roles: list[str] = Field(default=[], description="Whom it is for: roles.")
    users: list[str] = Field(default=[], description="And users, by name; `*` = everyone who signed in.")
    operations: list[Literal["subscribe", "publish"]] = Field(description="What is granted.", min_length=1)
    channel: str = Field(description="A channel, or a pattern that grants all it matches and itself.")

    @model_validator(mode="after")
    def _for_somebody(self) -> Self:
        if not self.roles and not self.users:
            raise ValueError("a grant needs roles or users")
        try:
            parse_channel(self.channel)
        except ChannelInvalid:
            raise ValueError("channel must be a channel name or pattern, such as /news/**") from None
        return self


class Retention(Section):
    """A channel whose latest events are kept for who missed them (RPL-1); what is above a bound goes, oldest first."""

    channel: str = Field(description="A broadcast channel, or a pattern for all it matches; the narrowest counts.")
    events: int = Field(description="At most so many.", ge=1)
    ttl: Duration = Field(default=Duration(3600), description="How long; 0 = until others push it out.")
    bytes: Size = Field(default=Size(1024 * 1024), description="Of payload, together; 0 = unlimited.")

    @model_validator(mode="after")
    def _of_a_channel(self) -> Self:
        try:
            parse_channel(self.channel)
        except ChannelInvalid:
            raise ValueError("channel must be a channel name or pattern, such as /news/**") from None
        return self


class Backplane(Section):
    """The way between nodes; it is used where `redis` is set."""

    prefix: str = Field(
        default="bayeux",
        description="What all keys and channels in Redis begin with: one for each installation (OPS-77).",
        pattern=r"^[A-Za-z0-9_.-]{1,32}$",
    )
    name: str = Field(
        default="",
        description="This gateway's name among the nodes, the same at every start; "
        "empty = host name and port of the internal listener.",
        pattern=r"^[A-Za-z0-9_.:-]{0,128}$",
    )
    partitions: int = Field(
        default=64,
        description="Parts into which channels and users are divided; a node with another number than the others does "
        "not serve.",
        ge=1,
        le=1024,
    )
    moves_after: int = Field(
        default=8,
        description="Long polls of a session in a row that come to the same other node until the session moves there; "
        "0 = never (OPS-42).",
        ge=0,
    )
    grace: Duration = Field(
        default=Duration(30),
        description="How long Redis, or the contact center's store, may be away before `/health/ready` says 503; "
        "0 = for ever (OPS-72).",
    )
    required_at_start: bool = Field(
        default=False, description="End with exit code 69 if Redis cannot be reached at the start (OPS-48)."
    )


class Drain(Section):
    """How sessions are let go at a stop."""

    notice: Duration = Field(default=Duration(5), description="Serve on while `/health/ready` says 503 (OPS-61).")
    spread: Duration = Field(default=Duration(20), description="Time over which sessions are ended (OPS-61).")


class Shutdown(Section):
    """The whole of a stop."""

    timeout: Duration = Field(
        default=Duration(30), description="After it what is left is cut, and the exit code is 75 (OPS-61)."
    )


class Log(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    format: Literal["auto", "text", "json"] = Field(
        default="auto", description="auto = text on a terminal, else json (OPS-52)."
    )


class Config(Section):
    """The whole configuration."""

    profile: Literal["default", "development"] = Field(
        default="default",
        description="development = what `--dev` sets: accounts Agent1, Agent2; open channels; loopback only.",
    )
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default=1, description="Processes that serve; auto = one a core. More than one needs `redis` (OPS-45, OPS-46)."
    )
    redis: SecretStr | None = Field(
        default=None,
        description="URL of the Redis that joins workers and nodes: redis://, rediss://, unix://, redis+sentinel://, "
        "redis+cluster://; unset = one process alone.",
    )
    listen: Listen = Field(default=Listen(), description=Listen.__doc__)
    internal: Internal = Field(default=Internal(), description=Internal.__doc__)
    mounts: Mounts = Field(default=Mounts(), description=Mounts.__doc__)
    bayeux: BayeuxSection = Field(
        default=BayeuxSection(),
        description="The Bayeux server: sessions, delivery, limits, browsers, transports.",
    )
    auth: Auth = Field(default=Auth(), description=Auth.__doc__)
    grants: list[Grant] = Field(default=[], description=Grant.__doc__)
    acknowledge: bool | None = Field(
        default=None,
        description="Serve acknowledged messages to clients that ask for them (ACK-2); "
        "all messages go a dearer way then; unset = where `redis` is set.",
    )
    retention: list[Retention] = Field(default=[], description=Retention.__doc__)
    data_dir: str = Field(
        default="",
        description="Directory of the embedded store, for where `redis` is not set; empty = nothing outlives us.",
    )
    mre: Mre = Field(default=Mre(), description=Mre.__doc__)
    agent: AgentTimers = Field(default=AgentTimers(), description=AgentTimers.__doc__)
    lost: Lost = Field(default=Lost(), description=Lost.__doc__)
    logout: Logout = Field(default=Logout(), description=Logout.__doc__)
    rona: Rona = Field(default=Rona(), description=Rona.__doc__)
    transfer: Transfer = Field(default=Transfer(), description=Transfer.__doc__)
    sessions: Sessions = Field(default=Sessions(), description=Sessions.__doc__)
    csrf: Csrf = Field(default=Csrf(), description=Csrf.__doc__)
    chat: Chat = Field(default=Chat(), description=Chat.__doc__)
    mail: Mail = Field(default=Mail(), description=Mail.__doc__)
    workbins: list[Workbin] = Field(default=[], description=Workbin.__doc__)
    server: Server = Field(default=Server(), description=Server.__doc__)
    callback: Callback = Field(default=Callback(), description=Callback.__doc__)
    compat: Compat = Field(default=Compat(), description=Compat.__doc__)
    push: Push = Field(default=Push(), description=Push.__doc__)
    management: Management = Field(default=Management(), description=Management.__doc__)
    services: Services = Field(
        default={}, description="Configured services: `[services.NAME]` with options and their texts (OPT-7)."
    )
    resources: Resources = Field(
        default={}, description="Access numbers: `[resources.GROUP]` with keys and numbers, and options of the group."
    )
    patterns: Patterns = Field(
        default={}, description="Regular expressions: `[patterns.GROUP]` with names and Java's expressions (PT-6)."
    )
    backplane: Backplane = Field(default=Backplane(), description=Backplane.__doc__)
    drain: Drain = Field(default=Drain(), description=Drain.__doc__)
    shutdown: Shutdown = Field(default=Shutdown(), description=Shutdown.__doc__)
    log: Log = Field(default=Log(), description=Log.__doc__)

    @model_validator(mode="after")
    def _without_contradiction(self) -> Self:
        if self.processes > 1 and self.redis is None:
            raise ValueError('workers: more than one needs Redis: set redis = "redis://127.0.0.1", or workers = 1')
        if self.shutdown.timeout <= self.drain.notice + self.drain.spread:
            raise ValueError(
                "shutdown.timeout must exceed drain.notice + drain.spread, or every stop would be cut short"
            )
        if self.profile == "development":
            for name in ("public", "internal"):
                if not getattr(self.listen, name).is_loopback:
                    raise ValueError(
                        f"listen.{name}: the development profile serves this machine only (SEC-45); use 127.0.0.1"
                    )
        return self

    @model_validator(mode="after")
    def _redis_is_a_url(self) -> Self:
        if self.redis is not None:
            try:
                Topology.parse(self.redis.get_secret_value())
            except ValueError as error:
                raise ValueError(f"redis: {error}") from None
        return self

    @model_validator(mode="after")
    def _mounts_without_contradiction(self) -> Self:
        options = self.bayeux.options()
        for name in type(self.mounts).model_fields:
            mount: Mount = getattr(self.mounts, name)
            for transport in (self.bayeux.long_polling, self.bayeux.websocket):
                try:
                    options.replaced({**mount.as_overrides(), **transport.as_overrides()})
                except ValueError as error:
                    raise ValueError(f"mounts.{name}: {error}") from None
        return self

    @model_validator(mode="after")
    def _contact_center_without_contradiction(self) -> Self:
        if self.mre.transport == "redis" and self.redis is None:
            raise ValueError("mre.transport: redis needs the option redis to be set")
        if self.mre.transport == "memory" and self.redis is not None:
            raise ValueError("mre.transport: memory is for one process alone; leave it out where redis is set")
        if len(set(self.mre.roles)) < 3 and self.mre.transport != "stomp" and self.redis is None:
            raise ValueError("mre.roles: another program can play a role by redis or stomp only, not in memory")
        queues = {each.name: each.mrd for each in self.mre.queues}
        for mailbox in self.mail.mailboxes:
            if queues.get(mailbox.queue) != "email":
                raise ValueError(f"mail.mailboxes: {mailbox.queue} is no queue of mre.queues with mrd = 'email'")
        return self

    @model_validator(mode="after")
    def _managed_by_known_ones(self) -> Self:
        if not self.management.enabled:
            return self
        users = {user.name for user in self.auth.users if user.enabled}
        for each in self.management.administrators:
            if each.password_hash is None and each.name not in users:
                raise ValueError(
                    f"management.administrators: {each.name} needs a password_hash, or must be a user in auth.users"
                )
            if not self.is_development and each.name == "default" and _is_known_to_all(each.password_hash):
                raise ValueError(
                    "management.administrators: the account default has the password that everybody knows (AUTH-4); "
                    "`bayeux-gateway user hash` makes another one"
                )
        return self

    @property
    def has_contact_center(self) -> bool:
        """Is anything routed to agents?"""
        return bool(self.mre.mrds)

    @property
    def processes(self) -> int:
        """How many workers there are."""
        return self.workers if self.workers != "auto" else len(os.sched_getaffinity(0))

    @property
    def is_development(self) -> bool:
        """Is the policy loose and are passwords known to everybody?"""
        return self.profile == "development"


def _is_known_to_all(password_hash: SecretStr | None) -> bool:
    if password_hash is None:
        return False
    try:
        return argon2.PasswordHasher().verify(password_hash.get_secret_value(), "password")
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
