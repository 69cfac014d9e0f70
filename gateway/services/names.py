"""What services, groups and options may be called.

Source: SV-8, MG-21.
"""

from __future__ import annotations

import re
from typing import Final

BUILT_IN: Final = frozenset(
    {
        "callback",
        "capacity",
        "get",
        "match-interaction",
        "office-hours",
        "request-access",
        "request-chat",
        "request-interaction",
    }
)
"""Services that are there without being configured (SV-2)."""

METHODS: Final = frozenset(
    {
        "agent-notification",
        "availability",
        "check-queue-position",
        "connect",
        "disconnect",
        "internal-notification",
        "ixn",
        "poke",
        "retrieve-agent-notifications",
        "retrieve-notifications",
        "start",
        "storage",
    }
)
"""What stands behind an instance's id in a path."""

RESERVED: Final = BUILT_IN | METHODS

LONGEST_OPTION: Final = 128

_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
_OPTION = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")
_GROUP = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
_KEY = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9 _.:-]{0,62}[A-Za-z0-9_])?\Z")


class NameWrong(ValueError):
    """Nothing can be called so; the text says what would be right."""


def check_service(name: str) -> None:
    """Raises NameWrong (SV-8)."""
    if _SERVICE.match(name) is None:
        raise NameWrong("a service's name begins with a letter and has up to 64 letters, digits, _ and -")
    if name in RESERVED or name.startswith("get-dialog-"):
        raise NameWrong(f"{name} means something else in paths; no service can be called so")


def check_option(name: str) -> None:
    """Raises NameWrong (MG-21)."""
    if len(name) > LONGEST_OPTION or _OPTION.match(name) is None:
        raise NameWrong(
            f"an option's name is an identifier of up to {LONGEST_OPTION} letters, digits, _ and $, and no digit first"
        )


def check_group(name: str) -> None:
    """Of resources or patterns. Raises NameWrong."""
    if _GROUP.match(name) is None:
        raise NameWrong("a group's name begins with a letter and has up to 64 letters, digits, _ and -")


def check_key(name: str) -> None:
    """Of a resource, or a pattern in its group. Raises NameWrong."""
    if _KEY.match(name) is None:
        raise NameWrong("a key has up to 64 letters, digits, _ . : - and blanks within")
