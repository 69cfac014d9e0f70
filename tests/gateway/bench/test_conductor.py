"""Whole runs of less than a second each: every workload, transport and server, and what is told when it fails."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bayeux import SecurityPolicy
from gateway.bench import conductor
from gateway.bench.outcome import Outcome
from gateway.bench.target import Target
from gateway.bench.workload import KINDS, TRANSPORTS, Workload
from gateway.failure import Failure
from tests.client.foreign_servers import foreign_server
from tests.gateway.bench.servers import Loaded, loaded
from tests.transports.doors import server_context

EACH_TRANSPORT = pytest.mark.parametrize("transport", TRANSPORTS)
OF_OTHERS = ["fanout", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("connect", "p2p", "churn"))]
"""Workloads for servers that are a process each; one stands for all where time is short."""


def check(outcome: Outcome) -> None:
    """What is true of every run of every workload."""
    assert outcome.is_exact
    assert outcome.errors == {}
    assert outcome.arrived == outcome.expected
    assert outcome.sessions >= 8
    assert outcome.set_ups_per_second > 0
    assert Outcome.from_json(json.loads(outcome.encode())) == outcome
    kind, subscribers = outcome.workload.kind, outcome.workload.sessions
    if kind == "connect":
        assert (outcome.published, outcome.expected, outcome.latency) == (0, 0, None)
        return
    assert outcome.latency is not None
    assert outcome.published > 0
    assert outcome.latency.count == outcome.delivered == sum(second.delivered for second in outcome.series)
    assert 0 < outcome.latency.p50 <= outcome.latency.p99 <= outcome.latency.max
    if kind == "fanout":
        assert outcome.delivered == outcome.published * subscribers
    elif kind != "mix":
        assert outcome.delivered == outcome.published
    assert outcome.expected > outcome.delivered, "the warm-up counts for exactness"


@pytest.mark.parametrize("kind", KINDS)
@EACH_TRANSPORT
@pytest.mark.parametrize("ack", [False, True], ids=["plain", "ack"])
async def test_a_run_with_our_server_is_exact(kind: str, transport: str, ack: bool) -> None:
    sessions = 16 if kind == "mix" else 8
    async with loaded() as server:
        check(await server.bear(kind=kind, transport=transport, ack=ack, sessions=sessions))
        assert server.server is not None
        assert len(server.server.sessions) == 0, "they are disconnected at the end"


@pytest.mark.soak
@pytest.mark.parametrize("kind", OF_OTHERS)
@EACH_TRANSPORT
async def test_a_run_with_faye_is_exact(kind: str, transport: str) -> None:
    async with foreign_server("faye", "faye_server.mjs") as port:
        check(await Loaded(Target("127.0.0.1", port, "/bayeux")).bear(kind=kind, transport=transport))


@pytest.mark.soak
@pytest.mark.parametrize("kind", OF_OTHERS)
@pytest.mark.parametrize("ack", [False, True], ids=["plain", "ack"])
async def test_a_run_with_cometd_is_exact(kind: str, ack: bool) -> None:
    """Its server for Node has no WebSocket."""
    async with foreign_server("cometd-nodejs-server", "cometd_server.mjs") as port:
        check(await Loaded(Target("127.0.0.1", port)).bear(kind=kind, transport="long-polling", ack=ack))


@pytest.mark.soak
@EACH_TRANSPORT
@pytest.mark.parametrize("kind", ["fanout", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("p2p", "churn"))])
async def test_several_generators_count_together(kind: str, transport: str) -> None:
    """What one publishes is expected by the sessions of the others."""
    async with loaded() as server:
        outcome = await server.bear(kind=kind, transport=transport, generators=3, publishers=2, channels=1)
    check(outcome)
    assert len(outcome.generator_cpu) == 3


@pytest.mark.parametrize("kind", ["fanout", "p2p", "rtt", "churn"])
async def test_an_open_loop_publishes_by_the_clock(kind: str) -> None:
    """50 a second for 0.4 s are 20, however long the server takes."""
    async with loaded() as server:
        outcome = await server.bear(kind=kind, rate=50.0)
    check(outcome)
    assert outcome.published == 20


async def test_a_bound_in_count_ends_the_measured_phase() -> None:
    async with loaded() as server:
        outcome = await server.bear(kind="p2p", publishes=10, seconds=30.0)
    check(outcome)
    assert outcome.published == 10
    assert outcome.seconds < 20


async def test_latency_counts_from_the_intended_time() -> None:
    """A server that stops for half a second delays the publishes it never saw meanwhile, too."""
    async with loaded() as server:
        assert server.server is not None
        stopped = False

        def stop_once(session: Any, channel: str, data: Any) -> None:
            nonlocal stopped
            if not stopped and int(data["bench"].split()[2]) > 0:
                stopped = True
                time.sleep(0.5)  # stops the server alone: the generators are other processes

        server.server.listeners.published.append(stop_once)
        outcome = await server.bear(kind="fanout", sessions=1, rate=100.0, seconds=1.0, warm_up=0.0)
    assert outcome.is_exact
    assert outcome.published == 100
    assert outcome.latency is not None
    assert outcome.latency.p50 < outcome.latency.max
    assert outcome.latency.p90 > 250, "fifty publishes fell into the stop, and waited for 250 ms on average"


@pytest.mark.soak
@EACH_TRANSPORT
async def test_channels_and_patterns_that_only_exist_do_not_disturb(transport: str) -> None:
    async with loaded() as server:
        outcome = await server.bear(
            kind="fanout", transport=transport, channels=4, subscriptions=5, silent_channels=120, wildcards=110
        )
    assert outcome.is_exact
    assert outcome.delivered == 2 * outcome.published
    assert outcome.sessions == 8 + 1 + 3


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["connect", "fanout", "churn"])
async def test_the_servers_cost_is_told(kind: str) -> None:
    """Here the server is the test itself, with the generators as descendants: only that figures are there."""
    async with loaded() as server:
        outcome, _ = await server.watch(kind=kind, server_pid=os.getpid(), sessions=200)  # the kernel counts in 10 ms
    cost = outcome.server
    assert cost is not None
    assert cost.cpu_seconds > 0
    assert (cost.cpu_us_per_delivered is None) == (kind == "connect")
    assert (cost.cpu_us_per_set_up is None) == (kind == "fanout")
    assert min(cost.rss_before, cost.rss_with_sessions, cost.rss_after) > 10_000_000


@pytest.mark.soak
@EACH_TRANSPORT
async def test_a_run_over_tls_is_exact(transport: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Certificates are checked, with those that OpenSSL's environment names."""
    async with loaded(tls=server_context()) as server:
        certificate = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", server.target.port))
        trusted = tmp_path / "trusted.pem"
        trusted.write_text(certificate)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        check(await server.bear(kind="fanout", transport=transport, size=30_000))


