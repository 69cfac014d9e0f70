"""The client with a Bayeux server that is not ours: Faye 1.4, over both transports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bayeux.client import BayeuxClient, PublishRefused, State, SubscribeRefused
from tests.interop.foreign import lacking

SCRIPT = Path(__file__).parent / "faye_server.mjs"
INSTALLED = Path(__file__).parent.parent / "interop" / "node_modules" / "faye"


@pytest.fixture(autouse=True)
def faye_is_installed() -> None:
    if not INSTALLED.is_dir():
        lacking("Faye is not installed: npm ci in tests/interop")


@asynccontextmanager
async def faye(port: int = 0) -> AsyncIterator[int]:
    """A running server; its port."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("node", str(SCRIPT), str(port), stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


@pytest.mark.spec("CLI-4", "CLI-3")
@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
async def test_it_works_with_a_faye_server_and_its_restart(transport: str) -> None:
    async with AsyncExitStack() as stack:
        async with faye() as port:
            client = BayeuxClient(f"http://127.0.0.1:{port}/bayeux", transports=(transport,))
            await stack.enter_async_context(client)
            assert client.connection_type == transport
            chat = await client.subscribe("/chat/*")
            async with client.batch() as batch:
                batch.publish("/chat/a", {"n": 1})
                batch.publish("/chat/b", {"n": 2})
            assert [(await anext(chat)).data for _ in range(2)] == [{"n": 1}, {"n": 2}]
            with pytest.raises(PublishRefused, match="Invalid channel") as refused:
                await client.publish("/chat/*", 1)
            assert refused.value.code == 405
            with pytest.raises(SubscribeRefused, match="Forbidden channel"):
                await client.subscribe("/meta/x")
        await client.wait_for_state(State.BROKEN)
        async with faye(port):
            await client.wait_for_state(State.CONNECTED)
            await client.publish("/chat/c", {"n": 3})
            assert (await anext(chat)).data == {"n": 3}
            await client.disconnect()
        assert [event async for event in chat] == []
