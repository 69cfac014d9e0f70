"""Raw clients of the wire: HTTP/1.1 and WebSocket over a socket, with nothing hidden or repaired.

They know nothing of Bayeux and nothing of our code, write exactly what a test gives them, and
bound every wait by ``WAIT``.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import gzip
import hashlib
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

WAIT = 30.0
"""Seconds after which anything awaited here counts as not coming."""

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
CONTINUATION = 0x0
_ACCEPT_SALT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class ConnectionGone(Exception):
    """The peer closed the connection where an answer was due."""


class UpgradeRefused(Exception):
    """The answer to a WebSocket upgrade was not 101; ``reply`` is what it was."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"upgrade refused: {reply.status} {reply.body[:100]!r}")
        self.reply = reply


class SocketClosed(Exception):
    """The WebSocket has ended; ``code`` is None where the connection ended without a close frame."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"closed {code} {reason!r}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response."""

    status: int
    version: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order they came."""
    body: bytes = field(repr=False)

    def every(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str | None:
        """The values of a header joined by commas; None if it is not there."""
        values = self.every(name)
        return ", ".join(values) if values else None

    def tokens(self, name: str) -> set[str]:
        """The elements of a comma-separated header, in lower case."""
        return {each.strip().lower() for each in (self.header(name) or "").split(",") if each.strip()}

    @property
    def content(self) -> bytes:
        """The body without its Content-Encoding."""
        return gzip.decompress(self.body) if self.header("content-encoding") == "gzip" else self.body

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.content)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a URL leads."""

    host: str
    port: int
    path: str
    tls: bool

    @classmethod
    def of(cls, url: str) -> Endpoint:
        """The endpoint of an ``http:``, ``https:``, ``ws:`` or ``wss:`` URL."""
        parts = urlsplit(url)
        tls = parts.scheme in ("https", "wss")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname or "", parts.port or (443 if tls else 80), path, tls)

    @property
    def authority(self) -> str:
        """The value of ``Host``."""
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """What a browser that shows a page of this server sends as ``Origin``."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    async def connect(self, *, receive_buffer: int | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection; a small ``receive_buffer`` makes this end a slow reader."""
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        plain.setblocking(False)
        try:
            if receive_buffer is not None:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(WAIT):
                await asyncio.get_running_loop().sock_connect(plain, (self.host, self.port))
                return await asyncio.open_connection(
                    sock=plain,
                    limit=receive_buffer or 2**16,
                    ssl=unverified() if self.tls else None,
                    server_hostname=self.host if self.tls else None,
                )
        except BaseException:
            plain.close()
            raise


