"""What one message changes at the communication server, and whom it tells; nothing of it has happened yet.

The order of telling is the same everywhere: the chat server of the task, the agent's state, and last the engine about
the task. So nobody is offered a task of an agent who has just stopped being ready (MRE-99).

Source: MRE-11, MRE-43, MRE-45, MRE-61, MRE-62, MRE-68, MRE-77, MRE-113.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.routing import moment
from gateway.routing.agent_state import AgentState, Standing, may_become, state_of
from gateway.routing.bus.bus import CHAT_SERVER, COMMUNICATION_SERVER, ROUTING_ENGINE
from gateway.routing.communication.records import (
    LONGEST_HISTORY,
    Presence,
    TaskRecord,
    body_of,
)
from gateway.routing.communication.state import AGENT, PACE, TASK, State
from gateway.routing.leg import Leg
from gateway.routing.machine import NewId, Sending, Step
from gateway.routing.messages import compose
from gateway.routing.overlay import Overlay
from gateway.routing.plan import Plan
from gateway.routing.task_state import TaskState

REASONED = frozenset({AgentState.NOT_READY, AgentState.PENDING_NOT_READY, AgentState.LOGOUT})
"""States that are told with the reason for wanting no tasks."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What made the change."""

    id: str
    """Of the message, or the deadline's name."""
    reply_to: str = ""


