"""What the engine refused, told to whoever had asked for it.

Source: MRE-81, MRE-86, MRE-114, MRE-128.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.routing.bus.bus import CHAT_SERVER
from gateway.routing.communication import tasks
from gateway.routing.communication.draft import Draft
from gateway.routing.communication.records import Request, TaskRecord
from gateway.routing.refusal import Refused
from gateway.routing.task_state import Disposition, TaskState


def refused_by_engine(draft: Draft, body: Mapping[str, Any]) -> None:
    """An Error event of the engine; one about nothing that was asked for has nobody to hear it."""
    task = draft.tasks.get(body.get("TaskId", ""))
    request = task.requests.get(body["RequestId"]) if task else None
    if task is None or request is None:
        return
    draft.tasks.put(task.id, task.without_requests(request.type, request.agent))
    tell(draft, task, request, body["Code"], body["Reason"])
    if request.type == "Task" and not task.closed:
        tasks.close(draft, task.without_requests(request.type, request.agent), Disposition.FORCE_CLOSED)


def undo(draft: Draft, task: TaskRecord, message_type: str, agent_id: str, refused: Refused) -> None:
    """What the engine booked cannot be, as things stand by now: it is told how they stand, and the asker why.

    Those who are in the task come first: the engine drops one that nobody is in.
    """
    for leg in task.legs:
        if leg.agent != agent_id:
            draft.tell_engine(task, leg.agent, leg.state)
    own = task.leg(agent_id)
    gone = TaskState.QUEUED if task.state is TaskState.QUEUED else TaskState.CLOSED
    draft.tell_engine(task, agent_id, own.state if own else gone)
    for request in task.requests.values():
        if (request.type, request.agent) == (message_type, agent_id):
            tell(draft, task, request, refused.code, refused.reason)
    draft.tasks.put(task.id, task.without_requests(message_type, agent_id))


def tell(draft: Draft, task: TaskRecord, request: Request, code: str, reason: str) -> None:
    """An Error event to the asker."""
    body = {
        "Type": request.type,
        "Code": code,
        "Reason": reason,
        "TaskId": task.id,
        "AgentId": request.agent,
        "RequestId": request.id,
    }
    draft.send(request.reply_to or task.reply_to or CHAT_SERVER, "Error", body, correlation=request.id)
