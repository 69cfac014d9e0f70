"""Whatever agents and customers do, in whatever order messages are handled, and whatever is lost in a crash:
no task has two owners, nobody more than he may have, nobody is offered what he should not be, and every task ends.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
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
AGENTS = st.sampled_from(sorted(PLAN.agents))
NUMBERS = st.integers(0, 9)


class Watched(Story):
    """Every step is handled twice, as after a crash before the commit, and compared with the model."""

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

    @initialize(agents=st.sets(AGENTS))
    def begin(self, agents: set[str]) -> None:
        self.story.sign_in(*sorted(agents))
        self.story.handle_all()

    @rule(agent=AGENTS)
    def sign_in(self, agent: str) -> None:
        self.story.sign_in(agent)

    @rule(agent=AGENTS, state=st.sampled_from(["READY", "READY", "READY", "NOT_READY", "LOGOUT"]))
    def want(self, agent: str, state: str) -> None:
        self.story.want(agent, state)

    # customers

    @rule(queue=st.sampled_from(["Sales", "Help"]), priority=st.integers(4, 6))
    def bring(self, queue: str, priority: int) -> None:
        self.count += 1
        params = {"queue": queue, "priority": priority}
        self.story.say("Task", Mrd="chat", ClientUniqueId=f"c{self.count}", params=params)

    @rule(number=NUMBERS)
    def customer_leaves(self, number: int) -> None:
        if task := self.task(number):
            self.story.do("", task, "CLOSED", "CANCELLED")

    # work

    @rule(number=NUMBERS, agent=AGENTS, state=st.sampled_from(["ACTIVE", "ACTIVE", "PAUSED", "WRAP_UP", "QUEUED"]))
    def work(self, number: int, agent: str, state: str) -> None:
        if task := self.task(number):
            self.story.do(agent, task, state)

    @rule(number=NUMBERS, state=st.sampled_from(["ACTIVE", "ACTIVE", "QUEUED", "CLOSED", "WRAP_UP", "PAUSED"]))
    def owner_works(self, number: int, state: str) -> None:
        if (task := self.task(number)) and (legs := self.document(task)["legs"]):
            self.story.do(legs[number % len(legs)]["agent"], task, state)

    @rule(number=NUMBERS, code=st.sampled_from(["DONE", "LEAVE", "FORCE_CLOSED"]))
    def end(self, number: int, code: str) -> None:
        if (task := self.task(number)) and (legs := self.document(task)["legs"]):
            self.story.do(legs[0]["agent"], task, "CLOSED", code)

    @rule(number=NUMBERS, recipient=AGENTS)
    def transfer(self, number: int, recipient: str) -> None:
        if (task := self.task(number)) and (legs := self.document(task)["legs"]):
            self.story.transfer(task, legs[0]["agent"], recipient)

    @rule(number=NUMBERS, participant=AGENTS)
    def confer(self, number: int, participant: str) -> None:
        if (task := self.task(number)) and (legs := self.document(task)["legs"]):
            self.story.confer(task, legs[0]["agent"], participant)

    # queues, time and crashes

    @rule(queue=st.sampled_from(QUEUES))
    def handle(self, queue: str) -> None:
        self.story.handle(queue)

    @rule()
    def handle_all(self) -> None:
        self.story.handle_all()

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0]))
    def all_is_handled_and_time_passes(self, seconds: float) -> None:
        self.story.handle_all()
        self.time_passes(seconds)
        self.story.handle_all()

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.story.last = None
        self.story.pass_time(seconds)

    @rule()
    def restart(self) -> None:
        self.story.restart()

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
            most = PLAN.most_tasks(agent, "chat")
            assert len(legs) <= most
            standing = Standing(True, presence["wants_ready"])
            assert presence["state"] == state_of(standing, [TaskState(leg) for leg in legs], most)

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

    def task(self, number: int) -> str:
        """One of the tasks that are not closed."""
        known = [body["id"] for body in self.documents("task:") if not body["closed"]]
        return str(known[number % len(known)]) if known else ""

    def document(self, task: str) -> Any:
        return self.story.communication.documents[f"task:{task}"]

    def documents(self, prefix: str) -> list[Any]:
        return [body for key, body in self.story.communication.documents.items() if key.startswith(prefix)]


def _legs(body: Any) -> set[tuple[str, str, str]]:
    return {(leg["agent"], leg["state"], leg["role"]) for leg in body["legs"]}


# 250 stories of up to 50 steps: more than ten thousand in all
TestPromises = pytest.mark.spec("MRE-61", "MRE-99")(Promises.TestCase)
TestPromises.settings = settings(
    max_examples=250,
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
