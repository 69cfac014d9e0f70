"""Somebody else's host: answers as a test says, on a socket of ours; and a network on which it is at any address."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpcore2

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Answers one request."""

PUBLIC = "93.184.215.14"


@dataclass
class Heard:
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class OtherHost:
    """What it was sent, and who is connected."""

    port: int
    requests: list[Heard] = field(default_factory=list)
    connections: int = 0
    open: int = 0


@asynccontextmanager
async def other_host(script: Script | bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[OtherHost]:
    """Bytes are said to each request as they are."""
    live: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        live.add(asyncio.create_task(serve(reader, writer)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host.connections += 1
        host.open += 1
        try:
            while True:
                host.requests.append(await _heard(reader))
                if isinstance(script, bytes):
                    writer.write(script)
                else:
                    await script(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass  # the other side has gone
        finally:
            host.open -= 1
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    host = OtherHost(server.sockets[0].getsockname()[1])
    try:
        yield host
    finally:
        server.close()
        for task in live:
            task.cancel()
        await asyncio.gather(*live, return_exceptions=True)
        await server.wait_closed()


async def _heard(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return Heard(head[0], headers, await reader.readexactly(int(headers.get("content-length", 0))))


def said(status: str, body: bytes = b"", *lines: str) -> bytes:
    """An answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


class Rerouted(httpcore2.AsyncNetworkBackend):
    """A network on which one port of ours stands for every address, but for those that are down."""

    def __init__(self, port: int, *, down: Iterable[str] = ()) -> None:
        self._port = port
        self._down = frozenset(down)
        self._network = httpcore2.AnyIOBackend()
        self.asked: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.asked.append((host, port))
        if host in self._down:
            raise httpcore2.ConnectError
        return await self._network.connect_tcp("127.0.0.1", self._port, timeout)


class Names:
    """A resolver that says for each name what stands next in its list, the last for ever."""

    def __init__(self, **answers: Sequence[str] | Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): _turns(answer) for name, answer in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        turns = self._answers.get(name)
        if turns is None:
            raise OSError("unknown")
        return turns.pop(0) if len(turns) > 1 else turns[0]


def _turns(answer: Sequence[str] | Sequence[Sequence[str]]) -> list[Sequence[str]]:
    if all(isinstance(each, str) for each in answer):
        return [[str(each) for each in answer]]
    return [[str(address) for address in each] for each in answer]
