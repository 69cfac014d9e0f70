"""Whatever agents and customers do, in whatever order messages are handled, whenever roles begin anew from the store:
no task has two owners, nobody more than he may have, nobody is offered what he should not be, and every task ends.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bayeux.protocol import json
from gateway.routing import moment
from gateway.routing.agent_state import AgentState, Standing, may_become, state_of
from gateway.routing.bus.bus import COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE
from gateway.routing.machine import Step
from gateway.routing.plan import Agent, Mrd, Plan, Queue
from gateway.routing.task_state import TaskState
from tests.routing.model import Model
from tests.routing.story import Role, Story, step

spec = pytest.mark.spec
QUEUES = (GENERAL, COMMUNICATION_SERVER, ROUTING_ENGINE)
PLAN = Plan(
    task_kept=60.0,
    mrds={"chat": Mrd("chat", max_tasks=2, wrap_up=15.0)},
    queues={
        "Sales": Queue("Sales", "chat", (step("expert", 10), step("")), ttl=120),
        "Help": Queue("Help", "chat", ttl=90),
    },
    agents={
        "Anna": Agent({"chat": 1}, {"expert": True}),
        "Bert": Agent({"chat": None}, {"expert": True}),
        "Cleo": Agent({"chat": None}),
        "Dora": Agent({"chat": 3}),
    },
)
BOLDER = replace(
    PLAN,
    mrds={"chat": Mrd("chat", max_tasks=3, wrap_up=15.0)},
    queues={**PLAN.queues, "Sales": Queue("Sales", "chat", (step("expert", 5), step("calm", 20), step("")), ttl=120)},
    agents={**PLAN.agents, "Anna": Agent({"chat": 2}), "Cleo": Agent({"chat": None}, {"expert": True, "calm": True})},
)
"""What operators change it to: nobody may have less than before."""
AGENTS = st.sampled_from(sorted(PLAN.agents))
NUMBERS = st.integers(0, 9)
AT_ONCE = st.sampled_from([True, True, False])


class Watched(Story):
    """Compares every decision of the engine with the model, and every state of an agent with the one before."""

    def __init__(self) -> None:
        super().__init__(PLAN)
        self.model = Model(PLAN)
        self.told: dict[str, tuple[AgentState, float]] = {}
        """What the chat server knows of each agent, and since when."""
        self.held = set(QUEUES)

    def carry_out(self, role: Role, step: Step) -> None:
        if role is self.engine:
            self._compare(step)
        heard = len(self.heard)
        super().carry_out(role, step)
        for kind, body in self.heard[heard:]:
            if kind == "AgentState" and "Load" not in body:
                self._hear_agent(body)

    def replan(self, a_plan: Plan, *order: str) -> None:
        self.last = None
        self.model.plan = a_plan
        super().replan(a_plan, *order)

    def handle(self, queue: str) -> None:
        """One message, whoever else waits."""
        held, self.held = self.held, set()
        self.handle_one(queue)
        self.held = held

    def handle_all(self) -> None:
        held, self.held = self.held, set()
        self.run()
        self.held = held

    def _compare(self, step: Step) -> None:
        if self.last is not None and not step.refused:
            self.model.hear(self.last.type, json.decode(self.last.body, 0), self.now)
        sent = [(sending.message.type, json.decode(sending.message.body, 0)) for sending in step.messages]
        self.model.check(sent, self.now)

    def _hear_agent(self, body: dict[str, Any]) -> None:
        state, at = AgentState(body["State"]), moment.read(body["StateChangeTime"])
        before, since = self.told.get(body["AgentId"], (AgentState.LOGOUT, 0.0))
        assert may_become(before, state), f"{before} to {state}"
        assert since < at
        self.told[body["AgentId"]] = (state, at)


class Promises(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.story = Watched()
        self.tasks: list[str] = []
        self.count = 0

    # agents

    @initialize(agents=st.sets(AGENTS, min_size=2))
    def begin(self, agents: set[str]) -> None:
        self.story.sign_in(*sorted(agents))
        self.story.handle_all()

    @rule(agent=AGENTS, at_once=AT_ONCE)
    def sign_in(self, agent: str, at_once: bool) -> None:
        self.story.sign_in(agent)
        self.after(at_once)

    @rule(agent=AGENTS, state=st.sampled_from(["READY"] * 5 + ["NOT_READY"] * 2 + ["LOGOUT"]), at_once=AT_ONCE)
    def want(self, agent: str, state: str, at_once: bool) -> None:
        self.story.want(agent, state)
        self.after(at_once)

    # customers

    @rule(queue=st.sampled_from(["Sales", "Help"]), priority=st.integers(4, 6), at_once=AT_ONCE)
    def bring(self, queue: str, priority: int, at_once: bool) -> None:
        self.count += 1
        params = {"queue": queue, "priority": priority}
        self.story.say("Task", Mrd="chat", ClientUniqueId=f"c{self.count}", params=params)
        self.after(at_once)

    @rule(number=NUMBERS, code=st.sampled_from(["CANCELLED", "CANCELLED", "FORCE_CLOSED"]), at_once=AT_ONCE)
    def customer_leaves(self, number: int, code: str, at_once: bool) -> None:
        if tasks := [task for task, legs in self.open_tasks() if not legs]:
            self.story.do("", tasks[number % len(tasks)], "CLOSED", code)
            self.after(at_once)

    @rule(queue=st.sampled_from(["Sales", "Help"]), priority=st.integers(4, 6), at_once=AT_ONCE)
    def hold(self, queue: str, priority: int, at_once: bool) -> None:
        self.count += 1
        params = {"queue": queue, "priority": priority, "held": True}
        self.story.say("Task", Mrd="chat", ClientUniqueId=f"c{self.count}", params=params)
        self.after(at_once)

    @rule(number=NUMBERS, priority=st.integers(4, 6), at_once=AT_ONCE)
    def take_place(self, number: int, priority: int, at_once: bool) -> None:
        held = [body for body in self.documents("task:") if body["held"] and not body["closed"]]
        if held:
            self.count += 1
            before = held[number % len(held)]
            params = {"queue": before["queue"], "priority": priority, "place": before["client_id"]}
            self.story.say("Task", Mrd="chat", ClientUniqueId=f"c{self.count}", params=params)
            self.after(at_once)

    # work

    @rule(number=NUMBERS, at_once=AT_ONCE)
    def accept(self, number: int, at_once: bool) -> None:
        self.work(number, ["RESERVED"], "ACTIVE", "", at_once)

    @rule(number=NUMBERS, at_once=AT_ONCE)
    def reject(self, number: int, at_once: bool) -> None:
        self.work(number, ["RESERVED"], "QUEUED", "", at_once)

    @rule(number=NUMBERS, state=st.sampled_from(["PAUSED", "ACTIVE", "WRAP_UP", "QUEUED"]), at_once=AT_ONCE)
    def work_on(self, number: int, state: str, at_once: bool) -> None:
        self.work(number, ["ACTIVE", "PAUSED"], state, "", at_once)

    @rule(number=NUMBERS, code=st.sampled_from(["DONE", "LEAVE", "LEAVE"]), at_once=AT_ONCE)
    def end(self, number: int, code: str, at_once: bool) -> None:
        self.work(number, ["ACTIVE", "PAUSED", "WRAP_UP"], "CLOSED", code, at_once)

    @rule(number=NUMBERS, agent=AGENTS, state=st.sampled_from(["ACTIVE", "QUEUED", "CLOSED"]))
    def meddle(self, number: int, agent: str, state: str) -> None:
        """Anybody, with anything."""
        if tasks := self.open_tasks():
            self.story.do(agent, tasks[number % len(tasks)][0], state)

    @rule(number=NUMBERS, recipient=AGENTS, at_once=AT_ONCE)
    def transfer(self, number: int, recipient: str, at_once: bool) -> None:
        for task, owner in self.at_work(number):
            self.story.transfer(task, owner, recipient)
            self.after(at_once)

    @rule(number=NUMBERS, participant=AGENTS, at_once=AT_ONCE)
    def confer(self, number: int, participant: str, at_once: bool) -> None:
        for task, owner in self.at_work(number):
            self.story.confer(task, owner, participant)
            self.after(at_once)

    # queues, time and crashes

    @rule(queue=st.sampled_from(QUEUES))
    def handle_one(self, queue: str) -> None:
        self.story.handle(queue)

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0, 31.0]), at_once=AT_ONCE)
    def time_passes(self, seconds: float, at_once: bool) -> None:
        self.after(at_once)
        self.story.last = None
        self.story.pass_time(seconds)
        self.after(at_once)

    @rule()
    def restart(self) -> None:
        self.story.restart()

    @rule(at_once=AT_ONCE)
    def replan(self, at_once: bool) -> None:
        self.story.replan(BOLDER)
        self.after(at_once)

    def after(self, at_once: bool) -> None:
        """Usually all is handled before anything else happens."""
        if at_once:
            self.story.handle_all()

    def work(self, number: int, states: list[str], state: str, code: str, at_once: bool) -> None:
        """One of the legs in these states is to be in that one."""
        legs = [(task, leg) for task, legs in self.open_tasks() for leg in legs if leg["state"] in states]
        if legs:
            task, leg = legs[number % len(legs)]
            self.story.do(leg["agent"], task, state, code)
            self.after(at_once)

    def at_work(self, number: int) -> list[tuple[str, str]]:
        """One task with its owner, or none."""
        found = [
            (task, leg["agent"])
            for task, legs in self.open_tasks()
            for leg in legs
            if leg["role"] == "OWNER" and leg["state"] in ("ACTIVE", "PAUSED")
        ]
        return [found[number % len(found)]] if found else []

    def open_tasks(self) -> list[tuple[str, list[dict[str, Any]]]]:
        return [(body["id"], body["legs"]) for body in self.documents("task:") if not body["closed"]]

    # promises

    @invariant()
    def task_has_one_owner_and_each_agent_one_leg(self) -> None:
        for body in self.documents("task:"):
            roles = [leg["role"] for leg in body["legs"]]
            assert roles.count("OWNER") == (1 if roles else 0)
            assert len({leg["agent"] for leg in body["legs"]}) == len(roles)
            assert not (body["closed"] and roles)

    @invariant()
    def agent_has_no_more_than_he_may_and_is_what_his_tasks_make_of_him(self) -> None:
        for body in self.documents("agent:"):
            agent, presence = body["id"], body["mrds"].get("chat")
            if presence is None or presence["state"] == "LOGOUT":
                continue
            legs = [leg["state"] for task in self.documents("task:") for leg in task["legs"] if leg["agent"] == agent]
            most = self.story.plan.most_tasks(agent, "chat")
            assert len(legs) <= most
            standing = Standing(True, presence["wants_ready"])
            assert presence["state"] == state_of(standing, [TaskState(leg) for leg in legs], most)

    @invariant()
    def what_is_held_is_nobodys(self) -> None:
        assert not [body for body in self.documents("task:") if body["held"] and body["legs"]]

    def teardown(self) -> None:
        """In the end both sides agree, and every task ends without anybody's help."""
        story = self.story
        story.last = None
        story.handle_all()
        engine = {key: body for key, body in story.engine.documents.items() if key.startswith("task:")}
        ours = {f"task:{body['id']}": body for body in self.documents("task:") if not body["closed"]}
        assert engine.keys() == ours.keys()
        for key, body in ours.items():
            assert _legs(body) == _legs(engine[key])
        story.held = set()
        for body in self.documents("task:"):
            if body["held"]:
                story.do("", body["id"], "CLOSED")
        for agent in PLAN.agents:
            story.want(agent, "LOGOUT")
        story.last = None
        story.pass_time(120)
        assert all(body["closed"] for body in self.documents("task:"))
        assert not [key for key in story.engine.documents if key.startswith("task:")]
        assert not story.engine.deadlines
        story.pass_time(3600)
        assert not story.communication.deadlines
        assert not self.documents("task:")

    def documents(self, prefix: str) -> list[Any]:
        return [body for key, body in self.story.communication.documents.items() if key.startswith(prefix)]


