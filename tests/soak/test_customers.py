"""Customers at work: numbers that only one may have, and callbacks whose nodes die under them."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import AsyncExitStack
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from tests.scenarios.apps import App, Json
from tests.scenarios.house import House, Plan
from tests.support.balancers import haproxy
from tests.support.figures import Tell
from tests.support.redis_server import has_redis, redis_server

pytestmark = [
    pytest.mark.soak,
    pytest.mark.alone,
    pytest.mark.skipif(not has_redis(), reason="redis-server is not installed: apt-get install redis-server"),
]

SEED = 7
KEEPING = ("--appendonly", "yes", "--appendfsync", "no")
"""What Redis has answered it has given to the kernel, which outlives it."""

# Numbers ------------------------------------------------------------------------------------------

CUSTOMERS = 200
NUMBERS = 50
ROUNDS = 3
BOOKED_FOR = 4
"""Seconds."""
POOL = "\n".join(
    (
        "[services.numbers]",
        '_type = "builtin"',
        '_service = "request-interaction"',
        '_resource_group = "Locked"',
        '_return_pool_health = "true"',
        "_ttl = '3600'",
        "[resources.Locked]",
        '_allocation_strategy = "CLUSTER"',
        f'_booking_expiration_timeout = "{BOOKED_FOR}"',
        *(f'Key{n} = "1-800-555-{n:04}"' for n in range(NUMBERS)),
    )
)


@pytest.mark.spec("RS-3", "RS-4", "RS-5", "MI-3", "MI-4")
@pytest.mark.timeout(300)
async def test_no_number_is_two_customers(tmp_path: Path, tell: Tell) -> None:
    """Two hundred at once on fifty numbers of two nodes; half of them call, the others let their time run out."""
    chance = random.Random(SEED)
    held: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    outcomes: Counter[str] = Counter()
    AsyncHTTPClient.configure(None, max_clients=CUSTOMERS)
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server())
        house = House(tmp_path, Plan(sections=POOL, settings=("log.level=warning",)), nodes=2, redis=redis.url)
        stack.callback(house.close)
        await house.open()
        apps = [App(house.nodes[n % 2].origin, f"customer{n}") for n in range(CUSTOMERS)]

        async def customer(app: App, number: int) -> None:
            phone = f"650{number:07}"
            for _ in range(ROUNDS):
                while (answer := await app.fetch("POST", "/service/numbers", {"_phone_number": phone})).code == 503:
                    outcomes["none was free"] += 1
                    await asyncio.sleep(chance.uniform(0.1, 1.5))
                got = time.monotonic()
                assert answer.code == 200, answer.body
                booked = json.loads(answer.body)
                outcomes["booked"] += 1
                if chance.random() < 0.5:
                    held[booked["_access_number"]].append((got, got + BOOKED_FOR - 1, app.user))
                    continue
                await asyncio.sleep(chance.uniform(0, BOOKED_FOR / 3))
                called = time.monotonic()
                call = {"_access_number": booked["_access_number"], "_phone_number": phone}
                caller = App(house.nodes[chance.randrange(2)].origin, "")
                assert (await caller.post("/service/match-interaction", **call))["_id"] == booked["_id"]
                held[booked["_access_number"]].append((got, called, app.user))
                outcomes["called"] += 1

        await asyncio.gather(*(customer(app, n) for n, app in enumerate(apps)))
        await asyncio.sleep(BOOKED_FOR + 1)
        health = (await apps[0].post("/service/numbers", _phone_number="6509999999"))["_pool_health"]
    tell(f"{CUSTOMERS} customers, {NUMBERS} numbers, {ROUNDS} rounds: {dict(outcomes)}")
    overlaps = [
        (number, first, second)
        for number, spans in held.items()
        for first, second in pairwise(sorted(spans))
        if second[0] < first[1]
    ]
    assert overlaps == []
    assert outcomes["none was free"]
    assert outcomes["booked"] == CUSTOMERS * ROUNDS
    assert (health["size"], health["booked"], health["free"]) == (NUMBERS, 1, NUMBERS - 1)


# Callbacks ----------------------------------------------------------------------------------------

CALLBACKS = 1000
APPS = 40
COMING = 60.0
"""Seconds in which all of them are asked for."""
BETWEEN = 15.0
"""Seconds between two deaths."""
SETTLING = 90.0
ATTEMPTS = 2
SERVICE = """
[services.soak]
_type = "ors"
_service = "callback"
_media_type = "chat"
_call_direction = "USERORIGINATED"
_wait_for_agent = "true"
_wait_for_user_confirm = "true"
_target = "SimpleChatInQueue@StatServer.GA"
_urs_virtual_queue = "SimpleChatInQueue"
_user_confirm_timeout = "4"
_agent_availability_notification_delay = "2"
_max_number_of_user_availability_confirmation_attempts = "2"
_max_queued_callbacks_per_service = "0"
_throttle_callbacks_per_service_1 = "0"
_throttle_callbacks_per_service_2 = "0"
_throttle_request_parameters_limit = "0"
_enable_in_queue_checking = "false"
"""
FATES: Mapping[str, str] = {
    "lets it be": "FAIL_USER_NO_CONFIRM",
    "withdraws": "CANCELLED",
    "leaves the chat": "FAIL_INTERACTION_DELETED",
}
"""What customers do when they are told of an agent, and why their callbacks end."""


class Patient(App):
    """An app that asks again until it is answered, under one key, while nodes die."""

    async def fetch(
        self, method: str, path: str, parameters: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> HTTPResponse:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        for _ in range(200):
            answer = await super().fetch(method, path, parameters, {**key, **(headers or {})})
            if answer.code < 500:
                return answer
            await asyncio.sleep(0.25)
        raise AssertionError(f"{method} {path}: {answer.code} {answer.body!r}")


@pytest.mark.spec("SM-70", "SM-71", "SM-73", "SM-22", "SM-23", "PN-3", "PN-7", "CB-10")
@pytest.mark.timeout(600)
async def test_every_callback_ends_as_its_customer_wants(tmp_path: Path, tell: Tell) -> None:
    """A thousand, while one of two nodes is killed every quarter of a minute."""
    chance = random.Random(SEED)
    fates: dict[str, str] = {}
    AsyncHTTPClient.configure(None, max_clients=100)
    plan = Plan(sections=SERVICE, settings=("log.level=warning", "bayeux.trusted_proxies=127.0.0.1"))
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server(*KEEPING))
        house = House(tmp_path, plan, nodes=2, redis=redis.url)
        stack.callback(house.close)
        await house.open()
        places = [node.origin.replace("http://localhost", "127.0.0.1") for node in house.nodes]
        front = stack.enter_context(haproxy(tmp_path, places)).replace("127.0.0.1", "localhost")
        apps = [await stack.enter_async_context(Patient(front, f"user{n}")) for n in range(APPS)]
        for app in apps:
            await app.listen()
        began = time.monotonic()
        trouble = asyncio.create_task(_kill_nodes(house))
        try:
            await asyncio.gather(*(_ask(app, n, began, fates, chance) for n, app in enumerate(apps)))
            records = await _ended(apps, fates)
        finally:
            trouble.cancel()
            (killed,) = await asyncio.gather(trouble, return_exceptions=True)
    told = [(app.user, notice) for app in apps for notice in app.told]
    notices: dict[str, Counter[str]] = defaultdict(Counter)
    for user, notice in told:
        kind, _, instance = notice["tag"].rpartition(".")
        assert records[instance]["user"] == user, "somebody heard of another's callback"
        if kind == "service.agentavailable":
            notices[instance][notice["id"]] += 1
    again = sum(count - 1 for ids in notices.values() for count in ids.values())
    ended = Counter(record["_callback_reason"] for record in records.values())
    tell(
        f"seed {SEED}: {CALLBACKS} callbacks in {time.monotonic() - began:.0f} s; killed: {killed}; ended {dict(ended)}"
    )
    tell(f"{sum(map(len, notices.values()))} notices of agents, {again} of them given again under the same id")
    assert len(records) == CALLBACKS
    assert {id for id in records if not notices[id]} == set(), "customers who were never told"
    wrong = {id: r for id, r in records.items() if r["_callback_reason"] != FATES[fates[id]]}
    assert wrong == {}
    for id, ids in notices.items():
        assert len(ids) <= ATTEMPTS, (id, fates[id], ids)
    untold = [id for id, fate in fates.items() if fate == "lets it be" and len(notices[id]) != ATTEMPTS]
    assert untold == []


async def _ask(app: App, number: int, began: float, fates: dict[str, str], chance: random.Random) -> None:
    """The callbacks of one app, each in its time, and what its customer does then."""
    doing: list[asyncio.Task[None]] = []
    for callback in range(number, CALLBACKS, APPS):
        await asyncio.sleep(began + callback * COMING / CALLBACKS - time.monotonic())
        fate = chance.choice(list(FATES))
        dialog = await app.start("soak", _customer_number=f"650555{callback:04}")
        fates[dialog["_id"]] = fate
        doing.append(asyncio.create_task(_live(app, dialog["_id"], fate)))
    await asyncio.gather(*doing)


async def _live(app: App, id: str, fate: str) -> None:
    while not any(told["tag"] == f"service.agentavailable.{id}" for told in app.told):  # noqa: ASYNC110 (others wait, too)
        await asyncio.sleep(0.1)
    if fate == "withdraws":
        answer = await app.fetch("DELETE", f"/service/callback/soak/{id}")
        assert answer.code in (200, 400), answer.body  # 400: an answer was lost, and it was asked again
    elif fate == "leaves the chat":
        await app.post(f"/service/{id}/connect")
        await app.post(f"/service/{id}/ixn/chat", notify_by="comet", firstName="A")
        await app.post(f"/service/{id}/ixn/chat/disconnect")


async def _ended(apps: list[Any], fates: Mapping[str, str]) -> dict[str, Json]:
    """The records of all callbacks, when they have ended or nobody can hope any more."""
    end = time.monotonic() + SETTLING
    while True:
        records: dict[str, Json] = {}
        for app in apps:
            for n in range(int(app.user.removeprefix("user")), CALLBACKS, APPS):
                (record,) = await app.get(f"/service/callback/soak?_customer_number=650555{n:04}")
                records[record["_id"]] = {**record, "user": app.user}
        if all(each["_callback_state"] == "COMPLETED" for each in records.values()) or time.monotonic() > end:
            return records
        await asyncio.sleep(2)


async def _kill_nodes(house: House) -> int:
    """Until it is cancelled; how many were killed."""
    killed = 0
    try:
        for node in cycle(house.nodes):
            await asyncio.sleep(BETWEEN)
            node.kill()
            killed += 1
            node.start()
            await node.ready()
    except asyncio.CancelledError:
        for node in house.nodes:
            await node.ready()
    return killed
