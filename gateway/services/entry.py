"""One configured thing as it is at this moment, and where it comes from.

Source: MG-4, MG-7, MG-8, MG-20.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from gateway.services.kinds import Kind, Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A service, a resource group or a pattern group."""

    kind: Kind
    name: str
    texts: Texts
    tag: str
    """Another one with every change (``ETag``)."""
    by: str = ""
    """Who changed it last; empty: it is as the configuration file says."""
    at: float = 0.0
    """When; seconds since 1970."""
    created: int = 0
    """Rises with each entry that management made; 0: of the file."""

    @classmethod
    def written(cls, kind: Kind, name: str, texts: Texts) -> Self:
        """As the configuration file has it."""
        digest = hashlib.sha256(orjson.dumps([kind, name, list(texts.items())])).hexdigest()[:16]
        return cls(kind=kind, name=name, texts=texts, tag=f"file-{digest}")

    @classmethod
    def stored(cls, kind: Kind, name: str, body: Mapping[str, Any]) -> Self:
        """As the store has it; not for a removed one."""
        return cls(
            kind=kind,
            name=name,
            texts=body["texts"],
            tag=str(body["revision"]),
            by=body["by"],
            at=body["at"],
            created=body["created"],
        )
