"""Sessions in Redis: a hash each, whose claims rise; and what each node said last about all of its sessions.

Source: the promises are those of ``backplane.SessionStore``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bayeux.backplane.backplane import Claim, StaleClaim
from bayeux.backplane.redis import scripts
from bayeux.backplane.redis.keys import Keys, is_node_id
from bayeux.backplane.redis.link import RedisLink
from bayeux.backplane.redis.script import Script
from bayeux.protocol.client_id import RandomBytes


class RedisSessions:
    """A ``SessionStore``.

    Args:
        random_bytes: mark claims, so that one that is sent twice counts once.
    """

    def __init__(self, link: RedisLink, keys: Keys, random_bytes: RandomBytes) -> None:
        self._link = link
        self._keys = keys
        self._random_bytes = random_bytes

    async def create(self, client_id: str, owner: str, record: bytes, ttl: float) -> int:
        """Keep a new session; its claim's number."""
        return int(await self._run(scripts.CREATE, client_id, owner, record, _milliseconds(ttl)))

    async def update(self, client_id: str, number: int, record: bytes, ttl: float) -> None:
        """Replace the record. Raises StaleClaim."""
        if not await self._run(scripts.UPDATE, client_id, number, record, _milliseconds(ttl)):
            raise StaleClaim("it was claimed by another node, or is over")

    async def claim(self, client_id: str, number: int, owner: str, record: bytes | None, ttl: float) -> int:
        """Own the session from here on; the new number. Raises StaleClaim."""
        replacing = () if record is None else (record,)
        mark = self._random_bytes(8)
        claimed = await self._run(scripts.CLAIM, client_id, number, owner, mark, _milliseconds(ttl), *replacing)
        if not claimed:
            raise StaleClaim("it was claimed by another node, or is over")
        return int(claimed)

    async def find(self, client_id: str) -> Claim | None:
        """Who owns it."""
        key = self._keys.session(client_id)
        owner, number, record = await self._link.call("HMGET", key, "owner", "number", "record")
        if owner is None or number is None or record is None:
            return None
        return Claim(owner.decode("ascii", "replace"), int(number), record)

    async def touch(self, client_ids: Sequence[str], ttl: float) -> Sequence[str]:
        """They are alive; which of them are not kept."""
        found = await asyncio.gather(
            *(self._link.call("PEXPIRE", self._keys.session(id), _milliseconds(ttl)) for id in client_ids),
            return_exceptions=True,
        )
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [id for id, is_kept in zip(client_ids, found, strict=True) if not is_kept]

    async def end(self, client_id: str, number: int) -> None:
        """It is over."""
        await self._run(scripts.END, client_id, number)

    async def write_checkpoint(self, node: str, checkpoint: bytes, ttl: float) -> None:
        """Keep this as what the node said last."""
        await self._link.call("SET", self._keys.checkpoint(node), checkpoint, "PX", _milliseconds(ttl))

    async def read_checkpoint(self, node: str) -> bytes | None:
        """What a node said last."""
        if not is_node_id(node):
            return None
        found: bytes | None = await self._link.call("GET", self._keys.checkpoint(node))
        return found

    async def _run(self, script: Script, client_id: str, *words: bytes | str | int) -> int:
        outcome: int = await self._link.run(script, [self._keys.session(client_id)], words)
        return outcome


def _milliseconds(ttl: float) -> int:
    return max(1, int(ttl * 1000))
