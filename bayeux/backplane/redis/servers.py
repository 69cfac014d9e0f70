"""Which server has which part of our keys, in every topology, and what waits for each.

One server, or the master that Sentinels name, has all; in a Cluster each of 16,384 slots has an owner, by a map that
is read again at each sign of change. Owns the shards, one a server, and the queues of calls, one a slot.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from redis.crc import key_slot

from bayeux.backplane.backplane import Link as Tally
from bayeux.backplane.redis.calls import Queue, Sender
from bayeux.backplane.redis.command import Word
from bayeux.backplane.redis.connecting import OLDEST, SHARDED_FROM, Server, Wire, open_wire
from bayeux.backplane.redis.discovery import SLOTS, Ranges, find_master, read_map
from bayeux.backplane.redis.script import Script
from bayeux.backplane.redis.shard import Hearer, Shard
from bayeux.backplane.redis.timing import Timing
from bayeux.backplane.redis.topology import Address, Form, Topology
from bayeux.backplane.redis.unavailable import StoreUnavailable

log: logging.Logger = logging.getLogger(__name__)


class Servers:
    """Use: make it, set ``hearer``, ``start``, and ``stop`` at the end.

    Args:
        name: of connections.
        probe: the probe's channel; in a Cluster a hash tag is added.
        changed: called when all may have come up.
        lost: told why something is down.
        moved: called when slots have, or may have, another owner.
    """

    hearer: Hearer

    def __init__(
        self,
        topology: Topology,
        *,
        name: str,
        probe: str,
        scripts: Sequence[Script],
        timing: Timing,
        tally: Tally,
        chance: random.Random,
        changed: Callable[[], None],
        lost: Callable[[str], None],
        moved: Callable[[], None],
    ) -> None:
        self.is_sharded: bool = topology.form is Form.CLUSTER
        self._topology = topology
        self._is_cluster = topology.form is Form.CLUSTER
        self._name, self._probe = name, probe
        self._scripts = tuple(scripts)
        self._timing, self._tally, self._chance = timing, tally, chance
        self._changed, self._lost, self._moved = changed, lost, moved
        self._shards: dict[Address | None, Shard] = {}
        """By address; where that is found out anew for each connection, by None."""
        self._owners: list[Shard | None] = [None] * (SLOTS if self._is_cluster else 1)
        """By slot."""
        self._queues: dict[int, Queue] = {}
        self._trouble = f"{topology} is not connected yet"
        self._started = 0.0
        self._look = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._master: Address | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._is_warned = self._is_stopped = False

    def start(self) -> None:
        """Begin to look for them, and to connect."""
        self._started = asyncio.get_running_loop().time()
        if not self._is_cluster:
            self._owners[0] = self._add(None)
        if self._topology.form is not Form.SINGLE:
            self._looking = asyncio.create_task(self._look_on(), name=f"Redis: looks after {self._topology}")
            self._look.set()

    async def stop(self) -> None:
        """Close all connections; what waits fails."""
        self._is_stopped = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        shards = list(self._shards.values())
        self._shards.clear()
        self._owners = [None] * len(self._owners)
        await asyncio.gather(*(shard.stop() for shard in shards), *self._leaving)
        self._trouble = f"{self._topology}: this node is stopping"
        for queue in self._queues.values():
            queue.fail(self._trouble)

    @property
    def are_up(self) -> bool:
        """Every slot has an owner, and each of those is up."""
        return all(shard is not None and shard.is_up for shard in set(self._owners))

    def owner_of(self, key: Word) -> Shard | None:
        """Who has a key, or a channel."""
        return self._owners[self._slot(key)]

    def queue_of(self, key: Word) -> Queue:
        """Where calls for a key stand."""
        slot = self._slot(key)
        try:
            return self._queues[slot]
        except KeyError:
            queue = self._queues[slot] = Queue(self, slot)
            return queue

    def away_since(self, key: Word) -> float | None:
        """Since when the key's server cannot be reached, on the loop's clock; None if it can."""
        shard = self.owner_of(key)
        if shard is None:
            return self._started
        return None if shard.line is not None and shard.line.is_open else shard.away_since

    async def open_for(self, key: Word) -> tuple[Wire, Server]:
        """A connection of its own to the key's server. Raises StoreUnavailable."""
        owner = self.owner_of(key)
        for address, shard in self._shards.items():
            if shard is owner:
                return await self._open(address)
        raise StoreUnavailable(self._trouble)

    # What queues ask --------------------------------------------------------------------------

    def sender_of(self, queue: Queue) -> Sender | None:
        """See ``Dispatcher``."""
        shard = self._owners[queue.slot]
        return shard.line if shard is not None and shard.line is not None and shard.line.is_open else None

    def sender_at(self, address: Address) -> Sender | None:
        """See ``Dispatcher``."""
        shard = self._shards.get(address) or self._add(address)
        return shard.line if shard.line is not None and shard.line.is_open else None

    def moved(self, slot: int, address: Address) -> None:
        """See ``Dispatcher``."""
        if self._is_cluster and address.host and not self._is_stopped:
            self._assign([(slot, slot, address)])
        self.look_again()

    def look_again(self) -> None:
        """See ``Dispatcher``."""
        self._look.set()

    def why_away(self, queue: Queue) -> str:
        """See ``Dispatcher``."""
        shard = self._owners[queue.slot]
        if shard is None:
            return self._trouble
        return shard.trouble or f"{shard.name} does not answer within {self._timing.patience:g} s: is it overloaded?"

    # What shards ask --------------------------------------------------------------------------

    def is_sharded_by(self, server: Server) -> bool:
        """See ``Owner``."""
        if server.version < OLDEST and not self._is_warned:
            self._is_warned = True
            log.warning(
                "%s is Redis %s; %s or later is needed", self._topology, _dotted(server.version), _dotted(OLDEST)
            )
        self.is_sharded = self._is_cluster and server.version >= SHARDED_FROM
        return self.is_sharded

    def probe_channel(self, shard: Shard) -> str:
        """See ``Owner``."""
        if not self._is_cluster:
            return self._probe
        if shard not in set(self._owners):
            return ""
        tagged = (f"{self._probe}:{{{number}}}" for number in range(SLOTS))
        return next((channel for channel in tagged if self.owner_of(channel) is shard), "")

    def changed(self, shard: Shard, why: str) -> None:
        """See ``Owner``."""
        if self._is_stopped:
            return
        if not why:
            self._resume()
            self._changed()
            return
        if shard in set(self._owners):
            self._lose(why)
        self.look_again()

    # Keeping the picture ----------------------------------------------------------------------

    def _slot(self, key: Word) -> int:
        if not self._is_cluster:
            return 0
        return key_slot(key if isinstance(key, bytes) else str(key).encode())

    def _resume(self) -> None:
        for queue in list(self._queues.values()):
            queue.resume()

    def _lose(self, why: str) -> None:
        self._trouble = why
        self._lost(why)

    def _add(self, address: Address | None) -> Shard:
        async def connect() -> tuple[Wire, Server]:
            return await self._open(address)

        shard = Shard(
            connect,
            self,
            self.hearer,
            name=self._topology.url_of(address) if address else str(self._topology),
            timing=self._timing,
            tally=self._tally,
            chance=self._chance,
        )
        self._shards[address] = shard
        shard.start()
        return shard

    async def _open(self, address: Address | None) -> tuple[Wire, Server]:
        if address is None:
            if self._topology.form is Form.SENTINEL:
                self._master = address = await find_master(self._topology, self._timing, self._name)
            else:
                address = self._topology.addresses[0]
        return await open_wire(self._topology, address, self._timing, name=self._name, scripts=self._scripts)

    async def _look_on(self) -> None:
        """Ask again where things are: when there is a reason, and now and then without one."""
        loop = asyncio.get_running_loop()
        pause, answered = 0.0, loop.time()
        while True:
            try:
                async with asyncio.timeout(self._timing.look):
                    await self._look.wait()
            except TimeoutError:
                pass  # without a reason
            self._look.clear()
            try:
                await (self._look_at_map() if self._is_cluster else self._look_at_master())
            except StoreUnavailable as error:
                if not self.are_up:
                    self._lose(error.why)
                self._look.set()
                pause = self._timing.pause(pause, loop.time() - answered, self._chance)
            else:
                pause, answered = self._timing.least_pause, loop.time()
            await asyncio.sleep(pause)
            self._resume()

    async def _look_at_master(self) -> None:
        """Leave a server that Sentinels have replaced, though it may answer."""
        shard, used = self._shards[None], self._master
        master = await find_master(self._topology, self._timing, self._name)
        if used is not None and master != used and self._master == used and shard.line is not None:
            place = self._topology.url_of(used)
            shard.drop(f"{place} is no more the master {self._topology.master!r}, by its Sentinels")

    async def _look_at_map(self) -> None:
        known = [address for address in self._shards if address is not None]
        self._assign(await read_map(self._topology, known, self._timing, self._name, self._chance))
        owners = set(self._owners)
        for address, shard in list(self._shards.items()):
            if shard not in owners:
                del self._shards[address]
                task = asyncio.create_task(shard.stop(), name=f"Redis: leaves {shard.name}")
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        self._changed()

    def _assign(self, ranges: Ranges) -> None:
        for first, last, address in ranges:
            shard = self._shards.get(address) or self._add(address)
            self._owners[first : last + 1] = [shard] * (last + 1 - first)
        self._moved()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
