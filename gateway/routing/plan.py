"""Who may do what, for how long: agents, MRDs and queues as they were configured.

Both the communication server and the engine are given one, and another one when operators change it; none changes.

Source: MRE-65, MRE-69, MRE-72…76, MRE-90…98, MRE-150; the defaults are the vendor's where it states one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gateway.routing.expression import Attributes, Expression

MOST_TASKS = 10
"""Of one agent in one MRD."""
MOST_STEPS = 10
"""Of one queue."""


@dataclass(frozen=True, slots=True)
class Mrd:
    """A media routing domain: one kind of work."""

    id: str
    name: str = ""
    max_tasks: int = 1
    """Of one agent at a time, unless his own row says otherwise."""
    accept_timeout: float = 30.0
    """Seconds that an offer rings."""
    wrap_up: float = 0.0
    """Seconds until a task in WRAP_UP closes by itself; 0: it does not."""
    default_queue: str = ""
    """For tasks that name none."""


@dataclass(frozen=True, slots=True)
class QueueStep:
    """Part of a queue's agents, who are asked from a certain moment on."""

    expression: Expression = field(default_factory=Expression)
    """What their attributes have to be; an empty one is true of all."""
    timeout: float = 30.0
    """Seconds until the next step opens, too."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Where tasks of one MRD wait, and who serves them."""

    name: str
    mrd: str
    steps: tuple[QueueStep, ...] = (QueueStep(),)
    priority: int = 0
    """Queues with more go first, of those that one agent serves."""
    ttl: float = 300.0
    """Seconds that a task waits, unless it says otherwise."""
    accept_timeout: float | None = None
    """Seconds that an offer rings; None: as long as the MRD's."""
    most: int = 10_000
    """Tasks that wait; one more is refused (MRE-128)."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What an agent can do."""

    mrds: Mapping[str, int | None]
    """Ids of his MRDs, each with how many tasks he may have there; None: as many as the MRD says."""
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is configured about routing; times are seconds."""

    mrds: Mapping[str, Mrd]
    queues: Mapping[str, Queue]
    agents: Mapping[str, Agent] = field(default_factory=dict)
    anyone: Agent | None = None
    """What agents can do who are not listed; None: there are no others."""

    rona_not_ready: bool = True
    """Who lets a task ring out becomes NOT_READY."""
    rona_exclude_for: float = 60.0
    """How long he, or who rejected it, is not offered that task again."""
    exclude_min: float = 5.0
    """The same while nobody else could take it (MRE-94)."""
    offers_most: int = 1
    """Tasks that ring at one agent at a time in one MRD."""
    preferred_wait: float = 20.0
    """How long a task waits for its preferred agent alone."""
    no_agent_fast: bool = False
    """A task that nobody signed in could ever take is given up at once, not at the end of its time."""
    transfer_returns: bool = False
    """What the recipient of a transfer does not take is offered to who passed it on, not to whoever is next."""
    conference_most: int = 4
    """Agents in one task."""
    logout_closes: bool = False
    """What an agent has accepted is closed when he signs out, not queued again (MRE-64)."""
    lost_after: float = 60.0
    """How long an UNKNOWN agent has to come back before he is signed out."""
    task_lifetime: float = 24 * 60 * 60.0
    task_kept: float = 60 * 60.0
    """How long a closed task can be asked for."""

    mark: str = ""
    """Tells plans apart: two with the same one say the same of MRDs, queues and agents."""

    def agent(self, agent_id: str) -> Agent | None:
        """What he can do; None if there is no such agent."""
        return self.agents.get(agent_id, self.anyone)

    def most_tasks(self, agent_id: str, mrd_id: str) -> int:
        """How many tasks he may have there; 0 if he has no such MRD."""
        agent, mrd = self.agent(agent_id), self.mrds.get(mrd_id)
        if agent is None or mrd is None or mrd_id not in agent.mrds:
            return 0
        own = agent.mrds[mrd_id]
        return mrd.max_tasks if own is None else own

    def accept_timeout(self, mrd_id: str, queue_name: str) -> float:
        """How long a task of that queue rings."""
        queue = self.queues.get(queue_name)
        if queue is not None and queue.accept_timeout is not None:
            return queue.accept_timeout
        return self.mrd(mrd_id).accept_timeout

    def mrd(self, mrd_id: str) -> Mrd:
        """The MRD; of one that is configured no more, what its tasks need to come to an end."""
        return self.mrds.get(mrd_id, Mrd(mrd_id))

    @cached_property
    def priorities(self) -> tuple[Queue, ...]:
        """The queues, those with more priority first, then by name."""
        return tuple(sorted(self.queues.values(), key=lambda queue: (-queue.priority, queue.name)))


CHAT = Mrd("chat", "Chat", max_tasks=3, accept_timeout=30.0)
EMAIL = Mrd("email", "E-mail", max_tasks=5, accept_timeout=60.0)
VOICE = Mrd("voice", "Voice", max_tasks=1, accept_timeout=30.0)
"""What they are where nothing else is configured (MRE-65, MRE-74)."""
