"""Why an operation was not done; whoever is refused finds that nothing was changed (AG-141).

The numbers are those of AG-140.
"""

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
"""This agent may not."""
NOT_FOUND: Final = 6
OUT_OF_RANGE: Final = 10
EXISTS: Final = 18


class OperationRefused(Exception):
    """Nothing was changed.

    Args:
        status_code: of AG-140.
        text: for people.
    """

    def __init__(self, status_code: int, text: str) -> None:
        super().__init__(text)
        self.status_code = status_code
        self.text = text
