"""Real clients and failing networks in front of a listener on 127.0.0.1.

Owns what a test opened there, and closes it after the test. Servers and listeners are others'.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

from bayeux.client import BayeuxClient
from bayeux.testing.fault_proxy import FaultProxy


class Proxies:
    """Call it for a ``FaultProxy`` that is started, and stopped by ``close``.

    Args:
        target: port of the server behind a proxy whose arguments name none.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._opened: list[FaultProxy] = []
        self._stack = AsyncExitStack()

    async def __call__(self, target: int | None = None, **arguments: Any) -> FaultProxy:
        """Start another one; ``arguments`` are those of ``FaultProxy``."""
        proxy = FaultProxy(self._target if target is None else target, **arguments)
        self._opened.append(await self._stack.enter_async_context(proxy))
        return proxy

    def heal(self) -> None:
        """Heal them all."""
        for proxy in self._opened:
            proxy.heal()

    async def close(self) -> None:
        """Stop them all."""
        await self._stack.aclose()


class Clients:
    """Call it for a ``BayeuxClient`` that is connected, and disconnected by ``close``.

    Args:
        url: where a client connects whose arguments say nothing else.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: list[BayeuxClient] = []

    async def __call__(
        self, url: str | None = None, *, through: FaultProxy | None = None, **arguments: Any
    ) -> BayeuxClient:
        """Open another one; ``arguments`` are those of ``BayeuxClient``.

        Args:
            through: a proxy in front of the server; the path stays the same.

        Raises TransportFailed, HandshakeRefused.
        """
        url = url or self._url
        client = BayeuxClient(url if through is None else through.url(urlsplit(url).path), **arguments)
        await client.open()
        self._opened.append(client)
        return client

    async def close(self) -> None:
        """Disconnect them all; those that did so themselves are left alone."""
        await asyncio.gather(*(client.disconnect() for client in self._opened))