class Draft:
    """The state with changes laid over it, and the messages that tell them."""

    def __init__(self, state: State, plan: Plan, producer: str, cause: Cause, now: float, new_id: NewId) -> None:
        self.state = state
        self.plan = plan
        self.cause = cause
        self.now = now
        self.new_id = new_id
        self.agents = Overlay(state.agents)
        self.tasks = Overlay(state.tasks)
        self.paces = Overlay(state.paces)
        self.deadlines: dict[str, float | None] = {}
        self._producer = producer
        self._sent: list[Sending] = []

    def step(self) -> Step:
        """All of it."""
        documents = {
            **_documents(AGENT, self.agents.changed),
            **_documents(TASK, self.tasks.changed),
            **_documents(PACE, self.paces.changed),
        }
        return Step(documents, self.deadlines, self._sent)

    def send(
        self,
        queue: str,
        message_type: str,
        body: Mapping[str, Any],
        *,
        correlation: str = "",
        expires: float | None = None,
    ) -> str:
        """Let a message leave with this step; gives its id. The engine is told where its errors go."""
        id = self.new_id()
        message = compose(
            queue,
            message_type,
            body,
            id=id,
            now=self.now,
            producer=self._producer,
            correlation=correlation,
            reply_to=COMMUNICATION_SERVER if queue == ROUTING_ENGINE else "",
            expires=expires,
        )
        self._sent.append(Sending(queue, message))
        return id

    # agents

    def legs_in(self, agent_id: str, mrd: str) -> Iterator[tuple[TaskRecord, Leg]]:
        """His legs of that MRD, each with its task, in the order of their ids."""
        ids = self.state.tasks_of.get(agent_id, set()) | self.tasks.changed.keys()
        for id in sorted(ids):
            task = self.tasks.get(id)
            if task is not None and task.mrd == mrd and (leg := task.leg(agent_id)) is not None:
                yield task, leg

    def presence(self, agent_id: str, mrd: str) -> Presence | None:
        """The agent in that MRD; None if he is not signed in there."""
        agent = self.agents.get(agent_id)
        presence = agent.mrds.get(mrd) if agent else None
        return presence if presence is not None and presence.is_signed_in else None

    def want(self, agent_id: str, mrd: str, *, ready: bool, reason: str = "") -> None:
        """Remember what he wants; ``settle`` makes it his state."""
        agent = self.agents.get(agent_id)
        assert agent is not None
        self.agents.put(agent_id, agent.with_presence(mrd, replace(agent.mrds[mrd], wants_ready=ready, reason=reason)))

    def settle(self, agent_id: str, mrd: str, *, engine_knows: bool = False) -> None:
        """Make his state what MRE-61 says, and tell it if that is another one."""
        agent, presence = self.agents.get(agent_id), self.presence(agent_id, mrd)
        if agent is None or presence is None:
            return
        standing = Standing(signed_in=True, wants_ready=presence.wants_ready, known=agent.known)
        legs = (leg.state for _, leg in self.legs_in(agent_id, mrd))
        state = state_of(standing, legs, self.plan.most_tasks(agent_id, mrd))
        if state is not presence.state:
            self.become(agent_id, mrd, state, engine_knows=engine_knows)

    def become(self, agent_id: str, mrd: str, state: AgentState, *, engine_knows: bool = False) -> None:
        """Give him that state and tell it."""
        agent = self.agents.get(agent_id)
        assert agent is not None
        presence = agent.mrds[mrd]
        assert may_become(presence.state, state), f"{presence.state} to {state}"
        # MRE-68: the times of an agent and MRD increase strictly, however quick the changes or bad the clock.
        since = max(round(self.now, 3), round(presence.since + moment.TICK, 3))
        presence = replace(presence, state=state, since=since, rev=presence.rev + 1)
        agent = agent.with_presence(mrd, presence)
        self.agents.put(agent_id, agent)
        told = agent_body(agent_id, mrd, presence)
        self.send(agent.destination, "AgentState", {**told, "Rev": presence.rev})
        if not engine_knows:
            self.send(ROUTING_ENGINE, "AgentState", told)

    # tasks

    def record(self, task: TaskRecord, agent_id: str, state: TaskState, code: str) -> TaskRecord:
        """The task with this change in its history, put."""
        before = leg.state if (leg := self._leg_before(task.id, agent_id)) else self._state_before(task.id)
        entry = {
            "time": moment.written(self.now),
            "from": before,
            "to": state,
            "code": code,
            "agent": agent_id,
            "message": self.cause.id,
        }
        history = (*task.history, entry)[-LONGEST_HISTORY:]
        since = max(round(self.now, 3), task.since)
        task = replace(task, code=code, since=since, rev=task.rev + 1, history=history)
        self.tasks.put(task.id, task)
        return task

    def change(
        self, task: TaskRecord, agent_id: str, state: TaskState, code: str, *, booked: bool = False
    ) -> TaskRecord:
        """Put the task as it shall be, and tell everybody that this agent's part of it changed.

        Args:
            task: with its legs as they shall be.
            agent_id: whose leg changed, or empty.
            state: what his leg has become; of the task, if it is nobody's.
            booked: the engine gave the agent this leg, and is not told what it did itself.
        """
        task = self.record(task, agent_id, state, code)
        self.notify(task, agent_id, "TaskState", task_body(task, agent_id, state))
        self.settle(agent_id, task.mrd, engine_knows=booked)
        if not booked:
            self.tell_engine(task, agent_id, state)
        return task

    def tell_engine(self, task: TaskRecord, agent_id: str, state: TaskState) -> None:
        """Row 12."""
        body = {"AgentId": agent_id, "TaskId": task.id, "MRD": task.mrd, "State": state}
        self.send(ROUTING_ENGINE, "TaskState", body)

    def notify(self, task: TaskRecord, agent_id: str, message_type: str, body: Mapping[str, Any]) -> None:
        """Tell the chat servers of the task and of the agent; once, if they are the same."""
        agent = self.agents.get(agent_id)
        places = [task.reply_to or CHAT_SERVER]
        if agent is not None and agent.destination not in places:
            places.append(agent.destination)
        for place in places:
            self.send(place, message_type, body)

    def _leg_before(self, task_id: str, agent_id: str) -> Leg | None:
        before = self.tasks.get(task_id)
        return before.leg(agent_id) if before else None

    def _state_before(self, task_id: str) -> str:
        before = self.tasks.get(task_id)
        return before.state if before else ""


def _documents(prefix: str, changed: Mapping[str, Any]) -> dict[str, Mapping[str, Any] | None]:
    return {prefix + name: None if record is None else body_of(record) for name, record in changed.items()}


def agent_body(agent_id: str, mrd: str, presence: Presence) -> dict[str, Any]:
    """What is told of an agent in an MRD: the fields of row 10."""
    return {
        "AgentId": agent_id,
        "State": presence.state,
        "MRD": mrd,
        "ReasonCode": presence.reason if presence.state in REASONED else "",
        "StateChangeTime": moment.written(presence.since),
    }


def task_body(task: TaskRecord, agent_id: str, state: TaskState) -> dict[str, Any]:
    """What the chat server is told of a task; its own id and the owner besides the fields of row 12."""
    return {
        "AgentId": agent_id,
        "TaskId": task.id,
        "MRD": task.mrd,
        "State": state,
        "Code": task.code,
        "StateChangeTime": moment.written(task.since),
        "Rev": task.rev,
        "ClientUniqueId": task.client_id,
        "Owner": task.owner_id,
    }
