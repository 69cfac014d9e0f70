"""Whether a customer's number can be one, and may be called.

What a number looks like in which country is the library's knowledge.

Source: CB-5, CB-6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from gateway.callbacks.refusal import NumberRefused

_IMPOSSIBLE: Final = "_disallow_impossible_phone_numbers"
_PREMIUM: Final = "_disallow_premium_phone_numbers"
_COUNTRY: Final = "_default_country"
_LONGEST: Final = 64
"""Characters; the longest number of the world has 15 digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What a service wants of numbers."""

    refuses_impossible: bool = True
    refuses_premium: bool = True
    country: str = "US"
    """Whose a number is that does not begin with a plus sign; empty: nobody says."""

    @classmethod
    def read(cls, options: Mapping[str, str]) -> Checks:
        """As the service's options say; what is neither true nor false counts as true."""
        return cls(
            refuses_impossible=options.get(_IMPOSSIBLE, "").strip().lower() != "false",
            refuses_premium=options.get(_PREMIUM, "").strip().lower() != "false",
            country=options.get(_COUNTRY, "US").strip().upper(),
        )

    def check(self, number: str) -> str:
        """The number as all spellings of it are compared; as it came, if nothing is wanted of it and it is none.

        Raises:
            NumberRefused: it is not called.
        """
        if len(number) > _LONGEST:
            raise NumberRefused("the phone number is too long")
        if not (self.refuses_impossible or self.refuses_premium):
            return self._parsed_or(number)
        if not self.country:
            raise NumberRefused(f"{_COUNTRY} of the service is missing, and numbers are to be checked")
        try:
            parsed = phonenumbers.parse(number, self.country)
        except NumberParseException:
            raise NumberRefused("the phone number cannot be read") from None
        if self.refuses_impossible and not phonenumbers.is_possible_number(parsed):
            raise NumberRefused("there can be no such phone number")
        if self.refuses_premium and phonenumbers.number_type(parsed) == PhoneNumberType.PREMIUM_RATE:
            raise NumberRefused("premium phone numbers are not called")
        return str(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))

    def _parsed_or(self, number: str) -> str:
        try:
            parsed = phonenumbers.parse(number, self.country or None)
        except NumberParseException:
            return number
        return str(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))


def with_plus(number: str) -> str:
    """As lists of exceptions are asked for it (CB-6)."""
    number = number.strip()
    return number if number.startswith("+") else f"+{number}"
