"""What a resource takes and answers by one method, said once: the OpenAPI document is made of it.

Source: MG-22, MG-24.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

Json = Mapping[str, Any]

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
ZIP: Final = "application/zip"


class Role(StrEnum):
    """What somebody may do (MG-22)."""

    ADMINISTRATOR = "Administrator"
    SUPERVISOR = "Supervisor"


ANYBODY: Final = frozenset[Role]()
"""No sign-in is needed."""
ALL_ROLES: Final = frozenset(Role)
ADMINISTRATORS: Final = frozenset({Role.ADMINISTRATOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One of GET, POST, PUT, DELETE."""

    says: str
    roles: frozenset[Role] = ADMINISTRATORS
    status: int = 200
    """Of the answer when it was done; 204 has no body."""
    answer: Json = field(default_factory=lambda: {"type": "object"})
    """JSON Schema of the answer."""
    answer_media: str = JSON
    body: Json | None = None
    """JSON Schema of what is sent; None: nothing is."""
    body_media: str = JSON
    has_condition: bool = False
    """``If-Match`` counts."""
    is_tagged: bool = False
    """The answer has an ``ETag``."""
    query: tuple[str, ...] = ()
    """Parameters that are ``true`` or are not there."""
    refuses: tuple[int, ...] = ()
    """HTTP status codes that it has besides those of every resource."""
