"""What an operator hears of the bus, for how long, and how much of it is kept."""

from __future__ import annotations

import pytest

from bayeux.testing import ManualClock
from gateway.routing.bus import tap as tap_module
from gateway.routing.bus.bus import GENERAL, ROUTING_ENGINE, BusMessage
from gateway.routing.bus.memory import MemoryBus
from gateway.routing.bus.tap import LISTENING, LONGEST_BODY, Tap, TappedBus
from tests.support.buses import Buses, received

pytestmark = pytest.mark.spec("MRE-152")


def message(number: int, body: bytes = b"{}") -> BusMessage:
    return BusMessage(type="Login", body=body, id=f"id-{number}", key="k")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


@pytest.fixture
def tap(clock: ManualClock) -> Tap:
    return Tap(clock=clock, monotonic=clock)


def ids(tap: Tap, after: int = 0) -> list[str]:
    return [each.message.id for each in tap.listen(after)[0]]


def test_nothing_is_kept_while_nobody_listens(tap: Tap, clock: ManualClock) -> None:
    tap.hear(GENERAL, [message(1)])
    assert ids(tap) == []
    tap.hear(GENERAL, [message(2)])
    clock.advance(LISTENING)
    tap.hear(GENERAL, [message(3)])
    assert ids(tap) == []


def test_who_listens_hears_each_once_and_goes_on_where_he_was(tap: Tap) -> None:
    tap.listen(0)
    tap.hear(GENERAL, [message(1), message(2)])
    tap.hear(GENERAL, [message(1)])
    tap.hear(ROUTING_ENGINE, [message(1)])
    heard, lost = tap.listen(0)
    assert [(each.queue, each.message.id) for each in heard] == [
        (GENERAL, "id-1"),
        (GENERAL, "id-2"),
        (ROUTING_ENGINE, "id-1"),
    ]
    assert lost == 0
    tap.hear(GENERAL, [message(3)])
    assert ids(tap, heard[-1].number) == ["id-3"]


@pytest.mark.spec("MRE-116")
def test_passwords_are_masked_also_in_what_is_cut(tap: Tap) -> None:
    tap.listen(0)
    long = b'{"Password":"s3cret-1","params":"' + b"a" * LONGEST_BODY + b'"}'
    tap.hear(GENERAL, [message(1, b'{"PassWord":"s3cret-1"}'), message(2, long)])
    short, cut = tap.listen(0)[0]
    assert short.message.body == b'{"PassWord":"***"}'
    assert cut.message.body.startswith(b'{"Password":"***"')
    assert len(cut.message.body) == LONGEST_BODY + len("...")


def test_who_is_too_slow_is_told_how_many_he_missed(tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap_module, "MOST_HEARD", 2)
    tap.listen(0)
    tap.hear(GENERAL, [message(1)])
    tap.hear(GENERAL, [message(number) for number in range(2, 6)])
    heard, lost = tap.listen(1)
    assert ([each.message.id for each in heard], lost) == (["id-4", "id-5"], 2)


async def test_a_tapped_bus_is_heard_and_carries_all_the_same(tap: Tap) -> None:
    buses = Buses(None)
    bus = TappedBus(await buses.node(), tap)
    tap.listen(0)
    await buses.send(bus, GENERAL, message(1))
    consumer = await bus.consumer(GENERAL, "group", "one")
    (delivery,) = await received(consumer, 1)
    assert delivery.message == message(1)
    await consumer.acknowledge(delivery)
    await consumer.close()
    await buses.close()
    assert ids(tap) == ["id-1"]


async def test_what_others_send_is_heard_when_it_is_taken(tap: Tap) -> None:
    buses = Buses(None)
    untapped = await buses.node()
    assert isinstance(untapped, MemoryBus)
    await buses.send(untapped, GENERAL, message(1))
    tap.listen(0)
    consumer = await TappedBus(untapped, tap).consumer(GENERAL, "group", "one")
    await consumer.acknowledge(*await received(consumer, 1))
    await consumer.close()
    await buses.close()
    assert ids(tap) == ["id-1"]
