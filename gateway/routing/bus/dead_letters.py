"""Messages that nobody could handle, kept for people to look at; what is secret in them is not kept.

Source: MRE-32, MRE-116, MRE-125.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.routing.bus.bus import BusMessage

MASK: Final = "***"
_SECRET: Final = "password"  # noqa: S105 - the name of a key
_LEFT_OUT: Final = b'"left out: it is no JSON, and names a password"'


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that was buried."""

    message: BusMessage
    """With its secrets masked."""
    queue: str
    """Where it was taken from."""
    reason: str
    tries: int
    first: float
    """When it came to the bus, in seconds since 1970."""
    last: float
    """When it was buried."""
    handle: str = field(default="", compare=False)
    """What the bus knows it by."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the message is masked."""
        return not _is_masked(self.message.body)


class DeadLetters(Protocol):
    """A bus whose dead letters can be listed and taken away."""

    async def dead_letters(self, queue: str, limit: int = 100) -> Sequence[DeadLetter]:
        """What was buried of a queue, oldest first. Raises Unavailable."""

    async def count_dead(self, queue: str) -> int:
        """How many there are. Raises Unavailable."""

    async def forget_dead(self, letter: DeadLetter) -> None:
        """Keep it no longer; nothing, if it is not there any more. Raises Unavailable."""


def masked(message: BusMessage) -> BusMessage:
    """The same without passwords; its body is the same to the byte where there are none."""
    if _SECRET.encode() not in message.body.lower() and b"\\u" not in message.body:
        return message
    try:
        body = json.decode(message.body, 0)
    except MalformedBody:
        return replace(message, body=_LEFT_OUT)
    shown = _masked(body)
    return message if shown == body else replace(message, body=json.encode(shown))


def _is_masked(body: bytes) -> bool:
    if body == _LEFT_OUT:
        return True
    try:
        return MASK.encode() in body and _has_mask(json.decode(body, 0))
    except MalformedBody:
        return False


def _has_mask(value: json.Json) -> bool:
    match value:
        case dict():
            return any((key.casefold() == _SECRET and each == MASK) or _has_mask(each) for key, each in value.items())
        case list():
            return any(_has_mask(each) for each in value)
        case _:
            return False


def _masked(value: json.Json) -> json.Json:
    """At any depth, as what nobody could handle may have any shape."""
    match value:
        case dict():
            return {key: MASK if key.casefold() == _SECRET else _masked(each) for key, each in value.items()}
        case list():
            return [_masked(each) for each in value]
        case _:
            return value
