"""Work that is done again and again for as long as a node lives, whatever becomes of one round."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bayeux.protocol.errors import Unavailable

log: logging.Logger = logging.getLogger(__name__)


async def rounds(work: Callable[[], Awaitable[None]], every: float, what: str) -> None:
    """Do it for ever, ``every`` so many seconds.

    That the store is away is no news here; what else it raises is logged once for as long as it is the same.

    Args:
        what: could not be done, for operators.
    """
    clock = asyncio.get_running_loop().time
    told = ""
    while True:
        begun = clock()
        try:
            await work()
            told = ""
        except Unavailable as error:
            log.debug("%s: %s", what, error)
        except Exception as error:
            if repr(error) != told:
                told = repr(error)
                log.exception("%s; it is tried again", what, extra={"event": "backplane_failed"})
        await asyncio.sleep(max(0.0, begun + every - clock()))
