"""Any node serves any client: requests are relayed, sessions move to sockets, and are taken over from the dead."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.backplane.hub import MemoryHub
from bayeux.backplane.interface import Retention
from bayeux.extensions.replay import Replay
from bayeux.protocol.message import Message, Request
from bayeux.protocol.options import Options
from bayeux.protocol.reply import Reply
from bayeux.server.cluster import fence, keeping
from bayeux.server.extension import Extension
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.testing import ManualClock
from tests.cluster.nodes import OPTIONS, Client, Node, lasting_hub, nodes_on, until

QUICK = Options(session_message_rate=0.0, timeout=0.3)

pytestmark = pytest.mark.expected_logs("without its lease", "serves again")  # of those that die here


# Relay ------------------------------------------------------------------------------------------------


@pytest.mark.spec("OPS-42", "SES-2")
async def test_every_request_may_come_to_any_node() -> None:
    """Handshake here, subscribe there, connect here and there: the client does not notice."""
    async with nodes_on(lasting_hub(), 3) as nodes:
        client = Client(nodes[0])
        await client.handshake()
        assert client.client_id is not None and client.client_id.isalnum()
        assert client.client_id.startswith(nodes[0].joined.hint)
        assert (await client.at(nodes[1]).ask_for("/meta/subscribe", subscription="/a"))["successful"]
        assert (await client.at(nodes[2]).poll())["successful"]
        held = client.at(nodes[1]).connect()
        await until(lambda: nodes[0].sessions.find(client.client_id).held_by is not None)  # type: ignore[union-attr]
        await client.at(nodes[2]).ask_for("/a", data="hello")
        await until(lambda: held.sent)
        assert [message.get("data") for message in held.sent[0]] == ["hello", None]
        assert nodes[1].joined.relay.relayed == 2
        assert (await client.at(nodes[2]).ask_for("/meta/disconnect"))["successful"]
        assert not nodes[0].sessions


@pytest.mark.spec("SES-8")
async def test_an_owner_lets_go_of_a_connect_whose_client_hung_up_elsewhere() -> None:
    """The event that comes then waits for the client, and goes to nobody."""
    async with nodes_on(lasting_hub(), 2) as (here, there):
        client = await Client(here).begin("/a", ack=False)
        session = client.session
        held = client.at(there).connect()
        await until(lambda: session.held_by is not None)
        held.closed = True
        there.connection_lost(held)
        await until(lambda: session.held_by is None)
        here.publish("/a", 1)
        await until(lambda: session.queue.messages)
        assert (await client.poll())["successful"]
        assert client.data == [1]


@pytest.mark.spec("SES-8")
async def test_an_owner_lets_go_of_a_connect_whose_node_died() -> None:
    """Nobody would tell that the client has gone with it."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2) as (here, there):
        client = await Client(here).begin("/a", ack=False)
        session = client.session
        client.at(there).connect()
        await until(lambda: session.held_by is not None)
        there.die()
        await until(lambda: session.held_by is None)


@pytest.mark.spec("OPS-42", "SES-8")
async def test_nobody_waits_for_a_node_that_had_taken_his_for_dead() -> None:
    """It had let go of the connect, and nobody would have answered it: the other node was never told of any death."""
    async with nodes_on(lasting_hub(), 2) as (here, there):
        client = await Client(here).begin("/a", ack=False)
        mine = await Client(there).begin("/a", ack=False)
        held = client.at(there).connect()
        other = mine.at(here).connect()
        await until(lambda: client.at(here).session.held_by and mine.at(there).session.held_by)
        here.joined.node_left(there.joined.local, "lost")
        await until(lambda: not client.session.held_by)
        here.joined.node_joined(there.joined.local)
        await until(lambda: client.session.held_by)
        await until(lambda: here.joined.relay.accounts(there.joined.hint)[1])
        here.publish("/a", 1)
        await client.done(held)
        await mine.done(other)
        assert client.data == mine.data == [1]


