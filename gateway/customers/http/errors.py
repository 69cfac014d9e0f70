"""The body of every refusal.

Source: ERR-1…3.
"""

from __future__ import annotations

from http.client import responses
from typing import Any, Final

from gateway.customers.refusal import GSG, Refused

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["message", "exception", "phrase", "status"],
    "properties": {
        "message": {"type": "string", "description": "For people."},
        "exception": {"type": "string", "description": "For programs, together with the status."},
        "phrase": {"type": "string"},
        "status": {"type": "integer"},
    },
}


def error(refused: Refused) -> dict[str, Any]:
    """The body of one."""
    return _body(refused.status, refused.exception, refused.text)


def unforeseen(status: int, request_id: str) -> dict[str, Any]:
    """Of what Tornado or a defect of ours refused: nothing of it but the id to look for (ERR-3)."""
    if status < 500:
        return _body(status, Refused.exception, responses.get(status, "Error"))
    return _body(status, f"{GSG}InternalException", f"request {request_id}")


def _body(status: int, exception: str, text: str) -> dict[str, Any]:
    return {"message": text, "exception": exception, "phrase": responses.get(status, "Error"), "status": status}
