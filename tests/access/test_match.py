"""Whose call it is."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.access.booking import Booking
from gateway.access.match import Call, match

NUMBER = "18001234"


def booking(instance: str, **more: Any) -> Booking:
    given: dict[str, Any] = {"data_id": "", "number": NUMBER, "dialled": NUMBER, "booked": 0.0, "expires": 30.0}
    return Booking(instance=instance, **{**given, **more})


def found(call: Call, *bookings: Booking, now: float = 10.0) -> list[str]:
    live = [each for each in bookings if each.dialled == call.dialled and each.is_live(now)]
    return [each.instance for each in match(bookings, call, now, is_shared=len(live) > 1)]


def call(caller: str = "", code: str = "") -> Call:
    return Call(dialled=NUMBER, caller=caller, code=code)


@pytest.mark.spec("MI-4", "MI-5")
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (call(), []),  # the number only
        (call(caller="1"), ["alice"]),
        (call(code="42"), ["carol"]),
        (call(caller="1", code="42"), ["alice"]),  # carol is another caller
        (call(caller="3", code="42"), ["carol"]),
        (call(caller="3", code="41"), []),
        (call(caller="4"), []),
    ],
)
def test_caller_and_code_tell_who_of_a_shared_number_it_is(asked: Call, expected: list[str]) -> None:
    alice, bob, carol = (
        booking("alice", caller="1"),
        booking("bob", caller="2"),
        booking("carol", caller="3", code="42"),
    )
    assert found(asked, alice, bob, carol) == expected


@pytest.mark.spec("MI-5")
def test_the_only_one_of_a_number_needs_nothing_else() -> None:
    alice = booking("alice", caller="1", scope="")
    assert found(call(), alice) == ["alice"]
    assert found(call(), alice, booking("late", expires=10.0)) == ["alice"]
    assert found(call(), alice, booking("elsewhere", dialled="1")) == ["alice"]


@pytest.mark.spec("MI-4")
def test_the_only_one_does_not_match_what_speaks_against_it() -> None:
    assert found(call(caller="2"), booking("alice", caller="1")) == []
    assert found(call(), booking("alice", code="42")) == []
    assert found(call(code="41"), booking("alice", code="42")) == []
    assert found(call(caller="2"), booking("alice")) == ["alice"]


@pytest.mark.spec("MI-6")
def test_of_several_the_oldest_comes_first() -> None:
    of_alice = [booking("2", caller="1", booked=2.0), booking("1", caller="1", booked=1.0), booking("0", booked=0.0)]
    assert found(call(caller="1"), *of_alice) == ["1", "2"]


@pytest.mark.spec("RS-5")
def test_what_has_run_out_is_nobodys() -> None:
    assert found(call(), booking("alice"), now=29.9) == ["alice"]
    assert found(call(), booking("alice"), now=30.0) == []
