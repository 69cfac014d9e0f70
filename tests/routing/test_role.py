"""A role reigns alone, handles everything once, and begins where its predecessor ended."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bayeux import BayeuxServer
from bayeux.protocol.errors import Unavailable
from gateway.observe.loop_lag import LoopLag
from gateway.observe.metrics import Metrics
from gateway.observe.routing import RolesCollector
from gateway.routing.bus.bus import CHAT_SERVER, GENERAL, BusMessage, Delivery
from gateway.routing.bus.memory import MemoryBus
from gateway.routing.role import LEASE, Role
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Room, Write
from tests.support.buses import eventually, handled, received
from tests.support.ledger import TTL, Ledger, entry, ledger_role


@pytest.fixture
def room(sqlite_store: SqliteStore) -> Room:
    return sqlite_store.room("ledger")


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    bus = MemoryBus()
    yield bus
    await bus.close()


@asynccontextmanager
async def running(role: Role) -> AsyncIterator[None]:
    """A node with it."""
    task = asyncio.create_task(role.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def done(bus: MemoryBus, *messages: BusMessage) -> None:
    """Send them; in memory that takes until they were handled."""
    async with asyncio.timeout(60):
        await bus.send(GENERAL, *messages)


async def receipts(bus: MemoryBus, number: int) -> list[str]:
    """What the next so many receipts are for."""
    consumer = await bus.consumer(CHAT_SERVER, "receipts", "one")
    deliveries = await handled(consumer, number)
    await consumer.close()
    return [json.loads(each.message.body)["entry"] for each in deliveries]


@pytest.mark.spec("MRE-120", "MRE-121")
async def test_what_follows_from_a_message_is_stored_known_and_sent(room: Room, bus: MemoryBus) -> None:
    ledger = Ledger()
    async with running(ledger_role(ledger, room, bus)):
        await done(bus, *(entry(number) for number in range(250)))
        assert ledger.accounts == {"a": [str(number) for number in range(250)]}
        assert await receipts(bus, 250) == [str(number) for number in range(250)]
        (document,) = await room.read("a")
        assert document is not None and document.body == {"entries": ledger.accounts["a"]}


@pytest.mark.spec("MRE-151")
@pytest.mark.expected_logs("could not be handled")
async def test_metrics_tell_who_leads_and_what_became_of_messages(room: Room, bus: MemoryBus) -> None:
    role = ledger_role(Ledger(), room, bus)
    metrics = Metrics(BayeuxServer(), LoopLag())
    metrics.watch(RolesCollector({"ledger": role}))

    def values() -> dict[str, float]:
        samples = [
            each for family in metrics.families() if family.name.startswith("mre_") for each in family.values.items()
        ]
        return {f"{name} {' '.join(value for _, value in labels)}": figure for (name, labels), figure in samples}

    assert values()["mre_leads ledger 0"] == 0
    async with running(role):
        await done(bus, entry(1), entry(2, "Garbage"))
        told = values()
    assert told["mre_leads ledger 0"] == 1
    assert told["mre_reigns_total ledger"] == 1
    assert told["mre_messages_total ledger handled"] == 2
    assert told["mre_messages_total ledger buried"] == 1
    assert told["mre_redeliveries_total ledger"] == 0
    assert told["mre_handler_seconds_count ledger other"] == 2


class Counting:
    """A room that counts its commits."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.commits = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._room, name)

    async def commit(self, changes: Changes) -> Mapping[str, int]:
        self.commits += bool(changes.writes)
        return await self._room.commit(changes)


async def test_messages_that_wait_together_share_commits(room: Room, bus: MemoryBus) -> None:
    ledger = Ledger()
    counting = Counting(room)
    async with running(ledger_role(ledger, counting, bus)):  # type: ignore[arg-type]
        await done(bus, *(entry(number) for number in range(96)))
        assert await receipts(bus, 96) == [str(number) for number in range(96)]
    assert counting.commits <= 96 / 2


async def test_a_message_that_is_sent_twice_at_once_is_handled_once(room: Room, bus: MemoryBus) -> None:
    ledger = Ledger()
    twice = replace(entry(1), key="another")
    taken = [Delivery(each, GENERAL, 1, str(number)) for number, each in enumerate((entry(1), twice, entry(2)))]
    role = ledger_role(ledger, room, bus)
    async with running(role):
        await eventually(lambda: role.is_reigning)
        assert await role._handle_together(taken) == ()
        assert ledger.accounts == {}, "what could not be stored has not happened"
        assert [await role._handle(each) for each in taken] == ["", "", ""]
        assert ledger.accounts == {"a": ["1", "2"]}


@pytest.mark.spec("MRE-120", "MRE-124")
async def test_a_message_that_comes_again_changes_nothing(room: Room, bus: MemoryBus) -> None:
    ledger = Ledger()
    async with running(ledger_role(ledger, room, bus)):
        await done(bus, entry(1), entry(2))
        await done(bus, entry(1), entry(3))
        assert ledger.accounts == {"a": ["1", "2", "3"]}
        assert await receipts(bus, 3) == ["1", "2", "3"]


