"""Token buckets on a clock that moves when told."""

from __future__ import annotations

import pytest

from bayeux.server import rates
from bayeux.server.rates import RateByKey, TokenBucket


@pytest.mark.spec("SEC-L19")
def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket()
    assert [bucket.take(2, 3, 0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(2, 3, 0.5) for _ in range(2)] == [True, False]
    assert [bucket.take(2, 3, 99.0) for _ in range(4)] == [True, True, True, False]


@pytest.mark.spec("SEC-L19")
@pytest.mark.parametrize("now", [0.0, 1.5, 98765.4321, 4e6])
@pytest.mark.parametrize(("rate", "burst"), [(50, 100), (0.3, 7), (500, 2000)])
def test_a_bucket_gives_just_its_burst_whatever_the_clock_says(rate: float, burst: int, now: float) -> None:
    bucket = TokenBucket()
    assert sum(bucket.take(rate, burst, now) for _ in range(2 * burst)) == burst


def test_no_rate_never_refuses() -> None:
    bucket = TokenBucket()
    assert all(bucket.take(0, 0, 0.0) for _ in range(1000))


@pytest.mark.spec("SEC-L20", "SEC-2")
def test_keys_do_not_share_and_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MAX_KEYS", 10)
    by_address: RateByKey[int] = RateByKey(1, 1)
    assert all(by_address.take(key, 0.0) for key in range(100))
    assert not by_address.take(99, 0.0)
    assert len(by_address._buckets) == 10
