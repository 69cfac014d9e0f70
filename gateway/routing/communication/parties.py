"""Tasks passed on and shared: checked here, booked by the engine, then carried out here; rows 4 to 9.

Source: MRE-44, MRE-80…87, MRE-124; AG-37.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.routing.agent_state import CANDIDATES, AgentState
from gateway.routing.bus.bus import ROUTING_ENGINE
from gateway.routing.communication import tasks
from gateway.routing.communication.draft import Draft
from gateway.routing.communication.errors import undo
from gateway.routing.communication.records import Request, TaskRecord
from gateway.routing.leg import Leg, without
from gateway.routing.recipient import Recipient, check_conference, check_transfer
from gateway.routing.refusal import Code, Refused
from gateway.routing.task_state import AT_WORK, Disposition, LegRole, TaskState

RESERVED, CLOSED = TaskState.RESERVED, TaskState.CLOSED


def transfer(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 7 to row 8, or why not. What was done already is told again."""
    owner_id, recipient_id = body["OwnerAgentId"], body["RecipientAgentId"]
    task = tasks.open_task(draft, body["TaskId"])
    if task.transferred == (owner_id, recipient_id) and task.owner_id == recipient_id:
        done = {"TaskId": task.id, "AgentId": recipient_id, "PreviousAgentId": owner_id}
        draft.notify(task, recipient_id, "TaskAgentTransferred", done)
        return
    check_transfer(task.id, task.mrd, task.legs, owner_id, _recipient(draft, task, recipient_id))
    _forward(draft, task, "Transfer", body, recipient_id)


def conference(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 4 to row 5, or why not. Who rings already is told again."""
    owner_id, participant_id = body["ConferenceOwner"], body["ConferenceParticipant"]
    task = tasks.open_task(draft, body["TaskId"])
    if body["Mrd"] != task.mrd:
        raise Refused(Code.MRD_MISMATCH, f"task {task.id} is of MRD {task.mrd}")
    leg = task.leg(participant_id)
    if leg is not None and not leg.is_owner and leg.state is RESERVED and task.owner_id == owner_id:
        done = {"TaskId": task.id, "OwnerAgentId": owner_id, "ParticipantAgentId": participant_id}
        draft.notify(task, participant_id, "TaskConferenced", done)
        return
    participant = _recipient(draft, task, participant_id)
    check_conference(task.id, task.mrd, task.legs, owner_id, participant, draft.plan.conference_most)
    _forward(draft, task, "Conference", body, participant_id)


def transferred(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 9: the owner is out, the recipient's desk rings. If he rests by now, the task goes to its queue.

    That is told as well: the chat server has to end the owner's part, and does not invite who rests.
    """
    recipient_id, previous_id = body["AgentId"], body["PreviousAgentId"]
    task = draft.tasks.get(body["TaskId"])
    if task is None:
        return
    previous, present = task.leg(previous_id), task.leg(recipient_id)
    if task.transferred == (previous_id, recipient_id) and present is not None and previous is None:
        return
    if task.closed or previous is None or not previous.is_owner or previous.state not in AT_WORK:
        changed = Refused(Code.ILLEGAL_TRANSITION, f"task {task.id} is {task.state} by now")
        undo(draft, task, "Transfer", recipient_id, changed)
        return
    free = _may_ring(draft, task, recipient_id)
    leg = replace(present or Leg(recipient_id, RESERVED, LegRole.OWNER, draft.now), role=LegRole.OWNER)
    task = replace(
        task.without_requests("Transfer", recipient_id),
        legs=(*without(without(task.legs, previous_id), recipient_id), leg),
        transferred=(previous_id, recipient_id),
    )
    # The engine is told, too: it may have heard of this leg again between its booking and now.
    task = draft.change(task, previous_id, CLOSED, Disposition.TRANSFERRED)
    draft.notify(task, recipient_id, "TaskAgentTransferred", body)
    if present is None and free:
        tasks.ring(draft, task, leg, Disposition.NONE)
    elif present is None:
        tasks.leave(draft, task, leg, Disposition.REJECTED)


def conferenced(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 6: the participant's desk rings."""
    participant_id = body["ParticipantAgentId"]
    task = draft.tasks.get(body["TaskId"])
    if task is None or task.leg(participant_id) is not None:
        return
    if task.closed or task.owner is None:
        gone = Refused(Code.NOT_OWNER, f"task {task.id} is {task.state} by now")
        undo(draft, task, "Conference", participant_id, gone)
        return
    if not _may_ring(draft, task, participant_id):
        rests = Refused(Code.RECIPIENT_NOT_AVAILABLE, f"{participant_id} takes no tasks of MRD {task.mrd} by now")
        undo(draft, task, "Conference", participant_id, rests)
        return
    task = task.without_requests("Conference", participant_id)
    draft.notify(task, participant_id, "TaskConferenced", body)
    tasks.ring(draft, task, Leg(participant_id, RESERVED, LegRole.PARTICIPANT, draft.now), Disposition.NONE)


def _recipient(draft: Draft, task: TaskRecord, agent_id: str) -> Recipient:
    presence = draft.presence(agent_id, task.mrd)
    return Recipient(
        id=agent_id,
        exists=draft.plan.agent(agent_id) is not None,
        state=presence.state if presence else AgentState.LOGOUT,
        load=len(list(draft.legs_in(agent_id, task.mrd))),
        most=draft.plan.most_tasks(agent_id, task.mrd),
    )


def _may_ring(draft: Draft, task: TaskRecord, agent_id: str) -> bool:
    presence = draft.presence(agent_id, task.mrd)
    return presence is not None and presence.state in CANDIDATES


def _forward(draft: Draft, task: TaskRecord, message_type: str, body: Mapping[str, Any], agent_id: str) -> None:
    """To the engine, remembering who asked."""
    forwarded = draft.send(ROUTING_ENGINE, message_type, body)
    request = Request(message_type, draft.cause.id, draft.cause.reply_to, agent_id)
    draft.tasks.put(task.id, task.with_request(forwarded, request))
