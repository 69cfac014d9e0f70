"""Metrics of the gateway, read from the server's own counters when somebody asks.

Nothing is counted twice and nothing here runs while messages flow. No label holds a user, a session
or a channel's name.

Source: OPS-50, MON-1.
"""

from __future__ import annotations

import asyncio
import platform
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import tornado
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

import gateway
from bayeux.backplane.redis.backplane import RedisBackplane
from bayeux.server.counters import Histogram
from bayeux.server.server import BayeuxServer
from gateway.observe.families import LABEL, Family
from gateway.observe.loop_lag import LoopLag
from gateway.routing.role import Role

_WORKER = "0"  # the one process there is, or replaced by the supervisor
_SAMPLED_SESSIONS = 200
_MESSAGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_BYTES = (0, 256, 1024, 4096, 16384, 65536, 262144, 1048576)


class Metrics:
    """What ``/metrics`` answers for one process.

    Args:
        backplane: the server's way to other nodes, if it has one.
    """

    def __init__(self, server: BayeuxServer, lag: LoopLag, backplane: RedisBackplane | None = None) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_BayeuxCollector(server))
        self._registry.register(_LoopCollector(lag))
        if backplane is not None:
            self._registry.register(_BackplaneCollector(backplane))
            self._registry.register(_ClusterCollector(server))
        ProcessCollector(registry=self._registry)

    def watch_roles(self, roles: Mapping[str, Role]) -> None:
        """The routing roles that this process plays, by their names."""
        self._registry.register(_RolesCollector(roles))

    def families(self) -> list[Family]:
        """All of them, as they are at this moment."""
        return [Family.of(metric) for metric in self._registry.collect()]


class _BayeuxCollector(Collector):
    """The ``bayeux_…`` rows of OPS-50 that exist on one node."""

    def __init__(self, server: BayeuxServer) -> None:
        self._server = server
        self._queue_messages = Histogram(_MESSAGES)
        self._queue_bytes = Histogram(_BYTES)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        yield from self._gauges()
        counters = self._server.counters
        yield _counter("bayeux_handshakes", "Handshakes answered.", ("result", "transport"), counters.handshakes)
        yield _counter("bayeux_session_ends", "Sessions ended.", ("reason",), counters.session_ends)
        yield _counter(
            "bayeux_messages_received", "Messages from clients.", ("kind", "transport"), counters.messages_received
        )
        yield _counter(
            "bayeux_messages_delivered", "Events written to clients.", ("transport",), counters.messages_delivered
        )
        yield _counter("bayeux_messages_dropped", "Events dropped.", ("reason",), counters.messages_dropped)
        yield _counter("bayeux_bytes_received", "Bytes from clients.", ("transport",), counters.bytes_received)
        yield _counter("bayeux_bytes_sent", "Bytes to clients.", ("transport",), counters.bytes_sent)
        yield _counter("bayeux_rejected", "Refusals, by the limit that refused.", ("reason",), counters.rejected)
        yield _histogram(
            "bayeux_delivery_seconds",
            "From the acceptance of a publish to its write to a socket.",
            ("scope",),
            {"local": counters.delivery_seconds},
        )
        yield _histogram("bayeux_request_seconds", "Processing of a request.", ("request",), counters.request_seconds)
        yield from self._queues()

    def _gauges(self) -> Iterator[GaugeMetricFamily]:
        sessions = Counter(session.reached_by for session in self._server.sessions)
        subscriptions = sum(len(session.subscriptions) for session in self._server.sessions)
        yield _gauge("bayeux_sessions", "Sessions, by how they are reached.", ("transport",), sessions)
        yield _gauge("bayeux_connections", "Open connections.", ("transport",), self._server.counters.connections)
        yield _gauge("bayeux_subscriptions", "Subscriptions of all sessions.", (), {(): subscriptions})
        yield _gauge("bayeux_channels", "Channels and patterns.", (), {(): len(self._server.channels)})

    def _queues(self) -> Iterator[HistogramMetricFamily]:
        """The queues of some sessions, chosen by chance at each asking."""
        sessions = list(self._server.sessions)
        for session in random.sample(sessions, min(_SAMPLED_SESSIONS, len(sessions))):
            self._queue_messages.observe(len(session.queue.messages))
            self._queue_bytes.observe(session.queue.bytes)
        yield _histogram("bayeux_queue_messages", "Waiting events of sampled sessions.", (), {(): self._queue_messages})
        yield _histogram("bayeux_queue_bytes", "Bytes of them.", (), {(): self._queue_bytes})


