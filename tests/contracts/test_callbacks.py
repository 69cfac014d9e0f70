"""Callbacks that two nodes start and lead at the same time, on a file and on Redis."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.callback.events import AgentReserved, Cancel, Contact
from gateway.callback.profiles import Profile
from gateway.callbacks.refusal import KeyReused, NotNow, StateWrong
from gateway.customers.refusal import Refused
from tests.callbacks.office import BASE, TOLD, USER, Clock, Office
from tests.callbacks.queues import Queues
from tests.support.nodes_on_redis import Store as Servers
from tests.support.stores import Ways, WaysToFile, WaysToRedis

STORES = ("sqlite", "redis")
LIMIT = 5


@pytest.fixture
async def offices(store: Servers | None, tmp_path: Path) -> AsyncIterator[tuple[Office, Office]]:
    """Two nodes."""
    ways: Ways = WaysToFile(tmp_path / "store.db") if store is None else WaysToRedis(store)
    clock, queues = Clock(), Queues()
    yield (
        Office(await ways.open(), clock, queues, node="here"),
        Office(await ways.open(), clock, queues, node="there"),
    )
    await ways.close()


def serve(offices: tuple[Office, Office], profile: Profile, **options: str) -> None:
    for office in offices:
        office.serves("help", profile, **options).has_numbers(4)


async def started(offices: tuple[Office, Office], count: int, **more: str) -> tuple[list[str], list[Refused]]:
    """The ids of those that began, of so many that were asked for at once, and what the others were told."""
    answers = await asyncio.gather(
        *(
            offices[n % 2].asks("help", {"_customer_number": f"408265{n:04}", **more}, user=f"user{n}")
            for n in range(count)
        ),
        return_exceptions=True,
    )
    refused = [each for each in answers if isinstance(each, Refused)]
    begun = [str(each["_id"]) for each in answers if isinstance(each, dict)]
    assert len(begun) + len(refused) == count, answers
    return begun, refused


LIMITS = {
    "in the queue": ({"max_queued_callbacks_per_service": "5"}, {}),
    "in a while": ({"throttle_callbacks_per_service_1": "5"}, {}),
    "in a longer while": ({"throttle_callbacks_per_service_2": "5"}, {}),
    "of a customer": ({"throttle_request_parameters_limit": "5", "enable_in_queue_checking": "false"}, TOLD),
    "of a number": ({"enable_in_queue_checking": "true", "throttle_request_parameters_limit": "0"}, TOLD),
}


@pytest.mark.spec("CB-15", "CB-16", "CB-17", "CB-18", "CB-19", "ERR-4", "ERR-5", "ERR-6")
@pytest.mark.parametrize("limit", LIMITS)
async def test_exactly_as_many_start_as_a_limit_allows(offices: tuple[Office, Office], limit: str) -> None:
    options, customer = LIMITS[limit]
    serve(offices, Profile.CHAT_WAIT, **options)
    more = {"_customer_number": customer["_customer_number"]} if customer else {}
    begun, refused = await started(offices, 4 * LIMIT, **more)
    assert len(begun) == (2 if limit == "of a number" else LIMIT)
    assert {type(each) for each in refused} == {NotNow}
    assert all(each.retry_after and "help" in each.text for each in refused)
    assert {"300" in each.text for each in refused} == {limit == "in a while"}
    room = offices[0].room
    assert await room.count("callbacks") == len(begun)
    assert len(await room.outbox("callback")) == 2 * len(begun)


@pytest.mark.spec("CB-12", "CB-15", "CB-18")
async def test_a_cancelled_one_frees_its_place_at_once(offices: tuple[Office, Office]) -> None:
    here, there = offices
    serve(offices, Profile.CHAT_WAIT, max_queued_callbacks_per_service="5")
    begun, _ = await started(offices, LIMIT)
    with pytest.raises(NotNow):
        await here.starts("help")
    await there.callbacks.request(begun[0], Cancel())
    await here.starts("help")
    with pytest.raises(NotNow):
        await there.starts("help")


@pytest.mark.spec("CB-15", "CB-18")
async def test_who_is_routed_is_no_longer_in_the_queue(offices: tuple[Office, Office]) -> None:
    here, there = offices
    serve(offices, Profile.CHAT_NOW, enable_in_queue_checking="strict")
    dialog = await here.starts("help")
    with pytest.raises(NotNow):
        await there.starts("help")
    await there.callbacks.request(dialog["_id"], Contact())
    await there.starts("help")


@pytest.mark.spec("CB-10")
async def test_a_repeated_request_begins_nothing(offices: tuple[Office, Office]) -> None:
    here, there = offices
    serve(offices, Profile.VOICE_NOW)
    key = {"Idempotency-Key": "one of mine"}
    answers = await asyncio.gather(*(offices[n % 2].starts("help", headers=key) for n in range(6)))
    assert len({each["_id"] for each in answers}) == 1
    assert await here.room.count("callbacks") == 1
    assert await here.booked() == 1
    with pytest.raises(KeyReused):
        await there.starts("help", headers=key, customer_number="4082652640")
    other = await there.starts("help", headers={"idempotency-key": "another"})
    assert other["_id"] != answers[0]["_id"]
    elsewhere = await there.starts("help", headers=key, user="somebody else", customer_number="4082652641")
    assert elsewhere["_id"] != answers[0]["_id"]


@pytest.mark.spec("SM-73", "RS-4")
async def test_of_a_connect_and_a_timeout_at_once_one_counts(offices: tuple[Office, Office]) -> None:
    """Whoever is first, the customer has a number if and only if he was answered one."""
    here, there = offices
    serve(offices, Profile.VOICE_WAIT, max_number_of_user_availability_confirmation_attempts="1")
    here.queues.nears()
    ends: Counter[str] = Counter()
    for n in range(8):
        id = str((await here.starts("help", customer_number=f"408265{n:04}"))["_id"])
        await here.carries_out()
        assert await here.state(id) == "WAIT_CONFIRM"
        here.clock.now += 30 if n % 2 else 29.999
        dialog, _ = await asyncio.gather(
            there.callbacks.connect(id, BASE), here.keeps_deadlines(), return_exceptions=True
        )
        instance = await there.instance(id)
        if isinstance(dialog, StateWrong):
            assert instance.reason is not None
            assert instance.access is None
        else:
            assert isinstance(dialog, dict)
            assert instance.access is not None
            assert dialog["_access_number"] == instance.access.number
        ends[await there.state(id)] += 1
        here.clock.now += 100
        await here.keeps_deadlines()
    assert set(ends) == {"WAIT_CONTACT", "FAIL_USER_NO_CONFIRM"}
    assert await here.booked() == 0


@pytest.mark.spec("SM-71", "SM-73")
async def test_two_nodes_that_lead_do_everything_once(offices: tuple[Office, Office]) -> None:
    """For a moment each may think that it leads: a place is given once, and a customer is told once an attempt."""
    here, there = offices
    serve(offices, Profile.CHAT_WAIT)
    begun, _ = await started(offices, 6, _device_os="httpcb", _device_notification_id="https://example.com")
    await asyncio.gather(here.carries_out(), there.carries_out())
    assert sorted(here.queues.joins) == sorted(begun)
    here.queues.nears()
    here.clock.now += 31
    fence = await here.leads()
    due = await here.room.due(here.clock())
    await asyncio.gather(*(office.keeps(each, fence) for each in due for office in offices))
    await asyncio.gather(here.carries_out(), there.carries_out())
    for n, id in enumerate(begun):
        user = (await here.instance(id)).user
        assert await here.attempts(id, user) == 1, n


@pytest.mark.spec("SM-40")
async def test_the_same_news_from_two_nodes_counts_once(offices: tuple[Office, Office]) -> None:
    here, there = offices
    serve(offices, Profile.CHAT_NOW)
    id = (await here.starts("help"))["_id"]
    await here.callbacks.request(id, Contact())
    await asyncio.gather(*(office.callbacks.news(id, AgentReserved(), once="offer") for office in offices))
    assert (await there.callback(id)).revision == 3
    assert (await there.instance(id)).user == USER
