"""The browser cookie: what proves over HTTP that a session is one's own.

Source: COOK-1, COOK-2, COOK-5, SEC-37.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from tornado.httputil import parse_cookie

from bayeux.protocol.client_id import RandomBytes, new_client_id
from bayeux.protocol.options import Options
from bayeux.transports.shared import shared

_NO_COOKIES: Mapping[str, str] = MappingProxyType({})
_VALUE = re.compile(r"[A-Za-z0-9]{8,64}")


def cookies_of(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The cookies a request carries; whoever sees them sees those of the next request that begins alike."""
    header = headers.get("cookie")
    if not header:
        return _NO_COOKIES
    return MappingProxyType({shared(name): value for name, value in parse_cookie(header).items()})


def browser_of(cookies: Mapping[str, str], options: Options) -> str | None:
    """The browser cookie's value, if it is one we could have made (COOK-5)."""
    value = cookies.get(options.browser_cookie_name)
    return value if value is not None and _VALUE.fullmatch(value) else None


def new_browser(random_bytes: RandomBytes) -> str:
    """A fresh value (COOK-1)."""
    return new_client_id(random_bytes)


def set_cookie(browser: str, options: Options, *, secure: bool) -> bytes:
    """The ``Set-Cookie`` header line (COOK-2).

    Args:
        secure: the client speaks TLS, to us or to a trusted proxy.
    """
    attributes = _attributes(
        options.browser_cookie_domain,
        options.browser_cookie_path,
        options.browser_cookie_max_age,
        options.browser_cookie_http_only,
        options.browser_cookie_secure,
        options.browser_cookie_same_site,
        options.browser_cookie_partitioned,
        secure,
    )
    return f"Set-Cookie: {options.browser_cookie_name}={browser}{attributes}\r\n".encode("latin-1")


@lru_cache(maxsize=64)
def _attributes(
    domain: str | None,
    path: str | None,
    max_age: int,
    http_only: bool,
    when_secure: str,
    same_site: str | None,
    partitioned: bool,
    secure: bool,
) -> str:
    """What stands behind the value, the same in every answer of a mount."""
    parts = [""]
    if domain:
        parts.append(f"Domain={domain}")
    if path:
        parts.append(f"Path={path}")
    if max_age >= 0:
        parts.append(f"Max-Age={max_age}")
    if http_only:
        parts.append("HttpOnly")
    # Browsers drop a cookie that is for other sites and not Secure.
    is_for_other_sites = same_site == "None" or partitioned
    if when_secure == "on" or is_for_other_sites or (when_secure == "auto" and secure):
        parts.append("Secure")
    if same_site:
        parts.append(f"SameSite={same_site}")
    if partitioned:
        parts.append("Partitioned")
    return "; ".join(parts)
