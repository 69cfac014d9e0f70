"""A contact center at work while its nodes die: every customer is served, by one agent, and nobody hears of others.

Two nodes on a Redis that keeps what it is told, behind a load balancer. Every quarter of a minute one of the nodes is
killed and started again; once Redis is. Fifty agents and a thousand customers go on as if nothing were. Asserted are
what the desks were told, each a row of states an interaction, and what the customers read.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from itertools import cycle, groupby
from pathlib import Path

import pytest

from tests.scenarios.house import House, Plan
from tests.soak.desks import SERVED, Data, Desk, Visitor
from tests.support.balancers import haproxy
from tests.support.figures import Tell
from tests.support.redis_server import RedisServer, has_redis, redis_server

pytestmark = [
    pytest.mark.soak,
    pytest.mark.alone,
    pytest.mark.skipif(not has_redis(), reason="redis-server is not installed: apt-get install redis-server"),
]

SEED = 50
AGENTS = 50
CUSTOMERS = 1000
TRANSPORTS = ("websocket", "long-polling")
VISITORS = 20
"""Clients that play them."""
COMING = 70.0
"""Seconds in which all customers come."""
BETWEEN = 15.0
"""Seconds between two deaths."""
SETTLING = 60.0
"""Seconds until the last of them must be served."""
PLAN = Plan(
    agents=AGENTS,
    settings=(
        # Nobody is invited to the same thing twice, so that a copy of an invitation is known for one.
        "rona.exclude_for=5m",
        "rona.exclude_min=5m",
        "mounts.notifications.max_interval=60s",
        "bayeux.trusted_proxies=127.0.0.1",
        "log.level=warning",
    ),
)
KEEPING = ("--appendonly", "yes", "--appendfsync", "no")
"""What Redis has answered it has given to the kernel, which outlives it."""


@pytest.mark.spec("AG-64", "AG-109", "AG-120", "AG-123", "AG-126", "MRE-99", "MRE-120", "MRE-123")
@pytest.mark.timeout(400)
async def test_every_customer_is_served_once_whatever_dies(tmp_path: Path, tell: Tell) -> None:
    chance = random.Random(SEED)
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server(*KEEPING))
        house = House(tmp_path, PLAN, nodes=2, redis=redis.url)
        stack.callback(house.close)
        await house.open()
        places = [node.origin.replace("http://localhost", "127.0.0.1") for node in house.nodes]
        front = stack.enter_context(haproxy(tmp_path, places)).replace("127.0.0.1", "localhost")
        desks = [
            await stack.enter_async_context(
                Desk(front, f"Agent{n}", TRANSPORTS[n % 2], random.Random(chance.random()), counts=n % 4 < 2)
            )
            for n in range(1, AGENTS + 1)
        ]
        visitors = [await stack.enter_async_context(Visitor(front, chance)) for _ in range(VISITORS)]
        began = time.monotonic()
        trouble = asyncio.create_task(break_things(house, redis))
        try:
            await asyncio.gather(*(come(each, n, began) for n, each in enumerate(visitors)))
            came = time.monotonic() - began
            await all_served(desks)
        finally:
            trouble.cancel()
            (deaths,) = await asyncio.gather(trouble, return_exceptions=True)
        lasted = time.monotonic() - began
        left = [each for desk in desks for each in await desk.held()]
        seen = {n: await visitor.read(n) for visitor in visitors for n in visitor.chats}
        chats = [id for visitor in visitors for id in visitor.chats.values()]
    tell(
        f"seed {SEED}: {CUSTOMERS} customers came in {came:.0f} s, the last was served after {lasted:.0f} s; killed: "
        f"{dict(deaths)}"
    )
    tell(f"served in each ten seconds: {pace(desks, began)}")
    ends = Counter(states[-1] for desk in desks for states in invitations(desk))
    asked: Counter[str] = sum((desk.asked for desk in desks), Counter())
    heard, copies = (sum(counts) for counts in zip(*((len(each.heard), each.copies) for each in desks), strict=True))
    tell(f"{AGENTS} agents heard {heard} notifications, {copies} of them again; invitations ended {dict(ends)}")
    tell(f"{asked.total()} requests, {sum(desk.repeated for desk in desks)} of them sent again: {dict(asked)}")
    assert len(set(chats)) == CUSTOMERS
    assert foreign(desks, chats) == []
    nobody_lost_his_session(desks)
    every_invitation_has_one_end(desks)
    every_task_is_served_once(desks, chats)
    every_customer_met_one_agent(seen)
    assert left == []
    assert ends["Revoked"], "nothing rang out: the agents were too good to show anything"
    assert ends["Rejected"]


async def come(visitor: Visitor, number: int, began: float) -> None:
    """Every so-manieth of the customers, each in his time."""
    for customer in range(number, CUSTOMERS, VISITORS):
        await asyncio.sleep(began + customer * COMING / CUSTOMERS - time.monotonic())
        await visitor.begin(customer)


async def break_things(house: House, redis: RedisServer) -> Counter[str]:
    """Until it is cancelled; what it killed, by names."""
    killed: Counter[str] = Counter()
    try:
        for node in cycle(house.nodes):
            await asyncio.sleep(BETWEEN)
            node.kill()
            killed[node.name] += 1
            node.start()
            await node.ready()
            if killed.total() == 2:
                await asyncio.sleep(BETWEEN / 2)
                redis.kill()
                await asyncio.to_thread(redis.start)
                killed["redis"] += 1
    except asyncio.CancelledError:
        for node in house.nodes:
            await node.ready()
    return killed


async def all_served(desks: Sequence[Desk]) -> None:
    """Wait for the last, or until nobody can hope any more: what is missing is found by what follows."""
    end = time.monotonic() + SETTLING
    while sum(map(completed, desks)) < CUSTOMERS and time.monotonic() < end:  # noqa: ASYNC110 (a look now and then)
        await asyncio.sleep(0.2)


def completed(desk: Desk) -> int:
    return sum(told["state"] == "Completed" for told in desk.heard)


def pace(desks: Iterable[Desk], began: float) -> list[int]:
    """How many were served in the first ten seconds, in the next and so on."""
    moments = [
        int(at - began) // 10
        for desk in desks
        for told, at in zip(desk.heard, desk.heard_at, strict=True)
        if told["state"] == "Completed"
    ]
    return [moments.count(ten) for ten in range(max(moments, default=-1) + 1)]


# What is promised -----------------------------------------------------------------------------


def foreign(desks: Sequence[Desk], chats: Iterable[str]) -> list[tuple[str, Data]]:
    """What somebody heard that is another's: routing writes into each interaction whom it has chosen (AG-53)."""
    known = set(chats)
    return [
        (desk.user, told)
        for desk in desks
        for told in desk.heard
        if told["userData"]["RTargetAgentSelected"] != desk.user or told["id"] not in known
    ]


