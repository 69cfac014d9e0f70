"""WebSocket frames, both ways, for server and client: bytes in, bytes and events out.

Cost model: a text message that comes alone, in one frame and one read, costs a look at its header, the
slices of its key and payload and one call of the mask function: below 1 µs for 150 bytes. Everything
rarer may cost more. A drip of single bytes costs one append a byte: a frame is looked at when
its header is complete and again when all of it is there.

Knows one extension, ``permessage-deflate``, where the caller has agreed on it (WS-4); any other
reserved bit is a violation. Leaves to its caller what is answered to a ping, how many control
frames a second are too many (SEC-L22), and when to close the connection.

Source: RFC 6455, sections 5 to 8; RFC 7692; WS-4, WS-7, WS-19, WS-20, SEC-94, SEC-L7, SEC-L22.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bayeux.protocol import deflate
from bayeux.protocol.deflate import Deflate
from bayeux.protocol.inflating import Inflater, NoRoom, NotInflatable

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
"""The opcodes."""

NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED = 1000, 1001, 1002, 1003
INVALID_DATA, POLICY, TOO_BIG, INTERNAL_ERROR = 1007, 1008, 1009, 1011
"""Close codes we send (WS-20)."""
NO_CODE = 1005
"""What a close frame without a code means; never on the wire."""

MAX_CONTROL_PAYLOAD = 125

_FINAL, _RESERVED, _CONTROL, _OPCODE = 0x80, 0x70, 0x08, 0x0F
_COMPRESSED = 0x40  # one of the reserved bits; of a message's first frame
_MASKED, _LENGTH = 0x80, 0x7F
_WHOLE_TEXT = _FINAL | TEXT
_MASKED_TEXT = _WHOLE_TEXT << 8 | _MASKED  # how a masked one of less than 126 bytes begins, its length to be added
_LONG_TEXT = _MASKED_TEXT + 126  # how one of 126 to 65,535 bytes begins; its length follows
_START = struct.Struct("!HH").unpack_from
_SHORT_TEXT = [bytes((_WHOLE_TEXT, size)) for size in range(126)]  # how a short one begins, unmasked
_UNLIMITED = (1 << 63) - 1  # the longest a frame can be
_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Mask = Callable[[bytes, bytes], bytes]
"""Key of four bytes, data → data masked or unmasked; ``tornado.speedups.websocket_mask`` is one."""


def xor_mask(key: bytes, data: bytes) -> bytes:
    """The mask function without a C extension: 0.6 µs for 150 bytes, 5 ms for a megabyte."""
    size = len(data)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(keys, "little")).to_bytes(size, "little")


# -- out -----------------------------------------------------------------------------------


def text_frame(payload: bytes) -> bytes:
    """One unmasked, final text frame, as a server sends it."""
    size = len(payload)
    if size < 126:
        return _SHORT_TEXT[size] + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def deflated_text_frame(payload: bytes, how: Deflate) -> bytes:
    """The same compressed, where that makes it shorter."""
    compressed = how.compress(payload)
    if compressed is None:
        return text_frame(payload)
    return _header(_COMPRESSED | TEXT, len(compressed), 0) + compressed


def server_frame(opcode: int, payload: bytes) -> bytes:
    """One unmasked, final frame of any kind, as a server sends it."""
    return _header(opcode, len(payload), 0) + payload


def client_frame(opcode: int, payload: bytes, mask_key: bytes, mask: Mask = xor_mask) -> bytes:
    """One masked, final frame of any kind, as a client sends it.

    Args:
        mask_key: four bytes from a cryptographic source, fresh for each frame.
    """
    return _header(opcode, len(payload), _MASKED) + mask_key + mask(mask_key, payload)


def ping_frame(payload: bytes = b"") -> bytes:
    """A server's ping, with at most 125 bytes."""
    return server_frame(PING, payload)


