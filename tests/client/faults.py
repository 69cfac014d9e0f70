"""A response that gets lost: what acknowledged messages and replay are for."""

from __future__ import annotations

from collections.abc import Awaitable

from bayeux.testing import FaultProxy, Way
from tests.transports.doors import until


async def lose_a_response(proxy: FaultProxy, causing: Awaitable[object]) -> None:
    """Have what the server sends because of ``causing`` vanish on the way, and then the connections with it."""
    before = proxy.tally.swallowed_bytes
    proxy.swallow(Way.TO_CLIENT)
    await causing
    await until(lambda: proxy.tally.swallowed_bytes > before)
    proxy.heal()
