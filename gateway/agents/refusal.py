"""Why an agent's request was not done: the exception of the interaction model, and the numbers it does not need itself.

Source: AG-140, AG-141.
"""

from __future__ import annotations

from typing import Final

from channels.interaction.refusal import MISSING, NOT_FOUND, NOT_NOW, NOT_PERMITTED, OUT_OF_RANGE, OperationRefused

Refused = OperationRefused

FORBIDDEN: Final = 3
FAILED: Final = 4
"""Ours, or of what is behind us."""
IN_USE: Final = 19
ACCESS_DENIED: Final = 20

__all__ = [
    "ACCESS_DENIED",
    "FAILED",
    "FORBIDDEN",
    "IN_USE",
    "MISSING",
    "NOT_FOUND",
    "NOT_NOW",
    "NOT_PERMITTED",
    "OUT_OF_RANGE",
    "Refused",
]
