"""A server of HTTP/2 over TLS in the place of Apple's: it notes what it was asked, and answers as a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError


@dataclass
class Asked:
    """A request."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Said:
    """An answer; with ``is_never`` there is none."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    is_never: bool = False


Answering = Callable[[Asked], Said]


@dataclass
class Http2Server:
    """Change ``answering`` whenever another answer is wanted."""

    answering: Answering
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    names: list[str | None] = field(default_factory=list)
    """That clients said they want to reach, one a connection."""


@asynccontextmanager
async def http2_server(answering: Answering, tls: ssl.SSLContext) -> AsyncIterator[Http2Server]:
    """On a free port of 127.0.0.1; ``tls`` offers ``h2``."""
    server = Http2Server(answering)
    tls.sni_callback = lambda _, name, __: server.names.append(name)
    live: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        live.add(asyncio.create_task(_Conversation(server, reader, writer).hold()))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in live:
            task.cancel()
        await asyncio.gather(*live, return_exceptions=True)
        await listening.wait_closed()


class _Conversation:
    """One connection."""

    def __init__(self, server: Http2Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._streams: dict[int, Asked] = {}

    async def hold(self) -> None:
        self._h2.initiate_connection()
        try:
            self._writer.write(self._h2.data_to_send())
            while data := await self._reader.read(65536):
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._writer.write(self._h2.data_to_send())
                await self._writer.drain()
        except (OSError, ProtocolError):
            pass  # the other side has gone
        finally:
            self._writer.close()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._streams[event.stream_id] = Asked({str(name): str(value) for name, value in event.headers})
            case DataReceived():
                self._streams[event.stream_id].body += event.data
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                asked = self._streams.pop(event.stream_id)
                self._server.asked.append(asked)
                self._say(event.stream_id, self._server.answering(asked))
            case ConnectionTerminated():
                self._writer.close()

    def _say(self, stream: int, said: Said) -> None:
        if said.is_never:
            return
        self._h2.send_headers(stream, [(":status", str(said.status)), *said.headers], end_stream=not said.body)
        if said.body:
            self._h2.send_data(stream, said.body, end_stream=True)
