"""Answers over HTTP/1.1, from the bytes of one connection: bytes in, answers out.

Cost: of an answer that came as a whole, finding the end of its head and a look into a dictionary of heads, which
servers repeat for as long as their clock shows the same second.
"""

from __future__ import annotations

from dataclasses import dataclass

_MAX_HEAD = 16 * 1024
_MAX_BODY = 8 * 1024 * 1024
_MAX_HEADS = 1024


class NotHttp(ValueError):
    """The bytes are no answer, or one that is too long."""


@dataclass(frozen=True, slots=True)
class Head:
    """Of one answer."""

    status: int
    length: int | None
    """Bytes of the body; None if it comes in chunks or ends with the connection."""
    is_chunked: bool
    stays_open: bool
    cookies: tuple[str, ...]
    """Values of ``Set-Cookie``."""


_heads: dict[bytes, Head] = {}


def head_of(received: bytes) -> Head:
    """Read one head, without the empty line; the same bytes give the same object.

    Raises NotHttp.
    """
    head = _heads.get(received)
    if head is None:
        head = _read_head(received)
        if len(_heads) >= _MAX_HEADS:
            _heads.clear()
        _heads[received] = head
    return head


def _read_head(received: bytes) -> Head:
    status_line, *lines = received.decode("latin-1").split("\r\n")
    words = status_line.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise NotHttp(f"no HTTP answer: {status_line[:60]!r}")
    status = int(words[1])
    length, is_chunked, stays_open = None, False, words[0] != "HTTP/1.0"
    cookies = []
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name == "content-length":
            if not value.isdigit() or int(value) > _MAX_BODY:
                raise NotHttp(f"Content-Length: {value[:40]}")
            length = int(value)
        elif name == "transfer-encoding":
            is_chunked = "chunked" in value.lower()
        elif name == "connection":
            stays_open = "close" not in value.lower() and (stays_open or "keep-alive" in value.lower())
        elif name == "set-cookie":
            cookies.append(value)
    if status in (204, 304) or 100 <= status < 200:
        length, is_chunked = 0, False
    return Head(status, None if is_chunked else length, is_chunked, stays_open, tuple(cookies))


class AnswerReader:
    """Of one connection; give it whatever comes."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> tuple[Head, bytes] | None:
        """The answer that is complete with this, and its body; None if more must come.

        There is at most one: no request is sent before the last one's answer.

        Raises NotHttp.
        """
        if self._rest:
            received = self._rest + received
            self._rest = b""
        end = received.find(b"\r\n\r\n")
        if end < 0:
            self._wait(received, _MAX_HEAD)
            return None
        head = head_of(received[:end])
        if head.status == 100:
            return self.feed(received[end + 4 :]) if len(received) > end + 4 else None
        body: bytes | None = received[end + 4 :]
        assert body is not None
        if head.is_chunked:
            body = _joined(body)
        elif head.length is None:
            body = None  # it ends with the connection
        elif len(body) < head.length:
            body = None
        if body is None:
            self._wait(received, _MAX_BODY + _MAX_HEAD)
            return None
        return head, body

    def finish(self) -> tuple[Head, bytes] | None:
        """The connection has ended: the answer that only this completes."""
        received, self._rest = self._rest, b""
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = head_of(received[:end])
        return (head, received[end + 4 :]) if head.length is None and not head.is_chunked else None

    def _wait(self, received: bytes, most: int) -> None:
        if len(received) > most:
            raise NotHttp(f"an answer of more than {most} bytes")
        self._rest = received


def _joined(body: bytes) -> bytes | None:
    """The chunks as one; None if the last has not come."""
    parts: list[bytes] = []
    start = 0
    while True:
        end = body.find(b"\r\n", start)
        if end < 0:
            return None
        try:
            size = int(body[start:end].split(b";", 1)[0], 16)
        except ValueError:
            raise NotHttp(f"no size of a chunk: {body[start:end][:20]!r}") from None
        start = end + 2
        if size == 0:
            # Trailers, if any, end with an empty line.
            return b"".join(parts) if body.startswith(b"\r\n", start) or b"\r\n\r\n" in body[start:] else None
        if len(body) < start + size + 2:
            return None
        parts.append(body[start : start + size])
        start += size + 2
