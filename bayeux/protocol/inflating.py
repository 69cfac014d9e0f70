"""Inflating what a peer compressed, never to more than there is room for.

The bound holds while inflating: of a bomb, no more than the room and one byte is ever made. Refuses
also data that is a chain of many small streams, because each costs a copy of what follows it.

Source: RFC 1951, RFC 1952; WS-4, WS-19, ENC-3, SEC-L7.
"""

from __future__ import annotations

import sys
import zlib

RAW = -zlib.MAX_WBITS
"""Bare deflate, as in WebSocket messages."""
GZIP = zlib.MAX_WBITS + 16
"""With the head and the checksum of gzip, as in HTTP bodies."""

MAX_STREAMS = 16
"""One behind the other. Clients write one; senders that end a stream to flush it write one a flush."""


class NoRoom(Exception):
    """It inflates to more than there is room for."""


class NotInflatable(Exception):
    """It is not what its format says."""


class Inflater:
    """Inflates one message or body, in one piece or in several.

    Args:
        form: ``RAW`` or ``GZIP``.
    """

    __slots__ = ("_form", "_stream", "_streams")

    def __init__(self, form: int) -> None:
        self._form = form
        self._streams = 1
        self._stream: zlib._Decompress = zlib.decompressobj(form)

    @property
    def has_ended(self) -> bool:
        """The compressed data says that nothing follows; gzip must, WebSocket messages usually do not."""
        return self._stream.eof

    def inflate(self, data: bytes, room: int) -> bytes:
        """What the next piece inflates to.

        Args:
            room: bytes this may be; 0 = none at all.

        Raises NoRoom, NotInflatable; nothing more can be inflated then.
        """
        parts: list[bytes] = []
        while data:
            if self._stream.eof:
                self._begin_next()
            try:
                part = self._stream.decompress(data, min(room, sys.maxsize - 1) + 1)
            except zlib.error as error:
                raise NotInflatable from error
            room -= len(part)
            if room < 0:
                raise NoRoom
            parts.append(part)
            data = self._stream.unused_data
        return b"".join(parts)

    def _begin_next(self) -> None:
        self._streams += 1
        if self._streams > MAX_STREAMS:
            raise NotInflatable
        self._stream = zlib.decompressobj(self._form)