@pytest.mark.spec("SEC-42")
async def test_a_relayed_request_proves_whose_session_it_is() -> None:
    """A clientId alone opens nothing, at whatever node it is shown; and a forged hint finds nothing."""
    async with nodes_on(lasting_hub(), 2) as (here, there):
        owner = await Client(here).begin("/a", ack=False)
        thief = Client(there, browser="another")
        thief.client_id = owner.client_id
        assert (await thief.poll())["error"].startswith("402")
        thief.client_id = here.joined.hint + "0" * 27
        assert (await thief.poll())["error"].startswith("402")
        socket = Client(there, "websocket", browser="another")
        socket.client_id = owner.client_id
        assert (await socket.ask_for("/meta/connect", connectionType="websocket"))["error"].startswith("402")
        assert owner.session.server is here


@pytest.mark.spec("SEC-L20")
async def test_who_names_sessions_that_do_not_exist_is_not_looked_up_for_ever() -> None:
    """Each costs a look into the store; who has a session there is found all the same."""
    options = Options(session_message_rate=0.0, handshake_rate_per_ip=0.01, handshake_burst_per_ip=4)
    async with nodes_on(lasting_hub(), 2, options) as (here, there):
        mine = await Client(here).begin("/a", ack=False)
        stranger, looks = Client(there), 0
        find = there.backplane.sessions.find

        async def counted(client_id: str) -> Any:
            nonlocal looks
            looks += 1
            return await find(client_id)

        there.backplane.sessions.find = counted  # type: ignore[method-assign]
        answers = []
        for number in range(9):
            stranger.client_id = f"{number:036}"
            answers.append((await stranger.poll())["error"][:3])
        assert answers == ["402"] * 4 + ["503"] * 5
        assert looks == 4
        assert (await mine.at(there).poll(timeout=0))["successful"]
        assert there.counters.rejected["SEC-L20"] == 5


@pytest.mark.spec("CN-10")
async def test_a_connect_replaces_the_one_that_another_node_relayed() -> None:
    """The older one ends as it would on one node."""
    async with nodes_on(lasting_hub(), 2) as (here, there):
        client = await Client(here).begin("/a", ack=False)
        first = client.at(there).connect()
        await until(lambda: client.at(here).session.held_by is not None)
        client.at(here).connect()
        await until(lambda: first.dismissed)
        assert first.dismissed == OPTIONS.duplicate_meta_connect_http_code


# Moving -----------------------------------------------------------------------------------------------


@pytest.mark.spec("OPS-42", "WS-14")
@pytest.mark.parametrize("ack", [True, False])
async def test_a_session_moves_to_the_node_of_its_socket(ack: bool) -> None:
    """With all that waits for it; numbers of batches go on."""
    async with nodes_on(lasting_hub(), 2) as (here, there):
        client = await Client(here).begin("/a", "/b/*", ack=ack)
        for number in range(3):
            await client.ask_for("/a", data=number)
        await until(lambda: len(client.data) + len(client.session.queue) == 3)
        socket = Client(there, "websocket", browser=client.browser)
        socket.client_id = client.client_id
        reply = await socket.poll(ack=1 if ack else None, timeout=0)
        assert reply["successful"]
        assert client.client_id not in here.sessions
        assert client.client_id in there.sessions
        here.publish("/b/c", 3)
        if ack:
            reply = await socket.poll(ack=reply["ext"]["ack"])
            assert reply["ext"]["ack"] == 3
        await until(lambda: 3 in socket.data)
        assert client.data + socket.data == [0, 1, 2, 3]
        reply = await client.at(here).ask_for("/a", data=4)  # by HTTP, to the former owner
        assert reply["successful"]
        assert there.joined.ownership.moved_here == here.joined.ownership.moved_away == 1
        assert client.client_id in there.sessions


