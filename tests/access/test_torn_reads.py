"""What one decision about numbers has read, and others change meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.access.booking import Booking, booking_key, code_key, lock_key
from gateway.access.bookings import Bookings
from gateway.access.dialling import Dialling
from gateway.access.match import Call
from gateway.access.pool import Pool, Strategy
from gateway.access.refusal import MatchNotFound, NoneFree
from gateway.access.requests import Wanted
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Conflict, Room
from gateway.store.turn import Turn
from tests.support.stores import sqlite_store

__all__ = ["sqlite_store"]

NOW = 1_000_000.0
DIALLING = Dialling()
ONE = Pool(name="one", numbers=["1-800-1"], strategy=Strategy.CLUSTER)
OTHER = Pool(name="other", numbers=["1-800-2"], strategy=Strategy.CLUSTER)
FREE_FOR_ALL = Pool(name="all", numbers=["1-900-1"])
DIALLED = DIALLING.comparable("1-800-1")


def wanted(pool: Pool, **more: Any) -> Wanted:
    return Wanted(pool=pool, seconds=30, **more)


class Between:
    """A room in which something else happens just before a chosen one of its reads, pages or commits."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._steps = 0
        self._at = 0
        self._happening: Callable[[], Awaitable[Any]] | None = None

    def before(self, step: int, happening: Callable[[], Awaitable[Any]]) -> None:
        self._steps, self._at, self._happening = 0, step, happening

    @property
    def happened(self) -> bool:
        return self._happening is None

    async def read(self, *keys: str) -> Any:
        await self._step()
        return await self._room.read(*keys)

    async def page(self, *arguments: Any, **more: Any) -> Any:
        await self._step()
        return await self._room.page(*arguments, **more)

    async def commit(self, changes: Changes) -> None:
        await self._step()
        await self._room.commit(changes)

    async def _step(self) -> None:
        self._steps += 1
        if self._happening is not None and self._steps == self._at:
            happening, self._happening = self._happening, None
            await happening()


@pytest.fixture
def room(sqlite_store: SqliteStore) -> Room:
    return sqlite_store.room("customers")


@pytest.fixture
def slow_room(room: Room) -> Between:
    return Between(room)


def bookings_on(room: Any) -> Bookings:
    return Bookings(room, node="here", dialling=DIALLING, below=random.Random(1).randrange)


@pytest.fixture
def others(room: Room) -> Bookings:
    return bookings_on(room)


@pytest.fixture
def slow(slow_room: Between) -> Bookings:
    return bookings_on(slow_room)


async def claims_and_bookings(room: Room, instances: list[str]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Who holds what by the claims, and by the bookings: they have to be the same."""
    codes = [code_key(DIALLING.comparable(n), f"{c}") for n in ("1-800-1", "1-800-2", "1-900-1") for c in range(10)]
    locks = [lock_key("", DIALLING.comparable(n)) for n in ("1-800-1", "1-800-2")]
    held = {(each.key, each.body["instance"]) for each in await room.read(*codes, *locks) if each is not None}
    bookings = [
        Booking.from_document(each.body) for each in await room.read(*map(booking_key, instances)) if each is not None
    ]
    return held, {(claim, each.instance) for each in bookings for claim in each.claims}


HAPPENINGS: dict[str, Callable[[Bookings], Awaitable[Any]]] = {
    "books": lambda others: others.book("a", "", wanted(ONE, code_length=1), NOW),
    "books another one": lambda others: others.book("a", "", wanted(OTHER, code_length=1), NOW),
    "books a free one": lambda others: others.book("a", "", wanted(FREE_FOR_ALL, caller="1", code_length=1), NOW),
    "ends": lambda others: others.release("a"),
    "ends and books": lambda others: _in_turn(others.release("a"), others.book("a", "", wanted(OTHER), NOW)),
    "ends and books the same": lambda others: _in_turn(
        others.release("a"), others.book("a", "", wanted(ONE, code_length=1), NOW)
    ),
    "ends for another": lambda others: _in_turn(others.release("a"), others.book("b", "", wanted(ONE), NOW)),
    "is called": lambda others: others.find(Call(dialled=DIALLED), NOW),
}
DECISIONS: dict[str, Callable[[Bookings], Awaitable[Any]]] = {
    "a call": lambda slow: slow.find(Call(dialled=DIALLED, caller="1", code="1"), NOW),
    "an end": lambda slow: slow.release("a"),
    "a number": lambda slow: slow.book("a", "", wanted(ONE, caller="1"), NOW),
    "a number of another": lambda slow: slow.book("c", "", wanted(ONE, code_length=1), NOW),
}


async def _in_turn(*each: Awaitable[Any]) -> None:
    for one in each:
        await one


@pytest.mark.spec("RS-3", "RI-6", "MI-3", "RA-7")
@pytest.mark.parametrize("is_booked", [False, True], ids=["nothing booked", "booked before"])
@pytest.mark.parametrize("happening", HAPPENINGS)
@pytest.mark.parametrize("decision", DECISIONS)
async def test_nothing_stays_claimed_that_nobody_has(
    room: Room, slow_room: Between, slow: Bookings, others: Bookings, decision: str, happening: str, is_booked: bool
) -> None:
    """A call that came in while its booking was being made could end the booking and leave its code behind.

    So before each step of each decision everything else happens, and then claims and bookings say the same.
    """
    for step in range(1, 12):
        for instance in ("a", "b", "c"):
            await others.release(instance)
        if is_booked:
            await others.book("a", "", wanted(ONE, caller="1"), NOW)

        async def happen() -> None:
            await asyncio.gather(HAPPENINGS[happening](others), return_exceptions=True)

        slow_room.before(step, happen)
        try:
            await DECISIONS[decision](slow)
        except (MatchNotFound, NoneFree):
            pass
        held, booked = await claims_and_bookings(room, ["a", "b", "c"])
        assert held == booked, f"before step {step}"
        if not slow_room.happened:
            break
    else:
        pytest.fail("a decision has more steps than these")


@pytest.mark.spec("RS-3", "RS-4")
async def test_a_number_that_was_free_twice_is_given_once(slow_room: Between, slow: Bookings, others: Bookings) -> None:
    """Found expired, it was ended, and booked by another, before it was taken: its version seemed the same again."""
    later = NOW + 31
    for step in range(1, 6):
        await others.book("old", "", wanted(ONE), NOW)

        async def happen() -> None:
            await others.release("old")
            await others.book("quick", "", wanted(ONE), later)

        slow_room.before(step, happen)
        given = []
        try:
            given.append(await slow.book("slow", "", wanted(ONE), later))
        except NoneFree:
            pass
        if not slow_room.happened:
            break
        assert given == [], f"before step {step}"
        await others.release("quick")


@pytest.mark.spec("RS-3", "RI-6")
async def test_a_turn_that_knew_the_claims_before_the_booking_is_taken_anew(room: Room, others: Bookings) -> None:
    """Its reader has asked for the group's health first, so what it knows of the number is older than the booking."""
    turn = Turn(room, NOW)
    await others.health_in(turn, ONE)
    booking = await others.book("a", "", wanted(ONE), NOW)
    with pytest.raises(Conflict):
        await others.release_in(turn, "a")
    with pytest.raises(Conflict):
        await others.find_in(turn, Call(dialled=booking.dialled))
