"""What rooms may be called, in any store."""

from __future__ import annotations

import re

_ROOM = re.compile(r"[a-z]{1,32}\Z")


def check_room(name: str) -> str:
    """Raises ValueError for what is no room's name."""
    if _ROOM.match(name) is None:
        raise ValueError(f"room {name!r}: up to 32 lower-case letters")
    return name