@pytest.mark.spec("OPS-42")
@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_lost_or_doubled_while_a_session_moves_to_and_fro(seed: int) -> None:
    """Without acknowledgement, too, as long as the sockets it leaves had written what they took."""
    async with nodes_on(lasting_hub(), 3) as nodes:
        for each in nodes:
            each.backplane.latency = 0.0005 * seed
        client = await Client(nodes[0]).begin("/a/**", ack=False)
        heard: list[int] = []

        def note(message: dict[str, Any]) -> None:
            if "data" in message:
                heard.append(message["data"])

        async def publish() -> None:
            for number in range(300):
                task = nodes[number % 3].publish(f"/a/{number % 2}", number)
                assert task is not None
                await task
                await asyncio.sleep(0.001)

        publishing = asyncio.create_task(publish())
        turn = 0
        while not publishing.done() and turn < 200:
            turn += 1
            socket = Client(nodes[turn % 3], "websocket", browser=client.browser)
            socket.client_id = client.client_id
            assert (await socket.poll(timeout=0))["successful"]
            await asyncio.sleep(0.002)
            heard += socket.data
            socket.heard.clear()
            socket.on_heard = note
        await publishing
        await until(lambda: len(heard) >= 300)
        await asyncio.sleep(0.02)
        assert turn > 5
        assert sorted(heard) == list(range(300))
        for parity in (0, 1):
            assert [each for each in heard if each % 2 == parity] == list(range(parity, 300, 2))


@pytest.mark.spec("OPS-42")
async def test_a_session_moves_to_the_node_that_its_client_stays_with() -> None:
    """Each relayed poll costs two nodes; one that goes to and fro is not followed."""
    async with nodes_on(lasting_hub(), 3) as (here, there, third):
        client, wanderer = await Client(here).begin("/a"), await Client(here).begin("/b", ack=False)
        ack = 1
        for turn in range(8):
            here.publish("/a", turn)
            ack = (await client.at(there).poll(ack=ack))["ext"]["ack"]
            assert client.client_id in here.sessions
        here.publish("/a", 8)
        ack = (await client.poll(ack=ack))["ext"]["ack"]
        assert client.client_id in there.sessions
        assert client.data == list(range(9))
        for turn in range(20):
            await wanderer.at((here, there, third)[turn % 3]).poll(timeout=0)
        for turn in range(20):
            await wanderer.at((here, there)[turn % 2]).poll(timeout=0)
        assert wanderer.client_id in here.sessions
        await wanderer.ask_for("/meta/disconnect")
        assert not here.joined.routing.strays


@pytest.mark.spec("OPS-42")
async def test_a_session_that_moved_on_is_not_brought_back_by_a_reply_that_comes_twice() -> None:
    """As it may where the link broke while its former owner gave it away."""
    async with nodes_on(lasting_hub(), 3) as (first, second, third):
        client = await Client(first).begin("/a", ack=False)
        said: list[tuple[Any, ...]] = []
        take = second.joined.routing.take_reply

        def note(*reply: Any) -> None:
            said.append(reply)
            take(*reply)

        second.joined.routing.take_reply = note  # type: ignore[method-assign]
        for node in (second, third):
            socket = Client(node, "websocket", browser=client.browser)
            socket.client_id = client.client_id
            assert (await socket.poll(timeout=0))["successful"]
        (reply,) = said
        take(*reply)
        await asyncio.gather(*second.joined._tasks)
        assert client.client_id not in second.sessions
        assert client.client_id in third.sessions


@pytest.mark.spec("OPS-61", "OPS-62")
async def test_a_draining_node_gives_its_sessions_to_those_that_ask() -> None:
    """Its clients come to others, and find everything there."""
    async with nodes_on(lasting_hub(), 2) as (here, there):
        client = await Client(here).begin("/a", ack=True)
        here.publish("/a", 1)
        await until(lambda: client.session.queue.messages)
        await here.drain(spread=0.0)
        reply = await client.at(there).poll(ack=1)
        assert reply["successful"]
        assert client.data == [1]
        assert client.client_id in there.sessions


