"""The browser cookie: what proves over HTTP that a session is one's own.

Source: COOK-1, COOK-2, COOK-5, SEC-37.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from tornado.httputil import parse_cookie

from bayeux.protocol.client_id import RandomBytes, new_client_id
from bayeux.protocol.options import Options
from bayeux.transports.shared import shared

_NO_COOKIES: Mapping[str, str] = MappingProxyType({})
_VALUE = re.compile(r"[A-Za-z0-9]{8,64}")


def cookies_of(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The cookies a request carries."""
    header = headers.get("cookie")
    return {shared(name): value for name, value in parse_cookie(header).items()} if header else _NO_COOKIES


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
    parts = [f"{options.browser_cookie_name}={browser}"]
    if options.browser_cookie_domain:
        parts.append(f"Domain={options.browser_cookie_domain}")
    if options.browser_cookie_path:
        parts.append(f"Path={options.browser_cookie_path}")
    if options.browser_cookie_max_age >= 0:
        parts.append(f"Max-Age={options.browser_cookie_max_age}")
    if options.browser_cookie_http_only:
        parts.append("HttpOnly")
    # Browsers drop a cookie that is for other sites and not Secure.
    is_for_other_sites = options.browser_cookie_same_site == "None" or options.browser_cookie_partitioned
    if (
        options.browser_cookie_secure == "on"
        or is_for_other_sites
        or (options.browser_cookie_secure == "auto" and secure)
    ):
        parts.append("Secure")
    if options.browser_cookie_same_site:
        parts.append(f"SameSite={options.browser_cookie_same_site}")
    if options.browser_cookie_partitioned:
        parts.append("Partitioned")
    return f"Set-Cookie: {'; '.join(parts)}\r\n".encode("latin-1")