@pytest.mark.spec("MRE-120")
async def test_also_a_message_without_effect_is_handled_once(room: Room, bus: MemoryBus) -> None:
    """Otherwise one that had none would have one when it comes again, after others."""
    ledger = Ledger()
    async with running(ledger_role(ledger, room, bus)):
        await done(bus, entry(1, "Never"), entry(1, "Later", after=60.0), entry(1, "Never"))
        assert await room.next_deadline() is not None


@pytest.mark.spec("MRE-125")
@pytest.mark.expected_logs("could not be handled", "defect in the role")
async def test_what_fails_five_times_is_buried_and_the_others_go_on(room: Room, bus: MemoryBus) -> None:
    ledger = Ledger()
    role = ledger_role(ledger, room, bus)
    async with running(role):
        await done(bus, entry(1), entry(2, "Defect"), entry(3))
        assert ledger.accounts == {"a": ["1", "3"]}
    (letter,) = await bus.dead_letters(GENERAL)
    assert letter.message.id == "Defect-2"
    assert letter.reason == "tried 5 times, last: ValueError"
    assert role.tally.buried == 1


@pytest.mark.spec("MRE-32")
@pytest.mark.expected_logs("could not be handled")
async def test_what_the_machine_wants_buried_is(room: Room, bus: MemoryBus) -> None:
    async with running(ledger_role(Ledger(), room, bus)):
        await done(bus, entry(1, "Garbage"))
    (letter,) = await bus.dead_letters(GENERAL)
    assert letter.reason == "MALFORMED_BODY"


@pytest.mark.spec("MRE-125")
@pytest.mark.expected_logs("could not be handled")
async def test_what_killed_its_process_five_times_is_not_tried_again(room: Room, bus: MemoryBus) -> None:
    sending = asyncio.create_task(bus.send(GENERAL, entry(1)))
    for _ in range(5):
        consumer = await bus.consumer(GENERAL, "ledgers", "dies")
        await received(consumer, 1)
        await consumer.close()
    ledger = Ledger()
    async with running(ledger_role(ledger, room, bus)):
        await sending
        assert ledger.accounts == {}
    (letter,) = await bus.dead_letters(GENERAL)
    assert letter.tries == 6


@pytest.mark.spec("MRE-126")
async def test_a_deadline_comes_once_and_not_if_it_was_ended(room: Room, bus: MemoryBus) -> None:
    ledger = Ledger()
    async with running(ledger_role(ledger, room, bus)):
        later = [entry(number, "Later", after=0.3) for number in (1, 2)]
        await done(bus, *later, entry(2, "Never"))
        assert await receipts(bus, 1) == ["1"]
        await done(bus, entry(3))
        assert ledger.accounts == {"a": ["1", "3"]}


@pytest.mark.spec("AG-66", "AG-123")
async def test_what_was_said_in_time_is_heard_before_the_deadline_it_ends(room: Room, bus: MemoryBus) -> None:
    """Nobody was there when it was said, nor when the deadline came."""
    async with running(ledger_role(Ledger(), room, bus)):
        await done(bus, entry(1, "Later", after=1.0))
    sending = asyncio.create_task(bus.send(GENERAL, *(entry(number) for number in range(2, 40)), entry(1, "Never")))
    await asyncio.sleep(1.1)
    ledger = Ledger()
    async with running(ledger_role(ledger, room, bus)):
        await sending
        await done(bus, entry(40, "Later", after=0.0))
        assert (await receipts(bus, 39))[-1] == "40"
    assert "1" not in ledger.accounts.get("a", [])


@pytest.mark.spec("MRE-126")
async def test_a_successor_knows_what_was_stored_and_keeps_its_deadlines(room: Room, bus: MemoryBus) -> None:
    many = [Write(f"account-{number}", {"entries": ["0"]}, 0, {"all": 0.0}) for number in range(1100)]
    await room.commit(Changes(writes=many))
    async with running(ledger_role(Ledger(), room, bus, lease_ttl=600.0)):
        await done(bus, entry(1), entry(2, "Later", after=0.1))
    await asyncio.sleep(0.1)
    ledger = Ledger()
    async with running(ledger_role(ledger, room, bus, "two", lease_ttl=600.0)):
        await eventually(lambda: ledger.accounts.get("a") == ["1", "2"])
        assert len(ledger.accounts) == 1101


@pytest.mark.expected_logs("defect in the role")
async def test_a_deadline_that_fails_does_not_stop_the_others(room: Room, bus: MemoryBus) -> None:
    ledger = Ledger()
    ledger.failing_deadlines = {"a/1"}
    async with running(ledger_role(ledger, room, bus)):
        await done(bus, entry(1, "Later", after=0.0), entry(2, "Later", after=0.01))
        assert await receipts(bus, 1) == ["2"]
        put_off = await room.next_deadline()
        assert put_off is not None and put_off > time.time() + 10


