"""The management of one node on a free port of this machine, over a store of its own."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import argon2
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from bayeux import BayeuxServer
from bayeux.transports.mount import Mount
from gateway.config.model import Config
from gateway.http.handler import NotFound, log_access
from gateway.management.side import Administration
from gateway.store.sqlite import SqliteStore
from tests.services.conftest import Clock
from tests.support.stores import sqlite_store

__all__ = ["sqlite_store"]

LIGHT = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASHED = {name: LIGHT.hash(f"{name}'s") for name in ("ada", "sam", "uma")}
JSON = {"Content-Type": "application/json"}

SETTINGS: dict[str, Any] = {
    "server": {"enabled": True},
    "management": {
        "enabled": True,
        "administrators": [
            {"name": "ada", "password_hash": HASHED["ada"]},
            {"name": "sam", "password_hash": HASHED["sam"], "role": "Supervisor"},
            {"name": "uma"},
        ],
    },
    "auth": {"users": [{"name": "uma", "password_hash": HASHED["uma"]}]},
    "services": {
        "chat-delay": {
            "_type": "ors",
            "_service": "callback",
            "_service_type": "callback",
            "_profile": "Chat-Delayed",
            "_target": "sales@StatServer.GA",
        },
        "iPhoneService": {"_type": "built-in", "_name": "request-interaction", "_ttl": "7200"},
    },
    "resources": {"DNIS": {"Key1": "1-800-1234", "match-interaction": ""}},
    "patterns": {"Callback_exceptions": {"exception1": "555.*", "ex2": "123.*", "ex3": "a", "ddd": "12345"}},
}


def basic(user: str, password: str | None = None) -> dict[str, str]:
    """By default everybody's password is ``name's``."""
    shown = f"{user}:{password if password is not None else f'{user}' + chr(39) + 's'}"
    return {"Authorization": f"Basic {base64.b64encode(shown.encode()).decode()}"}


class Admin:
    """Asks as an administrator's program does."""

    def __init__(self, port: int, side: Administration) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.side = side

    async def fetch(self, path: str, method: str = "GET", **more: Any) -> HTTPResponse:
        more.setdefault("allow_nonstandard_methods", True)
        return await AsyncHTTPClient().fetch(f"{self.origin}/genesys/1{path}", method=method, raise_error=False, **more)

    async def ask(
        self, path: str, method: str = "GET", body: Any = None, *, user: str = "ada", **headers: str
    ) -> tuple[int, Any]:
        """The HTTP status and the JSON that was answered; header names with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {} if body is None else {"body": json.dumps(body)}
        answer = await self.fetch(f"/admin{path}", method, headers={**JSON, **basic(user), **sent}, **given)
        return answer.code, json.loads(answer.body) if answer.body else None

    async def tag(self, path: str) -> str:
        return (await self.fetch(f"/admin{path}", headers=basic("ada"))).headers["ETag"]

    async def wrongs(self, path: str, method: str, body: Any) -> list[str]:
        """The paths of all errors of a 422."""
        status, answer = await self.ask(path, method, body)
        assert status == 422, answer
        assert all(each["message"] for each in answer["errors"])
        return [each["path"] for each in answer["errors"]]

    async def options(self, name: str) -> dict[str, str]:
        status, answer = await self.ask(f"/services/{name}")
        assert status == 200
        options: dict[str, str] = answer["options"]
        return options


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings() -> dict[str, Any]:
    """The configuration; parametrize it where a test needs another."""
    return SETTINGS


@pytest.fixture
async def admin(settings: dict[str, Any], sqlite_store: SqliteStore, clock: Clock) -> AsyncIterator[Admin]:
    mount = Mount(BayeuxServer(), "/genesys/cometd")
    side = Administration(Config.model_validate(settings), mount, sqlite_store, clock=clock)
    await side.start()
    server = HTTPServer(
        Application(side.routes, default_handler_class=NotFound, log_function=log_access("public")), body_timeout=5
    )
    socket, port = bind_unused_port()
    server.add_socket(socket)
    yield Admin(port, side)
    server.stop()
    await server.close_all_connections()
    AsyncHTTPClient().close()
    await side.stop()
