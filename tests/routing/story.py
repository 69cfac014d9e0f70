"""Communication server and engine with the queues between them and a clock that is moved by hand.

What a chat server says goes in, what it hears comes out; steps are stored in plain tables, as a room would keep them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bayeux.protocol import json
from gateway.routing import moment
from gateway.routing.bus.bus import COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE, BusMessage
from gateway.routing.communication.deadlines import GRACE
from gateway.routing.communication.server import CommunicationServer
from gateway.routing.engine.engine import RoutingEngine
from gateway.routing.expression import Expression
from gateway.routing.machine import Planned, Step
from gateway.routing.messages import compose
from gateway.routing.plan import CHAT, EMAIL, Agent, Plan, Queue, QueueStep
from gateway.store.store import Document

NOON = 1_768_468_800.0
HOME = "ChatServer.node1"
"""Where the agents' chat server listens."""

RINGING = 30.0 + GRACE
"""After which a chat is taken back that nobody accepted."""

EVERYBODY = Agent({"chat": None, "email": None})


def plan(**changes: Any) -> Plan:
    """Anybody is an agent of chat and e-mail; one queue each."""
    return Plan(
        **{
            "mrds": {"chat": CHAT, "email": EMAIL},
            "queues": {"Sales": Queue("Sales", "chat"), "Mail": Queue("Mail", "email")},
            "anyone": EVERYBODY,
            **changes,
        }
    )


def step(expression: str, timeout: float = 30.0) -> QueueStep:
    return QueueStep(Expression(expression), timeout)


@dataclass
class Role:
    """A machine with what was stored for it."""

    machine: Planned
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    deadlines: dict[str, float] = field(default_factory=dict)

    def store(self, step: Step) -> None:
        for key, body in step.documents.items():
            if body is None:
                self.documents.pop(key, None)
            else:
                self.documents[key] = json.decode(json.encode(body), 0)
        for name, at in step.deadlines.items():
            if at is None:
                self.deadlines.pop(name, None)
            else:
                self.deadlines[name] = at
        self.machine.adopt(step)

    def restart(self) -> None:
        self.machine.load([Document(key, 1, body) for key, body in self.documents.items()])