@pytest.mark.spec("OPS-62", "OPS-63", "ACK-14")
@pytest.mark.parametrize("transport", ["long-polling", "websocket"])
@pytest.mark.parametrize("ack", [True, False])
async def test_a_node_that_leaves_in_order_leaves_nothing_to_be_repeated(ack: bool, transport: str) -> None:
    """Whoever comes to another node afterwards goes on there to the event, also who does not acknowledge."""
    async with nodes_on(lasting_hub(), 2, QUICK) as (here, there):

        async def publish(*numbers: int) -> None:
            for number in numbers:
                task = there.publish(f"/a/{number % 2}", number)
                assert task is not None
                await task

        client, idle = await Client(here, transport).begin("/a/*", ack=ack), await Client(here).begin("/a/*", ack=ack)
        await publish(0, 1, 2)
        await until(lambda: len(client.session.queue.messages) + len(client.data) == 3)
        said = [(await each.poll(ack=1 if ack else None, timeout=0)).get("ext", {}) for each in (client, idle)]
        client_has, idle_has = [ext.get("ack") for ext in said]
        assert client.data == idle.data == [0, 1, 2]
        await publish(3, 4)
        await until(lambda: len(client.session.queue.messages) + len(client.data) == 5)
        await until(lambda: len(idle.session.queue.messages) == 2)
        if ack:
            await idle.poll(ack=idle_has, timeout=0)  # the answer never arrives
        idle.heard.clear()
        await here.stop(timeout=0.2)
        await publish(5)
        for each, has, batch in ((client, client_has, 1), (idle, idle_has, 2)):
            reply = await each.at(there).poll(ack=has, timeout=0)
            assert reply["successful"]
            assert not ack or reply["ext"]["ack"] == has + batch
            await until(lambda each=each: 5 in each.data)
        assert client.data == [0, 1, 2, 3, 4, 5]
        assert idle.data == [3, 4, 5]
        assert there.joined.ownership.taken_over == 2


# Taking over ------------------------------------------------------------------------------------------


@pytest.mark.spec("OPS-62", "ACK-11")
@pytest.mark.parametrize("transport", ["long-polling", "websocket"])
async def test_a_session_of_a_dead_node_is_taken_over(transport: str) -> None:
    """With subscriptions, user, and all that its client has not acknowledged."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 3, QUICK) as (first, second, third):
        client = await Client(first, transport, user="ann").begin("/a", "/b/**")
        await client.ask_for("/meta/unsubscribe", subscription="/b/**")
        await client.ask_for("/meta/subscribe", subscription="/c/*")
        await first.joined.look()
        third.publish("/a", "before")
        await until(lambda: client.session.queue.messages)
        await first.joined.look()
        reply = await client.poll(ack=1)
        assert client.data == ["before"]
        first.die()
        for number, channel in enumerate(("/a", "/b/x", "/c/x")):
            task = third.publish(channel, number)
            assert task is not None
            await task
        await until(lambda: len(second.joined.nodes) == 1)
        client.heard.clear()
        reply = await client.at(second).poll(ack=1)
        assert reply["successful"], reply
        assert client.data == ["before", 0, 2]
        assert reply["ext"]["ack"] == 2
        assert client.session.user == "ann"
        assert client.session.subscriptions == {"/a", "/c/*"}
        reply = await client.poll(ack=2)
        third.publish("/c/y", 3)
        reply = await client.poll(ack=reply["ext"]["ack"])
        assert client.data == ["before", 0, 2, 3]


@pytest.mark.spec("OPS-62")
async def test_a_connect_that_a_dying_owner_held_is_answered_by_the_node_that_relayed_it() -> None:
    """Its client need not notice at all; what changed something is answered 503, for nobody knows what came of it."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2) as (here, there):
        client = await Client(here).begin("/a")
        await here.joined.look()
        held = client.at(there).connect(ext={"ack": 1})
        await until(lambda: here.sessions.find(client.client_id).held_by is not None)  # type: ignore[union-attr]
        here.die()
        task = there.publish("/a", 1)
        assert task is not None
        await task
        await client.done(held)
        assert held.sent[-1][-1]["successful"]
        if not client.data:
            await client.poll(ack=held.sent[-1][-1]["ext"]["ack"])
        assert client.data == [1]


