"""A resource group: the numbers that one kind of request is given, and who may have which.

Source: RS-1, RS-2; RA-4, RA-6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STRATEGY: Final = "_allocation_strategy"
TIMEOUT: Final = "_booking_expiration_timeout"
LONGEST: Final = 86_400
"""Seconds that a number may be booked."""


class Strategy(StrEnum):
    """``_allocation_strategy``: how a number is found, and from whom it is kept."""

    RANDOM = "RANDOM"
    """Any of them, also one that others were given."""
    LOCAL = "LOCAL"
    """The next one that this node has given to nobody."""
    CLUSTER = "CLUSTER"
    """The next one that no node has given to anybody."""


class PoolInvalid(ValueError):
    """A group cannot be configured so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A group as it is configured now; who holds a number of it is no concern of its."""

    name: str
    numbers: Sequence[str]
    """As customers are told them, in their order; none twice."""
    strategy: Strategy = Strategy.RANDOM
    timeout: int | None = None
    """Seconds that a booking lasts; None: as the service says."""

    @classmethod
    def read(cls, name: str, options: Mapping[str, str | None]) -> Pool:
        """A group by its keys: those with an underscore are options, the values of all others numbers.

        A key without a value is one whose number is yet to come (RS-1).

        Raises:
            PoolInvalid: an option has a value that it cannot have.
        """
        numbers = [text.strip() for key, text in options.items() if not key.startswith("_") and text is not None]
        strategy = (options.get(STRATEGY) or Strategy.RANDOM).strip().upper()
        if strategy not in set(Strategy):
            raise PoolInvalid(f"{name}: {STRATEGY} is {', '.join(Strategy)}")
        timeout = options.get(TIMEOUT)
        try:
            seconds = read_timeout(timeout) if timeout else None
        except ValueError as error:
            raise PoolInvalid(f"{name}: {error}") from None
        return cls(
            name=name,
            numbers=tuple(dict.fromkeys(number for number in numbers if number)),
            strategy=Strategy(strategy),
            timeout=seconds,
        )

    def scope(self, node: str) -> str | None:
        """From whom a number that this node gives is kept: a node's name, empty = all; None: from nobody."""
        return {Strategy.RANDOM: None, Strategy.LOCAL: node, Strategy.CLUSTER: ""}[self.strategy]

    def following(self, last: str, free: Sequence[str]) -> str:
        """The number that is next after the last one, of those that are free; there has to be one.

        A number that has left the group begins the round anew.
        """
        start = self.numbers.index(last) + 1 if last in self.numbers else 0
        return next(number for number in (*self.numbers[start:], *self.numbers[:start]) if number in free)


def read_timeout(text: str) -> int:
    """Seconds of a booking. Raises ValueError with what would be right (RA-6)."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and 1 <= int(text) <= LONGEST):
        raise ValueError(f"{TIMEOUT} is a whole number from 1 to {LONGEST}")
    return int(text)
