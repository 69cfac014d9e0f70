"""Devices that no session serves: told by providers, again after pauses, and given up in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.customers.refusal import RequestWrong
from gateway.push.deliveries import FIRST_PAUSE, GROWTH, LANE
from gateway.push.notice import Notice, notice_id
from gateway.push.provider import DeliveryFailed, Device
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Fence, Write
from tests.push.customers import Alone, heard, node
from tests.support.stores import sqlite_store

__all__ = ["sqlite_store"]
ID = "1-one"
TAG = f"service.agentavailable.{ID}"


@dataclass
class Phones:
    """A provider that does what it is told to, once for each word."""

    outcomes: list[Exception | None] = field(default_factory=list)
    told: list[tuple[Any, str]] = field(default_factory=list)

    async def deliver(self, notice: Notice, device: Device) -> None:
        self.told.append((notice.message, device.id))
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome


def fails(*, permanent: bool = False) -> DeliveryFailed:
    return DeliveryFailed("out of order", permanent=permanent)


@dataclass
class Desk:
    """A node, its provider, and the leader's hands."""

    node: Alone
    phones: Phones
    fence: Fence
    number: int = 0

    async def subscribe(self, user: str = "alice", *, os: str = "ios", id: str = "token", **more: Any) -> None:
        push, device, until = self.node.push, Device(type=os, id=id), self.node.times.now + 3600
        await self.node.decide(
            lambda turn: push.subscribe(turn, instance=ID, user=user, device=device, until=until, **more)
        )

    async def tell(self, message: Any = "ready", **more: Any) -> int:
        self.number += 1
        fields = {"tag": TAG, "instance": ID, "user": "alice", "id": notice_id(self.number), **more}
        notice = Notice(message=message, **fields)
        return await self.node.decide(lambda turn: self.node.push.tell(turn, notice))

    async def leave(self) -> None:
        await self.node.push.deliveries.pump.drain()

    async def pass_to_next_attempt(self) -> float:
        """Seconds until it was due."""
        due = await self.node.room.next_deadline()
        assert due is not None
        pause, self.node.times.now = due - self.node.times.now, due
        for deadline in await self.node.room.due(due):
            kind, _, name = deadline.name.partition(":")
            assert kind == "push"
            await self.node.push.deliveries.expire(name, self.fence)
        await self.leave()
        return pause

    async def is_idle(self) -> bool:
        return await self.node.room.next_deadline() is None and not await self.node.room.outbox(LANE)


@pytest.fixture
async def desk(sqlite_store: SqliteStore) -> AsyncIterator[Desk]:
    async with node(sqlite_store) as here:
        phones = Phones()
        here.providers["ios"] = here.providers["httpcb"] = phones
        fence = await here.room.claim("role", "here", 600.0)
        assert fence is not None
        yield Desk(here, phones, fence)


@pytest.mark.spec("CB-2", "PN-6")
async def test_the_device_of_an_instance_is_told_what_is_about_it(desk: Desk) -> None:
    await desk.subscribe()
    assert await desk.tell() == 1
    await desk.leave()
    assert desk.phones.told == [("ready", "token")]
    assert await desk.is_idle()
    assert await desk.node.waiting("alice") == []


@pytest.mark.spec("PN-6", "SM-70")
@pytest.mark.expected_logs("defect in a delivery")
async def test_what_cannot_be_read_is_in_nobodys_way(desk: Desk) -> None:
    """A delivery that another version had stored kept all others of the lane from leaving."""
    await desk.subscribe()
    await desk.tell("lost")
    (entry,) = await desk.node.room.outbox(LANE)
    (document,) = await desk.node.room.read(f"delivery:{entry.body['delivery']}")
    assert document is not None
    strange = Write(document.key, {"of": "another version"}, document.version, ttl=60.0)
    await desk.node.room.commit(Changes(writes=[strange]))
    await desk.tell("found")
    await desk.leave()
    assert desk.phones.told == [("found", "token")]
    assert not await desk.node.room.outbox(LANE)


@pytest.mark.spec("SM-30")
async def test_an_instance_without_a_device_is_told_nothing(desk: Desk) -> None:
    assert await desk.tell() == 0
    await desk.leave()
    assert desk.phones.told == []
    assert await desk.node.waiting("alice") == []


@pytest.mark.spec("CB-2", "CB-3", "NT-3")
@pytest.mark.parametrize(("os", "id"), [("", "token"), ("palm", "token"), ("comet", "bob")], ids=["none", "os", "user"])
async def test_what_makes_no_device_is_refused(desk: Desk, os: str, id: str) -> None:
    with pytest.raises(RequestWrong):
        await desk.subscribe(os=os, id=id)


@pytest.mark.spec("CB-2", "NT-3")
async def test_instance_is_enabled_when_it_has_a_device(desk: Desk) -> None:
    push = desk.node.push
    assert not await desk.node.decide(lambda turn: push.is_enabled(turn, ID))
    await desk.subscribe()
    assert await desk.node.decide(lambda turn: push.is_enabled(turn, ID))


@pytest.mark.spec("CB-3")
async def test_comet_is_told_from_the_users_mailbox(desk: Desk) -> None:
    await desk.subscribe(os="comet", id="alice")
    await desk.tell()
    alice = await desk.node.listener("alice")
    alice.connect()
    assert heard(alice) == ["ready"]


