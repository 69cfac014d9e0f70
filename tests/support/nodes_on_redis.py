"""Nodes on a real Redis, each behind a proxy of its own that can cut it off: for the contract suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

import pytest

from bayeux.backplane.redis.backplane import RedisBackplane
from bayeux.backplane.redis.link import Timing
from bayeux.backplane.redis.membership import Lease
from bayeux.testing.fault_proxy import FaultProxy
from tests.support.nodes import JOURNAL, Ears
from tests.support.redis_server import (
    HOST,
    RedisServer,
    redis_cluster,
    redis_sentinels,
    redis_server,
    secure_redis,
)

TIMING = Timing(connect=2.5, reply=2.5, patience=3.0, most_pause=0.3)  # for a busy machine
_PREFIXES = count()


@dataclass(frozen=True)
class Store:
    """Servers that tests share, each with a prefix of its own.

    Args:
        url: of them.
        port: of the one that can be reached through a proxy; 0 where servers name each other's addresses.
        forget: lose all data.
        prefix: the only one that the account may use; else each test has one of its own.
    """

    url: str
    port: int
    forget: Callable[[], object]
    prefix: str = ""

    def fresh_prefix(self) -> str:
        """One under which nothing is stored yet."""
        if self.prefix:
            self.forget()
        return self.prefix or f"bayeux-{next(_PREFIXES)}"


@contextmanager
def single() -> Iterator[Store]:
    """One server, no password."""
    with redis_server() as server:
        yield Store(server.url, server.port, lambda: server.ask("FLUSHALL"))


@contextmanager
def secure() -> Iterator[Store]:
    """With TLS, and an account of few rights."""
    with secure_redis() as secure:
        yield Store(secure.url, secure.server.port, lambda: secure.server.ask("FLUSHALL"), "bayeux")


@contextmanager
def sentinels() -> Iterator[Store]:
    """A master and its replica, found by Sentinels."""
    with redis_sentinels() as servers:
        yield Store(servers.url, 0, lambda: servers.master.ask("FLUSHALL"))


@contextmanager
def cluster() -> Iterator[Store]:
    """Three masters."""
    with redis_cluster() as servers:
        yield Store(servers.url, 0, lambda: _flush(servers.masters))


def _flush(servers: tuple[RedisServer, ...]) -> None:
    for server in servers:
        server.ask("FLUSHALL")


class RedisMember:
    """A node, with the proxy between it and Redis if there can be one."""

    def __init__(self, backplane: RedisBackplane, proxy: FaultProxy | None) -> None:
        self.backplane = backplane
        self.ears = Ears()
        self.proxy = proxy

    async def cut(self) -> None:
        if self.proxy is None:
            pytest.skip("these servers name each other's addresses: no proxy can stand in between")
        await self.proxy.cut()

    async def heal(self) -> None:
        assert self.proxy is not None
        self.proxy.heal()

    async def kill(self) -> None:
        await self.backplane._link.stop()


class NodesOnRedis:
    """Nodes on servers that others use, too."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._prefix = store.fresh_prefix()
        self._stack = AsyncExitStack()

    async def node(self, name: str = "", *, is_reachable: bool = True) -> RedisMember:
        url, proxy = self._store.url, None
        if self._store.port:
            proxy = await self._stack.enter_async_context(FaultProxy(self._store.port))
            url = url.replace(f"{HOST}:{self._store.port}", f"{HOST}:{proxy.port}")
        backplane = RedisBackplane(
            url,
            name=name,
            prefix=self._prefix,
            partitions=8,
            journal=JOURNAL,
            lease=Lease(lasts=2.0, renewed=0.15),
            look=0.5,
            timing=TIMING,
        )
        member = RedisMember(backplane, proxy)
        if not is_reachable:
            await member.cut()
        self._stack.push_async_callback(backplane.stop)
        await backplane.start(member.ears)
        return member

    async def lose_everything(self) -> None:
        self._store.forget()

    async def close(self) -> None:
        await self._stack.aclose()
