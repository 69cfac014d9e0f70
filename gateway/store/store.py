"""Where the gateway keeps what must outlive a process.

A store has rooms. What one commit changes lies in one room, and is changed as a whole or not at all: documents by
compare-and-set, the indexes they stand in, deadlines, messages that have to leave (the outbox) and the ids of what was
taken already. Rooms know nothing of each other, so that each may lie on a server of its own.

Times are seconds since 1970 by the caller's clock, an argument everywhere; only leases and times to live run by
the store's own. Names (keys, indexes, deadlines, lanes, leases, ids) are any text that is valid Unicode.

Source: OPS-25, AG-123, AG-126, MRE-4, MRE-120, MRE-122, MRE-123, MRE-126.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class Conflict(Exception):
    """Somebody else has written that document; read it again, and decide anew."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class TakenAlready(Exception):
    """What this commit answers was taken before: nothing was changed, and its effects stand already."""


class LeaseLost(Exception):
    """Another one holds the lease: nothing was changed, and this one must not go on."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document as it was read."""

    key: str
    version: int
    """One more with each write. A new one begins above all that have ended in its room: no version comes twice."""
    body: Mapping[str, Any]
    """JSON values; keys keep their order."""


@dataclass(frozen=True, slots=True)
class Write:
    """One document as it shall be."""

    key: str
    body: Mapping[str, Any] | None
    """JSON values; None: there is none any more."""
    version: int
    """The one it has by what the writer knows; 0: there is none."""
    indexes: Mapping[str, float] = field(default_factory=dict)
    """Names of ordered indexes with its place in each; it leaves those that are not named."""
    ttl: float | None = None
    """Seconds until it vanishes, with its places in indexes; None: it stays."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that has to leave; it stays until ``Changes.sent`` names it."""

    id: str
    """While it is there, another of that id changes nothing."""
    lane: str
    """Entries of one lane leave in the order in which they were committed."""
    body: Mapping[str, Any]
    """JSON values."""
    of: str | None = None
    """Key of a document that the same commit writes; of it only that document's version is kept."""
    version: int = 0
    """As the outbox tells it: which one the document got by that commit; 0: it is of none."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease that was claimed; a later claim has a higher number."""

    lease: str
    number: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What one commit does.

    Raises ValueError where two writes are of one key: neither could know the version that it meets.
    """

    writes: Sequence[Write] = ()
    deadlines: Mapping[str, float | None] = field(default_factory=dict)
    """Name to the moment it is due; None: it is no more."""
    outgoing: Sequence[Outgoing] = ()
    sent: Sequence[str] = ()
    """Ids of the outbox that are no more; unknown ones are ignored."""
    taken: str = ""
    """Id of what this commit answers: a second commit with it raises TakenAlready."""
    taken_ttl: float = 24 * 60 * 60.0
    """Seconds that ``taken`` is remembered (MRE-120)."""
    fence: Fence | None = None
    """Do it only while this lease is held under this number."""

    def __post_init__(self) -> None:
        if len({write.key for write in self.writes}) < len(self.writes):
            raise ValueError("two writes of one document")

    def versions(self, first: int) -> Mapping[str, int]:
        """What the documents have by this; ``first``: the version that new ones get."""
        return {
            write.key: write.version + 1 if write.version else first for write in self.writes if write.body is not None
        }


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something that is due."""

    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A document's place in an index."""

    key: str
    place: float


class Room(Protocol):
    """One part of a store that changes as a whole.

    Whoever asks after a commit has returned sees it, on any node. Commits of one caller happen in the order in which
    they were called, also without waiting for one another.

    All methods raise Unavailable (``bayeux.protocol.errors``) when the store cannot be reached; of a commit it is then
    not known whether it happened: repeat it with the same ``taken``, or read again. Also one whose caller was cancelled
    may happen.
    """

    async def read(self, *keys: str) -> Sequence[Document | None]:
        """The documents in the order of the keys, all as of one moment."""

    async def commit(self, changes: Changes) -> Mapping[str, int]:
        """All of it, or nothing; the versions that the documents have by it. Checks the fence, then ``taken``, then
        the versions that were known.

        Raises LeaseLost, TakenAlready, Conflict.
        """

    async def page(
        self, index: str, *, least: float | None = None, most: float | None = None, offset: int = 0, limit: int = 100
    ) -> Sequence[Entry]:
        """Places between two bounds, both included, lowest first; equal ones by key."""

    async def count(self, index: str) -> int:
        """How many documents stand in it."""

    async def due(self, now: float, limit: int = 100) -> Sequence[Deadline]:
        """What is due by then, earliest first. It stays due until a commit moves or ends it."""

    async def next_deadline(self) -> float | None:
        """When the earliest is due; None if there is none."""

    async def outbox(self, lane: str, limit: int = 100) -> Sequence[Outgoing]:
        """What has to leave by this lane, oldest first."""

    async def claim(self, lease: str, holder: str, ttl: float) -> Fence | None:
        """Hold a lease for so many seconds; again by the same holder renews it under the same number.

        None: another one holds it. What has run out is claimed anew, under a higher number, also by who held it last:
        somebody else may have held it meanwhile.
        """

    async def release(self, fence: Fence) -> None:
        """Hold it no longer; nothing, if it was lost already."""


class Store(Protocol):
    """All rooms; what they keep is there again after ``close`` and a new start."""

    @property
    def trouble(self) -> str:
        """Why it cannot be used by what is known, for operators; empty while it can (OPS-51)."""

    async def open(self) -> None:
        """Begin to use it. Raises Failure (``gateway.failure``) for a file that cannot be used.

        A server that is away is no failure: it is looked for until it is there, and all methods raise Unavailable.
        """

    async def close(self) -> None:
        """What was committed is safe."""

    def room(self, name: str) -> Room:
        """The same room for the same name, on all nodes. Raises ValueError for other than lower-case letters."""
