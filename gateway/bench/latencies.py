"""How long events took: counted cheaply where they arrive, added up into an HdrHistogram at the end.

While counting, latencies are whole microseconds of which eleven binary digits are kept, the buckets of an
HdrHistogram with three decimal ones; a dictionary counts them. Needs the extra ``bench`` to add up.

Cost: a shift and a dictionary entry an event; the second's turn is one comparison a body.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.bench.outcome import Latency, Second
from gateway.failure import ExitCode, Failure

EXACT = 2048  # microseconds up to which each has a bucket of its own
_DIGITS, _COARSE_DIGITS = 11, 7
_HIGHEST = 3_600_000_000  # an hour; no run takes longer
_SECOND = 1_000_000_000

INSTALL = "pip install 'bayeux-gateway[bench]'"


class Latencies:
    """Those of one generator.

    Args:
        begin: nanoseconds, monotonic; the first second begins there.
    """

    __slots__ = ("counts", "second_ends", "seconds", "total")

    def __init__(self, begin: int) -> None:
        self.second_ends = begin + _SECOND
        self.total: Counter[int] = Counter()
        self.seconds: list[dict[int, int]] = []
        """Of each whole second, coarser."""
        self.counts: dict[int, int] = {}
        """Of the present second: add to it directly, after ``turn``."""

    def add(self, sent: int, now: int) -> None:
        """Count one event; both in nanoseconds."""
        if now >= self.second_ends:
            self.turn(now)
        bucket = bucket_of((now - sent) // 1000)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1

    def turn(self, now: int) -> None:
        """Begin the second in which ``now`` lies."""
        while now >= self.second_ends:
            self._close()
            self.second_ends += _SECOND

    def _close(self) -> None:
        self.total.update(self.counts)
        coarse: dict[int, int] = {}
        for value, count in self.counts.items():
            bucket = _kept(value, _COARSE_DIGITS)
            coarse[bucket] = coarse.get(bucket, 0) + count
        self.seconds.append(coarse)
        self.counts = {}

    def as_json(self) -> dict[str, Any]:
        """All that was counted; no more may be added."""
        self._close()
        return {"total": list(self.total.items()), "seconds": [list(each.items()) for each in self.seconds]}


def bucket_of(microseconds: int) -> int:
    """The lowest value of its bucket."""
    return microseconds if microseconds < EXACT else _kept(microseconds, _DIGITS)


def _kept(value: int, digits: int) -> int:
    shift = max(0, value.bit_length() - digits)
    return value >> shift << shift


def new_histogram() -> Any:
    """An empty one.

    Raises Failure if hdrhistogram is not installed.
    """
    try:
        from hdrh.histogram import HdrHistogram  # noqa: PLC0415 - an extra
    except ImportError:
        raise Failure(f"load tests need one more package: {INSTALL}", ExitCode.UNAVAILABLE) from None
    return HdrHistogram(1, _HIGHEST, 3)


def summed(reports: Iterable[Mapping[str, Any]]) -> Latency | None:
    """All generators' counts as one; None if there are none."""
    histogram = new_histogram()
    total, weighted = 0, 0
    for report in reports:
        for value, count in report["total"]:
            histogram.record_value(min(max(value, 1), _HIGHEST), count)
            total, weighted = total + count, weighted + value * count
    if not total:
        return None
    p50, p90, p99, p999 = (histogram.get_value_at_percentile(each) / 1000 for each in (50, 90, 99, 99.9))
    return Latency(
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        max=histogram.get_max_value() / 1000,
        mean=weighted / total / 1000,
        count=total,
        histogram=histogram.encode().decode("ascii"),
    )


def series(reports: Sequence[Mapping[str, Any]]) -> tuple[Second, ...]:
    """All generators' seconds, side by side."""
    seconds = []
    for number in range(max((len(report["seconds"]) for report in reports), default=0)):
        counts: Counter[int] = Counter()
        for report in reports:
            if number < len(report["seconds"]):
                counts.update(dict(report["seconds"][number]))
        seconds.append(
            Second(
                second=number,
                delivered=counts.total(),
                p50=_percentile(counts, 0.5) / 1000,
                p99=_percentile(counts, 0.99) / 1000,
            )
        )
    return tuple(seconds)


def _percentile(counts: Counter[int], share: float) -> int:
    rank, seen = share * counts.total(), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    return 0
