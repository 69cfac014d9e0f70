"""Keeping one connection open for ever: to connect, to serve it until it is lost, to pause, and again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from bayeux.backplane.redis.connecting import Server, Wire
from bayeux.backplane.redis.timing import Timing
from bayeux.backplane.redis.unavailable import StoreUnavailable


class Keeper:
    """Run it as a task; cancelling ends it.

    Args:
        connect: opens the connection, to wherever the server is by then; raises StoreUnavailable.
        serve: uses it until it is lost, closes it and says why.
        missed: told why there is no connection, at each attempt.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[tuple[Wire, Server]]],
        serve: Callable[[Wire, Server], Awaitable[str]],
        missed: Callable[[str], None],
        timing: Timing,
        chance: random.Random,
    ) -> None:
        self._connect, self._serve, self._missed = connect, serve, missed
        self._timing = timing
        self._chance = chance

    async def run(self) -> None:
        """Never returns."""
        loop = asyncio.get_running_loop()
        pause, away_since = 0.0, loop.time()
        while True:
            try:
                wire, server = await self._connect()
            except StoreUnavailable as error:
                why = error.why
            else:
                begun = loop.time()
                why = await self._serve(wire, server)
                if loop.time() - begun > self._timing.reply:  # one that is taken and lost at once is no success
                    pause, away_since = 0.0, loop.time()
            self._missed(why)
            pause = self._timing.pause(pause, loop.time() - away_since, self._chance)
            await asyncio.sleep(pause)
