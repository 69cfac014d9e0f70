"""The machines by themselves: tasks that are routed and served, and the processor time that this takes.

Steps are adopted as after a commit; encoding and reading messages is part of it, storing them is not.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from bayeux.protocol import json
from benchmarks.routing.catalogue import Machines
from gateway.routing import moment
from gateway.routing.bus.bus import CHAT_SERVER, COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE, BusMessage
from gateway.routing.communication.server import CommunicationServer
from gateway.routing.engine.engine import RoutingEngine
from gateway.routing.machine import Machine, Sending
from gateway.routing.messages import compose
from gateway.routing.plan import CHAT, Agent, Plan, Queue

_PLAN: Final = Plan(mrds={"chat": CHAT}, queues={"Sales": Queue("Sales", "chat")}, anyone=Agent({"chat": None}))
_NOON: Final = 1_768_468_800.0
_STEP: Final = 0.001
"""Seconds from one message to the next, on the machines' clock."""


def measure(case: Machines, agents: int) -> dict[str, Any]:
    """What one run says, as fields of a Measurement: CPU µs of a decision, with all that its task brings along."""
    house = _House(case.has_communication)
    for number in range(agents):
        house.sign_in(f"agent{number}")
    for number in range(case.tasks // 10):
        house.serve(f"warm-up {number}")
    began, wall = time.process_time(), time.perf_counter()
    served = sum(house.serve(f"task {number}") for number in range(case.tasks))
    used = time.process_time() - began
    return {
        "value": used * 1e6 / served if served else None,
        "failure": "" if served else "nobody was selected",
        "published": case.tasks,
        "delivered": served,
        "lost": case.tasks - served,
        "user_seconds": used,
        "seconds": time.perf_counter() - wall,
    }


class _House:
    """The machines, and queues between them."""

    def __init__(self, has_communication: bool) -> None:
        engine = RoutingEngine(_PLAN)
        self._readers: dict[str, Machine] = {ROUTING_ENGINE: engine}
        if has_communication:
            server = CommunicationServer(_PLAN)
            self._readers |= {GENERAL: server, COMMUNICATION_SERVER: server}
        self._has_communication = has_communication
        self._waiting: deque[Sending] = deque()
        self._numbers = itertools.count(1)
        self._now = _NOON
        self._task, self._selected = "", ""
        """Of the latest selection: the task's id, and who it was."""

    def sign_in(self, agent: str) -> None:
        """He is Ready from here on."""
        if not self._has_communication:
            changed = moment.written(self._now)
            about = {"AgentId": agent, "State": "READY", "MRD": "chat", "ReasonCode": "", "StateChangeTime": changed}
            self._say(ROUTING_ENGINE, "AgentState", about)
            return
        self._say(GENERAL, "Connect", {"AgentId": agent, "Password": "", "Extension": "", "Destination": CHAT_SERVER})
        self._say(GENERAL, "Login", {"AgentId": agent, "Password": "", "Mrd": "chat"})
        self._say(GENERAL, "AgentState", {"AgentId": agent, "State": "READY", "Mrd": "chat"})

    def serve(self, name: str) -> bool:
        """One task from its coming to its end: routed, accepted, closed; whether an agent was found."""
        self._selected = ""
        if self._has_communication:
            self._say(GENERAL, "Task", {"Mrd": "chat", "ClientUniqueId": name, "params": {"queue": "Sales"}})
            self._change(GENERAL, "ACTIVE")
            self._change(GENERAL, "CLOSED")
        else:
            about = {"TaskId": name, "MRD": "chat", "params": {"queue": "Sales"}}
            self._say(ROUTING_ENGINE, "NewTask", about)
            self._change(ROUTING_ENGINE, "ACTIVE", MRD="chat")
            self._change(ROUTING_ENGINE, "CLOSED", MRD="chat")
        return bool(self._selected)

    def _change(self, queue: str, state: str, **more: str) -> None:
        self._say(queue, "TaskState", {"AgentId": self._selected, "TaskId": self._task, "State": state, **more})

    def _say(self, queue: str, message_type: str, body: Mapping[str, Any]) -> None:
        """A message, and all that follows."""
        self._now += _STEP
        message = compose(queue, message_type, body, id=self._new_id(), now=self._now, producer="", reply_to="")
        self._waiting.append(Sending(queue, message))
        while self._waiting:
            self._handle(self._waiting.popleft())

    def _handle(self, sending: Sending) -> None:
        if sending.message.type == "TaskAgentSelected":
            self._task, self._selected = _selection(sending.message)
        reader = self._readers.get(sending.queue)
        if reader is not None:
            step = reader.receive(sending.queue, sending.message, self._now, self._new_id)
            reader.adopt(step)
            self._waiting += step.messages

    def _new_id(self) -> str:
        return f"id{next(self._numbers)}"


def _selection(message: BusMessage) -> tuple[str, str]:
    """Of which task, and who."""
    body = json.decode(message.body, 1)
    return body["TaskId"], body["AgentId"]
