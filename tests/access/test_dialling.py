"""Spellings of one number."""

from __future__ import annotations

import pytest

from gateway.access.dialling import Dialling

GERMANY = Dialling(calling_code="49", trunk="0", abroad="00")
ITALY = Dialling(calling_code="39", trunk="", abroad="00")


@pytest.mark.spec("MI-4")
@pytest.mark.parametrize(
    "number", ["6504669999", "1 650 466-9999", "+1 (650) 466.9999", "0111-650-466-9999", " \uff0b1 650 466 9999"]
)
def test_spellings_of_a_number_are_the_same(number: str) -> None:
    assert Dialling().comparable(number) == "16504669999"


@pytest.mark.spec("MI-4")
def test_each_country_has_its_prefixes() -> None:
    assert {GERMANY.comparable(number) for number in ("030 1234", "+49 30 1234", "0049 30 1234")} == {"49301234"}
    assert {ITALY.comparable(number) for number in ("06 1234", "+39 06 1234")} == {"39061234"}


def test_what_has_no_digits_is_compared_by_its_letters() -> None:
    assert (
        Dialling().comparable("sip:Desk@x") == Dialling().comparable("SIP:desk@x") != Dialling().comparable("sip:y@x")
    )
