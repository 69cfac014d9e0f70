"""Where a callback stands, by whoever has to know it at once.

A place that was just given is under way into its queue for a moment, and one that the queue has lost is given anew.

Source: TH-1, TH-9, SV-30, SM-70.
"""

from __future__ import annotations

import asyncio
from typing import Final

from bayeux.protocol.errors import Unavailable
from gateway.callback.threshold import QueueReport
from gateway.callbacks.router import Places

PATIENCE: Final = 1.0
"""Seconds for which a place is looked for that is on its way."""
_SHORTEST: Final = 0.02
_LONGEST: Final = 0.2


async def place_of(places: Places, id: str) -> QueueReport | None:
    """Its place; None: it has none. Raises Unavailable: nobody knows for now."""
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + PATIENCE, _SHORTEST
    while True:
        try:
            return await places.look(id)
        except Unavailable:
            if loop.time() >= until:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST)


async def place_or_new(places: Places, id: str, queue: str, since: float) -> QueueReport | None:
    """Its place, which it is given where it has none; None: its queue has not taken it.

    Raises Unavailable, QueueUnknown.
    """
    report = await place_of(places, id)
    if report is None:
        await places.join(id, queue, since=since)
        report = await place_of(places, id)
    return report
