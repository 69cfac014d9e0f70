"""From the bytes of a mail to text, whatever its sender says about them.

What cannot be decoded becomes U+FFFD; nothing raises, because a customer's mail is no less a mail for a wrong charset.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header

# Codecs that Python knows and no mail is written in; decoding a long text takes them minutes.
_NO_CHARSETS = frozenset({"punycode", "idna"})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


def decoded(content: bytes, charset: str | None) -> str:
    """As this charset; as UTF-8 where there is no such one."""
    if charset and charset.lower() not in _NO_CHARSETS:
        try:
            return _whole(content.decode(charset, "replace"))
        except (LookupError, ValueError):  # unknown, no encoding of text, or not even a name
            pass
    return content.decode("utf-8", "replace")


def decoded_words(text: str) -> str:
    """A header's text with its encoded words (RFC 2047) read, on one line."""
    try:
        parts = decode_header(text)
    except HeaderParseError:
        parts = [(text, None)]
    words = (part if isinstance(part, str) else _word(part, charset) for part, charset in parts)
    return _CONTROLS.sub(" ", _whole("".join(words))).strip()


def _whole(text: str) -> str:
    """Without halves of characters, which codecs such as UTF-7 let through, and no store and no page takes."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _word(part: bytes, charset: str | None) -> str:
    # What stood between encoded words comes from the library in this encoding.
    return decoded(part, charset) if charset else decoded(part, "raw-unicode-escape")
