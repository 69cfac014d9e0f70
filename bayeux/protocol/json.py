"""The one strict JSON codec: what it refuses is refused everywhere (SEC-10).

orjson already refuses NaN, infinities, numbers beyond a double, lone surrogates, a byte order
mark and invalid UTF-8. The nesting bound is ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from bayeux.protocol.errors import MalformedBody

Json = Any
"""A decoded JSON value: ``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` or ``dict``."""

DEEPEST = 250  # orjson decodes 1024 levels and encodes 254

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def decode(text: bytes | str, max_depth: int) -> Json:
    """Decode one JSON document nested at most ``max_depth`` deep (SEC-L12; 0 = as deep as can be encoded again).

    Raises MalformedBody; its text never repeats the input.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedBody("not JSON") from error
    encoded = text if isinstance(text, bytes) else text.encode()
    bound = max_depth or DEEPEST
    # Nearly every document has fewer brackets than it may be deep, and so few are found faster by splitting than by
    # counting, which looks at each byte by itself.
    opening = len(encoded.split(b"[", bound + 1)) + len(encoded.split(b"{", bound + 1)) - 2
    if opening > bound and _is_deeper_than(bound, encoded):
        raise MalformedBody(f"nested deeper than {max_depth}")
    return value


def decode_own(text: bytes) -> Json:
    """Decode what was encoded here, however deep it is."""
    return orjson.loads(text)


def _is_deeper_than(bound: int, text: bytes) -> bool:
    """Whether valid JSON is nested deeper; each round takes the innermost brackets away, at C speed (SEC-92)."""
    brackets = _STRING.sub(b"", text).translate(_SQUARE, _NO_BRACKETS)
    for _ in range(bound):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


class JsonCodec:
    """How an application's data becomes JSON and comes back (MSGX-6); given to ``Options.json_codec``.

    Whatever it makes of single values, documents are as strict as everywhere: bounded depth, no NaN, valid UTF-8.

    Args:
        default: called for a value that JSON cannot say; returns one that it can, or raises TypeError.
        revive: called for each message's ``data`` that arrives; returns what listeners see in its place.
    """

    __slots__ = ("_default", "revive")

    def __init__(
        self, default: Callable[[Any], Any] | None = None, revive: Callable[[Json], Any] | None = None
    ) -> None:
        self._default = default
        self.revive: Callable[[Json], Any] | None = revive

    def encode(self, value: Any) -> bytes:
        """As the function ``encode``. Raises TypeError for what neither JSON nor ``default`` can say."""
        return orjson.dumps(value, self._default)


STRICT = JsonCodec()
"""Plain JSON values, no others."""


def encode(value: Json) -> bytes:
    """Encode a JSON value as UTF-8, keys in their order.

    Raises TypeError for what JSON cannot say, in the caller, never later in a writer (MSGX-6).
    """
    return orjson.dumps(value)
