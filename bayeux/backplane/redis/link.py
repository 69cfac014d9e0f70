"""The way from one node to Redis: commands, subscriptions and blocking readers, over whatever topology.

Owns the connections of a node (OPS-71): to each server one for commands, which are pipelined, and one for
subscriptions; and one for each stream that is followed. Owns their time-outs, their reconnecting and the probe
(OPS-72, 73). Knows nothing of what is said in them: keys, scripts and messages are the backplane's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from redis.crc import key_slot

from bayeux.backplane.backplane import Link as Tally
from bayeux.backplane.redis.calls import Call, Queue, Sender
from bayeux.backplane.redis.command import Word, pack
from bayeux.backplane.redis.connecting import OLDEST, SHARDED_FROM, Server, Wire, open_wire
from bayeux.backplane.redis.discovery import SLOTS, find_master, read_map
from bayeux.backplane.redis.follower import Entries, StreamFollower
from bayeux.backplane.redis.keeper import Keeper
from bayeux.backplane.redis.script import Script
from bayeux.backplane.redis.shard import Shard
from bayeux.backplane.redis.timing import Timing
from bayeux.backplane.redis.topology import Address, Form, Topology
from bayeux.backplane.redis.unavailable import StoreUnavailable

__all__ = ["Entries", "Follower", "Listener", "RedisLink", "Script", "Timing", "Topology", "Word"]

logger = logging.getLogger(__name__)

MAX_CALLS = 10_000
MAX_CALL_BYTES = 64 * 1024 * 1024
"""Calls that wait for an answer, and their bytes: more fail at once. With 2 s of patience 5,000 a second."""


class Listener(Protocol):
    """Who is told what happens; plain functions on the node's loop, called one after the other. None may raise."""

    def message(self, channel: str, message: bytes) -> None:
        """Published on a channel that is subscribed to; in the order of its server."""

    def subscribed(self, channels: Sequence[str]) -> None:
        """From here on all that is published there is heard. What was published before, since when the link was last
        connected or ever, was perhaps not: read the journal now. Called for a first subscription as for one made
        anew, before ``subscribe`` returns, and before the first message that follows.
        """

    def connected(self) -> None:
        """All servers can be reached and all subscriptions stand; ``subscribed`` has told them all."""

    def disconnected(self, why: str) -> None:
        """A server is lost; ``why`` names it, without a password. In a Cluster calls for the others still work."""


class Follower(Protocol):
    """A stream that is being followed."""

    async def stop(self) -> None:
        """Let go of its connection; nothing is handed over any more."""


