"""The id of a session: secret, opaque, alphanumeric (SES-2, SEC-41)."""

from __future__ import annotations

import string
from collections.abc import Callable

ALPHABET = string.digits + string.ascii_lowercase
_RANDOM_BYTES = 17  # 136 bits: above the 128 the rule asks for, and 27 characters in base 36

RandomBytes = Callable[[int], bytes]
"""Gives that many bytes from a cryptographic source; an argument, so that tests can repeat themselves."""


def new_client_id(random_bytes: RandomBytes) -> str:
    """A fresh id of 27 characters ``[0-9a-z]``."""
    number = int.from_bytes(random_bytes(_RANDOM_BYTES), "big")
    digits = []
    for _ in range(27):
        number, digit = divmod(number, 36)
        digits.append(ALPHABET[digit])
    return "".join(digits)