@pytest.mark.spec("OPS-62")
async def test_what_was_sent_to_a_node_that_died_is_not_done_twice() -> None:
    """The client is told 503, and decides itself."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2) as (here, there):
        client = await Client(here).begin("/a")
        here.die()
        transport = client.at(there).send(client.message("/a", data=1))
        await client.done(transport)
        assert transport.sent[0][0]["error"].startswith("503:")
        await until(lambda: not there.joined.nodes)
        assert (await client.ask_for("/a", data=2))["successful"]


@pytest.mark.spec("OPS-62", "OPS-74")
@pytest.mark.expected_logs("could not be taken over without a gap")
async def test_a_journal_that_does_not_reach_back_is_told() -> None:
    """402 and handshake; never a silent hole."""
    hub = MemoryHub(lease=0.2, look=0.05, journal=10)
    async with nodes_on(hub, 2) as (here, there):
        client = await Client(here).begin("/a")
        await here.joined.look()
        here.die()
        for number in range(20):
            task = there.publish("/a", number)
            assert task is not None
            await task
        await until(lambda: not there.joined.nodes)
        reply = await client.at(there).poll(ack=1)
        assert reply["error"].startswith("402")
        assert reply["advice"]["reconnect"] == "handshake"


@pytest.mark.spec("OPS-74")
@pytest.mark.expected_logs("could not be taken over without a gap")
async def test_who_follows_a_history_without_acknowledging_begins_anew() -> None:
    """Nobody knows what the dead node had written to it; its handshake and its position tell."""

    def prepare(node: Node) -> None:
        node.extensions.append(Replay({"/a": Retention(events=100)}))

    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2, prepare=prepare) as (here, there):
        follower = await Client(here).begin("/a", ack=False)
        plain = await Client(here).begin("/b", ack=False)
        here.die()
        await until(lambda: not there.joined.nodes)
        assert (await follower.at(there).poll())["advice"]["reconnect"] == "handshake"
        assert (await plain.at(there).poll())["successful"]


@pytest.mark.spec("OPS-62", "RPL-16", "ACK-1")
@pytest.mark.parametrize("dies", [True, False])
async def test_a_session_goes_on_catching_up_elsewhere(dies: bool) -> None:
    """Half of a history was sent, some of that acknowledged; live events come. Positions are the same everywhere."""

    def prepare(node: Node) -> None:
        node.extensions.append(Replay({"/a": Retention(events=1000)}))

    hub = MemoryHub(lease=0.2, look=0.05)
    options = Options(session_message_rate=0.0, timeout=0.2, max_queue=40)
    async with nodes_on(hub, 2, options, prepare=prepare) as (here, there):

        async def publish(numbers: range) -> None:
            for number in numbers:
                task = there.publish("/a", number)
                assert task is not None
                await task

        await publish(range(200))
        client = await Client(here).begin()
        await client.ask_for("/meta/subscribe", subscription="/a", ext={"replay": {"/a": -2}})
        ack = 1
        for _ in range(4):
            reply = await client.poll(ack=ack)
            ack = reply["ext"]["ack"]
        assert 20 < len(client.data) < 150
        await here.joined.look()
        if dies:
            here.die()
            await until(lambda: not there.joined.nodes)
        else:
            await here.drain(spread=0.0)
        publishing = asyncio.create_task(publish(range(200, 230)))
        client.at(there)
        for _ in range(60):
            reply = await client.poll(ack=ack)
            assert reply["successful"], reply
            ack = reply["ext"]["ack"]
            if 229 in client.data:
                break
        await publishing
        assert list(dict.fromkeys(client.data)) == list(range(230))
        if not dies:
            assert client.data == list(range(230))
        ids = {event["data"]: event["ext"]["replay"]["id"] for event in client.events}
        assert all(event["ext"]["replay"]["id"] == ids[event["data"]] for event in client.events)
        assert sorted(ids.values()) == [ids[number] for number in range(230)]


@pytest.mark.spec("OPS-74")
@pytest.mark.expected_logs("could not be taken over without a gap")
async def test_a_session_of_which_nobody_knows_how_far_it_was_begins_anew() -> None:
    """Its node's last words have expired before it, and its subscriptions are too old for their places to be kept."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2) as (here, there):
        client = await Client(here).begin("/a")
        kept = here.joined.keeping.of(client.session)
        assert kept is not None
        kept.begun["/a"] = {}
        await here.joined.keeping.write(client.session, kept)
        here.die()
        hub.keeping.checkpoints.clear()
        task = there.publish("/a", 1)
        assert task is not None
        await task
        await until(lambda: not there.joined.nodes)
        assert (await client.at(there).poll(ack=1))["advice"]["reconnect"] == "handshake"


