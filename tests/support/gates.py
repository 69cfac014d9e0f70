"""Hooks that a test keeps waiting, to do something in between."""

from __future__ import annotations

import asyncio
from typing import Any

from bayeux.server.extension import Extension
from bayeux.testing import turn


async def turns(count: int = 10) -> None:
    """Let the loop go on for a while: through a chain of hooks that do not really wait."""
    for _ in range(count):
        await turn()


class Gate:
    """A coroutine hook that waits until it is opened."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()

    async def __call__(self, *_: Any) -> None:
        await self._opened.wait()

    async def open(self) -> None:
        """Let everybody through, and what follows from it happen."""
        self._opened.set()
        await turns(3)


class Withholds(Extension):
    """Keeps the replies of a meta channel until its gate is opened."""

    def __init__(self, channel: str = "/meta/connect") -> None:
        self.gate = Gate()
        self._channel = channel

    def outgoing_meta(self, session: Any, reply: Any) -> Any:
        return self.gate() if reply["channel"] == self._channel else None


class Delays(Extension):
    """Keeps events, all or those with such data, until its gate is opened."""

    def __init__(self, *data: Any) -> None:
        self.gate = Gate()
        self._data = data

    def outgoing(self, sender: Any, session: Any, event: Any) -> Any:
        return self.gate() if not self._data or event["data"] in self._data else None
