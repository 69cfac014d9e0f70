"""Which core the servers run on, and which one the load: never the same, where there are two."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cpus:
    """Two cores; None where there is only one, and the kernel shares it out."""

    server: int | None
    load: int | None

    @classmethod
    def choose(cls) -> Cpus:
        """The first two that this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[1]) if len(usable) > 1 else cls(None, None)

    @property
    def of_many_servers(self) -> tuple[int | None, ...]:
        """All that this process may use but the load's, for servers of several processes."""
        return tuple(sorted(os.sched_getaffinity(0) - {self.load})) if self.load is not None else ()


@contextmanager
def pinned(*cpus: int | None) -> Iterator[None]:
    """Run on these cores meanwhile; processes started in it stay there."""
    before = os.sched_getaffinity(0)
    chosen = {cpu for cpu in cpus if cpu is not None}
    if chosen:
        os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
