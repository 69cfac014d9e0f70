"""Calls of other hosts: each origin has its own few connections, opened by a guarded dialler and used again.

Follows no redirection, keeps no cookie, believes no proxy of the environment, unpacks nothing.

Source: SEC-70…72, SEC-L25, NT-13.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Final, Literal

import httpcore2

from gateway.outgoing.dialling import Dialler, Resolve, SystemResolver
from gateway.outgoing.failures import NoAnswer, TargetRefused
from gateway.outgoing.guard import Guard
from gateway.outgoing.origin import Answer, Bounds, Origin
from gateway.outgoing.url import Url

MOST_ORIGINS: Final = 256
"""That are remembered; who was not called for longest goes first."""
CONNECTIONS: Final = 8
"""To one origin at once."""
IDLE: Final = 60.0
"""Seconds until a connection that nobody uses is closed, at the next call of its origin."""

_FIELD = re.compile(r"[\t -~]*")

Speech = Literal["http/1.1", "h2"]
"""``h2`` asks for HTTP/2, and takes what the other side offers."""


class Outgoing:
    """Posts to other hosts; ``close`` it at the end.

    Args:
        guard: which places may be called.
        resolve: the addresses of a name; by default as this machine knows them.
        network: what connects to an address; by default TCP.
        tls: whom to trust; by default whom this machine trusts.
        now: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        speech: Speech = "http/1.1",
        bounds: Bounds | None = None,
        resolve: Resolve | None = None,
        network: httpcore2.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = guard
        self._speech = speech
        self._bounds = bounds or Bounds()
        self._names = None if resolve is not None else SystemResolver()
        self._dialler = Dialler(guard, resolve or self._names or SystemResolver(), network or httpcore2.AnyIOBackend())
        self._tls = tls or ssl.create_default_context()
        self._now = now
        self._origins: dict[str, Origin] = {}
        """The one that was called last is at the end."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body, and give whatever is answered.

        Raises:
            TargetRefused: we do not call that place, or cannot send these headers.
            NoAnswer: it may be tried again.
        """
        place = Url.parse(url)
        self._guard.check_name(place)
        if not all(_FIELD.fullmatch(value) for value in headers.values()):
            raise TargetRefused("a header of more than one line")  # SEC-72
        # Whoever calls an origin for the first time at once with others finds what the first of them has made.
        origin = self._origins.pop(place.origin, None) or Origin(place.origin, self._open_pool, self._bounds, self._now)
        self._origins[place.origin] = origin
        forgotten = self._forget()
        try:
            return await origin.post(place, body, headers)
        finally:
            for each in forgotten:
                await each.close()

    async def close(self) -> None:
        """End all connections."""
        origins = list(self._origins.values())
        self._origins.clear()
        await asyncio.gather(*(each.close() for each in origins))
        if self._names is not None:
            self._names.close()

    def _forget(self) -> list[Origin]:
        """Make room for the one that came last. Raises NoAnswer where all others are being called."""
        if len(self._origins) <= MOST_ORIGINS:
            return []
        *others, latest = self._origins
        idle = next((name for name in others if self._origins[name].is_idle), None)
        if idle is None:
            del self._origins[latest]
            raise NoAnswer("too many hosts at once")
        return [self._origins.pop(idle)]

    def _open_pool(self) -> httpcore2.AsyncConnectionPool:
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=CONNECTIONS,
            keepalive_expiry=IDLE,
            http2=self._speech == "h2",
            network_backend=self._dialler,
        )
