"""A mail that came in: the letter that its interaction keeps, and what belongs elsewhere.

Owns the value and what ``userData`` says of it. How it is read from bytes is in ``gateway.mail.parse``.

Source: AG-50, AG-52, AG-80.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from channels import userdata
from channels.letter import Letter

_CONTACT_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CONTACT_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMail:
    """What a customer wrote to one of our mailboxes."""

    delivery: str
    """The same if the same mail is offered again for the same mailbox, as after a lost answer."""
    letter: Letter
    headers: Mapping[str, str]
    """Those that agents see in ``userData``."""
    contents: Mapping[str, bytes]
    """Of the letter's attachments, by their keys."""

    @property
    def user_data(self) -> userdata.UserData:
        """What the interaction carries from the start."""
        mailbox = self.letter.mailbox.partition("@")[0]
        contact = contact_id(self.letter.from_address)
        return userdata.of_letter(self.letter, self.headers, mailbox=mailbox, contact=contact)


def contact_id(address: str) -> str:
    """16 characters that stand for one who writes; another address is another one."""
    number = int.from_bytes(hashlib.sha256(address.lower().encode()).digest())
    digits = []
    for _ in range(_CONTACT_LENGTH):
        number, digit = divmod(number, len(_CONTACT_ALPHABET))
        digits.append(_CONTACT_ALPHABET[digit])
    return "".join(digits)
