"""The id of a session: secret, opaque, alphanumeric (SES-2, SEC-41)."""

from __future__ import annotations

import string
from collections.abc import Callable

ALPHABET = string.digits + string.ascii_lowercase
LENGTH = 27  # 139 bits: above the 128 that the rule asks for

RandomBytes = Callable[[int], bytes]
"""Gives that many bytes from a cryptographic source; an argument, so that tests can repeat themselves."""

# A byte stands for a character, each for as many as any other: the four above 252 stand for none.
_FAIR = 256 // len(ALPHABET) * len(ALPHABET)
_CHARACTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))
_ASKED_AT_ONCE = 40  # all but never too few: on average 39 remain


def new_client_id(random_bytes: RandomBytes) -> str:
    """A fresh id of 27 characters ``[0-9a-z]``."""
    characters = b""
    while len(characters) < LENGTH:
        characters += random_bytes(_ASKED_AT_ONCE).translate(_CHARACTERS, _UNFAIR)
    return characters[:LENGTH].decode()
