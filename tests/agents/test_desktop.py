"""What one Bayeux session of an agent hears, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from bayeux.backplane.hub import MemoryHub
from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import Conversation
from channels.private import CHATS, INTERACTIONS, PRIVATE_PREFIXES
from gateway.agents.desktop import Current, Desktops
from gateway.auth.http_sessions import COOKIE, HttpSessions
from tests.cluster.nodes import Client, Node, nodes_on, until

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


@pytest.mark.spec("OPS-42", "AG-25", "AG-109", "AG-122")
@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.expected_logs("without its lease")
async def test_a_desktop_stays_what_it_is_on_another_node(dies: bool) -> None:
    """It goes on hearing in its own form, each thing once, and what is not for its browser not at all."""

    async def snapshot(user: str, channel: str) -> Sequence[Current]:
        return ()

    def prepare(node: Node) -> None:
        Desktops(node, snapshot, lambda: 0.0).watch()

    async def tell(node: Node, data: str, seq: int, **more: str) -> None:
        gw = {"of": OF, "seq": seq, "at": 0.0, **more}
        await node.joined.deliver_to_user("Agent1", INTERACTIONS, data, ext={"gw": gw})

    options = Options(session_message_rate=0.0, private_prefixes=PRIVATE_PREFIXES)
    async with nodes_on(MemoryHub(lease=0.2, look=0.05), 2, options, prepare=prepare) as (here, there):
        client = Client(here, user="Agent1", cookies={COOKIE: "one"})
        await client.handshake(ext={"ack": True, "gw": True})
        await client.ask_for("/meta/subscribe", subscription=INTERACTIONS)
        await client.poll(ack=0)
        await tell(here, "news", 2000)
        await until(lambda: client.session.queue.messages)
        reply = await client.poll(ack=0)
        if dies:
            here.die()
            await until(lambda: not there.joined.nodes)
            client.at(there)
        else:
            old, client = client, Client(there, "websocket", user="Agent1", browser=client.browser)
            client.client_id = old.client_id
        client.heard.clear()
        reply = await client.poll(ack=reply["ext"]["ack"], timeout=0)
        assert reply["successful"], reply
        await tell(there, "late", 1999)
        await tell(there, "for others", 2001, but=HttpSessions.key_of("one").hex())
        await tell(there, "more", 3000)
        await client.poll(ack=reply["ext"]["ack"])
        # How far it had come was known to a node that has died; what that one sent last comes again, with its number.
        assert [event["data"] for event in client.events] == (["news", "more"] if dies else ["more"])
        assert client.events[-1]["ext"]["gw"]["seq"] == 3000
