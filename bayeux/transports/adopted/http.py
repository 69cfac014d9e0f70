"""HTTP/1.x on an adopted connection: bytes in, whole requests out; answers as bytes.

httptools parses the head; what it lets through and Tornado would not is refused here: the head is
checked against one pattern beforehand, framing and ``Host`` by name (SEC-19). The body is counted
here, because httptools takes a request with ``Upgrade: h2c`` (Java's client) for over at its head, and
tells no offsets: this way a request takes exactly its own bytes, and what follows can be given back.

Cost model: a head that comes again byte for byte, as those of a polling client do, is one comparison. Of another one
only the lines of one client are read, its cookies for instance; the rest was parsed for others before. A body that
came whole is one slice (benchmarks/quick).

Rules: SEC-18, SEC-19, SEC-34, SEC-L4, SEC-L7, LP-4, LP-13, HTTP-3, ENC-1, ENC-3.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from bayeux.protocol.inflating import GZIP, Inflater, NoRoom, NotInflatable
from bayeux.transports.shared import shared

_END_OF_HEAD = b"\r\n\r\n"
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TARGET = rb"[\x21-\x7e\x80-\xff]+"
# RFC 9112, 2.2: one blank line between requests is forgiven.
_START = re.compile(rb"(?:\r\n)?(?=" + _TOKEN + rb" (" + _TARGET + rb") )")
_START_SO_FAR = re.compile(rb"\r?|(?:\r\n)?(?:" + _TOKEN + rb"(?: (?:" + _TARGET + rb")?)?)?")
_HEAD = re.compile(
    _TOKEN + rb" " + _TARGET + rb" HTTP/1\.[01]\r\n(?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+;=:\[\]%]*")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LONGEST_CHUNK_LINE = 64

# Headers whose values are hardly ever those of another connection, or of another request.
_OWN = re.compile(
    rb"\r\n((?i:authorization|content-length|cookie|forwarded|proxy-authorization|sec-websocket-key|traceparent"
    rb"|x-forwarded-for|x-real-ip|x-request-id)):([^\r]*)"
)
_LONGEST_COMMON = 1024
"""Bytes; together with the number of them, this bounds what is kept of what heads have in common."""

_PLAINLY = "identity"
_GZIPPED = ("gzip", "x-gzip")

JSON = "application/json;charset=UTF-8"
PLAIN = "text/plain;charset=UTF-8"

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpRefused(Exception):
    """A request that is answered by ``status`` and a close.

    Args:
        head: of the request, if it was understood.
        limit: the id of the limit it is above.
    """

    def __init__(self, status: int, reason: str, head: Head | None = None, limit: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.head = head
        self.limit = limit


def _malformed(reason: str) -> HttpRefused:
    return HttpRefused(400, reason)


def _too_large() -> HttpRefused:
    return HttpRefused(431, "Request headers too large", limit="SEC-L4")


@dataclass(slots=True, eq=False)
class Head:
    """What stands before a request's body; shared by all requests of a connection that begin with the same bytes.

    Not frozen, though nobody changes one: each request may make one, and that would take twice as long.
    """

    method: str
    target: str
    """As it stands in the request line, without scheme and host."""
    version: str
    """``1.0`` or ``1.1``; by an ASGI server also ``2`` and ``3``."""
    headers: Mapping[str, str]
    """Names in lower case; values of a repeated name joined by ``, `` (cookies by ``; ``)."""
    keep_alive: bool
    raw: bytes = field(default=b"", repr=False)
    """Its bytes; empty where somebody else has read them."""
    length: int = 0
    """Bytes of the body, if it does not come in chunks."""
    is_encoded: bool = False
    """The body comes in chunks, or is compressed."""
    common: Common | None = field(default=None, repr=False)
    """What it shares with the heads of other clients, if that is known."""

    @property
    def path(self) -> str:
        """The target up to ``?``."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after ``?``."""
        return self.target.partition("?")[2]

    def tokens(self, name: str) -> set[str]:
        """The elements of a comma-separated header, in lower case."""
        value = self.headers.get(name)
        return {each.strip() for each in value.lower().split(",")} if value else set()


@dataclass(slots=True)
class HttpRequest:
    """One request, whole."""

    head: Head
    body: bytes = field(default=b"", repr=False)


def check_host(host: str | None, version: str) -> None:
    """Raises HttpRefused for a ``Host`` that is none, or more than one."""
    if host is None:
        if version != "1.0":
            raise _malformed("No Host")
    elif not _HOST.fullmatch(host):  # a comma is among what it refuses: two of them
        raise _malformed("Malformed Host")


