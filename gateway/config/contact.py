"""The contact center's part of the configuration: routing, agents' desktops, chats and e-mail.

Without a media routing domain there is no contact center, and none of this matters.

Source: AG-13, AG-25, AG-26, AG-29, AG-53, AG-54, AG-63, AG-76, AG-80, AG-125…127, AG-129, AG-150, MRE-2, MRE-65,
MRE-69, MRE-73…76, MRE-90…98, MRE-150.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.config.section import Section
from gateway.config.units import Address, Duration, Size
from gateway.mail.correspondent import AddressInvalid, Correspondent
from gateway.routing.bus.broker import Broker
from gateway.routing.expression import Expression, ExpressionWrong
from gateway.routing.plan import MOST_STEPS, MOST_TASKS

NAME = r"^[^\x00-\x1f\x7f]{1,128}$"
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w.-]*)(?:=(10|[1-9]|true|false))?")


class Mrd(Section):
    """A media routing domain: one kind of work, in which each agent has a state of his own."""

    id: Literal["chat", "email"] = Field(description="Also the name of the media channel in the agents' interface.")
    name: str = Field(default="", description="For people.")
    max_tasks: int = Field(default=3, description="Of one agent at a time (MRE-65).", ge=1, le=MOST_TASKS)
    accept_timeout: Duration = Field(default=Duration(30), description="How long an invitation stands (AG-126).")
    wrap_up: Duration = Field(default=Duration(0), description="Until a task in wrap-up closes by itself; 0 = never.")
    default_queue: str = Field(default="", description="For tasks that name none.")


class Step(Section):
    """Part of a queue's agents, and when those after it are asked, too."""

    agents: str = Field(default="", description="Attributes they need, as `english >= 5 && sales`; empty = all.")
    timeout: Duration = Field(default=Duration(30), description="Until the next step opens.")

    @field_validator("agents")
    @classmethod
    def _is_an_expression(cls, value: str) -> str:
        try:
            Expression(value)
        except ExpressionWrong as wrong:
            raise ValueError(f"agents: {wrong}") from None
        return value


class Queue(Section):
    """Where interactions wait for an agent."""

    name: str = Field(description="As `currentQueue` shows it.", pattern=NAME)
    mrd: Literal["chat", "email"] = Field(description="Whose tasks wait in it.")
    steps: list[Step] = Field(
        default=[Step()],
        description="Who serves it, one step after the other (MRE-91).",
        min_length=1,
        max_length=MOST_STEPS,
    )
    priority: int = Field(default=0, description="Of two queues that one agent serves the higher one goes first.")
    ttl: Duration = Field(default=Duration(300), description="How long an interaction waits in it (MRE-91).")
    accept_timeout: Duration | None = Field(default=None, description="Unset = as the MRD says.")
    most: int = Field(default=10_000, description="Interactions that wait; one more is refused (MRE-128).", ge=1)
    in_queues: list[str] = Field(
        default=["__STOP__"], description="Where it may be put when it is done; `__STOP__` = it is over (AG-77)."
    )
    out_queues: list[str] = Field(default=[], description="What a reply to an e-mail goes out through.")
    strategy: str = Field(default="", description="`RStrategyName` in `userData`; empty = the queue's name (AG-53).")
    strategy_id: str = Field(default="", description="`RStrategyDBID` there.")
    target: str = Field(
        default="?:2>1", description="The target expression there; opaque.", min_length=1, max_length=256
    )


class Skills(Section):
    """What one agent can do."""

    name: str = Field(description="His name, as in `auth.users` or the token.", pattern=NAME)
    mrds: list[str] = Field(default=[], description="`chat`, or `chat=2` for another maximum; empty = all of them.")
    attributes: list[str] = Field(default=[], description="`vip` for what is so, `english=7` for 1 to 10 (MRE-90).")

    @field_validator("attributes")
    @classmethod
    def _are_attributes(cls, values: list[str]) -> list[str]:
        for value in values:
            if _ATTRIBUTE.fullmatch(value) is None:
                raise ValueError(
                    f"attributes: {value!r} must be a name such as vip, or a name with 1 to 10, such as english=7"
                )
        return values

    @field_validator("mrds")
    @classmethod
    def _are_mrds(cls, values: list[str]) -> list[str]:
        for value in values:
            if re.fullmatch(rf"(chat|email)(=([1-9]|{MOST_TASKS}))?", value) is None:
                raise ValueError(f"mrds: {value!r} must be chat or email, with a maximum such as chat=2 or without")
        return values

    @property
    def tasks(self) -> dict[str, int | None]:
        """MRD to his own maximum, None where he has none of his own."""
        pairs = (value.partition("=") for value in self.mrds)
        return {name: int(most) if most else None for name, _, most in pairs}

    @property
    def has(self) -> dict[str, bool | int]:
        """His attributes."""
        pairs = (value.partition("=") for value in self.attributes)
        return {name: int(value) if value.isdigit() else value != "false" for name, _, value in pairs}


