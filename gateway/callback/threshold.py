"""Whether an agent is near: estimate and position in the queue against ``_eta_pos_threshold``.

Source: TH-1…7, TH-9, TH-13.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReport:
    """What the queue tells of one who waits in it (TH-1)."""

    position: int
    """1 = next."""
    total: int
    eta: int | None
    """Seconds; None: the queue cannot tell."""
    ready_agents: int = 0


class WhenUnknown(StrEnum):
    """``_threshold_when_eta_unknown``: what a queue without an estimate means (TH-13)."""

    PASS = "pass"  # noqa: S105 - a word of the option
    POSITION = "position"
    """Reached while there are as many agents ready as the position says."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the threshold is reached, and the text that tells why or why not (TH-6)."""

    reached: bool
    reason: str


class ThresholdInvalid(ValueError):
    """Not a list of ``eta:position`` with rising, non-negative estimates."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The steps of ``_eta_pos_threshold``: up to the next step's estimate, this position is near enough."""

    steps: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, text: str) -> Threshold:
        """``0:10,10:5`` and so on. Raises ThresholdInvalid."""
        steps = tuple(_pairs(text))
        if any(eta >= following for (eta, _), (following, _) in pairwise(steps)):
            raise ThresholdInvalid(f"estimates do not rise: {text}")
        return cls(steps)

    def __str__(self) -> str:
        return ",".join(f"{eta}:{position}" for eta, position in self.steps)

    def judge(self, report: QueueReport, when_unknown: WhenUnknown = WhenUnknown.PASS) -> Verdict:
        """Whether who waits at that position, with that estimate, should get ready."""
        eta, position = report.eta, report.position
        if eta is None:
            reached = when_unknown is WhenUnknown.PASS or position <= report.ready_agents
            return Verdict(reached, "eta n/a")
        near, upper = self._step_of(eta)
        if upper is not None and position <= near:
            return Verdict(True, f"eta  <= {upper} and position <={near} ")  # the blanks are the original's
        if position <= max(near, 1):  # TH-4
            return Verdict(True, "position is first in queue")
        return not_reached(report)

    def _step_of(self, eta: int) -> tuple[int, int | None]:
        """The position that is near enough, and up to which estimate: a border is the lower step's (TH-3)."""
        for (_, near), (upper, _) in pairwise(self.steps):
            if eta <= upper:
                return near, upper
        return self.steps[-1][1], None


def not_reached(report: QueueReport) -> Verdict:
    """No agent is near."""
    eta = "n/a" if report.eta is None else report.eta
    return Verdict(False, f"threshold not reached: eta {eta}, position {report.position}")


DEFAULT = Threshold(((0, 10), (10, 5), (20, 2), (30, 1), (40, 0)))


def polling_interval(eta: int | None, shortest: float, longest: float) -> float:
    """Seconds until the queue is looked at again: half the estimate, within bounds (TH-9) and never at once."""
    wanted = longest if eta is None else eta / 2
    return max(1.0, shortest, min(wanted, longest))


def _pairs(text: str) -> Iterator[tuple[int, int]]:
    for pair in text.split(","):
        eta, colon, position = (part.strip() for part in pair.partition(":"))
        if not (colon and _is_number(eta) and _is_number(position)):
            raise ThresholdInvalid(f"not a list of eta:position: {text}")
        yield int(eta), int(position)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
