"""Thousands of cheap clients in a process of their own: each has a session, a subscription and a connect.

No client library: a connection is one asyncio protocol of a few fields, so that a measurement is
one of the server. Members come back as advised: a connect that is answered is sent again, a ping is
answered.

The process takes a line of JSON at a time and answers each with one: ``{"open": n}``
when n more members stand, ``{"received": n}`` when n have got the event, ``{"count": true}`` at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from urllib.parse import urlsplit

PATIENCE = 60.0
OPENING_AT_ONCE = 100
_SOURCES = 16  # addresses 127.0.0.x to come from: each has 28,000 ports of its own
_PING, _CLOSE = 0x9, 0x8
_NO_MASK = b"\0\0\0\0"  # a frame of a client must be masked, not secret


class Member(asyncio.Protocol):
    """One client; what is different over a socket and over polls is below."""

    name: ClassVar[str]

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.client_id = ""
        self.has_received = False
        self.is_standing = False
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.begin()

    def connection_lost(self, error: Exception | None) -> None:
        self.crowd.lost(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.read()

    def begin(self) -> None:
        self.send({"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": [self.name]})

    def send(self, *messages: dict[str, Any]) -> None:
        if self.client_id:
            messages = tuple({**message, "clientId": self.client_id} for message in messages)
        self.write(json.dumps(messages).encode())

    def take(self, messages: Sequence[dict[str, Any]]) -> None:
        """Go on with the conversation."""
        connect = {"channel": "/meta/connect", "connectionType": self.name}
        for message in messages:
            channel = message["channel"]
            if channel == self.crowd.channel:
                self.crowd.received(self)
                continue
            if message["successful"] is not True:
                raise AssertionError(f"refused: {message}")
            if channel == "/meta/handshake":
                self.client_id = message["clientId"]
                self.send({"channel": "/meta/subscribe", "subscription": self.crowd.channel}, connect)
            elif channel == "/meta/connect":
                self.send(connect)  # the first is answered at once, this one is held
                self.crowd.stands(self)

    def read(self) -> None:
        """Take what is whole of the buffer."""
        raise NotImplementedError

    def write(self, body: bytes) -> None:
        """Send an array of messages."""
        raise NotImplementedError


class SocketMember(Member):
    """Over a WebSocket."""

    name = "websocket"

    def __init__(self, crowd: Crowd) -> None:
        super().__init__(crowd)
        self.is_open = False

    def begin(self) -> None:
        self.transport.write(
            f"GET {self.crowd.path} HTTP/1.1\r\nHost: {self.crowd.authority}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )

    def write(self, body: bytes) -> None:
        self._write_frame(0x1, body)

    def read(self) -> None:
        if not self.is_open:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                raise AssertionError(f"not upgraded: {head!r}")
            self.is_open, self.buffer = True, rest
            super().begin()
        while (size := self._frame_size()) and len(self.buffer) >= size:
            frame, self.buffer = self.buffer[:size], self.buffer[size:]
            opcode, payload = frame[0] & 0x0F, frame[2 if frame[1] < 126 else 4 :]
            if opcode == _PING:
                self._write_frame(0xA, payload)
            elif opcode != _CLOSE:
                self.take(json.loads(payload))

    def _frame_size(self) -> int:
        """Of the frame at the front, with its header; 0 while that is incomplete."""
        if len(self.buffer) < 2:
            return 0
        if self.buffer[1] < 126:
            return 2 + self.buffer[1]
        assert self.buffer[1] == 126, "nobody sends a member so much"
        return 4 + int.from_bytes(self.buffer[2:4], "big") if len(self.buffer) >= 4 else 0

    def _write_frame(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self.transport.write(bytes([0x80 | opcode]) + length + _NO_MASK + payload)


class PollMember(Member):
    """Over one keep-alive connection of HTTP."""

    name = "long-polling"

    def __init__(self, crowd: Crowd) -> None:
        super().__init__(crowd)
        self.cookie = ""

    def write(self, body: bytes) -> None:
        self.transport.write(
            f"POST {self.crowd.path} HTTP/1.1\r\nHost: {self.crowd.authority}\r\nContent-Type: application/json\r\n"
            f"{self.cookie}Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def read(self) -> None:
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        status, *lines = head.decode("latin-1").split("\r\n")
        if status != "HTTP/1.1 200 OK":
            raise AssertionError(f"refused: {status}")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers["content-length"])
        if len(rest) < size:
            return
        if "set-cookie" in headers:
            self.cookie = f"Cookie: {headers['set-cookie'].partition(';')[0]}\r\n"
        self.buffer = rest[size:]
        self.take(json.loads(rest[:size]))


class Crowd:
    """All members of one kind."""

    def __init__(self, url: str, kind: type[Member], channel: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.authority, self.path = parts.netloc, parts.path
        self.channel = channel
        self.standing = 0
        self.reached = 0
        self.reached_at = 0.0
        self.lost_members = 0
        self._kind = kind
        self._begun = 0
        self._changed = asyncio.Event()

    def stands(self, member: Member) -> None:
        if not member.is_standing:
            member.is_standing = True
            self.standing += 1
            self._changed.set()

    def received(self, member: Member) -> None:
        if member.has_received:
            raise AssertionError("the event came twice")
        member.has_received = True
        self.reached += 1
        self.reached_at = time.monotonic()
        self._changed.set()

    def lost(self, member: Member) -> None:
        self.lost_members += 1
        self.standing -= member.is_standing
        self._changed.set()

    async def open(self, count: int) -> None:
        """Have so many more of them; returns when all stand."""
        loop = asyncio.get_running_loop()
        goal = self._begun + count
        while self._begun < goal or self.standing < goal - self.lost_members:
            if self._begun < goal and self._begun - self.standing - self.lost_members < OPENING_AT_ONCE:
                source = (f"127.0.0.{2 + self._begun % _SOURCES}", 0)
                self._begun += 1
                await loop.create_connection(lambda: self._kind(self), self.host, self.port, local_addr=source)
            else:
                await self._change()

    async def receive(self, count: int) -> None:
        """Return when so many have got the event."""
        while self.reached < count:
            await self._change()

    def figures(self) -> dict[str, float]:
        return {
            "standing": self.standing,
            "lost": self.lost_members,
            "reached": self.reached,
            "reached_at": self.reached_at,
        }

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


async def _obey(crowd: Crowd) -> None:
    loop = asyncio.get_running_loop()
    # A member that finds something wrong ends the process, and with it the test.
    failed: asyncio.Future[None] = loop.create_future()

    def fail(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not failed.done():
            failed.set_exception(context.get("exception") or AssertionError(context["message"]))

    loop.set_exception_handler(fail)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        match json.loads(line):
            case {"open": count}:
                work = asyncio.ensure_future(crowd.open(count))
            case {"received": count}:
                work = asyncio.ensure_future(crowd.receive(count))
            case _:
                work = asyncio.ensure_future(asyncio.sleep(0))
        done, _ = await asyncio.wait((work, failed), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        for each in done:
            each.result()
        sys.stdout.write(json.dumps(crowd.figures()) + "\n")
        sys.stdout.flush()


class CrowdProcess:
    """A crowd as the test sees it; every request gives the crowd's figures."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def open(self, count: int) -> dict[str, float]:
        """Have so many more members; returns when they stand, or will not in time."""
        return await self._ask({"open": count})

    async def received(self, count: int) -> dict[str, float]:
        """Wait until so many members got the event, or will not in time."""
        return await self._ask({"received": count})

    async def count(self) -> dict[str, float]:
        """The figures of this moment."""
        return await self._ask({"count": True})

    async def _ask(self, request: dict[str, Any]) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(PATIENCE + 10):
            answer = await self._process.stdout.readline()
        assert answer, "the crowd has ended: its standard error tells why"
        figures: dict[str, float] = json.loads(answer)
        return figures


@asynccontextmanager
async def crowd_process(url: str, kind: type[Member], channel: str) -> AsyncIterator[CrowdProcess]:
    """Start an empty crowd for an ``http:`` URL; its members leave at the end without a good-bye."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        url,
        kind.name,
        channel,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield CrowdProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        assert process.stdin is not None
        process.stdin.close()


if __name__ == "__main__":
    _url, _name, _channel = sys.argv[1:]
    _kinds: dict[str, type[Member]] = {each.name: each for each in (SocketMember, PollMember)}
    asyncio.run(_obey(Crowd(_url, _kinds[_name], _channel)))
