"""Bodies by gzip, of which the part that many clients get is compressed once.

Deflate is a row of blocks. What is shared becomes blocks that end at a byte and refer to nothing outside of
themselves; what is one client's own stands behind them as it is, up to ``MOST_OF_ONES_OWN``, and so its length tells
nothing of its likeness to what others wrote (SEC-93).

Cost model: 10 µs for the first KiB, once a batch; a client costs a copy and the checksum of what is its own. A window
no larger than the text: setting up one of 32 KiB takes ten times as long as filling it with a small body.

Source: RFC 1951, 3.2; RFC 1952; ENC-2.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

MOST_OF_ONES_OWN = 1024
"""Bytes that are sent uncompressed behind what is shared; longer ones are worth a compression of their own."""

_LEVEL = 5  # JSON: two thirds of the time of the default for 2 % more bytes
_SMALLEST_WINDOW = 12  # bits; below it nothing becomes faster
_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, made on a system unknown
_STORED, _LAST_STORED = struct.Struct("<BHH"), 1
_TAIL = struct.Struct("<II")


class Shared(NamedTuple):
    """How the bodies of many clients begin."""

    begin: bytes
    """The head of gzip, and whole blocks."""
    checksum: int
    """Of the text in them."""
    size: int
    """Bytes of that text."""

    def followed_by(self, own: bytes) -> bytes:
        """A whole body: the shared text, then what is one client's own, up to ``MOST_OF_ONES_OWN``."""
        size = len(own)
        stored = _STORED.pack(_LAST_STORED, size, size ^ 0xFFFF)
        tail = _TAIL.pack(zlib.crc32(own, self.checksum), (self.size + size) & 0xFFFFFFFF)
        return b"".join((self.begin, stored, own, tail))


def share(text: bytes) -> Shared:
    """Compress the beginning of bodies."""
    return Shared(_HEAD + _blocks(text, zlib.Z_SYNC_FLUSH), zlib.crc32(text), len(text))


def gzipped(text: bytes) -> bytes:
    """Compress a body."""
    tail = _TAIL.pack(zlib.crc32(text), len(text) & 0xFFFFFFFF)
    return b"".join((_HEAD, _blocks(text, zlib.Z_FINISH), tail))


def _blocks(text: bytes, flush: int) -> bytes:
    bits = min(max(len(text).bit_length(), _SMALLEST_WINDOW), zlib.MAX_WBITS)
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, -bits, bits - 7)
    return stream.compress(text) + stream.flush(flush)
