"""How often something may happen: token buckets on the caller's clock (SEC-L19, SEC-L20)."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
MAX_KEYS = 10_000


class TokenBucket:
    """Holds up to ``burst`` tokens and gains ``rate`` of them a second; starts full."""

    __slots__ = ("at", "tokens")

    def __init__(self, burst: float, now: float) -> None:
        self.tokens: float = burst
        self.at: float = now

    def take(self, rate: float, burst: float, now: float) -> bool:
        """Take one token; False if there is none. A rate of 0 never refuses."""
        if not rate:
            return True
        self.tokens = min(burst, self.tokens + (now - self.at) * rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


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
        bucket = self._buckets.pop(key, None) or TokenBucket(self.burst, now)
        if len(self._buckets) >= MAX_KEYS:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = bucket
        return bucket.take(self.rate, self.burst, now)
