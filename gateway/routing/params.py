"""What a task's params ask of the routing; all others are carried along.

Source: the keys named below MRE-50; MRE-75, MRE-95, MRE-97.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.routing.expression import Expression, ExpressionWrong
from gateway.routing.plan import Mrd
from gateway.routing.refusal import Code, Refused

LOWEST, HIGHEST, USUAL = 1, 10, 5
LONGEST_TTL = 24 * 60 * 60.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a task wants to be routed."""

    queue: str
    priority: int = USUAL
    """1 to 10; 10 goes first."""
    skills: str = ""
    """An expression that its agent has to fulfil besides the queue's."""
    preferred: str = ""
    """The agent who is tried first."""
    pull: bool = False
    """The preferred agent takes it himself: it is his at once."""
    ttl: float | None = None
    """Seconds that it waits; None: as long as its queue says."""
    not_for: tuple[str, ...] = ()
    """Agents who shall not have it."""


def queue_of(params: Mapping[str, Any], mrd: Mrd | None) -> str:
    """The queue that a task goes to; empty if nobody said one."""
    queue = params.get("queue") or params.get("skillGroup") or (mrd.default_queue if mrd else "")
    return queue if isinstance(queue, str) else ""


def priority_of(params: Mapping[str, Any]) -> int:
    """A task's priority. Raises Refused."""
    return int(_number(params, "priority", USUAL, LOWEST, HIGHEST))


def wishes_of(params: Mapping[str, Any], mrd: Mrd) -> Wishes:
    """All that a task asks for. Raises Refused for what cannot be meant."""
    skills = str(params.get("skills", ""))
    try:
        Expression(skills)
    except ExpressionWrong as wrong:
        raise Refused(Code.MISSING_FIELD, f"skills: {wrong}") from None
    preferred = str(params.get("preferredAgent", ""))
    pull = str(params.get("mode", "")).lower() == "pull"
    if pull and not preferred:
        raise Refused(Code.MISSING_FIELD, "mode pull needs preferredAgent")
    return Wishes(
        queue=queue_of(params, mrd),
        priority=priority_of(params),
        skills=skills,
        preferred=preferred,
        pull=pull,
        ttl=_number(params, "ttl", 0.0, 1.0, LONGEST_TTL) if "ttl" in params else None,
        not_for=tuple(_names(params.get("excludeAgents", ()))),
    )


def _number(params: Mapping[str, Any], name: str, usual: float, least: float, most: float) -> float:
    try:
        number = float(params.get(name, usual))
    except (TypeError, ValueError):
        number = float("nan")
    if not least <= number <= most:
        raise Refused(Code.MISSING_FIELD, f"{name} is not between {least:g} and {most:g}")
    return number


def _names(value: Any) -> list[str]:
    """Of a list, or of text with commas."""
    names = value.split(",") if isinstance(value, str) else value
    return [str(name).strip() for name in names if str(name).strip()]
