"""One running service of a customer's, whatever kind it is of.

Its kind keeps documents of its own beside this one; what the app has sent under its own names lies in a storage area.

Source: G-10, G-13, G-14, G-18, SV-4, SV-5, ST-15.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from gateway.customers.refusal import TooLarge
from gateway.customers.values import File, Values

LARGEST_RESERVED: Final = 64 * 1024
"""Bytes of all reserved parameters of one request: they are read whenever the instance is."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """All moments are seconds since 1970."""

    id: str
    service: str
    """The name that was asked for in the URL; whose account its paths need (AUTH-3)."""
    name: str
    """``_service_name``: that of ``service``, or where it redirects to."""
    kind: str
    """What it does: the name of a built-in, such as ``callback``."""
    user: str = ""
    """``gms_user``; empty: the app named none."""
    data: str
    """``_data_id``: storage of what the app has sent."""
    created: float
    expires: float
    reserved: Mapping[str, str] = field(default_factory=dict)
    """Parameters that begin with ``_``, as they were sent; no answer has them (G-10)."""

    def is_live(self, now: float) -> bool:
        """From its expiry on it is as if it had never been."""
        return now < self.expires

    def is_open_to(self, user: str, *, is_strict: bool) -> bool:
        """Whether who says to be that user may use it; empty: he does not say (AUTH-6)."""
        return not self.user or user == self.user or (not user and not is_strict)

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Instance:
        """As it was stored."""
        return cls(**body)


def instance_key(id: str) -> str:
    """Its document; its deadline has the same name."""
    return f"instance:{id}"


def is_id(text: str) -> bool:
    """Whether an instance can be called so (G-18)."""
    return _ID.match(text) is not None


def application_data(values: Values) -> Values:
    """What the app sends for itself, and all files (SV-5)."""
    return {name: value for name, value in values.items() if isinstance(value, File) or not name.startswith("_")}


def reserved_parameters(values: Values) -> Mapping[str, str]:
    """What it says to the system (G-10). Raises TooLarge."""
    found = {name: value for name, value in values.items() if isinstance(value, str) and name.startswith("_")}
    if sum(len(name.encode()) + len(value.encode()) for name, value in found.items()) > LARGEST_RESERVED:
        raise TooLarge(f"parameters that begin with an underscore have at most {LARGEST_RESERVED} bytes")
    return found
