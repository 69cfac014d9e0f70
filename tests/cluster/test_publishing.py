"""Events cross nodes: to everyone who subscribed, to one user, once each, in the same order everywhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.backplane.interface import Retention
from bayeux.extensions.replay import Replay
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.options import Options
from tests.cluster.nodes import Client, Node, lasting_hub, nodes_on, until


@pytest.mark.spec("CLU-3")
@pytest.mark.parametrize("pattern", ["/news/today", "/news/*", "/**"])
async def test_an_event_reaches_subscribers_on_all_nodes_once(pattern: str) -> None:
    """Also through a pattern beside the name, and its publisher's own node is no exception."""
    async with nodes_on(lasting_hub(), 3) as nodes:
        clients = [await Client(node, "websocket").begin(pattern, "/news/today", ack=False) for node in nodes]
        for client in clients:
            client.connect()
        for number in range(5):
            reply = await clients[0].ask_for("/news/today", data=number)
            assert reply["successful"]
        await until(lambda: all(len(each.data) >= 5 for each in clients))
        await asyncio.sleep(0.01)
        assert [each.data for each in clients] == [[0, 1, 2, 3, 4]] * 3


@pytest.mark.spec("CLU-3")
async def test_a_node_listens_only_where_somebody_is_interested() -> None:
    """What nobody here subscribed to does not come here at all."""
    async with nodes_on(lasting_hub(), 2) as (here, there):
        client = await Client(there, "websocket").begin("/there", ack=False)
        assert not here.backplane.places
        assert there.backplane.partition_of("/there") in there.backplane.places
        await client.ask_for("/meta/unsubscribe", subscription="/there")
        here.publish("/there", 1)
        await asyncio.sleep(0.01)
        assert client.data == []


@pytest.mark.spec("PUB-11")
async def test_a_publisher_is_spared_its_own_event_on_every_node() -> None:
    """The others on its node and elsewhere get it."""
    options = Options(broadcast_to_publisher=False)
    async with nodes_on(lasting_hub(), 2, options) as (here, there):
        publisher = await Client(here, "websocket").begin("/a", ack=False)
        others = [await Client(node, "websocket").begin("/a", ack=False) for node in (here, there)]
        await publisher.ask_for("/a", data=1)
        await until(lambda: all(each.data for each in others))
        await asyncio.sleep(0.01)
        assert [each.data for each in others] == [[1], [1]]
        assert publisher.data == []


@pytest.mark.spec("SEC-44")
async def test_what_is_delivered_to_a_user_reaches_his_sessions_on_all_nodes_and_nobody_else() -> None:
    """A pattern above the private name shows one's own messages and nobody else's."""
    options = Options(private_prefixes=("/v2/me",))
    async with nodes_on(lasting_hub(), 2, options) as nodes:
        ann = [await Client(node, "websocket", user="ann").begin("/v2/me", ack=False) for node in nodes]
        bob = [await Client(node, "websocket", user="bob").begin("/v2/**", ack=False) for node in nodes]
        for number in range(3):
            await nodes[0].joined.deliver_to_user("ann", "/v2/me", f"ann {number}")
            await nodes[1].joined.deliver_to_user("bob", "/v2/me", f"bob {number}")
        await until(lambda: all(len(each.data) >= 3 for each in ann + bob))
        await asyncio.sleep(0.01)
        assert [each.data for each in ann] == [["ann 0", "ann 1", "ann 2"]] * 2
        assert [each.data for each in bob] == [["bob 0", "bob 1", "bob 2"]] * 2


@pytest.mark.spec("SEC-44")
async def test_nobody_is_given_what_is_another_users() -> None:
    """A hundred users with a session on either node, some above the private names by pattern; ten thousand messages."""
    options = Options(private_prefixes=("/v2/me",), max_queue=0, max_queue_bytes=0)
    patterns = ("/v2/me/inbox", "/v2/**", "/v2/me/*")
    async with nodes_on(lasting_hub(), 2, options) as nodes:
        clients: dict[str, list[Client]] = {}
        for number in range(100):
            user = f"user {number}"
            clients[user] = [
                await Client(node, "websocket", user=user).begin(patterns[(number + turn) % 3], ack=False)
                for turn, node in enumerate(nodes)
            ]
        for number in range(10_000):
            user = f"user {number * 7 % 100}"
            nodes[number % 2].deliver_to_user(user, "/v2/me/inbox", [user, number])
            if number % 500 == 499:
                await asyncio.sleep(0)
        everybody = [client for own in clients.values() for client in own]
        await until(lambda: sum(len(each.events) for each in everybody) >= 20_000, 60.0)
        await asyncio.sleep(0.05)
        for user, own in clients.items():
            for client in own:
                assert {name for name, _ in client.data} == {user}
                assert len(client.data) == 100
                for parity in (0, 1):  # in order from each publisher
                    numbers = [number for _, number in client.data if number % 2 == parity]
                    assert numbers == sorted(numbers)


@pytest.mark.spec("SRV-1")
async def test_server_wide_hooks_run_once_where_it_was_published() -> None:
    """Listeners hear it there; the hooks of a session run where the session lives."""
    heard: list[str] = []
    async with nodes_on(lasting_hub(), 2) as (here, there):
        for name, node in (("here", here), ("there", there)):
            node.on("/a", lambda session, message, name=name: heard.append(f"listener {name}"))
        client = await Client(there, "websocket").begin("/a", ack=False)
        client.session.listeners.message.append(lambda session, event: heard.append("session"))
        here.publish("/a", 1)
        await until(lambda: client.data)
        assert heard == ["listener here", "session"]


@pytest.mark.spec("OPS-72")
@pytest.mark.expected_logs("a publish of the application failed")
async def test_a_publish_is_refused_while_the_store_is_away() -> None:
    """Nothing is delivered to the own node alone: a retry would come twice there."""
    async with nodes_on(lasting_hub(), 2) as (here, _):
        client = await Client(here, "websocket").begin("/a", ack=False)
        here.backplane.cut()
        reply = await client.ask_for("/a", data=1)
        assert reply["error"].startswith("503:")
        task = here.publish("/a", 2)
        assert task is not None
        with pytest.raises(Unavailable):
            await task
        here.backplane.heal()
        assert (await client.ask_for("/a", data=3))["successful"]
        await until(lambda: client.data)
        assert client.data == [3]


@pytest.mark.spec("RPL-16")
@pytest.mark.parametrize("seed", range(5))
async def test_a_subscriber_catches_up_while_others_publish_on_another_node(seed: int) -> None:
    """Nothing is missing at the seam between history and live events, and nothing comes twice."""

    def prepare(node: Node) -> None:
        node.extensions.append(Replay({"/a": Retention(events=1000)}))

    async with nodes_on(lasting_hub(), 2, prepare=prepare) as (here, there):
        here.backplane.latency = 0.001 * seed

        async def publish() -> None:
            for number in range(100):
                task = there.publish("/a", number)
                assert task is not None
                await task

        publishing = asyncio.create_task(publish())
        await asyncio.sleep(0.003)
        client = await Client(here, "websocket").begin(ack=False)
        reply = await client.ask_for("/meta/subscribe", subscription="/a", ext={"replay": {"/a": -2}})
        assert reply["successful"], reply
        await publishing
        await until(lambda: len(client.data) >= 100)
        await asyncio.sleep(0.02)
        assert client.data == list(range(100))
        ids: list[Any] = [event["ext"]["replay"]["id"] for event in client.events]
        assert ids == sorted(set(ids))
