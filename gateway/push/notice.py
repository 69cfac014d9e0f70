"""One thing that a customer is told.

Source: PN-2, PN-4, PN-7, NT-10, G-19.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """It is told once for each id, however often it is put."""

    id: str
    """32 hexadecimal digits; the same where one and the same thing may be told twice."""
    tag: str
    """Such as ``service.agentavailable.<instance>`` (PN-4)."""
    message: Any
    """An object or a text."""
    instance: str = ""
    """Whom it is about; empty where it is about no instance."""
    user: str = ""
    """``gms_user`` of the instance; empty where nobody said."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """What providers look at, such as ``apple.alertMessage.body`` (NT-16)."""
    until: float | None = None
    """Seconds since 1970: it is given to nobody after that."""
    is_kept: bool = False
    """Who could not be told gets it by polling, too; one of both ways, once (IN-6)."""

    @property
    def body(self) -> dict[str, Any]:
        """What a device is given (PN-2)."""
        return {"id": self.id, "message": self.message, "tag": self.tag}

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "id": self.id,
            "tag": self.tag,
            "message": self.message,
            "instance": self.instance,
            "user": self.user,
            "properties": dict(self.properties),
            "until": self.until,
            "is_kept": self.is_kept,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Notice:
        """The same again."""
        return cls(**document)


def new_notice_id() -> str:
    """Nobody has had it (G-19)."""
    return uuid.uuid1().hex


def notice_id(*cause: object) -> str:
    """Of a notice that may be told twice: the same for the same cause, such as an instance and an attempt."""
    return uuid.uuid5(_CAUSES, "\0".join(map(str, cause))).hex


def spoken(message: Any, max_depth: int = 32) -> Any:
    """A text that holds a JSON object as that object; everything else as it is (NT-10)."""
    if not isinstance(message, str) or not message.lstrip().startswith("{"):
        return message
    try:
        value = json.decode(message, max_depth)
    except MalformedBody:
        return message
    return value if isinstance(value, dict) else message


_CAUSES = uuid.UUID("7a6c2b52-6f0e-4b0c-9f8e-2b1f0c1b9d11")
