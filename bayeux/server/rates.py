"""How often something may happen: token buckets on the caller's clock (SEC-L19, SEC-L20).

A bucket is one number, the time at which it is full again: every session has one.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
MAX_KEYS = 10_000

FULL = 0.0
"""A bucket that nothing was taken of."""
_ROUNDING = 1e-6  # seconds: so much may be lost where a fraction is added to the large number of a clock


def take_token(full_at: float, rate: float, burst: float, now: float) -> float | None:
    """Take one token of a bucket that holds up to ``burst`` and gains ``rate`` a second; None if there is none.

    Args:
        full_at: when it is full again; ``FULL`` at first.
        rate: more than 0.
    """
    if full_at < now:
        full_at = now
    return full_at + 1 / rate if (full_at - now) * rate <= burst - 1 + _ROUNDING * rate else None


class TokenBucket:
    """Holds up to ``burst`` tokens and gains ``rate`` of them a second; starts full."""

    __slots__ = ("_full_at",)

    def __init__(self) -> None:
        self._full_at = FULL

    def take(self, rate: float, burst: float, now: float) -> bool:
        """Take one token; False if there is none. A rate of 0 never refuses."""
        if not rate:
            return True
        full_at = take_token(self._full_at, rate, burst, now)
        if full_at is None:
            return False
        self._full_at = full_at
        return True

    def has_any(self, rate: float, burst: float, now: float) -> bool:
        """Whether ``take`` would find one."""
        return not rate or take_token(self._full_at, rate, burst, now) is not None


class RateByKey(Generic[Key]):
    """A token bucket for each key, as many as fit; the one least recently used makes room."""

    __slots__ = ("_buckets", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate: float = rate
        self.burst: float = burst
        self._buckets: dict[Key, TokenBucket] = {}

    def take(self, key: Key, now: float) -> bool:
        """Take one token of ``key``; False if there is none."""
        if not self.rate:
            return True
        bucket = self._buckets.pop(key, None) or TokenBucket()
        if len(self._buckets) >= MAX_KEYS:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = bucket
        return bucket.take(self.rate, self.burst, now)

    def has_any(self, key: Key, now: float) -> bool:
        """Whether ``take`` would find one."""
        bucket = self._buckets.get(key)
        return bucket is None or bucket.has_any(self.rate, self.burst, now)
