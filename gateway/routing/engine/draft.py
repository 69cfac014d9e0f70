"""What one message changes at the engine, and what the communication server is told; nothing of it has happened yet.

Source: MRE-81, MRE-93, MRE-95, MRE-120.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.routing.bus.bus import COMMUNICATION_SERVER
from gateway.routing.engine.records import AgentRecord, Standing, TaskRecord, body_of
from gateway.routing.engine.state import AGENT, TASK, State, attendance, candidate, rank_of, task_place
from gateway.routing.leg import Leg
from gateway.routing.line import Place, overlaid
from gateway.routing.machine import NewId, Sending, Step
from gateway.routing.messages import compose
from gateway.routing.overlay import Overlay
from gateway.routing.selection import Candidate


class Draft:
    """The state with changes laid over it, and the messages that tell them."""

    def __init__(self, state: State, producer: str, cause: str, now: float, new_id: NewId) -> None:
        self.state = state
        self.plan = state.plan
        self.now = now
        self.deadlines: dict[str, float | None] = {}
        self._cause = cause
        """Id of the message that this answers; empty for a deadline."""
        self._producer = producer
        self._new_id = new_id
        self._agents = Overlay(state.agents)
        self._tasks = Overlay(state.tasks)
        self._moved: dict[str, str] = {}
        """Agents whose place may be another one by now, each by his own name."""
        self._sent: list[Sending] = []

    def step(self) -> Step:
        """All of it."""
        documents = {
            **_documents(AGENT, self._agents.changed),
            **_documents(TASK, self._tasks.changed),
        }
        return Step(documents, self.deadlines, self._sent)

    def send(self, message_type: str, body: Mapping[str, Any]) -> None:
        """Tell the communication server."""
        message = compose(
            COMMUNICATION_SERVER,
            message_type,
            body,
            id=self._new_id(),
            now=self.now,
            producer=self._producer,
            correlation=self._cause,
        )
        self._sent.append(Sending(COMMUNICATION_SERVER, message))

    # agents

    def standing(self, agent_id: str, mrd: str) -> Standing:
        """The agent in that MRD; signed out, if nothing was told of him."""
        agent = self._agents.get(agent_id)
        return agent.mrds.get(mrd, Standing()) if agent else Standing()

    def put_standing(self, agent_id: str, mrd: str, standing: Standing) -> None:
        """The agent in that MRD as he shall be."""
        agent = self._agents.get(agent_id) or AgentRecord(agent_id, {})
        self._agents.put(agent_id, agent.with_standing(mrd, standing))
        self._moved[agent_id] = agent_id

    def touch(self, agent_id: str, mrd: str) -> None:
        """A task is given to him or taken from him (MRE-93)."""
        standing = self.standing(agent_id, mrd)
        if standing.is_signed_in:
            self.put_standing(agent_id, mrd, replace(standing, touched=self.now))

    def legs_of(self, agent_id: str, mrd: str) -> list[tuple[TaskRecord, Leg]]:
        """His legs in that MRD, each with its task, in the order of their ids."""
        found = sorted((task for task in self._tasks_of(agent_id) if task.mrd == mrd), key=lambda task: task.id)
        return [(task, leg) for task in found if (leg := task.leg(agent_id)) is not None]

    def candidate(self, agent_id: str, mrd: str) -> Candidate:
        """The agent as the choice sees him."""
        return candidate(self.plan, agent_id, mrd, self.standing(agent_id, mrd), self._tasks_of(agent_id))

    def ranked(self, mrd: str) -> Iterator[Place]:
        """Who may be offered a task, first who goes first; names come last in each place."""
        return overlaid(
            self.state.ranking[mrd], self._moved, lambda agent_id: rank_of(self.candidate(agent_id, mrd), self.plan)
        )

    def present(self, mrd: str) -> Iterator[str]:
        """Everybody who is signed in there; costs a look at all agents."""
        for agent_id in self.state.agents.keys() | self._agents.changed.keys():
            if self.standing(agent_id, mrd).is_signed_in:
                yield agent_id

    def attendance(self, agent_id: str) -> Mapping[str, int]:
        """The queues that he has come to (1) or left (-1)."""
        agent = self._agents.changed.get(agent_id)
        if agent is None:
            return {}
        return attendance(self.state.membership, self.plan, self.state.agents.get(agent_id), agent)

    def signed_in(self, queue_name: str) -> list[int]:
        """Of each step of a queue, how many of its agents are there."""
        counts = list(self.state.signed_in[queue_name])
        for agent_id in self._agents.changed:
            change = self.attendance(agent_id).get(queue_name, 0)
            for number in self.state.membership.steps_of(agent_id).get(queue_name, ()):
                counts[number] += change
        return counts

    # tasks

    def task(self, task_id: str) -> TaskRecord | None:
        """The task, unless it is over."""
        return self._tasks.get(task_id)

    def put_task(self, task: TaskRecord) -> None:
        """The task as it shall be."""
        self._note_legs(task)
        self._tasks.put(task.id, task)

    def drop_task(self, task: TaskRecord) -> None:
        """It is over."""
        self._note_legs(task)
        self._tasks.put(task.id, None)

    def waiting(self, queue_name: str) -> Iterator[Place]:
        """What waits in a queue, first what goes first; ids come last in each place."""
        return overlaid(self.state.lines[queue_name], self._tasks.changed, _waiting_place(queue_name))

    def waiting_for(self, agent_id: str) -> list[TaskRecord]:
        """Waiting tasks that prefer this agent, first what goes first."""
        ids = self.state.preferring.get(agent_id, set()) | self._tasks.changed.keys()
        tasks = [task for id in ids if (task := self._tasks.get(id)) is not None and task.waits]
        return sorted((task for task in tasks if task.wishes.preferred == agent_id), key=task_place)

    def _tasks_of(self, agent_id: str) -> Iterable[TaskRecord]:
        ids = self.state.tasks_of.get(agent_id, set()) | self._tasks.changed.keys()
        return [task for id in ids if (task := self._tasks.get(id)) is not None]

    def _note_legs(self, task: TaskRecord) -> None:
        before = self._tasks.get(task.id)
        for leg in (*task.legs, *(before.legs if before else ())):
            self._moved[leg.agent] = leg.agent


def _waiting_place(queue_name: str) -> Any:
    def place(task: TaskRecord | None) -> Place | None:
        return task_place(task) if task is not None and task.waits and task.wishes.queue == queue_name else None

    return place


def _documents(prefix: str, changed: Mapping[str, Any]) -> dict[str, Mapping[str, Any] | None]:
    return {prefix + name: None if record is None else body_of(record) for name, record in changed.items()}
