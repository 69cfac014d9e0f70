"""Values that carry their unit in the configuration: durations, sizes, addresses.

Each parses its text and prints it back. A bare number is refused, because nobody can tell
milliseconds from seconds by looking at it (OPS-22); only 0 needs no unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

from pydantic_core import CoreSchema, core_schema

_NUMBER = r"(\d+(?:\.\d+)?)"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def _parse(value: Any, units: dict[str, float] | dict[str, int], example: str) -> float:
    if value == "0" or (value == 0 and not isinstance(value, bool)):
        return 0
    match = re.fullmatch(rf"{_NUMBER} ?({'|'.join(units)})", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"must be a number with a unit ({', '.join(units)}), such as {example}")
    return float(match[1]) * units[match[2]]


def _format(value: float, units: dict[str, float] | dict[str, int]) -> str:
    """In the largest unit that needs no fraction, else in the smallest."""
    for unit, factor in sorted(units.items(), key=lambda item: -item[1]):
        count = value / factor
        if count >= 1 and abs(count - round(count)) < 1e-9:
            return f"{round(count)}{unit}"
    smallest = min(units, key=lambda unit: units[unit])
    return f"{value / units[smallest]:g}{smallest}" if value else "0"


class Duration(float):
    """Seconds, written ``"500ms"``, ``"10s"``, ``"5m"``, ``"1h"`` or ``"1d"``."""

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Raises ValueError, which names the units."""
        return cls(value if isinstance(value, cls) else _parse(value, _SECONDS, '"10s"'))

    def __str__(self) -> str:
        return _format(self, _SECONDS)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)


class Size(int):
    """Bytes, written ``"512B"``, ``"64KiB"``, ``"1MiB"`` or ``"1GiB"``."""

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Raises ValueError, which names the units."""
        return cls(value if isinstance(value, cls) else _parse(value, _BYTES, '"64KiB"'))

    def __str__(self) -> str:
        return _format(self, _BYTES)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, written ``"127.0.0.1:8080"`` or ``"[::1]:8080"``; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, value: Any) -> Address:
        """Raises ValueError, which shows the form."""
        if isinstance(value, cls):
            return value
        match = (
            re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:\s]+)):(\d{1,5})", value) if isinstance(value, str) else None
        )
        if match is None or int(match[3]) > 65535:
            raise ValueError('must be host:port, such as "127.0.0.1:8080" or "[::1]:8080"')
        return cls(match[1] or match[2], int(match[3]))

    @property
    def is_loopback(self) -> bool:
        """Can only this machine reach it?"""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)
