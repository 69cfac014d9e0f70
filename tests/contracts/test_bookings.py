"""Bookings that several nodes make and find at the same time, on a file and on Redis."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.access.booking import Booking, booking_key, code_key, lock_key
from gateway.access.bookings import Bookings, Health
from gateway.access.dialling import Dialling
from gateway.access.match import Call
from gateway.access.pool import Pool, Strategy
from gateway.access.refusal import MatchNotFound, NoneFree
from gateway.access.requests import Wanted
from gateway.store.store import Room
from tests.support.nodes_on_redis import Store as Servers
from tests.support.stores import Ways, WaysToFile, WaysToRedis

STORES = ("sqlite", "redis")

NOW = 1_000_000.0
DIALLING = Dialling()


@pytest.fixture
async def ways(store: Servers | None, tmp_path: Path) -> AsyncIterator[Ways]:
    made: Ways = WaysToFile(tmp_path / "store.db") if store is None else WaysToRedis(store)
    yield made
    await made.close()


async def bookings_of(ways: Ways, node: str) -> Bookings:
    below = random.Random(node).randrange
    return Bookings((await ways.open()).room("customers"), node=node, dialling=DIALLING, below=below)


@pytest.fixture
async def here(ways: Ways) -> Bookings:
    return await bookings_of(ways, "here")


@pytest.fixture
async def there(ways: Ways, here: Bookings) -> Bookings:
    """As another node gives and finds them."""
    return await bookings_of(ways, "there")


def pool(size: int, strategy: Strategy = Strategy.CLUSTER) -> Pool:
    return Pool(name="DNIS", numbers=[f"1-800-{n}" for n in range(size)], strategy=strategy)


def wanted(group: Pool, **more: Any) -> Wanted:
    return Wanted(pool=group, seconds=30, **more)


def called(booking: Booking, **more: str) -> Call:
    return Call(dialled=booking.dialled, **more)


async def outcomes(*asked: Any) -> tuple[list[Booking], list[BaseException]]:
    """What succeeded and what was refused, of all at once."""
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return (
        [each for each in answers if isinstance(each, Booking)],
        [each for each in answers if isinstance(each, BaseException)],
    )


@pytest.mark.spec("RS-3", "RS-4", "RI-5")
async def test_many_at_once_are_given_different_numbers(here: Bookings, there: Bookings) -> None:
    group = pool(12)
    asked = [(here, there)[n % 2].book(f"i{n}", "", wanted(group), NOW) for n in range(13)]
    given, refused = await outcomes(*asked)
    assert {each.number for each in given} == set(group.numbers)
    assert len(given) == 12
    assert [type(each) for each in refused] == [NoneFree]
    assert await here.health(group, NOW) == await there.health(group, NOW) == Health(12, 12)


@pytest.mark.spec("RS-2", "RS-3")
async def test_local_keeps_a_number_from_the_same_node_alone(here: Bookings, there: Bookings) -> None:
    group = pool(1, Strategy.LOCAL)
    await here.book("a", "", wanted(group), NOW)
    await there.book("b", "", wanted(group), NOW)
    with pytest.raises(NoneFree):
        await here.book("c", "", wanted(group), NOW)


@pytest.mark.spec("RS-2")
async def test_random_gives_a_number_to_many(here: Bookings, there: Bookings) -> None:
    given, refused = await outcomes(
        *((here, there)[n % 2].book(f"i{n}", "", wanted(pool(2, Strategy.RANDOM)), NOW) for n in range(20))
    )
    assert refused == []
    assert set(Counter(each.number for each in given)) == {"1-800-0", "1-800-1"}


@pytest.mark.spec("RS-2", "RA-4")
async def test_locked_numbers_go_round(here: Bookings) -> None:
    group = pool(3)
    given = []
    for n in range(4):
        given.append((await here.book(f"i{n}", "", wanted(group), NOW)).number)
        await here.release(f"i{n}")
    assert given == ["1-800-0", "1-800-1", "1-800-2", "1-800-0"]


@pytest.mark.spec("RS-5")
async def test_an_expired_number_is_free_and_matches_nothing(here: Bookings, there: Bookings) -> None:
    """By the caller's clock: the store may have it still."""
    booking = await here.book("a", "", wanted(pool(1)), NOW)
    with pytest.raises(NoneFree) as raised:
        await there.book("b", "", wanted(pool(1)), NOW + 29.5)
    assert raised.value.retry_after == 1
    with pytest.raises(MatchNotFound):
        await there.find(called(booking), NOW + 30)
    assert (await there.book("b", "", wanted(pool(1)), NOW + 30)).number == booking.number
    await here.release("a")  # late: the number is another's by now
    with pytest.raises(NoneFree):
        await here.book("c", "", wanted(pool(1)), NOW + 31)


@pytest.mark.spec("RA-7")
async def test_an_instance_has_one_booking_at_most(here: Bookings, there: Bookings) -> None:
    group = pool(2)
    before = await here.book("a", "", wanted(group), NOW)
    after = await there.book("a", "", wanted(pool(1)), NOW + 1)
    assert before.number == after.number  # its own does not stand in its way
    moved = await here.book("a", "", wanted(group, code_length=6), NOW + 2)
    assert moved.number != after.number
    assert await here.health(group, NOW + 2) == Health(2, 1)
    with pytest.raises(MatchNotFound):
        await there.find(called(after), NOW + 2)


