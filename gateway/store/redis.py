"""The store of many nodes: rooms in Redis, each on one server, changed by scripts (docs/decisions/two-stores.md).

It has connections of its own: what is large here, a page of documents for example, is not in the way of events.

Source: the promises are those of ``store.Store``. OPS-70…73, OPS-77.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final

import msgpack

from bayeux.backplane.redis.link import RedisLink, Script, Timing, Topology
from bayeux.protocol import json
from gateway.store.names import check_room
from gateway.store.redis_layout import RoomKeys, beginning_of, between, id_of, place_of, read_place
from gateway.store.store import (
    Changes,
    Conflict,
    Deadline,
    Document,
    Entry,
    Fence,
    LeaseLost,
    Outgoing,
    TakenAlready,
)

_MARK_TTL = 60.0
"""Seconds within which a commit whose outcome was unknown can arrive once more."""


def _script(*names: str) -> Script:
    """The files' texts one after the other: preludes, then what is done."""
    folder = files("gateway.store") / "lua"
    return Script("\n".join((folder / f"{name}.lua").read_text("utf-8") for name in names))


COMMIT: Final = _script("clock", "leases", "room", "commit")
READ: Final = _script("clock", "room", "read")
PAGE: Final = _script("clock", "room", "page")
COUNT: Final = _script("clock", "room", "count")
OUTBOX: Final = _script("outbox")
CLAIM: Final = _script("clock", "leases", "claim")
RELEASE: Final = _script("leases", "release")


class RedisStore:
    """A ``Store``.

    Args:
        url: of the servers.
        node: this node's id: connections are named by it.
        prefix: of all keys; the account must be allowed ``prefix*`` as keys and channels.
        timing: of the connections.

    Raises ValueError for what is no URL or no prefix.
    """

    def __init__(self, url: str, *, node: str, prefix: str = "bayeux", timing: Timing | None = None) -> None:
        self._prefix = prefix
        self._link = RedisLink(
            Topology.parse(url),
            _NoEvents(),
            node=f"{node}.store",
            prefix=prefix,
            scripts=(COMMIT, READ, PAGE, COUNT, OUTBOX, CLAIM, RELEASE),
            timing=timing,
        )
        RoomKeys(prefix, "any")

    @property
    def trouble(self) -> str:
        """Why not all servers can be reached; empty while they can."""
        return self._link.trouble

    async def open(self) -> None:
        """Returns when connected, or after ``timing.patience``: what fails is tried again for ever."""
        await self._link.start()

    async def close(self) -> None:
        """What waits for an answer fails."""
        await self._link.stop()

    def room(self, name: str) -> RedisRoom:
        """The same room for the same name. Raises ValueError."""
        return RedisRoom(self._link, RoomKeys(self._prefix, check_room(name)))


