"""What the communication server tells of agents and tasks; rows 10 and 12.

Its word counts: what it says of an agent or a leg is so, whatever was booked before.

Source: MRE-50, MRE-73, MRE-94, MRE-96.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.routing import moment
from gateway.routing.agent_state import AgentState
from gateway.routing.engine.draft import Draft
from gateway.routing.engine.records import Standing, TaskRecord
from gateway.routing.engine.routing import DEADLINE, WORTH_WAITING_FOR, route, serve
from gateway.routing.leg import Leg, replaced, successor_among, without
from gateway.routing.refusal import Code, Refused
from gateway.routing.task_state import ACCEPTED, LegRole, TaskState


def agent_state(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 10: he becomes a candidate, or is none any more, before anything else is decided."""
    agent_id, mrd = body["AgentId"], body["MRD"]
    before = draft.standing(agent_id, mrd)
    if mrd not in draft.plan.mrds and not before.is_signed_in:  # who is there still has to be seen to leave
        raise Refused(Code.UNKNOWN_MRD, f"there is no MRD {mrd}")
    if draft.plan.agent(agent_id) is None:
        raise Refused(Code.UNKNOWN_AGENT, f"there is no agent {agent_id}")
    state, changed = AgentState(body["State"]), moment.read(body["StateChangeTime"])
    if changed < before.changed or (state, changed) == (before.state, before.changed):
        return
    ready_since = changed if state is AgentState.READY else before.ready_since
    draft.put_standing(agent_id, mrd, Standing(state, changed, ready_since, before.touched))
    if state is AgentState.LOGOUT:
        _take_back_offers(draft, agent_id, mrd)
    if before.state in WORTH_WAITING_FOR and state not in WORTH_WAITING_FOR:
        _route_all(draft, [task.id for task in draft.waiting_for(agent_id)])
    _look_at_steps(draft, agent_id)
    serve(draft, mrd, agent_id)


def task_state(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 12: what an agent's leg has become, or the task without one."""
    task, agent_id, state = draft.task(body["TaskId"]), body["AgentId"], TaskState(body["State"])
    if task is None:
        return
    leg = task.leg(agent_id)
    if agent_id and leg is None and state in (TaskState.QUEUED, TaskState.CLOSED):
        return  # it was taken from him already, and may be another's by now
    if state is TaskState.QUEUED:
        _requeue(draft, task, leg)
    elif state is TaskState.CLOSED and leg is None:
        _drop(draft, task)
    elif state is TaskState.CLOSED and leg is not None:
        end_leg(draft, task, leg)
    else:
        _put_leg(draft, task, agent_id, state)


def end_leg(draft: Draft, task: TaskRecord, leg: Leg) -> None:
    """His leg is over; with the last one the task is. Without its owner it is his who is in longest (MRE-72)."""
    rest = without(task.legs, leg.agent)
    if not rest:
        _drop(draft, task)
        return
    if leg.is_owner:
        heir = successor_among(rest) or rest[0]
        rest = replaced(rest, replace(heir, role=LegRole.OWNER))
    draft.put_task(replace(task, legs=rest))
    _free(draft, task, leg)
    serve(draft, task.mrd, leg.agent)


def _put_leg(draft: Draft, task: TaskRecord, agent_id: str, state: TaskState) -> None:
    leg = task.leg(agent_id)
    if leg is None:
        role = LegRole.PARTICIPANT if task.owner else LegRole.OWNER
        leg = Leg(agent_id, state, role, draft.now)
        draft.deadlines[DEADLINE + task.id] = None
        draft.touch(agent_id, task.mrd)
    legs = (*without(task.legs, agent_id), replace(leg, state=state))
    draft.put_task(replace(task, legs=legs, served=task.served or state in ACCEPTED))
    serve(draft, task.mrd, agent_id)  # an offer that was accepted makes room for another


def _requeue(draft: Draft, task: TaskRecord, leg: Leg | None) -> None:
    """It waits again, at its place. Whose offer it was is left out for a while."""
    excluded = {
        agent_id: since for agent_id, since in task.excluded.items() if draft.now < since + draft.plan.rona_exclude_for
    }
    if leg is not None and leg.state is TaskState.RESERVED:
        excluded[leg.agent] = draft.now
    waiting = replace(
        task,
        legs=(),
        excluded=excluded,
        entered=draft.now if task.served else task.entered,
        headstart=0.0 if task.served else task.headstart,
        served=False,
    )
    draft.put_task(waiting)
    for each in task.legs:
        _free(draft, task, each)
    serve(draft, task.mrd, *(each.agent for each in task.legs))
    _route_all(draft, [task.id])


def _drop(draft: Draft, task: TaskRecord) -> None:
    draft.drop_task(task)
    draft.deadlines[DEADLINE + task.id] = None
    for leg in task.legs:
        _free(draft, task, leg)
    serve(draft, task.mrd, *(leg.agent for leg in task.legs))


def _free(draft: Draft, task: TaskRecord, leg: Leg) -> None:
    """A task that he had accepted is taken from him; an offer makes him READY again, which is told."""
    if leg.state in ACCEPTED:
        draft.touch(leg.agent, task.mrd)


def _take_back_offers(draft: Draft, agent_id: str, mrd: str) -> None:
    for task, leg in draft.legs_of(agent_id, mrd):
        if leg.state is TaskState.RESERVED:
            if leg.is_owner:
                _requeue(draft, task, leg)
            else:
                end_leg(draft, task, leg)


def _look_at_steps(draft: Draft, agent_id: str) -> None:
    """The first of a step makes the next one open later, the last who leaves makes it open at once."""
    for queue_name, change in draft.attendance(agent_id).items():
        if len(draft.plan.queues[queue_name].steps) == 1 and not draft.plan.no_agent_fast:
            continue
        counts = draft.signed_in(queue_name)
        steps = draft.state.membership.steps_of(agent_id)[queue_name]
        if any(0 in (counts[number], counts[number] - change) for number in steps):
            _route_all(draft, [task_id for *_, task_id in draft.waiting(queue_name)])


def _route_all(draft: Draft, task_ids: list[str]) -> None:
    for task_id in task_ids:
        task = draft.task(task_id)
        if task is not None and task.waits:
            route(draft, task)
