"""Stores for tests: of what works on one, and of what each promises.

Import the fixture where it is needed: ``from tests.support.stores import sqlite_store``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest

from gateway.store.redis import RedisStore
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Store
from tests.support.nodes_on_redis import TIMING
from tests.support.nodes_on_redis import Store as Servers


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """An empty store, open; its file goes with the test."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    yield store
    await store.close()


class Ways(Protocol):
    """To one store, as several nodes have them."""

    async def open(self) -> Store:
        """One more, which is closed at the end."""

    async def close(self) -> None:
        """All of them."""


class WaysToFile:
    """To a file; processes that share one see it like this."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = AsyncExitStack()

    async def open(self) -> SqliteStore:
        store = SqliteStore(self._path)
        await store.open()
        self._stack.push_async_callback(store.close)
        return store

    async def close(self) -> None:
        await self._stack.aclose()


class WaysToRedis:
    """To servers that others use, too."""

    def __init__(self, servers: Servers) -> None:
        self._url = servers.url
        self._prefix = servers.fresh_prefix()
        self._stack = AsyncExitStack()
        self._count = 0

    async def open(self) -> RedisStore:
        self._count += 1
        store = RedisStore(self._url, node=f"node{self._count}", prefix=self._prefix, timing=TIMING)
        await store.open()
        self._stack.push_async_callback(store.close)
        return store

    async def close(self) -> None:
        await self._stack.aclose()
