"""What every ``Bus`` promises; memory, Redis in all its forms and a real ActiveMQ run the same lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bayeux.protocol.errors import Unavailable
from gateway.routing.bus.bus import COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE, BusMessage
from tests.support.buses import PATIENCE, AnyBus, Buses, handled, ids, nothing_more, received
from tests.support.nodes_on_redis import Store

STORES = ("memory", "redis", "secure", "sentinel", "cluster", "activemq")
SAMPLES = Path(__file__).parent.parent / "samples" / "mre"
GROUP = "comm-server"

pytestmark = pytest.mark.expected_logs("is lost|cannot be reached|does not answer|is not connected")


def message(number: int, **fields: object) -> BusMessage:
    """One that tells by its id which it is."""
    usual = {"type": "AgentState", "body": b'{"AgentId":"Agent1"}', "id": f"id-{number}", "key": "agent:Agent1"}
    return BusMessage(**{**usual, **fields})  # type: ignore[arg-type]


@pytest.fixture
async def buses(store: Store | None) -> AsyncIterator[Buses]:
    made = Buses(store)
    yield made
    await made.close()


@pytest.fixture
async def here(buses: Buses) -> AnyBus:
    return await buses.node("one")


@pytest.mark.spec("MRE-3", "MRE-12", "MRE-131", "MRE-138", "MRE-140")
async def test_a_message_arrives_as_it_was_sent(buses: Buses, here: AnyBus) -> None:
    sent = message(
        1,
        body='{"AgentId":"Zoë\\n: \\\\ €","nested":{"b":1,"a":[null,1.5]}}'.encode(),
        key="agent:Zoë: back\\slash\nline",
        correlation="c:1",
        reply_to="ChatServer.node1",
        producer="chat-server@node1",
        time="2026-01-15T09:29:58.000Z",
        expires=4102444800.125,
    )
    consumer = await here.consumer(GENERAL, GROUP, "one")
    await buses.send(here, GENERAL, sent)
    (delivery,) = await received(consumer, 1)
    assert delivery.message == sent
    assert (delivery.queue, delivery.tries) == (GENERAL, 1)
    await consumer.acknowledge(delivery)
    await consumer.close()


@pytest.mark.spec("MRE-3", "MRE-20")
async def test_each_of_the_17_keeps_queue_type_and_body(buses: Buses, here: AnyBus) -> None:
    rows = json.loads((SAMPLES / "index.json").read_text("utf-8"))
    bodies = {str(row["row"]): (SAMPLES / row["file"]).read_bytes() for row in rows}
    for row in rows:
        number = str(row["row"])
        await buses.send(here, row["queue"], message(0, id=number, type=row["jmsType"], body=bodies[number]))
    for queue in (GENERAL, ROUTING_ENGINE, COMMUNICATION_SERVER):
        expected = [row for row in rows if row["queue"] == queue]
        consumer = await here.consumer(queue, GROUP, "one")
        deliveries = await received(consumer, len(expected))
        assert [(each.message.id, each.message.type) for each in deliveries] == [
            (str(row["row"]), row["jmsType"]) for row in expected
        ]
        assert all(each.message.body == bodies[each.message.id] for each in deliveries)
        await consumer.acknowledge(*deliveries)
        await consumer.close()


@pytest.mark.spec("MRE-121")
async def test_messages_come_in_the_order_in_which_they_were_sent(buses: Buses, here: AnyBus) -> None:
    consumer = await here.consumer(GENERAL, GROUP, "one")
    for first in range(0, 300, 3):
        await buses.send(here, GENERAL, *(message(number) for number in range(first, first + 3)))
    assert ids(await handled(consumer, 300)) == [f"id-{number}" for number in range(300)]
    await consumer.close()


async def test_no_more_come_at_once_than_were_asked_for(buses: Buses, here: AnyBus) -> None:
    consumer = await here.consumer(GENERAL, GROUP, "one")
    await buses.send(here, GENERAL, *(message(number) for number in range(5)))
    assert len(await consumer.receive(2)) <= 2
    await consumer.close()


async def test_what_was_sent_before_anybody_takes_is_there(buses: Buses, here: AnyBus) -> None:
    await buses.send(here, GENERAL, message(1))
    consumer = await here.consumer(GENERAL, GROUP, "one")
    assert ids(await received(consumer, 1)) == ["id-1"]
    await consumer.close()


@pytest.mark.spec("MRE-120", "MRE-142")
async def test_what_was_not_acknowledged_comes_again_to_the_successor_and_first(buses: Buses, here: AnyBus) -> None:
    first = await here.consumer(GENERAL, GROUP, "one")
    await buses.send(here, GENERAL, message(1), message(2), message(3))
    taken = await received(first, 3)
    await first.acknowledge(taken[0])
    await first.close()
    await buses.send(here, GENERAL, message(4))

    there = await buses.node("two")
    second = await there.consumer(GENERAL, GROUP, "two")
    again = await received(second, 3)
    assert ids(again) == ["id-2", "id-3", "id-4"]
    assert [each.tries > 1 for each in again] == [True, True, False]
    await second.acknowledge(*again)
    await second.close()


@pytest.mark.spec("MRE-120")
async def test_what_was_acknowledged_never_comes_again(buses: Buses, here: AnyBus) -> None:
    first = await here.consumer(GENERAL, GROUP, "one")
    await buses.send(here, GENERAL, message(1), message(2))
    await first.acknowledge(*await received(first, 2))
    await first.close()
    second = await here.consumer(GENERAL, GROUP, "one")
    assert await nothing_more(second)
    await second.close()


@pytest.mark.spec("MRE-32", "MRE-116", "MRE-125")
async def test_what_is_buried_is_kept_without_its_secrets_and_comes_no_more(buses: Buses, here: AnyBus) -> None:
    consumer = await here.consumer(GENERAL, GROUP, "one")
    sent = message(1, type="Login", body=b'{"AgentId":"Agent1","PassWord":"s3cret-1","Mrd":"chat"}')
    await buses.send(here, GENERAL, sent, message(2))
    login, other = await received(consumer, 2)
    await consumer.bury(login, "tried 5 times: last ValueError")
    await consumer.acknowledge(other)
    await consumer.close()

    second = await here.consumer(GENERAL, GROUP, "one")
    assert await nothing_more(second)
    await second.close()
    (letter,) = await here.dead_letters(GENERAL)
    assert json.loads(letter.message.body) == {"AgentId": "Agent1", "PassWord": "***", "Mrd": "chat"}
    assert (letter.message.id, letter.message.type, letter.queue) == ("id-1", "Login", GENERAL)
    assert (letter.reason, letter.tries) == ("tried 5 times: last ValueError", 1)
    assert 0 < letter.first <= letter.last
    assert await here.dead_letters(ROUTING_ENGINE) == []
    assert not letter.is_whole


@pytest.mark.spec("MRE-125", "MRE-151")
async def test_a_dead_letter_is_kept_until_it_is_forgotten(buses: Buses, here: AnyBus) -> None:
    consumer = await here.consumer(GENERAL, GROUP, "one")
    await buses.send(here, GENERAL, message(1), message(2, id="of the agent's"), message(3))
    for delivery in await received(consumer, 3):
        await consumer.bury(delivery, "a reason")
    await consumer.close()
    letters = await here.dead_letters(GENERAL)
    assert [each.message.id for each in letters] == ["id-1", "of the agent's", "id-3"]
    assert all(each.is_whole for each in letters)
    assert await here.count_dead(GENERAL) == 3

    await here.forget_dead(letters[1])
    assert [each.message.id for each in await here.dead_letters(GENERAL)] == ["id-1", "id-3"]
    assert await here.count_dead(GENERAL) == 2
    assert await here.count_dead(ROUTING_ENGINE) == 0


async def test_a_receive_that_is_given_up_loses_nothing(buses: Buses, here: AnyBus) -> None:
    consumer = await here.consumer(GENERAL, GROUP, "one")
    assert await nothing_more(consumer)
    await buses.send(here, GENERAL, message(1))
    assert ids(await received(consumer, 1)) == ["id-1"]
    waiting = asyncio.create_task(consumer.receive())
    await asyncio.sleep(0)
    waiting.cancel()
    await buses.send(here, GENERAL, message(2))
    await asyncio.gather(waiting, return_exceptions=True)
    assert ids(await received(consumer, 1)) == ["id-2"]
    await consumer.close()


async def test_large_bodies_arrive_whole(buses: Buses, here: AnyBus) -> None:
    consumer = await here.consumer(GENERAL, GROUP, "one")
    body = json.dumps({"params": {"text": "ä" * 100_000}}, ensure_ascii=False).encode()
    await buses.send(here, GENERAL, message(1, body=body))
    (delivery,) = await received(consumer, 1)
    assert delivery.message.body == body
    await consumer.acknowledge(delivery)
    await consumer.close()


@pytest.mark.spec("MRE-11", "MRE-130")
async def test_queues_that_connect_names_are_like_the_others(buses: Buses, here: AnyBus) -> None:
    consumer = await here.consumer("ChatServer.node1", "chat-server:ChatServer.node1", "one")
    await buses.send(here, "ChatServer.node1", message(1))
    assert ids(await received(consumer, 1)) == ["id-1"]
    await consumer.close()


@pytest.mark.spec("MRE-137")
async def test_a_bus_that_was_away_goes_on_where_it_was(buses: Buses) -> None:
    bus, proxy = await buses.fragile_node()
    consumer = await bus.consumer(GENERAL, GROUP, "one")
    await buses.send(bus, GENERAL, message(1))
    (first,) = await received(consumer, 1)
    await consumer.acknowledge(first)
    await proxy.cut()
    with pytest.raises(Unavailable):
        await bus.send(GENERAL, message(2))
    with pytest.raises(Unavailable):
        await asyncio.wait_for(consumer.receive(), PATIENCE)
    await consumer.close()
    proxy.heal()

    async with asyncio.timeout(60):
        while True:
            try:
                await bus.send(GENERAL, message(3))
                consumer = await bus.consumer(GENERAL, GROUP, "one")
                break
            except Unavailable:
                await asyncio.sleep(0.1)
    seen = set()
    while "id-3" not in seen:
        deliveries = await received(consumer, 1)
        seen.update(ids(deliveries))
        await consumer.acknowledge(*deliveries)
    assert "id-1" not in seen
    await consumer.close()
