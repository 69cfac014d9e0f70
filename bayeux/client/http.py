"""HTTP/1.1 as the client needs it: one request at a time on a connection that is kept.

Owns the address, the headers of every request, the opening of connections and the reading of
answers, with a bound. Knows nothing of Bayeux. Follows no redirect: to where a clientId and a
password go is the caller's word alone.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl as tls
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

from bayeux.client.cookies import Cookies
from bayeux.client.errors import ConnectFailed, TransportFailed

READ_SIZE = 64 * 1024
MAX_HEADER_BYTES = 64 * 1024

_SCHEMES = {"http": False, "ws": False, "https": True, "wss": True}
_JSON = "application/json;charset=UTF-8"
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # whichever the data begin with


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the server is, and what every request to it says."""

    host: str
    port: int
    target: str
    """Path and query, as on the request line."""
    ssl: tls.SSLContext | None
    headers: dict[str, str]
    """Of every request; change them by ``set_header``."""
    open_timeout: float
    """Seconds for connecting, TLS included."""
    max_message_size: int
    """Bytes of one answer or WebSocket message (SEC-L7 seen from the other side)."""
    cookies: Cookies = field(default_factory=Cookies)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection.

        Raises ConnectFailed.
        """
        try:
            async with asyncio.timeout(self.open_timeout):
                return await asyncio.open_connection(self.host, self.port, ssl=self.ssl)
        except TimeoutError as error:
            raise ConnectFailed(f"{self._no_connection} within {self.open_timeout:g} s") from error
        except OSError as error:  # TLS errors are OSErrors
            raise ConnectFailed(f"{self._no_connection}: {error!r}") from error

    @property
    def _no_connection(self) -> str:
        return f"no {'TLS ' if self.ssl is not None else ''}connection to {self.host}:{self.port}"

    @property
    def place(self) -> str:
        """Where it is, for people; without the query, which may hold a token."""
        return f"{self.host}:{self.port}{urlsplit(self.target).path}"

    def set_header(self, name: str, value: str) -> bool:
        """Say this in every request from here on; whether that is a change.

        Raises ValueError for what would end its line.
        """
        check_header(name, value)
        for other in [each for each in self.headers if each.lower() == name.lower() and each != name]:
            del self.headers[other]
        is_change = self.headers.get(name) != value
        self.headers[name] = value
        return is_change

    def head(self, method: str, headers: Mapping[str, str]) -> bytes:
        """A request's line and headers, with ours, the given ones and the cookies; of a repeated name the last."""
        lines = {name.lower(): (name, value) for name, value in [*self._usual(), *headers.items()]}
        cookies = self.cookies.header(urlsplit(self.target).path, secure=self.ssl is not None)
        if cookies:
            _, given = lines.get("cookie", ("", ""))
            lines["cookie"] = ("Cookie", f"{given}; {cookies}" if given else cookies)
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.values())
        return f"{method} {self.target} HTTP/1.1\r\n{text}\r\n".encode("latin-1")

    def _usual(self) -> list[tuple[str, str]]:
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == (80 if self.ssl is None else 443)  # browsers leave it out, and proxies compare
        return [("Host", host if is_default else f"{host}:{self.port}"), *self.headers.items()]


def make_endpoint(
    url: str,
    *,
    headers: Mapping[str, str],
    auth: tuple[str, str] | None,
    ssl: tls.SSLContext | None,
    open_timeout: float,
    max_message_size: int,
) -> Endpoint:
    """The endpoint of ``http``, ``https``, ``ws`` or ``wss`` URLs, which mean the same server.

    Raises ValueError for another URL, or for a header that would end its line.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError("the URL needs a host and one of http, https, ws, wss")
    if parts.username is not None:
        raise ValueError("the URL holds a user: give auth, which is not logged with the URL")
    if isinstance(auth, str):  # which would be joined letter by letter
        raise ValueError("auth: give a user and a password, as two values")
    is_secure = _SCHEMES[parts.scheme]
    all_headers = dict(headers)
    if auth is not None:
        credentials = base64.b64encode(":".join(auth).encode()).decode()
        all_headers["Authorization"] = f"Basic {credentials}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii() or " " in target:
        raise ValueError("the URL is not percent-encoded")
    check_text(target)
    for name, value in all_headers.items():
        check_header(name, value)
    return Endpoint(
        host=_ascii(parts.hostname),
        port=parts.port or (443 if is_secure else 80),
        target=target,
        ssl=(ssl or tls.create_default_context()) if is_secure else None,
        headers=all_headers,
        open_timeout=open_timeout,
        max_message_size=max_message_size,
    )


def _ascii(host: str) -> str:
    """A host name as it is looked up. Raises ValueError."""
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"the URL's host is no name: {error}") from None


def check_text(*texts: str) -> None:
    """Raises ValueError for what would end a line of a head."""
    if any(character < " " or character > "~" for text in texts for character in text):
        raise ValueError("control characters or non-ASCII characters in the URL or a header")


def check_header(name: str, value: str) -> None:
    """Raises ValueError for what would be no header, or more than one."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"a header cannot be named {name!r:.80}")
    check_text(value)


