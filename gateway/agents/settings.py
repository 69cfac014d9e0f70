"""What is configured about agents and their interactions, as the chat side uses it; and the plan of the other roles.

Source: AG-25…29, AG-125, AG-150, MRE-4, MRE-150.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from channels.interaction.rules import Rules
from channels.userdata import ChatServer
from gateway.agents.identity import Directory
from gateway.agents.states import UserStates
from gateway.config import contact
from gateway.config.model import Config
from gateway.mail.correspondent import Correspondent
from gateway.routing import plan
from gateway.routing.expression import Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbin:
    """One of those that each agent has."""

    id: str
    display_name: str


class Routed:
    """What is routed to whom: the part that operators change while it runs."""

    def __init__(self, config: Config) -> None:
        self.take(config)

    def take(self, config: Config) -> None:
        """From here on it is what this configuration says."""
        self.plan = routing_plan(config)
        self.media: tuple[str, ...] = tuple(each.id for each in config.mre.mrds)
        self.queues = {each.name: each for each in config.mre.queues}
        self.default_queues: Mapping[str, str] = {each.id: each.default_queue for each in config.mre.mrds}

    def find_queue(self, name: str) -> str | None:
        """Its name, if there is one."""
        return name if name in self.queues else None

    def accept_timeout(self, medium: str, queue: str) -> float:
        """Desktops are told: nothing but a number."""
        return float(self.plan.accept_timeout(medium, queue))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it; times are seconds."""

    routed: Routed
    states: UserStates
    rules: Rules
    workbins: Mapping[str, Workbin]
    mailboxes: Mapping[str, tuple[Correspondent, str]] = field(default_factory=dict)
    """By ``Correspondent.key``, each with its queue."""
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """User to first and last name, of those who are configured; agents with tokens alone are known when they come."""
    presence_grace: float = 20.0
    lost_after: float = 60.0
    lost_keeps: bool = True
    lost_keep_for: float = 180.0
    logout_closes: bool = False
    rona_not_ready: bool = True
    routing_keys: bool = True
    multi: Literal["shared", "takeover", "refuse"] = "shared"
    origin: str = ""
    """What URIs in notifications begin with; empty: they are relative."""
    chat_server: ChatServer = field(
        default_factory=lambda: ChatServer(name="bayeux-gateway", host="localhost", port="", id="1")
    )

    @classmethod
    def of(cls, config: Config) -> Self:
        """What a configuration says."""
        workbins = [Workbin(id=each.name, display_name=each.display_name or each.name) for each in config.workbins]
        routed = Routed(config)
        mailboxes = [(Correspondent.parse(each.address), each.queue) for each in config.mail.mailboxes]
        names = {each.name: (each.first_name, each.last_name) for each in config.auth.users}
        directory = Directory(names)
        return cls(
            routed=routed,
            states=UserStates(config.agent.reasons),
            rules=Rules(
                max_message=config.chat.max_message,
                forbidden=frozenset(config.agent.forbidden),
                idle_alert=config.chat.idle_alert,
                idle_close=config.chat.idle_close,
                accept_timeout=routed.accept_timeout,
                # Whether there is an agent who is not configured is seen when somebody means him: he has a token.
                find_agent=lambda name: directory(name) or name or None,
                find_queue=routed.find_queue,
                find_workbin=_finder(each.id for each in workbins),
                mailboxes=frozenset(mailbox.key for mailbox, _ in mailboxes),
                nickname=lambda user: names.get(user, ("", ""))[0] or user,  # AG-72
            ),
            workbins={each.id: each for each in workbins},
            mailboxes={mailbox.key: (mailbox, queue) for mailbox, queue in mailboxes},
            names=names,
            presence_grace=config.agent.presence_grace,
            lost_after=config.agent.lost_after,
            lost_keeps=config.lost.active == "keep",
            lost_keep_for=config.lost.keep_for,
            logout_closes=config.logout.active == "close",
            rona_not_ready=config.rona.not_ready,
            routing_keys=config.mre.routing_keys,
            multi=config.sessions.multi,
            origin=config.agent.origin,
            chat_server=ChatServer(
                name=config.chat.server_name,
                host=config.chat.server_host or socket.gethostname(),
                port=config.chat.server_port or str(config.listen.public.port),
                id=config.chat.server_id,
            ),
        )

    @property
    def media(self) -> tuple[str, ...]:
        """The media channels that are routed; also the ids of their MRDs."""
        return self.routed.media

    @property
    def queues(self) -> Mapping[str, contact.Queue]:
        """By name."""
        return self.routed.queues

    def default_queue(self, mrd: str) -> str:
        """Where what names none waits; empty, if there is no such MRD any more."""
        return self.routed.default_queues.get(mrd, "")


def routing_plan(config: Config) -> plan.Plan:
    """What the communication server and the engine are told of the configuration."""
    mre = config.mre
    everything: Mapping[str, int | None] = {each.id: None for each in mre.mrds}
    return plan.Plan(
        mrds={
            each.id: plan.Mrd(each.id, each.name, each.max_tasks, each.accept_timeout, each.wrap_up, each.default_queue)
            for each in mre.mrds
        },
        queues={each.name: _queue(each) for each in mre.queues},
        agents={each.name: plan.Agent(each.tasks or everything, each.has) for each in mre.agents},
        anyone=plan.Agent(everything),
        rona_not_ready=config.rona.not_ready,
        rona_exclude_for=config.rona.exclude_for,
        exclude_min=config.rona.exclude_min,
        offers_most=mre.offers_max,
        preferred_wait=mre.preferred_wait,
        no_agent_fast=mre.no_agent_fast,
        transfer_returns=config.transfer.fail == "return",
        conference_most=mre.conference_max,
        logout_closes=config.logout.active == "close",
        lost_after=config.agent.lost_after,
        task_lifetime=mre.task_max_lifetime,
        task_kept=mre.task_keep,
        mark=_mark(mre),
    )


def _mark(mre: contact.Mre) -> str:
    """The same for the same MRDs, queues and agents, in each process."""
    told = [repr(each) for each in (mre.mrds, mre.queues, mre.agents)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _queue(queue: contact.Queue) -> plan.Queue:
    return plan.Queue(
        queue.name,
        queue.mrd,
        tuple(plan.QueueStep(Expression(step.agents), step.timeout) for step in queue.steps),
        queue.priority,
        queue.ttl,
        queue.accept_timeout,
        queue.most,
    )


def _finder(names: Iterable[str]) -> Callable[[str], str | None]:
    """Finds a name among those that there are."""
    known = frozenset(names)
    return lambda name: name if name in known else None
