"""Advice, as a client understands it.

Source: section 6 of the Bayeux reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Advice:
    """What the server asks of its clients (ADV-1…9); times in seconds."""

    reconnect: str = "retry"
    """``retry``, ``handshake`` or ``none``."""
    interval: float = 0.0
    """Pause before the next connect."""
    timeout: float = 60.0
    """How long the server holds a connect."""
    max_interval: float | None = None
    """After this long without a connect, beyond the two above, the session is gone (ADV-5)."""
    multiple_clients: bool = False
    """The server sees too many clients behind one cookie, and has us poll (COOK-11)."""

    def updated(self, wire: Mapping[str, Any]) -> Advice:
        """The advice that follows this one.

        It replaces all but the time-out, because a server that sends only part of one, with
        a 402, means nothing by the absence of that (ADV-1).
        """
        return Advice(
            reconnect=str(wire.get("reconnect", "retry")),
            interval=_seconds(wire.get("interval")) or 0.0,
            timeout=_seconds(wire.get("timeout")) or self.timeout,
            max_interval=_seconds(wire.get("maxInterval")),
            multiple_clients=wire.get("multiple-clients") is True,
        )


def _seconds(wire: object) -> float | None:
    is_number = isinstance(wire, (int, float)) and not isinstance(wire, bool)
    return max(0.0, wire / 1000) if is_number else None  # type: ignore[operator]