class Answer:
    """One HTTP answer as it comes in; a compressed body is inflated, with the same bound (ENC-2)."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._body_size = 0
        self._header_size = 0
        self._inflating: zlib._Decompress | None = None
        self._unreadable = ""
        self._is_until_end = False
        self.headers: dict[str, str] = {}
        """Names in lower case."""
        self.is_complete: bool = False
        self.keeps_alive: bool = False
        """Whether the connection may carry another request."""
        self.rest: bytes | None = None
        """What followed an answer that upgrades the connection; None for any other answer."""

    @property
    def status(self) -> int:
        """Of the status line; 0 before it has come."""
        return int(self._parser.get_status_code())

    @property
    def body(self) -> bytes:
        """What has come of it."""
        return b"".join(self._body)

    @property
    def refusal(self) -> str:
        """What the status says and where, for an answer of no use; for people."""
        leads_to = self.headers.get("location")
        elsewhere = f", which leads to {leads_to!r:.200}: give that URL" if leads_to is not None else ""
        return f"HTTP {self.status} from {self._endpoint.place}{elsewhere}"

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Read until the answer is complete or upgrades the connection.

        Raises TransportFailed; the connection is of no use then.
        """
        while not self.is_complete and self.rest is None:
            data = await reader.read(READ_SIZE)
            if not data:
                self._end()
                return
            if not self._body:
                self._header_size += len(data)
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self.rest = data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                raise TransportFailed("the server's answer is not HTTP") from error
            if self._unreadable:
                raise TransportFailed(self._unreadable)
            if self._header_size > MAX_HEADER_BYTES + READ_SIZE or self._body_size > self._endpoint.max_message_size:
                raise TransportFailed("the server's answer is too large")

    def _end(self) -> None:
        """The connection has ended, and with it an answer that gives no length (RFC 9112, 6.3)."""
        if not self._is_until_end:
            raise TransportFailed("the server closed the connection before it answered")
        self.is_complete = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools found a header."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key == "set-cookie":
            self._endpoint.cookies.store(text)
        self.headers[key] = text

    def on_headers_complete(self) -> None:
        """httptools found the end of the headers."""
        self._is_until_end = self.status >= 200 and not self.headers.keys() & {"content-length", "transfer-encoding"}
        encoding = self.headers.get("content-encoding", "identity").lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._inflating = zlib.decompressobj(_GZIP_OR_ZLIB)
        elif encoding != "identity":
            self._unreadable = f"the server's answer is encoded as {encoding!r:.40}, which was not asked for"

    def on_body(self, data: bytes) -> None:
        """httptools found a part of the body."""
        if self._inflating is not None:
            data = self._inflate(self._inflating, data)
        self._body.append(data)
        self._body_size += len(data)

    def _inflate(self, inflating: zlib._Decompress, data: bytes) -> bytes:
        try:
            # One byte more than is allowed tells that there was more, whatever a small answer would grow to.
            return inflating.decompress(data, max(1, self._endpoint.max_message_size + 1 - self._body_size))
        except zlib.error:
            self._unreadable = "the server's answer is not compressed as it says"
            return b""

    def on_message_complete(self) -> None:
        """httptools found the end."""
        # An interim answer (100) is complete, too, and followed by the one that counts.
        self.is_complete = self.status >= 200
        # The parser forgets when this returns.
        self.keeps_alive = bool(self._parser.should_keep_alive())


class HttpConnection:
    """Posts to the endpoint, one request after the other on one connection, opened when needed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> bytes:
        """Send JSON, return the body of the answer. Cancelling it closes the connection.

        Raises TransportFailed, also for a status other than 200 (HTTP-9).
        """
        async with self._turn:
            reader, writer = await self._open()
            try:
                head = {"Content-Type": _JSON, "Content-Length": str(len(body)), "Accept-Encoding": "gzip"}
                writer.write(self._endpoint.head("POST", head) + body)
                answer = Answer(self._endpoint)
                await answer.read(reader)
            except OSError as error:
                self.close()
                raise TransportFailed(f"the connection broke: {error}") from error
            except BaseException:  # also cancelled: the answer would be taken for the next one's
                self.close()
                raise
            if not answer.keeps_alive:
                self.close()
        if answer.status != 200:
            raise TransportFailed(answer.refusal, answer.status)
        return answer.body

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and self._streams[0].at_eof():  # closed by the server while idle (SEC-L6)
            self.close()
        if self._streams is None:
            self._streams = await self._endpoint.open()
        return self._streams

    def close(self) -> None:
        """Close now; a request under way fails."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
