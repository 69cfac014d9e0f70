"""Moments as the messages write them: ISO 8601, UTC, milliseconds.

Source: MRE-12, MRE-68.
"""

from __future__ import annotations

from datetime import UTC, datetime

TICK = 0.001
"""Seconds between two moments that can be told apart."""


def written(seconds: float) -> str:
    """``2026-01-15T09:30:00.125Z`` of seconds since 1970."""
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def read(text: str) -> float:
    """Seconds since 1970. Raises ValueError for what is no moment of a known zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment.timestamp()