def check_encoding(head: Head, accepts_gzip: bool) -> None:
    """Raises HttpRefused for a body that is compressed, or in another way than by gzip (ENC-3)."""
    encoding = _encoding_of(head)
    if encoding != _PLAINLY and not (accepts_gzip and encoding in _GZIPPED):
        raise HttpRefused(415, "Encoded request body", head)


def inflated(head: Head, body: bytes, max_body: int) -> bytes:
    """The body as it was before it was compressed, if it was (ENC-3).

    Args:
        max_body: bytes of the result, held while inflating; 0 = unlimited (SEC-L7).

    Raises HttpRefused.
    """
    if not body or _encoding_of(head) not in _GZIPPED:
        return body
    inflater = Inflater(GZIP)
    try:
        body = inflater.inflate(body, max_body or sys.maxsize)
    except NoRoom:
        raise too_long(head) from None
    except NotInflatable:
        raise HttpRefused(400, "Malformed gzip", head) from None
    if not inflater.has_ended:
        raise HttpRefused(400, "Incomplete gzip", head)
    return body


def _encoding_of(head: Head) -> str:
    return head.headers.get("content-encoding", _PLAINLY).lower()


def too_long(head: Head | None) -> HttpRefused:
    """The refusal of a body above ``max_message_size`` (SEC-L7)."""
    return HttpRefused(413, "Request body too large", head, "SEC-L7")


def origin_form(target: str) -> str:
    """A request target without scheme and host; whether they are ours is checked with ``Host``."""
    if target.startswith("/"):
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    return absolute[2] or "/" if absolute else target


@lru_cache(maxsize=512)
def _header_name(raw: bytes) -> str:
    """Names repeat: every connection shares the same strings."""
    return raw.decode("ascii").lower()


