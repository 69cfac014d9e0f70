"""Codes that a customer types to be told from others on the same number.

Source: RI-6, RA-5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LENGTH: Final = "_access_code_length"
DEFAULT_LENGTH: Final = 6
LONGEST: Final = 20
"""Nobody types more."""

Below = Callable[[int], int]
"""A number from 0 to below the given one that nobody can foresee, each as likely."""


def read_length(text: str) -> int:
    """How many digits a code has. Raises ValueError with what would be right."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= LONGEST):
        raise ValueError(f"{LENGTH} is a whole number from 1 to {LONGEST}")
    return int(text)


def draw(length: int, below: Below) -> str:
    """Some code; whether it is free the caller finds out."""
    return str(below(10**length)).zfill(length)
