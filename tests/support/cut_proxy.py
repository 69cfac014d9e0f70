"""A TCP proxy that can lose the network: for tests of what clients do when it comes back.

Carries bytes both ways between a client and one address. ``cut`` breaks every connection and
refuses further ones until ``heal``; ``refuse_upgrades`` answers WebSocket upgrades itself, as an
old HTTP proxy does. Knows no Bayeux.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from types import TracebackType

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST and drops what is unsent
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class CutProxy:
    """Use it as an asynchronous context; clients connect to 127.0.0.1 at ``port``.

    Args:
        target: port on 127.0.0.1 of the server behind.
        latency: seconds by which bytes are late, each way.
        refuse_upgrades: answer 403 to requests for a WebSocket.
    """

    def __init__(self, target: int, *, latency: float = 0.0, refuse_upgrades: bool = False) -> None:
        self.target = target
        self.latency = latency
        self.refuse_upgrades = refuse_upgrades
        self.refused_upgrades = 0
        self.is_cut = False
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where clients connect."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> CutProxy:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()
        self._server.close()

    async def cut(self) -> None:
        """Break all connections with a reset, both sides, and take no others; returns when they are gone."""
        self.is_cut = True
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def heal(self) -> None:
        """The network is back."""
        self.is_cut = False

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._carry_connection(reader, writer)
        except asyncio.CancelledError:
            pass  # cut
        finally:
            self._connections.discard(task)
            reset(writer)

    async def _carry_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            return
        first = await reader.read(65536)
        if self.refuse_upgrades and b"\nupgrade: websocket" in first.lower():
            self.refused_upgrades += 1
            writer.write(REFUSAL)
            await writer.drain()
            writer.close()
            return
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            await asyncio.gather(
                self._carry(reader, behind_writer, first),
                self._carry(behind_reader, writer),
            )
        finally:
            reset(behind_writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = b"") -> None:
        with contextlib.suppress(OSError):  # the other side has gone: reset, or no longer connected
            data = first or await reader.read(65536)
            while data:
                await asyncio.sleep(self.latency)  # the network's own delay, not a wait for something
                writer.write(data)
                await writer.drain()
                data = await reader.read(65536)
            if writer.can_write_eof():
                writer.write_eof()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST unless it is being closed politely."""
    if not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
