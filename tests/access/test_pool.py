"""Resource groups as they are configured."""

from __future__ import annotations

import pytest

from gateway.access.pool import Pool, PoolInvalid, Strategy


@pytest.mark.spec("RS-1", "RS-2")
def test_a_key_without_a_value_is_no_number() -> None:
    """As the vendor's sample has it."""
    pool = Pool.read("DNIS", {"Key1": "1-800-1234", "match-interaction": None, "Key3": ""})
    assert pool == Pool(name="DNIS", numbers=("1-800-1234",), strategy=Strategy.RANDOM, timeout=None)


@pytest.mark.spec("RS-2")
def test_options_of_a_group() -> None:
    pool = Pool.read("x", {"_allocation_strategy": "cluster", "b": "2", "_booking_expiration_timeout": "60", "a": "1"})
    assert pool == Pool(name="x", numbers=("2", "1"), strategy=Strategy.CLUSTER, timeout=60)


@pytest.mark.parametrize(
    "options",
    [
        {"_allocation_strategy": "ROUND"},
        {"_booking_expiration_timeout": "0"},
        {"_booking_expiration_timeout": "86401"},
        {"_booking_expiration_timeout": "1.5"},
    ],
)
def test_an_option_with_a_value_that_it_cannot_have_is_refused(options: dict[str, str | None]) -> None:
    with pytest.raises(PoolInvalid, match="x: _"):
        Pool.read("x", options)


@pytest.mark.spec("RS-2")
def test_the_next_number_is_the_one_after_the_last() -> None:
    pool = Pool(name="x", numbers=("1", "2", "3"))
    assert pool.following("", ["1", "2", "3"]) == "1"
    assert pool.following("1", ["1", "3"]) == "3"
    assert pool.following("3", ["1", "3"]) == "1"
    assert pool.following("gone", ["2", "3"]) == "2"
