"""Whatever happens to callbacks, in whatever order: states move as they may, and nothing is left over."""

from __future__ import annotations

import random
from collections.abc import Awaitable

import pytest

from gateway.callback.events import (
    AgentConnected,
    AgentRejected,
    AgentReserved,
    Cancel,
    Contact,
    InteractionEnded,
    NotQueued,
    TargetUnknown,
)
from gateway.callback.states import MOVES, PublicState, Step
from gateway.customers.refusal import Refused
from tests.callbacks.office import BASE, Office

SERVICES = ("chat-delay", "chat-now", "voice-delay", "voice-now")
NEWS = (AgentReserved, AgentRejected, AgentConnected, InteractionEnded, TargetUnknown, NotQueued)
EVENTS = 120


def something(draw: random.Random, office: Office, id: str) -> Awaitable[object]:
    """That happens to one callback, or to all of them."""
    callbacks = office.callbacks
    match draw.randrange(12):
        case 0 | 1 | 2:
            return callbacks.connect(id, BASE)
        case 3 | 4:
            return callbacks.request(id, Contact())
        case 5:
            return callbacks.request(id, Cancel())
        case 6 | 7:
            return callbacks.news(id, draw.choice(NEWS)())
        case 8:
            office.queues.ahead = draw.choice([0, 20])
            return callbacks.position(id)
        case 9:
            return office.instances.end(id) if draw.random() < 0.2 else office.carries_out()
        case _:
            return office.waits(draw.choice([1, 10, 31, 120, 4_000]))


async def check(office: Office, ids: list[str], seen: dict[str, PublicState]) -> None:
    """What is promised of all of them at any moment."""
    booked, queued = 0, 0
    for id in ids:
        callback = await office.callbacks.look(id)
        if callback is None:
            continue  # its life is over
        instance = callback.instance
        before = seen.get(id, instance.state)
        assert instance.state is before or instance.state in MOVES[before], (before, instance.state)
        assert (instance.reason is None) is (instance.state is not PublicState.COMPLETED)
        seen[id] = instance.state
        booked += instance.access is not None
        queued += instance.state is PublicState.QUEUED
        stands = office.queues.places.get(id)
        if instance.step is Step.WAIT_AGENT:
            assert stands is not None
        if instance.step is Step.DONE and instance.reason is not None and instance.reason != "AGENT_CONNECTED":
            # Whom the queue has not taken it need not let go, and a chat that runs goes on.
            assert stands is None or instance.reason in ("FAIL_QUEUEING", "CANCELLED")
    assert await office.booked() <= booked
    names = {name: await office.room.count(f"callbacks-queued:{name}") for name in SERVICES}
    assert sum(names.values()) == queued


@pytest.mark.spec("SM-10", "SM-11", "SM-70", "SM-72", "SV-4", "RS-3")
@pytest.mark.parametrize("seed", range(6))
async def test_states_move_as_they_may_and_nothing_is_left_over(office: Office, seed: int) -> None:
    draw = random.Random(seed)
    ids: list[str] = []
    seen: dict[str, PublicState] = {}
    for n in range(EVENTS):
        try:
            if len(ids) < 4:
                given = {"_customer_number": f"408265{n:04}"}
                ids.append(str((await office.asks(draw.choice(SERVICES), given))["_id"]))
            await something(draw, office, draw.choice(ids))
        except Refused:
            pass  # it was not the time for it
        await office.carries_out()
        await check(office, ids, seen)
    await office.waits(86_400)
    assert [await office.callbacks.look(id) for id in ids] == [None] * len(ids)
    assert await office.booked() == 0
    assert await office.room.next_deadline() is None
    for index in ("callbacks", *(f"callbacks:{name}" for name in SERVICES)):
        assert await office.room.count(index) == 0
