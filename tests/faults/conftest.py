"""What the stories share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.redis_server import RedisServer, has_redis, redis_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Redis there is nothing to break."""
    if not has_redis():
        why = pytest.mark.skip(reason="redis-server is not installed: apt-get install redis-server")
        for item in items:
            if item.path.is_relative_to(__file__.rpartition("/")[0]):
                item.add_marker(why)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """One of the test's own, which forgets all when it ends."""
    with redis_server() as server:
        yield server
