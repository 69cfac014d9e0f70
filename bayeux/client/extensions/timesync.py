"""Time sync, the client's part: how far the server's clock is from ours, and the network between.

Source: TSY-1…7; CometD's client.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeGuard

from bayeux.client.event import Message
from bayeux.client.extension import Extension
from bayeux.client.extensions.ext import ext_of, extend

MAX_SAMPLES = 10


class TimeSync(Extension):
    """Learns from each meta reply; all times in seconds, rounded to milliseconds as they are on the wire.

    Args:
        clock: seconds since 1970, the time to be compared with the server's.
        max_samples: the means are of the last ones.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, max_samples: int = MAX_SAMPLES) -> None:
        if max_samples < 1:
            raise ValueError("a mean needs a sample")
        self._clock = clock
        self._samples: deque[tuple[float, float]] = deque(maxlen=max_samples)
        """Lag and offset in ms."""

    @property
    def lag(self) -> float:
        """Seconds a message takes from here to the server; 0 before the first reply."""
        return self._mean(0) / 1000

    @property
    def offset(self) -> float:
        """Seconds by which the server's clock is ahead of ours; 0 before the first reply."""
        return self._mean(1) / 1000

    @property
    def samples(self) -> int:
        """How many replies the means are made of."""
        return len(self._samples)

    def server_time(self) -> float:
        """What the server's clock shows, in seconds since 1970 (TSY-7)."""
        return self._clock() + self.offset

    def server_datetime(self) -> datetime:
        """The same as a date with its zone, UTC."""
        return datetime.fromtimestamp(self.server_time(), UTC)

    def outgoing(self, message: Message) -> None:
        """Say our time and what we know so far in every meta request."""
        if message["channel"].startswith("/meta/"):
            times = {"tc": self._now(), "l": round(self._mean(0)), "o": round(self._mean(1))}
            extend(message, timesync=times)

    def incoming(self, message: Message) -> None:
        """Take a sample; what is malformed is none (XT-1)."""
        times = ext_of(message).get("timesync")
        if not isinstance(times, dict) or not str(message.get("channel")).startswith("/meta/"):
            return
        sent, received, spent = times.get("tc"), times.get("ts"), times.get("p")
        if _is_number(sent) and _is_number(received) and _is_number(spent):
            lag = (self._now() - sent - spent) / 2
            self._samples.append((lag, received - sent - lag))

    def _now(self) -> int:
        return round(self._clock() * 1000)

    def _mean(self, index: int) -> float:
        return round(sum(sample[index] for sample in self._samples) / (len(self._samples) or 1))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
