"""A reply while it is being built: hooks of the application add to it, and it is sent as it is then (MSGX-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayeux.protocol.message import Message


class Reply(dict[str, Any]):
    """A reply on its way: a JSON object that remembers what it answers."""

    request: Message | None = None
    """What it answers, for outgoing extensions; None once it is written."""
