"""Questions about agents and tasks; rows 16 and 17, which change nothing.

Source: MRE-49, MRE-100, MRE-110…112.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.routing import moment
from gateway.routing.agent_state import AgentState
from gateway.routing.bus.bus import CHAT_SERVER
from gateway.routing.communication.draft import Draft, agent_body
from gateway.routing.communication.records import Presence, TaskRecord
from gateway.routing.communication.state import place_of
from gateway.routing.estimate import estimated_wait
from gateway.routing.refusal import Code, Refused
from gateway.routing.steps import Membership
from gateway.routing.task_state import TaskState

ANSWERED_WITHIN = 2.0
"""Seconds; later, nobody waits for it any more."""
ALL = "*"
"""As MRD: each of the agent's."""


def agent_state(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 16."""
    agent_id, mrd = body["AgentId"], body["Mrd"]
    agent = draft.plan.agent(agent_id)
    if agent is None:
        raise Refused(Code.UNKNOWN_AGENT, f"there is no agent {agent_id}")
    if mrd == ALL:
        _reply(
            draft,
            agent_id,
            "AgentState",
            {"AgentId": agent_id, "Mrds": [_agent(draft, agent_id, each) for each in agent.mrds]},
        )
        return
    if mrd not in agent.mrds:
        raise Refused(Code.UNKNOWN_MRD, f"{agent_id} has no MRD {mrd}")
    _reply(draft, agent_id, "AgentState", _agent(draft, agent_id, mrd))


def task_state(draft: Draft, body: Mapping[str, Any], membership: Membership) -> None:
    """Row 17; with an agent, the state is that of his leg."""
    agent_id = body.get("AgentId", "")
    task = draft.state.named(body["TaskId"])
    if task is None:
        raise Refused(Code.UNKNOWN_TASK, f"there is no task {body['TaskId']}")
    leg = task.leg(agent_id)
    if agent_id and leg is None:
        raise Refused(Code.NOT_TASK_AGENT, f"{agent_id} has no part in task {task.id}")
    answer = {
        "AgentId": agent_id or task.owner_id,
        "TaskId": task.id,
        "MRD": task.mrd,
        "State": leg.state if leg else task.state,
        "Owner": task.owner_id,
        "Legs": [{"AgentId": each.agent, "State": each.state, "Role": each.role} for each in task.legs],
        "Queue": task.queue,
        "Code": task.code,
        "StateChangeTime": moment.written(task.since),
        "Rev": task.rev,
        "ClientUniqueId": task.client_id,
    }
    if task.state is TaskState.QUEUED:
        answer |= _wait(draft, task) | {"ReadyAgents": _ready_agents(draft, task, membership)}
    _reply(draft, agent_id, "TaskState", answer)


def _agent(draft: Draft, agent_id: str, mrd: str) -> dict[str, Any]:
    agent = draft.agents.get(agent_id)
    presence = agent.mrds.get(mrd) if agent else None
    if presence is None:
        presence = Presence(AgentState.LOGOUT, False, "", draft.now, 0)
    legs = list(draft.legs_in(agent_id, mrd))
    pending = {"State": AgentState.NOT_READY, "ReasonCode": presence.reason}
    return {
        **agent_body(agent_id, mrd, presence),
        "MaxTasks": draft.plan.most_tasks(agent_id, mrd),
        "Load": len(legs),
        "Tasks": [{"TaskId": task.id, "State": leg.state} for task, leg in legs],
        "Pending": pending if presence.state is AgentState.PENDING_NOT_READY else None,
        "Rev": presence.rev,
    }


def _wait(draft: Draft, task: TaskRecord) -> dict[str, Any]:
    line, pace = draft.state.lines[task.queue], draft.paces.get(task.queue)
    position = line.before(place_of(task)) + 1
    seconds = estimated_wait(position, pace.assignments if pace else ())
    return {"Position": position, "Waiting": len(line), "EstimatedWait": "n/a" if seconds is None else seconds}


def _ready_agents(draft: Draft, task: TaskRecord, membership: Membership) -> int:
    """How many may be given one more task of its queue."""
    ready = draft.state.ready.get(task.mrd, set())
    return sum(task.queue in membership.steps_of(agent_id) for agent_id in ready)


def _reply(draft: Draft, agent_id: str, message_type: str, body: Mapping[str, Any]) -> None:
    agent = draft.agents.get(agent_id)
    place = draft.cause.reply_to or (agent.destination if agent else CHAT_SERVER)
    draft.send(place, message_type, body, correlation=draft.cause.id, expires=draft.now + ANSWERED_WITHIN)
