"""WebSocket echo on our frame code and nothing else: what a conformance suite can be set on.

A server, and the client that Autobahn's fuzzing server expects. Both answer pings, give every
message back, close as the reader says, and read nothing afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import os
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bayeux.protocol import deflate, frames
from bayeux.protocol.deflate import Deflate
from bayeux.protocol.frames import Binary, Close, FrameReader, Ping, Violation
from bayeux.protocol.options import Options
from bayeux.transports.adopted.websocket import mask as websocket_mask

COMPRESSED = 0x40
"""The bit of a compressed message's first frame."""

WAIT = 10.0
"""Seconds a peer may take to close."""

Send = Callable[[int, bytes], None]
"""Opcode and payload, to be framed and written."""


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame with a key of its own."""
    return frames.client_frame(opcode, payload, os.urandom(4))


def framed(opcode: int, payload: bytes, agreed: Deflate | None) -> bytes:
    """A server's frame; messages are compressed where that was agreed on.

    All of them, also those that grow: ``kosoku`` trips over a message that comes as it is after it has agreed.
    """
    if agreed is None or opcode not in (frames.TEXT, frames.BINARY):
        return frames.server_frame(opcode, payload)
    whole = frames.server_frame(opcode, agreed.compress(payload) or stored(payload))
    return bytes((whole[0] | COMPRESSED,)) + whole[1:]


def stored(payload: bytes) -> bytes:
    """What does not get shorter, as deflate has it."""
    stream = zlib.compressobj(0, zlib.DEFLATED, -zlib.MAX_WBITS)
    return (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(deflate.TAIL)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, role: FrameReader, send: Send) -> bytes:
    """Give back what comes until the peer or a violation ends it; the last text message."""
    last = b""
    try:
        while data := await reader.read(65536):
            for event in role.feed(data):
                if isinstance(event, bytes):
                    last = event
                    send(frames.TEXT, event)
                elif isinstance(event, Binary):
                    send(frames.BINARY, event.payload)
                elif isinstance(event, Ping):
                    send(frames.PONG, event.payload)
                elif isinstance(event, (Close, Violation)):
                    reason = event.reason if isinstance(event, Violation) else ""
                    send(frames.CLOSE, frames.close_payload(event.code, reason))
                    return last
            await writer.drain()
    except ConnectionError:
        pass  # some cases hang up
    return last


@asynccontextmanager
async def echo_server(*, accepts_deflate: bool = False) -> AsyncIterator[str]:
    """An echo server with the limits of ours, that for fragments apart when it accepts deflate; gives its URL."""
    options = Options()
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            head = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            agreed = deflate.agree(head.get("sec-websocket-extensions", ""), 0) if accepts_deflate else None
            extension = f"Sec-WebSocket-Extensions: {agreed.answer}\r\n" if agreed else ""
            writer.write(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {frames.accept_key(head['sec-websocket-key'])}\r\n{extension}\r\n".encode()
            )
            role = FrameReader(
                "server",
                max_message_size=options.ws_max_message_size,
                max_fragments=0 if accepts_deflate else options.ws_max_fragments,
                mask=websocket_mask,
                inflates=agreed is not None,
            )
            await echo(reader, writer, role, lambda opcode, data: writer.write(framed(opcode, data, agreed)))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # hung up before the request was complete
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def echo_client(host: str, port: int, target: str) -> bytes:
    """Open a WebSocket, echo until the server ends it; the last text message it sent."""
    async with asyncio.timeout(WAIT):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            writer.write(
                f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
            )
            await reader.readuntil(b"\r\n\r\n")
            role = FrameReader("client", max_message_size=0)
            last = await echo(reader, writer, role, lambda opcode, data: writer.write(masked(opcode, data)))
            try:
                await reader.read()  # a client leaves closing the connection to its server
            except ConnectionError:
                pass
            return last
        finally:
            writer.close()