def pong_frame(payload: bytes) -> bytes:
    """A server's answer to a ping: its payload again."""
    return server_frame(PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """A server's close; ``NO_CODE`` gives one that says nothing, the answer to such a one."""
    return server_frame(CLOSE, close_payload(code, reason))


def close_payload(code: int, reason: str = "") -> bytes:
    """What a close frame carries; a reason longer than fits is cut at a character."""
    if code == NO_CODE:
        return b""
    text = reason.encode()[: MAX_CONTROL_PAYLOAD - 2].decode(errors="ignore")
    return code.to_bytes(2, "big") + text.encode()


def _header(opcode: int, size: int, masked: int) -> bytes:
    if size < 126:
        return bytes((_FINAL | opcode, masked | size))
    if size < 65536:
        return bytes((_FINAL | opcode, masked | 126)) + size.to_bytes(2, "big")
    return bytes((_FINAL | opcode, masked | 127)) + size.to_bytes(8, "big")


def accept_key(key: str) -> str:
    """The ``Sec-WebSocket-Accept`` that answers a ``Sec-WebSocket-Key``."""
    return base64.b64encode(hashlib.sha1(key.encode() + _ACCEPT_SALT, usedforsecurity=False).digest()).decode()


# -- in ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Binary:
    """A whole binary message; a Bayeux socket closes 1003 (WS-7)."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer with a pong of the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping, or a sign of life nobody asked for."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer closes: answer with a close frame of the same code. Nothing is read after it."""

    code: int
    """``NO_CODE`` if the peer gave none."""
    reason: str


@dataclass(frozen=True, slots=True)
class Violation:
    """The peer broke a rule: close with this code and reason. Nothing is read after it.

    1002 against the protocol, 1007 invalid UTF-8 or compression, 1008 too many fragments (SEC-L22),
    1009 larger than the bound (WS-19).
    """

    code: int
    reason: str


Event = bytes | Binary | Ping | Pong | Close | Violation
"""A text message is its UTF-8 bytes, checked, with nothing wrapped around them."""

_NOT_UTF8 = Violation(INVALID_DATA, "invalid UTF-8")
_NOT_INFLATABLE = Violation(INVALID_DATA, "invalid compressed data")
_TOO_BIG = Violation(TOO_BIG, "message too big")


class _Fragments:
    """The message whose final fragment has not come yet, inflated as far as it has come."""

    __slots__ = ("decoder", "inflater", "opcode", "parts", "size")

    def __init__(self, first: int) -> None:
        self.opcode = first & _OPCODE
        self.parts: list[bytes] = []
        self.size = 0
        self.decoder = codecs.getincrementaldecoder("utf-8")() if self.opcode == TEXT else None
        self.inflater: Inflater | None = deflate.message_inflater() if first & _COMPRESSED else None

    def add(self, payload: bytes, is_final: bool, max_size: int) -> Violation | None:
        """Take one more; what is wrong with it is noticed here, not at the message's end."""
        if self.inflater is not None:
            try:
                data = payload + deflate.TAIL if is_final else payload
                payload = self.inflater.inflate(data, max_size - self.size)
            except NoRoom:
                return _TOO_BIG
            except NotInflatable:
                return _NOT_INFLATABLE
        self.parts.append(payload)
        self.size += len(payload)
        if self.decoder is not None:
            try:
                self.decoder.decode(payload, is_final)
            except UnicodeDecodeError:
                return _NOT_UTF8
        return None


class FrameReader:
    """Turns what one peer sends into events, whatever pieces it arrives in.

    Holds at most one incomplete frame and the fragments of one message, together never much
    more than ``max_message_size``, or twice that where the frame is compressed: a frame too long is
    refused by its header, and what inflates to more is inflated no further.

    Args:
        role: ours. A server reads masked frames only, a client unmasked ones only.
        max_message_size: bytes of a message, inflated, all fragments together; 0 = unlimited (SEC-L7).
        max_fragments: of one message; 0 = unlimited (SEC-L22).
        mask: unmasks; give the fastest there is.
        inflates: ``permessage-deflate`` was agreed on, without context takeover (WS-4).
    """

    __slots__ = (
        "_extension_bits",
        "_fragments",
        "_has_ended",
        "_is_at_start",
        "_mask",
        "_masked",
        "_max_fragments",
        "_max_size",
        "_needed",
        "_rest",
    )

    def __init__(
        self,
        role: Literal["server", "client"],
        *,
        max_message_size: int,
        max_fragments: int = 0,
        mask: Mask = xor_mask,
        inflates: bool = False,
    ) -> None:
        self._masked = _MASKED if role == "server" else 0
        self._max_size = max_message_size or _UNLIMITED
        self._max_fragments = max_fragments
        self._mask = mask
        self._extension_bits = _COMPRESSED if inflates else 0
        self._rest: bytearray | None = None
        self._needed = 0
        self._fragments: _Fragments | None = None
        self._has_ended = False
        self._is_at_start = role == "server"  # of a message that may be a masked frame

    def whole_text(self, data: bytes) -> bytes | None:
        """The text message that ``data`` is, where it is just that: one masked frame, and nothing before it.

        None where it is anything else, also where it breaks a rule: then ``feed`` it.
        """
        size = len(data)
        if size < 6 or not self._is_at_start:
            return None
        start, length = _START(data)
        if start == _LONG_TEXT and length == size - 8:
            payload = self._mask(data[4:8], data[8:])
        elif 126 > start - _MASKED_TEXT == size - 6:
            payload = self._mask(data[2:6], data[6:])
        else:
            return None
        return payload if size <= self._max_size and (payload.isascii() or _is_utf8(payload)) else None

    def feed(self, data: bytes) -> list[Event]:
        """What ``data`` completes, in order.

        A ``Close`` or a ``Violation`` is the last event there is: what comes later is ignored.
        It is an event and not an exception because the messages before it in the same read
        are still to be treated, in their order.
        """
        if self._rest is not None:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data, self._rest = bytes(self._rest), None
        elif self._has_ended:
            return []
        events: list[Event] = []
        masked, end, start = self._masked, len(data), 0
        while start < end:
            body = start + 2
            if end < body:
                return self._wait(events, data, start, body)
            first, second = data[start], data[start + 1]
            length = second & _LENGTH
            if length > 125:
                body += 2 if length == 126 else 8
                if end < body:
                    return self._wait(events, data, start, body)
                length = int.from_bytes(data[start + 2 : body], "big")
            is_plain = first == _WHOLE_TEXT and second & _MASKED == masked and length <= self._max_size
            if not is_plain or self._fragments is not None:
                violation = self._refuse(first, second & _MASKED, length)
                if violation is not None:
                    return self._end(events, violation)
            if masked:
                body += 4
            start_of_next = body + length
            if end < start_of_next:
                return self._wait(events, data, start, start_of_next)
            payload = data[body:start_of_next]
            if masked:
                payload = self._mask(data[body - 4 : body], payload)
            start = start_of_next
            if first != _WHOLE_TEXT:
                event = self._take(first, payload)
                if isinstance(event, (Close, Violation)):
                    return self._end(events, event)
                if event is not None:
                    events.append(event)
            elif payload.isascii() or _is_utf8(payload):
                events.append(payload)
            else:
                return self._end(events, _NOT_UTF8)
        self._is_at_start = bool(masked) and self._fragments is None
        return events

    def _wait(self, events: list[Event], data: bytes, start: int, until: int) -> list[Event]:
        """Keep an incomplete frame until there are enough bytes to look at it again."""
        self._rest = bytearray(data[start:])
        self._needed = until - start
        self._is_at_start = False
        return events

    def _end(self, events: list[Event], last: Close | Violation) -> list[Event]:
        self._has_ended = True
        self._is_at_start = False
        self._fragments = None
        events.append(last)
        return events

    def _refuse(self, first: int, masked: int, length: int) -> Violation | None:
        """Judge a frame by its header, before its payload is kept. Changes nothing: it may be asked twice."""
        opcode, is_final = first & _OPCODE, first & _FINAL
        if first & _RESERVED & ~(self._extension_bits if opcode in (TEXT, BINARY) else 0):
            return Violation(PROTOCOL_ERROR, "reserved bit")
        if masked != self._masked:
            return Violation(PROTOCOL_ERROR, "not masked" if self._masked else "masked")
        if opcode & _CONTROL:
            if opcode > PONG:
                return Violation(PROTOCOL_ERROR, "unknown opcode")
            if not is_final or length > MAX_CONTROL_PAYLOAD:
                return Violation(PROTOCOL_ERROR, "control frame too long" if is_final else "control frame in parts")
            return None
        if opcode > BINARY:
            return Violation(PROTOCOL_ERROR, "unknown opcode")
        if (opcode == CONTINUATION) != (self._fragments is not None):
            return Violation(PROTOCOL_ERROR, "fragments out of order")
        if length > _UNLIMITED:
            return Violation(PROTOCOL_ERROR, "length")
        so_far, count = (self._fragments.size, len(self._fragments.parts)) if self._fragments else (0, 0)
        # What repeats nothing is longer compressed, by an eighth at most: its true size shows when it is inflated.
        is_compressed = first & _COMPRESSED or (self._fragments and self._fragments.inflater)
        if so_far + length > (self._max_size + self._max_size // 8 + 64 if is_compressed else self._max_size):
            return _TOO_BIG
        if self._max_fragments and count >= self._max_fragments:
            return Violation(POLICY, "too many fragments")
        return None

    def _take(self, first: int, payload: bytes) -> Event | None:
        """Anything but a whole text message; None while a message is incomplete."""
        opcode = first & _OPCODE
        if opcode == PING:
            return Ping(payload)
        if opcode == PONG:
            return Pong(payload)
        if opcode == CLOSE:
            return _read_close(payload)
        if self._fragments is None:
            if first & _FINAL and not first & _COMPRESSED:
                return Binary(payload)
            self._fragments = _Fragments(first)
        fragments, is_final = self._fragments, bool(first & _FINAL)
        violation = fragments.add(payload, is_final, self._max_size)
        if violation is not None or not is_final:
            return violation
        self._fragments = None
        message = b"".join(fragments.parts)
        return message if fragments.opcode == TEXT else Binary(message)


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_close(payload: bytes) -> Close | Violation:
    if not payload:
        return Close(NO_CODE, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not _is_sendable(code):
        return Violation(PROTOCOL_ERROR, "close code")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        return _NOT_UTF8


def _is_sendable(code: int) -> bool:
    """Whether a peer may put this code on the wire: registered ones, and those for libraries and applications."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
