"""Servers whose time stands still until a test moves it.

Owns the passing of time: every deadline on the way comes due in its order, and what it set going in the loop
is done before time goes on. Timers of real sockets are not the server's and keep to the loop's clock.

Rules: CN-3, SES-5 and whatever else has a time can be shown without waiting for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bayeux.protocol.options import Options
from bayeux.server.deadlines import Deadlines
from bayeux.server.security import SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.testing.clock import ManualClock

STEP = 0.25  # seconds by which time passes


@asynccontextmanager
async def still_server(
    clock: ManualClock, options: Options | None = None, policy: SecurityPolicy | None = None
) -> AsyncIterator[BayeuxServer]:
    """A started server without a network, at whose end everything is stopped; ``pass_time`` moves its time."""
    async with standing_still(BayeuxServer(options, policy=policy, clock=clock)) as server:
        yield server


@asynccontextmanager
async def standing_still(server: BayeuxServer) -> AsyncIterator[BayeuxServer]:
    """The same for a server of the application's own making, which has a ``ManualClock`` for its clock."""
    await server.start()
    server.deadlines = Deadlines(server.clock)
    try:
        yield server
    finally:
        await server.stop(timeout=0.2)


async def turn() -> None:
    """Let the loop do what it was asked to do soon: events leave their queues, clients read them."""
    for _ in range(3):
        await asyncio.sleep(0)


async def pass_time(server: BayeuxServer, clock: ManualClock, seconds: float) -> None:
    """Let ``seconds`` go by on a server that stands still, with all that comes due meanwhile.

    A deadline is met at most a quarter of a second late, as long as nobody looks: at the end nothing is due.
    """
    end, period = clock.now + seconds, max(STEP, server.options.sweep_period)
    while clock.now < end:
        before, clock.now = clock.now, min(end, clock.now + STEP)
        server.deadlines.run(clock.now)
        if clock.now // period > before // period:
            server.sweep()
        await turn()
    server.deadlines.run(clock.now + server.deadlines.tick)
    await turn()
