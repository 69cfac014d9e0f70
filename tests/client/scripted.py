"""A Bayeux server that says what a test wants it to say, on a real socket.

It answers everything with success, gives each handshake a new session ``S1``, ``S2`` …, and
holds a connect until the test releases it. A test replaces the answer to one channel by
``answers[channel]``, and reads what came in ``heads``, ``bodies`` and ``messages``.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import orjson

from bayeux.protocol.frames import (
    CLOSE,
    Binary,
    Event,
    FrameReader,
    Ping,
    Pong,
    accept_key,
    close_payload,
    server_frame,
    text_frame,
)
from tests.support.ports import free_port

Message = dict[str, Any]
Answer = Callable[[Message], Any]
"""The messages that answer one, or a future of them; None for no answer at all."""

TYPES = ["websocket", "long-polling"]
ADVICE = {"reconnect": "retry", "interval": 0, "timeout": 20_000}


def reply(request: Message, **fields: Any) -> Message:
    """A successful reply, but for what ``fields`` say."""
    return {"id": request.get("id"), "channel": request["channel"], "successful": True, **fields}


class ScriptedServer:
    """See the module; ``async with`` it."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.http_status = 200
        self.upgrade_status = 101
        self.set_cookie = ""
        self.subprotocol = ""
        """Selected whatever the client offers."""
        self.heads: list[str] = []
        self.bodies: list[list[Message]] = []
        self.sessions = 0
        self.frames: asyncio.Queue[Event] = asyncio.Queue()
        """What came on a WebSocket besides messages."""
        self.held: asyncio.Queue[list[Message]] = asyncio.Queue()
        self._arrived = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def messages(self) -> list[Message]:
        """What came in all bodies and frames, oldest first."""
        return [message for body in self.bodies for message in body]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bayeux"

    async def __aenter__(self) -> ScriptedServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", port or free_port())
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As if the machine had gone: no more connections, the open ones reset."""
        if self._server is not None:
            self._server.close()
            self.cut()  # first: since Python 3.12 a server is closed once its connections are
            await self._server.wait_closed()

    def cut(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def write(self, data: bytes) -> None:
        """Write bytes of the test's own to all connections."""
        for writer in self._writers:
            writer.write(data)

    def push(self, *messages: Message) -> None:
        """Release the held connect, or the next one, with these messages before its reply."""
        self.held.put_nowait(list(messages))

    def seen(self, channel: str) -> list[Message]:
        """What came on a channel, oldest first."""
        return [message for message in self.messages if message["channel"] == channel]

    async def wait_for(self, channel: str, count: int = 1) -> Message:
        """Wait until ``count`` messages have come on a channel; the last of them."""
        async with asyncio.timeout(60):
            while len(self.seen(channel)) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.seen(channel)[count - 1]

    # -- answers ---------------------------------------------------------------------------

    async def _answer(self, messages: list[Message]) -> list[Message] | None:
        """All replies of a body or frame; None if one of them is never answered."""
        self.bodies.append(messages)
        self._arrived.set()
        replies: list[Message] = []
        for message in messages:
            answer = self.answers.get(message["channel"], self._usual)(message)
            if inspect.isawaitable(answer):
                answer = await answer
            if answer is None:
                return None
            replies += answer
        return replies

    def _usual(self, message: Message) -> Any:
        channel = message["channel"]
        if channel == "/meta/handshake":
            self.sessions += 1
            session = f"S{self.sessions}"
            return [reply(message, clientId=session, version="1.0", supportedConnectionTypes=TYPES, advice=ADVICE)]
        if channel == "/meta/connect" and "advice" not in message:
            return self._hold(message)
        if channel in ("/meta/subscribe", "/meta/unsubscribe"):
            return [reply(message, subscription=message["subscription"])]
        return [reply(message)]

    async def _hold(self, connect: Message) -> list[Message]:
        events = await self.held.get()
        return [*events, reply(connect)]

    # -- the wire --------------------------------------------------------------------------

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of ours: those of start_server log their cancellation as an error.
        self._tasks.append(asyncio.create_task(self._converse(reader, writer)))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            headers = {
                name.lower(): value for name, value in (line.split(": ", 1) for line in head.split("\r\n")[1:-2])
            }
            if "upgrade" in headers:
                if self.upgrade_status != 101:
                    writer.write(self._response(self.upgrade_status, b""))
                    return
                accept = accept_key(headers["sec-websocket-key"])
                selected = f"Sec-WebSocket-Protocol: {self.subprotocol}\r\n" if self.subprotocol else ""
                writer.write(
                    f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Accept: {accept}\r\n{selected}{self._cookie()}\r\n".encode()
                )
                await self._serve_socket(reader, writer)
                return
            body = await reader.readexactly(int(headers["content-length"]))
            answer = await self._answer(orjson.loads(body))
            if answer is None:
                await reader.read()
                return
            writer.write(self._response(self.http_status, orjson.dumps(answer)))

    def _response(self, status: int, body: bytes) -> bytes:
        return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{self._cookie()}\r\n".encode() + body

    def _cookie(self) -> str:
        return f"Set-Cookie: {self.set_cookie}\r\n" if self.set_cookie else ""

    async def _serve_socket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader("server", max_message_size=0)
        while data := await reader.read(65536):
            for event in frames.feed(data):
                if isinstance(event, bytes):
                    self._tasks.append(asyncio.create_task(self._answer_frame(event, writer)))
                    continue
                self.frames.put_nowait(event)
                if not isinstance(event, (Binary, Ping, Pong)):
                    writer.write(server_frame(CLOSE, close_payload(event.code)))
                    return

    async def _answer_frame(self, frame: bytes, writer: asyncio.StreamWriter) -> None:
        answer = await self._answer(orjson.loads(frame))
        if answer is not None:
            writer.write(text_frame(orjson.dumps(answer)))
