"""Publishes whose channel goes while they are on their way."""

from __future__ import annotations

from bayeux import BayeuxServer
from bayeux.testing import Peer


async def test_channel_that_a_listener_removes_at_once_costs_its_publisher_nothing() -> None:
    """The way to its subscribers once took the channel for granted, and a 500 was the answer."""
    async with BayeuxServer() as server:
        server.listeners.channel_added.append(lambda channel: channel.remove() if channel.name.text == "/x/a" else None)
        watcher, publisher = Peer(server, "websocket").handshake(), Peer(server, "websocket").handshake()
        watcher.connect()
        watcher.subscribe("/x/*")
        assert publisher.publish("/x/a", 1)[-1]["successful"]
        await watcher
        assert [event["channel"] for event in watcher.events] == ["/x/a"]
