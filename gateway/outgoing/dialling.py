"""Opens connections: a name is resolved once, all its addresses are checked, and one of just these is connected.

Between the check and the connection nothing is asked again, so a name that changes its mind reaches nobody else. TLS
and ``Host`` still say the name, which is up to who uses the connection.

Source: SEC-70.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Final

import httpcore2

from gateway.outgoing.failures import NoAnswer
from gateway.outgoing.guard import Guard

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a name, the best first. Raises OSError."""

_MOST_TRIED: Final = 4
"""Addresses of one name."""
_LOOKUPS: Final = 8
"""At once: the system's resolver holds a thread for each, for as long as a name server likes."""


class SystemResolver:
    """What this machine knows about names; ``close`` it at the end."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="outgoing-names")

    async def __call__(self, name: str) -> Sequence[str]:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, name)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Ask no more; a lookup that hangs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Dialler(httpcore2.AsyncNetworkBackend):
    """The network as a pool of connections sees it.

    Args:
        network: what connects to an address.
    """

    def __init__(self, guard: Guard, resolve: Resolve, network: httpcore2.AsyncNetworkBackend) -> None:
        self._guard = guard
        self._resolve = resolve
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to one of a host's addresses, all of which are allowed.

        Raises TargetRefused, NoAnswer, and what the network raises.
        """
        addresses = await self._addresses(host)
        self._guard.check_addresses(addresses)
        *others, last = addresses[:_MOST_TRIED]
        patience = None if timeout is None else timeout / (len(others) + 1)
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, patience, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue  # of several addresses the next one may be there
        return await self._network.connect_tcp(last, port, patience, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """As the network does it."""
        await self._network.sleep(seconds)

    async def _addresses(self, host: str) -> Sequence[str]:
        """Raises NoAnswer."""
        if _is_address(host):
            return [host]
        try:
            addresses = await self._resolve(host)
        except (OSError, UnicodeError):
            raise NoAnswer("the name is unknown") from None
        if not addresses:
            raise NoAnswer("the name has no address")
        return addresses


def _look_up(name: str) -> list[str]:
    return [str(sockaddr[0]) for *_, sockaddr in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
