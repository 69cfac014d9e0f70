"""The engine: takes what the communication server says, and decides which agent gets which task.

Source: MRE-1, MRE-10, MRE-20, MRE-21, MRE-50, MRE-81; the modules beside this one for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from gateway.routing.bus.bus import COMMUNICATION_SERVER, ROUTING_ENGINE, BusMessage
from gateway.routing.engine import booking, facts
from gateway.routing.engine.draft import Draft
from gateway.routing.engine.routing import DEADLINE, hold, route, route_all
from gateway.routing.engine.state import State
from gateway.routing.machine import NewId, Step
from gateway.routing.messages import read
from gateway.routing.plan import Plan
from gateway.routing.refusal import Refused
from gateway.routing.refusing import check_time, refusal
from gateway.store.store import Document

Handler: TypeAlias = Callable[[Draft, Mapping[str, Any]], None]

HANDLERS: Mapping[str, Handler] = {
    "Conference": booking.conference,
    "Transfer": booking.transfer,
    "AgentState": facts.agent_state,
    "TaskState": facts.task_state,
    "NewTask": booking.new_task,
}
"""By type; all come by one queue."""


class RoutingEngine:
    """The machine of that role; see ``gateway.routing.machine.Machine``.

    Args:
        node: names the producer of its messages.
    """

    queues = (ROUTING_ENGINE,)

    def __init__(self, plan: Plan, *, node: str = "") -> None:
        self._plan = plan
        self._producer = f"mre@{node}"
        self._state = State(plan)

    def load(self, documents: Iterable[Document]) -> None:
        """Begin with these documents and nothing else."""
        self._state = State(self._plan)
        for document in documents:
            self._state.put(document.key, document.body)

    def receive(self, queue: str, message: BusMessage, now: float, new_id: NewId) -> Step:
        """What follows from a message."""
        draft = Draft(self._state, self._producer, message.id, now, new_id)
        try:
            check_time(message, now)
            body = read(queue, message)
            HANDLERS[message.type](draft, body)
        except Refused as refused:
            place = message.reply_to or COMMUNICATION_SERVER
            return refusal(place, message, refused, id=new_id(), now=now, producer=self._producer)
        return draft.step()

    def expire(self, deadline: str, now: float, new_id: NewId) -> Step:
        """Look again at a task that waits."""
        draft = Draft(self._state, self._producer, "", now, new_id)
        draft.deadlines[deadline] = None
        task = draft.task(deadline.removeprefix(DEADLINE))
        if task is not None and task.waits:
            route(draft, task)
        elif task is not None and not task.legs:
            hold(draft, task)
        return draft.step()

    def replan(self, plan: Plan, now: float, new_id: NewId) -> Step:
        """All that waits is looked at again (MRE-150); what has no queue any more waits in its MRD's default one."""
        self._plan = plan
        before, self._state = self._state.tasks, self._state.under(plan)
        draft = Draft(self._state, self._producer, "", now, new_id)
        for task in self._state.tasks.values():
            if task != before[task.id]:
                draft.put_task(task)
        route_all(draft)
        return draft.step()

    def adopt(self, step: Step) -> None:
        """The step was stored."""
        for key, body in step.documents.items():
            self._state.put(key, body)
