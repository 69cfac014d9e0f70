"""``permessage-deflate``: what is agreed with a client, and how a message is compressed for it.

Neither side keeps a window from one message to the next, so the same compressed bytes serve
every subscriber, and a connection that compresses needs no more memory than one that does not. The price is
that a message is compressed by what it repeats itself: short ones are better sent as they are.

Cost model: 10 µs for 1 KiB of JSON, 10 ms for a megabyte, twice that for what repeats nothing; nothing remains
of it. So no more than ``MOST_AT_ONCE`` is compressed in a go (SEC-92).

Source: RFC 7692; WS-4, SEC-92, SEC-93.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from bayeux.protocol.inflating import RAW, Inflater

NAME = "permessage-deflate"
TAIL = b"\x00\x00\xff\xff"
"""What a sender leaves out at the end of a message, and a receiver puts there again."""

MOST_AT_ONCE = 256 * 1024
"""Bytes; longer texts, and the rest of longer batches, are sent as they are."""

_LEVEL = 1  # the lowest: JSON shrinks by two thirds in a quarter of the time that level 6 needs
_MEMORY = 6  # less is slower where little repeats itself, more takes longer to set up; all is given back at once
_LARGEST_WINDOW = zlib.MAX_WBITS

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf"[ \t]*;[ \t]*({_WORD})(?:[ \t]*=[ \t]*(?:({_WORD})|\"({_WORD})\"))?")
_EXTENSION = re.compile(rf"({_WORD})((?:{_PARAMETER.pattern}){{0,4}})")
_VALUES = {
    "server_no_context_takeover": re.compile(r""),
    "client_no_context_takeover": re.compile(r""),
    "server_max_window_bits": re.compile(r"9|1[0-5]"),  # the standard also has 8, which zlib cannot do
    "client_max_window_bits": re.compile(r"|[89]|1[0-5]"),
}
"""All parameters there are (RFC 7692, 7.1); the empty value is that of one without."""


class Deflate(NamedTuple):
    """How messages for a client are compressed: the same for all who agreed on the same.

    A tuple, because each write to a socket looks up its batch's frames by it.
    """

    window_bits: int = _LARGEST_WINDOW
    """The client inflates with a window of two to the power of this, in bytes; 9 to 15."""
    min_size: int = 0
    """Bytes; shorter texts are sent as they are."""

    def compress(self, text: bytes) -> bytes | None:
        """The compressed payload of a message; None where it is better sent as it is."""
        if not self.min_size <= len(text) <= MOST_AT_ONCE:
            return None
        stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, -self.window_bits, _MEMORY)
        payload = (stream.compress(text) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
        return payload if len(payload) < len(text) else None

    @property
    def answer(self) -> str:
        """The ``Sec-WebSocket-Extensions`` by which a server accepts."""
        accepted = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
        if self.window_bits < _LARGEST_WINDOW:
            accepted += f"; server_max_window_bits={self.window_bits}"
        return accepted


@lru_cache(maxsize=32)
def agree(offers: str, min_size: int) -> Deflate | None:
    """The first of a client's offers that can be accepted; None where there is none.

    Args:
        offers: its ``Sec-WebSocket-Extensions``; what is malformed in it, or another extension, is passed over.
    """
    for parameters in _offers(offers):
        window_bits = _window_of(parameters)
        if window_bits is not None:
            return Deflate(window_bits, min_size)
    return None


def message_inflater() -> Inflater:
    """What inflates one message of a client: any window that it may have used will do."""
    return Inflater(RAW)


def _offers(header: str) -> Iterator[list[tuple[str, str]]]:
    """The parameters of each offer of our extension, in the client's order of preference."""
    for element in header.split(","):  # a value that is quoted is a token all the same: it has no comma
        extension = _EXTENSION.fullmatch(element.strip(" \t"))
        if extension is not None and extension[1] == NAME:
            yield [(name, plain or quoted) for name, plain, quoted in _PARAMETER.findall(extension[2])]


def _window_of(parameters: list[tuple[str, str]]) -> int | None:
    """The window we may use under an offer; None if it is to be declined (RFC 7692, 7)."""
    values = dict(parameters)
    is_acceptable = len(values) == len(parameters) and all(
        name in _VALUES and _VALUES[name].fullmatch(value) for name, value in parameters
    )
    return int(values.get("server_max_window_bits", _LARGEST_WINDOW)) if is_acceptable else None
