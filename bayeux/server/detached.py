"""Hooks that nobody waits for: each call that has to wait does so in a task of its own.

Source: SVC-10.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from bayeux.server.listeners import tell
from bayeux.server.steps import Steps

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

MAX_RUNNING = 100
"""Calls of one hook at a time; the message of one more waits until another is done."""


class Detached:
    """A hook whose answer counts for nothing, so that the message it is given goes on at once."""

    __slots__ = ("_hook", "_is_over", "_running", "_server")

    def __init__(self, server: BayeuxServer, hook: Callable[..., Any]) -> None:
        self._server = server
        self._hook = hook
        self._running: set[asyncio.Task[Any]] = set()
        self._is_over = False

    def __call__(self, /, *arguments: Any, **values: Any) -> Steps[None]:
        """Call the hook; go on as soon as it waits for something."""
        while len(self._running) >= MAX_RUNNING:
            yield asyncio.wait(self._running.copy(), return_when=asyncio.FIRST_COMPLETED)
        if self._is_over:
            return  # it was broken off while this call waited for its turn
        task = self._server.go(tell([partial(self._hook, **values)], *arguments))
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def cancel(self) -> None:
        """Break off all calls, but not the one that asks for it; there will be no more."""
        self._is_over = True
        for task in self._others():
            task.cancel()

    async def stop(self) -> None:
        """Break them off, and see their end."""
        self.cancel()
        await asyncio.gather(*self._others(), return_exceptions=True)

    def _others(self) -> set[asyncio.Task[Any]]:
        return self._running - {asyncio.current_task()} if self._running else set()
