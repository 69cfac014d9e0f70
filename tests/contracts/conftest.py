"""Which stores the contract suites run on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.support import nodes_on_redis
from tests.support.activemq import activemq, has_activemq
from tests.support.nodes import Nodes, NodesInMemory
from tests.support.nodes_on_redis import NodesOnRedis, Store
from tests.support.redis_server import has_redis

SERVERS: dict[str, Callable[[], AbstractContextManager[Store]]] = {
    "redis": nodes_on_redis.single,
    "secure": nodes_on_redis.secure,
    "sentinel": nodes_on_redis.sentinels,
    "cluster": nodes_on_redis.cluster,
}
BROKER = "activemq"
"""Of messages alone."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module may name fewer ``STORES``: what knows no topology needs not run on each."""
    if "store" in metafunc.fixturenames:
        stores = getattr(metafunc.module, "STORES", ("memory", *SERVERS))
        metafunc.parametrize("store", stores, indirect=True, scope="session")


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest) -> Iterator[Store | None]:
    """Servers for all tests of a kind; None for what needs none."""
    if request.param == BROKER:
        if not has_activemq():
            pytest.skip("there is no ActiveMQ here: the packages activemq and default-jre-headless have it")
        with activemq() as broker:
            yield Store(broker.url, broker.port, lambda: None)
        return
    if request.param not in SERVERS:
        yield None
        return
    if not has_redis():
        pytest.skip("there is no redis-server here")
    with SERVERS[request.param]() as made:
        yield made


@pytest.fixture
async def nodes(store: Store | None) -> AsyncIterator[Nodes]:
    """A store of its own, as it seems, and nodes to come."""
    made: Nodes = NodesInMemory() if store is None else NodesOnRedis(store)
    yield made
    await made.close()
