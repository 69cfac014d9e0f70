"""Nodes on some store, what their receivers are told, and what may befall them: for the contract suites."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from bayeux.backplane.backplane import Arrived, Backplane, NodeInfo
from bayeux.backplane.hub import MemoryBackplane, MemoryHub

JOURNAL = 50
"""Events a partition keeps; enough for tests that do not mean to lose any."""
LEASE = 0.6


@dataclass
class Ears:
    """A receiver that writes down what it is told."""

    events: list[Arrived] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """Partition, and how many events had come before."""
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    company: list[tuple[str, str]] = field(default_factory=list)
    """Names of nodes, each with ``joined``, ``left`` or ``lost``."""
    links: list[bool] = field(default_factory=list)
    infos: list[NodeInfo] = field(default_factory=list)

    def arrived(self, event: Arrived) -> None:
        self.events.append(event)

    def gap(self, partition: int) -> None:
        self.gaps.append((partition, len(self.events)))

    def addressed(self, sender: str, message: bytes) -> None:
        self.messages.append((sender, message))

    def node_joined(self, node: NodeInfo) -> None:
        self.infos.append(node)
        self.company.append((node.name, "joined"))

    def node_left(self, node: NodeInfo, reason: str) -> None:
        self.company.append((node.name, reason))

    def connected(self) -> None:
        self.links.append(True)

    def disconnected(self) -> None:
        self.links.append(False)

    @property
    def payloads(self) -> list[bytes]:
        return [event.payload for event in self.events]


class Member(Protocol):
    """A node under test."""

    backplane: Backplane
    ears: Ears

    async def cut(self) -> None:
        """It cannot reach the store. Skips the test where nothing can stand in between."""

    async def heal(self) -> None:
        """It can again."""

    async def kill(self) -> None:
        """It is gone without a word."""


class Nodes(Protocol):
    """Nodes that share a store of their own."""

    async def node(self, name: str = "", *, is_reachable: bool = True) -> Member:
        """One more, started; ``is_reachable``: not cut off from the beginning."""

    async def lose_everything(self) -> None:
        """The store starts over without its data."""

    async def close(self) -> None:
        """Stop all nodes, and the store."""


async def eventually(claim: Callable[[], Any], *, within: float = 15.0) -> None:
    """Wait until it is so; what is asked may have to be waited for, too."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while not (await so if inspect.isawaitable(so := claim()) else so):
        assert loop.time() < until, "it did not happen"
        await asyncio.sleep(0.005)


# In memory


@dataclass
class MemoryMember:
    """A node of a hub."""

    backplane: MemoryBackplane
    ears: Ears

    async def cut(self) -> None:
        self.backplane.cut()

    async def heal(self) -> None:
        self.backplane.heal()

    async def kill(self) -> None:
        self.backplane.kill()


class NodesInMemory:
    """Nodes of a hub."""

    def __init__(self) -> None:
        self.hub = MemoryHub(partitions=8, journal=JOURNAL, lease=LEASE, look=0.05)
        self._members: list[MemoryMember] = []

    async def node(self, name: str = "", *, is_reachable: bool = True) -> MemoryMember:
        member = MemoryMember(self.hub.node(name), Ears())
        self._members.append(member)
        if not is_reachable:
            member.backplane.cut()
        await member.backplane.start(member.ears)
        return member

    async def lose_everything(self) -> None:
        self.hub.flush()

    async def close(self) -> None:
        for member in self._members:
            await member.backplane.stop()
