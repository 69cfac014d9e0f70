"""Calling a function of the application, which may be a coroutine function.

Owns the one trap in that: what such a function waits for may be cancelled by somebody else, and this must not
end the task of ours that called it.

Source: CLI-1.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


async def call_hook(hook: Callable[..., Any], *arguments: Any) -> Any:
    """What ``hook`` returns, waited for if it must be.

    Raises what it raises; RuntimeError where something it waited for was cancelled, and not whoever waits here.
    """
    try:
        result = hook(*arguments)
        return await result if inspect.isawaitable(result) else result
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling() > 0:
            raise
        raise RuntimeError("something that it waited for was cancelled") from error
