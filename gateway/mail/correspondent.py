"""Who writes and who is written to: a name for people, an address for machines.

Source: RFC 5322 §3.4, as far as addresses are usual; AG-79.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import getaddresses
from typing import Self

from gateway.mail.decoding import decoded_words

MAX_CORRESPONDENTS = 100
"""In one field of a mail."""

# ASCII alone: what else may stand there needs SMTPUTF8, which we do not offer. Quoted local parts are left out, too.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


class AddressInvalid(ValueError):
    """That is no address."""


@dataclass(frozen=True, slots=True)
class Correspondent:
    """One of those in From, To or Cc."""

    address: str
    name: str = ""

    def __post_init__(self) -> None:
        if _ADDRESS.fullmatch(self.address) is None:
            raise AddressInvalid(f"{self.address!r} is not an e-mail address")

    @classmethod
    def parse(cls, text: str) -> Self:
        """``Name <address>`` or the address alone. Raises AddressInvalid for anything else."""
        name, address = text.strip(), text.strip()
        if match := re.fullmatch(r'"?([^"<>]*?)"?\s*<([^<>]+)>', name):
            name, address = match.groups()
            return cls(address, _one_line(name))
        return cls(address)

    def to_json(self) -> dict[str, str]:
        """For a document."""
        return {"address": self.address, "name": self.name}

    @classmethod
    def from_json(cls, kept: Mapping[str, str]) -> Self:
        """What ``to_json`` made."""
        return cls(kept["address"], kept["name"])

    @property
    def key(self) -> str:
        """The same for the same one, however he is written."""
        return self.address.casefold()


def correspondents(fields: Iterable[str]) -> tuple[Correspondent, ...]:
    """All that these header fields name; what is no address is passed over, as nobody could be reached by it."""
    found = []
    for name, address in getaddresses(list(fields)):
        if len(found) == MAX_CORRESPONDENTS:
            break
        try:
            found.append(Correspondent(address, _one_line(decoded_words(name))))
        except AddressInvalid:
            continue
    return tuple(found)


def distinct(candidates: Iterable[Correspondent], without: Iterable[Correspondent] = ()) -> tuple[Correspondent, ...]:
    """Each once, in their order, and none of the others."""
    left_out = {each.key for each in without}
    kept = {each.key: each for each in reversed(list(candidates)) if each.key not in left_out}
    return tuple(reversed(kept.values()))


def _one_line(text: str) -> str:
    return " ".join(text.split())
