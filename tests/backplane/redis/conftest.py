"""Real servers, each started once for all tests that do not harm it; and links that are stopped at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from bayeux.backplane.redis.link import RedisLink
from bayeux.backplane.redis.timing import Timing
from bayeux.backplane.redis.topology import Topology
from tests.backplane.redis.linked import QUICK, SCRIPTS, Linked, Told
from tests.support.redis_server import (
    RedisCluster,
    RedisServer,
    SecureRedis,
    Sentinels,
    redis_cluster,
    redis_sentinels,
    redis_server,
    secure_redis,
)

TOPOLOGIES = ("single", "unix", "secure", "sentinels", "cluster")

Connect = Callable[..., Linked]


@pytest.fixture(scope="session")
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


@pytest.fixture(scope="session")
def secure() -> Iterator[SecureRedis]:
    with secure_redis() as started:
        yield started


@pytest.fixture(scope="session")
def sentinels() -> Iterator[Sentinels]:
    with redis_sentinels() as started:
        yield started


@pytest.fixture(scope="session")
def cluster() -> Iterator[RedisCluster]:
    with redis_cluster() as started:
        yield started


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """One that may be harmed."""
    with redis_server() as started:
        yield started


@pytest.fixture(params=TOPOLOGIES)
def url(request: pytest.FixtureRequest) -> str:
    """Of each topology in turn."""
    if request.param == "unix":
        return f"unix://{request.getfixturevalue('server').socket_path}"
    name = "server" if request.param == "single" else request.param
    found: str = request.getfixturevalue(name).url
    return found


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes links, not started yet."""
    made: list[Linked] = []

    def make(url: str, timing: Timing = QUICK) -> Linked:
        told = Told()
        link = RedisLink(Topology.parse(url), told, node=f"node{len(made)}", scripts=SCRIPTS, timing=timing)
        made.append(Linked(link, told))
        return made[-1]

    yield make
    for each in made:
        await each.link.stop()