class RedisRoom:
    """A ``Room``: keys with one hash tag."""

    def __init__(self, link: RedisLink, keys: RoomKeys) -> None:
        self._link = link
        self._keys = keys

    # What is written --------------------------------------------------------------------------

    async def commit(self, changes: Changes) -> Mapping[str, int]:
        """See ``Room``."""
        keys, mark = self._keys, secrets.token_hex(8)
        done = keys.taken(changes.taken) if changes.taken else keys.mark(mark)
        remembered = _milliseconds(changes.taken_ttl if changes.taken else _MARK_TTL)
        outcome, key, *first = await self._link.run(
            COMMIT,
            [*keys.documents, keys.leases, keys.deadlines, keys.outgoing, keys.lanes, keys.number, done],
            [mark, remembered, _packed(changes)],
        )
        match outcome:
            case b"lost":
                raise LeaseLost(changes.fence.lease if changes.fence is not None else "")
            case b"taken":
                raise TakenAlready(changes.taken)
            case b"conflict":
                raise Conflict(key.decode())
        return changes.versions(first[0])

    async def claim(self, lease: str, holder: str, ttl: float) -> Fence | None:
        """See ``Room``."""
        number = await self._link.run(CLAIM, [self._keys.leases], [lease, holder, _milliseconds(ttl)])
        return Fence(lease, number) if number else None

    async def release(self, fence: Fence) -> None:
        """See ``Room``."""
        await self._link.run(RELEASE, [self._keys.leases], [fence.lease, fence.number])

    # What is read -----------------------------------------------------------------------------

    async def read(self, *keys: str) -> Sequence[Document | None]:
        """See ``Room``."""
        found = await self._link.run(READ, self._keys.documents, keys)
        return [_document(key, packed) if packed else None for key, packed in zip(keys, found, strict=True)]

    async def page(
        self, index: str, *, least: float | None = None, most: float | None = None, offset: int = 0, limit: int = 100
    ) -> Sequence[Entry]:
        """See ``Room``."""
        members = await self._link.run(PAGE, self._keys.documents, [*between(index, least, most), offset, limit])
        return [Entry(*read_place(member)) for member in members]

    async def count(self, index: str) -> int:
        """See ``Room``."""
        count: int = await self._link.run(COUNT, self._keys.documents, between(index, None, None))
        return count

    async def due(self, now: float, limit: int = 100) -> Sequence[Deadline]:
        """See ``Room``."""
        found = await self._link.call(
            "ZRANGEBYSCORE", self._keys.deadlines, "-inf", now, "WITHSCORES", "LIMIT", 0, limit
        )
        return [Deadline(name.decode(), float(at)) for name, at in zip(found[::2], found[1::2], strict=True)]

    async def next_deadline(self) -> float | None:
        """See ``Room``."""
        found = await self._link.call("ZRANGE", self._keys.deadlines, 0, 0, "WITHSCORES")
        return float(found[1]) if found else None

    async def outbox(self, lane: str, limit: int = 100) -> Sequence[Outgoing]:
        """See ``Room``."""
        found = await self._link.run(
            OUTBOX, [self._keys.outgoing, self._keys.lanes], [*between(lane, None, None), limit]
        )
        messages = [msgpack.unpackb(packed, raw=True) for packed in found]
        # What an earlier version of the gateway has left there tells no version.
        return [
            Outgoing(id_of(member), lane, json.decode_own(body), version=version[0] if version else 0)
            for member, body, *version in messages
        ]


class _NoEvents:
    """A listener of a link that is used for commands alone; callers notice what is the matter with those."""

    def message(self, channel: str, message: bytes) -> None:
        """Nothing is subscribed to."""

    def subscribed(self, channels: Sequence[str]) -> None:
        """Nor ever was."""

    def connected(self) -> None:
        """See ``RedisStore.trouble``, which is empty then."""

    def disconnected(self, why: str) -> None:
        """See ``RedisStore.trouble``."""


def _packed(changes: Changes) -> bytes:
    """As the script reads them."""
    fence = [changes.fence.lease, changes.fence.number] if changes.fence is not None else []
    writes = [
        (
            write.key,
            write.version,
            0 if write.ttl is None else _milliseconds(write.ttl),
            [place_of(index, place, write.key) for index, place in write.indexes.items()],
            json.encode(write.body) if write.body is not None else False,
        )
        for write in changes.writes
    ]
    deadlines = [(name, False if at is None else float(at)) for name, at in changes.deadlines.items()]
    outgoing = [
        (beginning_of(each.lane), each.id, json.encode(each.body), False if each.of is None else each.of)
        for each in changes.outgoing
    ]
    # Bytes and text are the same to Lua.
    packed: bytes = msgpack.packb([fence, writes, deadlines, outgoing, list(changes.sent)], use_bin_type=False)
    return packed


def _document(key: str, packed: bytes) -> Document:
    version, _, _, body = msgpack.unpackb(packed, raw=True)
    return Document(key, version, json.decode_own(body))


def _milliseconds(ttl: float) -> int:
    return max(1, int(ttl * 1000))