@functools.cache
def unverified() -> ssl.SSLContext:
    """The servers under test show certificates of their own making."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class HttpConnection:
    """One HTTP/1.1 connection: requests out, responses in, both as bytes one can see."""

    def __init__(self, endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.endpoint = endpoint
        self._is_last = False
        self._reader = reader
        self._writer = writer

    @property
    def is_usable(self) -> bool:
        """False once the peer has announced or done the close."""
        return not self._is_last and not self._reader.at_eof()

    @classmethod
    async def open(cls, url: str, *, receive_buffer: int | None = None) -> HttpConnection:
        """Connect to the server of a URL."""
        endpoint = Endpoint.of(url)
        return cls(endpoint, *await endpoint.connect(receive_buffer=receive_buffer))

    @property
    def port(self) -> int:
        """Our end's port, which tells connections apart."""
        port: int = self._writer.get_extra_info("sockname")[1]
        return port

    def write(self, data: bytes) -> None:
        """Put these bytes on the wire as they are."""
        self._writer.write(data)

    async def flush(self) -> None:
        """Give what was written to the kernel, and the loop a turn."""
        await self._writer.drain()
        await asyncio.sleep(0)

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> None:
        """Write a whole request; ``Host`` and ``Content-Length`` are added where not given."""
        self.write(self.request_bytes(method, target, headers, body))

    def request_bytes(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> bytes:
        """That request, not yet written."""
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        names = {name.lower() for name, _ in pairs}
        if "host" not in names:
            pairs.insert(0, ("Host", self.endpoint.authority))
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            pairs.append(("Content-Length", str(len(body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")

    async def reply(self, *, to_head: bool = False, interim: bool = False) -> Reply:
        """Read the next response.

        Args:
            to_head: the request was a HEAD, so no body follows.
            interim: hand out a 1xx response instead of skipping it.

        Raises ConnectionGone if the peer closes instead.
        """
        try:
            async with asyncio.timeout(WAIT):
                while True:
                    reply = await self._read(to_head)
                    if reply.status >= 200 or reply.status == 101 or interim:
                        return reply
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self._is_last = True
            raise ConnectionGone from error

    async def _read(self, to_head: bool) -> Reply:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head[:-4].split("\r\n")
        version, status, *_ = status_line.split(" ", 2)
        headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        bare = Reply(int(status), version, headers, b"")
        body = b"" if to_head or bare.status in (204, 304) or bare.status < 200 else await self._body(bare)
        if "close" in bare.tokens("connection") or version == "HTTP/1.0":
            self._is_last = "keep-alive" not in bare.tokens("connection")
        return Reply(bare.status, version, headers, body)

    async def _body(self, head: Reply) -> bytes:
        if "chunked" in head.tokens("transfer-encoding"):
            parts = []
            while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
                parts.append((await self._reader.readexactly(size + 2))[:-2])
            await self._reader.readuntil(b"\r\n")
            return b"".join(parts)
        length = head.header("content-length")
        if length is None:
            self._is_last = True
            return await self._reader.read()
        return await self._reader.readexactly(int(length))

    def websocket(self, upgrade: Reply) -> WebSocket:
        """This connection as a WebSocket, after a 101 answer."""
        return WebSocket(self.endpoint, self._reader, self._writer, upgrade)

    async def rest(self) -> bytes:
        """Everything the peer still sends until it closes; raises TimeoutError if it does not close."""
        async with asyncio.timeout(WAIT):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    def abort(self) -> None:
        """Break the connection without a good-bye."""
        self._is_last = True
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close our end."""
        self._is_last = True
        await _close(self._writer)


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket frame as it came."""

    opcode: int
    payload: bytes
    is_final: bool = True
    reserved: int = 0


def frame(opcode: int, payload: bytes, *, is_final: bool = True, reserved: int = 0, is_masked: bool = True) -> bytes:
    """A frame as a client writes it; what a client must not do can be asked for."""
    size = len(payload)
    mask_bit = 0x80 if is_masked else 0
    head = bytes([(0x80 if is_final else 0) | reserved << 4 | opcode])
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 2**16:
        head += bytes([mask_bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + size.to_bytes(8, "big")
    if not is_masked:
        return head + payload
    key = os.urandom(4)
    pad = (key * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")
    return head + key + masked


class WebSocket:
    """One WebSocket, client side. Pings are answered and remembered; so is a close."""

    def __init__(
        self, endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upgrade: Reply
    ) -> None:
        self.endpoint = endpoint
        self.upgrade = upgrade
        """The 101 answer."""
        self.pongs: list[bytes] = []
        """Payloads of the pongs that came."""
        self._reader = reader
        self._writer = writer
        self._closed: SocketClosed | None = None
        self._has_sent_close = False

    @classmethod
    async def open(
        cls,
        url: str,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        *,
        receive_buffer: int | None = None,
    ) -> WebSocket:
        """Upgrade a new connection; ``headers`` come besides those of the handshake, or instead of them.

        Raises UpgradeRefused, ConnectionGone.
        """
        connection = await HttpConnection.open(url, receive_buffer=receive_buffer)
        key = base64.b64encode(os.urandom(16)).decode()
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        names = {name.lower() for name, _ in given}
        needed = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
        }
        connection.request(
            "GET",
            connection.endpoint.path,
            [*((name, value) for name, value in needed.items() if name.lower() not in names), *given],
        )
        try:
            upgrade = await connection.reply()
            if upgrade.status != 101:
                raise UpgradeRefused(upgrade)
        except BaseException:
            await connection.close()
            raise
        accept = base64.b64encode(hashlib.sha1((key + _ACCEPT_SALT).encode(), usedforsecurity=False).digest()).decode()
        assert "sec-websocket-key" in names or upgrade.header("sec-websocket-accept") == accept
        assert upgrade.tokens("upgrade") == {"websocket"}
        return connection.websocket(upgrade)

    def write(self, data: bytes) -> None:
        """Put these bytes on the wire as they are."""
        self._writer.write(data)

    def send(self, text: str | bytes) -> None:
        """Write one text frame."""
        self.write(frame(TEXT, text.encode() if isinstance(text, str) else text))

    async def frame(self) -> Frame:
        """Read the next frame, whatever it is; raises SocketClosed at the end of the connection."""
        try:
            async with asyncio.timeout(WAIT):
                first, second = await self._reader.readexactly(2)
                size = second & 0x7F
                if size > 125:
                    size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
                assert not second & 0x80, "a server's frame is never masked"
                payload = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise self._closed or SocketClosed(None, "") from error
        return Frame(first & 0x0F, payload, bool(first & 0x80), first >> 4 & 0x7)

    async def text(self) -> str:
        """Read the next text message; raises SocketClosed."""
        parts: list[bytes] = []
        while True:
            if self._closed:
                raise self._closed
            got = await self.frame()
            assert got.reserved == 0, "no extension was negotiated"
            if got.opcode == PING:
                self.write(frame(PONG, got.payload))
            elif got.opcode == PONG:
                self.pongs.append(got.payload)
            elif got.opcode == CLOSE:
                code = int.from_bytes(got.payload[:2], "big") if got.payload else 1005
                self._closed = SocketClosed(code, got.payload[2:].decode())
                if not self._has_sent_close:
                    self.send_close(code if got.payload else None)
            else:
                assert got.opcode == (CONTINUATION if parts else TEXT)
                parts.append(got.payload)
                if got.is_final:
                    return b"".join(parts).decode()

    async def closed(self) -> SocketClosed:
        """Read on until the socket is closed, dropping text messages; TimeoutError if it is not."""
        async with asyncio.timeout(WAIT):
            while True:
                try:
                    await self.text()
                except SocketClosed as end:
                    return end

    def send_close(self, code: int | None = 1000, reason: str = "") -> None:
        """Write a close frame."""
        self._has_sent_close = True
        self.write(frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason.encode()))

    async def rest(self) -> bytes:
        """The bytes that still come until the peer ends the TCP connection; TimeoutError if it does not."""
        async with asyncio.timeout(WAIT):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    def abort(self) -> None:
        """Break the connection without a good-bye."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close our end of the connection."""
        await _close(self._writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()  # what is left unsent at a test's end is of no interest
    try:
        async with asyncio.timeout(WAIT):
            await writer.wait_closed()
    except (ConnectionError, ssl.SSLError):
        pass  # the peer was first
