"""The id by which one request is found in answers and logs.

Source: OPS-53.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}\Z")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\Z")


def request_id(headers: Mapping[str, str]) -> str:
    """The one the sender gave, if it is sane, else one of ours."""
    given = headers.get("X-Request-Id", "")
    if _SANE.match(given):
        return given
    trace = _TRACEPARENT.match(headers.get("traceparent", ""))
    return trace[1] if trace else secrets.token_hex(8)
