"""Fixtures for pytest: a server, clients in memory and real ones, a clock moved by hand, networks that fail.

Every pytest loads this where the package is installed, so whatever a fixture needs is imported when it is used.
The fixtures with a server need pytest-asyncio, in either mode, with tests and fixtures on the same loop.

Rule: OPS-93.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

try:
    import pytest_asyncio
except ImportError:
    pytest_asyncio = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import socket

    from bayeux.protocol.options import Options
    from bayeux.server.security import SecurityPolicy
    from bayeux.server.server import BayeuxServer
    from bayeux.testing.conversation import Conversation
    from bayeux.testing.loopback import Clients, Proxies
    from bayeux.transports.listener import Listener
    from bayeux.transports.mount import Mount


def _async_fixture(function: Callable[..., Any]) -> Any:
    """A fixture that is a coroutine; without pytest-asyncio, one that fails with what to do."""
    if pytest_asyncio is not None:
        return pytest_asyncio.fixture(function)

    def needs_asyncio() -> None:
        pytest.fail(
            f"the fixture {function.__name__} needs pytest-asyncio: pip install 'bayeux-gateway[testing]'",
            pytrace=False,
        )

    needs_asyncio.__doc__ = function.__doc__
    return pytest.fixture(name=function.__name__)(needs_asyncio)


# A server whose time stands still, and clients in memory ----------------------------------------------


@pytest.fixture
def bayeux_clock() -> Callable[[], float]:
    """The clock of ``bayeux_server``, moved by ``pass_time``; override it with ``time.monotonic`` to let time run."""
    from bayeux.testing.clock import ManualClock

    return ManualClock()


@pytest.fixture
def bayeux_options() -> Options:
    """The options of ``bayeux_server``; override it for others."""
    from bayeux.protocol.options import Options

    return Options()


@pytest.fixture
def bayeux_policy() -> SecurityPolicy | None:
    """The policy of ``bayeux_server``; override it for one that is stricter than the default."""
    return None


@_async_fixture
async def bayeux_server(
    bayeux_clock: Callable[[], float], bayeux_options: Options, bayeux_policy: SecurityPolicy | None
) -> AsyncIterator[BayeuxServer]:
    """A started server; its time stands still with a ``ManualClock``, and runs with any other."""
    from bayeux.server.server import BayeuxServer
    from bayeux.testing.clock import ManualClock
    from bayeux.testing.still import standing_still

    server = BayeuxServer(bayeux_options, policy=bayeux_policy, clock=bayeux_clock)
    async with standing_still(server) if isinstance(bayeux_clock, ManualClock) else server:
        yield server


@pytest.fixture
def bayeux_peer(bayeux_server: BayeuxServer) -> Callable[..., Conversation]:
    """Begins a ``Conversation`` of another client with ``bayeux_server``: ``bayeux_peer("websocket", user="ann")``."""
    from bayeux.testing.conversation import Conversation

    return partial(Conversation, bayeux_server)


# The same server on a real port -----------------------------------------------------------------------


@pytest.fixture
def bayeux_mount(bayeux_server: BayeuxServer) -> Mount:
    """Where ``bayeux_server`` is served; override it for another path or an ``identify``."""
    from bayeux.transports.mount import Mount

    return Mount(bayeux_server, "/cometd")


@pytest.fixture
def _bayeux_socket() -> Iterator[socket.socket]:
    from socket import create_server

    with create_server(("127.0.0.1", 0)) as listening:
        yield listening


@_async_fixture
async def bayeux_listener(bayeux_mount: Mount, _bayeux_socket: socket.socket) -> AsyncIterator[Listener]:
    """A listener on a free port of 127.0.0.1 that serves ``bayeux_mount``."""
    from bayeux.transports.listener import Listener

    listener = Listener([bayeux_mount])
    listener.add_socket(_bayeux_socket)
    yield listener
    await listener.close()


@pytest.fixture
def bayeux_url(bayeux_listener: Listener, bayeux_mount: Mount, _bayeux_socket: socket.socket) -> str:
    """Where clients find ``bayeux_server``, such as ``http://127.0.0.1:49152/cometd``."""
    return f"http://127.0.0.1:{_bayeux_socket.getsockname()[1]}{bayeux_mount.path}"


@_async_fixture
async def fault_proxy(bayeux_listener: Listener, _bayeux_socket: socket.socket) -> AsyncIterator[Proxies]:
    """``await fault_proxy()`` starts a ``FaultProxy`` before ``bayeux_listener``, or any ``target`` port."""
    from bayeux.testing.loopback import Proxies

    proxies = Proxies(_bayeux_socket.getsockname()[1])
    yield proxies
    await proxies.close()


@_async_fixture
async def bayeux_client(bayeux_url: str, fault_proxy: Proxies) -> AsyncIterator[Clients]:
    """``await bayeux_client(through=proxy, …)`` opens a ``BayeuxClient``; it is disconnected after the test."""
    from bayeux.testing.loopback import Clients

    clients = Clients(bayeux_url)
    yield clients
    fault_proxy.heal()  # or nobody would hear the clients' farewells
    await clients.close()
