"""A loop without timers, for conversations that have to be the same however busy the machine is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def no_timers() -> Iterator[None]:
    """None that is set meanwhile comes due, but what is to be done in the next turn."""
    loop = asyncio.get_running_loop()
    call_later = loop.call_later
    with patch.object(loop, "call_later", lambda seconds, *call, **more: call_later(seconds and 3600, *call, **more)):
        yield
