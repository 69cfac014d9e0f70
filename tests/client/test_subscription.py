"""A subscription's queue: order, bound, end; and which subscriptions see an event."""

from __future__ import annotations

import asyncio

import pytest

from bayeux.client.conversation import Event
from bayeux.client.errors import ClientDisconnected, SubscriptionOverflow
from bayeux.client.subscription import Overflow, Subscription, Subscriptions
from bayeux.protocol.errors import ChannelInvalid


async def nothing(_: Subscription) -> None:
    """Gives up a subscription that no server knows of."""


def subscription(*channels: str, max_queue: int = 10, overflow: Overflow = "fail") -> Subscription:
    return Subscription(channels or ("/a",), nothing, max_queue=max_queue, overflow=overflow)


def event(data: object, channel: str = "/a") -> Event:
    return Event(channel, data)


async def test_events_come_in_order_and_then_the_end() -> None:
    mine = subscription()
    mine.put(event(1))
    mine.put(event(2))
    mine.end()
    mine.put(event(3))
    assert [each.data async for each in mine] == [1, 2]


async def test_a_waiting_reader_gets_the_next_event() -> None:
    mine = subscription()
    reading = asyncio.ensure_future(anext(mine))
    await asyncio.sleep(0)
    mine.put(event(1))
    assert (await reading).data == 1


async def test_what_ended_a_subscription_is_raised_after_the_events_before_it() -> None:
    mine = subscription()
    mine.put(event(1))
    mine.end(ClientDisconnected("gone"))
    assert (await anext(mine)).data == 1
    with pytest.raises(ClientDisconnected, match="gone"):
        await anext(mine)


@pytest.mark.parametrize(("overflow", "kept"), [("drop_old", [2, 3]), ("drop_new", [1, 2])])
async def test_a_full_queue_loses_what_was_agreed(overflow: Overflow, kept: list[int]) -> None:
    mine = subscription(max_queue=2, overflow=overflow)
    for number in (1, 2, 3):
        mine.put(event(number))
    mine.end()
    assert [each.data async for each in mine] == kept


async def test_a_full_queue_ends_the_subscription_unless_agreed_otherwise() -> None:
    mine = subscription(max_queue=1)
    mine.put(event(1))
    mine.put(event(2))
    assert (await anext(mine)).data == 1
    with pytest.raises(SubscriptionOverflow):
        await anext(mine)


def test_a_subscription_needs_a_valid_channel_and_room() -> None:
    with pytest.raises(ChannelInvalid):
        subscription("nonsense")
    with pytest.raises(ValueError, match="channel"):
        Subscription((), nothing)
    with pytest.raises(ValueError, match="room"):
        subscription(max_queue=0)


@pytest.mark.spec("CH-22")
async def test_an_event_reaches_each_matching_subscription_once() -> None:
    subscriptions = Subscriptions()
    both, deep, other = subscription("/a/*", "/a/**"), subscription("/**"), subscription("/b")
    for each in (both, deep, other):
        subscriptions.add(each)
    subscriptions.deliver(event(1, "/a/x"))
    subscriptions.end(None)
    assert [[each.data async for each in mine] for mine in (both, deep, other)] == [[1], [1], []]


def test_only_patterns_nobody_else_needs_are_given_back() -> None:
    subscriptions = Subscriptions()
    first, second = subscription("/a", "/b"), subscription("/b")
    subscriptions.add(first)
    subscriptions.add(second)
    assert subscriptions.remove(first) == ["/a"]
    assert subscriptions.remove(first) == []
    assert subscriptions.remove(second) == ["/b"]
    assert subscriptions.patterns == []
