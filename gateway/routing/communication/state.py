"""All that the communication server knows, and what it finds there quickly.

Everything here follows from the documents: ``put`` is the only way in, at the start as with each step.

Source: MRE-4, MRE-126, MRE-151.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from gateway.routing.agent_state import CANDIDATES
from gateway.routing.communication.records import AgentRecord, Pace, TaskRecord
from gateway.routing.line import Line, Place
from gateway.routing.members import Members
from gateway.routing.task_state import TaskState

AGENT, TASK, PACE = "agent:", "task:", "pace:"
"""How keys of documents begin; the name follows."""


class State:
    """Agents, tasks and queues, by name."""

    __slots__ = ("agent_counts", "agents", "lines", "open_tasks", "paces", "ready", "task_counts", "tasks", "tasks_of")

    def __init__(self) -> None:
        self.agents: dict[str, AgentRecord] = {}
        self.tasks: dict[str, TaskRecord] = {}
        self.paces: dict[str, Pace] = {}
        self.open_tasks: dict[str, str] = {}
        """Ids of tasks that are not closed, by ClientUniqueId."""
        self.tasks_of = Members()
        """Ids of the tasks in which an agent has a leg."""
        self.lines: defaultdict[str, Line] = defaultdict(Line)
        """What waits, by queue."""
        self.task_counts: Counter[tuple[str, str]] = Counter()
        """Tasks, closed ones too, by queue and state; kept, as there may be too many to be counted when asked."""
        self.agent_counts: Counter[tuple[str, str]] = Counter()
        """Agents, by MRD and state."""
        self.ready = Members()
        """Agents who may be given a task, by MRD."""

    def put(self, key: str, body: Mapping[str, Any] | None) -> None:
        """One document as it is; None: it is gone."""
        kind, _, name = key.partition(":")
        if kind + ":" == AGENT:
            self._put_agent(name, AgentRecord.from_body(body) if body else None)
        elif kind + ":" == PACE:
            _put(self.paces, name, Pace.from_body(body) if body else None)
        elif kind + ":" == TASK:
            self._put_task(name, TaskRecord.from_body(body) if body else None)

    def _put_agent(self, name: str, agent: AgentRecord | None) -> None:
        for record, change in ((self.agents.get(name), -1), (agent, 1)):
            for mrd, presence in record.mrds.items() if record else ():
                _count(self.agent_counts, (mrd, presence.state), change)
                if presence.state in CANDIDATES:
                    (self.ready.add if change > 0 else self.ready.discard)(mrd, name)
        _put(self.agents, name, agent)

    def _put_task(self, name: str, task: TaskRecord | None) -> None:
        before = self.tasks.get(name)
        if before is not None:
            self._unlist(before)
        _put(self.tasks, name, task)
        if task is not None:
            self._list(task)

    def named(self, name: str) -> TaskRecord | None:
        """A task by its id; a held one by its ClientUniqueId, too, for nobody may have heard its id yet."""
        task = self.tasks.get(name)
        if task is None:
            standing = self.tasks.get(self.open_tasks.get(name, ""))
            task = standing if standing is not None and standing.held else None
        return task

    def _unlist(self, task: TaskRecord) -> None:
        self.lines[task.queue].discard(place_of(task))
        _count(self.task_counts, (task.queue, task.state), -1)
        for leg in task.legs:
            self.tasks_of.discard(leg.agent, task.id)
        if self.open_tasks.get(task.client_id) == task.id:
            del self.open_tasks[task.client_id]

    def _list(self, task: TaskRecord) -> None:
        _count(self.task_counts, (task.queue, task.state), 1)
        for leg in task.legs:
            self.tasks_of.add(leg.agent, task.id)
        if not task.closed:
            self.open_tasks[task.client_id] = task.id
        if task.state is TaskState.QUEUED:
            self.lines[task.queue].add(place_of(task))


def place_of(task: TaskRecord) -> Place:
    """Where it stands among those of its queue (MRE-95)."""
    return (-task.priority, task.created, task.stands_for or task.id, task.id)


def _put(table: dict[str, Any], name: str, record: object | None) -> None:
    if record is None:
        table.pop(name, None)
    else:
        table[name] = record


def _count(counts: Counter[tuple[str, str]], key: tuple[str, str], change: int) -> None:
    """What is none has no entry: a task may name any queue, and is refused later."""
    counts[key] += change
    if not counts[key]:
        del counts[key]