def nobody_lost_his_session(desks: Sequence[Desk]) -> None:
    """Else what was not heard would say nothing."""
    assert [desk.user for desk in desks if len(desk.sessions) > 1] == []


def invitations(desk: Desk) -> list[tuple[str, ...]]:
    """Of each invitation of an agent the states that followed, each once."""
    rows: dict[str, list[str]] = defaultdict(list)
    for told in desk.heard:
        rows[told["id"]].append(told["state"])
    found: list[tuple[str, ...]] = []
    for row in rows.values():
        assert row[0] == "Invited", row
        states = [state for state, _ in groupby(row)]
        starts = [n for n, state in enumerate(states) if state == "Invited"]
        found += [tuple(states[a:b]) for a, b in zip(starts, [*starts[1:], len(states)], strict=True)]
        assert row.count("Invited") == len(starts), f"{desk.user} was invited twice to one thing: {row}"
    return found


def every_invitation_has_one_end(desks: Sequence[Desk]) -> None:
    """It is accepted and completed, declined, or revoked."""
    rows = Counter(states for desk in desks for states in invitations(desk))
    right = {("Invited", "Accepted", "Completed"), ("Invited", "Revoked"), ("Invited", "Rejected")}
    assert {states: count for states, count in rows.items() if states not in right} == {}


def every_task_is_served_once(desks: Sequence[Desk], chats: Iterable[str]) -> None:
    """By one agent, to the end."""
    served = Counter(told["id"] for desk in desks for told in desk.heard if told["state"] == "Completed")
    assert [id for id in chats if served[id] != 1] == []
    accepted = {(desk.user, told["id"]) for desk in desks for told in desk.heard if told["state"] == "Accepted"}
    assert len(accepted) == len(served)


def every_customer_met_one_agent(seen: dict[int, list[Data]]) -> None:
    """Who joined once, and said his sentence once."""
    for number, events in seen.items():
        joined = [each["NickName"] for each in events if each["UserType"] == "Agent" and is_joining(each)]
        said = [each["MessageText"] for each in events if (each["MessageText"] or "").startswith(SERVED)]
        greeted = [each["MessageText"] for each in events].count("hello")
        assert (said, greeted) == ([f"{SERVED}{name}" for name in joined], 1), (number, events)
        assert len(joined) == 1, (number, events)


def is_joining(event: Data) -> bool:
    return bool(event["MessageType"] == "PARTY_JOINED")
