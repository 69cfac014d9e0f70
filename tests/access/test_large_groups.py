"""Groups of thousands of numbers: a booking looks at some of them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gateway.access.bookings import Bookings
from gateway.access.dialling import Dialling
from gateway.access.pool import Pool, Strategy
from gateway.access.refusal import NoneFree
from gateway.access.requests import Wanted
from gateway.store.sqlite import SqliteStore
from tests.support.stores import sqlite_store

__all__ = ["sqlite_store"]

NOW = 1_000_000.0
NUMBERS = [f"1-800-{number:07}" for number in range(1000)]


class Counting:
    """A room that counts the documents which are asked for."""

    def __init__(self, room: Any) -> None:
        self._room = room
        self.asked = 0

    async def read(self, *keys: str) -> Any:
        self.asked += len(keys)
        return await self._room.read(*keys)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._room, name)


@pytest.mark.spec("RS-3", "RS-4")
@pytest.mark.parametrize("strategy", Strategy)
async def test_a_booking_reads_few_of_many_numbers(sqlite_store: SqliteStore, strategy: Strategy) -> None:
    """Each request read two documents a number of the group."""
    room: Any = Counting(sqlite_store.room("customers"))
    bookings = Bookings(room, node="here", dialling=Dialling(), below=random.Random(1).randrange)
    wanted = Wanted(pool=Pool(name="many", numbers=NUMBERS, strategy=strategy), seconds=30)
    given = [(await bookings.book(f"1-{number}", "", wanted, NOW)).number for number in range(5)]
    assert room.asked < 5 * 300
    if strategy is not Strategy.RANDOM:
        assert given == NUMBERS[:5]


@pytest.mark.spec("RS-3", "RS-4")
async def test_the_last_free_number_of_many_is_found(sqlite_store: SqliteStore) -> None:
    bookings = Bookings(
        sqlite_store.room("customers"), node="here", dialling=Dialling(), below=random.Random(1).randrange
    )
    wanted = Wanted(pool=Pool(name="many", numbers=NUMBERS[:250], strategy=Strategy.CLUSTER), seconds=30)
    given = [(await bookings.book(f"1-{number}", "", wanted, NOW)).number for number in range(250)]
    assert sorted(given) == NUMBERS[:250]
    with pytest.raises(NoneFree):
        await bookings.book("1-more", "", wanted, NOW)
    await bookings.release("1-170")
    assert (await bookings.book("1-more", "", wanted, NOW)).number == given[170]
