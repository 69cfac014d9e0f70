"""Work of one session that is done one after the other, also where some of it has to be waited for.

Owns the order. Knows nothing of what is done, nor how much of it may wait: whoever adds to it looks at ``len`` first.

Rules: GEN-1, PUB-16, SN-9.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from bayeux.server.steps import Steps, start

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

log: logging.Logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_NOTHING: deque[Any] = deque(maxlen=0)


class Lane:
    """Does at once what nothing has to be waited for in front of; the rest in its turn."""

    __slots__ = ("_awaited", "_behind", "_server")

    def __init__(self, server: BayeuxServer) -> None:
        self._server = server
        self._awaited: deque[asyncio.Task[Any]] = _NOTHING
        """One; more only where work that was done at once began others, which are waited for, too."""
        self._behind: deque[Steps[Any]] | None = None
        """What waits for them; None while nothing is waited for. Most lanes never need one."""

    def __len__(self) -> int:
        """How much stands behind what is awaited."""
        return len(self._behind or ())

    @property
    def is_open(self) -> bool:
        """What is added is done at once."""
        return self._behind is None

    def go(self, steps: Steps[Result]) -> tuple[Result | None, bool]:
        """Their result and True; None and False where they or others before them have to be waited for."""
        if self._behind is not None:
            self._behind.append(steps)
            return None, False
        return self._begin(steps)

    def _begin(self, steps: Steps[Result]) -> tuple[Result | None, bool]:
        server = self._server
        result, task = start(steps, server.create_task, server.options.hook_timeout)
        if task is None:
            return result, True
        if self._behind is None:
            self._awaited, self._behind = deque(), deque()
            # Not a hook of the message that happens to be handled: what stands behind it is of others.
            server.create_task(self._go_on(), is_of_message=False)
        self._awaited.append(task)
        return None, False

    async def _go_on(self) -> None:
        try:
            while self._awaited or self._behind:
                try:
                    if self._awaited:
                        await self._awaited.popleft()
                    elif self._behind:
                        self._begin(self._behind.popleft())
                except Exception:  # the fault of one must not stop what stands behind it
                    log.exception("work of a session failed")
        finally:
            self._awaited, self._behind = _NOTHING, None
