"""What one node says to another: each node reads a stream of its own, its lane.

Owns the order and that nothing comes twice: a sender counts what it says, and what was counted already is passed over,
as a message may have been written twice when the link broke in between. A lane is bounded; one that is full refuses.

Source: CLU-4, OPS-75, SEC-80.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from bayeux.backplane.backplane import Link
from bayeux.backplane.redis import scripts
from bayeux.backplane.redis.envelope import Addressed, Malformed, Word, pack_addressed, unpack_addressed
from bayeux.backplane.redis.keys import Keys, is_node_id
from bayeux.backplane.redis.link import Entries, Follower, RedisLink
from bayeux.backplane.redis.refusals import refuse
from bayeux.backplane.redis.unavailable import StoreUnavailable
from bayeux.protocol.errors import Unavailable

MAX_WAITING: Final = 10_000
"""Messages in a lane; above it senders are refused."""
MAX_SENDERS: Final = 1000
"""Nodes whose counters are remembered, those that spoke last."""
LANE_TTL: Final = 60.0
"""Seconds a lane is kept that nobody writes to: longer than any lease, shorter than a forgotten node."""


class Lanes:
    """One node's own lane, and its way into those of others.

    Args:
        heard: given each message once, in the order of its sender.
    """

    def __init__(
        self, link: RedisLink, keys: Keys, node: str, *, heard: Callable[[Addressed], None], tally: Link
    ) -> None:
        self._link = link
        self._keys = keys
        self._node = node
        self._heard = heard
        self._tally = tally
        self._counter = 0
        self._senders: dict[str, int] = {}
        """The counter of the last message of each; who spoke last is last."""
        self._follower: Follower | None = None
        self._trimming: asyncio.Task[None] | None = None
        self._read_up_to = b""

    def start(self) -> None:
        """Begin to read."""
        self._follower = self._link.follow(self._keys.lane(self._node), self._received)

    async def stop(self) -> None:
        """Read no more."""
        if self._follower is not None:
            await self._follower.stop()
        if self._trimming is not None:
            self._trimming.cancel()
            await asyncio.gather(self._trimming, return_exceptions=True)

    async def send(self, node: str, word: Word, body: bytes) -> None:
        """Say something to a node.

        Raises Unavailable: the store is away, the node is gone, or its lane is full.
        """
        if not is_node_id(node):
            raise StoreUnavailable("no node is called so")
        self._counter += 1
        packed = pack_addressed(self._node, self._counter, word, body)
        keys = [self._keys.lease(node), self._keys.lane(node)]
        outcome = await self._link.run(scripts.SEND, keys, [packed, MAX_WAITING, int(LANE_TTL * 1000)])
        if outcome == b"gone":
            raise StoreUnavailable(f"node {node} is gone: its lease has lapsed")
        if outcome != b"ok":
            dropped = self._tally.dropped
            dropped["lane_full"] = dropped.get("lane_full", 0) + 1
            raise StoreUnavailable(f"node {node} does not read what it is sent: {MAX_WAITING} messages wait for it")

    def _received(self, entries: Entries) -> None:
        for _, fields in entries:
            try:
                message = unpack_addressed(b"".join(fields[1:2]))
            except Malformed as error:
                refuse(self._tally, self._keys.lane(self._node), error)
                continue
            last = self._senders.pop(message.sender, 0)
            self._senders[message.sender] = max(last, message.counter)
            if message.counter <= last:
                continue
            if len(self._senders) > MAX_SENDERS:
                del self._senders[next(iter(self._senders))]
            self._heard(message)
        self._trim(entries[-1][0])

    def _trim(self, last: bytes) -> None:
        """Let go of what was read; once for all that is read meanwhile."""
        self._read_up_to = last
        if self._trimming is None or self._trimming.done():
            self._trimming = asyncio.create_task(self._trim_what_was_read(), name="backplane: trims its lane")

    async def _trim_what_was_read(self) -> None:
        trimmed = b""
        while trimmed != self._read_up_to:
            trimmed = self._read_up_to
            first, _, second = trimmed.partition(b"-")
            try:
                await self._link.call(
                    "XTRIM", self._keys.lane(self._node), "MINID", b"%s-%d" % (first, int(second) + 1)
                )
            except Unavailable:
                return  # with the next message
