"""Who is there: this node's lease, and the nodes it hears and that hear it.

A node renews its lease in Redis, and writes itself into a list of all. Whom it finds there, it says hello to through
his lane; he is told as joined when he has answered: then both ways work. He is told as left when he says so, when one
of his name has come in his place, or when his lease is gone.

Who says hello and is new is said hello to before he is answered: so each knows the other before the other's first
message comes.

Leases lapse by the clock of Redis. A node that finds its own lapsed before its time was wrong about how long it may
serve: that clock has leapt, or this machine stood still and its clock with it. Others are no more dead than it is
itself, and are given time to say so; likewise after an outage that outlasted all leases.

Source: CLU-1, CLU-2, CLU-5.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bayeux.backplane.backplane import Link, NodeInfo
from bayeux.backplane.redis import scripts
from bayeux.backplane.redis.envelope import Addressed, Malformed, Word, pack_names, unpack_names
from bayeux.backplane.redis.keys import Keys, is_node_id
from bayeux.backplane.redis.lanes import Lanes
from bayeux.backplane.redis.link import RedisLink
from bayeux.backplane.redis.refusals import refuse
from bayeux.backplane.redis.rounds import rounds
from bayeux.backplane.redis.unavailable import StoreUnavailable
from bayeux.protocol.errors import Unavailable

log: logging.Logger = logging.getLogger(__name__)

MARGIN: Final = 0.25
"""Part of the lease by which a node stops before others may go on: for clocks that run apart and work in hand."""

AGREED_FOR: Final = 3
"""Leases that last after which nobody is taken to go by what was agreed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Seconds.

    Args:
        lasts: after which a node that was not heard of is gone.
        renewed: between two renewals; in half of it others are looked at, as a death is noticed so much later at most.

    Raises ValueError.
    """

    lasts: float = 2.0
    renewed: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.renewed < self.lasts * (1 - MARGIN):
            raise ValueError("renewed: renew a lease more often than it lasts, less a quarter for safety")


class Told(Protocol):
    """Who is told of nodes; a part of ``backplane.Receiver``."""

    def node_joined(self, node: NodeInfo) -> None:
        """See there."""

    def node_left(self, node: NodeInfo, reason: str) -> None:
        """See there."""


class Membership:
    """This node among the others.

    Args:
        partitions: how many this node has; all must have as many.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        node: NodeInfo,
        partitions: int,
        lanes: Lanes,
        told: Told,
        lease: Lease,
        clock: Callable[[], float],
        tally: Link,
    ) -> None:
        self.until: float = float("-inf")
        """See ``Backplane.lease_until``."""
        self.trouble: str = ""
        """Why this node can be none of them, for people."""
        self._link = link
        self._keys = keys
        self._node = node
        self._partitions = partitions
        self._lanes = lanes
        self._told = told
        self._lease = lease
        self._clock = clock
        self._tally = tally
        self._joined: dict[str, NodeInfo] = {}
        self._greeted: set[str] = set()
        """Whom we said hello since we last looked who is there."""
        self._replaced: dict[str, tuple[str, float]] = {}
        """Whom another one of their name replaced: that name, and when."""
        self._ambiguous: set[str] = set()
        """Names that several nodes bear at once."""
        self._judges_at = float("-inf")
        """From when on a lease that has lapsed tells that its node has died."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Take the lease, and keep it."""
        self._spawn(rounds(self.renew, self._lease.renewed, "the lease could not be renewed"))
        self._spawn(rounds(self._look, self._lease.renewed / 2, "it could not be seen who is there"))

    async def stop(self) -> None:
        """Give the lease up, and say good-bye."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        had_lease = self.until > float("-inf")
        self.until = float("-inf")
        if had_lease and self._link.is_connected:
            farewells = [self._lanes.send(id, Word.GOOD_BYE, b"") for id in self._joined]
            await asyncio.gather(
                self._link.call("DEL", self._keys.lease(self._node.id)),
                self._link.call("DEL", self._keys.lane(self._node.id)),
                self._link.call("ZREM", self._keys.nodes, self._node.id),
                *farewells,
                return_exceptions=True,
            )
        self._joined.clear()

    @property
    def others(self) -> Sequence[NodeInfo]:
        """Those that have joined."""
        return tuple(self._joined.values())

    async def renew(self) -> None:
        """Take the lease, or keep it. Raises Unavailable, also where the node does not fit the others."""
        if self.until == float("-inf"):
            await self._agree()
        sent = self._clock()
        names = pack_names(self._node.name, self._node.url)
        lasts = int(self._lease.lasts * 1000)
        before = await self._link.call("SET", self._keys.lease(self._node.id), names, "PX", lasts, "GET")
        if before is None:
            self._judges_at = self._clock() + self._lease.lasts
            if self._clock() < self.until:
                self._be_without()
                return
        # What counts is when it was sent: Redis counts from later on.
        self.until = max(self.until, sent + self._lease.lasts * (1 - MARGIN))

    async def _agree(self) -> None:
        """Nodes with other partitions than ours would not be given what is published here, nor we what is there."""
        patience = int(AGREED_FOR * self._lease.lasts * 1000)
        agreed = int(await self._link.run(scripts.AGREE, [self._keys.agreed], [self._partitions, patience]))
        if agreed == self._partitions:
            self.trouble = ""
            return
        self.until = float("-inf")
        if not self.trouble:
            self.trouble = (
                f"this node has {self._partitions} partitions, the others have {agreed}: it does not serve. "
                "Give all the same backplane.partitions; to change it, stop all of them first"
            )
            log.error(self.trouble, extra={"event": "backplane_partitions_differ"})
        raise StoreUnavailable(self.trouble)

    def _be_without(self) -> None:
        """Others may have claimed what is ours: until the next renewal nobody here takes himself for its owner."""
        self.until = float("-inf")
        log.warning(
            "the lease of this node had lapsed by the clock of Redis, though not by its own: its sessions are looked "
            "over. Was that clock set, this machine suspended, or are the data of Redis gone?",
            extra={"event": "lease_lapsed"},
        )

    async def is_alive(self, node: str) -> bool:
        """Whether its lease stands. Raises Unavailable."""
        return is_node_id(node) and bool(await self._link.call("EXISTS", self._keys.lease(node)))

    def heard(self, message: Addressed) -> None:
        """A hello, a welcome or a good-bye."""
        if message.word == Word.GOOD_BYE:
            self._forget(message.sender, "left")
            return
        try:
            name, url = unpack_names(message.body)
        except Malformed as error:
            refuse(self._tally, f"what node {message.sender} says of itself", error)
            return
        if message.word == Word.WELCOME:
            self._join(NodeInfo(message.sender, name, url))
        elif is_node_id(message.sender) and message.sender != self._node.id:
            words = [Word.WELCOME]
            if message.sender not in self._joined and message.sender not in self._greeted:
                self._greeted.add(message.sender)
                words = [Word.HELLO, Word.WELCOME]
            self._spawn(self._say(message.sender, words))

    def _join(self, node: NodeInfo) -> None:
        if node.id in self._joined or node.id == self._node.id:
            return
        for other in [other for other in self._joined.values() if other.name == node.name]:
            if node.name not in self._ambiguous:
                self._replaced[other.id] = node.name, self._clock()
                self._forget(other.id, "left")  # CLU-2
        self._joined[node.id] = node
        self._told.node_joined(node)

    def _forget(self, id: str, reason: str) -> None:
        node = self._joined.pop(id, None)
        if node is not None:
            self._told.node_left(node, reason)

    # in the background

    async def _look(self) -> None:
        """Greet who is new; tell who is gone."""
        if self.until == float("-inf"):
            return  # nobody could answer us
        await self._agree()
        found = await self._link.run(scripts.LOOK, [self._keys.nodes], [self._node.id, int(self._lease.lasts * 1000)])
        ids = {id.decode("ascii", "replace") for id in found}
        self._forgive(ids)
        unknown = ids - self._joined.keys() - self._replaced.keys() - {self._node.id}
        self._greeted = {id for id in unknown if is_node_id(id)}
        silent = [id for id in self._joined if id not in ids]
        if silent and self._clock() >= self._judges_at:
            is_ours, *alive = await asyncio.gather(*(self.is_alive(id) for id in (self._node.id, *silent)))
            for id, is_alive in zip(silent, alive, strict=True):
                if is_ours and not is_alive:
                    self._forget(id, "lost")
        await asyncio.gather(*(self._say(id, [Word.HELLO]) for id in self._greeted))

    def _forgive(self, ids: set[str]) -> None:
        """Who was replaced and is still here has not died: two are called the same."""
        for id, (name, at) in tuple(self._replaced.items()):
            if self._clock() < at + 2 * self._lease.lasts:
                continue
            del self._replaced[id]
            if id in ids and name not in self._ambiguous:
                self._ambiguous.add(name)
                log.warning(
                    "several nodes are called %s: give each a name of its own, or a restart is noticed late",
                    name,
                    extra={"event": "backplane_name_twice", "node": name},
                )

    async def _say(self, node: str, words: Sequence[Word]) -> None:
        """What is not heard is said again at the next look."""
        names = pack_names(self._node.name, self._node.url)
        try:
            await asyncio.gather(*(self._lanes.send(node, word, names) for word in words))
        except Unavailable as error:
            log.debug("%s", error)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine, name="backplane: membership")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
