"""When the steps of a queue open, and for whom.

Source: MRE-90, MRE-91.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from gateway.routing.plan import Plan, Queue


def openings(queue: Queue, signed_in: Sequence[int]) -> list[float]:
    """After how many seconds each step opens.

    Args:
        signed_in: of each step, how many of its agents are there; a step without any passes at once.
    """
    passing = [step.timeout if count else 0.0 for step, count in zip(queue.steps, signed_in, strict=True)]
    return list(accumulate(passing[:-1], initial=0.0))


class Membership:
    """In which steps of which queues each agent is; read once from the plan for everybody who is met."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._steps: dict[str, Mapping[str, tuple[int, ...]]] = {}

    def steps_of(self, agent_id: str) -> Mapping[str, tuple[int, ...]]:
        """The agent's queues, each with the numbers of the steps that he is in, lowest first."""
        if agent_id not in self._steps:
            self._steps[agent_id] = self._read(agent_id)
        return self._steps[agent_id]

    def _read(self, agent_id: str) -> Mapping[str, tuple[int, ...]]:
        agent = self._plan.agent(agent_id)
        if agent is None:
            return {}
        found: dict[str, tuple[int, ...]] = {}
        for queue in self._plan.queues.values():
            if queue.mrd in agent.mrds:
                numbers = (n for n, step in enumerate(queue.steps) if step.expression.holds(agent.attributes))
                if steps := tuple(numbers):
                    found[queue.name] = steps
        return found
