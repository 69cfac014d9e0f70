"""Bodies that were compressed on the way, and answers that may be.

Source: G-27.
"""

from __future__ import annotations

import gzip
import re
import zlib
from typing import Final

from gateway.customers.refusal import MediaTypeWrong, RequestWrong, TooLarge

WORTH_IT: Final = 1024
"""Bytes above which an answer is compressed."""
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_FAST: Final = 1
_REFUSED = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*\Z")


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """What was compressed; never more than ``most`` bytes of it are in memory.

    Raises TooLarge, RequestWrong for what is damaged, MediaTypeWrong for another encoding than gzip and deflate.
    """
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise MediaTypeWrong("the body may be compressed by gzip or deflate only")
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        inflated = inflater.decompress(body, most + 1)
    except zlib.error:
        raise RequestWrong("the body cannot be decompressed") from None
    if len(inflated) > most:
        raise TooLarge(f"the body has more than {most} bytes")
    if not inflater.eof or inflater.unused_data:
        raise RequestWrong("the body cannot be decompressed")
    return inflated


def packed(body: bytes) -> bytes:
    """By gzip, without a time in it: the same body is the same bytes."""
    return gzip.compress(body, _FAST, mtime=0)


def takes_gzip(accept_encoding: str) -> bool:
    """Does a client say so? ``*`` alone does not ask for it."""
    offers = [each.strip().lower() for each in accept_encoding.split(",")]
    return any(each.partition(";")[0].strip() == "gzip" and _REFUSED.search(each) is None for each in offers)
