"""Which tags a subscription hears.

``*`` stands for the rest of a segment; where it is the whole of the last one, for all that follows.

Source: NT-6.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 256


def matches(pattern: str, tag: str) -> bool:
    """Whether a filter hears a tag."""
    wanted, given = pattern.split("."), tag.split(".")
    if wanted[-1] == "*":
        wanted.pop()
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(map(_segment_matches, wanted, given))


def _segment_matches(pattern: str, text: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True
