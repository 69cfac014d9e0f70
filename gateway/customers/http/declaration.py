"""What a resource takes and answers by one method, said once: the OpenAPI document is made of it.

Source: G-3, ST-5, ST-6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

JSON: Final = "application/json"
TEXT: Final = "text/plain"
BYTES: Final = "application/octet-stream"
NOTHING: Final = ""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One of GET, POST, PUT, DELETE."""

    says: str
    media: str = JSON
    """Of the answer; ``NOTHING`` = it has no body."""
    answer: Json = field(default_factory=lambda: {"type": "object"})
    """JSON Schema of the answer, where it is JSON."""
    takes_data: bool = False
    """Parameters of any name, which are the application's own."""
    takes_json: Json | None = None
    """JSON Schema of the object that has to be sent, as JSON and in no other way (NT-2); None: parameters."""
    query: Json | None = None
    """JSON Schema of the object that its query string has to be; None: nothing is asked for there."""
    needs_user: bool = False
    """The header ``gms_user`` has to be there."""
    refuses: tuple[int, ...] = ()
    """HTTP status codes that it has besides those of every resource."""
