"""The API on a free port of this machine, in front of a service that only remembers."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import argon2
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from bayeux import BayeuxServer, Options
from bayeux.transports.mount import Mount
from gateway.api.resource import Surroundings
from gateway.api.routes import api_routes
from gateway.api.signing_in import Reception
from gateway.auth.agents import Agents
from gateway.auth.http_sessions import CSRF_HEADER
from gateway.config.model import Auth
from gateway.http.handler import NotFound
from gateway.http.pages import Pages
from tests.gateway.api.desk import Desk

LIGHT = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
JSON = {"Content-Type": "application/json"}


def basic(user: str, password: str = "secret") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


class Api:
    """Asks the API as a program that shows its password with each request."""

    def __init__(self, port: int, desk: Desk, agents: Agents) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.desk = desk
        self.agents = agents

    async def fetch(self, path: str, **more: Any) -> HTTPResponse:
        return await AsyncHTTPClient().fetch(f"{self.origin}/api/v2{path}", raise_error=False, **more)

    async def get(self, path: str, user: str = "Agent1") -> Any:
        return json.loads((await self.fetch(path, headers=basic(user))).body)

    async def post(self, path: str, body: Any, user: str = "Agent1") -> tuple[int, Any]:
        """The HTTP status and what was answered."""
        headers = {**JSON, **basic(user)}
        answer = await self.fetch(path, method="POST", headers=headers, body=json.dumps(body))
        return answer.code, json.loads(answer.body)

    async def sign_in(self, user: str = "Agent1") -> tuple[dict[str, str], str]:
        """As a browser: the cookie, and the token that changes need with it."""
        answer = await self.fetch("/me", headers=basic(user))
        return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}, answer.headers["X-CSRF-TOKEN"]

    async def change(self, headers: Mapping[str, str]) -> HTTPResponse:
        """A change that is always possible."""
        body = json.dumps({"operationName": "Ready"})
        return await self.fetch("/me", method="POST", headers={**JSON, **headers}, body=body)


@pytest.fixture
def options() -> dict[str, Any]:
    """Options of the server; parametrize it where a test needs others."""
    return {}


@pytest.fixture
def demands_csrf_token() -> bool:
    """Whether changes by cookie need a token; parametrize it, too."""
    return True


@pytest.fixture
async def api(options: dict[str, Any], demands_csrf_token: bool) -> AsyncIterator[Api]:
    roles = {"Agent1": ["agent"], "Agent2": ["agent"], "Boss": ["agent", "admin"], "Robot": ["service"]}
    hashed = LIGHT.hash("secret")
    users = [{"name": name, "password_hash": hashed, "roles": each} for name, each in roles.items()]
    agents = Agents(Auth.model_validate({"users": users}))
    desk = Desk()
    mount = Mount(BayeuxServer(Options(**options)), "/api/v2/notifications")
    around = Surroundings(
        service=desk,
        reception=Reception(agents, demands_csrf_token=demands_csrf_token),
        pages=Pages(mount, allows=(CSRF_HEADER,), exposes=("X-CSRF-HEADER", CSRF_HEADER)),
        max_json_depth=mount.options("long-polling").max_json_depth,
    )
    server = HTTPServer(
        Application(api_routes(around), default_handler_class=NotFound), max_body_size=1024 * 1024, body_timeout=5
    )
    socket, port = bind_unused_port()
    server.add_socket(socket)
    yield Api(port, desk, agents)
    server.stop()
    await server.close_all_connections()
    agents.close()
    AsyncHTTPClient().close()
