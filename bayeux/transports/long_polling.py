"""The ``long-polling`` transport: one HTTP request, answered once, maybe much later.

Source: section 12 of the Bayeux reference; HS-10, CN-10, MSG-3, BAT-5, COOK-1, ENC-2, SEC-10.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from bayeux.protocol.encoded import Batch
from bayeux.protocol.envelope import Envelope, parse_envelope
from bayeux.protocol.errors import BodyRefused, MalformedBody
from bayeux.protocol.message import is_handshake
from bayeux.protocol.options import Options
from bayeux.server.sessions import ServerSession
from bayeux.transports.adopted.http import PLAIN, HttpRequest
from bayeux.transports.browser import set_cookie
from bayeux.transports.exchange import HttpExchange

# Named, because Python knows codecs that are no charsets, and some whose time is quadratic.
_CHARSET = re.compile(
    r"us-ascii|ascii|utf-?(8|16|32)([lb]e|-[lb]e)?|iso-?8859-\d{1,2}|latin-?1|windows-125\d|cp125\d|koi8-[rut]"
    r"|shift_jis|euc-(jp|kr)|gb2312|gbk|gb18030|big5",
    re.IGNORECASE,
)
_CHARSET_PARAMETER = re.compile(r";\s*charset\s*=\s*(\"[^\"]*\"|[^\s;]*)", re.IGNORECASE)
_UTF_8 = ("utf-8", "utf8")
_FORM = "application/x-www-form-urlencoded"
_JSON = ("application/json", "text/json", "")
_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q\s*=\s*(?:1(?:\.0*)?|0?\.\d*[1-9]\d*)\s*)?(?:,|$)", re.IGNORECASE)
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")

MAX_FORM_FIELDS = 1000


class LongPoll:
    """A request on its way through the server (``Transport``)."""

    __slots__ = ("_exchange", "_needs_cookie", "closed", "session")

    name = "long-polling"
    streaming = False
    connect_only = False
    writable = True

    def __init__(self, exchange: HttpExchange) -> None:
        self.closed: bool = False
        self.session: ServerSession | None = None
        self._exchange = exchange
        self._needs_cookie = False

    def handle(self, messages: Envelope) -> None:
        """Give the messages to the server; the answer comes through ``send`` or ``dismiss``."""
        exchange, name = self._exchange, self.name
        server, context = exchange.mount.server, exchange.context
        self._needs_cookie = context.browser is None and is_handshake(messages[0])
        exchange.requester.occupant = self
        counters = server.counters
        counters.connections[name] += 1
        counters.bytes_received[name] += messages.size
        try:
            work = server.handle(messages, self, context)
        except BodyRefused as refusal:
            self._end()
            exchange.refuse(refusal.status, words_of(refusal))
        except Exception as error:  # noqa: BLE001 - logged by _fail
            self._fail(error)
        else:
            if work is not None:
                work.add_done_callback(self._on_done)

    # -- the server tells ----------------------------------------------------------------------

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        """Answer: the events, oldest first, then the replies (BAT-5)."""
        exchange, extra = self._exchange, b""
        if self._needs_cookie and self.session is not None and self.session.browser:
            context = exchange.context
            extra = set_cookie(self.session.browser, context.options, secure=context.secure)  # HS-10
        self._end()
        exchange.mount.server.counters.bytes_sent[self.name] += self._answer(events, replies, extra)

    def dismiss(self, status: int) -> None:
        """Answer with this status and nothing else (CN-10)."""
        self._end()
        self._exchange.answer(status, content_type=PLAIN)

    def close(self, code: int, reason: str) -> None:
        """Nothing to close: a request is over once it is answered."""

    # -- the connection tells ------------------------------------------------------------------

    def lost(self) -> None:
        """The client has hung up (SES-8)."""
        if not self.closed:
            self._end()
            self._exchange.mount.server.connection_lost(self)

    def rest(self) -> None:
        """See Occupant: only while it is held is nobody at work with it."""
        if self.session is not None and self.session.held_by is self:
            self._exchange.rest()

    def write_paused(self) -> None:
        """Does not matter before the answer."""

    def write_resumed(self) -> None:
        """Does not matter before the answer."""

    # ------------------------------------------------------------------------------------------

    def _answer(self, events: Batch, replies: Sequence[bytes], extra: bytes) -> int:
        """Write the messages with these further header lines; the size of it all in bytes."""
        body = events.body(replies)
        if len(body) >= self._exchange.context.options.gzip_min_size and self._may_compress():
            body = events.gzipped_body(replies)
            extra += b"Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n"
        return self._exchange.answer(200, body, extra)

    def _end(self) -> None:
        self.closed = True
        self._exchange.mount.server.counters.connections[self.name] -= 1

    def _on_done(self, work: asyncio.Task[Any]) -> None:
        if not self.closed and not work.cancelled() and (error := work.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self.closed:
            self._end()
            self._exchange.fail(error)

    def _may_compress(self) -> bool:
        context = self._exchange.context
        return context.options.gzip and _accepts_gzip(context.headers.get("accept-encoding", ""))


@lru_cache(maxsize=64)
def _accepts_gzip(accepted: str) -> bool:
    """What an ``Accept-Encoding`` says; clients send few different ones."""
    return _GZIP.search(accepted) is not None


def start(exchange: HttpExchange, request: HttpRequest) -> None:
    """Read the body's messages and have them handled."""
    try:
        messages = messages_of(request.head.headers.get("content-type", ""), request.body, exchange.context.options)
    except MalformedBody as refusal:
        exchange.refuse(refusal.status, words_of(refusal))
        return
    LongPoll(exchange).handle(messages)


