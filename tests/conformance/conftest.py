"""Where the cases find a server, and the clients that talk to it."""

from __future__ import annotations

import asyncio
import itertools
import os
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.conformance.asgi_door import reason_to_leave_out
from tests.conformance.conversation import Amends, Browser, Client, LongPolling, Socket
from tests.conformance.own_server import DOORS, OwnServer
from tests.conformance.peers.expectations import Expectations
from tests.conformance.peers.peer import PEERS, Peer
from tests.conformance.peers.server import PeerServer
from tests.conformance.profiles import PROFILES, Profile
from tests.conformance.scripts import CallbackPolling
from tests.support import wire
from tests.support.wire import Endpoint

TRANSPORTS = ("long-polling", "websocket")
PEER_PATIENCE = 3.0
"""Seconds to wait for a peer: they are quick, and many cases wait for what it never sends."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption(
        "--bayeux-url",
        action="append",
        metavar="[PROFILE=]URL",
        help="run the conformance cases against this server instead of ours; default profile: default",
    )
    group.addoption(
        "--bayeux-peer",
        action="append",
        choices=PEERS,
        help="start this server of another project and hold it to the table of its differences",
    )
    group.addoption("--bayeux-door", action="append", choices=DOORS, help="of our server, only this door")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "profile(name): the set-up a conformance case needs; see profiles.py")
    if names := peers(config):
        config.pluginmanager.register(Expectations({name: Peer.load(name) for name in names}))
        wire.WAIT = PEER_PATIENCE
        # A case that fails, as many are to, leaves its connections open, and another one would be blamed for it.
        config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")
        config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


def peers(config: pytest.Config) -> list[str]:
    """The servers of other projects that are to be started."""
    return config.getoption("--bayeux-peer", default=None) or []


def external_urls(config: pytest.Config) -> dict[str, str]:
    given = config.getoption("--bayeux-url", default=None) or os.environ.get("CONFORMANCE_URL", "").split()
    urls = {}
    for each in given:
        name, is_named, url = each.partition("=")
        if is_named and name in PROFILES:
            urls[name] = url
        else:
            urls["default"] = each
    return urls


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        doors = metafunc.config.getoption("--bayeux-door", default=None) or DOORS
        foreign = ["external"] if external_urls(metafunc.config) else peers(metafunc.config)
        targets = foreign or list(doors)
        metafunc.parametrize("target", targets, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            reason = reason_to_leave_out(item.name) if item.callspec.params.get("target") == "asgi" else None
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


class Target:
    """The server under test: one URL a profile."""

    def __init__(self, name: str, urls: dict[str, str], peer: Peer | None = None) -> None:
        self.name = name
        self.urls = urls
        self.peer = peer
        self.amended: set[str] = set()
        """Rules by which something a peer said was put right."""

    @property
    def is_ours(self) -> bool:
        """False for a server named on the command line."""
        return self.name in DOORS

    @property
    def is_tls(self) -> bool:
        return Endpoint.of(next(iter(self.urls.values()))).tls

    def url(self, profile: str) -> str:
        """The URL of a profile; skips the test if this server does not offer it."""
        if profile not in self.urls:
            pytest.skip(f"{self.name} offers no profile {profile}" if self.peer else f"no URL given for {profile}")
        return self.urls[profile]

    def amends(self) -> Amends:
        """What a client puts right in the words of this server."""
        return self.peer.amends(self.amended) if self.peer else Amends()


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """A server, ours through each door in turn, or the one named on the command line."""
    if request.param == "external":
        yield Target("external", external_urls(request.config))
        return
    if request.param in PEERS:
        peer = Peer.load(request.param)
        with PeerServer(peer) as server:
            yield Target(peer.name, server.urls, peer)
        return
    with OwnServer(request.param) as server:
        yield Target(request.param, server.urls)


@pytest.fixture
def profile_name(request: pytest.FixtureRequest) -> str:
    mark = request.node.get_closest_marker("profile")
    return mark.args[0] if mark else "default"


@pytest.fixture
def profile(profile_name: str) -> Profile:
    """The set-up of the server under test."""
    return PROFILES[profile_name]


@pytest.fixture
def url(target: Target, profile_name: str) -> str:
    """The Bayeux endpoint of that server."""
    return target.url(profile_name)


class Guests:
    """Makes clients of one server, each a browser of its own unless told, and sees them out."""

    def __init__(self, url: str, target: Target) -> None:
        self.url = url
        self.target = target
        self._clients: list[Client] = []
        self._secrets: set[str] = set()

    def long_polling(self, browser: Browser | None = None) -> LongPolling:
        client = LongPolling(self.url, browser)
        self._welcome(client)
        return client

    def callback_polling(self, browser: Browser | None = None) -> CallbackPolling:
        client = CallbackPolling(self.url, browser)
        self._welcome(client)
        return client

    async def websocket(
        self,
        browser: Browser | None = None,
        headers: dict[str, str] | None = None,
        *,
        receive_buffer: int | None = None,
    ) -> Socket:
        if self.target.peer and "websocket" not in self.target.peer.transports:
            pytest.skip(f"{self.target.name} has no websocket")
        client = Socket(self.url, browser)
        self._welcome(client)
        return await client.open((headers or {}).items(), receive_buffer=receive_buffer)

    def _welcome(self, client: Client) -> None:
        client.secrets = self._secrets
        client.amends = self.target.amends()
        self._clients.append(client)

    async def by(self, transport: str) -> Client:
        """A client over the transport of that name."""
        return self.long_polling() if transport == "long-polling" else await self.websocket()

    async def leave(self) -> None:
        await asyncio.gather(*(client.close() for client in self._clients))


@pytest.fixture
async def guests(url: str, target: Target) -> AsyncIterator[Guests]:
    """Makes clients; for cases that need others than ``newcomer``, ``alice`` and ``bob``."""
    party = Guests(url, target)
    yield party
    await party.leave()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    name: str = request.param
    return name


@pytest.fixture
async def newcomer(guests: Guests, transport: str) -> Client:
    """A client without a session, over each transport in turn."""
    return await guests.by(transport)


@pytest.fixture
async def alice(guests: Guests, transport: str) -> Client:
    """A client with a session that has done its first connect, over each transport in turn."""
    return await (await guests.by(transport)).ready()


@pytest.fixture
async def bob(guests: Guests, transport: str) -> Client:
    """Another one."""
    return await (await guests.by(transport)).ready()


@pytest.fixture
async def carol(guests: Guests) -> Client:
    """One for cases about a single transport, where hers does not matter."""
    return await guests.long_polling().ready()


_numbers = itertools.count(1)


@pytest.fixture
def channel() -> str:
    """The name of a channel nobody else uses."""
    return f"/conformance/{uuid.uuid4().hex[:8]}-{next(_numbers)}"
