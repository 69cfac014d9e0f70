"""A subscription's queue: order, bound, end; and which subscriptions see an event."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.client.errors import ClientDisconnected, SubscriptionOverflow
from bayeux.client.event import Event, Position
from bayeux.client.replay import Starts
from bayeux.client.subscription import Callback, Overflow, Subscription, Subscriptions
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


def test_a_service_message_is_nothing_for_who_wants_everything() -> None:
    subscriptions = Subscriptions()
    everything, mine = subscription("/**"), subscription("/service/*")
    for each in (everything, mine):
        subscriptions.add(each)
    subscriptions.deliver(event(1, "/service/mine"))
    assert (everything.waiting, mine.waiting) == (0, 1)


# -- callbacks -----------------------------------------------------------------------------


def called_back(callback: Callback) -> Subscription:
    return Subscription(("/a",), nothing, callback=callback)


@pytest.mark.spec("CLI-1")
async def test_a_callback_is_given_one_event_after_the_other() -> None:
    log: list[Any] = []

    async def callback(event: Event) -> None:
        log.append(event.data)
        await asyncio.sleep(0)
        log.append(-event.data)

    mine = called_back(callback)
    mine.put(event(1))
    calling = asyncio.ensure_future(mine.call_back())
    await asyncio.sleep(0)
    mine.put(event(2))
    mine.end()
    await calling
    assert log == [1, -1, 2, -2]
    with pytest.raises(TypeError, match="callback"):
        await anext(mine)


@pytest.mark.expected_logs("callback for /a raised")
async def test_a_callback_that_raises_is_called_again() -> None:
    heard: list[Any] = []

    def callback(event: Event) -> None:
        heard.append(event.data)
        raise KeyError(event.data)

    mine = called_back(callback)
    mine.put(event(1))
    mine.put(event(2))
    mine.end()
    await mine.call_back()
    assert heard == [1, 2]


@pytest.mark.expected_logs("no more events of /a: more than")
async def test_what_ends_the_events_of_a_callback_is_logged() -> None:
    mine = called_back(lambda event: None)
    mine.end(SubscriptionOverflow("more than 1 events were waiting"))
    await mine.call_back()
    assert isinstance(mine.error, SubscriptionOverflow)
    gone = called_back(lambda event: None)
    gone.end(ClientDisconnected("kicked"))  # told by other means, and no surprise
    await gone.call_back()
    assert gone.has_ended


# -- replay --------------------------------------------------------------------------------


def placed(id: int, channel: str = "/a") -> Event:
    return Event(channel, id, position=Position(id, "k"))


def report(**channels: tuple[int, int]) -> dict[str, Any]:
    """A subscribe's reply: newest id and count for each channel."""
    reports = {f"/{name}": {"id": id, "epoch": "k", "count": count} for name, (id, count) in channels.items()}
    return {"successful": True, "ext": {"replay": reports}}


@pytest.mark.spec("CLI-3", "ACK-31")
async def test_an_event_with_a_position_comes_once() -> None:
    mine = subscription()
    for id in (1, 2, 2, 1, 3):
        mine.put(placed(id))
    mine.put(event("same"))
    mine.put(event("same"))
    mine.end()
    assert [each.data async for each in mine] == [1, 2, 3, "same", "same"]


@pytest.mark.spec("RPL-23")
async def test_an_event_is_processed_when_the_next_one_is_asked_for() -> None:
    done: list[Any] = []
    mine = Subscription(("/a",), nothing, processed=lambda event: done.append(event.data))
    for id in (1, 2, 3):
        mine.put(placed(id))
    mine.put(event("no position"))
    assert (await anext(mine)).data == 1
    assert done == []
    await anext(mine)
    assert done == [1]
    async with mine:
        assert (await anext(mine)).data == 3
        assert done == [1, 2]
    assert done == [1, 2, 3]