@pytest.mark.spec("MI-3", "RS-3")
async def test_one_of_many_calls_finds_a_booking_and_frees_it(here: Bookings, there: Bookings) -> None:
    booking = await here.book("a", "data", wanted(pool(1), code_length=6), NOW)
    call = called(booking, code=booking.code)
    answers = await asyncio.gather(*((here, there)[n % 2].find(call, NOW) for n in range(6)), return_exceptions=True)
    assert [each for each in answers if isinstance(each, list)] == [[booking]]
    assert sum(isinstance(each, MatchNotFound) for each in answers) == 5
    await there.book("b", "", wanted(pool(1)), NOW)


@pytest.mark.spec("MI-5", "MI-6")
async def test_on_a_shared_number_the_caller_tells(here: Bookings, there: Bookings) -> None:
    shared = pool(1, Strategy.RANDOM)
    for n in range(4):
        await here.book(f"i{n}", "", wanted(shared, caller=str(n % 2)), NOW + n)
    call = Call(dialled=DIALLING.comparable("1-800-0"))
    with pytest.raises(MatchNotFound):
        await there.find(call, NOW + 4)
    both = await there.find(Call(dialled=call.dialled, caller="1"), NOW + 4, most=10)
    assert [each.instance for each in both] == ["i1", "i3"]
    await here.release("i0")
    (alone,) = await there.find(call, NOW + 4)
    assert alone.instance == "i2"


@pytest.mark.spec("RI-6")
async def test_codes_of_a_number_are_different(here: Bookings, there: Bookings) -> None:
    """Of ten codes each is given once, and the eleventh customer none."""
    shared = wanted(pool(1, Strategy.RANDOM), code_length=1)
    codes = set()
    for n in range(5):
        given, _ = await outcomes(here.book(f"h{n}", "", shared, NOW), there.book(f"t{n}", "", shared, NOW))
        codes |= {each.code for each in given}
    assert codes == set("0123456789")
    with pytest.raises(NoneFree):
        await here.book("late", "", shared, NOW)


@pytest.mark.spec("RS-7")
async def test_a_number_that_left_its_group_is_good_for_its_booking(here: Bookings, there: Bookings) -> None:
    booking = await here.book("a", "", wanted(pool(1)), NOW)
    edited = Pool(name="DNIS", numbers=["1-900-1"], strategy=Strategy.CLUSTER)
    assert (await there.book("b", "", wanted(edited), NOW)).number == "1-900-1"
    assert [each.instance for each in await there.find(called(booking), NOW)] == ["a"]
    with pytest.raises(NoneFree):
        await there.book("c", "", wanted(edited), NOW)


# Whatever happens -------------------------------------------------------------------------------

INSTANCES = [f"i{n}" for n in range(8)]
CODES = "0123456789"


async def kept(room: Room, *keys: str) -> list[Any]:
    return [each.body for each in await room.read(*keys) if each is not None]


def chance(draw: random.Random, node: Bookings, group: Pool, now: float) -> Any:
    """Something that some customer, call or end of an instance does."""
    instance = draw.choice(INSTANCES)
    number = DIALLING.comparable(draw.choice(group.numbers))
    match draw.randrange(4):
        case 0:
            return node.release(instance)
        case 1:
            return node.find(Call(dialled=number, caller=draw.choice("12"), code=draw.choice(CODES)), now)
        case _:
            return node.book(
                instance, "", wanted(group, caller=draw.choice("12"), code_length=draw.choice([0, 0, 1])), now
            )


@pytest.mark.spec("RS-3", "RS-4", "RI-6", "MI-3")
@pytest.mark.parametrize("seed", range(3))
async def test_claims_are_those_of_the_bookings(ways: Ways, here: Bookings, there: Bookings, seed: int) -> None:
    """Nodes book, match and end at once, and time passes: no number or code is two customers', and none is lost."""
    draw = random.Random(seed)
    room = (await ways.open()).room("customers")
    group = pool(4, draw.choice([Strategy.CLUSTER, Strategy.CLUSTER, Strategy.RANDOM]))
    dialled = [DIALLING.comparable(number) for number in group.numbers]
    claims = [lock_key("", each) for each in dialled] + [code_key(each, code) for each in dialled for code in CODES]
    now = NOW
    for _ in range(12):
        done = await asyncio.gather(
            *(chance(draw, node, group, now) for node in (here, there) for _ in range(4)), return_exceptions=True
        )
        assert {type(each) for each in done if isinstance(each, Exception)} <= {NoneFree, MatchNotFound}
        bookings = [Booking.from_document(body) for body in await kept(room, *map(booking_key, INSTANCES))]
        held = sorted((claim, each.instance) for each in bookings if each.is_live(now) for claim in each.claims)
        owned = zip(claims, await room.read(*claims), strict=True)
        assert held == sorted(
            (key, claim.body["instance"]) for key, claim in owned if claim is not None and now < claim.body["expires"]
        )
        now += draw.choice([0, 5, 40])
    for instance in INSTANCES:
        await there.release(instance)
    assert await kept(room, *claims) == []
