"""What a task's params ask of the routing; all others are carried along.

``held``, ``place`` and ``since`` are ours: docs/decisions/a-place-is-a-held-task.

Source: the keys named below MRE-50; MRE-75, MRE-95, MRE-97, MRE-100.
"""

from __future__ import annotations

import math
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
    held: bool = False
    """It only stands in the queue, for somebody who is not there yet: no agent gets it."""
    place: str = ""
    """The held task that it takes the place of."""
    since: float | None = None
    """Since when it is taken to wait, in seconds since 1970; None: since it came."""


def queue_of(params: Mapping[str, Any], mrd: Mrd | None) -> str:
    """The queue that a task goes to; empty if nobody said one."""
    queue = params.get("queue") or params.get("skillGroup") or (mrd.default_queue if mrd else "")
    return queue if isinstance(queue, str) else ""


def priority_of(params: Mapping[str, Any]) -> int:
    """A task's priority. Raises Refused."""
    return int(_number(params, "priority", USUAL, LOWEST, HIGHEST))


def is_held(params: Mapping[str, Any]) -> bool:
    """Whether a task only stands in its queue. Raises Refused."""
    word = str(params.get("held", "false")).lower()
    if word not in ("true", "false"):  # taken for false, it would ring at a desk for nobody
        raise Refused(Code.MISSING_FIELD, "held is neither true nor false")
    return word == "true"


def since_of(params: Mapping[str, Any], now: float) -> float:
    """Since when a task is taken to wait; nobody has waited since a moment to come. Raises Refused."""
    return min(now, _number(params, "since", now, 0.0, math.inf))


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
    held = is_held(params)
    if pull and held:
        raise Refused(Code.MISSING_FIELD, "what is held nobody pulls")
    return Wishes(
        queue=queue_of(params, mrd),
        priority=priority_of(params),
        skills=skills,
        preferred=preferred,
        pull=pull,
        ttl=_number(params, "ttl", 0.0, 1.0, LONGEST_TTL) if "ttl" in params else None,
        not_for=tuple(_names(params.get("excludeAgents", ()))),
        held=held,
        place=str(params.get("place", "")),
        since=_number(params, "since", 0.0, 0.0, math.inf) if "since" in params else None,
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
