"""What can be made to happen to nodes in one process, beyond what every backplane promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bayeux.backplane.backplane import JournalGap
from bayeux.backplane.hub import MemoryBackplane, MemoryHub
from bayeux.backplane.node_id import NODE_ID_LENGTH
from bayeux.protocol.errors import Unavailable
from bayeux.testing.clock import ManualClock
from tests.support.nodes import Ears, eventually

CHANNEL = "/chat/news"


class Company:
    """Two nodes that listen, on a clock that moves when told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.hub = MemoryHub(clock=self.clock, partitions=4, journal=20, lease=2.0)
        self.one, self.two = self.hub.node("one"), self.hub.node("two")
        self.ears, self.others = Ears(), Ears()

    async def start(self) -> None:
        for node, ears in ((self.one, self.ears), (self.two, self.others)):
            await node.start(ears)
            await node.listen([node.partition_of(CHANNEL)])
        await eventually(lambda: self.ears.company and self.others.company)

    async def publish(self, node: MemoryBackplane, *payloads: bytes) -> None:
        for payload in payloads:
            await node.publish(CHANNEL, b"", payload)

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.hub.notice()
        await asyncio.sleep(0)


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    made = Company()
    await made.start()
    yield made
    await made.one.stop()
    await made.two.stop()


async def test_ids_have_a_fixed_length(company: Company) -> None:
    assert len(company.one.node.id) == NODE_ID_LENGTH
    assert company.one.node.id.isalnum()
    assert company.one.node.name == "one"
    assert company.hub.node().node.name != ""


async def test_nothing_comes_on_the_publishers_stack(company: Company) -> None:
    publishing = asyncio.ensure_future(company.one.publish(CHANNEL, b"", b"1"))
    while not publishing.done():
        assert not company.ears.events
        await asyncio.sleep(0)


async def test_events_that_are_lost_are_filled_in_when_the_next_one_comes(company: Company) -> None:
    company.two.lose(2)
    await company.publish(company.one, b"1", b"2", b"3")
    await eventually(lambda: len(company.others.events) == 3)
    assert company.others.payloads == [b"1", b"2", b"3"]
    assert company.two.link.gaps_filled == 1


async def test_the_last_event_that_is_lost_is_found_at_the_next_look(company: Company) -> None:
    company.two.lose(1)
    await company.publish(company.one, b"1")
    company.hub.notice()
    await eventually(lambda: company.others.payloads == [b"1"])


async def test_a_doubtful_publish_fails_and_happens(company: Company) -> None:
    company.one.doubt(1)
    with pytest.raises(Unavailable):
        await company.publish(company.one, b"1")
    await company.publish(company.one, b"2")
    await eventually(lambda: company.others.payloads == [b"1", b"2"])


async def test_a_lease_that_is_held_back_ends_for_its_node_first(company: Company) -> None:
    company.two.hold_lease()
    await company.pass_time(1.6)
    assert company.two.lease_until < company.clock()
    assert await company.one.is_alive(company.two.node.id)
    await company.pass_time(0.5)
    assert not await company.one.is_alive(company.two.node.id)
    await eventually(lambda: company.ears.company[-1] == ("two", "lost"))
    company.two.heal()
    assert company.two.lease_until > company.clock()
    await eventually(lambda: company.ears.company[-1] == ("two", "joined"))


async def test_the_dead_hear_nothing_and_can_do_nothing(company: Company) -> None:
    company.two.kill()
    await company.publish(company.one, b"1")
    await eventually(lambda: company.ears.payloads == [b"1"])
    assert not company.others.events
    with pytest.raises(Unavailable):
        await company.publish(company.two, b"2")
    with pytest.raises(Unavailable):
        await company.two.sessions.find("x")
    await company.pass_time(2.1)
    await eventually(lambda: company.ears.company[-1] == ("two", "lost"))
    assert company.two not in company.hub.nodes


async def test_what_is_late_keeps_its_order(company: Company) -> None:
    company.two.latency = 0.02
    await company.publish(company.one, b"1", b"2")
    company.two.latency = 0.0
    await company.publish(company.one, b"3")
    await eventually(lambda: len(company.others.events) == 3)
    assert company.others.payloads == [b"1", b"2", b"3"]


async def test_who_is_further_than_the_store_after_a_loss_has_a_gap(company: Company) -> None:
    await company.publish(company.one, b"1")
    await eventually(lambda: company.ears.events)
    partition = company.one.partition_of(CHANNEL)
    with pytest.raises(JournalGap):
        await company.one.rewind(
            {partition: company.ears.events[0].place + 1}, lambda event: None, lambda: pytest.fail("joined")
        )