@pytest.mark.spec("MRE-123")
async def test_one_node_reigns_and_another_takes_over_when_it_leaves(room: Room, bus: MemoryBus) -> None:
    first, second = Ledger(), Ledger()
    role, other = ledger_role(first, room, bus), ledger_role(second, room, bus, "two")
    async with running(other):
        async with running(role):
            await done(bus, *(entry(number) for number in range(20)))
            assert role.is_reigning != other.is_reigning
        await done(bus, *(entry(number) for number in range(20, 40)))
        await eventually(lambda: other.is_reigning)
        assert first.accounts == {}, "it has forgotten what it knew"
        assert second.accounts == {"a": [str(number) for number in range(40)]}


@pytest.mark.spec("MRE-123")
@pytest.mark.expected_logs("holds its lease no more")
async def test_who_lost_its_lease_without_knowing_changes_nothing(tmp_path: Path, bus: MemoryBus) -> None:
    ahead = 0.0
    store = SqliteStore(tmp_path / "store.db", lambda: time.time() + ahead)
    await store.open()
    room = store.room("ledger")
    ledger = Ledger()
    role = ledger_role(ledger, room, bus, lease_ttl=600.0)
    async with running(role):
        await done(bus, entry(1))
        ahead = 601.0
        assert await room.claim(LEASE, "another", 600.0) is not None
        sending = asyncio.create_task(bus.send(GENERAL, entry(2)))
        await eventually(lambda: not role.is_reigning)
    (document,) = await room.read("a")
    assert document is not None and document.body == {"entries": ["1"]}
    assert ledger.accounts == {}
    assert not sending.done()
    await bus.close()
    with pytest.raises(Unavailable):
        await sending
    await store.close()


class Blinking:
    """A room whose store is away, once, just after it has committed."""

    def __init__(self, room: Room, is_time: Callable[[Changes], bool]) -> None:
        self._room = room
        self._is_time = is_time

    def __getattr__(self, name: str) -> object:
        return getattr(self._room, name)

    async def commit(self, changes: Changes) -> Mapping[str, int]:
        versions = await self._room.commit(changes)
        if self._is_time(changes):
            self._is_time = lambda _: False
            raise Unavailable()
        return versions


@pytest.mark.spec("MRE-120", "MRE-122")
@pytest.mark.expected_logs("begins anew")
async def test_a_commit_of_unknown_outcome_is_found_out(room: Room, bus: MemoryBus) -> None:
    ledger = Ledger()
    blinking: Room = Blinking(room, lambda changes: any(write.key.endswith("/Enter-2") for write in changes.writes))  # type: ignore[assignment]
    async with running(ledger_role(ledger, blinking, bus)):
        await done(bus, entry(1), entry(2), entry(3))
        assert ledger.accounts == {"a": ["1", "2", "3"]}
        assert await receipts(bus, 3) == ["1", "2", "3"]


class Full:
    """A room whose disk is full for a while: leases can be claimed, and nothing can be committed."""

    def __init__(self, room: Room, times: int) -> None:
        self._room = room
        self._times = times

    def __getattr__(self, name: str) -> object:
        return getattr(self._room, name)

    async def commit(self, changes: Changes) -> Mapping[str, int]:
        if changes.fence is not None and self._times:
            self._times -= 1
            raise Unavailable()
        return await self._room.commit(changes)


@pytest.mark.spec("MRE-120", "MRE-125")
@pytest.mark.expected_logs("begins anew")
async def test_nothing_is_buried_because_the_store_is_away(
    room: Room, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.routing.role.LOOK", 0.01)
    ledger = Ledger()
    full: Room = Full(room, 12)  # type: ignore[assignment]
    async with running(ledger_role(ledger, full, bus)):
        await done(bus, *(entry(number) for number in range(3)))
        assert ledger.accounts == {"a": ["0", "1", "2"]}
    assert await bus.dead_letters(GENERAL) == []


@pytest.mark.spec("MRE-122")
@pytest.mark.expected_logs("begins anew")
async def test_what_another_has_written_is_read_not_overwritten(room: Room, bus: MemoryBus) -> None:
    ledger = Ledger()
    async with running(ledger_role(ledger, room, bus)):
        await done(bus, entry(1))
        await room.commit(Changes(writes=[Write("a", {"entries": ["1", "theirs"]}, 1, {"all": 0.0})]))
        await done(bus, entry(2))
        assert ledger.accounts == {"a": ["1", "theirs", "2"]}


@pytest.mark.spec("MRE-123")
async def test_a_lease_is_renewed_for_as_long_as_it_is_wanted(room: Room, bus: MemoryBus) -> None:
    role = ledger_role(Ledger(), room, bus)
    async with running(role):
        await done(bus, entry(1))
        await asyncio.sleep(2 * TTL)
        await done(bus, entry(2))
        assert role.tally.reigns == 1
