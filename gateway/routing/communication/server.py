"""The communication server: takes what chat servers and the engine say, and tells each what it has to know.

Source: MRE-1, MRE-10, MRE-20, MRE-21, MRE-40…49; the modules beside this one for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias

from gateway.routing.bus.bus import CHAT_SERVER, COMMUNICATION_SERVER, GENERAL, BusMessage
from gateway.routing.communication import agents, answers, deadlines, errors, parties, selection, tasks
from gateway.routing.communication.agents import Authenticate
from gateway.routing.communication.draft import Cause, Draft
from gateway.routing.communication.figures import Figures
from gateway.routing.communication.state import TASK, State
from gateway.routing.machine import NewId, Step
from gateway.routing.messages import read
from gateway.routing.plan import Plan
from gateway.routing.refusal import Refused
from gateway.routing.refusing import check_time, refusal
from gateway.routing.steps import Membership
from gateway.store.store import Document

Handler: TypeAlias = Callable[[Draft, Mapping[str, Any]], None]
OnDeadline: TypeAlias = Callable[[Draft, str, str], None]

DEADLINES: Mapping[str, OnDeadline] = {
    deadlines.ACCEPT: tasks.ring_out,
    deadlines.WRAP_UP: tasks.wrapped_up,
    deadlines.LIFETIME: lambda draft, task_id, _: tasks.outlive(draft, task_id),
    deadlines.FORGET: lambda draft, task_id, _: tasks.forget(draft, task_id),
    deadlines.LOST: lambda draft, _, agent_id: agents.give_up(draft, agent_id),
}
"""What happens when one is due, with its task and its agent."""
REPLANNED = "plan"
"""The cause of what follows from another plan."""


def trust(agent_id: str, password: str) -> bool:
    """Believe who is on the bus: the chat server has seen the agent's password or token itself."""
    return True


class CommunicationServer:
    """The machine of that role; see ``gateway.routing.machine.Machine``.

    Args:
        authenticate: whether an agent's name and password belong together (MRE-41).
        node: names the producer of its messages.
    """

    queues = (GENERAL, COMMUNICATION_SERVER)

    def __init__(self, plan: Plan, *, authenticate: Authenticate = trust, node: str = "") -> None:
        self._plan = plan
        self._membership = Membership(plan)
        self._producer = f"communication-server@{node}"
        self._state = State()
        self.figures = Figures()
        self._handlers: Mapping[tuple[str, str], Handler] = {
            ("Connect", GENERAL): partial(agents.connect, authenticate=authenticate),
            ("Login", GENERAL): partial(agents.login, authenticate=authenticate),
            ("AgentState", GENERAL): agents.command,
            ("Conference", GENERAL): parties.conference,
            ("TaskConferenced", COMMUNICATION_SERVER): parties.conferenced,
            ("Transfer", GENERAL): parties.transfer,
            ("TaskAgentTransferred", COMMUNICATION_SERVER): parties.transferred,
            ("TaskState", GENERAL): tasks.command,
            ("Task", GENERAL): tasks.create,
            ("TaskAgentSelected", COMMUNICATION_SERVER): selection.selected,
            ("GetAgentState", GENERAL): answers.agent_state,
            ("GetTaskState", GENERAL): lambda draft, body: answers.task_state(draft, body, self._membership),
            ("ChatServerStarted", GENERAL): agents.lose_sight,
            ("Error", COMMUNICATION_SERVER): errors.refused_by_engine,
        }

    @property
    def state(self) -> State:
        """What it knows, to be looked at; nothing between two reigns."""
        return self._state

    @property
    def plan(self) -> Plan:
        """What is configured by now."""
        return self._plan

    def load(self, documents: Iterable[Document]) -> None:
        """Begin with these documents and nothing else."""
        self._state = State()
        for document in documents:
            self._state.put(document.key, document.body)

    def receive(self, queue: str, message: BusMessage, now: float, new_id: NewId) -> Step:
        """What follows from a message."""
        draft = self._draft(Cause(message.id, message.reply_to), now, new_id)
        try:
            check_time(message, now)
            body = read(queue, message)
            self._handlers[message.type, queue](draft, body)
        except Refused as refused:
            # The engine takes no errors: to it this server's word is the last.
            place = "" if queue == COMMUNICATION_SERVER else message.reply_to or CHAT_SERVER
            return refusal(place, message, refused, id=new_id(), now=now, producer=self._producer)
        return draft.step()

    def expire(self, deadline: str, now: float, new_id: NewId) -> Step:
        """What follows from a deadline that is due."""
        draft = self._draft(Cause(deadline), now, new_id)
        draft.deadlines[deadline] = None
        kind, task_id, agent_id = deadlines.parts_of(deadline)
        if kind in DEADLINES:
            DEADLINES[kind](draft, task_id, agent_id)
        return draft.step()

    def replan(self, plan: Plan, now: float, new_id: NewId) -> Step:
        """Another maximum may make an agent BUSY, or free. What rings already goes on as it began."""
        self._plan, self._membership = plan, Membership(plan)
        draft = self._draft(Cause(REPLANNED), now, new_id)
        for agent in self._state.agents.values():
            for mrd in agent.mrds:
                draft.settle(agent.id, mrd)
        return draft.step()

    def adopt(self, step: Step) -> None:
        """The step was stored."""
        for key, body in step.documents.items():
            before = self._state.tasks.get(key.removeprefix(TASK))
            self._state.put(key, body)
            if before is not None and (after := self._state.tasks.get(before.id)) is not None:
                self.figures.changed(before, after)

    def _draft(self, cause: Cause, now: float, new_id: NewId) -> Draft:
        return Draft(self._state, self._plan, self._producer, cause, now, new_id)
