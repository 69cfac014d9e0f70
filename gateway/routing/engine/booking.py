"""New tasks, and tasks that are passed on or shared; rows 5, 8 and 14.

Source: MRE-75, MRE-81, MRE-84, MRE-85, MRE-87, MRE-124, MRE-128.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.routing.agent_state import AgentState
from gateway.routing.engine.draft import Draft
from gateway.routing.engine.records import TaskRecord
from gateway.routing.engine.routing import DEADLINE, assign, hold, route, serve
from gateway.routing.leg import Leg, without
from gateway.routing.params import Wishes, wishes_of
from gateway.routing.plan import Mrd
from gateway.routing.recipient import Recipient, check_conference, check_transfer
from gateway.routing.refusal import Code, Refused
from gateway.routing.task_state import LegRole, TaskState


def new_task(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 14: it waits in its queue, or is at once his who took it from a workbin."""
    mrd = draft.plan.mrds.get(body["MRD"])
    if mrd is None:
        raise Refused(Code.UNKNOWN_MRD, f"there is no MRD {body['MRD']}")
    known = draft.task(body["TaskId"])
    if known is not None:
        if known.mrd != mrd.id:
            raise Refused(Code.DUPLICATE_MISMATCH, f"{known.id} is a task of MRD {known.mrd}")
        return
    wishes = wishes_of(body.get("params", {}), mrd)
    place = _place_of(draft, mrd, wishes)
    _check_queue(draft, mrd, wishes, place)
    task = TaskRecord(id=body["TaskId"], mrd=mrd.id, wishes=wishes, created=draft.now, entered=draft.now)
    task = _at_place(draft, task, place) if place is not None else _as_since(task)
    if wishes.pull:
        if not draft.standing(wishes.preferred, mrd.id).is_signed_in:
            raise Refused(Code.NOT_LOGGED_IN, f"{wishes.preferred} is not signed in on {mrd.id}")
        assign(draft, task, wishes.preferred, TaskState.ACTIVE)
        return
    draft.put_task(task)
    if wishes.held:
        hold(draft, task)
    else:
        route(draft, task)


def transfer(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 8: checked again, then booked in one step; what was done already is told again."""
    owner_id, recipient_id = body["OwnerAgentId"], body["RecipientAgentId"]
    task = _task(draft, body["TaskId"])
    done = {"TaskId": task.id, "AgentId": recipient_id, "PreviousAgentId": owner_id}
    owner, present = task.owner, task.leg(recipient_id)
    if task.transferred == (owner_id, recipient_id) and owner is not None and owner.agent == recipient_id:
        draft.send("TaskAgentTransferred", done)
        return
    check_transfer(task.id, task.mrd, task.legs, owner_id, _recipient(draft, task, recipient_id))
    leg = replace(present or Leg(recipient_id, TaskState.RESERVED, LegRole.OWNER, draft.now), role=LegRole.OWNER)
    legs = (*without(without(task.legs, owner_id), recipient_id), leg)
    draft.put_task(replace(task, legs=legs, transferred=(owner_id, recipient_id)))
    draft.touch(owner_id, task.mrd)
    draft.touch(recipient_id, task.mrd)
    draft.send("TaskAgentTransferred", done)
    serve(draft, task.mrd, owner_id)


def conference(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 5: the same, for one agent more."""
    owner_id, participant_id = body["ConferenceOwner"], body["ConferenceParticipant"]
    task = _task(draft, body["TaskId"])
    done = {"TaskId": task.id, "OwnerAgentId": owner_id, "ParticipantAgentId": participant_id}
    present = task.leg(participant_id)
    if present is not None and not present.is_owner and present.state is TaskState.RESERVED:
        draft.send("TaskConferenced", done)
        return
    if body["Mrd"] != task.mrd:
        raise Refused(Code.MRD_MISMATCH, f"task {task.id} is of MRD {task.mrd}")
    participant = _recipient(draft, task, participant_id)
    check_conference(task.id, task.mrd, task.legs, owner_id, participant, draft.plan.conference_most)
    leg = Leg(participant_id, TaskState.RESERVED, LegRole.PARTICIPANT, draft.now)
    draft.put_task(replace(task, legs=(*task.legs, leg)))
    draft.touch(participant_id, task.mrd)
    draft.send("TaskConferenced", done)


def _task(draft: Draft, task_id: str) -> TaskRecord:
    task = draft.task(task_id)
    if task is None:
        raise Refused(Code.UNKNOWN_TASK, f"there is no task {task_id}")
    return task


def _place_of(draft: Draft, mrd: Mrd, wishes: Wishes) -> TaskRecord | None:
    """The held task whose place it shall have; None, if that is gone."""
    held = draft.task(wishes.place)
    if held is None or not held.wishes.held or held.legs:
        return None
    return held if (held.mrd, held.wishes.queue) == (mrd.id, wishes.queue) else None


def _at_place(draft: Draft, task: TaskRecord, held: TaskRecord) -> TaskRecord:
    """The task where the held one stood, which ends by it."""
    draft.drop_task(held)
    draft.deadlines[DEADLINE + held.id] = None
    return replace(
        task,
        wishes=replace(task.wishes, priority=held.wishes.priority),
        created=held.created,
        stands_for=held.stands_for or held.id,
        headstart=task.entered - held.created,
    )


def _as_since(task: TaskRecord) -> TaskRecord:
    """The task as if it had come when it says."""
    since = task.wishes.since
    if since is None or since >= task.entered:
        return task
    return replace(task, created=since, headstart=task.entered - since)


def _check_queue(draft: Draft, mrd: Mrd, wishes: Wishes, place: TaskRecord | None) -> None:
    queue = draft.plan.queues.get(wishes.queue)
    if queue is None:
        raise Refused(Code.UNKNOWN_QUEUE, f"there is no queue {wishes.queue!r}")
    if queue.mrd != mrd.id:
        raise Refused(Code.MRD_MISMATCH, f"queue {queue.name} is of MRD {queue.mrd}")
    standing = len(draft.state.lines[queue.name]) + draft.state.held[queue.name] - (place is not None)
    if standing >= queue.most and not wishes.pull:
        raise Refused(Code.INTERNAL, "queue full")


def _recipient(draft: Draft, task: TaskRecord, agent_id: str) -> Recipient:
    """As it is told, but RESERVED from the moment of an offer that the other side has not heard of yet."""
    agent = draft.candidate(agent_id, task.mrd)
    reserved = agent.state is AgentState.READY and agent.offers > 0
    return Recipient(
        id=agent_id,
        exists=draft.plan.agent(agent_id) is not None,
        state=AgentState.RESERVED if reserved else agent.state,
        load=agent.load,
        most=agent.most,
    )
