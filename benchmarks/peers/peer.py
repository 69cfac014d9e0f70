"""What every peer can be asked: whether it can run here, which versions it is made of, and to start."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from benchmarks.peers.server import Server
from gateway.bench.workload import TRANSPORTS, Transport

BOTH: frozenset[Transport] = frozenset(TRANSPORTS)


class Lacking(Exception):
    """A peer cannot run on this machine; the text is one clear sentence."""


class Peer(Protocol):
    """One server project."""

    @property
    def name(self) -> str:
        """As ``--peers`` has it."""

    @property
    def title(self) -> str:
        """As tables and pictures have it."""

    @property
    def transports(self) -> frozenset[Transport]:
        """Those it has."""

    def prepare(self) -> None:
        """Fetch and build what is missing; raises Lacking."""

    def versions(self) -> Mapping[str, str]:
        """Of itself and what it runs on, by name; call it after ``prepare``."""

    def start(self, *, is_frugal: bool = False) -> AbstractContextManager[Server]:
        """Run it, on a port of its own, until the context ends.

        Args:
            is_frugal: it should give memory back to the system that it does not need, at the price of speed.
        """


def made_from(folder: Path, sources: Iterable[Path]) -> Path:
    """The stamp in a folder that was made from these sources; it exists if the folder is as they want it."""
    content = b"".join(path.read_bytes() for path in sources)
    return folder / f"made-from-{zlib.crc32(content):08x}"
