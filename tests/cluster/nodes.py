"""Several nodes in one process, and clients who come to any of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bayeux.backplane.hub import MemoryBackplane, MemoryHub
from bayeux.extensions.ack import Acknowledge
from bayeux.protocol.options import Options
from bayeux.server.cluster.cluster import Cluster
from bayeux.server.server import BayeuxServer
from bayeux.testing import MemoryTransport, Peer

PATIENCE = 60.0
OPTIONS = Options(session_message_rate=0.0)


class Node(BayeuxServer):
    """A server on a hub."""

    backplane: MemoryBackplane

    @property
    def joined(self) -> Cluster:
        assert self.cluster is not None
        return self.cluster

    def die(self) -> None:
        """Without a word: nothing of it is heard any more, and its clients lose their connections."""
        self.backplane.kill()


def lasting_hub() -> MemoryHub:
    """One for nodes that all live: their leases stand, however busy the machine is."""
    return MemoryHub(lease=600.0)


def node_on(hub: MemoryHub, options: Options = OPTIONS, *, acks: bool = True, **settings: Any) -> Node:
    server = Node(options, clock=hub.clock, **settings)
    server.backplane = hub.node()
    if acks:
        server.extensions.append(Acknowledge())
    Cluster(server, server.backplane)
    return server


@asynccontextmanager
async def nodes_on(
    hub: MemoryHub, number: int = 2, options: Options = OPTIONS, *, prepare: Callable[[Node], Any] | None = None
) -> AsyncIterator[Sequence[Node]]:
    """So many servers, all of which know of each other."""
    nodes = [node_on(hub, options) for _ in range(number)]
    for each in nodes:
        if prepare is not None:
            prepare(each)
        await each.start()
    hub.notice()
    await until(lambda: all(len(each.joined.nodes) == number - 1 for each in nodes))
    try:
        yield nodes
    finally:
        for each in nodes:
            await each.stop(timeout=0.2)


async def until(is_so: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Let the loop go on until it is so."""
    async with asyncio.timeout(patience):
        while not is_so():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


class Client(Peer):
    """A peer whose messages may go to any node: ``client.server = another``."""

    def at(self, server: BayeuxServer) -> Client:
        """Ask this node from here on; a socket is opened anew there."""
        if server is not self.server and self.socket is not None:
            self.socket = MemoryTransport(self.name)
        self.server = server
        return self

    async def done(self, transport: MemoryTransport) -> MemoryTransport:
        """When it was answered."""
        await until(lambda: transport.sent or transport.dismissed or transport.closed)
        return transport

    async def begin(self, *channels: str, ack: bool = True) -> Client:
        """Handshake, subscribe, connect for the first time."""
        await self.handshake(**({"ext": {"ack": True}} if ack else {}))
        for channel in channels:
            await self.ask_for("/meta/subscribe", subscription=channel)
        await self.poll(ack=0 if ack else None)
        return self

    async def ask_for(self, channel: str, **fields: Any) -> dict[str, Any]:
        """The reply to one message."""
        message = self.message(channel, **fields)
        transport = self.send(message)
        await until(lambda: any(each.get("id") == message["id"] for each in self.heard) or transport.dismissed)
        return next((each for each in self.heard if each.get("id") == message["id"]), {"error": "503"})

    async def poll(self, ack: int | None = None, timeout: int | None = None) -> dict[str, Any]:
        """Connect, and wait for the answer."""
        fields: dict[str, Any] = {"connectionType": self.name}
        if ack is not None:
            fields["ext"] = {"ack": ack}
        if timeout is not None:
            fields["advice"] = {"timeout": timeout}
        return await self.ask_for("/meta/connect", **fields)

    @property
    def data(self) -> list[Any]:
        """What the events brought."""
        return [event["data"] for event in self.events]
