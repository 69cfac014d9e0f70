"""What is counted of each workload, how far it may lie from the baseline, and what a difference means.

Better fails as worse does: a gain that is not written down can be lost again without anybody seeing it, and the
baseline would end as a bound that nothing touches. Recording it is one command, and the change of the baseline
stands in the commit that earned it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Counts: TypeAlias = Mapping[str, float]
"""By name of the kind; each a unit's share, a unit being a delivered message or a session."""

DIGITS = 3
"""Decimals of a count: what is finer is no difference."""


class Verdict(Enum):
    """How a count stands to the baseline."""

    SAME = "as it was"
    WORSE = "worse"
    BETTER = "better"
    MISSING = "not in the baseline"
    FREE = "not compared"
    """It depends on the version of Python, and the baseline has none of this one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that is counted.

    Args:
        share: by how much of itself it may differ: for asyncio's own code, which changes with Python's patch releases.
        slack: by how much besides, where a count is next to nothing.
        is_of_python: it depends on the minor version; the others are the same wherever it runs.
    """

    name: str
    share: float = 0.0
    slack: float = 0.0
    is_of_python: bool = False

    def compare(self, before: float, now: float) -> Verdict:
        """What it means that the count is ``now``."""
        allowed = self.share * abs(before) + self.slack
        if abs(now - before) <= allowed + 10**-DIGITS / 2:
            return Verdict.SAME
        return Verdict.WORSE if now > before else Verdict.BETTER


KINDS = (
    Kind("bytes written"),
    Kind("writes"),
    Kind("tasks"),
    Kind("futures"),
    Kind("timers"),
    # Bytecode instructions and calls, in all of Python that runs.
    Kind("instructions", share=0.03, is_of_python=True),
    Kind("calls", share=0.03, slack=0.05, is_of_python=True),
    Kind("calls of C", share=0.03, slack=0.05, is_of_python=True),
    # Of the garbage collector: how many objects were made, how many there were more at the worst moment, and
    # how many are left.
    Kind("objects made", share=0.03, slack=0.1, is_of_python=True),
    Kind("objects at once", share=0.03, slack=0.1, is_of_python=True),
    Kind("objects kept", share=0.03, slack=0.1, is_of_python=True),
    # Of all memory that Python hands out; the tables that many sessions share grow by leaps.
    Kind("bytes kept", share=0.05, slack=8.0, is_of_python=True),
)
