"""How a command is written on a connection: an array of byte strings."""

from __future__ import annotations

Word = bytes | str | int | float
"""A part of a command."""


def pack(*words: Word) -> bytes:
    """A command's bytes."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        encoded = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(encoded), encoded))
    return b"".join(parts)
