"""Latencies: counted in buckets, added up over generators, told in milliseconds."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from gateway.bench.latencies import Latencies, bucket_of, series, summed
from gateway.failure import Failure

MS = 1_000_000
SECOND = 1000 * MS


def counted(*latencies_ms: float, at: int = 0) -> dict[str, Any]:
    latencies = Latencies(0)
    for each in latencies_ms:
        latencies.add(at, at + int(each * MS))
    report: dict[str, Any] = json.loads(json.dumps(latencies.as_json()))
    return report


@given(st.integers(1, 3_600_000_000))
def test_a_bucket_keeps_three_digits(microseconds: int) -> None:
    bucket = bucket_of(microseconds)
    assert bucket <= microseconds < bucket * 1.001 + 1


def test_generators_are_added_up() -> None:
    """A hundred of 1 ms in one, one of 50 ms in the other."""
    latency = summed([counted(*[1.0] * 99), counted(50.0)])
    assert latency is not None
    assert (latency.count, latency.p50, latency.p90) == (100, 1.0, 1.0)
    assert latency.p999 == pytest.approx(50, rel=0.001)
    assert latency.max == pytest.approx(50, rel=0.001)
    assert latency.mean == pytest.approx(1.49, rel=0.001)
    assert HdrHistogram.decode(latency.histogram).get_total_count() == 100


def test_nothing_delivered_has_no_latency() -> None:
    assert summed([Latencies(0).as_json()]) is None
    assert series([]) == ()


def test_each_second_has_its_own_figures() -> None:
    """And one in which nothing came is there, too."""
    latencies = Latencies(0)
    latencies.add(0, 2 * MS)
    latencies.add(2 * SECOND, 2 * SECOND + 8 * MS)
    first, empty, third = series([latencies.as_json(), counted(2.0)])
    assert (first.second, first.delivered, empty.delivered, third.delivered) == (0, 2, 0, 1)
    assert first.p50 == pytest.approx(2, rel=0.02)
    assert third.p99 == pytest.approx(8, rel=0.02)
    assert empty.p99 == 0


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("hdrh"):
            raise ImportError(name)
        return original(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Failure, match=r"pip install 'bayeux-gateway\[bench\]'"):
        summed([])