class RequestReader:
    """Takes one request after the other from what a connection receives.

    ``target`` tells where the next request goes as soon as that can be seen; ``read`` gives the
    request when it is whole. What comes behind it stays in ``waiting``.
    """

    __slots__ = ("_body", "_is_last_chunk", "_remaining", "head", "waiting")

    def __init__(self) -> None:
        self.waiting: bytes = b""
        """Received and not yet part of a request."""
        self.head: Head | None = None
        """Of the request whose body is still being read."""
        self._body: bytearray | None = None  # of a body that comes in parts
        self._remaining = 0  # bytes of it, or of its chunk
        self._is_last_chunk = False

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self.waiting = self.waiting + data if self.waiting else data

    def repeats(self, known: Head) -> bool:
        """Whether the next request begins with these very bytes, and thus means the same up to its body."""
        return self.waiting.startswith(known.raw)

    def read_repeated(self, known: Head, header_bytes: int, max_body: int) -> HttpRequest | None:
        """The request, if it is whole, begins with these very bytes and its body is plain; else ``read`` it.

        Args: see ``read``.
        """
        waiting, raw = self.waiting, known.raw
        if not waiting.startswith(raw) or known.is_encoded or self.head is not None:
            return None
        before = len(raw)
        end = before + known.length
        if len(waiting) < end or before > header_bytes or 0 < max_body < known.length:
            return None
        self.waiting = waiting[end:]
        return HttpRequest(known, waiting[before:end])

    def begins_like(self, known: Head) -> bool:
        """Whether the next request has the same line as that one, and thus goes to the same place."""
        return self.waiting.startswith(known.raw[: known.raw.find(b"\r\n") + 2])

    def target(self, header_bytes: int) -> str | None:
        """Path and query of the request that begins; None while its line is incomplete.

        Raises HttpRefused; also for a line that alone is above ``header_bytes`` (SEC-L4).
        """
        start = _START.match(self.waiting)
        if start is None:
            if len(self.waiting) >= header_bytes:
                raise _too_large()
            if _START_SO_FAR.fullmatch(self.waiting):
                return None
            raise _malformed("Malformed request line")
        if start.end():  # a blank line ahead of it
            self._take(start.end())
        return origin_form(start[1].decode("latin-1"))

    def read(
        self, header_bytes: int, max_body: int, *, accepts_gzip: bool = False, known: Head | None = None
    ) -> HttpRequest | None:
        """The request, once it is whole.

        Args:
            header_bytes: of the request line and all headers (SEC-L4).
            max_body: bytes, also of what is made of them; 0 = unlimited (SEC-L7). Refused as soon as it shows,
                not after.
            accepts_gzip: a body may be compressed (ENC-3).
            known: a head that was read before, not to be parsed again.

        Raises HttpRefused.
        """
        head = self.head
        if head is None:
            head = self._read_head(header_bytes, known)
            if head is None:
                return None
            if "content-encoding" in head.headers:
                check_encoding(head, accepts_gzip)
            self._remaining = head.length
            self.head = head
        body = self._read_chunks(max_body) if "transfer-encoding" in head.headers else self._read_body(max_body)
        if body is None:
            return None
        self.head = None
        if "content-encoding" in head.headers:
            body = inflated(head, body, max_body)
        return HttpRequest(head, body)

    def _read_head(self, header_bytes: int, known: Head | None) -> Head | None:
        if known is not None and len(known.raw) <= header_bytes and self.repeats(known):
            self._take(len(known.raw))
            return known
        end = self.waiting.find(_END_OF_HEAD, 0, header_bytes)
        if end < 0:
            if len(self.waiting) >= header_bytes:
                raise _too_large()
            return None
        return parse_head(self._take(end + len(_END_OF_HEAD)))

    # -- the body --------------------------------------------------------------------------

    @property
    def wants_continue(self) -> bool:
        """The client waits for ``100 Continue`` before it sends the body (LP-13)."""
        return (
            self.head is not None
            and not self.waiting
            and not self._body
            and self.head.version != "1.0"
            and self.head.headers.get("expect", "").lower() == "100-continue"
        )

    def _read_body(self, max_body: int) -> bytes | None:
        """Take what there is of a body of known length; all of it, once that is there."""
        self._bound(self._remaining, max_body)
        if self._body is None and len(self.waiting) == self._remaining:
            body, self.waiting, self._remaining = self.waiting, b"", 0
            return body
        part = self._take(self._remaining)
        self._remaining -= len(part)
        if self._body is None and not self._remaining:
            return part
        return self._gather(part, is_whole=not self._remaining)

    def _read_chunks(self, max_body: int) -> bytes | None:
        # By position: cutting each chunk off the front would copy the rest each time, and a read full of
        # one-byte chunks must not stop the loop for longer than about 10 ms (SEC-92).
        data, at = self.waiting, 0
        body = self._body = bytearray() if self._body is None else self._body
        while self._remaining or not self._is_last_chunk:
            if not self._remaining:
                end_of_line = data.find(b"\r\n", at, at + _LONGEST_CHUNK_LINE)
                if end_of_line < 0:
                    if len(data) - at >= _LONGEST_CHUNK_LINE:
                        raise _malformed("Malformed chunk")
                    break
                line = data[at:end_of_line]
                if not _CHUNK_SIZE.fullmatch(line):  # extensions are refused, as by Tornado
                    raise _malformed("Malformed chunk")
                size = int(line, 16)
                self._bound(size, max_body)
                self._remaining = size + 2  # its data and the line end behind them
                self._is_last_chunk = not size
                at = end_of_line + 2
            part = data[at : at + self._remaining]
            body += part
            at += len(part)
            self._remaining -= len(part)
            if self._remaining:
                break
            if not body.endswith(b"\r\n"):  # also where trailers begin, which Tornado refuses as well
                raise _malformed("Malformed chunk")
            del body[-2:]
        self.waiting = data[at:]
        return self._gather(b"", is_whole=self._is_last_chunk and not self._remaining)

    def _gather(self, part: bytes, *, is_whole: bool) -> bytes | None:
        """Add a part of the body; all of it, if that was the last. Nothing of it is kept then."""
        body = bytearray() if self._body is None else self._body
        body += part
        self._body = None if is_whole else body
        self._is_last_chunk = self._is_last_chunk and not is_whole
        return bytes(body) if is_whole else None

    def _bound(self, coming: int, max_body: int) -> None:
        so_far = 0 if self._body is None else len(self._body)
        if max_body and so_far + coming > max_body:
            raise too_long(self.head)

    def _take(self, size: int) -> bytes:
        taken, self.waiting = self.waiting[:size], self.waiting[size:]
        return taken


# -- the head ------------------------------------------------------------------------------


