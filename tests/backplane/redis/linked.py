"""A link and what it was told, and a script that counts on the order of calls as the backplane's do."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bayeux.backplane.redis.link import RedisLink, Script, Timing

QUICK = Timing(reply=0.5, probe=0.3, patience=2.0, look=0.5)
"""For tests whose servers are near and whose faults are meant to be found soon."""

WAIT = 20.0

_names = itertools.count()

APPEND = Script("""
-- KEYS: a list, the last number. ARGV: a number, its channel, how to publish.
-- What comes twice, or too late, is told by its number: -1.
if tonumber(ARGV[1]) <= tonumber(redis.call("GET", KEYS[2]) or 0) then return -1 end
redis.call("SET", KEYS[2], ARGV[1])
redis.call("PUBLISH" == ARGV[3] and "PUBLISH" or "SPUBLISH", ARGV[2], ARGV[1])
return redis.call("RPUSH", KEYS[1], ARGV[1])
""")
FAILING = Script("return redis.call('INCR', KEYS[1])")
SCRIPTS = (APPEND, FAILING)


def fresh(what: str = "x") -> str:
    """A name with a hash tag that no other test uses."""
    return f"bayeux:{what}:{{{next(_names)}}}"


@dataclass
class Told:
    """A listener that writes down what it is told."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    """Everything, in order: connected, disconnected, ``+channel``, ``channel=message``."""
    reasons: list[str] = field(default_factory=list)

    def message(self, channel: str, message: bytes) -> None:
        self.messages.append((channel, message))
        self.log.append(f"{channel}={message.decode()}")

    def subscribed(self, channels: Iterable[str]) -> None:
        self.log += [f"+{channel}" for channel in channels]

    def connected(self) -> None:
        self.log.append("connected")

    def disconnected(self, why: str) -> None:
        self.log.append("disconnected")
        self.reasons.append(why)


@dataclass
class Linked:
    """Under test."""

    link: RedisLink
    told: Told

    async def publish(self, channel: str, message: str | int) -> None:
        """As the scripts do."""
        await self.link.call("SPUBLISH" if self.link.is_sharded else "PUBLISH", channel, message)

    async def append(self, name: str, number: int) -> int:
        """A number to a list, once; its length, or -1 for one that was there."""
        how = "SPUBLISH" if self.link.is_sharded else "PUBLISH"
        length: int = await self.link.run(APPEND, [f"{name}:list", f"{name}:last"], [number, name, how])
        return length

    async def numbers(self, name: str) -> list[int]:
        """The list."""
        return [int(each) for each in await self.link.call("LRANGE", f"{name}:list", 0, -1)]

    async def until_connected(self) -> None:
        await until(lambda: self.link.is_connected)


async def until(holds: Callable[[], object]) -> None:
    """Wait for something that nobody announces; TimeoutError if it does not happen."""
    async with asyncio.timeout(WAIT):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)