async def test_progress_names_the_phases_in_their_order() -> None:
    async with loaded() as server:
        _, told = await server.watch(kind="fanout")
    phases = list(dict.fromkeys(each.phase for each in told))
    assert phases == ["start", "set up", "warm up", "measure", "settle", "disconnect"]
    assert all(0 <= each.fraction <= 1 for each in told)
    assert max(each.figures["sessions"] for each in told) == 9
    last = [each for each in told if each.phase == "measure"][-1]
    assert last.fraction == 1
    assert set(last.figures) == {"sessions", "published", "delivered", "delivered_per_second", "errors"}


# What is told when it fails -------------------------------------------------------------------


@EACH_TRANSPORT
async def test_a_log_in_is_sent_with_each_handshake(transport: str) -> None:
    seen: list[Any] = []
    async with loaded() as server:
        assert server.server is not None
        server.server.listeners.session_added.append(lambda session, message: seen.append(message.ext.get("token")))
        await server.bear(
            kind="connect", transport=transport, log_in=[{"ext": {"token": "a"}}, {"ext": {"token": "b"}}]
        )
    assert sorted(seen) == ["a"] * 4 + ["b"] * 4


async def test_a_certificate_that_nobody_trusts_is_told() -> None:
    async with loaded(tls=server_context()) as server:
        with pytest.raises(Failure, match=r"TLS: .*certificate verify failed.*SSL_CERT_FILE"):
            await server.bear(kind="fanout", sessions=1)


async def test_too_many_sessions_are_told_with_the_option_to_raise() -> None:
    async with loaded(max_sessions=5) as server:
        with pytest.raises(Failure, match=r"of 9 sessions could not be set up: .*503.*raise bayeux.max_sessions"):
            await server.bear(kind="fanout")


@pytest.mark.soak
async def test_a_storm_counts_those_that_were_refused() -> None:
    """It is about how many the server takes."""
    async with loaded(max_sessions=5) as server:
        outcome = await server.bear(kind="connect")
    assert outcome.sessions == 5
    assert sum(outcome.errors.values()) == 3


