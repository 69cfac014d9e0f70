"""The one strict JSON codec: what it refuses is refused everywhere (SEC-10).

orjson already refuses NaN, infinities, numbers beyond a double, lone surrogates, a byte order
mark and invalid UTF-8. The nesting bound is ours.
"""

from __future__ import annotations

from typing import Any

import orjson

from bayeux.protocol.errors import MalformedBody

Json = Any
"""A decoded JSON value: ``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` or ``dict``."""


def decode(text: bytes | bytearray | memoryview | str, max_depth: int) -> Json:
    """Decode one JSON document nested at most ``max_depth`` deep (SEC-L12; 0 = unlimited).

    Raises MalformedBody; its text never repeats the input.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedBody("not JSON") from error
    if max_depth and depth(value, max_depth) > max_depth:
        raise MalformedBody(f"nested deeper than {max_depth}")
    return value


def depth(value: Json, enough: int) -> int:
    """How deep ``value`` is nested; counting stops just beyond ``enough``. A scalar has depth 0."""
    level, depth_so_far = [value], 0
    while depth_so_far <= enough:
        level = [item for item in level if isinstance(item, (dict, list))]
        if not level:
            break
        depth_so_far += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth_so_far


def encode(value: Json) -> bytes:
    """Encode a JSON value as UTF-8, keys in their order.

    Raises TypeError for what JSON cannot say, in the caller, never later in a writer (MSGX-6).
    """
    return orjson.dumps(value)
