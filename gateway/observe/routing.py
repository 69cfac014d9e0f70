"""Metrics of the routing: the roles that this process plays, tasks, agents, dead letters.

What a role knows is told by the node that leads it, so that a sum over nodes counts nothing twice. Queues that are not
configured, which a task may name, are told as one.

Source: MRE-151.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from gateway.observe.samples import counter, gauge, histogram
from gateway.routing.communication.server import CommunicationServer
from gateway.routing.role import OTHER, Role

T = TypeVar("T")


class RolesCollector(Collector):
    """Which roles this node leads, and what became of their messages (MRE-151)."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._roles = roles

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        """Leads, messages and times, by role."""
        roles = self._roles.items()
        leads = {name: int(role.is_reigning) for name, role in roles}
        yield gauge("mre_leads", "Does this node lead the role?", ("role",), leads)
        reigns = {name: role.tally.reigns for name, role in roles}
        yield counter("mre_reigns", "How often this node took over.", ("role",), reigns)
        outcomes: dict[tuple[str, str], int] = {}
        for name, role in roles:
            outcomes[name, "handled"] = role.tally.handled
            outcomes[name, "buried"] = role.tally.buried
        yield counter("mre_messages", "Messages, by what became of them.", ("role", "outcome"), outcomes)
        redelivered = {name: role.tally.redelivered for name, role in roles}
        yield counter("mre_redeliveries", "Messages that came again.", ("role",), redelivered)
        seconds = {(name, kind): each for name, role in roles for kind, each in role.tally.seconds.items()}
        yield histogram("mre_handler_seconds", "Handling of a message until stored.", ("role", "type"), seconds)


class TasksCollector(Collector):
    """Tasks and agents, as the communication server knows them.

    Args:
        role: whether this node leads it; what it counted before stays told.
        clock: seconds since 1970.
    """

    def __init__(self, server: CommunicationServer, role: Role, clock: Callable[[], float]) -> None:
        self._server = server
        self._role = role
        self._clock = clock

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        """What was counted, and what there is if this node knows."""
        figures = self._server.figures
        waits = {self._label(queue): each for queue, each in figures.waits.items()}
        yield histogram("mre_assign_seconds", "From coming into a queue to an offer.", ("queue",), waits)
        rung_out = _sums((self._label(queue), count) for queue, count in figures.rung_out.items())
        yield counter("mre_rona", "Offers that nobody took in time.", ("queue",), rung_out)
        if self._role.is_reigning:
            yield from self._present()

    def _present(self) -> Iterator[GaugeMetricFamily]:
        state = self._server.state
        tasks = _sums(((self._label(queue), kind), count) for (queue, kind), count in state.task_counts.items())
        yield gauge("mre_tasks", "Tasks, closed ones while they are kept.", ("queue", "state"), tasks)
        yield gauge("mre_agents", "Agents.", ("mrd", "state"), state.agent_counts)
        now = self._clock()
        oldest = dict.fromkeys(self._server.plan.queues, 0.0)
        for queue, line in state.lines.items():
            label = self._label(queue)
            waits = (now - place[1] for place in line if not state.tasks[place[-1]].held)
            oldest[label] = max([oldest.get(label, 0.0), *waits])
        yield gauge("mre_oldest_wait_seconds", "How long the oldest task waits.", ("queue",), oldest)

    def _label(self, queue: str) -> str:
        return queue if queue in self._server.plan.queues else OTHER


class DeadLettersCollector(Collector):
    """Dead letters, as they were counted last."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """By queue, of those that this node takes from."""
        yield gauge("mre_dead_letters", "Messages that nobody could handle.", ("queue",), self._counts())


def _sums(counts: Iterable[tuple[T, int]]) -> Counter[T]:
    sums: Counter[T] = Counter()
    for key, count in counts:
        sums[key] += count
    return sums
