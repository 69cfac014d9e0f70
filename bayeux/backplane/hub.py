"""Several nodes of one process, joined by a store in memory, and all that can go wrong between them.

For tests: it keeps every promise of ``Backplane`` that one on a network can keep, and breaks its links when told to.
Nothing comes on the caller's stack, and all that is awaited gives way to others.

Source: the promises are those of ``backplane.Backplane``.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from operator import methodcaller
from typing import Final
from zlib import crc32

from bayeux.backplane.backplane import Arrived, JournalGap, Link, NodeInfo, Places, Receiver
from bayeux.backplane.feed import Feed
from bayeux.backplane.hub_store import HubHistory, HubSessions, Keeping, Partition
from bayeux.backplane.interface import History, Retention
from bayeux.backplane.memory import MemoryHistory
from bayeux.backplane.node_id import new_node_id
from bayeux.protocol.client_id import RandomBytes
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.replay import Position

__all__ = ["MemoryBackplane", "MemoryHub"]

MAX_LANE: Final = 10_000
"""Messages that wait for one node; above it ``send`` is refused."""


class MemoryHub:
    """The store that nodes share; ``node`` makes one.

    Args:
        clock: seconds, monotonic, the same for all nodes. Leases lapse by it.
        random_bytes: makes ids and epochs.
        journal: events a partition keeps.
        lease: seconds after which a node that was not heard of is taken for gone.
        look: seconds of the event loop between two looks who is there; ``notice`` looks at once.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        random_bytes: RandomBytes = secrets.token_bytes,
        partitions: int = 64,
        journal: int = 2000,
        lease: float = 2.0,
        look: float = 0.5,
    ) -> None:
        self.partitions = partitions
        self.lease = lease
        self.look = look
        self.clock = clock
        self.nodes: list[MemoryBackplane] = []
        """Those that have started and not stopped; a dead one until it was noticed that its lease has lapsed."""
        self._random_bytes = random_bytes
        self._journal = journal
        self.keeping: Keeping = self._empty(0)

    def node(self, name: str = "", url: str = "") -> MemoryBackplane:
        """A way to this store for one more node.

        Args:
            name: the node's id if empty.
        """
        id = new_node_id(self._random_bytes)
        return MemoryBackplane(self, NodeInfo(id, name or id, url))

    def notice(self) -> None:
        """Tell every node who has come and who has gone, by the clock, and what it has missed."""
        for node in tuple(self.nodes):
            if node.is_gone and not node.has_lease:
                self.nodes.remove(node)
        for node in self.nodes:
            node.look_around()
            node.check_positions()

    def flush(self) -> None:
        """Lose everything but the nodes' leases, as a store does that starts without its data."""
        self.keeping = self._empty(max(partition.place for partition in self.keeping.partitions) + 1_000_000)
        for node in self.nodes:
            node.check_positions()

    def publish(
        self, partition: int, header: bytes, payload: bytes, kept: tuple[str, Retention] | None
    ) -> Position | None:
        """Keep it, and give it to all who listen."""
        position = None if kept is None else self.keeping.history.append(kept[0], payload, kept[1])
        published = self.keeping.partitions[partition]
        published.place += 1
        event = Arrived(partition, published.place, header, payload, position)
        published.journal.append(event)
        for node in self.nodes:
            node.push(event)
        return position

    def _empty(self, place: int) -> Keeping:
        return Keeping(
            MemoryHistory(clock=self.clock, random_bytes=self._random_bytes),
            [Partition(deque(maxlen=self._journal), place) for _ in range(self.partitions)],
        )


