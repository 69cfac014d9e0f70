"""What a request body or a frame holds: messages, not looked at yet (MSG-1…5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from bayeux.protocol.options import Options

if TYPE_CHECKING:
    from bayeux.protocol.message import Fields


class Envelope(list[dict[str, Any]]):
    """The messages of one request body or frame, and its size in bytes."""

    __slots__ = ("size",)

    def __init__(self, messages: list[Fields], size: int) -> None:
        self.extend(messages)
        self.size: int = size


def parse_envelope(body: bytes | str, options: Options) -> Envelope:
    """The messages of a body: a JSON array of objects, or one bare object (MSG-1).

    Raises MalformedBody (MSG-4).
    """
    value = json.decode(body, options.max_json_depth)
    messages = value if type(value) is list else [value]
    for message in messages:
        if type(message) is not dict:
            raise MalformedBody("neither an object nor an array of objects")
    return Envelope(messages, len(body))
