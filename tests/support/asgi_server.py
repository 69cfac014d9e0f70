"""uvicorn in the loop of a test, on a socket of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


class AsgiServer(uvicorn.Server):
    """Serves one ASGI application; leaves signals, logging and the loop to whoever runs it.

    Args:
        listening: accepts already.
        settings: of ``uvicorn.Config``.
    """

    def __init__(self, app: Any, listening: socket.socket, **settings: Any) -> None:
        usual = {"lifespan": "on", "log_config": None, "access_log": False, "server_header": False}
        super().__init__(uvicorn.Config(app, **{**usual, "timeout_graceful_shutdown": 5, **settings}))
        self._listening = listening
        self._ready = asyncio.Event()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    async def __aenter__(self) -> AsgiServer:
        self._serving = asyncio.create_task(self.serve([self._listening]))
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait((self._serving, ready), return_when=asyncio.FIRST_COMPLETED)
        if not self._ready.is_set():
            ready.cancel()
            await self._serving
            raise RuntimeError("uvicorn did not start")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.should_exit = True
        await self._serving

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
