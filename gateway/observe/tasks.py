"""What the running tasks wait for, for an operator who wonders why nothing happens.

Source: OPS-60.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from types import CodeType, FrameType
from typing import Any

_STEPS = 4
MOST = 50  # kinds of tasks: a dump is to be read


def waiting_tasks() -> list[str]:
    """The tasks of the running loop: how many wait at the same place, and the last steps of the way to it.

    Names and lines of code alone, no values.
    """
    ways = Counter(" > ".join(_way(task.get_coro())[-_STEPS:]) for task in asyncio.all_tasks())
    return [f"{count} × {way}" for way, count in ways.most_common(MOST)]


def _way(coroutine: Any) -> list[str]:
    """From a coroutine to what it awaits in the end."""
    way = []
    while coroutine is not None:
        code: CodeType | None = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
        frame: FrameType | None = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if code is None:
            break
        line = frame.f_lineno if frame is not None else code.co_firstlineno
        way.append(f"{code.co_qualname} ({os.path.basename(code.co_filename)}:{line})")
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return way
