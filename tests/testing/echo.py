"""An echo server and a raw client: both ends of a network that fails, each telling what it saw."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from tests.support.wire import WAIT

FAREWELL = b"that was all"


class Echo:
    """Sends back what it reads, and at its end a farewell."""

    def __init__(self) -> None:
        self.farewell = FAREWELL
        self.received = b""
        self.reads = 0
        self.ends: list[str] = []
        """How each connection ended for the server: ``eof`` or ``reset``."""
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self.received += data
                self.reads += 1
                writer.write(data)
                await writer.drain()
            self.ends.append("eof")
            writer.write(self.farewell)
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            self.ends.append("reset")
        finally:
            writer.close()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)


@asynccontextmanager
async def echo_server() -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_server(echo.accept, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    try:
        yield echo
    finally:
        server.close()
        await echo.close()


class Wire:
    """A client's socket; what arrived before a reset is not forgotten over it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self.is_reset = False

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(WAIT):
                await asyncio.get_running_loop().sock_connect(self._socket, ("127.0.0.1", self._port))
        except BaseException:
            self._socket.close()  # nobody leaves a context that was not entered
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(WAIT):
            await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def receive(self, count: int) -> bytes:
        """``count`` bytes, or those before the end if they are fewer."""
        data = b""
        async with asyncio.timeout(WAIT):
            while len(data) < count:
                try:
                    part = await asyncio.get_running_loop().sock_recv(self._socket, count - len(data))
                except ConnectionError:
                    self.is_reset = True
                    break
                if not part:
                    break
                data += part
        return data

    async def ask(self, data: bytes) -> bytes:
        """Send, and receive as many bytes."""
        try:
            await self.send(data)
        except ConnectionError:
            self.is_reset = True
            return b""
        return await self.receive(len(data))

    async def end(self) -> bytes:
        """All that comes until the end; then ``is_reset`` tells of which kind it was."""
        return await self.receive(1 << 30)

    def finish(self) -> None:
        """Nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()


async def until(condition: Callable[[], object]) -> None:
    """Look again each turn of the loop, for what has no event to wait for."""
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
