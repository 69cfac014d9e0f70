"""Customers in memory, on nodes that share a store: words for conversations about notices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from bayeux.extensions.ack import Acknowledge
from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, still_server, turn
from channels.private import CUSTOMER, PRIVATE_PREFIXES
from gateway.auth.customers import bayeux_user
from gateway.config.customers import TYPES
from gateway.push.mailboxes import Mailboxes
from gateway.push.notice import Notice
from gateway.push.provider import Provider
from gateway.push.push import Push
from gateway.push.reader import Reader
from gateway.store.store import Room, Store
from gateway.store.turn import Turn, decided

ROOM = "customers"
START = 1_700_000_000.0
OPTIONS = Options(private_prefixes=PRIVATE_PREFIXES, session_message_rate=0)

T = TypeVar("T")


@dataclass
class Wall:
    """Seconds since 1970, moved by hand."""

    now: float = START

    def __call__(self) -> float:
        return self.now


@dataclass
class Node:
    """A node that gives notices, as far as it is asked to: ``settle``."""

    server: BayeuxServer
    wall: Callable[[], float]
    room: Room
    mailboxes: Mailboxes
    reader: Reader
    push: Push
    providers: dict[str, Provider]
    """By type of devices."""
    told: int = 0
    peers: list[Peer] = field(default_factory=list)

    async def decide(self, decision: Callable[[Turn], Awaitable[T]]) -> T:
        given, _ = await decided(self.room, decision, lambda: Turn(self.room, self.wall()))
        return given

    async def tell(self, user: str, message: Any, *, nudges: bool = True, **fields: Any) -> str:
        """Have something wait for a customer; the notice's id."""
        self.told += 1
        fields = {"id": f"{id(self):016x}{self.told:016x}", "tag": "service.message.1", **fields}
        notice = Notice(message=message, user=user, **fields)
        await self.decide(lambda turn: self.mailboxes.put(turn, user, notice))
        if nudges:
            self.push.nudge(user)
        await self.settle()
        return notice.id

    async def listener(self, user: str, name: str = "long-polling", **handshake: Any) -> Peer:
        """A session of his that listens, and whose first connect was answered."""
        peer = Peer(self.server, name, user=bayeux_user(user))
        peer.handshake(**handshake)
        peer.connect()
        assert peer.subscribe(CUSTOMER)["successful"]
        self.peers.append(peer)
        await self.settle()
        return peer

    async def settle(self) -> None:
        """Everything that can be given is."""
        await turn()
        await self.reader.serve()
        await turn()

    async def waiting(self, user: str) -> list[str]:
        """Ids of what nobody is known to have."""
        (mailbox,) = await self.mailboxes.look([user])
        return [slot.id for slot in mailbox.slots if slot.waits]


@dataclass(kw_only=True)
class Alone(Node):
    """One whose time stands still."""

    clock: ManualClock
    """The server's."""
    times: Wall
    """The notices'."""


def heard(peer: Peer) -> list[Any]:
    """Messages of the notices that it was given."""
    return [event["data"]["message"] for event in peer.events if event["channel"] == CUSTOMER]


def heard_ids(peer: Peer) -> list[str]:
    return [event["data"]["id"] for event in peer.events if event["channel"] == CUSTOMER]


@asynccontextmanager
async def node(store: Store, wall: Wall | None = None, *, acknowledges: bool = False) -> AsyncIterator[Alone]:
    """One node without others."""
    clock, wall = ManualClock(), wall or Wall()
    async with still_server(clock, OPTIONS) as server:
        if acknowledges:
            server.extensions.append(Acknowledge())
        node = make(server, wall, store)
        yield Alone(**{each.name: getattr(node, each.name) for each in fields(node)}, clock=clock, times=wall)


def make(server: BayeuxServer, wall: Callable[[], float], store: Store) -> Node:
    room = store.room(ROOM)
    mailboxes = Mailboxes(room, wall)
    reader = Reader(server, mailboxes, wall)
    reader.watch()
    providers: dict[str, Provider] = {}
    push = Push(server, room, mailboxes, reader, enabled=TYPES, provider_of=providers.get, clock=wall)
    return Node(server, wall, room, mailboxes, reader, push, providers)
