"""How many callbacks a service, and one customer of it, may start.

Decides on counts that the caller read, and says what they are afterwards. Whoever counts writes the count and the
instance in one commit, so that of more starts at once than a limit allows exactly the limit's number succeed (CB-19).

Source: CB-15…20, ERR-6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.callback.settings import InQueueCheck, Settings

DAY = 86_400
TRY_AGAIN = 30
"""Seconds, where nobody can tell when a place will be free."""

IN_QUEUE: Mapping[InQueueCheck, int] = {InQueueCheck.TRUE: 2, InQueueCheck.STRICT: 1, InQueueCheck.FALSE: 0}
"""How many callbacks of one number a queue takes; 0: any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What was started before."""

    queued: int = 0
    """Callbacks of the service that are QUEUED."""
    queued_of_customer: int = 0
    """Those of the same number."""
    starts: Sequence[float] = ()
    """When callbacks of the service were started; the oldest first."""
    starts_of_customer: Sequence[float] = ()


class LimitReached(Exception):
    """A start is refused with 503; ``retry_after`` is in seconds."""

    def __init__(self, text: str, retry_after: int) -> None:
        super().__init__(text)
        self.text = text
        self.retry_after = retry_after


def check(service: str, settings: Settings, load: Load, now: float) -> None:
    """Whether one more may start.

    Raises:
        LimitReached: nothing is to be counted.
    """
    if _is_reached(settings.max_queued_callbacks_per_service, load.queued):
        raise LimitReached(f"{service}: too many callbacks are in the queue", TRY_AGAIN)
    for limit, seconds in _rates(settings):
        _check_rate(f"{service}: too many callbacks", load.starts, limit, seconds, now)
    limit = settings.throttle_request_parameters_limit
    _check_rate(f"{service}: too many callbacks of this customer", load.starts_of_customer, limit, DAY, now)
    if _is_reached(IN_QUEUE[settings.enable_in_queue_checking], load.queued_of_customer):
        raise LimitReached(f"{service}: enough callbacks of this number are in the queue", TRY_AGAIN)


def counted(settings: Settings, load: Load, now: float) -> Load:
    """The load with one more, which goes into the queue; starts that count for nothing any more are forgotten."""
    longest = max((seconds for limit, seconds in _rates(settings) if limit > 0), default=0)
    starts = (*_since(load.starts, now - longest), now) if longest else ()
    of_customer = (*_since(load.starts_of_customer, now - DAY), now)
    return Load(
        queued=load.queued + 1,
        queued_of_customer=load.queued_of_customer + 1,
        starts=starts,
        starts_of_customer=of_customer if settings.throttle_request_parameters_limit > 0 else (),
    )


def customer_key(settings: Settings, parameters: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, ...]:
    """By what a customer is told from others; empty: by nothing, and no limit is his (CB-17).

    Args:
        headers: by names in lower case.
    """
    names = [name.strip() for name in settings.throttle_request_parameters.split(",") if name.strip()]
    heard = headers if settings.enable_throttle_header_parameters else {}
    values = tuple(heard.get(name.lower()) or parameters.get(name, "") for name in names)
    # Who names himself by nothing is not one customer: all who do would share six starts a day.
    return values if any(values) else ()


def _check_rate(text: str, starts: Sequence[float], limit: int, seconds: int, now: float) -> None:
    """Whether a further start keeps to so many in so many seconds."""
    recent = _since(starts, now - seconds)
    if _is_reached(limit, len(recent)):
        free = recent[-limit] + seconds  # when the oldest of those that fill the limit counts no more
        raise LimitReached(f"{text} in {seconds} seconds", max(1, math.ceil(free - now)))


def _rates(settings: Settings) -> Sequence[tuple[int, int]]:
    return (
        (settings.throttle_callbacks_per_service_1, settings.throttle_ttl_1),
        (settings.throttle_callbacks_per_service_2, settings.throttle_ttl_2),
    )


def _is_reached(limit: int, count: int) -> bool:
    return 0 < limit <= count


def _since(moments: Sequence[float], start: float) -> Sequence[float]:
    """Those that are later."""
    return [moment for moment in moments if moment > start]
