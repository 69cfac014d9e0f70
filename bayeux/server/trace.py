"""Every message of one session in the log, for whoever has to find out what a client does.

Switched on by ``session.is_traced``. What is a credential is masked: the clientId, and the values in ``ext``.

Source: MON-3; CometD's ``debug`` by client.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bayeux.protocol import json

if TYPE_CHECKING:
    from bayeux.protocol.encoded import Batch
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

MASK = "…"
LONGEST_DATA = 200  # characters of a message's data that a log line shows


def trace_received(session: ServerSession, fields: dict[str, Any]) -> None:
    """Log a message from the session's client."""
    _trace(session, "received", fields)


def trace_sent(session: ServerSession, events: Batch, replies: Iterable[bytes]) -> None:
    """Log what is written to the session's client."""
    for encoded in (*(event.json for event in events.messages), *replies):
        _trace(session, "sent", json.decode_own(encoded))


def _trace(session: ServerSession, direction: str, fields: dict[str, Any]) -> None:
    extra = {"event": f"message_{direction}", "user": session.user, "message_fields": masked(fields)}
    log.info("message %s", direction, extra=extra)


def masked(fields: dict[str, Any]) -> dict[str, Any]:
    """A message as it may stand in a log."""
    shown = dict(fields)
    if "clientId" in shown:
        shown["clientId"] = MASK
    if isinstance(shown.get("ext"), dict):
        shown["ext"] = dict.fromkeys(shown["ext"], MASK)
    if "data" in shown:
        data = json.encode(shown["data"]).decode()
        shown["data"] = data if len(data) <= LONGEST_DATA else data[:LONGEST_DATA] + MASK
    return shown
