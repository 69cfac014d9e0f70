"""Strings that many connections have in common, each kept once: header values, names of cookies, addresses.

What belongs to one client alone would only drive out the others.
"""

from __future__ import annotations

from functools import lru_cache

LONGEST = 256
"""Characters; together with the number of them, this bounds what is kept."""


def shared(text: str) -> str:
    """The same text as before, if it came before."""
    return _known(text) if len(text) <= LONGEST else text


@lru_cache(maxsize=2048)
def _known(text: str) -> str:
    return text