@pytest.mark.spec("OPS-62")
async def test_what_a_node_says_last_is_kept_for_as_long_as_any_of_its_sessions() -> None:
    """Some clients may stay away for longer than others."""
    hub = lasting_hub()
    async with nodes_on(hub, 1) as (node,):
        client = await Client(node).begin("/a")
        client.session.max_interval = 1000.0
        await node.joined.look()
        await node.joined.look()
        _, until_then = hub.keeping.checkpoints[node.joined.hint]
        assert until_then > hub.keeping.sessions[str(client.client_id)].until


@pytest.mark.spec("OPS-62")
async def test_what_the_store_has_lost_of_a_session_is_written_anew() -> None:
    """It was full, or its clock leapt; by the time its owner dies others can go on with it."""
    clock = ManualClock()
    hub = MemoryHub(clock=clock, lease=1000.0)
    async with nodes_on(hub, 1, Options(session_message_rate=0.0, max_interval=100.0)) as (node,):
        client = await Client(node).begin("/a")
        await node.joined.look()
        hub.keeping.sessions.clear()
        clock.advance(keeping.TOUCH_PERIOD + 1)
        await node.joined.look()
        assert await node.backplane.sessions.find(str(client.client_id)) is not None


@pytest.mark.spec("OPS-62", "OPS-63")
async def test_the_last_word_of_a_node_counts_that_was_taken_for_dead_before() -> None:
    """What was read of it then is older."""
    async with nodes_on(lasting_hub(), 2, QUICK) as (here, there):
        client = await Client(here).begin("/a")
        await here.joined.look()
        await there.joined.ownership._checkpoint_of(here.joined.hint)
        for number in range(3):
            task = there.publish("/a", number)
            assert task is not None
            await task
        await until(lambda: len(client.session.queue.messages) == 3)
        reply = await client.poll(ack=1)
        await client.poll(ack=reply["ext"]["ack"])
        await here.stop(timeout=0.2)
        client.heard.clear()
        await client.at(there).poll(ack=reply["ext"]["ack"] + 1)
        assert client.data == []


@pytest.mark.spec("SEC-42", "OPS-50")
async def test_nobody_knows_when_a_session_began_that_was_taken_over() -> None:
    """No socket without proof is taken for one that was opened with it; its log line tells of its time here."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 3, QUICK) as (first, second, third):
        client = await Client(first).begin("/a", ack=False)
        first.die()
        await until(lambda: len(second.joined.nodes) == 1)
        assert (await client.at(second).poll())["successful"]
        assert 0 <= second.clock() - client.session.begun_at < 5
        mine = Client(third, "websocket", browser=client.browser)
        mine.client_id = client.client_id
        assert (await mine.poll(timeout=0))["successful"]
        for node in (second, third):
            socket = Client(node, "websocket")
            socket.client_id = client.client_id
            assert (await socket.ask_for("/meta/connect", connectionType="websocket"))["error"].startswith("402")


@pytest.mark.spec("OPS-62", "DSC-6")
async def test_a_session_that_ended_while_the_store_was_away_stays_ended() -> None:
    """The store still has it; at no node is it brought back from there."""
    hub = lasting_hub()
    async with nodes_on(hub, 2, QUICK) as (here, there):
        client = await Client(here).begin("/a")
        session = client.session
        here.backplane.cut()
        here.expire(session)
        assert session.is_over
        await asyncio.gather(*here.joined._tasks)
        here.backplane.heal()
        for node in (there, here):
            assert (await client.at(node).poll(ack=1))["error"].startswith("402")
        assert client.client_id not in here.sessions
        await here.joined.look()
        assert await there.backplane.sessions.find(str(client.client_id)) is None


@pytest.mark.spec("SES-2")
async def test_only_one_of_two_nodes_takes_a_session_over() -> None:
    """The other one relays to it."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 3, QUICK) as (first, second, third):
        client = await Client(first).begin("/a")
        first.die()
        await until(lambda: len(second.joined.nodes) == len(third.joined.nodes) == 1)
        transports = [client.at(node).send(client.message("/a", data=1)) for node in (second, third)]
        for each in transports:
            await client.done(each)
        assert all(each.sent[0][-1]["successful"] for each in transports)
        owners = [node for node in (second, third) if client.client_id in node.sessions]
        assert len(owners) == 1


