"""What the stories share."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from zlib import crc32

import pytest

from tests.support.figures import Tell
from tests.support.redis_server import RedisServer, has_redis, redis_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Redis there is nothing to break."""
    if not has_redis():
        why = pytest.mark.skip(reason="redis-server is not installed: apt-get install redis-server")
        for item in items:
            if item.path.is_relative_to(__file__.rpartition("/")[0]):
                item.add_marker(why)


@pytest.fixture
def chance(request: pytest.FixtureRequest, tell: Tell) -> random.Random:
    """Where a story draws from, by a seed of its own; another one is given by ``FAULTS_SEED``."""
    seed = int(os.environ.get("FAULTS_SEED", crc32(request.node.name.encode()) % 1000))
    tell(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """One of the test's own, which forgets all when it ends."""
    with redis_server() as server:
        yield server