def parse_head(raw: bytes) -> Head:
    """What a whole head says, unless it contradicts itself.

    Raises HttpRefused.
    """
    if not _HEAD.fullmatch(raw):
        raise _malformed("Malformed head")
    own = _OWN.findall(raw)
    rest = _OWN.sub(b"", raw) if own else raw
    is_short = len(rest) <= _LONGEST_COMMON
    common = _known_common(rest) if is_short else _parse_common(rest)
    headers = common.headers
    if own:
        headers = headers.copy()
        for name, value in own:
            _add_header(headers, _header_name(name), value)
        if "content-length" in headers:
            headers["content-length"] = shared(headers["content-length"])
    length = 0
    if "content-length" in headers or "transfer-encoding" in headers:
        length = _length_of_body(headers, common.version)
    return Head(
        common.method,
        common.target,
        common.version,
        MappingProxyType(headers),  # other requests have the same, and perhaps other clients
        common.keep_alive,
        raw,
        length,
        "transfer-encoding" in headers or "content-encoding" in headers,
        common if is_short else None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """What a head says in those of its lines that the heads of other clients have, too; one for all of them."""

    method: str
    target: str
    version: str
    headers: dict[str, str]
    """Not to be changed."""
    keep_alive: bool


def _parse_common(raw: bytes) -> Common:
    """The same of a head of this form without the lines of one client. Raises HttpRefused."""
    lines = _Lines()
    parser = HttpRequestParser(lines)
    try:
        parser.feed_data(raw)
    except HttpParserUpgrade:
        pass  # whether to upgrade is for others to decide
    except HttpParserError as error:
        raise _malformed("Malformed head") from error
    headers, version, target = lines.headers, parser.get_http_version(), lines.url.decode("latin-1")
    host = headers.get("host")
    check_host(host, version)
    if absolute := _ABSOLUTE.fullmatch(target):
        if host is None or absolute[1].lower() != host.lower():
            raise _malformed("Target of another host")
        target = absolute[2] or "/"
    elif not target.startswith("/"):
        raise _malformed("Malformed target")
    keep_alive = _keeps_alive(headers.get("connection"), version)
    return Common(shared(parser.get_method().decode()), shared(target), version, headers, keep_alive)


_known_common = lru_cache(maxsize=512)(_parse_common)


def _keeps_alive(connection: str | None, version: str) -> bool:
    if connection is None:
        return version != "1.0"
    tokens = {each.strip() for each in connection.lower().split(",")}
    return "close" not in tokens and (version != "1.0" or "keep-alive" in tokens)


def _length_of_body(headers: Mapping[str, str], version: str) -> int:
    """0 where it comes in chunks."""
    length, encoding = headers.get("content-length"), headers.get("transfer-encoding")
    if encoding is not None:
        if length is not None or version == "1.0" or encoding.lower() != "chunked":
            raise _malformed("Malformed Transfer-Encoding")
    elif length is not None:
        if not _LENGTH.fullmatch(length):
            raise _malformed("Malformed Content-Length")
        return int(length)
    return 0


class _Lines:
    """What httptools tells of a head."""

    __slots__ = ("headers", "url")

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        """The request target, or a part of it."""
        self.url += url

    def on_header(self, raw: bytes, value: bytes) -> None:
        """One header line."""
        _add_header(self.headers, _header_name(raw), value)


def _add_header(headers: dict[str, str], name: str, value: bytes) -> None:
    text, so_far = value.decode("latin-1").strip(" \t"), headers.get(name)
    if so_far is not None:
        text = f"{so_far}; {text}" if name == "cookie" else f"{so_far}, {text}"
    headers[name] = text


# -- out -----------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:  # duplicate_meta_connect_http_code may be any number (CN-10)
        phrase = "Refused"
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@lru_cache(maxsize=64)
def usual_lines(content_type: str) -> bytes:
    """The header lines that every answer has (ENC-1, SEC-34)."""
    return (
        f"Content-Type: {content_type}\r\n"
        "Cache-Control: no-cache, no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Referrer-Policy: no-referrer\r\n"
    ).encode()


@lru_cache(maxsize=64)
def _usual_head(status: int, content_type: str) -> bytes:
    return _status_line(status) + usual_lines(content_type)


def response(
    status: int, body: bytes = b"", extra: bytes = b"", *, content_type: str = PLAIN, is_head: bool = False
) -> bytes:
    """A whole response.

    Args:
        extra: further header lines, each with its line end.
        is_head: answers a HEAD, so the body's length is told and the body left out.
    """
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (
        _usual_head(status, content_type),
        extra,
        len(body),
        b"" if is_head else body,
    )


def connection_line(version: str, keep_alive: bool) -> bytes:
    """The ``Connection`` header where the answer to a request of this version needs one, else nothing (ENC-4)."""
    if not keep_alive:
        return b"Connection: close\r\n"
    return b"Connection: keep-alive\r\n" if version == "1.0" else b""