class MemoryBackplane:
    """One node's way to a hub, and its faults: ``cut``, ``kill``, ``lose``, ``doubt``, ``hold_lease``, ``latency``.

    Made by ``MemoryHub.node``.
    """

    def __init__(self, hub: MemoryHub, node: NodeInfo) -> None:
        self.node = node
        self.hub = hub
        self.partitions: int = hub.partitions
        self.link: Link = Link()
        self.latency: float = 0.0
        """Seconds that everything takes on its way to the store, and again on its way back."""
        self.history: History = HubHistory(self)
        self.sessions: HubSessions = HubSessions(self, hub.clock)
        self._receiver: Receiver | None = None
        self._known: dict[str, NodeInfo] = {}
        self._feeds: dict[int, Feed[Arrived]] = {}
        self._interest: Counter[int] = Counter()
        self._wire: deque[Arrived] = deque()
        self._lane: deque[tuple[str, bytes]] = deque(maxlen=MAX_LANE)
        self._to_lose = 0
        self._to_doubt = 0
        self._is_cut = False
        self._is_dead = False
        self._has_told_connected = False
        self._is_lease_held = False
        self._silent_since: float | None = None
        self._looking: asyncio.Task[None] | None = None

    # faults

    def cut(self) -> None:
        """The store cannot be reached, what is on its way from there is lost, and the lease is not renewed."""
        self._is_cut = True
        self._wire.clear()
        self._renew_or_not()
        self._tell_connection()

    def heal(self) -> None:
        """Undo ``cut``, ``lose``, ``doubt`` and ``hold_lease``; gaps are filled, or told."""
        if self._is_cut:
            self.link.reconnects += 1
        self._is_cut = self._is_lease_held = False
        self._to_lose = self._to_doubt = 0
        self._renew_or_not()
        self.check_positions()
        self._soon(self._read_lane)
        self._tell_connection()
        self.hub.notice()

    def kill(self) -> None:
        """It is gone without a word: its receiver hears nothing more, all that it asks for fails. Its lease lapses."""
        self._is_dead = True
        self._receiver = None
        self._wire.clear()
        self._lane.clear()
        self._renew_or_not()
        if self._looking is not None:
            self._looking.cancel()

    def lose(self, events: int) -> None:
        """The next so many events do not arrive here live; the next one that does shows the gap."""
        self._to_lose += events

    def doubt(self, calls: int) -> None:
        """The next so many calls are done by the store, but fail here: their outcome is unknown."""
        self._to_doubt += calls

    def hold_lease(self) -> None:
        """The lease is not renewed, while all else works."""
        self._is_lease_held = True
        self._renew_or_not()

    # what every backplane can do

    async def start(self, receiver: Receiver) -> None:
        """Join; a node that is cut off joins when it is healed."""
        self._receiver = receiver
        self.hub.nodes.append(self)
        self._renew_or_not()
        self._tell_connection()
        self.hub.notice()
        self._looking = asyncio.create_task(self._look())
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Leave."""
        if self in self.hub.nodes:
            self.hub.nodes.remove(self)
        self._receiver = None
        self._feeds.clear()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if not self._is_dead and not self._is_cut:
            for node in self.hub.nodes:
                node.forget(self.node.id, "left")

    @property
    def is_connected(self) -> bool:
        """Neither cut off nor dead."""
        return self._receiver is not None and not self._is_cut

    @property
    def lease_until(self) -> float:
        """A quarter of the lease earlier than others may claim."""
        if self._receiver is None:
            return float("-inf")
        since = self.hub.clock() if self._silent_since is None else self._silent_since
        return since + 0.75 * self.hub.lease

    @property
    def nodes(self) -> Sequence[NodeInfo]:
        """The other nodes it knows of."""
        return tuple(self._known.values())

    def partition_of(self, audience: str) -> int:
        """By a hash of its name."""
        return crc32(audience.encode()) % self.partitions

    async def is_alive(self, node: str) -> bool:
        """Whether its lease stands."""
        await self.reach()
        alive = any(each.node.id == node and each.has_lease for each in self.hub.nodes)
        await self.answered()
        return alive

    async def publish(
        self, audience: str, header: bytes, payload: bytes, retention: Retention | None = None
    ) -> Position | None:
        """Give it to all nodes that listen to the audience's partition."""
        await self.reach()
        kept = None if retention is None else (audience, retention)
        position = self.hub.publish(self.partition_of(audience), header, payload, kept)
        await self.answered()
        return position

    async def listen(self, partitions: Sequence[int]) -> None:
        """Be given what is published there."""
        await self.reach()
        for each in partitions:
            self._interest[each] += 1
            if each not in self._feeds:
                self._feeds[each] = Feed(self._arrived, partial(self._lost, each))
                self._feeds[each].begin(self.hub.keeping.partitions[each].place)
        if self.latency:
            await asyncio.sleep(self.latency)

    def ignore(self, partitions: Sequence[int]) -> None:
        """Take one ``listen`` back."""
        for each in partitions:
            self._interest[each] -= 1
            if self._interest[each] <= 0:
                del self._interest[each]
                self._feeds.pop(each, None)

    @property
    def places(self) -> Places:
        """How far it is."""
        return {partition: feed.place for partition, feed in self._feeds.items()}

    async def rewind(self, after: Places, deliver: Callable[[Arrived], None], join: Callable[[], None]) -> None:
        """Hand over what was published after these places, then ``join``."""
        await self.reach()
        listened = {each: (self._feeds[each], place) for each, place in after.items() if each in self._feeds}
        while any(feed.place < place for feed, place in listened.values()):  # what was given there is on its way to us
            for each, (_, place) in listened.items():
                if self.hub.keeping.partitions[each].place < place:
                    raise JournalGap("the store has lost what was published last")
                self._fill(each)
            await self.reach()
        stretches = {each: self.hub.keeping.partitions[each].stretch(place) for each, (_, place) in listened.items()}
        if any(stretch.floor > listened[each][1] for each, stretch in stretches.items()):
            raise JournalGap("the journal does not reach back so far")
        for each, stretch in stretches.items():
            for event in stretch.events:
                if event.place <= listened[each][0].place:
                    deliver(event)
        join()

    async def send(self, node: str, message: bytes) -> None:
        """Put it into the other node's lane."""
        await self.reach()
        addressed = next((each for each in self.hub.nodes if each.node.id == node and each.has_lease), None)
        if addressed is None or not addressed.put(self.node.id, message):
            raise Unavailable("node")
        await self.answered()

    # what the hub and the ways to its store ask

    @property
    def keeping(self) -> Keeping:
        """What the hub has at this instant."""
        return self.hub.keeping

    async def reach(self) -> None:
        """On the way to the store. Raises Unavailable."""
        await asyncio.sleep(self.latency)
        if not self.is_connected:
            raise Unavailable("backplane")

    async def answered(self) -> None:
        """On the way back. Raises Unavailable."""
        if self.latency:
            await asyncio.sleep(self.latency)
        if self._to_doubt > 0:
            self._to_doubt -= 1
            raise Unavailable("backplane")
        if not self.is_connected:
            raise Unavailable("backplane")

    @property
    def is_gone(self) -> bool:
        """Killed."""
        return self._is_dead

    @property
    def has_lease(self) -> bool:
        """By the store."""
        return self._silent_since is None or self.hub.clock() < self._silent_since + self.hub.lease

    def push(self, event: Arrived) -> None:
        """An event is on its way here."""
        if event.partition not in self._feeds or not self.is_connected:
            return
        if self._to_lose > 0:
            self._to_lose -= 1
            return
        self._wire.append(event)
        self._soon(self._read_wire)

    def put(self, sender: str, message: bytes) -> bool:
        """Into the lane; False if it is full."""
        if len(self._lane) == MAX_LANE:
            return False
        self._lane.append((sender, message))
        self._soon(self._read_lane)
        return True

    def look_around(self) -> None:
        """Who is there."""
        if not self.is_connected:
            return
        there = {
            node.node.id: node.node
            for node in self.hub.nodes
            if node is not self and node.has_lease and (node.is_connected or node.node.id in self._known)
        }
        for id in [id for id in self._known if id not in there]:
            self.forget(id, "lost")
        for id, info in there.items():
            if id in self._known:
                continue
            for other in [other for other in self._known.values() if other.name == info.name]:
                self.forget(other.id, "left")  # CLU-2
            self._known[id] = info
            self._tell(methodcaller("node_joined", info))

    def forget(self, id: str, reason: str) -> None:
        """It has gone."""
        info = self._known.pop(id, None)
        if info is not None:
            self._tell(methodcaller("node_left", info, reason))

    def check_positions(self) -> None:
        """Fill what was missed, or tell it."""
        if self.is_connected:
            for partition in tuple(self._feeds):
                self._soon(partial(self._fill, partition))

    # the node's own turn

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self.hub.look)
            self.hub.notice()

    def _soon(self, act: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        if self.latency:
            loop.call_later(self.latency, act)
        else:
            loop.call_soon(act)

    def _tell(self, say: Callable[[Receiver], None]) -> None:
        def tell() -> None:
            if self._receiver is not None:
                say(self._receiver)

        asyncio.get_running_loop().call_soon(tell)

    def _tell_connection(self) -> None:
        """Once for every change, after the gaps were filled."""
        if self.is_connected and not self._has_told_connected:
            self._has_told_connected = True
            self._soon(lambda: self._tell(methodcaller("connected")))
        elif not self.is_connected and self._has_told_connected:
            self._has_told_connected = False
            self._tell(methodcaller("disconnected"))

    def _renew_or_not(self) -> None:
        if not (self._is_cut or self._is_dead or self._is_lease_held):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = self.hub.clock()

    def _read_wire(self) -> None:
        if not self._wire:
            return  # it was cut
        event = self._wire.popleft()
        feed = self._feeds.get(event.partition)
        if feed is not None:
            feed.take(event)
            if feed.is_behind:
                self._soon(partial(self._fill, event.partition))

    def _fill(self, partition: int) -> None:
        feed = self._feeds.get(partition)
        if feed is None or not self.is_connected:
            return
        place, told = feed.place, self.link.gaps_told
        feed.fill(self.hub.keeping.partitions[partition].stretch(feed.place))
        if feed.place > place and told == self.link.gaps_told:
            self.link.gaps_filled += 1

    def _read_lane(self) -> None:
        while self._lane and self._receiver is not None and self.is_connected:
            self._receiver.addressed(*self._lane.popleft())

    def _arrived(self, event: Arrived) -> None:
        if self._receiver is not None:
            self._receiver.arrived(event)

    def _lost(self, partition: int) -> None:
        self.link.gaps_told += 1
        if self._receiver is not None:
            self._receiver.gap(partition)
