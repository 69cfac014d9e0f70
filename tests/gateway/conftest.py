"""A gateway on free ports of this machine, in the test's own event loop; and a shell to type commands in."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from bayeux.client.client import BayeuxClient
from gateway.__main__ import main
from gateway.app import Gateway
from gateway.config import Sources, load
from gateway.lifecycle import make_run, name_of
from gateway.run import Run
from gateway.sockets import address_of, bound
from tests.gateway.process import Process, Start

TOKEN = "the token of the internal listener"


@dataclass
class Served:
    """A running gateway, and how to talk to it."""

    gateway: Gateway
    run: Run

    @property
    def origin(self) -> str:
        return f"http://{self.run.public}"

    async def get(self, path: str, *, internal: bool = False, **more: Any) -> HTTPResponse:
        origin = f"http://{self.run.internal}" if internal else self.origin
        return await AsyncHTTPClient().fetch(f"{origin}{path}", raise_error=False, **more)

    async def publish_to(self, user: Any, channel: Any, data: Any = None, token: str = TOKEN) -> HTTPResponse:
        return await self.get(
            "/internal/publish",
            internal=True,
            method="POST",
            headers={"Authorization": f"Bearer {token}"},
            body=json.dumps({"user": user, "channel": channel, "data": data}),
        )

    def client(self, path: str = "/cometd", user: str | None = None, **more: Any) -> BayeuxClient:
        auth = (user, user) if user else None
        return BayeuxClient(self.origin + path, auth=auth, **more)


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a gateway, under ``--dev`` unless told otherwise; its settings are ``KEY=VALUE``."""
    runs: list[tuple[Gateway, Run]] = []

    async def start(
        settings: Iterable[str] = (), *, dev: bool = True, environment: Mapping[str, str] | None = None
    ) -> Served:
        profile = {"profile": "development"} if dev else {}
        loaded = load(
            Sources(
                settings=["listen.public=127.0.0.1:0", "listen.internal=127.0.0.1:0", *settings],
                environment=environment or {},
                flags=profile,
            )
        )
        with bound(loaded.config.listen.public, "") as public, bound(loaded.config.listen.internal, "") as internal:
            name = name_of(loaded.config, address_of(internal))
            gateway = Gateway(loaded.config, name=name, url=f"http://{address_of(internal)}")
            run = make_run(gateway, public.dup(), internal.dup(), TOKEN)
        await run.start()
        runs.append((gateway, run))
        return Served(gateway, run)

    yield start
    for gateway, run in runs:
        await run.stop()
        gateway.agents.close()
    AsyncHTTPClient().close()


class Shell:
    """Types a command and keeps what it printed."""

    def __init__(self, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        self._patch = patch
        self.out = self.err = ""

    def __call__(self, *arguments: str, typed: str = "") -> int:
        stdin = io.TextIOWrapper(io.BytesIO(typed.encode()))
        self._patch.setattr(sys, "stdin", stdin)
        code = main(arguments)
        self.out, self.err = self._capture.readouterr()
        return code


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    """A shell with an empty home, without a terminal."""
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    return Shell(capsys, monkeypatch)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command in an empty directory; killed at the end if it still runs."""
    processes: list[Process] = []

    def run(*arguments: str) -> Process:
        processes.append(Process(tmp_path, *arguments))
        return processes[-1]

    yield run
    for process in processes:
        process.close()
