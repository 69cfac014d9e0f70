"""What only the bus in memory does: nothing in it is let go of before it was handled."""

from __future__ import annotations

import asyncio

import pytest

from gateway.routing.bus import memory
from gateway.routing.bus.bus import GENERAL, BusMessage
from gateway.routing.bus.memory import BusClosed, MemoryBus, QueueFull
from tests.support.buses import ids, nothing_more, received


def message(number: int) -> BusMessage:
    return BusMessage(type="Login", body=b"{}", id=f"id-{number}", key="k")


@pytest.mark.spec("MRE-120")
async def test_send_returns_when_all_was_handled() -> None:
    bus = MemoryBus()
    sending = asyncio.create_task(bus.send(GENERAL, message(1), message(2)))
    consumer = await bus.consumer(GENERAL, "group", "one")
    first, second = await received(consumer, 2)
    await consumer.acknowledge(first)
    await asyncio.sleep(0.01)
    assert not sending.done()
    await consumer.bury(second, "a reason")
    await sending


async def test_what_is_sent_again_while_it_waits_is_there_once() -> None:
    """A pump that was stopped and started sends what it was not told the end of."""
    bus = MemoryBus()
    stopped = asyncio.create_task(bus.send(GENERAL, message(1)))
    await asyncio.sleep(0)
    stopped.cancel()
    await asyncio.wait([stopped])
    sending = asyncio.create_task(bus.send(GENERAL, message(1), message(2)))
    consumer = await bus.consumer(GENERAL, "group", "one")
    taken = await received(consumer, 2)
    assert ids(taken) == ["id-1", "id-2"]
    assert await nothing_more(consumer)
    await consumer.acknowledge(*taken)
    await sending


@pytest.mark.spec("MRE-128")
async def test_a_full_queue_refuses_all_of_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_WAITING", 2)
    bus = MemoryBus()
    sending = asyncio.create_task(bus.send(GENERAL, message(1)))
    await asyncio.sleep(0)
    with pytest.raises(QueueFull, match="General is full"):
        await bus.send(GENERAL, message(2), message(3))
    await bus.close()
    with pytest.raises(BusClosed):
        await sending


async def test_what_nobody_takes_is_among_the_dead_letters() -> None:
    """In one process nobody else can take it later, and a sender must not wait for ever."""
    bus = MemoryBus()
    await bus.send("Elsewhere", message(1))
    (letter,) = await bus.dead_letters("Elsewhere")
    assert (letter.message.id, letter.reason) == ("id-1", "nobody takes from this queue")
