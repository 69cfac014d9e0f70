"""Advice: what a client is told about its next connect.

Wire values are milliseconds. Source: section 6 of the Bayeux reference.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

from bayeux.protocol.errors import ProtocolError, SessionUnknown
from bayeux.protocol.message import Request
from bayeux.protocol.options import Options

Advice: TypeAlias = dict[str, Any]

STOP: Advice = {"reconnect": "none"}
"""Do not come back (ADV-8)."""
REHANDSHAKE: Advice = {"reconnect": "handshake", "interval": 0}
"""The session is unknown here: make a new one. Exactly these two keys (T7)."""


def milliseconds(seconds: float) -> int:
    """A duration as the wire has it."""
    return round(seconds * 1000)


def retry(options: Options, interval: float, timeout: float) -> Advice:
    """The normal advice: always all its keys, since clients replace what they had (ADV-1, ADV-5)."""
    return _retry(interval, timeout, options.max_interval if options.handshake_reconnect else None).copy()


@lru_cache(maxsize=64)
def _retry(interval: float, timeout: float, max_interval: float | None) -> Advice:
    """The same for all sessions that have these in common; not to be changed."""
    advice: Advice = {
        "reconnect": "retry",
        "interval": milliseconds(interval),
        "timeout": milliseconds(timeout),
    }
    if max_interval is not None:
        advice["maxInterval"] = milliseconds(max_interval)
    return advice


def for_failure(error: ProtocolError, request: Request | None, options: Options, pause: float) -> Advice | None:
    """What goes with a failed reply, by the table of section 10.

    Args:
        request: what was asked for; None if the message was too broken to tell.
        pause: seconds a client refused for a passing reason should wait before its next handshake (HS-17).
    """
    if isinstance(error, SessionUnknown):
        is_advised = request in (Request.HANDSHAKE, Request.CONNECT) or options.advise_unknown_session
        return dict(REHANDSHAKE) if is_advised else None
    if request is not Request.HANDSHAKE:
        return None
    if error.is_final:
        return dict(STOP)
    if error.is_passing:
        return {"reconnect": "handshake", "interval": milliseconds(pause)}
    return None