class Stomp(Section):
    """A message broker that speaks STOMP 1.2, such as Apache ActiveMQ."""

    brokers: list[str] = Field(default=[], description="`host:port` of each, tried in turn; `ssl://host:port` for TLS.")
    login: str = Field(default="", description="The account there.")
    passcode: SecretStr | None = Field(default=None, description="Its password.")
    prefix: str = Field(default="/queue/", description="What the names of queues begin with (MRE-130).")

    @field_validator("brokers")
    @classmethod
    def _name_brokers(cls, values: list[str]) -> list[str]:
        for value in values:
            Broker.parse(value)
        return values


class Mre(Section):
    """Media routing: which roles this gateway plays, how they talk, and what is routed to whom."""

    roles: list[Literal["chat", "communication", "engine"]] = Field(
        default=["chat", "communication", "engine"],
        description="What is left out somebody else plays, on the same transport (MRE-2).",
    )
    transport: Literal["auto", "memory", "redis", "stomp"] = Field(
        default="auto", description="auto = redis where `redis` is set, else memory (MRE-2)."
    )
    stomp: Stomp = Field(default=Stomp(), description=Stomp.__doc__)
    mrds: list[Mrd] = Field(default=[], description=f"{Mrd.__doc__} None = no contact center.")
    queues: list[Queue] = Field(default=[], description=Queue.__doc__)
    agents: list[Skills] = Field(
        default=[],
        description="Agents with skills or bounds of their own; all others have every MRD and no attributes.",
    )
    offers_max: int = Field(
        default=1, description="Invitations of one agent at a time in an MRD (MRE-92).", ge=1, le=10
    )
    preferred_wait: Duration = Field(
        default=Duration(20), description="How long to wait for a preferred agent (MRE-97)."
    )
    no_agent_fast: bool = Field(default=False, description="Give up at once what nobody signed in can take (MRE-98).")
    routing_keys: bool = Field(default=True, description="Tell in `userData` how an agent was found (AG-53).")
    conference_max: int = Field(default=4, description="Agents in one chat (MRE-84).", ge=2, le=10)
    task_max_lifetime: Duration = Field(default=Duration(24 * 3600), description="Then a task is closed (MRE-70).")
    task_keep: Duration = Field(default=Duration(3600), description="How long a closed task can be asked for (MRE-76).")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        _once("mrds", (each.id for each in self.mrds))
        _once("queues", (each.name for each in self.queues))
        _once("agents", (each.name for each in self.agents))
        known = {each.id for each in self.mrds}
        for queue in self.queues:
            if queue.mrd not in known:
                raise ValueError(f"queues: {queue.name} is of the MRD {queue.mrd}, which mrds does not have")
        queues = {(each.name, each.mrd) for each in self.queues}
        for mrd in self.mrds:
            if (mrd.default_queue, mrd.id) not in queues:
                raise ValueError(f"mrds: {mrd.id} needs a default_queue that is among queues, with mrd = {mrd.id!r}")
        if self.transport == "stomp" and not self.stomp.brokers:
            raise ValueError("stomp.brokers: the transport stomp needs a broker")
        return self


class AgentTimers(Section):
    """When an agent without a desktop counts as gone."""

    presence_grace: Duration = Field(default=Duration(20), description="He is not selected any more (AG-125).")
    lost_after: Duration = Field(default=Duration(60), description="His channels go NotReady (AG-125).")
    reasons: list[str] = Field(
        default=[], description="Further states, such as `OutToLunch`: each is NotReady with that reason (AG-30)."
    )
    forbidden: list[str] = Field(default=[], description="Operations that nobody has, as `PlaceInWorkbin` (AG-63).")
    origin: str = Field(
        default="",
        description="What URIs begin with, such as `https://agents.example.com` (AG-98); empty = in answers where the "
        "request came to, and nothing in notifications.",
        pattern=r"^(https?://[^/?#\s]+)?$",
    )

    @field_validator("reasons")
    @classmethod
    def _are_names(cls, values: list[str]) -> list[str]:
        for value in values:
            if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", value) is None:
                raise ValueError(f"reasons: {value!r} must be a name of letters and digits, such as OutToLunch")
        return values

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lost_after < self.presence_grace:
            raise ValueError("lost_after must not be less than presence_grace")
        return self


