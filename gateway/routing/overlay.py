"""A table with the changes of one step laid over it, until they are stored.

Source: MRE-120: what could not be stored has not happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

Record = TypeVar("Record")


class Overlay(Generic[Record]):
    """Reads through to the table; writes stay here."""

    __slots__ = ("_table", "changed")

    def __init__(self, table: Mapping[str, Record]) -> None:
        self._table = table
        self.changed: dict[str, Record | None] = {}
        """What was written; None: it is gone."""

    def get(self, key: str) -> Record | None:
        """As it was written last."""
        return self.changed[key] if key in self.changed else self._table.get(key)

    def put(self, key: str, record: Record | None) -> None:
        """Write it; None: there is none any more."""
        self.changed[key] = record
