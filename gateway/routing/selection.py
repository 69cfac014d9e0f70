"""Who may be offered a task, and who first.

The only strategy is the vendor's: of those with the least work, who has been available longest.

Source: MRE-92, MRE-93.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.routing.agent_state import CANDIDATES, AgentState
from gateway.routing.line import Place


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent in one MRD, as the choice sees him."""

    id: str
    state: AgentState
    load: int
    """Tasks he is in, offers among them."""
    offers: int
    """Tasks that ring at his desk."""
    most: int
    """Tasks he may have."""
    available_since: float


def may_be_offered(agent: Candidate, offers_most: int) -> bool:
    """Whether he may get one task more. With an open offer he gets a second only where more than one may ring."""
    asked = agent.state in CANDIDATES or (agent.state is AgentState.RESERVED and offers_most > 1)
    return asked and agent.offers < offers_most and agent.load < agent.most


def place_of(agent: Candidate) -> Place:
    """His place among those who may be offered a task: less work, then longer available, then his name."""
    return (agent.load, agent.available_since, agent.id)
