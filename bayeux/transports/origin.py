"""Which web pages may talk to us: origins, and the CORS headers that tell browsers.

Decides from a request's ``Origin`` and ``Sec-Fetch-Site``, for a script also from its ``Referer``; a
request with none of them comes from a program and passes. Origins are compared as browsers write
them: ASCII, lower case, punycode, no default port.

Source: CORS-1…6, SEC-30…32, WS-3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

ANY = "any"
NULL = "null"
LONGEST = 300  # a host name has at most 253 characters
_ORIGIN = re.compile(r"(https?)://([a-z0-9_\-]+(?:\.[a-z0-9_\-]+)*|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_ORIGIN_OF_URL = re.compile(r"[^:/?#]+://[^/?#]*")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_USUAL_HEADERS = ("Accept", "Authorization", "Content-Type", "Pragma", "X-Requested-With")

IsAllowed = Callable[[str], bool]
"""The application's own answer for a normalised origin (CORS-1)."""


class Verdict(Enum):
    """What a request's origin means for it."""

    OWN = "own"
    """Same origin, or no browser at all: no CORS headers needed."""
    ALLOWED = "allowed"
    """Another origin that may: every answer carries CORS headers (CORS-2)."""
    FOREIGN = "foreign"
    """Another origin that may not (CORS-6)."""


def normalise(origin: str) -> str | None:
    """An origin as ``scheme://host`` or ``scheme://host:port``; None if it is not one of http or https."""
    text = origin.lower()
    match = _ORIGIN.fullmatch(text) if len(text) <= LONGEST and text.isascii() else None
    if match is None:
        return None
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


class Origins:
    """The origins allowed besides our own.

    Args:
        allowed: ``https://host[:port]``; ``https://*.suffix[:port]`` or ``*.suffix`` (both schemes, default
            ports) for one label or more in front of it; ``null``; ``any``.
        allowed_headers: what a preflight grants besides the usual (CORS-3).
        is_allowed: asked for what the list does not allow.

    Raises ValueError for an entry that could never match.
    """

    def __init__(
        self, allowed: Iterable[str] = (), allowed_headers: Iterable[str] = (), is_allowed: IsAllowed | None = None
    ) -> None:
        self.is_fixed: bool = is_allowed is None
        """The same origin is always judged alike."""
        self._is_any = False
        self._exact: set[str] = set()
        self._suffixes: set[tuple[str, str]] = set()  # what stands before the labels, and behind
        self._is_allowed = is_allowed
        headers = ", ".join((*_USUAL_HEADERS, *allowed_headers))
        self._preflight = (
            "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
            f"Access-Control-Allow-Headers: {headers}\r\n"
            "Access-Control-Max-Age: 600\r\n"
        ).encode()
        for entry in allowed:
            self._add(entry)

    def judge(self, headers: Mapping[str, str], own: str) -> Verdict:
        """May the page that made this request talk to us?

        Args:
            headers: of the request, names in lower case.
            own: where the request went, as the client sees it: ``scheme://host[:port]``.
        """
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site")
        if origin is None:
            return Verdict.OWN if site in (None, "same-origin", "none") else Verdict.FOREIGN
        if origin == NULL:
            return Verdict.ALLOWED if NULL in self._exact else Verdict.FOREIGN
        name = normalise(origin)
        if name is None:
            return Verdict.FOREIGN
        if site == "same-origin" or (site is None and name == normalise(own)):
            return Verdict.OWN
        return Verdict.ALLOWED if self._has(name) else Verdict.FOREIGN

    def judge_script(self, headers: Mapping[str, str], own: str) -> Verdict:
        """May the page that loads this script talk to us? Browsers tell its origin with ``Referer`` (SEC-32).

        Args:
            headers, own: see ``judge``.
        """
        site, referer = headers.get("sec-fetch-site"), headers.get("referer")
        if "origin" in headers or site in ("same-origin", "none") or (site is None and referer is None):
            return self.judge(headers, own)
        origin = _ORIGIN_OF_URL.match(referer or "")
        name = normalise(origin[0]) if origin else None
        if name is None:
            return Verdict.FOREIGN
        if site is None and name == normalise(own):
            return Verdict.OWN
        return Verdict.ALLOWED if self._has(name) else Verdict.FOREIGN

    def headers(self, origin: str, *, is_preflight: bool = False) -> bytes:
        """The header lines for an allowed origin, which is repeated as it was sent (CORS-2, CORS-3)."""
        lines = (
            f"Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n"
        ).encode("latin-1")
        return lines + self._preflight if is_preflight else lines

    def _has(self, name: str) -> bool:
        if self._is_any or name in self._exact:
            return True
        scheme, _, host = name.partition("://")
        labels = host.split(".")
        tails = (".".join(labels[n:]) for n in range(1, len(labels)))
        if any((scheme, tail) in self._suffixes for tail in tails):
            return True
        return self._is_allowed is not None and self._is_allowed(name)

    def _add(self, entry: str) -> None:
        if entry == ANY:
            self._is_any = True
            return
        if entry == NULL:
            self._exact.add(NULL)
            return
        scheme, separator, host = entry.rpartition("://")
        is_pattern = host.startswith("*.")
        for each in (scheme,) if separator else ("http", "https") if is_pattern else ():
            name = normalise(f"{each}://{_ascii(host.removeprefix('*.'))}")
            if name is None:
                break
            if is_pattern:
                self._suffixes.add((each, name.partition("://")[2]))
            else:
                self._exact.add(name)
        else:
            if separator or is_pattern:
                return
        raise ValueError(f"allowed_origins: {entry!r} is not an origin like https://example.com or a pattern *.suffix")


def _ascii(host: str) -> str:
    """A host name as browsers send it."""
    return host if host.isascii() else host.encode("idna").decode()
