"""What leaves a room, also when something is wrong with one that takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.routing import outbox
from gateway.routing.outbox import Pump
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Outgoing

PATIENCE = 20.0


@pytest.mark.spec("MRE-120")
@pytest.mark.expected_logs("defect in emptying the outbox")
async def test_pump_outlives_a_defect_of_who_takes_from_it(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox.Pauses, "next", lambda _: 0.01)
    room = sqlite_store.room("contact")
    left: list[str] = []

    async def leave(entries: Sequence[Outgoing]) -> None:
        left.extend(entry.id for entry in entries)
        if len(left) == 1:
            raise RuntimeError

    await room.commit(Changes(outgoing=[Outgoing("one", "lane", {})]))
    running = asyncio.create_task(Pump(room, "lane", leave).run())
    async with asyncio.timeout(PATIENCE):
        while await room.outbox("lane"):  # noqa: ASYNC110 - another task empties it
            await asyncio.sleep(0.01)
    running.cancel()
    assert left == ["one", "one"]