class Story:
    """Says and hears; everything that can happen at a moment has happened when a method returns."""

    def __init__(self, a_plan: Plan | None = None, **changes: Any) -> None:
        self.now = NOON
        self.plan = a_plan or plan(**changes)
        self.communication = Role(CommunicationServer(self.plan, node="c"))
        self.engine = Role(RoutingEngine(self.plan, node="e"))
        self.heard: list[tuple[str, dict[str, Any]]] = []
        """What the chat server heard since it was last asked: types and bodies."""
        self.between: list[tuple[str, str, dict[str, Any]]] = []
        """What went between the two: queue, type and body."""
        self.held: set[str] = set()
        """Queues that nobody reads for the time being."""
        self.last: BusMessage | None = None
        self._queues: dict[str, list[BusMessage]] = {GENERAL: [], ROUTING_ENGINE: [], COMMUNICATION_SERVER: []}
        self._numbers = itertools.count(1)

    # what a chat server says

    def say(self, message_type: str, *, id: str = "", reply_to: str = HOME, **body: Any) -> None:
        message = compose(
            GENERAL,
            message_type,
            body,
            id=id or self.new_id(),
            now=self.now,
            producer="chat-server@1",
            reply_to=reply_to,
        )
        self.put(GENERAL, message)
        self.run()

    def sign_in(self, *agents: str, mrd: str = "chat", ready: bool = True) -> None:
        for agent in agents:
            self.say("Connect", AgentId=agent, Password="", Extension="", Destination=HOME)
            self.say("Login", AgentId=agent, Password="", Mrd=mrd)
            if ready:
                self.say("AgentState", AgentId=agent, State="READY", Mrd=mrd)
        self.heard.clear()

    def want(self, agent: str, state: str, reason: str = "", mrd: str = "chat") -> None:
        self.say("AgentState", AgentId=agent, State=state, Mrd=mrd, ReasonCode=reason)

    def task(self, client_id: str, mrd: str = "chat", **params: Any) -> str:
        """Bring a task; gives its id."""
        usual = {"chat": "Sales", "email": "Mail"}[mrd]
        self.say("Task", Mrd=mrd, ClientUniqueId=client_id, params={"queue": usual, **params})
        return next(
            (
                body["TaskId"]
                for kind, body in self.heard
                if kind == "TaskState" and body["ClientUniqueId"] == client_id
            ),
            "",
        )

    def do(self, agent: str, task: str, state: str, code: str | None = None) -> None:
        more = {} if code is None else {"Code": code}
        self.say("TaskState", AgentId=agent, TaskId=task, State=state, **more)

    def transfer(self, task: str, owner: str, recipient: str) -> None:
        self.say("Transfer", TaskId=task, OwnerAgentId=owner, RecipientAgentId=recipient)

    def confer(self, task: str, owner: str, participant: str, mrd: str = "chat") -> None:
        self.say("Conference", TaskId=task, ConferenceOwner=owner, ConferenceParticipant=participant, Mrd=mrd)

    def engine_hears(self, message_type: str, *, at: float | None = None, **body: Any) -> None:
        """A message of somebody else's communication server."""
        if at is not None:
            body["StateChangeTime"] = moment.written(at)
        message = compose(
            ROUTING_ENGINE, message_type, body, id=self.new_id(), now=self.now, producer="communication-server@x"
        )
        self.put(ROUTING_ENGINE, message)
        self.run()

    # what it hears

    def listen(self) -> list[str]:
        """All since the last time, each as a short line."""
        lines = [told(kind, body) for kind, body in self.heard]
        self.heard.clear()
        return lines

    def errors(self) -> list[str]:
        """Codes of the refusals since the last time."""
        codes = [body["Code"] for kind, body in self.heard if kind == "Error"]
        self.heard.clear()
        return codes

    def ask_agent(self, agent: str, mrd: str = "chat") -> dict[str, Any]:
        self.say("GetAgentState", AgentId=agent, Mrd=mrd)
        return self.heard.pop()[1]

    def ask_task(self, task: str, agent: str = "") -> dict[str, Any]:
        self.say("GetTaskState", TaskId=task, AgentId=agent)
        return self.heard.pop()[1]

    def state(self, agent: str, mrd: str = "chat") -> str:
        return str(self.ask_agent(agent, mrd)["State"])

    def owner(self, task: str) -> str:
        return str(self.ask_task(task)["Owner"])

    # time and queues

    def new_id(self) -> str:
        return f"id{next(self._numbers)}"

    def put(self, queue: str, message: BusMessage) -> None:
        self._queues[queue].append(message)

    def run(self) -> None:
        """Handle messages, in turn, until there are none."""
        while any(messages and queue not in self.held for queue, messages in self._queues.items()):
            for queue in (GENERAL, COMMUNICATION_SERVER, ROUTING_ENGINE):
                self.handle_one(queue)

    def release(self) -> None:
        self.held.clear()
        self.run()

    def handle_one(self, queue: str) -> None:
        """The oldest message of a queue, if it is read at all."""
        if not self._queues[queue] or queue in self.held:
            return
        role = self.engine if queue == ROUTING_ENGINE else self.communication
        self.last = self._queues[queue].pop(0)
        self.carry_out(role, role.machine.receive(queue, self.last, self.now, self.new_id))

    def carry_out(self, role: Role, step: Step) -> None:
        role.store(step)
        for sending in step.messages:
            body = json.decode(sending.message.body, 0)
            if sending.queue in self._queues:
                self.between.append((sending.queue, sending.message.type, body))
                self._queues[sending.queue].append(sending.message)
            else:
                self.heard.append((sending.message.type, body))

    def pass_time(self, seconds: float) -> None:
        """Let each deadline come due at its moment, and what follows happen before the next."""
        end = self.now + seconds
        while (due := self._earliest()) is not None and due[0] <= end:
            self.now = max(self.now, due[0])
            self.carry_out(due[2], due[2].machine.expire(due[1], self.now, self.new_id))
            self.run()
        self.now = end

    def replan(self, a_plan: Plan, *order: str) -> None:
        """Both are given another plan, one after the other: the engine first, unless told otherwise."""
        self.plan = a_plan
        for name in order or ("engine", "communication"):
            role: Role = getattr(self, name)
            self.carry_out(role, role.machine.replan(a_plan, self.now, self.new_id))
            self.run()

    def restart(self) -> None:
        """Both machines begin anew with what was stored."""
        self.communication.restart()
        self.engine.restart()

    def _earliest(self) -> tuple[float, str, Role] | None:
        found: Iterator[tuple[float, str, Role]] = (
            (at, name, role) for role in (self.communication, self.engine) for name, at in role.deadlines.items()
        )
        return min(found, key=lambda each: each[:2], default=None)


def told(message_type: str, body: Mapping[str, Any]) -> str:
    """``Anna READY``, ``Anna of c1 ACTIVE (ACCEPTED)``, ``TaskAgentSelected Anna RESERVED``, ``Error NOT_OWNER``."""
    match message_type:
        case "AgentState":
            reason = f" ({body['ReasonCode']})" if body["ReasonCode"] else ""
            return f"{body['AgentId']} {body['State']}{reason}"
        case "TaskState":
            code = f" ({body['Code']})" if body["Code"] else ""
            return f"{body['AgentId'] or 'nobody'} of {body['ClientUniqueId']} {body['State']}{code}"
        case "TaskAgentSelected":
            return f"selected {body['AgentId'] or 'nobody'} {body['Status']}"
        case "TaskAgentTransferred":
            return f"transferred {body['PreviousAgentId']} to {body['AgentId']}"
        case "TaskConferenced":
            return f"conferenced {body['OwnerAgentId']} and {body['ParticipantAgentId']}"
    return f"{message_type} {body['Code']}"