class _BackplaneCollector(Collector):
    """The way to the other nodes (OPS-72…75)."""

    def __init__(self, backplane: RedisBackplane) -> None:
        self._backplane = backplane

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        backplane, link = self._backplane, self._backplane.link
        yield _gauge("backplane_up", "Can Redis be reached?", (), {(): int(backplane.is_connected)})
        yield _gauge("backplane_nodes", "Nodes that are known, this one included.", (), {(): len(backplane.nodes) + 1})
        yield _counter("backplane_reconnects", "Connections made anew.", (), {(): link.reconnects})
        yield _counter("backplane_probe_timeouts", "Probes that were not heard.", (), {(): link.probes_missed})
        yield _counter("backplane_gaps", "Gaps in what was heard.", ("result",), {
            "filled": link.gaps_filled,
            "told": link.gaps_told,
        })  # fmt: skip
        yield _counter("backplane_invalid_messages", "Messages that were dropped.", ("reason",), link.dropped)


class _ClusterCollector(Collector):
    """What this node does for others, and others do for it (OPS-42)."""

    def __init__(self, server: BayeuxServer) -> None:
        self._server = server

    def collect(self) -> Iterator[CounterMetricFamily]:
        cluster = self._server.cluster
        if cluster is not None:
            ownership = cluster.ownership
            yield _counter("bayeux_handover", "Requests and sessions that were another node's.", ("kind",), {
                "forwarded": cluster.relay.relayed,
                "moved": ownership.moved_here,
                "taken_over": ownership.taken_over,
            })  # fmt: skip
            yield _counter("bayeux_recovery_gaps", "Sessions that had to begin anew.", (), {(): ownership.gaps})


class _RolesCollector(Collector):
    """Which roles this node leads, and what became of their messages (MRE-151)."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._roles = roles

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        roles = self._roles.items()
        leads = {name: int(role.is_reigning) for name, role in roles}
        yield _gauge("mre_leads", "Does this node lead the role?", ("role",), leads)
        reigns = {name: role.tally.reigns for name, role in roles}
        yield _counter("mre_reigns", "How often this node took over.", ("role",), reigns)
        outcomes: dict[tuple[str, str], int] = {}
        for name, role in roles:
            outcomes[name, "handled"] = role.tally.handled
            outcomes[name, "buried"] = role.tally.buried
        yield _counter("mre_messages", "Messages, by what became of them.", ("role", "outcome"), outcomes)
        redelivered = {name: role.tally.redelivered for name, role in roles}
        yield _counter("mre_redeliveries", "Messages that came again.", ("role",), redelivered)


class _LoopCollector(Collector):
    """The event loop, and what is running."""

    def __init__(self, lag: LoopLag) -> None:
        self._lag = lag

    def collect(self) -> Iterator[GaugeMetricFamily | HistogramMetricFamily]:
        yield _histogram("process_loop_lag_seconds", "How late the event loop turns.", (), {(): self._lag.histogram})
        yield _gauge("process_tasks", "Running asyncio tasks.", (), {(): len(asyncio.all_tasks())})
        build = GaugeMetricFamily("build_info", "What is running.", labels=("version", "python", "tornado"))
        build.add_metric((gateway.__version__, platform.python_version(), tornado.version), 1)
        yield build
        yield GaugeMetricFamily("config_version", "How often the configuration was loaded.", value=1)


Key: TypeAlias = "str | tuple[str, ...]"
"""The value of the only label, or of each."""


def _values(key: Key) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else key


def _counter(name: str, text: str, labels: Sequence[str], counts: Mapping[Any, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in tuple(counts.items()):
        family.add_metric(_values(key), value)
    return family


def _gauge(name: str, text: str, labels: Sequence[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=(*labels, LABEL))
    for key, value in tuple(values.items()):
        family.add_metric((*_values(key), _WORKER), value)
    return family


def _histogram(
    name: str, text: str, labels: Sequence[str], histograms: Mapping[Any, Histogram]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=labels)
    for key, histogram in tuple(histograms.items()):
        family.add_metric(_values(key), list(_buckets(histogram)), histogram.total)
    return family


def _buckets(histogram: Histogram) -> Iterable[tuple[str, float]]:
    bounds = [*(repr(float(bound)) for bound in histogram.bounds), "+Inf"]
    return zip(bounds, accumulate(histogram.counts), strict=True)
