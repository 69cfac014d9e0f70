"""The engine has decided about a task; row 15.

Source: MRE-47, MRE-98, MRE-99; AG-37.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.routing.agent_state import CANDIDATES, AgentState
from gateway.routing.bus.bus import ROUTING_ENGINE
from gateway.routing.communication import tasks
from gateway.routing.communication.draft import Draft, agent_body
from gateway.routing.communication.records import Pace, TaskRecord
from gateway.routing.estimate import remember
from gateway.routing.leg import Leg
from gateway.routing.task_state import Disposition, LegRole, TaskState


def selected(draft: Draft, body: Mapping[str, Any]) -> None:
    """Carry it out, or tell the engine why it cannot be."""
    task = draft.tasks.get(body["TaskId"])
    if task is None:
        return
    task = task.without_requests("Task", "")
    if body["Status"] in ("NO_AGENT_AVAILABLE", "CANCELLED"):
        _give_up(draft, task, body)
    elif task.held:
        _refuse(draft, task, body["AgentId"])
    else:
        _assign(draft, task, body["AgentId"], TaskState(body["Status"]), body)


def _refuse(draft: Draft, task: TaskRecord, agent_id: str) -> None:
    """The engine knows of no held tasks: it shall forget this one, which stands here all the same, and him as asked."""
    draft.tell_engine(task, agent_id, TaskState.CLOSED)
    presence = draft.presence(agent_id, task.mrd)
    if presence is not None:
        draft.send(ROUTING_ENGINE, "AgentState", agent_body(agent_id, task.mrd, presence))


def _give_up(draft: Draft, task: TaskRecord, body: Mapping[str, Any]) -> None:
    if task.state is not TaskState.QUEUED or (task.held and "ttl" not in task.params):
        return
    draft.notify(task, "", "TaskAgentSelected", body)
    tasks.close(draft, task, Disposition(body["Status"]))


def _assign(draft: Draft, task: TaskRecord, agent_id: str, state: TaskState, body: Mapping[str, Any]) -> None:
    leg = task.leg(agent_id)
    if leg is not None and leg.is_owner:
        return
    if task.state is not TaskState.QUEUED:
        # Those who are in it first: the engine drops a task that nobody is in.
        for each in task.legs:
            draft.tell_engine(task, each.agent, each.state)
        draft.tell_engine(task, agent_id, TaskState.CLOSED)
        return
    if not _may_get(draft, task, agent_id, state):
        draft.tell_engine(task, agent_id, TaskState.QUEUED)
        return
    draft.notify(task, agent_id, "TaskAgentSelected", {**body, "ClientUniqueId": task.client_id})
    if state is TaskState.RESERVED:
        pace = draft.paces.get(task.queue)
        draft.paces.put(task.queue, Pace(remember(pace.assignments if pace else (), draft.now)))
    code = Disposition.ACCEPTED if state is TaskState.ACTIVE else Disposition.NONE
    # It is the queue's again: if he does not take it, nobody gets it back (AG-76).
    task = replace(task, transferred=None)
    tasks.ring(draft, task, Leg(agent_id, state, LegRole.OWNER, draft.now), code)


def _may_get(draft: Draft, task: TaskRecord, agent_id: str, state: TaskState) -> bool:
    """An offer needs an agent who is ready as of this moment; his own workbin's task, one who is signed in."""
    presence = draft.presence(agent_id, task.mrd)
    if presence is None:
        return False
    if state is TaskState.ACTIVE:
        return True
    offered = {AgentState.RESERVED} if draft.plan.offers_most > 1 else frozenset()
    return presence.state in CANDIDATES | offered