def messages_of(content_type: str, body: bytes, options: Options) -> Envelope:
    """The messages of a request body, at least one (LP-1, LP-2, LP-3).

    Raises MalformedBody.
    """
    if _is_plain_json(content_type):
        return _at_least_one(parse_envelope(body, options))
    kind, charset = _kind_and_charset(content_type)
    text = body if charset in _UTF_8 else _decoded(charset, body)
    is_form = kind == _FORM
    if not is_form and kind not in _JSON:
        # Faye's cross-origin clients post forms as text/plain, browsers know why.
        is_form = text.lstrip()[:1] not in (b"[", b"{")
    if is_form:
        return messages_of_form(text, options)
    return _at_least_one(parse_envelope(text, options))


@lru_cache(maxsize=64)
def _is_plain_json(content_type: str) -> bool:
    """Whether a body of this type is JSON in UTF-8, as nearly all are."""
    kind, charset = _kind_and_charset(content_type)
    return kind in _JSON and charset in _UTF_8


@lru_cache(maxsize=64)
def _kind_and_charset(content_type: str) -> tuple[str, str]:
    """What a ``Content-Type`` says; clients send few different ones."""
    declared = _CHARSET_PARAMETER.search(content_type)
    charset = declared[1].strip('"').lower() if declared else "utf-8"
    return content_type.partition(";")[0].strip().lower(), charset


def messages_of_form(text: bytes, options: Options) -> Envelope:
    """The messages of all fields ``message`` of a form or a query, at least one (LP-1, JP-1).

    Raises MalformedBody.
    """
    envelopes = [parse_envelope(value, options) for value in form_values(text, b"message")]
    return _at_least_one(Envelope([message for envelope in envelopes for message in envelope], len(text)))


def form_values(text: bytes, name: bytes) -> list[bytes]:
    """What a form or a query has for one name, decoded. Raises MalformedBody."""
    if text.count(b"&") >= MAX_FORM_FIELDS or _BROKEN_ESCAPE.search(text):
        raise MalformedBody("malformed form")
    fields = (field.partition(b"=") for field in text.split(b"&"))
    return [_unescaped(value) for field_name, _, value in fields if field_name == name]


def _at_least_one(messages: Envelope) -> Envelope:
    if not messages:
        raise MalformedBody("no messages")
    return messages


def _unescaped(value: bytes) -> bytes:
    """A form value as it was meant.

    The one decoder of hexadecimal escapes written in C is that of quoted-printable, which has ``=`` where
    forms have ``%``. ``urllib`` needs 90 ms for the largest body, and the loop stands meanwhile (SEC-92).
    """
    return binascii.a2b_qp(value.replace(b"+", b" ").replace(b"=", b"=3D").replace(b"%", b"="))


def _decoded(charset: str, body: bytes) -> bytes:
    """The body as UTF-8, whatever charset it came in (LP-2). Raises MalformedBody."""
    if not _CHARSET.fullmatch(charset):
        raise MalformedBody("unknown charset")
    try:
        return body.decode(charset).encode()
    except (LookupError, UnicodeError) as error:
        raise MalformedBody("not in the declared charset") from error


def words_of(refusal: BodyRefused) -> str:
    """What the client is told; nothing of what it sent."""
    return f"Refused: {refusal}"
