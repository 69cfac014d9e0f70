"""Section 11: several messages in one body or frame, and the order of what comes back."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import Client, LongPolling, event, failure, success
from tests.conformance.profiles import Profile

spec = pytest.mark.spec


@spec("BAT-1", "BAT-2")
async def test_messages_are_processed_in_order_and_answered_in_order(alice: Client, bob: Client, channel: str) -> None:
    """Subscribe, publish, unsubscribe, publish: only the first publish is heard."""
    requests = [
        alice.message("/meta/subscribe", subscription=channel),
        alice.message(channel, data=1),
        alice.message("/meta/unsubscribe", subscription=channel),
        alice.message(channel, data=2),
    ]
    came = await alice.exchange(*requests)
    assert came[0] == event(channel, 1)
    assert [reply["id"] for reply in came[1:]] == [request["id"] for request in requests]


@spec("BAT-2", "WS-11", "BAT-6")
async def test_all_replies_of_a_frame_come_in_one_frame_behind_the_events(guests: Guests, channel: str) -> None:
    client = await guests.websocket()
    await client.ready()
    await client.subscribe(channel)
    requests = [client.message(channel, data=n) for n in range(3)]
    client.send(*requests)
    frames = [await client.frame()]
    while not any("successful" in message for message in frames[-1]):
        frames.append(await client.frame())
    assert [message for frame in frames[:-1] for message in frame] == [event(channel, n) for n in range(3)]
    assert frames[-1] == [success(request) for request in requests]


@spec("BAT-1")
@pytest.mark.profile("hooks")
async def test_next_message_waits_for_the_hooks_of_the_one_before(alice: Client, bob: Client, channel: str) -> None:
    """Nothing of the second is to be seen while a listener of the first is at work."""
    await bob.subscribe(channel)
    waiting = alice.message("/service/wait", data={"gate": channel})
    publish = alice.message(channel, data="second")
    answer = asyncio.create_task(alice.exchange(waiting, publish))
    await bob.barrier()
    await bob.barrier()
    await bob.publish(channel, "between")
    await bob.publish("/service/open", {"gate": channel})
    assert await answer == [success(waiting), success(publish)]
    assert await bob.events() == [event(channel, "between"), event(channel, "second")]


@spec("WS-9", "BAT-1")
@pytest.mark.profile("hooks")
async def test_next_frame_waits_for_the_one_before(guests: Guests, carol: Client, channel: str) -> None:
    client = await guests.websocket()
    await client.ready()
    waiting = client.message("/service/wait", data={"gate": channel})
    next_one = client.message("/service/conformance/x")
    client.send(waiting)
    client.send(next_one)
    await carol.barrier()
    await carol.publish("/service/open", {"gate": channel})
    assert await client.frame() == [success(waiting)]
    assert await client.frame() == [success(next_one)]


@spec("WS-9", "CN-3")
async def test_held_connect_does_not_stop_a_socket(guests: Guests) -> None:
    client = await guests.websocket()
    await client.ready()
    held = await client.hold()
    for _ in range(5):
        await client.barrier()
    assert not held.is_over


@spec("BAT-3", "BER-2")
async def test_failing_message_does_not_stop_the_others(alice: Client, bob: Client, channel: str) -> None:
    await bob.subscribe(channel)
    requests = [
        alice.message(channel, data=1),
        alice.message("/a//b", data=1),
        alice.message(channel, data=2),
        {"id": "x"},
        alice.message("/meta/nothing"),
        alice.message("/meta/subscribe"),
        alice.message(channel, data=3, ext=[]),
        alice.message(channel, data=4),
    ]
    replies = await alice.exchange(*requests)
    assert [reply["successful"] for reply in replies] == [True, False, True, False, False, False, False, True]
    assert [reply.get("error") for reply in replies if not reply["successful"]] == [
        "405::channel_invalid",
        "400::channel_missing",
        "403:denied_by_security_policy:channel_create_denied",
        "403::subscription_missing",
        "400:ext:field_invalid",
    ]
    assert await bob.events() == [event(channel, n) for n in (1, 2, 4)]


@spec("BAT-5", "CN-20")
async def test_events_stand_before_the_connect_reply(guests: Guests, carol: Client, channel: str) -> None:
    """Oldest first, whatever the channel."""
    client = guests.long_polling()
    await client.ready()
    await client.subscribe(f"{channel}/*")
    for n in range(3):
        await carol.publish(f"{channel}/{n}", n)
    connect = client.connect_message()
    assert await client.exchange(connect) == [
        *(event(f"{channel}/{n}", n) for n in range(3)),
        success(connect),
    ]


@spec("BAT-8", "SEC-L11", "SEC-1", "HTTP-9", "WS-20")
@pytest.mark.profile("small")
async def test_batch_is_bounded(alice: Client, guests: Guests, transport: str, channel: str, profile: Profile) -> None:
    """At the limit all are processed, one more and none is: HTTP 413, WebSocket 1009."""
    limit = profile["max_batch_messages"]
    bob = await (await guests.by(transport)).ready()
    await alice.subscribe(channel)
    assert len(await bob.exchange(*(bob.message(channel, data=n) for n in range(limit)))) == limit
    too_many = orjson.dumps([bob.message(channel, data="too many") for _ in range(limit + 1)])
    assert await bob.refusal(too_many) == (413 if isinstance(bob, LongPolling) else 1009)
    assert await alice.events() == [event(channel, n) for n in range(limit)]


@spec("BAT-8", "SEC-L11", "SEC-1")
async def test_hundred_messages_are_a_batch_by_default(alice: Client) -> None:
    """And more are refused before anything of them is looked at, even if all are nonsense."""
    replies = await alice.exchange(*({"id": n} for n in range(100)))
    assert [reply["id"] for reply in replies] == list(range(100))
    assert await alice.refusal(orjson.dumps([{}] * 101)) == (413 if isinstance(alice, LongPolling) else 1009)


@spec("CN-6", "BAT-5", "HS-12")
async def test_faye_and_aiocometd_send_connect_with_other_messages(newcomer: Client, bob: Client, channel: str) -> None:
    """Section 22: connect and subscribe in one body, also as the first thing after the handshake."""
    await newcomer.handshake()
    connect = newcomer.connect_message()
    one, two = (newcomer.message("/meta/subscribe", subscription=f"{channel}/{name}") for name in "ab")
    assert await newcomer.exchange(connect, one, two) == [
        success(connect),
        success(one, subscription=one["subscription"]),
        success(two, subscription=two["subscription"]),
    ]
    await bob.publish(f"{channel}/a", 1)
    again = newcomer.connect_message(advice={"timeout": 0})
    came = await newcomer.exchange(again, newcomer.message(f"{channel}/b", data=2))
    assert came[:2] == [event(f"{channel}/a", 1), event(f"{channel}/b", 2)]
    assert [message["successful"] for message in came[2:]] == [True, True]


@spec("BAT-3", "SES-4")
async def test_batch_of_an_unknown_session_gets_a_reply_each(newcomer: Client, channel: str) -> None:
    requests = [newcomer.message(channel, data=n, clientId="gone") for n in range(3)]
    assert await newcomer.exchange(*requests) == [failure(request, "402::session_unknown") for request in requests]
