"""Nodes on Redis: its parts put together, and the order in which they start, reconnect and stop.

Source: the promises are those of ``backplane.Backplane``; OPS-48, OPS-70…77.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVarTuple, Unpack
from zlib import crc32

from bayeux.backplane.backplane import Arrived, Link, NodeInfo, Places, Receiver
from bayeux.backplane.interface import Retention
from bayeux.backplane.node_id import new_node_id
from bayeux.backplane.redis import scripts
from bayeux.backplane.redis.envelope import Addressed, Kind, Word
from bayeux.backplane.redis.history import RedisHistory
from bayeux.backplane.redis.journal import Journals
from bayeux.backplane.redis.keys import Keys
from bayeux.backplane.redis.lanes import Lanes
from bayeux.backplane.redis.link import RedisLink, Timing, Topology
from bayeux.backplane.redis.membership import Lease, Membership
from bayeux.backplane.redis.publishing import Publishing
from bayeux.backplane.redis.receiving import Receiving
from bayeux.backplane.redis.sessions import RedisSessions
from bayeux.backplane.redis.state import Offer
from bayeux.backplane.redis.unavailable import StoreUnavailable
from bayeux.protocol.client_id import RandomBytes
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.replay import Position

Said = TypeVarTuple("Said")

log: logging.Logger = logging.getLogger(__name__)

PATIENCE: Final = 2.0
"""Seconds that a start waits for this node to have caught up; then that goes on in the background."""


class RedisBackplane:
    """One node's way to all others through Redis.

    ``partitions`` and ``prefix`` are the same on all nodes of an installation. One that finds others with another
    number of partitions does not join them, and has no lease.

    Args:
        topology: where Redis is; a URL is understood, too (OPS-70).
        name: of this node, the same at every start; its id if empty.
        url: where its internal listener is; empty if nowhere.
        prefix: of all keys and channels (OPS-77).
        journal: events of each partition that are kept at least, for nodes that were cut off and sessions whose
            node has died; up to five times as many of the last 30 s.
        lease: how long a node may be silent.
        look: seconds between two looks whether something is missing (OPS-74).
        timing: of the link.
        clock: seconds, monotonic.
        random_bytes: makes ids and epochs.

    Raises ValueError: the URL or an argument is none; says what would be.
    """

    def __init__(
        self,
        topology: Topology | str,
        *,
        name: str = "",
        url: str = "",
        prefix: str = "bayeux",
        partitions: int = 64,
        journal: int = 2000,
        lease: Lease | None = None,
        look: float = 10.0,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        if partitions < 1 or journal < 1 or look <= 0:
            raise ValueError("partitions, journal and look: above 0")
        id = new_node_id(random_bytes)
        self.node: NodeInfo = NodeInfo(id, name or id, url)
        self.partitions = partitions
        keys = Keys(prefix)
        if isinstance(topology, str):
            topology = Topology.parse(topology)
        self._link = RedisLink(topology, self, node=id, prefix=prefix, scripts=scripts.ALL, timing=timing)
        self.link: Link = self._link.tally
        """Counters, for metrics."""
        offer = Offer(random_bytes)
        journals = Journals(self._link, keys, offer, self.link)
        self._publishing = Publishing(self._link, keys, offer, journals, id, partitions, journal)
        self._receiving = Receiving(
            self._link, keys, journals, given=self._given, lost=self._lost, tally=self.link, look=look
        )
        self._lanes = Lanes(self._link, keys, id, heard=self._heard, tally=self.link)
        self._membership = Membership(
            self._link, keys, self.node, partitions, self._lanes, self, lease or Lease(), clock, self.link
        )
        self.history: RedisHistory = RedisHistory(
            self._link, keys, offer, self._publishing, partitions, self.partition_of
        )
        self.sessions: RedisSessions = RedisSessions(self._link, keys, random_bytes)
        self._receiver: Receiver | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._has_told_connected = False

    # Backplane

    async def start(self, receiver: Receiver) -> None:
        """Reach the store, take the lease, join; retried in the background where the store is down."""
        self._receiver = receiver
        await self._link.start()
        self._lanes.start()
        self._receiving.start()
        self._membership.start()
        if self._connecting is not None:
            await asyncio.wait([self._connecting], timeout=PATIENCE)

    async def stop(self) -> None:
        """Give the lease up, say good-bye, let go of all connections."""
        self._receiver = None
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        await self._receiving.stop()
        await self._membership.stop()
        await self._lanes.stop()
        await self._link.stop()

    @property
    def is_connected(self) -> bool:
        """The store can be reached, by what is known, and this node fits the others there."""
        return self._link.is_connected and not self._membership.trouble

    @property
    def trouble(self) -> str:
        """Why it cannot be reached, for people; empty while it can."""
        return self._membership.trouble or self._link.trouble

    @property
    def lease_until(self) -> float:
        """Until when this node may serve its sessions."""
        return self._membership.until

    @property
    def nodes(self) -> Sequence[NodeInfo]:
        """The other nodes that are alive, by what is known."""
        return self._membership.others

    def partition_of(self, audience: str) -> int:
        """Which partition a channel or user belongs to."""
        return crc32(audience.encode("utf-8", "surrogatepass")) % self.partitions

    async def is_alive(self, node: str) -> bool:
        """Whether a node's lease stands, by the store."""
        return await self._membership.is_alive(node)

    async def publish(
        self, audience: str, header: bytes, payload: bytes, retention: Retention | None = None
    ) -> Position | None:
        """Give something to every node that listens to the audience's partition."""
        partition = self.partition_of(audience)
        if retention is None:
            await self._publishing.publish(partition, Kind.PASSING, header, payload, None)
            return None
        retaining = self.history.retaining(audience, retention)
        return await self._publishing.publish(partition, Kind.RETAINED, header, payload, retaining)

    async def listen(self, partitions: Sequence[int]) -> None:
        """Be given what is published there."""
        await self._receiving.listen(partitions)

    def ignore(self, partitions: Sequence[int]) -> None:
        """Take one ``listen`` back."""
        self._receiving.ignore(partitions)

    @property
    def places(self) -> Places:
        """How far this node is in each partition it listens to."""
        return self._receiving.places

    async def rewind(self, after: Places, deliver: Callable[[Arrived], None], join: Callable[[], None]) -> None:
        """Hand over what was published after these places, then call ``join``."""
        if not self._link.is_connected:
            raise StoreUnavailable(self._link.trouble)
        await self._receiving.rewind(after, deliver, join)

    async def send(self, node: str, message: bytes) -> None:
        """Give a message to one node."""
        await self._lanes.send(node, Word.MESSAGE, message)

    # what the link tells

    def message(self, channel: str, message: bytes) -> None:
        """Published on a channel that is subscribed to."""
        self._receiving.message(channel, message)

    def subscribed(self, channels: Sequence[str]) -> None:
        """From here on these are heard."""
        self._receiving.subscribed(channels)

    def connected(self) -> None:
        """All servers can be reached: fill the gaps, and then say so."""
        if self._receiver is None:
            return  # on the way out
        if self._connecting is not None:
            self._connecting.cancel()
        self._connecting = asyncio.create_task(self._connect(), name="backplane: catches up")

    def disconnected(self, why: str) -> None:
        """A server is lost; the link logs why."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._has_told_connected and self._receiver is not None:
            self._has_told_connected = False
            self._tell(self._receiver.disconnected)

    async def _connect(self) -> None:
        while True:
            try:
                await self._membership.renew()
                await self._receiving.catch_up_all()
                break
            except Unavailable as error:
                log.debug("the backplane is not caught up with: %s", error)
                await asyncio.sleep(0.1)
            except Exception:
                log.exception("the backplane could not be caught up with", extra={"event": "backplane_failed"})
                await asyncio.sleep(1.0)
        if self._receiver is not None and not self._has_told_connected:
            self._has_told_connected = True
            log.info("the backplane is reached", extra={"event": "backplane_reached"})
            self._tell(self._receiver.connected)

    # what the parts tell

    def _given(self, event: Arrived) -> None:
        if self._receiver is not None:
            self._tell(self._receiver.arrived, event)

    def _lost(self, partition: int) -> None:
        if self._receiver is not None:
            self._tell(self._receiver.gap, partition)

    def _heard(self, message: Addressed) -> None:
        if message.word != Word.MESSAGE:
            self._membership.heard(message)
        elif self._receiver is not None:
            self._tell(self._receiver.addressed, message.sender, message.body)

    def node_joined(self, node: NodeInfo) -> None:
        """See ``Receiver``."""
        if self._receiver is not None:
            self._tell(self._receiver.node_joined, node)

    def node_left(self, node: NodeInfo, reason: str) -> None:
        """See ``Receiver``."""
        if self._receiver is not None:
            self._tell(self._receiver.node_left, node, reason)

    def _tell(self, say: Callable[[Unpack[Said]], None], *about: *Said) -> None:
        """A receiver that raises must not keep the next from being told."""
        try:
            say(*about)
        except Exception:
            log.exception("what came through the backplane was not taken", extra={"event": "backplane_receiver_raised"})
