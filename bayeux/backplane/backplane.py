"""What the server asks of whatever joins its nodes.

A *node* is one process with one event loop; its id is new at every start. What nodes send each other is bytes that
this interface does not look into. Promises of order, loss and claims stand here and are held by ``tests/contracts``,
which every implementation runs: ``hub`` for nodes in one process, ``redis`` for those of a cluster.

Every audience belongs to one of a fixed number of *partitions*, by a hash of its name. A partition counts what is
published in it; that number is its *place*. A place never comes twice, also not after the store has lost its data. A
node listens to the partitions it has an interest in and is given all that is published there, its own publishes
included, in the order of their places. What it missed while it was cut off is read from the partition's *journal*,
which is bounded; a gap that cannot be filled is told, never passed over.

Source: CLU-1…6, OPS-70…77, SEC-80; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bayeux.backplane.interface import History, Retention
from bayeux.protocol.replay import Position

__all__ = [
    "Arrived",
    "Backplane",
    "Claim",
    "JournalGap",
    "NodeInfo",
    "Places",
    "Receiver",
    "SessionStore",
    "StaleClaim",
]

Places = Mapping[int, int]
"""By partition: the place of the last event that was taken in there."""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node as others see it.

    Args:
        id: alphanumeric, of a fixed length, unique per start.
        name: the same at every start: host and worker, or what the configuration says.
        url: where its internal listener is; empty if nowhere.
    """

    id: str
    name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Something that was published, as every listening node is given it.

    Args:
        partition, place: where it stands.
        header: what the publisher's server says about it.
        payload: the event, JSON without its position.
        position: its id in the history of its channel and the epoch; None if it was published without retention.
    """

    partition: int
    place: int
    header: bytes
    payload: bytes
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who owns a session, by the store.

    Args:
        owner: a node's id, perhaps of one that has gone.
        number: rises with every claim; a write with an older one is refused.
        record: what is known of the session, as its owner wrote it last.
    """

    owner: str
    number: int
    record: bytes


class JournalGap(Exception):
    """What was asked for is no longer in the journal, or was written in another epoch of the store."""


class StaleClaim(Exception):
    """Somebody else has claimed the session since, or it is over."""


class Receiver(Protocol):
    """Who is told of what comes in; plain functions on the node's loop, called one after the other."""

    def arrived(self, event: Arrived) -> None:
        """Published in a partition that is listened to; exactly once, in the order of places."""

    def gap(self, partition: int) -> None:
        """Events of this partition are lost for good: whoever counts on them must be told. Later ones follow."""

    def addressed(self, sender: str, message: bytes) -> None:
        """``send`` of another node; in the order in which that node sent, exactly once while both live."""

    def node_joined(self, node: NodeInfo) -> None:
        """Traffic works both ways (CLU-1). Never of the node itself (CLU-2)."""

    def node_left(self, node: NodeInfo, reason: str) -> None:
        """It said good-bye (``left``) or its lease has lapsed (``lost``).

        One that starts again under the same name is told as left before the new one as joined (CLU-2). One that was
        lost and is heard of again joins again.
        """

    def connected(self) -> None:
        """The store can be reached again, and all gaps are filled or told."""

    def disconnected(self) -> None:
        """The store cannot be reached."""


class SessionStore(Protocol):
    """Keeps what another node needs to go on with a session whose owner has died.

    Every method raises ``errors.Unavailable`` if the store cannot be reached; whether a write happened is then unknown.
    Keys live ``ttl`` seconds after the last write or ``touch``.
    """

    async def create(self, client_id: str, owner: str, record: bytes, ttl: float) -> int:
        """Keep a new session; its claim's number."""

    async def update(self, client_id: str, number: int, record: bytes, ttl: float) -> None:
        """Replace the record. Raises StaleClaim where ``number`` is not that of the last claim."""

    async def claim(self, client_id: str, number: int, owner: str, record: bytes | None, ttl: float) -> int:
        """Own the session from here on; the new number.

        Args:
            number: of the claim that is known; one who was slower raises StaleClaim.
            record: replaces the one that is kept; None leaves it.
        """

    async def find(self, client_id: str) -> Claim | None:
        """Who owns it; None if it is over or was never kept."""

    async def touch(self, client_ids: Sequence[str], ttl: float) -> Sequence[str]:
        """They are alive: keep them for so long. Gives those that are not kept, or no more."""

    async def end(self, client_id: str, number: int) -> None:
        """It is over; does nothing where somebody else has claimed it."""

    async def write_checkpoint(self, node: str, checkpoint: bytes, ttl: float) -> None:
        """Keep this as what the node said last about all its sessions."""

    async def read_checkpoint(self, node: str) -> bytes | None:
        """What a node, perhaps a dead one, said last."""


class Backplane(Protocol):
    """The way between nodes; one object a node.

    Failure: what is awaited, but ``start`` and ``stop``, raises ``errors.Unavailable`` after a bounded time if the
    store cannot be reached; a ``listen`` then counts for nothing. A publish whose outcome is unknown is tried once more
    by the backplane itself and counts once; if that fails, too, it may still have happened.
    """

    node: NodeInfo
    partitions: int

    @property
    def history(self) -> History:
        """The histories of channels that ``publish`` writes to."""

    @property
    def sessions(self) -> SessionStore:
        """Where the sessions of all nodes are kept."""

    async def start(self, receiver: Receiver) -> None:
        """Reach the store, take the lease, join; retried in the background where the store is down (OPS-48)."""

    async def stop(self) -> None:
        """Give the lease up, say good-bye, let go of all connections."""

    @property
    def is_connected(self) -> bool:
        """The store can be reached, by what is known."""

    @property
    def lease_until(self) -> float:
        """Until when, on its monotonic clock, this node may serve its sessions: later others may have claimed them.

        Always earlier than the moment at which the others may.
        """

    @property
    def nodes(self) -> Sequence[NodeInfo]:
        """The other nodes that are alive, by what is known."""

    def partition_of(self, audience: str) -> int:
        """Which partition a channel or user belongs to."""

    async def is_alive(self, node: str) -> bool:
        """Whether a node's lease stands, by the store."""

    async def publish(
        self, audience: str, header: bytes, payload: bytes, retention: Retention | None = None
    ) -> Position | None:
        """Give something to every node that listens to the audience's partition, in one atomic step with keeping it.

        Publishes of one node in one partition keep their order. When it returns, every node will be given it, or told
        of a gap; some may have been given it before.

        Args:
            audience: whose partition it is; with a retention the text of the channel whose history keeps ``payload``.
        """

    async def listen(self, partitions: Sequence[int]) -> None:
        """Be given what is published there, from some moment before this returns; counted, as is ``ignore``."""

    def ignore(self, partitions: Sequence[int]) -> None:
        """Take one ``listen`` back."""

    @property
    def places(self) -> Places:
        """How far this node is in each partition it listens to."""

    async def rewind(self, after: Places, deliver: Callable[[Arrived], None], join: Callable[[], None]) -> None:
        """Hand over what was published after these places, then call ``join`` at an instant when nothing is missing.

        Of partitions that are not listened to nothing is handed over. Each partition keeps its order; what comes after
        ``join`` is given to the receiver as ever. Some may have been handed over before this raises.

        Raises JournalGap, before ``join`` is called.
        """

    async def send(self, node: str, message: bytes) -> None:
        """Give a message to one node. Raises ``errors.Unavailable`` also where that node is known to be gone."""


@dataclass(slots=True)
class Link:
    """Counters of the way to the store, for metrics (OPS-72…75)."""

    reconnects: int = 0
    gaps_filled: int = 0
    gaps_told: int = 0
    probes_missed: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
