"""The customers' API on a free port of this machine, over a store of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import argon2
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from bayeux import BayeuxServer, Options
from bayeux.transports.mount import Mount
from gateway.access.pool import Pool
from gateway.config.model import Config
from gateway.customers.side import CustomerSide
from gateway.http.handler import NotFound, log_access
from gateway.services.patterns import Group
from gateway.store.sqlite import SqliteStore

LIGHT = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ALICE = {"gms_user": "alice"}
BOB = {"gms_user": "bob"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@dataclass
class Configured:
    """What a test configures."""

    services: dict[str, dict[str, str]] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    patterns: dict[str, Group] = field(default_factory=dict)


class Api:
    """Asks as an app does."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.origin = f"http://127.0.0.1:{port}"

    async def fetch(self, path: str, method: str = "GET", **more: Any) -> HTTPResponse:
        more.setdefault("allow_nonstandard_methods", True)
        more.setdefault("decompress_response", False)
        return await AsyncHTTPClient().fetch(self.origin + path, method=method, raise_error=False, **more)

    async def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
        """The HTTP status and what was answered, which is JSON."""
        answer = await self.fetch(f"/genesys/1{path}", method, **more)
        return answer.code, json.loads(answer.body)

    async def send_raw(self, request: bytes) -> tuple[int, Any]:
        """The HTTP status and the JSON that these bytes are answered with."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            (length,) = re.findall(r"(?im)^content-length: (\d+)", head)
            return int(head.split(" ", 2)[1]), json.loads(await reader.readexactly(int(length)))
        finally:
            writer.close()
            await writer.wait_closed()

    async def store(self, values: dict[str, Any], ttl: int = 60) -> str:
        """The id of a storage with these values."""
        status, answer = await self.ask(f"/storage/{ttl}", "POST", headers=JSON, body=json.dumps(values))
        assert status == 200, answer
        return str(answer["id"])

    async def refused(self, path: str, method: str = "GET", **more: Any) -> tuple[int, str]:
        """Status and the name of the exception, without what all of them have in common."""
        status, answer = await self.ask(path, method, **more)
        assert answer["status"] == status
        assert answer["phrase"]
        assert answer["message"]
        return status, answer["exception"].removeprefix("com.genesyslab.gsg.")


class Clock:
    """Seconds that pass when they are told to."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """That of gateway and store."""
    return Clock()


@pytest.fixture
async def sqlite_store(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    """An empty store, open."""
    store = SqliteStore(tmp_path / "store.db", clock)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of the section ``server``; parametrize it where a test needs others."""
    return {}


@pytest.fixture
def options() -> dict[str, Any]:
    """Of the mount; parametrize it, too."""
    return {}


@pytest.fixture
def configured() -> dict[str, dict[str, str]]:
    """The services, by name; a test may change them while they are served."""
    return {}


@pytest.fixture
def pools() -> dict[str, Pool]:
    """Their resource groups, by name; as ``configured``."""
    return {}


@pytest.fixture
def patterns() -> dict[str, Group]:
    """The pattern groups, by name."""
    return {}


@pytest.fixture
async def side(
    settings: dict[str, Any],
    options: dict[str, Any],
    configured: dict[str, dict[str, str]],
    pools: dict[str, Pool],
    patterns: dict[str, Group],
    sqlite_store: SqliteStore,
    clock: Clock,
) -> AsyncIterator[CustomerSide]:
    config = Config.model_validate({"server": {"enabled": True, **settings}})
    server = BayeuxServer(Options(**options))
    mount = Mount(server, "/genesys/cometd")
    side = CustomerSide(config, server, mount, sqlite_store, Configured(configured, pools, patterns), clock=clock)
    await side.start()
    yield side
    await side.stop()


@pytest.fixture
async def api(side: CustomerSide) -> AsyncIterator[Api]:
    server = HTTPServer(
        Application(side.routes, default_handler_class=NotFound, log_function=log_access("public")), body_timeout=5
    )
    socket, port = bind_unused_port()
    server.add_socket(socket)
    yield Api(port)
    server.stop()
    await server.close_all_connections()
    AsyncHTTPClient().close()
