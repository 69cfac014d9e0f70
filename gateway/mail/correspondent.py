"""Who writes and who is written to: a name for people, an address for machines.

Source: RFC 5322 §3.4, as far as addresses are usual.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import getaddresses
from typing import Self

from channels.answers import MAX_ADDRESSES, MAX_ECHO, is_address
from gateway.mail.decoding import decoded_words

_NAMED = re.compile(r'"?([^"<>]*?)"?\s*<([^<>]+)>')


class AddressInvalid(ValueError):
    """That is no address."""


@dataclass(frozen=True, slots=True)
class Correspondent:
    """One of those in From, To or Cc, or a mailbox of ours."""

    address: str
    name: str = ""

    def __post_init__(self) -> None:
        if not is_address(self.address):
            raise AddressInvalid(f"{self.address[:MAX_ECHO]!r} is not an e-mail address")

    @classmethod
    def parse(cls, text: str) -> Self:
        """``Name <address>`` or the address alone. Raises AddressInvalid for anything else."""
        match = _NAMED.fullmatch(text.strip())
        return cls(match[2], _one_line(match[1])) if match else cls(text.strip())

    @property
    def key(self) -> str:
        """The same for the same one, however he is written."""
        return self.address.lower()


def correspondents(fields: Iterable[str]) -> tuple[Correspondent, ...]:
    """All that these header fields name; what is no address is passed over, as nobody could be reached by it."""
    found: list[Correspondent] = []
    for name, address in getaddresses(list(fields)):
        if len(found) == MAX_ADDRESSES:
            break
        if is_address(address):
            found.append(Correspondent(address, _one_line(decoded_words(name))))
    return tuple(found)


def _one_line(text: str) -> str:
    return " ".join(text.split())