class RedisLink:
    """Use: make it, ``start``, then call; ``stop`` at the end. It may be called while there is no connection, too.

    Every call that needs the store fails with ``StoreUnavailable``, an ``errors.Unavailable``, after at most
    ``timing.patience`` seconds (2), and at once where the store has been away for longer. Its text names the problem,
    the server and the next step, without a password. What Redis refuses for another reason is raised as
    ``redis.exceptions.ResponseError``: a defect of ours.

    Calls for the same key (in a Cluster: for the same slot; otherwise all) are executed in the order in which they
    were made, also those that had to be sent again: none overtakes another.

    Args:
        topology: where the servers are.
        node: this node's id: connections are named by it, and its probe's channel.
        prefix: of the probe's channel; the permissions of the account must cover ``prefix*`` as a channel.
        scripts: all those that ``run`` will be given; loaded into each server before anything else is sent.
        timing: see there.
        chance: jitter comes from it.
    """

    def __init__(
        self,
        topology: Topology,
        listener: Listener,
        *,
        node: str,
        prefix: str = "bayeux",
        scripts: Sequence[Script] = (),
        timing: Timing | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.tally = Tally()
        self._topology = topology
        self._listener = listener
        self._node, self._prefix = node, prefix
        self._name = f"{prefix}:{node}"
        self._scripts = tuple(scripts)
        self._timing = timing or Timing()
        self._chance = chance or random.Random()  # noqa: S311 - no secret
        self._shards: dict[Address | None, Shard] = {}
        """By address; the one of a single server or of Sentinels, who know its address, by None."""
        self._owners: list[Shard | None] = [None] * (SLOTS if self._is_cluster else 1)
        """By slot."""
        self._queues: dict[int, Queue] = {}
        self._wanted: set[str] = set()
        self._standing: set[str] = set()
        self._taken: set[str] = set()
        """Channels that their server does not have any more, until the map has been read again."""
        self._awaited: dict[str, asyncio.Future[None]] = {}
        self._followers: set[StreamFollower] = set()
        self._calls = self._call_bytes = 0
        self._is_connected = False
        self._is_told = self._is_warned = False
        self._is_sharded = self._is_cluster
        self._trouble = f"{topology} is not connected yet"
        self._away_since = 0.0
        self._settled = asyncio.Event()
        self._look = asyncio.Event()
        self._master: Address | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._is_stopped = False

    # Life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to connect; returns when connected or after ``timing.patience``: what fails is tried again for ever."""
        loop = asyncio.get_running_loop()
        self._away_since = loop.time()
        if not self._is_cluster:
            self._owners[0] = self._add_shard(None)
        if self._topology.form is not Form.SINGLE:
            self._looking = asyncio.create_task(self._look_on(), name=f"Redis: map of {self._topology}")
            self._look.set()
        try:
            async with asyncio.timeout(self._timing.patience):
                await self._settled.wait()
        except TimeoutError:
            pass  # the listener is told when it is

    async def stop(self) -> None:
        """Close all connections; what waits fails. Nothing is told any more."""
        self._is_stopped = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        shards = list(self._shards.values())
        self._shards.clear()
        self._owners = [None] * len(self._owners)
        owned: list[Follower | Shard] = [*shards, *self._followers]
        await asyncio.gather(*(each.stop() for each in owned), *self._leaving)
        for queue in self._queues.values():
            queue.fail(f"{self._topology}: this node is stopping")
        for future in self._awaited.values():
            future.cancel()
        self._awaited.clear()
        self._is_connected = False

    @property
    def is_connected(self) -> bool:
        """All servers can be reached and all subscriptions stand, by what is known."""
        return self._is_connected

    @property
    def trouble(self) -> str:
        """What the last problem was, for people; empty while connected."""
        return "" if self._is_connected else self._trouble

    @property
    def is_sharded(self) -> bool:
        """Messages are to be published with SPUBLISH, not PUBLISH (Cluster, from 7.0 on); give it to a script as an
        argument at each call.
        """
        return self._is_sharded

    @property
    def _is_cluster(self) -> bool:
        return self._topology.form is Form.CLUSTER

    # Commands ---------------------------------------------------------------------------------

    async def call(self, command: str, *words: Word, key: str | None = None) -> Any:
        """Send a command; its reply: bytes, int, None or a list of them.

        Sent a second time if the first has an unknown outcome: it must bear that.

        Args:
            key: whose server is asked; None = the first word of ``words`` is a key.
        """
        return await self._send(key if key is not None else words[0], pack(command, *words))

    async def run(self, script: Script, keys: Sequence[str], words: Sequence[Word] = ()) -> Any:
        """Run a script, which like a command must bear to be run twice. All keys carry the same hash tag."""
        return await self._send(keys[0], pack("EVALSHA", script.sha, len(keys), *keys, *words))

    async def _send(self, key: Word, packed: bytes) -> Any:
        now = asyncio.get_running_loop().time()
        queue = self._queue(self._slot(key))
        shard = self._owners[queue.slot]
        since = now if self.sender_of(queue) is not None else shard.away_since if shard else self._away_since
        if self._is_stopped or since + self._timing.patience <= now:
            raise StoreUnavailable(self.why_away(queue))
        if self._calls >= MAX_CALLS or self._call_bytes + len(packed) > MAX_CALL_BYTES:
            raise StoreUnavailable(f"{self._topology} is too slow: {self._calls} calls wait for it; is it overloaded?")
        call = Call(packed, since + self._timing.patience)
        self._calls += 1
        self._call_bytes += len(packed)
        try:
            queue.put(call)
            return await call.answer
        finally:
            self._calls -= 1
            self._call_bytes -= len(packed)

    def _slot(self, key: Word) -> int:
        if not self._is_cluster:
            return 0
        return key_slot(key if isinstance(key, bytes) else str(key).encode())

    def _queue(self, slot: int) -> Queue:
        try:
            return self._queues[slot]
        except KeyError:
            queue = self._queues[slot] = Queue(self, slot)
            return queue

    # Subscriptions ----------------------------------------------------------------------------

    async def subscribe(self, channels: Sequence[str]) -> None:
        """Hear these channels, besides others; returns when their servers have confirmed it.

        A channel is heard at the server of its hash tag, where the scripts that publish there run. One that is
        subscribed to already is confirmed at once. On ``StoreUnavailable`` it stays wanted, and is told by
        ``subscribed`` when it is reached; so after every subscription that is lost.
        """
        self._ask_for([channel for channel in channels if channel not in self._wanted])
        loop = asyncio.get_running_loop()
        missing = [channel for channel in channels if channel not in self._standing]
        if not missing:
            return
        for channel in missing:
            if channel not in self._awaited:
                self._awaited[channel] = loop.create_future()
        since = loop.time() if self._is_connected else min(loop.time(), self._away_since)
        patience = max(0.0, since + self._timing.patience - loop.time())
        _, pending = await asyncio.wait([self._awaited[channel] for channel in missing], timeout=patience)
        if pending or self._is_stopped:
            trouble = self.trouble or f"{self._topology} does not confirm a subscription"
            raise StoreUnavailable(trouble)

    def unsubscribe(self, channels: Sequence[str]) -> None:
        """Hear these no more, from this instant on."""
        channels = [channel for channel in channels if channel in self._wanted]
        self._wanted.difference_update(channels)
        self._standing.difference_update(channels)
        for channel in channels:
            self._forget(channel)
        for shard, own in self._by_shard(channels).items():
            if shard.ear is not None:
                shard.ear.unsubscribe(own)

    def _ask_for(self, channels: Collection[str]) -> None:
        self._wanted.update(channels)
        for shard, own in self._by_shard(channels).items():
            if shard.ear is not None:
                shard.ear.subscribe(own)

    def _by_shard(self, channels: Collection[str]) -> dict[Shard, list[str]]:
        grouped: dict[Shard, list[str]] = {}
        for channel in channels:
            shard = self._owners[self._slot(channel)]
            if shard is not None:
                grouped.setdefault(shard, []).append(channel)
        return grouped

    def _forget(self, channel: str) -> None:
        """Whoever awaits it need not any more."""
        future = self._awaited.pop(channel, None)
        if future is not None and not future.done():
            future.set_result(None)

    # Streams ----------------------------------------------------------------------------------

    def follow(self, stream: str, received: Callable[[Entries], None], after: bytes = b"0-0") -> Follower:
        """Read a stream on a connection of its own, from an id on, for ever: each entry once, in order, also over cuts.

        Where the stream's last id is found to be lower than what was read (its server lost data), all that is in it is
        handed over from its start.

        Args:
            received: given up to 512 entries at a time; plain function, must not raise.
        """
        follower = StreamFollower(stream, received, after, place=str(self._topology), reply=self._timing.reply)

        async def connect() -> tuple[Wire, Server]:
            return await self._open(self._address_of(self._slot(stream)))

        follower.start(Keeper(connect, follower.serve, self._follower_missed, self._timing, self._chance))
        self._followers.add(follower)
        return follower

    def _follower_missed(self, why: str) -> None:
        logger.debug("a follower lost its connection: %s", why)
        self.look_again()

    # What shards and queues ask ---------------------------------------------------------------

    def sender_of(self, queue: Queue) -> Sender | None:
        """See ``Dispatcher``."""
        shard = self._owners[queue.slot]
        return shard.line if shard is not None and shard.line is not None and shard.line.is_open else None

    def sender_at(self, address: Address) -> Sender | None:
        """See ``Dispatcher``."""
        shard = self._shards.get(address) or self._add_shard(address)
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

    def wanted_at(self, shard: Shard) -> Sequence[str]:
        """See ``Owner``."""
        return [channel for channel in self._wanted if self._owners[self._slot(channel)] is shard]

    def heard(self, channel: str, message: bytes) -> None:
        """See ``Owner``."""
        if channel in self._wanted and not self._is_stopped:
            self._listener.message(channel, message)

    def confirmed(self, shard: Shard, channels: Sequence[str]) -> None:
        """See ``Owner``."""
        if self._is_stopped:
            return
        own = [each for each in channels if each in self._wanted and self._owners[self._slot(each)] is shard]
        self._standing.update(own)
        if own:
            self._listener.subscribed(own)
        for channel in own:
            self._forget(channel)

    def taken(self, shard: Shard, channels: Sequence[str]) -> None:
        """See ``Owner``."""
        own = [each for each in channels if each in self._wanted and self._owners[self._slot(each)] is shard]
        self._standing.difference_update(own)
        self._taken.update(own)
        self.look_again()

    def is_sharded_by(self, server: Server) -> bool:
        """See ``Owner``."""
        if server.version < OLDEST and not self._is_warned:
            self._is_warned = True
            logger.warning(
                "%s is Redis %s; %s or later is needed", self._topology, _dotted(server.version), _dotted(OLDEST)
            )
        self._is_sharded = self._is_cluster and server.version >= SHARDED_FROM
        return self._is_sharded

    def probe_channel(self, shard: Shard) -> str:
        """See ``Owner``."""
        channel = f"{self._prefix}:probe:{self._node}"
        if not self._is_cluster:
            return channel
        if shard not in set(self._owners):
            return ""
        tagged = (f"{channel}:{{{number}}}" for number in range(SLOTS))
        return next((each for each in tagged if self._owners[self._slot(each)] is shard), "")

    def changed(self, shard: Shard, why: str) -> None:
        """See ``Owner``."""
        if self._is_stopped:
            return
        if why:
            self._standing.difference_update(self.wanted_at(shard) if shard.ear is None else ())
            self._lose(why)
            self.look_again()
            return
        for queue in self._queues.values():
            queue.resume()
        self._settle()

    # Keeping the picture ----------------------------------------------------------------------

    def _settle(self) -> None:
        """Tell when all is up."""
        if self._is_connected or not all(shard is not None and shard.is_up for shard in set(self._owners)):
            return
        self._is_connected = self._is_told = True
        logger.info("connected with %s", self._topology)
        self._settled.set()
        self._listener.connected()

    def _lose(self, why: str) -> None:
        """Tell once that something is down."""
        self._trouble = why
        if self._is_connected or not self._is_told:
            self._is_told = True
            logger.warning("%s", why)
        if self._is_connected:
            self._is_connected = False
            self._away_since = asyncio.get_running_loop().time()
            self._listener.disconnected(why)

    def _add_shard(self, address: Address | None) -> Shard:
        async def connect() -> tuple[Wire, Server]:
            return await self._open(address)

        shard = Shard(
            connect,
            self,
            name=self._topology.url_of(address) if address else str(self._topology),
            timing=self._timing,
            tally=self.tally,
            chance=self._chance,
        )
        self._shards[address] = shard
        shard.start()
        return shard

    async def _open(self, address: Address | None) -> tuple[Wire, Server]:
        """Of None to the server that there is."""
        if address is None:
            if self._topology.form is Form.SENTINEL:
                self._master = address = await find_master(self._topology, self._timing, self._name)
            else:
                address = self._topology.addresses[0]
        return await open_wire(self._topology, address, self._timing, name=self._name, scripts=self._scripts)

    def _address_of(self, slot: int) -> Address | None:
        owner = self._owners[slot]
        for address, shard in self._shards.items():
            if shard is owner:
                return address
        raise StoreUnavailable(self._trouble)

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
                if not self._is_connected:
                    self._lose(error.why)
                self._look.set()
                pause = self._timing.pause(pause, loop.time() - answered, self._chance)
            else:
                pause, answered = self._timing.least_pause, loop.time()
            await asyncio.sleep(pause)
            for queue in list(self._queues.values()):
                queue.resume()

    async def _look_at_master(self) -> None:
        """Leave a server that Sentinels have replaced, though it may answer."""
        shard, used = self._shards[None], self._master
        master = await find_master(self._topology, self._timing, self._name)
        if used is not None and master != used and self._master == used and shard.line is not None:
            place = self._topology.url_of(used)
            shard.drop(f"{place} is no more the master {self._topology.master!r}, by its Sentinels")

    async def _look_at_map(self) -> None:
        known = [address for address in self._shards if address is not None]
        ranges = await read_map(self._topology, known, self._timing, self._name, self._chance)
        taken, self._taken = self._taken & self._wanted, set()
        self._assign(ranges)
        self._ask_for(taken - self._standing)
        owners = set(self._owners)
        for address, shard in list(self._shards.items()):
            if shard not in owners:
                del self._shards[address]
                task = asyncio.create_task(shard.stop(), name=f"Redis: leaves {shard.name}")
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        self._settle()

    def _assign(self, ranges: Sequence[tuple[int, int, Address]]) -> None:
        """Slots belong to these; channels of those that moved are asked for at their new server."""
        before = {channel: self._owners[self._slot(channel)] for channel in self._wanted}
        for first, last, address in ranges:
            shard = self._shards.get(address) or self._add_shard(address)
            self._owners[first : last + 1] = [shard] * (last + 1 - first)
        # Nobody tells the old server: it gives up what it has no slot for.
        moved = [channel for channel, owner in before.items() if self._owners[self._slot(channel)] is not owner]
        self._standing.difference_update(moved)
        self._ask_for(moved)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
