"""Why an operation was not done; whoever is refused finds that nothing was changed (AG-141).

The numbers are those of AG-140.
"""

from __future__ import annotations

from typing import Final

MISSING: Final = 1
NOT_NOW: Final = 2
NOT_PERMITTED: Final = 5
NOT_FOUND: Final = 6
OUT_OF_RANGE: Final = 10
READ_ONLY: Final = 3
"""AG-78 answers FORBIDDEN for what only routing may write."""


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