# Fencing ----------------------------------------------------------------------------------------------


@pytest.mark.spec("OPS-62")
async def test_a_node_without_a_lease_serves_nobody() -> None:
    """What others claimed meanwhile is gone when it is back; the rest goes on."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2, QUICK) as (here, there):
        lost, stays = await Client(here).begin("/a"), await Client(here).begin("/a")
        socket = await Client(here, "websocket").begin("/a", ack=False)
        await here.joined.look()
        here.backplane.cut()
        await until(lambda: here.joined.is_fenced)
        assert (await stays.ask_for("/a", data=0))["error"].startswith("503:")
        assert (await socket.ask_for("/a", data=0))["error"].startswith("503:")
        waits = stays.connect(ext={"ack": 1})
        await until(lambda: not there.joined.nodes)
        assert (await lost.at(there).poll(ack=1))["successful"]
        there.publish("/a", 1)
        here.backplane.heal()
        await until(lambda: not here.joined.is_fenced)
        assert lost.client_id not in here.sessions
        await stays.done(waits)
        assert waits.sent[-1][-1]["successful"]
        await until(lambda: socket.data)
        if not stays.data:
            await stays.poll(ack=2)
        assert stays.data == socket.data == [1]
        reply = await lost.at(here).poll(ack=2)
        if not lost.data:
            await lost.poll(ack=reply["ext"]["ack"])
        assert lost.data == [1]


class Slow(Extension):
    """Takes its time for connects, or for their replies, while it is told to."""

    def __init__(self) -> None:
        self.connect = asyncio.Event()
        self.connect.set()
        self.reply = asyncio.Event()
        self.reply.set()

    async def incoming_meta(self, session: ServerSession | None, message: Message) -> None:
        if message.request is Request.CONNECT:
            await self.connect.wait()

    async def outgoing_meta(self, session: ServerSession | None, reply: Reply) -> None:
        if reply["channel"] == "/meta/connect":
            await self.reply.wait()


@pytest.mark.spec("OPS-62", "ACK-14")
@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
@pytest.mark.parametrize("awaited", ["connect", "reply"])
async def test_a_connect_during_which_a_node_lost_its_lease_is_to_be_asked_again(transport: str, awaited: str) -> None:
    """One that succeeds has a number, and what it numbers may be another node's by now; also one that was held."""
    hub, slow = MemoryHub(lease=0.2, look=0.05), Slow()
    async with nodes_on(hub, 2, prepare=lambda node: node.extensions.append(slow)) as (here, there):
        client = await Client(here, transport).begin("/a")
        gate = getattr(slow, awaited)
        gate.clear()
        asked = client.message("/meta/connect", connectionType=transport, ext={"ack": 1})
        client.send(asked)
        await until(lambda: awaited == "connect" or client.session.held is not None)
        here.publish("/a", 1)
        await until(lambda: client.session.queue.messages)
        for each in (here, there):
            each.backplane.cut()
        await until(lambda: here.joined.is_fenced)
        gate.set()
        await until(lambda: client.heard[-1].get("id") == asked["id"])
        refused = client.heard[-1]
        assert refused["error"].startswith("503:")
        assert "ext" not in refused
        assert not client.data
        for each in (here, there):
            each.backplane.heal()
        again = await client.poll(ack=1)
        assert again["ext"]["ack"] > 1
        assert client.data == [1]


