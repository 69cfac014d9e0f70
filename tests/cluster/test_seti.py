"""People on several nodes: who is there, who comes and goes, and what is sent to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bayeux.backplane.hub import MemoryHub
from bayeux.server.cluster.seti import Seti
from bayeux.server.extension import Extension
from tests.cluster.nodes import Client, Node, lasting_hub, node_on, nodes_on, until

pytestmark = pytest.mark.expected_logs("without its lease", "serves again")  # of those that die here


def setis(nodes: Sequence[Node]) -> list[Seti]:
    return [node.joined.seti for node in nodes]


def told(node: Node) -> list[tuple[str, str, str]]:
    """What a node is told of people from here on."""
    heard: list[tuple[str, str, str]] = []
    listeners = node.joined.seti.listeners
    listeners.present.append(lambda user, where: heard.append(("present", user, where.id)))
    listeners.absent.append(lambda user, where: heard.append(("absent", user, where.id)))
    return heard


@pytest.mark.spec("CLU-10", "CLU-12")
async def test_a_user_is_known_on_all_nodes() -> None:
    """By as many sessions as he has, until the last one ends."""
    async with nodes_on(lasting_hub(), 2) as nodes:
        here, there = setis(nodes)
        first, second, third = [await Client(node).begin() for node in (nodes[0], nodes[0], nodes[1])]
        assert here.associate("ann", first.session)
        assert not here.associate("ann", first.session)
        assert not here.associate("ann", second.session)
        assert there.associate("ann", third.session)
        here.associate("bob", second.session)
        await until(lambda: there.session_count("ann") == here.session_count("ann") == 3)
        assert there.is_present("bob") and not there.is_associated("bob")
        assert there.users() == {"ann"}
        assert there.users(everywhere=True) == {"ann", "bob"}
        assert not here.disassociate("ann", first.session)
        await second.ask_for("/meta/disconnect")
        assert not here.is_associated("ann") and not here.is_associated("bob")
        await until(lambda: there.session_count("ann") == 1 and not there.is_present("bob"))


@pytest.mark.spec("CLU-11", "CLU-14", "DEL-6")
async def test_what_is_sent_reaches_all_sessions_of_each_user() -> None:
    """Subscribed or not, through the sessions' extensions, in order, once each; who is not there is given back."""
    seen: list[Any] = []

    class Sees(Extension):
        def outgoing(self, sender: Any, session: Any, event: dict[str, Any]) -> None:
            seen.append((event["data"], sender is not None and sender.is_local))

    async with nodes_on(lasting_hub(), 2) as nodes:
        here, there = setis(nodes)
        clients = [await Client(node, "websocket").begin(ack=False) for node in nodes]
        stranger = await Client(nodes[1], "websocket").begin(ack=False)
        for seti, client in zip((here, there), clients, strict=True):
            seti.associate("ann", client.session)
            seti.associate("anna", client.session)
        clients[0].session.extensions.append(Sees())
        await until(lambda: here.session_count("ann") == 2)
        for number in range(5):
            assert await here.send(["ann", "anna", "nobody"], "/inbox", number) == {"nobody"}
        await until(lambda: all(len(each.data) == 5 for each in clients))
        await asyncio.sleep(0.01)
        assert [each.data for each in clients] == [[0, 1, 2, 3, 4]] * 2
        assert stranger.data == []
        assert seen == [(number, True) for number in range(5)]


