"""The way from one node to Redis: commands, subscriptions and one blocking reader, over whatever topology.

Owns the connections of a node (OPS-71): to each server one for commands, which are pipelined, and one for subscriptions; and
one for each stream that is followed. Owns their time-outs, their reconnecting and the probe (OPS-72, 73). Knows nothing of
what is said in them: keys, scripts and messages are the backplane's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bayeux.backplane.backplane import Link as Tally
from bayeux.backplane.redis.script import Script
from bayeux.backplane.redis.timing import Timing
from bayeux.backplane.redis.topology import Topology

__all__ = ["Entries", "Follower", "Listener", "RedisLink", "Script", "Timing", "Topology", "Word"]

Word = bytes | str | int | float
"""A part of a command."""

Entries = Sequence[tuple[bytes, Sequence[bytes]]]
"""Of a stream, oldest first: the id of each, and field, value, field, value, …"""


class Listener(Protocol):
    """Who is told what happens; plain functions on the node's loop, called one after the other, none of which may raise."""

    def message(self, channel: str, message: bytes) -> None:
        """Published on a channel that is subscribed to; in the order of its server."""

    def subscribed(self, channels: Sequence[str]) -> None:
        """From here on all that is published there is heard. What was published before, since when the link was last
        connected or ever, was perhaps not: read the journal now. Called for a first subscription as for one made
        anew, before ``subscribe`` returns, and before the first message that follows."""

    def connected(self) -> None:
        """All servers can be reached and all subscriptions stand; ``subscribed`` has been called before for all of them."""

    def disconnected(self, why: str) -> None:
        """A server is lost; ``why`` names it, without a password. In a Cluster calls for the others still work."""


class Follower(Protocol):
    """A stream that is being followed."""

    async def stop(self) -> None:
        """Let go of its connection; nothing is handed over any more."""


class RedisLink:
    """Use: make it, ``start``, then call; ``stop`` at the end. It may be called while there is no connection, too.

    Every call that needs the store fails with ``StoreUnavailable``, an ``errors.Unavailable``, after at most
    ``timing.patience`` seconds (2), and at once where the store has been away for longer. Its text names the problem, the
    server and the next step, without a password. What Redis refuses for another reason is raised as
    ``redis.exceptions.ResponseError``: a defect of ours.

    Calls for the same key (in a Cluster: for the same slot; otherwise all) are executed in the order in which they were made,
    also those that had to be sent again: none overtakes another.

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

    async def start(self) -> None:
        """Begin to connect; returns when connected or after ``timing.patience``: what fails is tried again for ever."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Close all connections; what waits fails. Nothing is told any more."""
        raise NotImplementedError

    @property
    def is_connected(self) -> bool:
        """All servers can be reached and all subscriptions stand, by what is known."""
        raise NotImplementedError

    @property
    def trouble(self) -> str:
        """What the last problem was, for people; empty while connected."""
        raise NotImplementedError

    @property
    def is_sharded(self) -> bool:
        """Messages are to be published with SPUBLISH, not PUBLISH (Cluster, from 7.0 on). Known once connected; give it to a
        script as an argument at each call."""
        raise NotImplementedError

    async def call(self, command: str, *words: Word, key: str | None = None) -> Any:
        """Send a command; its reply: bytes, int, None or a list of them.

        Sent a second time if the first has an unknown outcome: it must bear that.

        Args:
            key: whose server is asked; None = the first word of ``words`` is a key.
        """
        raise NotImplementedError

    async def run(self, script: Script, keys: Sequence[str], words: Sequence[Word] = ()) -> Any:
        """Run a script, which like a command must bear to be run twice. All keys carry the same hash tag."""
        raise NotImplementedError

    async def subscribe(self, channels: Sequence[str]) -> None:
        """Hear these channels, besides others; returns when their servers have confirmed it.

        A channel is heard at the server of its hash tag, where the scripts that publish there run. One that is subscribed
        to already is confirmed at once. On ``StoreUnavailable`` it stays wanted, and is told by ``subscribed`` when
        it is reached; so after every subscription that is lost.
        """
        raise NotImplementedError

    def unsubscribe(self, channels: Sequence[str]) -> None:
        """Hear these no more, from this instant on."""
        raise NotImplementedError

    def follow(self, stream: str, received: Callable[[Entries], None], after: bytes = b"0-0") -> Follower:
        """Read a stream on a connection of its own, from an id on, for ever: each entry once and in order, also over cuts.

        Where the stream's last id is found to be lower than what was read (its server lost data), all that is in it is
        handed over from its start.

        Args:
            received: given up to 512 entries at a time; plain function, must not raise.
        """
        raise NotImplementedError
