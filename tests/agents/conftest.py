"""Offices, closed at the end of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.agents.office import PATIENCE, Office
from tests.support.redis_server import RedisServer, has_redis, redis_server

OpenOffice = Callable[..., Awaitable[Office]]


@pytest.fixture
async def open_office(tmp_path: Path) -> AsyncIterator[OpenOffice]:
    """Call it with settings, each as ``KEY=VALUE``."""
    async with AsyncExitStack() as stack:

        async def opened(*settings: str) -> Office:
            return await stack.enter_async_context(Office(tmp_path, *settings))

        yield opened


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    if not has_redis():
        pytest.skip("there is no redis-server here")
    with redis_server() as server:
        yield server


@pytest.fixture
async def pair(redis: RedisServer, tmp_path: Path) -> AsyncIterator[tuple[Office, Office]]:
    """The one that leads all roles, and another one."""
    settings = f"redis={redis.url}"
    async with Office(tmp_path, settings) as leads:
        async with asyncio.timeout(PATIENCE):
            while not all(role.is_reigning for role in leads.center.roles.values()):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        async with Office(tmp_path, settings, node="node2") as stands_by:
            yield leads, stands_by
