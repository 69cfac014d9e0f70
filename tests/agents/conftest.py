"""Offices, closed at the end of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.agents.office import Office

OpenOffice = Callable[..., Awaitable[Office]]


@pytest.fixture
async def open_office(tmp_path: Path) -> AsyncIterator[OpenOffice]:
    """Call it with settings, each as ``KEY=VALUE``."""
    async with AsyncExitStack() as stack:

        async def opened(*settings: str) -> Office:
            return await stack.enter_async_context(Office(tmp_path, *settings))

        yield opened
