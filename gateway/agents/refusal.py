"""Why an agent's request was not done: one exception, which knows its ``statusCode`` (AG-140)."""

from __future__ import annotations

from typing import Final

MISSING: Final = 1
"""A required parameter is not there."""
NOT_NOW: Final = 2
"""Not valid in this state."""
FORBIDDEN: Final = 3
FAILED: Final = 4
"""Ours, or of what is behind us."""
NOT_PERMITTED: Final = 5
NOT_FOUND: Final = 6
OUT_OF_RANGE: Final = 10
READ_ONLY: Final = 11
IN_USE: Final = 19
ACCESS_DENIED: Final = 20


class Refused(Exception):
    """Nothing was changed (AG-141).

    Args:
        status_code: of AG-140.
        text: for people; tells nothing that the asker may not know.
    """

    def __init__(self, status_code: int, text: str) -> None:
        super().__init__(text)
        self.status_code = status_code
        self.text = text
