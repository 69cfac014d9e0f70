"""When two spellings are one telephone number: by their digits, as somebody dials them in one country.

The country is described by its prefixes. A plan of the whole world would tell valid numbers from others, too; to find a
booking again nobody asks for that, as both spellings are read by the same rules.

Source: MI-4.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_DIGITS = frozenset("0123456789")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """How numbers are dialled where no country is told: in the United States, unless said otherwise."""

    calling_code: str = "1"
    trunk: str = "1"
    """Before a number of the same country; empty: nothing is."""
    abroad: str = "011"
    """Before the calling code of another one."""

    def comparable(self, number: str) -> str:
        """The same text for all spellings; for what has no digit its letters, whatever their case."""
        text = unicodedata.normalize("NFKC", number).strip()
        digits = "".join(sign for sign in text if sign in _DIGITS)
        if not digits:
            return text.casefold()
        if text.startswith("+"):
            return digits
        if self.abroad and digits.startswith(self.abroad):
            return digits.removeprefix(self.abroad)
        return self.calling_code + digits.removeprefix(self.trunk)
