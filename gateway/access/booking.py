"""That a number is an instance's for some seconds, and what else tells its customer from others.

What only one may have is a *claim*: a number that is kept from others, and a code on a number. A claim is a document of
its own, so that whoever comes second finds it there, on any node; nothing else of a booking can be in another's way.

Source: RS-3, RS-5, RI-6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """All moments are seconds since 1970."""

    instance: str
    data_id: str
    """Storage of what its app has sent; empty: none."""
    number: str
    """As the customer is told it."""
    dialled: str
    """What it is compared by."""
    caller: str = ""
    """What the customer's own number is compared by; empty: not known."""
    code: str = ""
    """Empty: none was asked for."""
    scope: str | None = None
    """From whom the number is kept: a node's name, empty = all; None: from nobody."""
    booked: float
    expires: float

    def is_live(self, now: float) -> bool:
        """From its expiry on a booking is as if it had never been."""
        return now < self.expires

    @property
    def claims(self) -> list[str]:
        """Keys of what nobody else may have meanwhile."""
        locks = [] if self.scope is None else [lock_key(self.scope, self.dialled)]
        codes = [code_key(self.dialled, self.code)] if self.code else []
        return locks + codes

    @property
    def seconds(self) -> int:
        """Whole ones that it lasts."""
        return int(self.expires - self.booked + 1e-6)  # what was added to the present is not quite the same

    @property
    def indexes(self) -> dict[str, float]:
        """Where it is found: at its expiry, so that a page from the present on holds live ones alone."""
        callers = [caller_index(self.dialled, self.caller)] if self.caller else []
        return dict.fromkeys([number_index(self.dialled), *callers], self.expires)

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Booking:
        """As it was stored."""
        return cls(**body)


def booking_key(instance: str) -> str:
    """An instance has one booking at most (RA-7)."""
    return f"booking:{instance}"


def lock_key(scope: str, dialled: str) -> str:
    """Claim on a number."""
    return f"booking-lock:{scope}:{dialled}"


def code_key(dialled: str, code: str) -> str:
    """Claim on a code of a number."""
    return f"booking-code:{dialled}:{code}"


def number_index(dialled: str) -> str:
    """Bookings of a number."""
    return f"bookings:{dialled}"


def caller_index(dialled: str, caller: str) -> str:
    """Those of who calls from that number."""
    return f"bookings:{dialled}:{caller}"
