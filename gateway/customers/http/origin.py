"""Where this server is, as a client knows it: what absolute URLs that we tell begin with.

Source: G-25, SEC-96.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?\Z|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?\Z")
_NOWHERE = "localhost"
"""For who sends no host, or none that could be one."""


class OwnOrigin:
    """Scheme and host of what is told.

    Args:
        external_url: what it is for all clients; empty: what each of them has asked.
        trusts_forwarded: believe ``X-Forwarded-Proto`` and ``X-Forwarded-Host``.
    """

    def __init__(self, *, external_url: str = "", trusts_forwarded: bool = False) -> None:
        self._external_url = external_url.rstrip("/")
        self._trusts_forwarded = trusts_forwarded

    def of(self, scheme: str, headers: Mapping[str, str]) -> str:
        """For a request that came by this scheme with these headers."""
        if self._external_url:
            return self._external_url
        host = headers.get("Host", "")
        if self._trusts_forwarded:
            # The proxy that is ours is the last that has added a word.
            scheme = _last(headers, "X-Forwarded-Proto").lower() or scheme
            host = _last(headers, "X-Forwarded-Host") or host
        return f"{scheme if scheme in ('http', 'https') else 'http'}://{host if _HOST.match(host) else _NOWHERE}"


def _last(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "").rpartition(",")[2].strip()
