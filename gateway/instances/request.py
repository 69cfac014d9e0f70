"""What a service is asked, whatever it is: as its kinds and methods see a request.

Source: G-3, G-14, G-25.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.customers.values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of an app, or of the contact center's own side."""

    values: Values = field(default_factory=dict)
    user: str = ""
    """``gms_user``; empty: the app does not say."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Their names count whatever their case."""
    base: str = ""
    """Absolute URL of the surface as its client knows it, such as ``http://localhost:8080/genesys`` (G-25)."""

    @property
    def texts(self) -> Mapping[str, str]:
        """The parameters that are no files."""
        return {name: value for name, value in self.values.items() if isinstance(value, str)}
