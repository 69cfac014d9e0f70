"""Which agent gets which task, and when to look again.

After each step no task waits that an agent could have: whoever may get one more is served at once, and what comes to
wait is routed at once. Only time can change that, and for each moment at which it does there is a deadline.

Source: MRE-91…98, MRE-128; ``held`` and ``place`` of docs/decisions/a-place-is-a-held-task.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import groupby

from gateway.routing.agent_state import AgentState
from gateway.routing.engine.draft import Draft
from gateway.routing.engine.records import TaskRecord
from gateway.routing.engine.state import task_place
from gateway.routing.expression import Expression
from gateway.routing.leg import Leg
from gateway.routing.line import Place
from gateway.routing.plan import Queue
from gateway.routing.selection import may_be_offered
from gateway.routing.steps import openings
from gateway.routing.task_state import LegRole, TaskState

WORTH_WAITING_FOR = frozenset(
    {AgentState.READY, AgentState.RESERVED, AgentState.ACTIVE, AgentState.BUSY, AgentState.WORK_READY}
)
"""States of a preferred agent who will take tasks again (MRE-97)."""

DEADLINE = "route:"


def route(draft: Draft, task: TaskRecord) -> None:
    """Give a waiting task to the agent who goes first, or see when to look again."""
    queue = draft.plan.queues.get(task.wishes.queue)
    if queue is None or queue.mrd != task.mrd or draft.now >= task.entered + _ttl(draft, task):
        give_up(draft, task)
        return
    agent_id = _best_agent(draft, task)
    if agent_id is not None:
        assign(draft, task, agent_id, TaskState.RESERVED)
    elif draft.plan.no_agent_fast and not _could_ever_be_taken(draft, task):
        give_up(draft, task)
    else:
        draft.deadlines[DEADLINE + task.id] = _next_look(draft, task)


def hold(draft: Draft, task: TaskRecord) -> None:
    """Let a task stand in its queue: no agent gets it, and it waits for as long as it said itself, or for ever."""
    over = task.entered + task.wishes.ttl if task.wishes.ttl is not None else None
    if over is not None and draft.now >= over:
        give_up(draft, task)
    else:
        draft.deadlines[DEADLINE + task.id] = over


def route_all(draft: Draft) -> None:
    """All that waits, first what goes first: one look at each is enough, as agents only get fewer by it."""

    def place(task: TaskRecord) -> tuple[bool, int, Place]:
        queue = draft.plan.queues.get(task.wishes.queue)
        return (not _waits_alone(draft, task), -queue.priority if queue is not None else 0, task_place(task))

    for task in sorted((each for each in draft.state.tasks.values() if each.waits), key=place):
        route(draft, task)


def serve(draft: Draft, mrd: str, *agents: str) -> None:
    """Give what waits to agents who have become free: task by task in their order, each to who goes first for it.

    That may be somebody else, for a task that has come to wait by the same message.
    """
    while tasks := [task for agent_id in agents if (task := _first_task(draft, agent_id, mrd)) is not None]:
        task = min(tasks, key=lambda each: (-queue_of(draft, each).priority, task_place(each)))
        chosen = _best_agent(draft, task)
        assert chosen is not None
        assign(draft, task, chosen, TaskState.RESERVED)


def assign(draft: Draft, task: TaskRecord, agent_id: str, state: TaskState) -> None:
    """Book the task for an agent and tell (row 15)."""
    leg = Leg(agent_id, state, LegRole.OWNER, draft.now)
    draft.put_task(replace(task, legs=(leg,), served=task.served or state is TaskState.ACTIVE))
    draft.touch(agent_id, task.mrd)
    draft.deadlines[DEADLINE + task.id] = None
    draft.send("TaskAgentSelected", {"TaskId": task.id, "AgentId": agent_id, "Status": state})


def give_up(draft: Draft, task: TaskRecord) -> None:
    """Nobody is there for it."""
    draft.drop_task(task)
    draft.deadlines[DEADLINE + task.id] = None
    draft.send("TaskAgentSelected", {"TaskId": task.id, "AgentId": "", "Status": "NO_AGENT_AVAILABLE"})


def queue_of(draft: Draft, task: TaskRecord) -> Queue:
    """The task's queue."""
    return draft.plan.queues[task.wishes.queue]


def _best_agent(draft: Draft, task: TaskRecord) -> str | None:
    """Agents of an earlier step go first; who did not take it before goes only where there is nobody else."""
    chosen: dict[bool, tuple[int, str]] = {}
    """By whether they may have it only where there is nobody else: the step and the agent."""
    for *_, agent_id in draft.ranked(task.mrd):
        step = _step_for(draft, task, agent_id)
        if step is None or _is_barred(draft, task, agent_id):
            continue
        missed = agent_id in task.excluded and draft.now < task.excluded[agent_id] + draft.plan.rona_exclude_for
        if step == 0 and not missed:
            return str(agent_id)
        if missed not in chosen or step < chosen[missed][0]:
            chosen[missed] = (step, agent_id)
    best = chosen.get(False) or chosen.get(True)
    return best[1] if best else None