class EveryThird(SecurityPolicy):
    """Refuses every third publish."""

    def can_publish(self, server: Any, session: Any, channel: Any, message: Any) -> bool:
        return int(message.data["bench"].split()[2]) % 3 != 2


@EACH_TRANSPORT
@pytest.mark.parametrize("kind", ["fanout", "p2p"])
async def test_refused_publishes_are_counted_and_not_expected(transport: str, kind: str) -> None:
    async with loaded(policy=EveryThird()) as server:
        outcome = await server.bear(kind=kind, transport=transport, sessions=2, rate=90.0, seconds=1.0, warm_up=0.0)
    assert outcome.errors == {"publish refused: 403:denied_by_security_policy:publish_denied": 30}
    assert outcome.published == 60
    assert outcome.is_exact
    assert outcome.arrived == outcome.expected == 60 * (2 if kind == "fanout" else 1)


async def test_a_server_that_refuses_every_publish_ends_the_run() -> None:
    """Rather than being asked for as long as it takes."""

    class Nobody(SecurityPolicy):
        def can_publish(self, server: Any, session: Any, channel: Any, message: Any) -> bool:
            return False

    async with loaded(policy=Nobody()) as server:
        with pytest.raises(Failure, match=r"no publish was taken: publish refused: 403.*sign in, or allow"):
            await server.bear(kind="p2p", rate=1000.0, seconds=10.0)


async def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(Failure, match="connection refused; is the server running"):
        await Loaded(Target("127.0.0.1", 9)).bear()


@EACH_TRANSPORT
async def test_a_path_without_endpoint_is_told(transport: str) -> None:
    async with loaded() as server:
        elsewhere = Loaded(Target("127.0.0.1", server.target.port, "/elsewhere"))
        with pytest.raises(Failure, match=r"404.*is the path of the URL right"):
            await elsewhere.bear(kind="connect", transport=transport)


def test_too_few_descriptors_are_told_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (100, 100))
    with pytest.raises(
        Failure, match=r"1000 connections need 1064 descriptors .* the limit is 100: take 28 generators"
    ):
        conductor._check_room(Workload(kind="connect", sessions=1000), Target("127.0.0.1", 1))


def test_too_few_ports_are_told_before_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Long-polling takes two connections a session."""
    ports = tmp_path / "ip_local_port_range"
    ports.write_text("32768\t60999\n")
    monkeypatch.setattr(conductor, "_PORTS", ports)
    workload = Workload(kind="connect", transport="long-polling", sessions=14_117)
    with pytest.raises(Failure, match=r"28234 connections to .* need as many local ports, and there are 28232"):
        conductor._check_room(workload, Target("127.0.0.1", 1))


async def test_a_generator_that_dies_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it said last."""
    started: list[Any] = []
    original = subprocess.Popen

    def start(*arguments: Any, **more: Any) -> Any:
        started.append(original(*arguments, **more))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    async with loaded() as server:
        running = asyncio.create_task(server.bear(kind="fanout", seconds=30.0, generators=2))
        assert server.server is not None
        async with asyncio.timeout(60):
            while len(server.server.sessions) < 9:  # noqa: ASYNC110 - they come one by one
                await asyncio.sleep(0.01)
        started[1].kill()
        with pytest.raises(Failure, match="generator 1 died with exit code -9"):
            await running
        assert all(process.poll() is not None for process in started)


INTERRUPTED = """
import sys
from gateway.bench.conductor import run
from gateway.bench.target import Target
from gateway.bench.workload import Workload
workload = Workload(kind="fanout", sessions=8, seconds=60.0, generators=2)
try:
    run(workload, Target("127.0.0.1", int(sys.argv[1])))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.soak
async def test_an_interrupt_disconnects_the_sessions() -> None:
    """Ctrl-C reaches all processes of the terminal; the generators leave it to the conductor."""
    async with loaded() as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            INTERRUPTED,
            str(server.target.port),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert server.server is not None
        async with asyncio.timeout(60):
            while len(server.server.sessions) < 9:  # noqa: ASYNC110 - they come one by one
                await asyncio.sleep(0.01)
            os.killpg(process.pid, signal.SIGINT)
            printed, errors = await process.communicate()
        assert (printed, errors) == (b"interrupted\n", b"")
        assert len(server.server.sessions) == 0
