"""Bayeux servers that others wrote, each a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.interop.foreign import PATIENCE, lacking, node
from tests.support.ports import free_port

HERE = Path(__file__).parent
MODULES = HERE.parent / "interop" / "node_modules"


@asynccontextmanager
async def foreign_server(package: str, script: str, port: int = 0) -> AsyncIterator[int]:
    """A running server of an npm package; its port. It is gone at the end of the block, as if it had crashed."""
    if not (MODULES / package).is_dir():
        lacking(f"{package} is not installed: npm ci in tests/interop")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        node(), str(HERE / script), str(port or free_port()), stdin=pipe, stdout=pipe
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()
