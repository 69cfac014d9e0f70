"""Requests that come again under one ``Idempotency-Key``: the first answer is given, and nothing is begun.

Source: CB-10.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bayeux.protocol import json
from gateway.callbacks.refusal import KeyReused, OptionWrong
from gateway.customers.values import File, Values
from gateway.store.turn import Turn

HEADER: Final = "Idempotency-Key"
REMEMBERED: Final = 24 * 60 * 60.0
"""Seconds."""
LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Repeatable:
    """One request that may come again; without a key it is another one each time."""

    key: str = ""
    """Of the document that remembers it."""
    digest: str = ""
    """Of all that was sent."""

    @classmethod
    def read(cls, key: str | None, service: str, user: str, values: Values) -> Repeatable:
        """By its header, None where there is none. Raises OptionWrong."""
        if key is None:
            return cls()
        if not 1 <= len(key) <= LONGEST:
            raise OptionWrong(f"{HEADER} has 1 to {LONGEST} characters")
        return cls(f"repeatable:{json.encode([service, user, key]).decode()}", _digest(values))

    async def answer(self, turn: Turn) -> Mapping[str, Any] | None:
        """What it was answered before; None: it did not come before. Raises KeyReused."""
        if not self.key:
            return None
        (body,) = await turn.read(self.key)
        if body is None:
            return None
        if body["digest"] != self.digest:
            raise KeyReused(f"this {HEADER} was another request's")
        answer: Mapping[str, Any] = body["answer"]
        return answer

    def remember(self, turn: Turn, answer: Mapping[str, Any]) -> None:
        """What it is answered; ``answer`` was asked before."""
        if self.key:
            turn.write(self.key, {"digest": self.digest, "answer": answer}, ttl=REMEMBERED)


def _digest(values: Values) -> str:
    sums = hashlib.sha256()
    for name, value in sorted(values.items()):
        parts = (value.name.encode(), value.media_type.encode(), value.content) if isinstance(value, File) else ()
        for part in (name.encode(), *(parts or (str(value).encode(),))):
            sums.update(len(part).to_bytes(8))
            sums.update(part)
    return sums.hexdigest()
