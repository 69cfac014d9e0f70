"""The ``ext`` field of a message: where extensions keep what they say to each other.

Source: EXT-1, XT-1.
"""

from __future__ import annotations

from typing import Any

from bayeux.client.event import Message


def ext_of(message: Message) -> dict[str, Any]:
    """That of a message; empty if there is none, or something else in its place."""
    ext = message.get("ext")
    return ext if isinstance(ext, dict) else {}


def extend(message: Message, **more: Any) -> None:
    """Put values into the ``ext`` of a message, in one of its own."""
    message["ext"] = {**ext_of(message), **more}
