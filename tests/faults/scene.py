"""Gateways as processes, each behind a proxy of its own on its way to Redis, all behind one load balancer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bayeux.testing import FaultProxy
from tests.support.balancers import BALANCERS
from tests.support.fleet import Fleet, Node
from tests.support.redis_server import HOST, RedisServer

CONFIGURATION = """\
[[retention]]
channel = "/faults/kept/**"
events = 5000
bytes = "8MiB"
"""
SETTINGS: Mapping[str, object] = {"bayeux.max_interval": "30s"}
USUAL_ENDS = ("disconnect", "moved")


class Store(Protocol):
    """Redis, whatever it consists of."""

    @property
    def url(self) -> str:
        """Where nodes find it."""


class Machine(Node):
    """A node that can end like one whose machine fails: with all its processes, at once."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        super().__init__(folder, {**SETTINGS, **settings})
        file = folder / "gateway.toml"
        file.write_text(CONFIGURATION)
        self._command += ["-c", str(file)]

    @property
    def workers(self) -> list[int]:
        """Process ids of those who serve."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children] or [self.pid]

    @property
    def told(self) -> str:
        """What it told people."""
        return self._told.read_text("utf-8")

    def kill(self) -> None:
        """It is gone without a word; returns when its port is free."""
        workers = self.workers
        self.signal_all(signal.SIGKILL)
        self.end(signal.SIGKILL)
        for pid in workers:
            while Path(f"/proc/{pid}").exists() and _state(pid) not in "ZX":
                pass

    def signal_all(self, number: signal.Signals) -> None:
        """The supervisor first, who would start a worker again."""
        for pid in [self.pid, *self.workers]:
            os.kill(pid, number)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal_all(signal.SIGCONT)
            self.kill()


@dataclass(frozen=True)
class Scene:
    """What takes part.

    Args:
        front: origin of the load balancer, which takes the nodes in turn, without stickiness.
        proxies: of each node one, to Redis; none where Redis is more than one server.
    """

    nodes: list[Machine]
    proxies: list[FaultProxy]
    front: str
    fleet: Fleet

    @property
    def cometd(self) -> str:
        """The mount for guests, behind the load balancer."""
        return f"{self.front}/cometd"

    def holder(self) -> Machine:
        """The node that has most sessions."""
        return max(self.nodes, key=_sessions)

    def errors(self) -> list[Any]:
        """What the logs tell of them; that a worker has died is meant to be one."""
        records = [record for node in self.nodes for record in node.records()]
        return [each for each in records if each["level"] == "error" and each["event"] != "a worker has died"]

    def ends(self) -> str:
        """How sessions ended that did not end by themselves, as the logs tell."""
        ends = [
            f"{record['ts']} {record['node']}: {record['reason']}"
            for node in self.nodes
            for record in node.records()
            if record["event"] == "session_ends" and record["reason"] not in USUAL_ENDS
        ]
        return "\n".join(["Sessions that were ended:", *ends])


@asynccontextmanager
async def scene(
    directory: Path,
    redis: Store,
    *,
    nodes: int = 2,
    workers: int = 1,
    settings: Mapping[str, object] | None = None,
) -> AsyncIterator[Scene]:
    """Start it all; the nodes know each other when it returns."""
    async with AsyncExitStack() as stack:
        proxies, machines = [], []
        for number in range(nodes):
            url = redis.url
            if isinstance(redis, RedisServer):
                proxy = await stack.enter_async_context(FaultProxy(redis.port))
                proxies.append(proxy)
                url = url.replace(f"{HOST}:{redis.port}", f"{HOST}:{proxy.port}")
            own = directory / f"node{number}"
            own.mkdir()
            machine = Machine(own, {"redis": url, "workers": workers, **(settings or {})})
            stack.callback(machine.close)
            machine.launch()
            machines.append(machine)
        for machine in machines:
            await asyncio.to_thread(machine.wait)
        together = Fleet(machines, redis, workers)  # type: ignore[arg-type]
        await asyncio.to_thread(together.wait_until_complete)
        front = stack.enter_context(BALANCERS["haproxy"](directory, together.places))
        here = Scene(machines, proxies, front, together)
        try:
            yield here
        except AssertionError as failure:
            failure.add_note(here.ends())
            raise
        assert not here.errors()
        for machine in machines:
            assert "Traceback" not in machine.told


def _sessions(node: Machine) -> float:
    return sum(value for name, value in node.metrics().items() if name.startswith("bayeux_sessions{"))


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"
