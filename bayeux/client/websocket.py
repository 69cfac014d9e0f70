"""The WebSocket transport of the client: one socket, opened by the first message to be sent.

Source: section 14 of the Bayeux reference, RFC 6455; frames by ``bayeux.protocol.frames``.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence

from bayeux.client.errors import TransportFailed, UpgradeRefused
from bayeux.client.event import Message
from bayeux.client.http import READ_SIZE, Answer, Endpoint
from bayeux.client.transport import Receive, decode
from bayeux.protocol import frames, json
from bayeux.protocol.frames import Close, FrameReader, Ping, Violation, client_frame, close_payload

MAX_UNSENT = 64 * 1024
"""Bytes to be sent, above which pings are not answered."""
CLOSE_TIMEOUT = 2.0
"""Seconds the server has to answer our close frame."""


class WebSocket:
    """A ``Transport`` on one socket at a time.

    Args:
        receive: given the messages of each frame.
        lost: told once for each socket that ended without ``close``: replies still to come will not.
        random_bytes: for masks and the key of the upgrade.
        subprotocol: offered to the server, which may select it or none (WS-2).
    """

    name = "websocket"

    def __init__(
        self,
        endpoint: Endpoint,
        receive: Receive,
        lost: Callable[[TransportFailed], None],
        random_bytes: Callable[[int], bytes],
        subprotocol: str | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._receive = receive
        self._lost = lost
        self._random_bytes = random_bytes
        self._subprotocol = subprotocol
        self._opening = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def send(self, messages: Sequence[Message]) -> None:
        """See ``Transport``."""
        payload = json.encode(messages)
        async with self._opening:
            writer = self._writer or await self._open()
        self._write(writer, frames.TEXT, payload)
        try:
            await writer.drain()
        except OSError as error:
            raise TransportFailed(f"the socket broke: {error}") from error

    def abort(self) -> None:
        """See ``Transport``."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()
            self._lost(TransportFailed("the socket was given up"))

    async def close(self) -> None:
        """See ``Transport``."""
        writer, reading = self._writer, self._reading
        self._writer = None  # what ends from here on was not lost
        if writer is None or reading is None:
            return
        self._write(writer, frames.CLOSE, close_payload(frames.NORMAL, "Disconnect"))
        try:
            await asyncio.wait([reading], timeout=CLOSE_TIMEOUT)
        finally:
            writer.transport.abort()  # which ends the reading, too

    async def _open(self) -> asyncio.StreamWriter:
        reader, writer = await self._endpoint.open()
        try:
            rest = await self._upgrade(reader, writer)
        except OSError as error:
            writer.transport.abort()
            raise TransportFailed(f"the connection broke: {error}") from error
        except BaseException:
            writer.transport.abort()
            raise
        self._writer = writer
        self._reading = asyncio.create_task(self._read(reader, writer, rest), name="bayeux client: read socket")
        return writer

    async def _upgrade(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        key = base64.b64encode(self._random_bytes(16)).decode()
        head = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
        }
        if self._subprotocol is not None:
            head["Sec-WebSocket-Protocol"] = self._subprotocol
        writer.write(self._endpoint.head("GET", head))
        answer = Answer(self._endpoint)
        await answer.read(reader)
        if answer.status != 101 or answer.rest is None:
            raise UpgradeRefused(f"no WebSocket here: {answer.refusal}", answer.status)
        if answer.headers.get("sec-websocket-accept") != frames.accept_key(key):
            raise UpgradeRefused("the answer to the WebSocket upgrade is not to ours")
        if answer.headers.get("sec-websocket-protocol") not in (None, self._subprotocol):
            raise UpgradeRefused("the server selected a WebSocket subprotocol that was not offered")
        return answer.rest

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Receive until the socket ends, for whatever reason."""
        socket = FrameReader("client", max_message_size=self._endpoint.max_message_size)
        reason = ""
        try:
            reason = await self._take(socket.feed(data), writer)
            while not reason and (data := await reader.read(READ_SIZE)):
                reason = await self._take(socket.feed(data), writer)
        except TransportFailed as failure:  # not Bayeux
            self._write(writer, frames.CLOSE, close_payload(frames.INVALID_DATA))
            reason = str(failure)
        except OSError as error:
            reason = f"the socket broke: {error}"
        finally:
            writer.close()
            if self._writer is writer:
                self._writer = None
                self._lost(TransportFailed(reason or "the server closed the connection of the socket"))

    async def _take(self, events: Sequence[frames.Event], writer: asyncio.StreamWriter) -> str:
        """Treat what a read brought; why nothing more will come, empty while it goes on."""
        for event in events:
            if isinstance(event, bytes):
                await self._receive(decode(event))
            elif isinstance(event, Ping):
                if writer.transport.get_write_buffer_size() < MAX_UNSENT:  # else who asks does not listen
                    self._write(writer, frames.PONG, event.payload)
            elif isinstance(event, (Close, Violation)):
                self._write(writer, frames.CLOSE, close_payload(event.code))
                if isinstance(event, Violation):
                    return f"the server broke a rule of WebSocket: {event.reason}"
                return f"the server closed the socket: {event.code} {event.reason}".rstrip()
        return ""

    def _write(self, writer: asyncio.StreamWriter, opcode: int, payload: bytes) -> None:
        writer.write(client_frame(opcode, payload, self._random_bytes(4)))