@pytest.mark.spec("OPS-72")
async def test_connections_stay_while_the_store_is_away_from_all() -> None:
    """Nobody else serves their clients better; as soon as it is back, all goes on."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2) as nodes:
        sockets = [await Client(node, "websocket").begin("/a") for node in nodes]
        polls = [await Client(node).begin("/a") for node in nodes]
        held = [client.connect(ext={"ack": 1}) for client in sockets + polls]
        await asyncio.sleep(0.01)
        for each in nodes:
            each.backplane.cut()
        await until(lambda: all(each.joined.is_fenced for each in nodes))
        await asyncio.sleep(0.1)
        for each in nodes:
            each.backplane.heal()
        await until(lambda: not any(each.joined.is_fenced for each in nodes))
        assert not any(each.closed or each.dismissed for each in held)
        nodes[0].publish("/a", 1)
        await until(lambda: all(each.data == [1] for each in sockets + polls))


@pytest.mark.spec("OPS-72")
@pytest.mark.parametrize("lease", [0.2, 5.0])
async def test_what_is_no_publish_waits_for_a_store_that_is_soon_back(lease: float) -> None:
    """Clients take a refused subscribe for final; with the fence up, and before it is."""
    hub = MemoryHub(lease=lease, look=0.05)
    async with nodes_on(hub, 2) as (here, there):
        clients = [await Client(here, transport).begin("/a") for transport in ("websocket", "long-polling")]
        for each in (here, there):
            each.backplane.cut()
        await asyncio.sleep(0.3)
        asked = [client.message("/meta/subscribe", subscription="/b") for client in clients]
        for client, message in zip(clients, asked, strict=True):
            client.send(message)
        newcomer = Client(there)
        newcomer.handshake()
        await asyncio.sleep(0.1)
        assert not any(client.session.is_in("/b") for client in clients)
        for each in (here, there):
            each.backplane.heal()
        await newcomer
        assert newcomer.client_id
        for client, message in zip(clients, asked, strict=True):
            await until(lambda client=client, id=message["id"]: any(each.get("id") == id for each in client.heard))
            assert client.session.is_in("/b")


@pytest.mark.spec("OPS-72", "OPS-75")
async def test_a_socket_that_goes_on_talking_to_a_node_without_lease_is_not_read_without_end() -> None:
    """What waits is bounded; publishes are refused until there."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2) as (here, _):
        client = await Client(here, "websocket").begin("/a", ack=False)
        here.backplane.cut()
        await until(lambda: here.joined.is_fenced)
        assert client.socket is not None
        frames = [client.message("/meta/subscribe", subscription=f"/b/{number}") for number in range(30)]
        read, waits = 0, None
        for frame in frames:
            read += 1
            waits = here.handle([frame], client.socket, client.new_context())
            if waits is not None:
                break
        assert 1 < read < 30
        assert waits is not None
        here.backplane.heal()
        await waits
        await until(lambda: sum(client.session.is_in(f"/b/{number}") for number in range(read)) == read)


@pytest.mark.spec("OPS-72")
async def test_clients_are_sent_away_when_a_node_does_not_serve_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be this node alone that does not reach the store."""
    monkeypatch.setattr(fence, "PATIENCE", 0.3)
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 2) as (here, there):
        socket, poll = await Client(here, "websocket").begin("/a"), await Client(here).begin("/a")
        held = [each.connect(ext={"ack": 1}) for each in (socket, poll)]
        await here.joined.look()
        here.backplane.cut()
        await until(lambda: all(each.closed for each in held))
        assert (held[0].close_code, held[1].dismissed) == (1012, 503)
        assert (await poll.at(there).poll(ack=1))["successful"]
        here.backplane.heal()
        await until(lambda: not here.joined.is_fenced)
        assert poll.client_id not in here.sessions


@pytest.mark.spec("OPS-74")
@pytest.mark.expected_logs("events of a partition are lost")
async def test_a_gap_is_told_to_those_who_count_on_events() -> None:
    """Who acknowledges is sent to handshake again; who does not was promised nothing."""
    hub = lasting_hub()
    async with nodes_on(hub, 2, QUICK) as (here, _):
        counting = await Client(here).begin("/a")
        other, careless = await Client(here).begin("/b"), await Client(here).begin("/a", ack=False)
        partition = here.backplane.partition_of("/a")
        assert partition != here.backplane.partition_of("/b")
        here.joined.gap(partition)
        assert (await counting.poll(ack=1))["advice"]["reconnect"] == "handshake"
        assert (await other.poll(ack=1))["successful"]
        assert (await careless.poll())["successful"]


async def test_a_cluster_is_made_before_the_start() -> None:
    """Sessions without a claim could be owned by nobody else."""
    from bayeux.server.cluster.cluster import Cluster

    async with BayeuxServer() as server:
        with pytest.raises(RuntimeError, match="make its Cluster first"):
            Cluster(server, lasting_hub().node())
