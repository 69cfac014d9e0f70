"""The way from one node to Redis: commands, subscriptions and blocking readers, over whatever topology.

Owns the connections of a node (OPS-71): to each server one for commands, which are pipelined, and one for
subscriptions; and one for each stream that is followed. Owns their time-outs, their reconnecting and the probe
(OPS-72, 73). Knows nothing of what is said in them: keys, scripts and messages are the backplane's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bayeux.backplane.backplane import Link as Tally
from bayeux.backplane.redis.calls import Call
from bayeux.backplane.redis.command import Word, pack
from bayeux.backplane.redis.connecting import Server, Wire
from bayeux.backplane.redis.follower import Entries, StreamFollower
from bayeux.backplane.redis.keeper import Keeper
from bayeux.backplane.redis.script import Script
from bayeux.backplane.redis.servers import Servers
from bayeux.backplane.redis.subscriptions import Subscriptions
from bayeux.backplane.redis.timing import Timing
from bayeux.backplane.redis.topology import Topology
from bayeux.backplane.redis.unavailable import StoreUnavailable

__all__ = ["Entries", "Follower", "Listener", "RedisLink", "Script", "Timing", "Topology", "Word"]

log: logging.Logger = logging.getLogger(__name__)

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
        self.tally: Tally = Tally()
        self._topology = topology
        self._listener = listener
        self._timing = timing or Timing()
        self._chance = chance or random.Random()  # noqa: S311 - no secret
        self._servers = Servers(
            topology,
            name=f"{prefix}:{node}",
            probe=f"{prefix}:probe:{node}",
            scripts=scripts,
            timing=self._timing,
            tally=self.tally,
            chance=self._chance,
            changed=self._settle,
            lost=self._lose,
            moved=self._look_over,
        )
        self._subscriptions = Subscriptions(listener, self._servers.owner_of, self._servers.look_again)
        self._servers.hearer = self._subscriptions
        self._followers: set[StreamFollower] = set()
        self._calls = self._call_bytes = 0
        self._trouble = f"{topology} is not connected yet"
        self._away_since = 0.0
        self._settled = asyncio.Event()
        self._is_connected = self._is_told = self._is_stopped = False

    # Life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to connect; returns when connected or after ``timing.patience``: what fails is tried again for ever."""
        self._away_since = asyncio.get_running_loop().time()
        self._servers.start()
        try:
            async with asyncio.timeout(self._timing.patience):
                await self._settled.wait()
        except TimeoutError:
            pass  # the listener is told when it is

    async def stop(self) -> None:
        """Close all connections; what waits fails. Nothing is told any more."""
        self._is_stopped = True
        self._subscriptions.stop()
        await asyncio.gather(*(follower.stop() for follower in self._followers), self._servers.stop())
        self._is_connected = False
        self._trouble = f"{self._topology}: this node is stopping"

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
        return self._servers.is_sharded

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
        queue, since = self._servers.queue_of(key), self._servers.away_since(key)
        deadline = (now if since is None else since) + self._timing.patience
        if self._is_stopped or deadline <= now:
            raise StoreUnavailable(self._servers.why_away(queue))
        if self._calls >= MAX_CALLS or self._call_bytes + len(packed) > MAX_CALL_BYTES:
            raise StoreUnavailable(f"{self._topology} is too slow: {self._calls} calls wait for it; is it overloaded?")
        call = Call(packed, deadline)
        self._calls += 1
        self._call_bytes += len(packed)
        try:
            queue.put(call)
            return await call.answer
        finally:
            self._calls -= 1
            self._call_bytes -= len(packed)

    # Subscriptions ----------------------------------------------------------------------------

    async def subscribe(self, channels: Sequence[str]) -> None:
        """Hear these channels, besides others; returns when their servers have confirmed it.

        A channel is heard at the server of its hash tag, where the scripts that publish there run. One that is
        subscribed to already is confirmed at once. On ``StoreUnavailable`` it stays wanted, and is told by
        ``subscribed`` when it is reached; so after every subscription that is lost.
        """
        now = asyncio.get_running_loop().time()
        since = now if self._is_connected else self._away_since
        patience = max(0.0, since + self._timing.patience - now)
        await self._subscriptions.subscribe(
            channels, patience, lambda: self.trouble or f"{self._topology} does not confirm a subscription"
        )

    def unsubscribe(self, channels: Sequence[str]) -> None:
        """Hear these no more, from this instant on."""
        self._subscriptions.unsubscribe(channels)

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
            return await self._servers.open_for(stream)

        follower.start(Keeper(connect, follower.serve, self._follower_missed, self._timing, self._chance))
        self._followers.add(follower)
        return follower

    async def open_for(self, key: str) -> Wire:
        """A connection of its own to a key's server, for commands that wait there; whoever asks ``cut``s it.

        Raises StoreUnavailable.
        """
        wire, _ = await self._servers.open_for(key)
        return wire

    def _follower_missed(self, why: str) -> None:
        log.debug("a follower lost its connection: %s", why)
        self._servers.look_again()

    # State ------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Tell when all is up."""
        if not self._is_connected and self._servers.are_up:
            self._is_connected = self._is_told = True
            log.info("connected with %s", self._topology, extra={"event": "backplane_connected"})
            self._settled.set()
            self._listener.connected()

    def _lose(self, why: str) -> None:
        """Tell once that something is down."""
        self._trouble = why
        if self._is_connected or not self._is_told:
            self._is_told = True
            log.warning("%s", why, extra={"event": "backplane_away"})
        if self._is_connected:
            self._is_connected = False
            self._away_since = asyncio.get_running_loop().time()
            self._listener.disconnected(why)

    def _look_over(self) -> None:
        self._subscriptions.look_over()
