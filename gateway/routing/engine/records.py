"""What the engine knows, as it is stored: one document an agent, and a task that is not over.

Source: MRE-50, MRE-93…95, MRE-97.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bayeux.protocol import json
from gateway.routing.agent_state import AgentState
from gateway.routing.leg import Leg, leg_of, legs_from, owner_of
from gateway.routing.params import Wishes


@dataclass(frozen=True, slots=True)
class Standing:
    """An agent in one MRD, as the communication server told last."""

    state: AgentState = AgentState.LOGOUT
    changed: float = 0.0
    """When it was so; what was earlier and comes later is dropped."""
    ready_since: float = 0.0
    """When he last became READY."""
    touched: float = 0.0
    """When a task was last given to him or taken from him."""

    @property
    def is_signed_in(self) -> bool:
        """Whether he is there at all."""
        return self.state is not AgentState.LOGOUT

    @property
    def available_since(self) -> float:
        """What the longest available agent is found by (MRE-93); a READY follows each end of his tasks."""
        return max(self.ready_since, self.touched)


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent of whom something was told."""

    id: str
    mrds: Mapping[str, Standing]

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> AgentRecord:
        """As it was stored."""
        mrds = {mrd: Standing(**{**each, "state": AgentState(each["state"])}) for mrd, each in body["mrds"].items()}
        return cls(body["id"], mrds)

    def with_standing(self, mrd: str, standing: Standing) -> AgentRecord:
        """The same, but in that MRD."""
        return replace(self, mrds={**self.mrds, mrd: standing})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task that waits or that agents are in."""

    id: str
    mrd: str
    wishes: Wishes
    created: float
    """Its first moment in the queue, which its place goes by; or that of the task whose place it took."""
    entered: float
    """Since when its steps open and its time runs: a task that an agent had accepted begins anew."""
    stands_for: str = ""
    """The task whose place it took; of two that came at one moment, the place goes by this id."""
    headstart: float = 0.0
    """Seconds that it had waited when it entered: its steps open so much earlier."""
    served: bool = False
    """An agent has accepted it since then."""
    legs: tuple[Leg, ...] = ()
    excluded: Mapping[str, float] = field(default_factory=dict)
    """Agents who did not take it, and when that was (MRE-94)."""
    transferred: tuple[str, str] | None = None
    """The last transfer: from whom to whom."""

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> TaskRecord:
        """As it was stored."""
        wishes = body["wishes"]
        return cls(
            **{
                **body,
                "wishes": Wishes(**{**wishes, "not_for": tuple(wishes["not_for"])}),
                "legs": legs_from(body["legs"]),
                "transferred": tuple(body["transferred"]) if body["transferred"] else None,
            }
        )

    @property
    def waits(self) -> bool:
        """Whether it is nobody's, and somebody may have it."""
        return not self.legs and not self.wishes.held

    @property
    def owner(self) -> Leg | None:
        """The owner's leg."""
        return owner_of(self.legs)

    def leg(self, agent: str) -> Leg | None:
        """An agent's leg."""
        return leg_of(self.legs, agent)


def body_of(record: AgentRecord | TaskRecord) -> dict[str, Any]:
    """As it is to be stored."""
    body: dict[str, Any] = json.decode_own(json.encode(record))
    return body
