"""How a message stands in a Redis stream: ten fields, by which any program can read and write it.

Source: MRE-12, MRE-140, MRE-142.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.routing.bus.bus import BusMessage
from gateway.routing.bus.dead_letters import DeadLetter

VERSION: Final = "1"


def fields_of(message: BusMessage) -> list[bytes | str]:
    """Field, value, field, value, …"""
    fields: list[bytes | str] = [
        *("type", message.type, "id", message.id, "body", message.body, "key", message.key),
        *("cid", message.correlation, "reply_to", message.reply_to),
        *("producer", message.producer, "ts", message.time, "v", VERSION),
    ]
    if message.expires is not None:
        fields += ["exp", str(_milliseconds(message.expires))]
    return fields


def message_of(entry: bytes, fields: Sequence[bytes]) -> BusMessage:
    """Whatever is written there; what is missing is empty, and an entry without an id has that of the entry."""
    found = dict(zip(fields[::2], fields[1::2], strict=False))

    def text(name: bytes) -> str:
        return found.get(name, b"").decode("utf-8", "replace")

    return BusMessage(
        type=text(b"type"),
        body=found.get(b"body", b""),
        id=text(b"id") or entry.decode(),
        key=text(b"key"),
        correlation=text(b"cid"),
        reply_to=text(b"reply_to"),
        producer=text(b"producer"),
        time=text(b"ts"),
        expires=_seconds(text(b"exp")),
    )


def fields_of_dead(letter: DeadLetter) -> list[bytes | str]:
    """The message's, then what is known of its end."""
    return [
        *fields_of(letter.message),
        *("reason", letter.reason, "tries", str(letter.tries)),
        *("first", str(_milliseconds(letter.first)), "last", str(_milliseconds(letter.last))),
    ]


def dead_letter_of(queue: str, entry: bytes, fields: Sequence[bytes]) -> DeadLetter:
    """The same, the other way round."""
    found = dict(zip(fields[::2], fields[1::2], strict=False))
    return DeadLetter(
        message=message_of(entry, fields),
        queue=queue,
        reason=found.get(b"reason", b"").decode("utf-8", "replace"),
        tries=int(found.get(b"tries", b"0")),
        first=int(found.get(b"first", b"0")) / 1000,
        last=int(found.get(b"last", b"0")) / 1000,
        handle=entry.decode(),
    )


def came_at(entry: str) -> float:
    """When an entry was made, by its id; in seconds since 1970."""
    return int(entry.partition("-")[0]) / 1000


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _seconds(milliseconds: str) -> float | None:
    """None for what is no number: it is as if nothing was said."""
    return int(milliseconds) / 1000 if milliseconds.isascii() and milliseconds.isdecimal() else None
