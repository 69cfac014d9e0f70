"""PyPI ``aiocometd-ng`` behind the words of ``foreign.ForeignClient``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiocometd_ng.client import Client
from aiocometd_ng.constants import ConnectionType
from aiocometd_ng.exceptions import ServerError, TransportError
from aiocometd_ng.extensions import Extension

from tests.interop.foreign import PATIENCE, Message

MARKS = [
    pytest.mark.filterwarnings("ignore:.*(receive_timeout|ssl=None):DeprecationWarning"),  # how it calls aiohttp
    pytest.mark.expected_logs(r"Transport(Base)?\._(connect|receive)_done"),  # it does not expect its own cancellation
]
"""For tests in which it runs."""

BETWEEN_TRIES = 0.1  # seconds; the library raises at once while it has no connection


class Replies(Extension):
    """Keeps the last reply on each channel: the library gives most of them to nobody."""

    def __init__(self) -> None:
        self.last: dict[str, Message] = {}
        self.connects: asyncio.Queue[Message] = asyncio.Queue()

    async def outgoing(self, payload: list[Message], headers: dict[str, str]) -> None:
        """Nothing of ours goes out."""

    async def incoming(self, payload: list[Message], headers: Any = None) -> None:
        for message in payload:
            if "successful" in message:
                self.last[message["channel"]] = message
                if message["channel"] == "/meta/connect":
                    self.connects.put_nowait(message)


class AiocometdClient:
    """Reads its messages in order; waits for the library to have a connection again before it asks anything."""

    def __init__(self) -> None:
        self.replies = Replies()
        self._client: Any = None

    async def open(self, url: str, *, transports: Sequence[str] | None = None) -> None:
        types = [ConnectionType(name) for name in transports or ("websocket", "long-polling")]
        # Its own time-out calls asyncio in a way that Python 3.10 dropped.
        self._client = Client(url, types, connection_timeout=0, extensions=[self.replies])
        async with asyncio.timeout(PATIENCE):
            await self._client.open()

    async def subscribe(self, channel: str) -> Message:
        return await self._asked("/meta/subscribe", self._client.subscribe, channel)

    async def unsubscribe(self, channel: str) -> Message:
        return await self._asked("/meta/unsubscribe", self._client.unsubscribe, channel)

    async def listen(self, channel: str) -> None:
        """Nothing to do: it gives the application every event."""

    async def publish(self, channel: str, data: Any) -> Message:
        return await self._asked(channel, self._client.publish, channel, data)

    async def message(self) -> Message:
        async with asyncio.timeout(PATIENCE):
            message: Message = await self._client.receive()
            return message

    async def connected(self) -> str:
        async with asyncio.timeout(PATIENCE):
            while not (await self.replies.connects.get())["successful"]:
                pass
        transport: str = self._client.connection_type.value
        return transport

    async def disconnect(self) -> Message:
        return await self._asked("/meta/disconnect", self._client.close)

    async def close(self) -> None:
        """Leave nothing open, also where opening failed half-way."""
        if self._client is not None:
            async with asyncio.timeout(PATIENCE):
                await self._client.close()
                await self._client._close_http_session()

    async def _asked(self, channel: str, request: Any, *arguments: Any) -> Message:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await request(*arguments)
                    return self.replies.last[channel]
                except ServerError as error:
                    return dict(error.response or {})
                except TransportError:
                    await asyncio.sleep(BETWEEN_TRIES)


@asynccontextmanager
async def aiocometd() -> AsyncIterator[AiocometdClient]:
    """A client that is closed afterwards."""
    client = AiocometdClient()
    try:
        yield client
    finally:
        await client.close()
