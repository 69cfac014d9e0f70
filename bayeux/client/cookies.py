"""The cookies of one client with one server: kept and sent back, also on a WebSocket upgrade (WS-32).

Read by hand: ``http.cookies`` drops a whole cookie for one attribute it does not know, such as ``Partitioned``
(COOK-2), and for values that every browser takes. One origin is all there is, so ``Domain`` has nothing to decide.

Source: RFC 6265, sections 5.2 and 5.4, as far as one origin needs it; COOK-1…4.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

MAX_COOKIES = 50  # what RFC 6265 expects of a browser for one domain


@dataclass(frozen=True, slots=True)
class _Cookie:
    value: str
    path: str
    is_secure: bool


class Cookies:
    """What the server has set; the newest value of a name counts, and of too many the oldest is forgotten."""

    def __init__(self) -> None:
        self._cookies: dict[str, _Cookie] = {}

    def store(self, set_cookie: str) -> None:
        """Take the value of one ``Set-Cookie`` header; what is no cookie is ignored, as browsers do."""
        pair, *attributes = set_cookie.split(";")
        name, separator, value = (part.strip() for part in pair.partition("="))
        if not name or not separator or not f"{name}{value}".isprintable():
            return
        said = {name.strip().lower(): value.strip() for name, _, value in (each.partition("=") for each in attributes)}
        self._cookies.pop(name, None)
        if not _is_over(said):
            self._cookies[name] = _Cookie(value, said.get("path", ""), "secure" in said)
        if len(self._cookies) > MAX_COOKIES:
            del self._cookies[next(iter(self._cookies))]

    def header(self, path: str, *, secure: bool) -> str:
        """The ``Cookie`` header of a request to ``path``, empty if there are none for it."""
        return "; ".join(
            f"{name}={cookie.value}"
            for name, cookie in self._cookies.items()
            if _covers(cookie.path, path) and (secure or not cookie.is_secure)
        )


def _is_over(attributes: Mapping[str, str]) -> bool:
    """A server deletes a cookie by a life of nothing; other life times outlast this client."""
    try:
        if "max-age" in attributes:
            return int(attributes["max-age"]) <= 0
        expires = attributes.get("expires")
        return bool(expires) and parsedate_to_datetime(expires or "").timestamp() <= time.time()
    except (ValueError, OverflowError):
        return False


def _covers(cookie_path: str, path: str) -> bool:
    if not cookie_path.startswith("/"):
        return True
    return path == cookie_path or path.startswith(cookie_path.rstrip("/") + "/")
