"""The id under which an agent is known besides his name: in URIs, and where desktops name colleagues.

Source: AG-28, AG-75.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable


def user_id(user: str) -> str:
    """32 hexadecimal digits; the same on every node and after every restart."""
    return uuid.uuid5(uuid.NAMESPACE_OID, user).hex


class Directory:
    """Finds the agent whom a name or an id means."""

    def __init__(self, users: Iterable[str]) -> None:
        self._users = {alias: user for user in users for alias in (user, user_id(user))}

    def __call__(self, name: str) -> str | None:
        """His user name; None: there is none."""
        return self._users.get(name)
