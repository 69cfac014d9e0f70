"""All that the engine knows, and what it finds there quickly.

Everything here follows from the plan and the documents: ``put`` is the only way in, at the start as with each step.
A choice costs the first entries of an order that is kept, not a look at every agent or task (MRE-96).

Source: MRE-93, MRE-95, MRE-126.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gateway.routing.engine.records import AgentRecord, Standing, TaskRecord
from gateway.routing.line import Line, Place
from gateway.routing.members import Members
from gateway.routing.plan import Plan
from gateway.routing.selection import Candidate, may_be_offered, place_of
from gateway.routing.steps import Membership
from gateway.routing.task_state import TaskState

AGENT, TASK = "agent:", "task:"
"""How keys of documents begin; the name follows."""


class State:
    """Agents and tasks, by name, and the orders they stand in."""

    __slots__ = (
        "_ranks",
        "agents",
        "held",
        "lines",
        "membership",
        "plan",
        "preferring",
        "ranking",
        "signed_in",
        "tasks",
        "tasks_of",
    )

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.membership = Membership(plan)
        self.agents: dict[str, AgentRecord] = {}
        self.tasks: dict[str, TaskRecord] = {}
        self.tasks_of = Members()
        """Ids of the tasks in which an agent has a leg."""
        self.lines: defaultdict[str, Line] = defaultdict(Line)
        """What waits, by queue."""
        self.held: Counter[str] = Counter()
        """How many tasks only stand in a queue. They are in no line: a choice must not have to step over them."""
        self.preferring = Members()
        """Ids of waiting tasks, by their preferred agent."""
        self.ranking: defaultdict[str, Line] = defaultdict(Line)
        """Who may be offered a task, by MRD."""
        self._ranks: dict[tuple[str, str], Place] = {}
        """Where an agent stands there, by agent and MRD."""
        self.signed_in = {name: [0] * len(queue.steps) for name, queue in plan.queues.items()}
        """By queue: of each step, how many of its agents are there."""

    def put(self, key: str, body: Mapping[str, Any] | None) -> None:
        """One document as it is; None: it is gone."""
        kind, _, name = key.partition(":")
        if f"{kind}:" == AGENT and body is not None:
            self._put_agent(AgentRecord.from_body(body))
        elif f"{kind}:" == TASK:
            self._put_task(name, self._at_home(TaskRecord.from_body(body)) if body else None)

    def under(self, plan: Plan) -> State:
        """The same agents and tasks by another plan."""
        state = State(plan)
        for agent in self.agents.values():
            state._put_agent(agent)
        for name, task in self.tasks.items():
            state._put_task(name, state._at_home(task))
        return state

    def _put_agent(self, agent: AgentRecord) -> None:
        before = self.agents.get(agent.id)
        for queue_name, change in attendance(self.membership, self.plan, before, agent).items():
            for number in self.membership.steps_of(agent.id)[queue_name]:
                self.signed_in[queue_name][number] += change
        self.agents[agent.id] = agent
        self._rank(agent.id)

    def _put_task(self, name: str, task: TaskRecord | None) -> None:
        before = self.tasks.pop(name, None)
        if before is not None:
            self.lines[before.wishes.queue].discard(task_place(before))
            self.held[before.wishes.queue] -= before.wishes.held
            self.preferring.discard(before.wishes.preferred, name)
            for leg in before.legs:
                self.tasks_of.discard(leg.agent, name)
        if task is not None:
            self.tasks[name] = task
            self.held[task.wishes.queue] += task.wishes.held
            if task.waits:
                self.lines[task.wishes.queue].add(task_place(task))
                self.preferring.add(task.wishes.preferred, name)
            for leg in task.legs:
                self.tasks_of.add(leg.agent, name)
        for agent_id in {leg.agent for each in (before, task) if each is not None for leg in each.legs}:
            self._rank(agent_id)

    def _at_home(self, task: TaskRecord) -> TaskRecord:
        """A task whose queue its MRD has no more waits in the one of what names none."""
        mrd, queue = self.plan.mrds.get(task.mrd), self.plan.queues.get(task.wishes.queue)
        if mrd is None or (queue is not None and queue.mrd == mrd.id):
            return task
        return replace(task, wishes=replace(task.wishes, queue=mrd.default_queue))

    def _rank(self, agent_id: str) -> None:
        agent = self.agents.get(agent_id)
        for mrd, standing in agent.mrds.items() if agent else ():
            tasks = (self.tasks[id] for id in self.tasks_of.get(agent_id, ()))
            rank = rank_of(candidate(self.plan, agent_id, mrd, standing, tasks), self.plan)
            before = self._ranks.pop((agent_id, mrd), None)
            if before is not None:
                self.ranking[mrd].discard(before)
            if rank is not None:
                self.ranking[mrd].add(rank)
                self._ranks[agent_id, mrd] = rank


def candidate(plan: Plan, agent_id: str, mrd: str, standing: Standing, tasks: Iterable[TaskRecord]) -> Candidate:
    """An agent in an MRD, given the tasks he is in."""
    states = Counter(leg.state for task in tasks if task.mrd == mrd and (leg := task.leg(agent_id)) is not None)
    return Candidate(
        agent_id,
        standing.state,
        states.total(),
        states[TaskState.RESERVED],
        plan.most_tasks(agent_id, mrd),
        standing.available_since,
    )


def rank_of(agent: Candidate, plan: Plan) -> Place | None:
    """His place among those who may be offered a task; None, if he may not."""
    return place_of(agent) if may_be_offered(agent, plan.offers_most) else None


def task_place(task: TaskRecord) -> Place:
    """Where it stands among the waiting ones (MRE-95)."""
    return (-task.wishes.priority, task.created, task.stands_for or task.id, task.id)


def attendance(membership: Membership, plan: Plan, before: AgentRecord | None, after: AgentRecord) -> Mapping[str, int]:
    """The queues that an agent comes to (1) or leaves (-1) by this change."""
    changes: dict[str, int] = {}
    for queue_name in membership.steps_of(after.id):
        mrd = plan.queues[queue_name].mrd
        change = _is_in(after, mrd) - (_is_in(before, mrd) if before else 0)
        if change:
            changes[queue_name] = change
    return changes


def _is_in(agent: AgentRecord, mrd: str) -> int:
    return int(mrd in agent.mrds and agent.mrds[mrd].is_signed_in)