def _first_task(draft: Draft, agent_id: str, mrd: str) -> TaskRecord | None:
    """The waiting task that he gets next, if he may have one more."""
    if not may_be_offered(draft.candidate(agent_id, mrd), draft.plan.offers_most):
        return None
    tasks = _waiting_for(draft, agent_id, mrd)
    return next((task for task in tasks if _may_take(draft, task, agent_id)), None)


def _may_take(draft: Draft, task: TaskRecord, agent_id: str) -> bool:
    return _step_for(draft, task, agent_id) is not None and not _is_barred(draft, task, agent_id)


def _step_for(draft: Draft, task: TaskRecord, agent_id: str) -> int | None:
    """The first step in which he may have it; None if none of his is open yet, or he is not meant at all."""
    if agent_id in task.wishes.not_for:
        return None
    if _waits_alone(draft, task):
        return 0 if agent_id == task.wishes.preferred else None
    steps = draft.state.membership.steps_of(agent_id).get(task.wishes.queue)
    if not steps or not _has_skills(draft, task, agent_id):
        return None
    first = steps[0]
    return first if not first or task.entered + _openings(draft, task)[first] <= draft.now else None


def _is_barred(draft: Draft, task: TaskRecord, agent_id: str) -> bool:
    """Whether he may not have it even where there is nobody else, as he did not take it just before."""
    since = task.excluded.get(agent_id)
    return since is not None and draft.now < since + draft.plan.exclude_min


def _waits_alone(draft: Draft, task: TaskRecord) -> bool:
    """Whether it waits for its preferred agent and nobody else (MRE-97)."""
    preferred = task.wishes.preferred
    return (
        bool(preferred)
        and draft.now < task.entered + draft.plan.preferred_wait
        and preferred not in task.excluded
        and draft.standing(preferred, task.mrd).state in WORTH_WAITING_FOR
    )


def _has_skills(draft: Draft, task: TaskRecord, agent_id: str) -> bool:
    if not task.wishes.skills:
        return True
    agent = draft.plan.agent(agent_id)
    return agent is not None and _expression(task.wishes.skills).holds(agent.attributes)


@lru_cache(maxsize=1000)
def _expression(text: str) -> Expression:
    return Expression(text)


def _waiting_for(draft: Draft, agent_id: str, mrd: str) -> Iterator[TaskRecord]:
    """Waiting tasks, first what goes first for this agent; those that wait for nobody but him before all (MRE-95)."""
    for task in draft.waiting_for(agent_id):
        if task.mrd == mrd and _waits_alone(draft, task):
            yield task
    his = draft.state.membership.steps_of(agent_id)
    queues = [queue for queue in draft.plan.priorities if queue.mrd == mrd and queue.name in his]
    for _, equal in groupby(queues, key=lambda queue: queue.priority):
        for *_, task_id in heapq.merge(*(draft.waiting(queue.name) for queue in equal)):
            waiting = draft.task(task_id)
            assert waiting is not None
            yield waiting


def _could_ever_be_taken(draft: Draft, task: TaskRecord) -> bool:
    """Whether anybody is signed in whom any step could ever let have it (MRE-98)."""
    if not task.wishes.skills and not task.wishes.not_for:
        return any(draft.signed_in(task.wishes.queue))
    return any(
        task.wishes.queue in draft.state.membership.steps_of(agent_id)
        and agent_id not in task.wishes.not_for
        and _has_skills(draft, task, agent_id)
        for agent_id in draft.present(task.mrd)
    )


def _next_look(draft: Draft, task: TaskRecord) -> float:
    """When time alone may change what becomes of it; at the latest when its own is over."""
    plan = draft.plan
    waits = [*_openings(draft, task), plan.preferred_wait, _ttl(draft, task)]
    moments = [task.entered + seconds for seconds in waits]
    for since in task.excluded.values():
        moments += [since + plan.exclude_min, since + plan.rona_exclude_for]
    return min(moment for moment in moments if moment > draft.now)


def _openings(draft: Draft, task: TaskRecord) -> list[float]:
    queue = queue_of(draft, task)
    return [after - task.headstart for after in openings(queue, draft.signed_in(queue.name))]


def _ttl(draft: Draft, task: TaskRecord) -> float:
    return task.wishes.ttl if task.wishes.ttl is not None else queue_of(draft, task).ttl
