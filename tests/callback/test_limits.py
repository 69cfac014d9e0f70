"""How many callbacks may be started, and when a further one may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callback import limits
from gateway.callback.limits import LimitReached, Load
from gateway.callback.settings import Settings

NOW = 1_000_000.0


def refused(load: Load, now: float = NOW, **options: str) -> LimitReached:
    with pytest.raises(LimitReached) as refusal:
        limits.check("help", service(**options), load, now)
    return refusal.value


def admitted(load: Load, now: float = NOW, **options: str) -> None:
    limits.check("help", service(**options), load, now)


def service(**options: str) -> Settings:
    return Settings.read({f"_{name}": text for name, text in options.items()})


@pytest.mark.spec("CB-15", "ERR-6")
def test_queue_takes_so_many_and_no_more() -> None:
    admitted(Load(queued=999))
    assert "help" in refused(Load(queued=1_000)).text


@pytest.mark.spec("CB-16", "ERR-6")
@pytest.mark.parametrize("which", ["1", "2"])
def test_service_takes_so_many_in_so_many_seconds(which: str) -> None:
    options = {f"throttle_callbacks_per_service_{which}": "3", f"throttle_ttl_{which}": "60"}
    starts = (NOW - 50, NOW - 20, NOW - 10)
    refusal = refused(Load(starts=starts), **options)
    assert refusal.retry_after == 10, "when the oldest counts no more"
    assert "help" in refusal.text
    assert "60 seconds" in refusal.text
    admitted(Load(starts=starts), NOW + 10, **options)


@pytest.mark.spec("CB-16")
def test_after_a_lowered_limit_one_waits_for_more_than_the_oldest() -> None:
    refusal = refused(
        Load(starts=(NOW - 50, NOW - 20, NOW - 10)), throttle_callbacks_per_service_1="1", throttle_ttl_1="60"
    )
    assert refusal.retry_after == 50


@pytest.mark.spec("CB-17")
def test_customer_starts_six_a_day() -> None:
    starts = tuple(NOW - 86_000 + n for n in range(6))
    assert refused(Load(starts_of_customer=starts)).retry_after == 400
    admitted(Load(starts_of_customer=starts), NOW + 400)


@pytest.mark.spec("CB-17")
def test_customer_is_told_by_what_the_service_names() -> None:
    by_both = service(throttle_request_parameters="_customer_number, gms_user")
    parameters, headers = {"_customer_number": "408"}, {"gms_user": "ann"}
    assert limits.customer_key(by_both, parameters, headers) == ("408", "ann")
    assert limits.customer_key(service(), parameters, {"_customer_number": "999"}) == ("999",)
    deaf = service(enable_throttle_header_parameters="false")
    assert limits.customer_key(deaf, parameters, {"_customer_number": "999"}) == ("408",)


@pytest.mark.spec("CB-17")
def test_customers_who_name_themselves_by_nothing_are_not_one() -> None:
    assert limits.customer_key(service(), {}, {}) == ()


@pytest.mark.spec("CB-18")
@pytest.mark.parametrize(("check", "most"), [("true", 2), ("strict", 1)])
def test_queue_holds_so_many_of_one_number(check: str, most: int) -> None:
    admitted(Load(queued_of_customer=most - 1), enable_in_queue_checking=check)
    refused(Load(queued_of_customer=most), enable_in_queue_checking=check)
    admitted(Load(queued_of_customer=99), enable_in_queue_checking="false")


OFF = {
    "max_queued_callbacks_per_service": "0",
    "throttle_callbacks_per_service_1": "-1",
    "throttle_callbacks_per_service_2": "0",
    "throttle_request_parameters_limit": "0",
    "enable_in_queue_checking": "false",
}


@pytest.mark.spec("CB-20")
def test_limits_may_be_off() -> None:
    many = tuple(NOW - n for n in reversed(range(2_000)))
    load = Load(queued=5_000, queued_of_customer=50, starts=many, starts_of_customer=many)
    admitted(load, **OFF)
    after = limits.counted(service(**OFF), load, NOW)
    assert (after.starts, after.starts_of_customer) == ((), ()), "nothing is kept that counts for nothing"


@pytest.mark.spec("CB-19")
@given(st.integers(1, 9), st.lists(st.floats(0, 40), max_size=60))
def test_in_no_stretch_of_time_are_more_started_than_allowed(limit: int, pauses: list[float]) -> None:
    """And exactly so many at once."""
    house = service(throttle_callbacks_per_service_1=str(limit), throttle_ttl_1="60", enable_in_queue_checking="false")
    house_without_day = Settings.read(house.written() | {"_throttle_request_parameters_limit": "0"})
    load, now, started = Load(), NOW, []
    for pause in pauses:
        now += pause
        try:
            limits.check("help", house_without_day, load, now)
        except LimitReached as refusal:
            free = now + refusal.retry_after
            limits.check("help", house_without_day, load, free)
        else:
            load = limits.counted(house_without_day, load, now)
            started.append(now)
    assert all(sum(first <= start < first + 60 for start in started) <= limit for first in started)
    assert len(started) >= min(limit, len(pauses))


@pytest.mark.spec("CB-19")
def test_what_was_counted_is_what_was_started_lately() -> None:
    load = Load(queued=1, queued_of_customer=0, starts=(NOW - 4_000, NOW - 10), starts_of_customer=(NOW - 90_000,))
    assert limits.counted(service(), load, NOW) == Load(
        queued=2, queued_of_customer=1, starts=(NOW - 10, NOW), starts_of_customer=(NOW,)
    )
