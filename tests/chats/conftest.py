"""Houses, closed at the end of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.chats.house import House

OpenHouse = Callable[..., Awaitable[House]]


@pytest.fixture
async def open_house(tmp_path: Path) -> AsyncIterator[OpenHouse]:
    """Call it with settings, each as ``KEY=VALUE``, and those of chats by their names."""
    async with AsyncExitStack() as stack:

        async def opened(*settings: str, **chat: Any) -> House:
            return await stack.enter_async_context(House(tmp_path, *settings, **chat))

        yield opened
