"""What an engine may do, said the plain way: no indexes, every rule a look at everything.

It hears what the engine hears, and checks what the engine sends. It knows nothing of preferred agents and pulled tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.routing import moment
from gateway.routing.plan import Plan

JUST = 1e-3
"""What time changes at this very moment may still be to come."""
ACCEPTED = ("ACTIVE", "PAUSED", "WRAP_UP")


@dataclass
class Desk:
    """An agent of the one MRD there is."""

    state: str = "LOGOUT"
    changed: float = 0.0
    ready: float = 0.0
    touched: float = 0.0


@dataclass
class Job:
    """A task that is not over."""

    id: str
    queue: str
    priority: int
    created: float
    entered: float
    served: bool = False
    owner: str = ""
    legs: dict[str, tuple[str, float]] = field(default_factory=dict)
    """By agent: the state, and since when he is in."""
    missed: dict[str, float] = field(default_factory=dict)
    held: bool = False
    stands_for: str = ""
    """Whose place it took."""
    headstart: float = 0.0
    """How long that one had waited."""

    @property
    def place(self) -> tuple[int, float, str]:
        return (-self.priority, self.created, self.stands_for or self.id)


class Model:
    """Desks and jobs."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.desks: dict[str, Desk] = {}
        self.jobs: dict[str, Job] = {}

    def hear(self, kind: str, body: Mapping[str, Any], now: float) -> None:
        """A message that the engine takes."""
        if kind == "AgentState":
            self._agent(body, now)
        elif kind == "NewTask" and body["TaskId"] not in self.jobs:
            self._come(body["TaskId"], body["params"], now)
        elif kind == "TaskState" and body["TaskId"] in self.jobs:
            self._leg(self.jobs[body["TaskId"]], body["AgentId"], body["State"], now)

    def check(self, sent: Iterable[tuple[str, Mapping[str, Any]]], now: float) -> None:
        """What the engine sends then, and that nothing is left that it should have sent."""
        for kind, body in sent:
            if kind == "TaskAgentSelected":
                self._selected(self.jobs[body["TaskId"]], body["AgentId"], now)
            elif kind == "TaskAgentTransferred":
                self._transferred(self.jobs[body["TaskId"]], body["PreviousAgentId"], body["AgentId"], now)
            elif kind == "TaskConferenced":
                self._conferenced(self.jobs[body["TaskId"]], body["ParticipantAgentId"], now)
        for job in self.jobs.values():
            if not job.legs and not job.held:
                assert now <= job.entered + self.plan.queues[job.queue].ttl
                assert not self._choice(job, now - JUST), f"{job.id} could be had"

    def load(self, agent: str) -> int:
        return sum(agent in job.legs for job in self.jobs.values())

    def _come(self, id: str, params: Mapping[str, Any], now: float) -> None:
        job = Job(id, params["queue"], int(params["priority"]), now, now, held=bool(params.get("held")))
        before = self.jobs.get(params.get("place", ""))
        if before is not None and before.held and before.queue == job.queue:
            del self.jobs[before.id]
            job.priority, job.created, job.headstart = before.priority, before.created, now - before.created
            job.stands_for = before.stands_for or before.id
        self.jobs[id] = job

    def _agent(self, body: Mapping[str, Any], now: float) -> None:
        desk = self.desks.setdefault(body["AgentId"], Desk())
        at = moment.read(body["StateChangeTime"])
        assert at > desk.changed, "times of an agent increase"
        desk.state, desk.changed = body["State"], at
        desk.ready = at if desk.state == "READY" else desk.ready
        if desk.state == "LOGOUT":
            for job in [job for job in self.jobs.values() if job.legs.get(body["AgentId"], ("",))[0] == "RESERVED"]:
                self._leg(job, body["AgentId"], "QUEUED" if job.owner == body["AgentId"] else "CLOSED", now)

    def _leg(self, job: Job, agent: str, state: str, now: float) -> None:
        if state in ("QUEUED", "CLOSED") and agent and agent not in job.legs:
            return
        if state == "QUEUED":
            if agent in job.legs and job.legs[agent][0] == "RESERVED":
                job.missed[agent] = now
            if job.served:
                job.entered, job.served, job.headstart = now, False, 0.0
            self._free(job, list(job.legs), now)
            job.owner = ""
        elif state == "CLOSED":
            self._free(job, [agent] if agent else list(job.legs), now)
            if not job.legs:
                del self.jobs[job.id]
            elif agent == job.owner:
                accepted = [(since, name) for name, (leg, since) in job.legs.items() if leg in ACCEPTED]
                job.owner = min(accepted)[1] if accepted else next(iter(job.legs))
        else:
            since = job.legs[agent][1] if agent in job.legs else now
            job.legs[agent] = (state, since)
            job.owner = job.owner or agent
            job.served = job.served or state in ACCEPTED

    def _free(self, job: Job, agents: list[str], now: float) -> None:
        for agent in agents:
            leg = job.legs.pop(agent, None)
            if leg and leg[0] in ACCEPTED:
                self.desks[agent].touched = now

    def _selected(self, job: Job, agent: str, now: float) -> None:
        assert not job.legs, "a task has one owner"
        assert not job.held, "what is held is offered to nobody"
        if not agent:
            assert now >= job.entered + self.plan.queues[job.queue].ttl
            del self.jobs[job.id]
            return
        assert agent == self._choice(job, now), "another one goes first"
        waiting = [other for other in self.jobs.values() if not (other.legs or other.held) and other is not job]
        for other in waiting:
            if other.place < job.place:
                assert agent not in self._candidates(other, now - JUST), "another task goes first"
        self._give(job, agent, now)
        job.owner = agent

    def _transferred(self, job: Job, previous: str, agent: str, now: float) -> None:
        if job.owner == agent:
            return  # told again
        assert job.owner == previous
        if agent not in job.legs:
            assert self._is_free(agent)
            self._give(job, agent, now)
        job.legs.pop(previous)
        job.owner = agent
        self.desks[previous].touched = self.desks[agent].touched = now

    def _conferenced(self, job: Job, agent: str, now: float) -> None:
        if agent not in job.legs:
            assert self._is_free(agent)
            self._give(job, agent, now)

    def _give(self, job: Job, agent: str, now: float) -> None:
        job.legs[agent] = ("RESERVED", now)
        self.desks[agent].touched = now

    def _is_free(self, agent: str) -> bool:
        return self.desks[agent].state in ("READY", "ACTIVE") and self.load(agent) < self.plan.most_tasks(agent, "chat")

    def _choice(self, job: Job, now: float) -> str:
        """Who has to get it; empty: nobody can."""
        return min(self._candidates(job, now).items(), key=lambda each: each[1], default=("", None))[0]

    def _candidates(self, job: Job, now: float) -> dict[str, tuple[Any, ...]]:
        """By agent, what decides among them."""
        found: dict[str, tuple[Any, ...]] = {}
        for agent, desk in self.desks.items():
            step = self._step(job, agent, now)
            rings = any(job.legs.get(agent, ("",))[0] == "RESERVED" for job in self.jobs.values())
            since = job.missed.get(agent, -1000.0)
            if step is None or rings or not self._is_free(agent) or now < since + self.plan.exclude_min:
                continue
            missed = now < since + self.plan.rona_exclude_for
            found[agent] = (missed, step, self.load(agent), max(desk.ready, desk.touched), agent)
        return found

    def _step(self, job: Job, agent: str, now: float) -> int | None:
        """The first step that he is in, if it is open."""
        opens = job.entered - job.headstart
        for number, step in enumerate(self.plan.queues[job.queue].steps):
            if step.expression.holds(self.plan.agents[agent].attributes):
                return number if opens <= now else None
            present = [
                name
                for name, desk in self.desks.items()
                if desk.state != "LOGOUT" and step.expression.holds(self.plan.agents[name].attributes)
            ]
            opens += step.timeout if present else 0.0
        return None