class Lost(Section):
    """What becomes of the work of an agent who was lost."""

    active: Literal["keep", "requeue"] = Field(default="keep", description="keep = his, if he returns in time.")
    keep_for: Duration = Field(default=Duration(180), description="Then it is queued again (AG-125).")


class Logout(Section):
    """What becomes of the work of an agent who signs out."""

    active: Literal["requeue", "close"] = Field(default="requeue", description="AG-26.")


class Rona(Section):
    """What follows from an invitation that nobody answered."""

    not_ready: bool = Field(default=True, description="The agent's channel goes NotReady (AG-127).")
    exclude_for: Duration = Field(default=Duration(60), description="He is not offered it again for so long (MRE-94).")
    exclude_min: Duration = Field(default=Duration(5), description="The same if nobody else could take it (MRE-94).")


class Transfer(Section):
    """What follows from a transfer to an agent who does not take it."""

    fail: Literal["requeue", "return"] = Field(
        default="requeue", description="return = it is offered to who passed it on, if he can be offered one (AG-76)."
    )


class Sessions(Section):
    """Several desktops of one agent."""

    multi: Literal["shared", "takeover", "refuse"] = Field(default="shared", description="AG-25.")


class Csrf(Section):
    """Tokens against requests that other sites' pages send (AG-13)."""

    enabled: bool = Field(default=True, description="Demand them of changes that come with a cookie alone.")
    bayeux: bool = Field(default=False, description="Of Bayeux requests, too; known CometD clients do not send them.")


class Chat(Section):
    """Chats with customers."""

    max_message: int = Field(default=16_384, description="Characters of one message (AG-73).", ge=1, le=1_000_000)
    idle_alert: Duration = Field(default=Duration(255), description="Silence before a warning; 0 = none (AG-129).")
    idle_close: Duration = Field(default=Duration(45), description="From the warning to the end; 0 = none (AG-129).")
    server_name: str = Field(default="bayeux-gateway", description="`ChatServerAppName` in `userData` (AG-54).")
    server_host: str = Field(default="", description="`ChatServerHost` there; empty = the name of this machine.")
    server_port: str = Field(default="", description="`ChatServerPort` there; empty = that of `listen.public`.")
    server_id: str = Field(default="1", description="`ChatServerDBID` there.")
    max_message_length: int = Field(
        default=4096, description="Characters of one message of a customer's app (CH1-6).", ge=1, le=1_000_000
    )
    push_notification_include_payload: bool = Field(
        default=True, description="What is pushed to an app in the background tells what was said (NT-20)."
    )
    push_notification_to_active_client: bool = Field(
        default=False, description="Push also to apps that have a session (OPT-9)."
    )
    filtering_chat_events: list[str] = Field(
        default=["Notice.TypingStarted", "Notice.TypingStopped"],
        description="Types of entries that are not pushed; `_filtering_chat_events` of a service goes before (CC-14).",
    )
    enable_fast_chat_transcript_refresh: bool = Field(
        default=False, description="Entries have their position as a sixth text (OPT-9)."
    )


class Workbin(Section):
    """A place where an agent can put interactions aside; each agent has his own."""

    name: str = Field(description="What operations call it.", pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$")
    display_name: str = Field(default="", description="For people; empty = the name.")


class Mailbox(Section):
    """An address to which customers write."""

    address: str = Field(description="`support@example.com`, or `Support <support@example.com>`.")
    queue: str = Field(description="Where its mail waits for an agent; one of `mre.queues`.")

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            Correspondent.parse(value)
        except AddressInvalid as invalid:
            raise ValueError(f"address: {invalid}") from None
        return value


class Relay(Section):
    """The mail server that takes what agents send."""

    address: Address | None = Field(default=None, description="host:port; unset = nothing can be sent.")
    tls: Literal["none", "starttls", "implicit"] = Field(default="none", description="How it is encrypted.")
    user: str = Field(default="", description="The account there.")
    password: SecretStr | None = Field(default=None, description="Its password.")


class Mail(Section):
    """E-mail in and out."""

    listen: Address | None = Field(default=None, description="Where mail is taken; unset = none is.")
    protocol: Literal["smtp", "lmtp"] = Field(default="smtp", description="Spoken there.")
    max_size: Size = Field(default=Size(10 * 1024 * 1024), description="Of one mail.")
    mailboxes: list[Mailbox] = Field(default=[], description=Mailbox.__doc__)
    relay: Relay = Field(default=Relay(), description=Relay.__doc__)


def _once(key: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{key}: {name} is there twice")
