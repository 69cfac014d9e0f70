"""A task comes, changes hands and ends; rows 11 and 13.

Source: AG-76, MRE-45, MRE-46, MRE-48, MRE-70…76, MRE-83, MRE-85, MRE-124.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.routing.agent_state import CANDIDATES
from gateway.routing.bus.bus import ROUTING_ENGINE
from gateway.routing.communication import deadlines
from gateway.routing.communication.draft import Draft, task_body
from gateway.routing.communication.records import Request, TaskRecord
from gateway.routing.leg import Leg, replaced, successor_among, without
from gateway.routing.params import is_held, priority_of, queue_of, since_of
from gateway.routing.refusal import Code, Refused
from gateway.routing.task_state import COMMANDS, Disposition, LegRole, TaskState

CLOSED, QUEUED, RESERVED = TaskState.CLOSED, TaskState.QUEUED, TaskState.RESERVED


def create(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 13: a task of its own id, forwarded to the engine; one that is there already is told again."""
    mrd = draft.plan.mrds.get(body["Mrd"])
    if mrd is None:
        raise Refused(Code.UNKNOWN_MRD, f"there is no MRD {body['Mrd']}")
    if (open_task := draft.state.open_tasks.get(body["ClientUniqueId"])) is not None:
        tell_again(draft, draft.state.tasks[open_task], mrd.id)
        return
    params = body.get("params", {})
    task = TaskRecord(
        id=draft.new_id(),
        mrd=mrd.id,
        client_id=body["ClientUniqueId"],
        name=body.get("name", ""),
        params=params,
        queue=queue_of(params, mrd),
        priority=priority_of(params),
        reply_to=draft.cause.reply_to,
        created=since_of(params, draft.now),
        held=is_held(params),
    )
    held = _held_for(draft, task)
    if held is None:
        _enter(draft, task)
        return
    _enter(draft, replace(task, **_place_of(held)) if held.queue == task.queue else task, held)
    close(draft, held, Disposition.PLACE_TAKEN)


def _held_for(draft: Draft, task: TaskRecord) -> TaskRecord | None:
    """The held task that this one comes instead of; None, if it says none or that is gone."""
    held = draft.state.named(str(task.params.get("place", "")))
    is_there = held is not None and held.held and not held.closed and held.mrd == task.mrd
    return held if is_there else None


def _place_of(held: TaskRecord) -> dict[str, Any]:
    return {"priority": held.priority, "created": held.created, "stands_for": held.stands_for or held.id}


def _enter(draft: Draft, task: TaskRecord, held: TaskRecord | None = None) -> None:
    """It stands in its queue: the chat server is told, and the engine, which calls a held task by its own id."""
    task = draft.record(task, "", QUEUED, "")
    draft.notify(task, "", "TaskState", task_body(task, "", QUEUED))
    params = {key: value for key, value in task.params.items() if key != "place"}
    if held is not None:
        params |= {"place": held.id, "priority": task.priority, "since": task.created}
    forwarded = draft.send(ROUTING_ENGINE, "NewTask", {"MRD": task.mrd, "TaskId": task.id, "params": params})
    draft.tasks.put(task.id, task.with_request(forwarded, Request("Task", draft.cause.id, draft.cause.reply_to, "")))
    draft.deadlines[deadlines.lifetime(task.id)] = draft.now + draft.plan.task_lifetime


def tell_again(draft: Draft, task: TaskRecord, mrd: str) -> None:
    """Its state as it stands, to whoever brought it twice (MRE-48)."""
    if task.mrd != mrd:
        raise Refused(Code.DUPLICATE_MISMATCH, f"{task.client_id} is a task of MRD {task.mrd}")
    draft.notify(task, task.owner_id, "TaskState", task_body(task, task.owner_id, task.state))


def open_task(draft: Draft, task_id: str) -> TaskRecord:
    """The task. Raises Refused: there is none, or it is closed."""
    task = draft.tasks.get(task_id)
    if task is None:
        raise Refused(Code.UNKNOWN_TASK, f"there is no task {task_id}")
    if task.closed:
        raise Refused(Code.TASK_CLOSED, f"task {task_id} is closed")
    return task


