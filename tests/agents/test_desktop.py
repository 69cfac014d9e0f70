"""What one Bayeux session of an agent hears, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import Conversation
from channels.private import CHATS, INTERACTIONS, PRIVATE_PREFIXES
from gateway.agents.desktop import Current, Desktops

OF = "interaction:1"


@pytest.fixture
async def server() -> AsyncIterator[BayeuxServer]:
    server = BayeuxServer(Options(private_prefixes=PRIVATE_PREFIXES))
    await server.start()
    yield server
    await server.stop()


def announce(server: BayeuxServer, data: Any, seq: int) -> None:
    gw = {"of": OF, "seq": seq, "at": 0.0}
    server.deliver_to_user("Agent1", INTERACTIONS, data, ext={"gw": gw})


@pytest.mark.spec("AG-121", "AG-122")
async def test_what_is_new_follows_the_snapshot(server: BayeuxServer) -> None:
    async def snapshot(user: str, channel: str) -> Sequence[Current]:
        announce(server, "in the snapshot, too", 1000)
        current = [Current({"whole": channel}, OF, 1999)]
        announce(server, "new", 2000)
        await asyncio.sleep(0)
        return current

    Desktops(server, snapshot, lambda: 0.0).watch()
    desktop = Conversation(server, user="Agent1").handshake().connect()
    await desktop.subscribe(INTERACTIONS, ext={"snapshot": True}).connect()
    assert [event["data"] for event in desktop.events] == [{"whole": INTERACTIONS}, "new"]


@pytest.mark.spec("AG-2", "AG-121")
async def test_each_dialect_has_its_snapshot(server: BayeuxServer) -> None:
    async def snapshot(user: str, channel: str) -> Sequence[Current]:
        return [Current({"whole": channel}, OF, 1999)]

    Desktops(server, snapshot, lambda: 0.0).watch()
    desktop = Conversation(server, user="Agent1").handshake().connect()
    for channel in (INTERACTIONS, CHATS):
        desktop.subscribe(channel, ext={"snapshot": True})
    await desktop.connect()
    assert [event["channel"] for event in desktop.events] == [INTERACTIONS, CHATS]


@pytest.mark.spec("AG-105")
async def test_nobody_else_speaks_as_the_gateway(server: BayeuxServer) -> None:
    async def snapshot(user: str, channel: str) -> Sequence[Current]:
        return ()

    Desktops(server, snapshot, lambda: 0.0).watch()
    desktop = Conversation(server, user="Agent1").handshake().connect().subscribe(INTERACTIONS)
    await desktop.subscribe("/room").connect()
    server.publish("/room", "hello", ext={"gw": {"end": ""}})
    server.publish("/room", "again", ext={"gw": {"of": OF, "seq": 1_000_000}})
    announce(server, "news", 1000)
    await desktop.connect()
    assert [event["data"] for event in desktop.events] == ["hello", "again", "news"]


@pytest.mark.spec("AG-109", "AG-122")
async def test_what_comes_with_the_subscription_is_in_the_sessions_own_form(server: BayeuxServer) -> None:
    """A session that is taken over from a dead node is given its events in the same breath as its subscriptions."""

    async def snapshot(user: str, channel: str) -> Sequence[Current]:
        return ()

    Desktops(server, snapshot, lambda: 0.0).watch()
    desktop = Conversation(server, user="Agent1").handshake().connect().subscribe(INTERACTIONS)
    for seq in (1000, 1000):
        announce(server, "news", seq)
    await desktop.connect()
    assert desktop.events == [{"channel": INTERACTIONS, "data": "news"}]