@pytest.mark.spec("CLU-13")
async def test_presence_is_told_of_every_node() -> None:
    """First and last sessions, nodes that die, nodes that join later."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2) as nodes:
        here, there = setis(nodes)
        heard, id = told(nodes[1]), nodes[0].joined.local.id
        client = await Client(nodes[0]).begin()
        other = await Client(nodes[1]).begin()
        here.associate("ann", client.session)
        there.associate("bob", other.session)
        await until(lambda: len(heard) == 2)
        assert set(heard) == {("present", "ann", id), ("present", "bob", nodes[1].joined.local.id)}
        late = node_on(hub)
        late_heard = told(late)
        await late.start()
        await until(lambda: len(late_heard) == 2)
        assert late.joined.seti.users(everywhere=True) == {"ann", "bob"}
        nodes[0].die()
        await until(lambda: ("absent", "ann", id) in heard and ("absent", "ann", id) in late_heard)
        assert not there.is_present("ann")
        await late.stop(timeout=0.1)


@pytest.mark.spec("CLU-10", "OPS-62")
@pytest.mark.parametrize("dies", [True, False])
async def test_a_session_that_goes_on_elsewhere_still_belongs_to_its_user(dies: bool) -> None:
    """Moved or taken over: whom it belongs to goes along."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2) as nodes:
        here, there = setis(nodes)
        client = await Client(nodes[0]).begin()
        here.associate("ann", client.session)
        await until(lambda: there.is_present("ann"))
        await asyncio.sleep(0.01)
        if dies:
            nodes[0].die()
            await until(lambda: not nodes[1].joined.nodes)
        socket = Client(nodes[1], "websocket", browser=client.browser)
        socket.client_id = client.client_id
        assert (await socket.poll(ack=1, timeout=0))["successful"]
        assert there.is_associated("ann")
        if not dies:
            await until(lambda: here.session_count("ann") == 1)
            assert not here.is_associated("ann")


@pytest.mark.spec("CLU-13")
async def test_people_are_right_again_after_an_outage() -> None:
    """What could not be told then is told as a whole."""
    hub = lasting_hub()
    async with nodes_on(hub, 2) as nodes:
        here, there = setis(nodes)
        clients = [await Client(nodes[0]).begin() for _ in range(2)]
        here.associate("ann", clients[0].session)
        await until(lambda: there.is_present("ann"))
        nodes[0].backplane.cut()
        here.disassociate("ann", clients[0].session)
        here.associate("bob", clients[1].session)
        await asyncio.sleep(0.01)
        nodes[0].backplane.heal()
        await nodes[0].joined.look()
        await until(lambda: there.users(everywhere=True) == {"bob"})


@pytest.mark.spec("CLU-13")
async def test_people_of_a_node_that_was_taken_for_dead_are_known_again() -> None:
    """It stood still, and has never heard of its death: who forgot them asks."""
    async with nodes_on(lasting_hub(), 2) as nodes:
        here, there = setis(nodes)
        client = await Client(nodes[0]).begin()
        here.associate("ann", client.session)
        await until(lambda: there.is_present("ann"))
        nodes[1].joined.node_left(nodes[0].joined.local, "lost")
        assert not there.is_present("ann")
        nodes[1].joined.node_joined(nodes[0].joined.local)
        await until(lambda: there.is_present("ann"))


@pytest.mark.spec("CLU-1", "CLU-2", "CLU-6")
async def test_nodes_are_told_of_each_other() -> None:
    """And of their ends; one alone has the same calls."""
    hub = MemoryHub(lease=0.2, look=0.05)
    alone = node_on(hub)
    heard: list[tuple[str, str]] = []
    alone.joined.listeners.node_joined.append(lambda node: heard.append(("joined", node.id)))
    alone.joined.listeners.node_left.append(lambda node, reason: heard.append((reason, node.id)))
    await alone.start()
    assert alone.joined.nodes == ()
    assert await alone.joined.seti.send(["ann"], "/inbox", 1) == {"ann"}
    second, third = node_on(hub), node_on(hub)
    for each in (second, third):
        await each.start()
    ids = [each.joined.local.id for each in (second, third)]
    await until(lambda: len(alone.joined.nodes) == 2)
    await second.stop(timeout=0.1)
    third.die()
    await until(lambda: len(heard) >= 4)
    assert heard == [("joined", ids[0]), ("joined", ids[1]), ("left", ids[0]), ("lost", ids[1])]
    await alone.stop(timeout=0.1)
    await third.stop(timeout=0.1)
