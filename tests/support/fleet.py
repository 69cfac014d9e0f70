"""Several gateways on one Redis, as processes: each a node of one installation, with as many workers as asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.redis_server import RedisServer, redis_server, wait_until

SETTINGS: Mapping[str, object] = {
    "acknowledge": "true",
    "bayeux.session_message_rate": "0",
    "bayeux.trusted_proxies": "127.0.0.1",
}


@dataclass(frozen=True)
class Fleet:
    """All of them."""

    nodes: Sequence[GatewayProcess]
    redis: RedisServer

    @property
    def places(self) -> list[str]:
        """``host:port`` of each."""
        return [node.public.removeprefix("http://") for node in self.nodes]

    def metric(self, name: str) -> float:
        """The sum over all nodes and labels."""
        return sum(
            value for node in self.nodes for sample, value in node.metrics().items() if sample.partition("{")[0] == name
        )


@contextmanager
def fleet(
    directory: Path, *, nodes: int, workers: int, settings: Mapping[str, object] | None = None
) -> Iterator[Fleet]:
    """Start them; all know each other when it returns."""
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        started = []
        for number in range(nodes):
            own = directory / str(number)
            own.mkdir()
            options = {**SETTINGS, "redis": redis.url, "workers": workers, **(settings or {})}
            started.append(stack.enter_context(gateway_process(own, options)))
        all_of_them = Fleet(started, redis)
        everybody = nodes * workers
        wait_until(lambda: all_of_them.metric("backplane_nodes") == everybody * everybody)
        yield all_of_them
