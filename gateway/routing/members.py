"""Sets of ids by name. A name whose set is empty is forgotten: there are ever new users, and a node runs for long."""

from __future__ import annotations


class Members(dict[str, set[str]]):
    """Read it as a dictionary; change it by these alone."""

    def add(self, name: str, id: str) -> None:
        """This id belongs to that name."""
        self.setdefault(name, set()).add(id)

    def discard(self, name: str, id: str) -> None:
        """No more, if it did."""
        ids = self.get(name)
        if ids is None:
            return
        ids.discard(id)
        if not ids:
            del self[name]