def _legs(body: Any) -> set[tuple[str, str, str]]:
    return {(leg["agent"], leg["state"], leg["role"]) for leg in body["legs"]}


TestPromises = pytest.mark.spec("MRE-61", "MRE-99")(Promises.TestCase)
TestPromises.settings = settings(
    max_examples=60, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


@spec("MRE-61", "MRE-68", "MRE-99")
@pytest.mark.parametrize("seed", range(5))
def test_promises_hold_for_thousands_of_busy_steps(seed: int) -> None:
    """Hypothesis finds the strange, this one the long: agents who mostly do their work."""
    lots = random.Random(seed)
    promises = Promises()
    promises.begin(set(PLAN.agents))
    rules: dict[Callable[..., None], int] = {
        promises.sign_in: 2,
        promises.want: 3,
        promises.bring: 5,
        promises.hold: 1,
        promises.take_place: 1,
        promises.customer_leaves: 1,
        promises.accept: 10,
        promises.reject: 1,
        promises.work_on: 3,
        promises.end: 5,
        promises.meddle: 1,
        promises.transfer: 3,
        promises.confer: 3,
        promises.handle_one: 4,
        promises.time_passes: 2,
        promises.restart: 1,
    }
    arguments: dict[str, Callable[[], Any]] = {
        "agent": lambda: lots.choice(sorted(PLAN.agents)),
        "recipient": lambda: lots.choice(sorted(PLAN.agents)),
        "participant": lambda: lots.choice(sorted(PLAN.agents)),
        "queue": lambda: lots.choice(["Sales", "Help"]),
        "priority": lambda: lots.randint(4, 6),
        "number": lambda: lots.randrange(10),
        "seconds": lambda: lots.choice([0.5, 2.0, 5.0, 11.0]),
        "code": lambda: lots.choice(["DONE", "LEAVE", "CANCELLED"]),
        "at_once": lambda: lots.random() < 0.7,
    }
    states = {
        promises.want: ["READY"] * 8 + ["NOT_READY"] * 2 + ["LOGOUT"],
        promises.work_on: ["PAUSED", "ACTIVE", "WRAP_UP", "QUEUED"],
        promises.meddle: ["ACTIVE", "QUEUED", "CLOSED"],
    }
    for _ in range(2_000):
        (chosen,) = lots.choices(list(rules), list(rules.values()))
        names = [name for name in inspect.signature(chosen).parameters if name != "state"]
        values = {
            name: arguments[name]() if (chosen, name) != (promises.handle_one, "queue") else lots.choice(QUEUES)
            for name in names
        }
        if chosen in states:
            values["state"] = lots.choice(states[chosen])
        chosen(**values)
        promises.task_has_one_owner_and_each_agent_one_leg()
        promises.agent_has_no_more_than_he_may_and_is_what_his_tasks_make_of_him()
        promises.what_is_held_is_nobodys()
    promises.teardown()