@pytest.mark.spec("RPL-23")
async def test_an_event_whose_treatment_failed_is_not_processed() -> None:
    done: list[Any] = []
    mine = Subscription(("/a",), nothing, processed=lambda event: done.append(event.data))
    mine.put(placed(1))
    await anext(mine)
    await mine.__aexit__(KeyError, KeyError(), None)
    assert done == []


def starting(*channels: str, starts: Starts) -> Subscription:
    return Subscription(channels, nothing, starts=starts)


@pytest.mark.spec("CLI-3", "RPL-17", "RPL-19")
def test_a_subscription_starts_again_where_it_was_or_else_where_it_began() -> None:
    both = starting("/a", "/n/*", starts={"/a": 17, "/n/x": 4, "/n/*": -2})
    assert both.starts_again("/a") == {"/a": 17}
    assert both.starts_again("/n/*") == {"/n/x": 4, "/n/*": -2}
    for each in (placed(20), placed(5, "/n/x"), placed(9, "/n/y")):
        both.put(each)
    assert both.starts_again("/a") == {"/a": Position(20, "k")}
    assert both.starts_again("/n/*") == {"/n/*": -2, "/n/x": Position(5, "k"), "/n/y": Position(9, "k")}


@pytest.mark.spec("RPL-14")
def test_the_report_of_the_server_says_where_a_quiet_channel_is() -> None:
    quiet = subscription("/a", "/b")
    quiet.subscribed(report(a=(21, 0), b=(7, 3)))
    assert quiet.recovery["/b"].count == 3
    assert quiet.starts_again("/a") == {"/a": Position(21, "k")}
    assert quiet.starts_again("/b") == {}  # three events are on their way
    quiet.subscribed({"successful": True})
    assert quiet.recovery["/a"].position == Position(21, "k")


@pytest.mark.spec("CLI-3")
def test_a_channel_starts_again_at_the_earliest_place_that_is_needed() -> None:
    subscriptions = Subscriptions()
    ahead, behind, new = starting("/a", starts={}), starting("/a", starts={"/a": 3}), starting("/a", starts={})
    ahead.put(placed(9))
    for each in (ahead, behind, new):
        subscriptions.add(each)
        subscriptions.add(each)
    assert subscriptions.starts_again("/a") == {"/a": 3}
    assert subscriptions.on("/a") == [ahead, behind, new]


@pytest.mark.spec("RPL-21")
async def test_a_replay_for_one_subscription_is_none_for_the_others() -> None:
    subscriptions = Subscriptions()
    first, second = subscription(), starting("/a", starts={"/a": -2})
    subscriptions.add(first)
    subscriptions.deliver(placed(7))
    subscriptions.settle({"/a": -2})
    subscriptions.add(second)
    for id in (5, 6, 7, 8):
        subscriptions.deliver(placed(id))
    subscriptions.end(None)
    assert [[each.data async for each in mine] for mine in (first, second)] == [[7, 8], [5, 6, 7, 8]]


@pytest.mark.spec("DEL-4", "RPL-12")
def test_who_wants_only_what_is_new_changes_nothing_for_the_others() -> None:
    subscriptions = Subscriptions()
    mine = subscription()
    subscriptions.add(mine)
    subscriptions.deliver(placed(9))
    subscriptions.settle({"/a": -1})
    subscriptions.deliver(placed(8))  # in a response that was overtaken
    assert mine.waiting == 2


@pytest.mark.spec("RPL-20")
def test_after_a_gap_nothing_is_known_of_the_channel() -> None:
    mine = starting("/a", "/b", starts={"/a": 17, "/b": 3})
    for each in (placed(20), placed(4, "/b")):
        mine.put(each)
    mine.begin({"/a": -2, "/b": 3})
    assert mine.starts_again("/a") == {"/a": -2}
    assert mine.starts_again("/b") == {"/b": Position(4, "k")}
    mine.put(placed(20))
    assert mine.waiting == 3