@pytest.mark.spec("NT-13")
async def test_a_failure_is_tried_again_after_growing_pauses(desk: Desk) -> None:
    desk.phones.outcomes = [fails(), fails()]
    await desk.subscribe()
    await desk.tell()
    await desk.leave()
    assert await desk.pass_to_next_attempt() == pytest.approx(FIRST_PAUSE)
    assert await desk.pass_to_next_attempt() == pytest.approx(FIRST_PAUSE * GROWTH)
    assert len(desk.phones.told) == 3
    assert await desk.is_idle()
    assert await desk.node.waiting("alice") == []


@pytest.mark.spec("NT-13", "IN-6")
async def test_who_was_not_told_in_three_attempts_finds_it_in_his_mailbox(desk: Desk) -> None:
    desk.phones.outcomes = [fails(), fails(), fails()]
    await desk.subscribe()
    await desk.tell()
    await desk.leave()
    for _ in range(2):
        await desk.pass_to_next_attempt()
    assert len(desk.phones.told) == 3
    assert await desk.is_idle()
    alice = await desk.node.listener("alice")
    alice.connect()
    assert heard(alice) == ["ready"]


@pytest.mark.spec("NT-13", "IN-6")
@pytest.mark.parametrize("attempts", [1, 5])
async def test_how_often_it_is_tried_is_the_services_choice(desk: Desk, attempts: int) -> None:
    desk.phones.outcomes = [fails() for _ in range(10)]
    await desk.subscribe(attempts=attempts)
    await desk.tell()
    await desk.leave()
    while await desk.node.room.next_deadline() is not None:
        await desk.pass_to_next_attempt()
    assert len(desk.phones.told) == attempts


@pytest.mark.spec("NT-13", "IN-6")
async def test_what_would_fail_again_is_not_tried_again(desk: Desk) -> None:
    desk.phones.outcomes = [fails(permanent=True)]
    await desk.subscribe()
    await desk.tell()
    await desk.leave()
    assert await desk.is_idle()
    assert len(await desk.node.waiting("alice")) == 1


@pytest.mark.spec("NT-15")
async def test_a_type_without_a_provider_is_given_up(desk: Desk) -> None:
    await desk.subscribe(os="fcm")
    await desk.tell()
    await desk.leave()
    assert await desk.is_idle()
    assert len(await desk.node.waiting("alice")) == 1


@pytest.mark.expected_logs("defect in telling a device")
async def test_a_defect_of_a_provider_is_a_failure(desk: Desk) -> None:
    desk.phones.outcomes = [RuntimeError()]
    await desk.subscribe()
    await desk.tell()
    await desk.leave()
    await desk.pass_to_next_attempt()
    assert len(desk.phones.told) == 2


@pytest.mark.spec("NT-13")
async def test_behind_a_failure_a_device_is_left_alone(desk: Desk) -> None:
    """Each of them would keep the lane for as long as it takes to fail; they come in their order later."""
    desk.phones.outcomes = [fails()]
    await desk.subscribe()
    for message in ("first", "second", "third"):
        await desk.tell(message)
    await desk.leave()
    assert [message for message, _ in desk.phones.told] == ["first"]
    await desk.pass_to_next_attempt()
    assert sorted(message for message, _ in desk.phones.told) == ["first", "first", "second", "third"]


@pytest.mark.spec("PN-8")
@pytest.mark.parametrize("has_failed", [False, True])
async def test_what_was_withdrawn_is_not_delivered(desk: Desk, has_failed: bool) -> None:
    desk.phones.outcomes = [fails()]
    await desk.subscribe()
    await desk.tell()
    if has_failed:
        await desk.leave()
    await desk.node.decide(lambda turn: desk.node.push.withdraw(turn, "alice", TAG))
    await desk.leave()
    assert len(desk.phones.told) == has_failed
    assert await desk.is_idle()


@pytest.mark.spec("PN-7")
async def test_what_is_too_late_is_not_delivered(desk: Desk) -> None:
    await desk.subscribe()
    await desk.tell(until=desk.node.times.now + 10)
    desk.node.times.now += 11
    await desk.leave()
    assert desk.phones.told == []
    assert await desk.is_idle()
    assert await desk.node.waiting("alice") == []


@pytest.mark.spec("PN-2", "SM-70")
async def test_a_notice_that_is_told_twice_is_delivered_once(desk: Desk) -> None:
    await desk.subscribe()
    await desk.tell(id="a" * 32)
    await desk.tell(id="a" * 32)
    await desk.leave()
    assert len(desk.phones.told) == 1


@pytest.mark.spec("CC-3", "CC-14")
async def test_chat_events_are_for_mailboxes_alone(desk: Desk) -> None:
    await desk.subscribe()
    await desk.tell(tag=f"service.chat.refresh.{ID}")
    await desk.leave()
    assert desk.phones.told == []
    assert len(await desk.node.waiting("alice")) == 1


@pytest.mark.spec("NT-20")
async def test_one_device_can_be_reached_without_a_subscription(desk: Desk) -> None:
    device, notice = Device(type="ios", id="token"), Notice(id="a" * 32, tag=TAG, message="chat", user="alice")
    desk.phones.outcomes = [fails(permanent=True)]
    await desk.node.decide(lambda turn: desk.node.push.reach(turn, notice, device))
    await desk.leave()
    assert desk.phones.told == [("chat", "token")]
    assert await desk.node.waiting("alice") == [], "of a chat nothing is lost by that"
