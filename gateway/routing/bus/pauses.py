"""How long to wait before what could not be reached is tried again.

Source: MRE-137.
"""

from __future__ import annotations

import random
from typing import Final

LEAST: Final = 0.5
MOST: Final = 30.0
"""Seconds."""


class Pauses:
    """One who tries: his pauses grow, by chance, so that many do not come back at once."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()  # noqa: S311 - no secret
        self._last = 0.0

    @property
    def are_over(self) -> bool:
        """The last attempt went well, or there was none."""
        return not self._last

    def next(self) -> float:
        """After an attempt that failed: the seconds to wait."""
        self._last = min(self._chance.uniform(LEAST, max(LEAST, self._last) * 3), MOST)
        return self._last

    def end(self) -> None:
        """It went well."""
        self._last = 0.0
