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
from collections.abc import Iterator

import tornado
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

import gateway
from bayeux.backplane.redis.backplane import RedisBackplane
from bayeux.server.counters import Histogram
from bayeux.server.server import BayeuxServer
from gateway.observe.families import Family
from gateway.observe.loop_lag import LoopLag
from gateway.observe.samples import counter, gauge, histogram

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

    def watch(self, collector: Collector) -> None:
        """What a part of the gateway tells of itself."""
        self._registry.register(collector)

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
        yield counter("bayeux_handshakes", "Handshakes answered.", ("result", "transport"), counters.handshakes)
        yield counter("bayeux_session_ends", "Sessions ended.", ("reason",), counters.session_ends)
        yield counter(
            "bayeux_messages_received", "Messages from clients.", ("kind", "transport"), counters.messages_received
        )
        yield counter(
            "bayeux_messages_delivered", "Events written to clients.", ("transport",), counters.messages_delivered
        )
        yield counter("bayeux_messages_dropped", "Events dropped.", ("reason",), counters.messages_dropped)
        yield counter("bayeux_bytes_received", "Bytes from clients.", ("transport",), counters.bytes_received)
        yield counter("bayeux_bytes_sent", "Bytes to clients.", ("transport",), counters.bytes_sent)
        yield counter("bayeux_rejected", "Refusals, by the limit that refused.", ("reason",), counters.rejected)
        yield histogram(
            "bayeux_delivery_seconds",
            "From the acceptance of a publish to its write to a socket.",
            ("scope",),
            {"local": counters.delivery_seconds},
        )
        yield histogram("bayeux_request_seconds", "Processing of a request.", ("request",), counters.request_seconds)
        yield from self._queues()

    def _gauges(self) -> Iterator[GaugeMetricFamily]:
        sessions = Counter(session.reached_by for session in self._server.sessions)
        subscriptions = sum(len(session.subscriptions) for session in self._server.sessions)
        yield gauge("bayeux_sessions", "Sessions, by how they are reached.", ("transport",), sessions)
        yield gauge("bayeux_connections", "Open connections.", ("transport",), self._server.counters.connections)
        yield gauge("bayeux_subscriptions", "Subscriptions of all sessions.", (), {(): subscriptions})
        yield gauge("bayeux_channels", "Channels and patterns.", (), {(): len(self._server.channels)})

    def _queues(self) -> Iterator[HistogramMetricFamily]:
        """The queues of some sessions, chosen by chance at each asking."""
        sessions = list(self._server.sessions)
        for session in random.sample(sessions, min(_SAMPLED_SESSIONS, len(sessions))):
            self._queue_messages.observe(len(session.queue.messages))
            self._queue_bytes.observe(session.queue.bytes)
        yield histogram("bayeux_queue_messages", "Waiting events of sampled sessions.", (), {(): self._queue_messages})
        yield histogram("bayeux_queue_bytes", "Bytes of them.", (), {(): self._queue_bytes})


class _BackplaneCollector(Collector):
    """The way to the other nodes (OPS-72…75)."""

    def __init__(self, backplane: RedisBackplane) -> None:
        self._backplane = backplane

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        backplane, link = self._backplane, self._backplane.link
        yield gauge("backplane_up", "Can Redis be reached?", (), {(): int(backplane.is_connected)})
        yield gauge("backplane_nodes", "Nodes that are known, this one included.", (), {(): len(backplane.nodes) + 1})
        yield counter("backplane_reconnects", "Connections made anew.", (), {(): link.reconnects})
        yield counter("backplane_probe_timeouts", "Probes that were not heard.", (), {(): link.probes_missed})
        yield counter("backplane_gaps", "Gaps in what was heard.", ("result",), {
            "filled": link.gaps_filled,
            "told": link.gaps_told,
        })  # fmt: skip
        yield counter("backplane_invalid_messages", "Messages that were dropped.", ("reason",), link.dropped)


class _ClusterCollector(Collector):
    """What this node does for others, and others do for it (OPS-42)."""

    def __init__(self, server: BayeuxServer) -> None:
        self._server = server

    def collect(self) -> Iterator[CounterMetricFamily]:
        cluster = self._server.cluster
        if cluster is not None:
            ownership = cluster.ownership
            yield counter("bayeux_handover", "Requests and sessions that were another node's.", ("kind",), {
                "forwarded": cluster.relay.relayed,
                "moved": ownership.moved_here,
                "taken_over": ownership.taken_over,
            })  # fmt: skip
            yield counter("bayeux_recovery_gaps", "Sessions that had to begin anew.", (), {(): ownership.gaps})


class _LoopCollector(Collector):
    """The event loop, and what is running."""

    def __init__(self, lag: LoopLag) -> None:
        self._lag = lag

    def collect(self) -> Iterator[GaugeMetricFamily | HistogramMetricFamily]:
        yield histogram("process_loop_lag_seconds", "How late the event loop turns.", (), {(): self._lag.histogram})
        yield gauge("process_tasks", "Running asyncio tasks.", (), {(): len(asyncio.all_tasks())})
        build = GaugeMetricFamily("build_info", "What is running.", labels=("version", "python", "tornado"))
        build.add_metric((gateway.__version__, platform.python_version(), tornado.version), 1)
        yield build
        yield GaugeMetricFamily("config_version", "How often the configuration was loaded.", value=1)