def command(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 11: what an agent does with his leg, or what becomes of a task without one."""
    wanted, code = TaskState(body["State"]), body.get("Code", "")
    known = draft.tasks.get(body["TaskId"])
    if known is not None and known.state is wanted and wanted in (QUEUED, CLOSED):
        return
    task = open_task(draft, body["TaskId"])
    if wanted is CLOSED and _ends_without_agent(task, body["AgentId"], code):
        close(draft, task, code or Disposition.CANCELLED)
        return
    leg = task.leg(body["AgentId"])
    if leg is None:
        raise Refused(Code.NOT_TASK_AGENT, f"{body['AgentId']} has no part in task {task.id}")
    if leg.state is wanted:
        return
    try:
        usual = COMMANDS[leg.role][leg.state, wanted]
    except KeyError:
        raise Refused(Code.ILLEGAL_TRANSITION, f"task {task.id} is {leg.state}, not to be {wanted}") from None
    move(draft, task, leg, wanted, code or usual)


def move(draft: Draft, task: TaskRecord, leg: Leg, state: TaskState, code: str) -> None:
    """Bring a leg from its state into one that the table allows."""
    ends_task = leg.is_owner and (code != Disposition.LEAVE or successor_among(task.legs) is None)
    if state is QUEUED or (state is CLOSED and not ends_task):
        leave(draft, task, leg, code)
    elif state is CLOSED:
        close(draft, task, code)
    else:
        _set_timers(draft, task, leg, state)
        draft.change(replace(task, legs=replaced(task.legs, replace(leg, state=state))), leg.agent, state, code)


def leave(draft: Draft, task: TaskRecord, leg: Leg, code: str) -> None:
    """His leg ends. With its owner the task goes to who is in longest, or to the queue again (MRE-72).

    A requeue that its owner asked for leaves nobody in it.
    """
    successor = successor_among(task.legs) if code != Disposition.REQUEUED else None
    if leg.is_owner and successor is None:
        giver = _who_gets_it_back(draft, task, leg)
        if giver:
            _give_back(draft, task, leg, code, giver)
        else:
            _requeue(draft, task, leg, code)
        return
    rest = without(task.legs, leg.agent)
    if leg.is_owner and successor is not None:
        rest = replaced(rest, replace(successor, role=LegRole.OWNER))
    _stop_timers(draft, task, leg)
    draft.change(replace(task, legs=rest), leg.agent, CLOSED, code)


def close(draft: Draft, task: TaskRecord, code: str) -> None:
    """All legs end, the participants' first, and the task with them."""
    task = _end_participants(draft, task, code)
    owner = task.owner
    if owner is not None:
        _stop_timers(draft, task, owner)
    draft.change(replace(task, legs=(), closed=True), owner.agent if owner else "", CLOSED, code)
    draft.deadlines[deadlines.lifetime(task.id)] = None
    draft.deadlines[deadlines.forget(task.id)] = draft.now + draft.plan.task_kept


def ring(draft: Draft, task: TaskRecord, leg: Leg, code: str, *, booked: bool = True) -> None:
    """A leg begins, which the engine booked or is told of; a RESERVED one until its time is over (MRE-74)."""
    task = replace(task, legs=(*without(task.legs, leg.agent), leg), attempts=task.attempts + 1)
    if leg.state is RESERVED:
        ringing = draft.plan.accept_timeout(task.mrd, task.queue)
        draft.deadlines[deadlines.accept(task.id, leg.agent)] = draft.now + ringing + deadlines.GRACE
    draft.change(task, leg.agent, leg.state, code, booked=booked)


def ring_out(draft: Draft, task_id: str, agent_id: str) -> None:
    """Nobody accepted (MRE-73). The state is wanted before the leg ends, so that RESERVED goes to NOT_READY at once."""
    task = draft.tasks.get(task_id)
    leg = task.leg(agent_id) if task else None
    if task is None or leg is None or leg.state is not RESERVED:
        return
    presence = draft.presence(agent_id, task.mrd)
    if draft.plan.rona_not_ready and presence is not None and presence.wants_ready:
        draft.want(agent_id, task.mrd, ready=False, reason=Disposition.RONA)
    leave(draft, task, leg, Disposition.RONA)


def wrapped_up(draft: Draft, task_id: str, agent_id: str) -> None:
    """The time to wrap up is over."""
    task = draft.tasks.get(task_id)
    leg = task.leg(agent_id) if task else None
    if task is not None and leg is not None and leg.state is TaskState.WRAP_UP:
        move(draft, task, leg, CLOSED, Disposition.DONE)


def outlive(draft: Draft, task_id: str) -> None:
    """A task has been open for as long as one may be."""
    task = draft.tasks.get(task_id)
    if task is not None and not task.closed:
        close(draft, task, Disposition.LIFETIME_EXCEEDED)


def forget(draft: Draft, task_id: str) -> None:
    """A closed task can be asked for no more (MRE-76)."""
    draft.tasks.put(task_id, None)


def _ends_without_agent(task: TaskRecord, agent_id: str, code: str) -> bool:
    """Whether CLOSED is about the task, not a leg: the customer left before anybody was there, or it is by force."""
    leg = task.leg(agent_id)
    if leg is not None and not leg.is_owner:
        return False
    if code == Disposition.FORCE_CLOSED:
        return True
    return task.state in (QUEUED, RESERVED) and (not agent_id or code == Disposition.CANCELLED)


def _requeue(draft: Draft, task: TaskRecord, owner: Leg, code: str) -> None:
    task = _end_participants(draft, task, code)
    _stop_timers(draft, task, owner)
    draft.change(replace(task, legs=()), owner.agent, QUEUED, code)


def _who_gets_it_back(draft: Draft, task: TaskRecord, leg: Leg) -> str:
    """Who passed on what this recipient has not taken, if that is configured and he may be offered it; or empty."""
    if not draft.plan.transfer_returns or leg.state is not RESERVED or task.transferred is None:
        return ""
    giver, recipient = task.transferred
    presence = draft.presence(giver, task.mrd)
    is_free = presence is not None and presence.state in CANDIDATES and task.leg(giver) is None
    return giver if recipient == leg.agent and is_free else ""


def _give_back(draft: Draft, task: TaskRecord, recipient: Leg, code: str, giver: str) -> None:
    """AG-76: the desk of who passed it on rings, without the engine having chosen him."""
    task = _end_participants(draft, task, code)
    _stop_timers(draft, task, recipient)
    # Who gets it is told to the engine first: it drops a task that nobody is in.
    draft.tell_engine(task, giver, RESERVED)
    leg = Leg(giver, RESERVED, LegRole.OWNER, draft.now)
    task = draft.change(replace(task, legs=(leg,), transferred=None), recipient.agent, CLOSED, code)
    selected = {"TaskId": task.id, "AgentId": giver, "Status": RESERVED, "ClientUniqueId": task.client_id}
    draft.notify(task, giver, "TaskAgentSelected", selected)
    ring(draft, task, leg, Disposition.NONE, booked=False)


def _end_participants(draft: Draft, task: TaskRecord, code: str) -> TaskRecord:
    for leg in task.legs:
        if not leg.is_owner:
            _stop_timers(draft, task, leg)
            task = draft.change(replace(task, legs=without(task.legs, leg.agent)), leg.agent, CLOSED, code)
    return task


def _set_timers(draft: Draft, task: TaskRecord, leg: Leg, state: TaskState) -> None:
    _stop_timers(draft, task, leg)
    seconds = draft.plan.mrd(task.mrd).wrap_up
    if state is TaskState.WRAP_UP and seconds:
        draft.deadlines[deadlines.wrap_up(task.id, leg.agent)] = draft.now + seconds


def _stop_timers(draft: Draft, task: TaskRecord, leg: Leg) -> None:
    if leg.state is RESERVED:
        draft.deadlines[deadlines.accept(task.id, leg.agent)] = None
    elif leg.state is TaskState.WRAP_UP:
        draft.deadlines[deadlines.wrap_up(task.id, leg.agent)] = None
