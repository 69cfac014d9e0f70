"""What is in the outbox leaves in order, and stays until it has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from bayeux.protocol.errors import Unavailable
from gateway.routing import outbox
from gateway.routing.bus.bus import BusMessage
from gateway.routing.machine import Sending
from gateway.routing.outbox import BUS_LANE, Pump, as_outgoing, as_sending, bus_pump
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Outgoing, Room
from tests.support.buses import eventually


@pytest.fixture
def room(sqlite_store: SqliteStore) -> Room:
    return sqlite_store.room("ledger")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox.Pauses, "next", lambda _: 0.01)


class Door:
    """Where entries leave, when it is open; it may have a defect, once."""

    def __init__(self) -> None:
        self.is_open = True
        self.has_defect = False
        self.left: list[str] = []

    async def leave(self, entries: Sequence[Outgoing]) -> None:
        if not self.is_open:
            raise Unavailable
        self.left += [entry.id for entry in entries]
        if self.has_defect:
            self.has_defect = False
            raise RuntimeError


@asynccontextmanager
async def running(pump: Pump) -> AsyncIterator[None]:
    task = asyncio.create_task(pump.run())
    yield
    task.cancel()
    await asyncio.wait([task])


def sending(number: int, queue: str = "General") -> Sending:
    message = BusMessage(
        type="Login", body='{"name":"Zoë"}'.encode(), id=f"id-{number}", key="k", correlation="c", expires=1.5
    )
    return Sending(queue, message)


async def commit(room: Room, *numbers: int) -> None:
    await room.commit(Changes(outgoing=[as_outgoing(sending(number)) for number in numbers]))


def test_a_message_is_the_same_behind_the_outbox() -> None:
    assert as_sending(as_outgoing(sending(1))) == sending(1)


@pytest.mark.spec("MRE-120")
async def test_entries_leave_in_order_and_are_no_more(room: Room) -> None:
    door = Door()
    await commit(room, *range(150))
    await commit(room, *range(150, 250))
    await Pump(room, BUS_LANE, door.leave).drain()
    assert door.left == [f"id-{number}" for number in range(250)]
    assert await room.outbox(BUS_LANE) == []


@pytest.mark.spec("MRE-137")
@pytest.mark.expected_logs("waits in the outbox")
@pytest.mark.usefixtures("no_pauses")
async def test_what_cannot_leave_waits_however_long_that_takes(room: Room) -> None:
    door = Door()
    door.is_open = False
    await commit(room, 1)
    pump = Pump(room, BUS_LANE, door.leave)
    with pytest.raises(Unavailable):
        await pump.drain()
    async with running(pump):
        await commit(room, 2)
        await asyncio.sleep(0.1)
        door.is_open = True
        await eventually(lambda: door.left == ["id-1", "id-2"])


@pytest.mark.spec("MRE-120")
@pytest.mark.expected_logs("defect in emptying the outbox")
@pytest.mark.usefixtures("no_pauses")
async def test_a_pump_outlives_a_defect_of_who_takes_from_it(room: Room) -> None:
    door = Door()
    door.has_defect = True
    await commit(room, 1)
    async with running(Pump(room, BUS_LANE, door.leave)):
        await eventually(lambda: door.left == ["id-1", "id-1"])


async def test_what_others_have_committed_is_found(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "SWEEP", 0.05)
    door = Door()
    async with running(Pump(room, BUS_LANE, door.leave)):
        await asyncio.sleep(0.02)
        await commit(room, 1)
        await eventually(lambda: door.left == ["id-1"])


class HalfAway:
    """A bus that takes messages for one queue only."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, queue: str, *messages: BusMessage) -> None:
        if queue == "away":
            raise Unavailable
        self.sent += [message.id for message in messages]


async def test_a_batch_of_which_a_part_cannot_leave_stays(room: Room) -> None:
    """What has left comes twice then, with its id."""
    bus = HalfAway()
    entries = [as_outgoing(each) for each in (sending(1), sending(2, "away"), sending(3))]
    await room.commit(Changes(outgoing=entries))
    with pytest.raises(Unavailable):
        await bus_pump(room, bus).drain()  # type: ignore[arg-type]
    assert bus.sent == ["id-1", "id-3"]
    assert [entry.id for entry in await room.outbox(BUS_LANE)] == ["id-1", "id-2", "id-3"]
