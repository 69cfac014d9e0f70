"""Instants as text: how a moment is written in a message (TST-2, RPL-13)."""

from __future__ import annotations

from datetime import UTC, datetime


def iso_8601(seconds: float) -> str:
    """``2031-05-04T12:00:00.250Z``: in UTC, to the millisecond.

    Args:
        seconds: since 1970 (``time.time()``).
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
