"""What requests ask for, by their parameters and their service's options."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.access.dialling import Dialling
from gateway.access.pool import Pool, Strategy
from gateway.access.refusal import GroupWrong
from gateway.access.requests import Options, Search, Wanted, access_wanted, interaction_wanted, search_wanted
from gateway.customers.refusal import RequestWrong
from gateway.customers.values import File, Values

DNIS = Pool(name="DNIS", numbers=("1-800-1234",), strategy=Strategy.CLUSTER)
SLOW = Pool(name="SLOW", numbers=("1",), timeout=90)
POOLS = {"DNIS": DNIS, "SLOW": SLOW}
PHONE = {"_phone_number": "650-466-9999"}


def interaction(parameters: Values, options: Options | None = None) -> Wanted:
    return interaction_wanted(parameters, options or {}, POOLS, Dialling())


def access(parameters: Values, options: Options | None = None) -> tuple[str, Wanted]:
    return access_wanted(parameters, options or {}, POOLS, Dialling())


def search(parameters: Values, options: Options | None = None) -> Search:
    return search_wanted(parameters, options or {}, Dialling())


@pytest.mark.spec("RI-1", "RI-7")
def test_what_an_interaction_is_given_unless_it_asks_for_more() -> None:
    wanted = interaction({**PHONE, "_resource_group": "DNIS"})
    assert wanted == Wanted(pool=DNIS, seconds=30, caller="16504669999")


@pytest.mark.spec("RI-7", "RI-9", "G-11")
def test_the_services_value_wins() -> None:
    options = {"_provide_code": "false", "_resource_group": "DNIS", "_booking_expiration_timeout": "45"}
    wanted = interaction({**PHONE, "_provide_code": "true", "_resource_group": "no such"}, options)
    assert (wanted.pool, wanted.code_length, wanted.seconds) == (DNIS, 0, 45)


@pytest.mark.spec("RI-6", "RA-5")
def test_a_code_has_six_digits_unless_the_service_says_otherwise() -> None:
    asked = {**PHONE, "_resource_group": "DNIS", "_provide_code": "TRUE"}
    assert interaction(asked).code_length == 6
    assert interaction(asked, {"_access_code_length": "4"}).code_length == 4


@pytest.mark.spec("RI-10")
def test_only_groups_that_lock_have_a_health() -> None:
    options = {"_return_pool_health": "true"}
    assert interaction({**PHONE, "_resource_group": "DNIS"}, options).with_health
    assert not interaction({**PHONE, "_resource_group": "SLOW"}, options).with_health


@pytest.mark.spec("RI-3")
@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"_resource_group": "DNIS"}, RequestWrong),
        ({"_resource_group": "DNIS", "_phone_number": " "}, RequestWrong),
        ({"_resource_group": "DNIS", "_phone_number": File("a", "text/plain", b"1")}, RequestWrong),
        ({**PHONE, "_resource_group": "DNIS", "_provide_code": "yes"}, RequestWrong),
        ({**PHONE, "_resource_group": "DNIS", "_provide_code": ""}, RequestWrong),
        (PHONE, GroupWrong),
        ({**PHONE, "_resource_group": "no such"}, GroupWrong),
    ],
)
def test_an_interaction_that_is_refused(parameters: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        interaction(parameters)


@pytest.mark.spec("SEC-22")
def test_a_refusal_repeats_little_of_what_was_asked_for() -> None:
    with pytest.raises(GroupWrong) as refused:
        interaction({**PHONE, "_resource_group": "x" * 1000})
    assert str(refused.value).count("x") == 64


@pytest.mark.spec("RA-1", "RA-6")
def test_who_asks_for_access_says_how_long() -> None:
    options = {"_booking_expiration_timeout": "45"}
    asked = {"_id": "1", "_resource_group": "SLOW"}
    assert access({**asked, "_booking_expiration_timeout": "60"}, options) == ("1", Wanted(pool=SLOW, seconds=60))
    assert access(asked, options)[1].seconds == 90
    assert access({**asked, "_resource_group": "DNIS"}, options)[1].seconds == 45
    assert access({**asked, "_resource_group": "DNIS"})[1].seconds == 30


@pytest.mark.spec("RA-1", "RA-3", "RA-6")
@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"_id": ""}, RequestWrong),
        ({"_resource_group": ""}, GroupWrong),
        *(({"_booking_expiration_timeout": text}, RequestWrong) for text in ("0", "86401", "-1", "1.5", "", "²")),
    ],
)
def test_access_that_is_refused(more: dict[str, str], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        access({"_id": "1", "_resource_group": "DNIS", **more})


@pytest.mark.spec("MI-1", "MI-7", "MI-9")
def test_what_a_call_is_searched_by() -> None:
    found = search({"_access_number": "1-800-1234", **PHONE, "_access_code": "007", "_delete_service": "true"})
    assert (found.call.dialled, found.call.caller, found.call.code) == ("18001234", "16504669999", "007")
    assert (found.all, found.with_data, found.ends) == (False, False, True)
    assert search({"_access_number": "1", "_return_user_data": "true"}).with_data
    with pytest.raises(RequestWrong):
        search(PHONE)
