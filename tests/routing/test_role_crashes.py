"""A process dies at any step of handling messages; its successor ends where it would have ended.

The process is an imagined one: from the moment of its death on, whatever it asks of store and bus fails, its queues are
gone with it, and its lease has to run out.

Source: MRE-120.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gateway.routing.bus.bus import CHAT_SERVER, GENERAL, BusMessage, Consumer, Delivery
from gateway.routing.bus.memory import MemoryBus
from gateway.routing.machine import Sending
from gateway.routing.outbox import BUS_LANE, as_outgoing, bus_pump
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Outgoing, Room
from tests.support.buses import PATIENCE
from tests.support.ledger import Ledger, entry, ledger_role

MESSAGES = 12
AT_ONCE = 5
"""Messages that leave or come together at most, so that each step is passed at least three times."""


class Died(BaseException):
    """The process is no more."""


class Fuse:
    """Kills the process at a step.

    Args:
        step: its name.
        times: how often it is passed before.
    """

    def __init__(self, step: str = "", times: int = 0) -> None:
        self._step, self._times = step, times
        self.has_blown = asyncio.Event()

    def at(self, step: str) -> None:
        """The process does this now. Raises Died."""
        if self.has_blown.is_set():
            raise Died
        if step == self._step:
            self._times -= 1
            if self._times < 0:
                self.has_blown.set()
                raise Died


class MortalRoom:
    """A room as a process sees it that may die."""

    def __init__(self, room: Room, fuse: Fuse) -> None:
        self._room, self._fuse = room, fuse

    def __getattr__(self, name: str) -> Any:
        self._fuse.at(name)
        return getattr(self._room, name)

    async def outbox(self, lane: str, limit: int = AT_ONCE) -> Sequence[Outgoing]:
        self._fuse.at("outbox")
        return await self._room.outbox(lane, min(limit, AT_ONCE))

    async def commit(self, changes: Changes) -> Mapping[str, int]:
        step = "sent" if changes.sent else "commit"
        self._fuse.at(f"before {step}")
        versions = await self._room.commit(changes)
        self._fuse.at(f"after {step}")
        return versions


class MortalBus(MemoryBus):
    """The bus of a process that may die."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def send(self, queue: str, *messages: BusMessage) -> None:
        self._fuse.at("before send")
        await super().send(queue, *messages)
        self._fuse.at("after send")

    async def consumer(self, queue: str, group: str, name: str) -> Any:
        return MortalConsumer(await super().consumer(queue, group, name), self._fuse)


class MortalConsumer:
    """One of its consumers."""

    def __init__(self, consumer: Consumer, fuse: Fuse) -> None:
        self._consumer, self._fuse = consumer, fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    async def receive(self, limit: int = AT_ONCE) -> Sequence[Delivery]:
        deliveries = await self._consumer.receive(min(limit, AT_ONCE))
        self._fuse.at("after receive")
        return deliveries

    async def acknowledge(self, *deliveries: Delivery) -> None:
        self._fuse.at("before acknowledge")
        await self._consumer.acknowledge(*deliveries)
        self._fuse.at("after acknowledge")


async def live(store: SqliteStore, fuse: Fuse, heard: list[tuple[str, str]]) -> None:
    """One process: what was asked for goes to the ledger, and somebody hears its receipts, until there is no more."""
    bus = MortalBus(fuse)
    room: Room = MortalRoom(store.room("ledger"), fuse)  # type: ignore[assignment]
    sender: Room = MortalRoom(store.room("sender"), fuse)  # type: ignore[assignment]

    async def hear() -> None:
        consumer = await MemoryBus.consumer(bus, CHAT_SERVER, "chat-server", "one")
        while True:
            for delivery in await consumer.receive():
                heard.append((delivery.message.id, json.loads(delivery.message.body)["entry"]))
                await consumer.acknowledge(delivery)

    async def is_idle() -> bool:
        return not any([await store.room(name).outbox(BUS_LANE) for name in ("sender", "ledger")])

    tasks = [
        asyncio.create_task(each)
        for each in (hear(), bus_pump(sender, bus).run(), ledger_role(Ledger(), room, bus).run())
    ]
    try:
        async with asyncio.timeout(PATIENCE):
            while not fuse.has_blown.is_set() and not await is_idle():  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.02)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bus.close()


@pytest.mark.spec("MRE-120", "MRE-123", "MRE-126")
@pytest.mark.parametrize("times", [0, 2])
@pytest.mark.parametrize(
    "step",
    [f"{when} {what}" for what in ("commit", "send", "sent", "acknowledge") for when in ("before", "after")]
    + ["after receive"],
)
@pytest.mark.expected_logs("Task exception was never retrieved")
async def test_a_process_dies(sqlite_store: SqliteStore, step: str, times: int) -> None:
    asked = [as_outgoing(Sending(GENERAL, entry(number))) for number in range(MESSAGES)]
    await sqlite_store.room("sender").commit(Changes(outgoing=asked))
    heard: list[tuple[str, str]] = []

    fuse = Fuse(step, times)
    await live(sqlite_store, fuse, heard)
    assert fuse.has_blown.is_set(), "it was to die"
    await live(sqlite_store, Fuse(), heard)

    entries = [str(number) for number in range(MESSAGES)]
    (document,) = await sqlite_store.room("ledger").read("a")
    assert document is not None and document.body == {"entries": entries}
    once = dict(heard)
    assert list(once.values()) == entries, "who hears a receipt twice knows it by its id"
