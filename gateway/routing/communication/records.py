"""What the communication server knows, as it is stored: one document an agent, a task, and a queue's pace.

Source: MRE-60, MRE-70, MRE-76, MRE-77, MRE-100, MRE-122.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bayeux.protocol import json
from gateway.routing.agent_state import AgentState
from gateway.routing.leg import Leg, leg_of, legs_from, owner_of
from gateway.routing.task_state import TaskState

LONGEST_HISTORY = 200
"""Changes of a task that are remembered."""
MOST_REQUESTS = 10
"""Of a task, on their way to the engine; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Presence:
    """An agent in one MRD."""

    state: AgentState
    wants_ready: bool
    reason: str
    """Why he wants no tasks."""
    since: float
    """When the state last changed, by what was told of it."""
    rev: int
    """One more with each change."""

    @property
    def is_signed_in(self) -> bool:
        """Whether tasks and commands of this MRD may be his."""
        return self.state is not AgentState.LOGOUT


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent who has connected."""

    id: str
    extension: str
    destination: str
    """Where he is told of his state (MRE-11)."""
    known: bool
    """False: his chat server came back from a failure and has not met him yet."""
    mrds: Mapping[str, Presence]

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> AgentRecord:
        """As it was stored."""
        mrds = {mrd: Presence(**{**each, "state": AgentState(each["state"])}) for mrd, each in body["mrds"].items()}
        return cls(**{**body, "mrds": mrds})

    def with_presence(self, mrd: str, presence: Presence) -> AgentRecord:
        """The same, but in that MRD."""
        return replace(self, mrds={**self.mrds, mrd: presence})


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for and forwarded to the engine, which may refuse it (MRE-81, MRE-86)."""

    type: str
    """As it came in."""
    id: str
    reply_to: str
    agent: str
    """Whom it was to bring in; empty for a new task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task, until some time after it is closed."""

    id: str
    mrd: str
    client_id: str
    name: str
    params: Mapping[str, Any]
    queue: str
    priority: int
    reply_to: str
    """Where the chat server that brought it is told of it; empty: the usual place."""
    created: float
    """Its first moment in the queue, or that of the task whose place it took; it keeps it when it comes back."""
    held: bool = False
    """It only stands in its queue: no agent gets it."""
    stands_for: str = ""
    """The task whose place it took; of two that came at one moment, the place goes by this id."""
    closed: bool = False
    legs: tuple[Leg, ...] = ()
    code: str = ""
    """Of the last change."""
    since: float = 0.0
    """When that was."""
    rev: int = 0
    attempts: int = 0
    """How often it was offered."""
    transferred: tuple[str, str] | None = None
    """The last transfer: from whom to whom."""
    requests: Mapping[str, Request] = field(default_factory=dict)
    """By the id of what was forwarded."""
    history: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> TaskRecord:
        """As it was stored."""
        return cls(
            **{
                **body,
                "legs": legs_from(body["legs"]),
                "transferred": tuple(body["transferred"]) if body["transferred"] else None,
                "requests": {id: Request(**each) for id, each in body["requests"].items()},
                "history": tuple(body["history"]),
            }
        )

    @property
    def owner(self) -> Leg | None:
        """The owner's leg; None while it waits or when it is closed."""
        return owner_of(self.legs)

    @property
    def owner_id(self) -> str:
        """The owner's name, or empty."""
        return self.owner.agent if self.owner else ""

    @property
    def state(self) -> TaskState:
        """What the task is (MRE-70)."""
        if self.closed:
            return TaskState.CLOSED
        return self.owner.state if self.owner else TaskState.QUEUED

    def leg(self, agent: str) -> Leg | None:
        """An agent's leg."""
        return leg_of(self.legs, agent)

    def with_request(self, forwarded_id: str, request: Request) -> TaskRecord:
        """The same, with one more on its way."""
        kept = list(self.requests.items())[1 - MOST_REQUESTS :]
        return replace(self, requests=dict([*kept, (forwarded_id, request)]))

    def without_requests(self, message_type: str, agent: str) -> TaskRecord:
        """The same; what was asked of that kind about that agent is answered."""
        kept = {id: each for id, each in self.requests.items() if (each.type, each.agent) != (message_type, agent)}
        return replace(self, requests=kept)


@dataclass(frozen=True, slots=True)
class Pace:
    """When a queue's last tasks were given to agents."""

    assignments: tuple[float, ...]

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Pace:
        """As it was stored."""
        return cls(tuple(body["assignments"]))


def body_of(record: AgentRecord | TaskRecord | Pace) -> dict[str, Any]:
    """As it is to be stored."""
    body: dict[str, Any] = json.decode_own(json.encode(record))
    return body
