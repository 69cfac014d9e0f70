"""Several gateways on one Redis, as processes: each a node of one installation, with as many workers as asked for.

Each keeps its ports, so that it can be ended, in whatever way, and started again behind the same load balancer.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.gateway_process import GatewayProcess
from tests.support.ports import HOST, free_ports
from tests.support.redis_server import RedisServer, redis_server, wait_until

SETTINGS: Mapping[str, object] = {
    "acknowledge": "true",
    "bayeux.session_message_rate": "0",
    "bayeux.trusted_proxies": "127.0.0.1",
    "internal.token": "token of the fleet",
}
PATIENCE = 60.0


class Node(GatewayProcess):
    """One gateway; what it logs is kept over its restarts."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        ports = free_ports(2)
        public, internal = (f"{HOST}:{port}" for port in ports)
        super().__init__(0, f"http://{public}", f"http://{internal}", folder / "gateway.log")
        self.folder = folder
        self.starts = 0
        options = {"listen.public": public, "listen.internal": internal, **SETTINGS, **settings}
        self._command = [sys.executable, "-m", "gateway", "serve", "--dev"]
        for key, value in options.items():
            self._command += ["--set", f"{key}={value}"]
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Begin to start it."""
        self.starts += 1
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        environment |= {"XDG_RUNTIME_DIR": str(self.folder), "NO_COLOR": "1"}
        with self._log.open("ab") as log, self._told.open("ab") as told:
            self._process = subprocess.Popen(self._command, env=environment, stdout=log, stderr=told)
        self.pid = self._process.pid

    def wait(self) -> None:
        """Returns when it, and all its workers, are ready."""
        wait_until(self._is_up)

    def start(self) -> None:
        """Returns when it serves."""
        self.launch()
        self.wait()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal that ends it; its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @property
    def _told(self) -> Path:
        """What it told people."""
        return self.folder / "told"

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._told.read_text("utf-8")[-2000:]
        return self._told.read_text("utf-8").count("Ctrl-C stops it") == self.starts


class Fleet:
    """All of them."""

    def __init__(self, nodes: Sequence[Node], redis: RedisServer, workers: int) -> None:
        self.nodes = nodes
        self.redis = redis
        self._workers = workers

    @property
    def places(self) -> list[str]:
        """``host:port`` of each."""
        return [node.public.removeprefix("http://") for node in self.nodes]

    def metric(self, name: str) -> float:
        """The sum over all nodes and labels."""
        return sum(
            value for node in self.nodes for sample, value in node.metrics().items() if sample.partition("{")[0] == name
        )

    def wait_until_complete(self) -> None:
        """Returns when all know each other."""
        everybody = len(self.nodes) * self._workers
        wait_until(lambda: self.metric("backplane_nodes") == everybody * everybody)


@contextmanager
def fleet(
    directory: Path, *, nodes: int, workers: int, settings: Mapping[str, object] | None = None
) -> Iterator[Fleet]:
    """Start them; all know each other when it returns."""
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        started = []
        for number in range(nodes):
            own = directory / f"node{number}"
            own.mkdir()
            node = Node(own, {"redis": redis.url, "workers": workers, **(settings or {})})
            stack.callback(node.close)
            node.launch()
            started.append(node)
        for node in started:
            node.wait()
        together = Fleet(started, redis, workers)
        together.wait_until_complete()
        yield together
