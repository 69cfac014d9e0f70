"""Which account a service wants to be shown instead of the server's.

Pure: what is configured in, name and hash out.

Source: AUTH-3, AUTH-5.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.callback.options import Options


def own_account(services: Mapping[str, Options], service: str) -> tuple[str, str] | None:
    """Name and password's hash; None: it wants nothing else, or there is no such service."""
    options = services.get(service, {})
    name, password_hash = options.get("username", ""), options.get("password", "")
    return (name, password_hash) if name and password_hash else None


def leads_past(services: Mapping[str, Options], shown: str, reached: str) -> bool:
    """Whether who has shown what one service wants would reach another one that wants something else.

    Args:
        shown: name of the first; empty: the server's account was shown.
    """
    own = own_account(services, reached)
    return own is not None and own != own_account(services, shown)
