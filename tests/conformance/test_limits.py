"""Section 18 and the limits: what a queue, a session and a server take, and what is said beyond."""

from __future__ import annotations

import asyncio
import time

import orjson
import pytest

from tests.conformance.conftest import Guests, Target
from tests.conformance.conversation import (
    REHANDSHAKE,
    UNKNOWN,
    Client,
    LongPolling,
    Message,
    Socket,
    event,
    failure,
    success,
)
from tests.conformance.profiles import Profile
from tests.support.wire import ConnectionGone

spec = pytest.mark.spec


async def refused_handshake(guests: Guests, transport: str, at_most: int) -> tuple[Client, Message, Message]:
    """Handshake, each time as somebody else, until one is refused: who, the request, the reply."""
    for _ in range(at_most):
        client = await guests.by(transport)
        request = client.handshake_message()
        (reply,) = await client.exchange(request)
        if not reply["successful"]:
            return client, request, reply
    raise AssertionError(f"{at_most} handshakes were accepted")


class TestQueue:
    @spec("Q-1", "Q-2", "SEC-L16", "SEC-1")
    @pytest.mark.profile("small")
    async def test_queue_takes_as_many_events_as_it_may(
        self, guests: Guests, carol: Client, channel: str, profile: Profile
    ) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        for n in range(profile["max_queue"]):
            await carol.publish(channel, n)
        assert await client.events() == [event(channel, n) for n in range(profile["max_queue"])]

    @spec("Q-1", "Q-2", "SEC-L16", "SEC-1", "CN-21")
    @pytest.mark.profile("small")
    async def test_session_ends_when_its_queue_overflows(
        self, guests: Guests, carol: Client, channel: str, profile: Profile
    ) -> None:
        """Its next connect is told to handshake, so that the client comes back and reloads."""
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        for n in range(profile["max_queue"] + 1):
            assert (await carol.publish(channel, n))["successful"]
        connect = client.connect_message()
        assert await client.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]
        await client.ready()
        assert await client.events() == []

    @spec("Q-2", "SEC-L16")
    @pytest.mark.profile("few-bytes")
    async def test_queue_is_bounded_in_bytes_too(self, guests: Guests, carol: Client, channel: str) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        data = "x" * 3000
        await carol.publish(channel, data)
        await carol.publish(channel, data)
        assert await client.events() == [event(channel, data)] * 2
        for _ in range(3):
            await carol.publish(channel, data)
        assert not await client.is_known()

    @spec("Q-2")
    @pytest.mark.profile("drop-new")
    async def test_newest_events_are_dropped_where_options_say_so(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        for n in range(6):
            await carol.publish(channel, n)
        assert await client.events() == [event(channel, n) for n in (0, 1, 2)]

    @spec("Q-2")
    @pytest.mark.profile("drop-old")
    async def test_oldest_events_are_dropped_where_options_say_so(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        for n in range(6):
            await carol.publish(channel, n)
        assert await client.events() == [event(channel, n) for n in (3, 4, 5)]

    @spec("Q-2", "WS-20")
    @pytest.mark.profile("small")
    async def test_burst_to_a_socket_that_reads_is_no_overflow(
        self, guests: Guests, channel: str, profile: Profile
    ) -> None:
        """One batch of five after another, twenty times the queue in all."""
        client = guests.long_polling()
        await client.ready()
        socket = await guests.websocket()
        await socket.ready()
        await socket.subscribe(channel)
        expected = []
        for n in range(10):
            await client.exchange(*(client.message(channel, data=[n, k]) for k in range(profile["max_batch_messages"])))
            expected += [event(channel, [n, k]) for k in range(profile["max_batch_messages"])]
        assert await socket.events() == expected

    @spec("SEC-L16", "SEC-L17", "WS-21", "DEL-1")
    async def test_backlog_as_large_as_the_queue_arrives_whole(
        self, newcomer: Client, bob: Client, channel: str
    ) -> None:
        """Almost a megabyte, waiting for a client that reads as fast as it can."""
        await newcomer.handshake()
        await newcomer.subscribe(channel)
        if isinstance(newcomer, Socket):
            newcomer.wire.send_close()
            await newcomer.wire.closed()  # the server knows before anything is published
        data = "x" * 60_000
        for n in range(16):
            await bob.publish(channel, [n, data])
        if isinstance(newcomer, Socket):
            await newcomer.open()
        assert (await newcomer.connect())["successful"]
        numbers = [each["data"][0] for each in [*newcomer.take_unread(), *await newcomer.events()]]
        assert numbers == list(range(16))
        assert await newcomer.is_known()

    @spec("SEC-L17", "WS-21")
    @pytest.mark.profile("small-buffers")
    async def test_poll_that_does_not_read_its_answer_is_aborted(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        """Its session goes on: the next connect is served."""
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        slow = await client.connection(receive_buffer=4096)
        data = "x" * 60_000
        for n in range(90):
            await carol.publish(channel, [n, data])
        client.write(slow, [client.connect_message()])
        await asyncio.sleep(2)  # more than ``ws_write_timeout``
        assert len(await slow.rest()) < 90 * 60_000
        assert await client.is_known()


class TestMessageSizes:
    @spec("SEC-L8", "SEC-1", "BAT-3")
    @pytest.mark.profile("small")
    async def test_one_message_is_bounded(self, alice: Client, bob: Client, channel: str, profile: Profile) -> None:
        """At the limit it passes; beyond it is refused and the rest of the batch goes on."""
        limit = profile["max_bayeux_message_size"]
        await alice.subscribe(channel)
        fits = bob.message(channel, data="")
        fits["data"] = "x" * (limit - len(orjson.dumps(fits)))
        beyond = bob.message(channel, data="")
        beyond["data"] = "y" * (limit + 1 - len(orjson.dumps(beyond)))
        last = bob.message(channel, data=3)
        assert await bob.exchange(fits, beyond, last) == [
            success(fits),
            failure(beyond, f"413:{limit}:message_too_large"),
            success(last),
        ]
        assert await alice.events() == [event(channel, fits["data"]), event(channel, 3)]

    @spec("SEC-L12", "SEC-1", "MSG-4", "SEC-10")
    @pytest.mark.parametrize("beyond", [-1, 0, 1])
    async def test_depth_is_bounded(self, alice: Client, channel: str, beyond: int) -> None:
        """32 levels, the array around the messages and the message itself counted."""
        await alice.subscribe(channel)
        levels = 32 - 2 + beyond
        message = orjson.dumps([alice.message(channel, data="@")])
        body = message.replace(b'"@"', b"[" * levels + b"]" * levels)
        if beyond > 0:
            if isinstance(alice, LongPolling):
                assert await alice.refusal(body) == 400
            else:
                assert await alice.raw(body) == [{"successful": False, "error": "400::malformed_message"}]
        else:
            came = await alice.raw(body)
            assert [message["channel"] for message in came] == [channel, channel]

    @spec("SEC-L13", "SEC-1")
    @pytest.mark.profile("small")
    async def test_ext_is_bounded(self, alice: Client, channel: str, profile: Profile) -> None:
        limit = profile["max_ext_size"]
        room = limit - len(b'{"a":""}')
        fits = alice.message(channel, data=1, ext={"a": "x" * room})
        beyond = alice.message(channel, data=1, ext={"a": "x" * (room + 1)})
        assert await alice.exchange(fits, beyond) == [success(fits), failure(beyond, "400:ext:field_invalid")]


class TestCounts:
    @spec("SEC-L14", "SEC-1", "WSEC-2", "SUB-3")
    @pytest.mark.profile("small")
    async def test_subscriptions_of_a_session_are_bounded(
        self, alice: Client, bob: Client, channel: str, profile: Profile
    ) -> None:
        """One too many is refused, in an array with all that come with it; unsubscribing makes room."""
        names = [f"{channel}/{n}" for n in range(profile["max_subscriptions_per_session"] + 1)]
        for name in names[:-2]:
            assert (await alice.subscribe(name))["successful"]
        assert (await alice.subscribe(names[-2:]))["error"].startswith("403:limit")
        assert (await alice.subscribe(names[-2]))["successful"]
        request = alice.message("/meta/subscribe", subscription=names[-1])
        assert await alice.exchange(request) == [failure(request, "403:limit:subscribe_denied", subscription=names[-1])]
        assert (await alice.subscribe(names[0]))["successful"]
        await alice.unsubscribe(names[0])
        assert (await alice.subscribe(names[-1]))["successful"]
        await bob.publish(names[-1], 1)
        await bob.publish(names[0], 2)
        assert await alice.events() == [event(names[-1], 1)]

    @spec("SEC-L15", "HS-17", "WSEC-2", "BER-1")
    @pytest.mark.profile("few-sessions")
    async def test_sessions_are_bounded(self, guests: Guests, transport: str) -> None:
        """Refused for a passing reason: advice ``handshake``, never ``none``, and no cookie."""
        client, request, reply = await refused_handshake(guests, transport, 3)
        assert reply == failure(request, "503::unavailable", advice=reply["advice"])
        assert reply["advice"].keys() == {"reconnect", "interval"}
        assert reply["advice"]["reconnect"] == "handshake"
        assert isinstance(reply["advice"]["interval"], int)
        if isinstance(client, LongPolling):
            assert not client.browser

    @spec("WSEC-2", "PUB-6", "SUB-4", "CH-31", "SEC-49")
    @pytest.mark.profile("few-channels")
    async def test_channels_are_bounded_and_swept(self, alice: Client, channel: str) -> None:
        """Those of publishes and of subscriptions; one that nobody uses makes room after three sweeps."""
        *_, published, subscribed = await alice.exchange(  # together: no sweep comes in between
            *(alice.message(f"{channel}/{n}", data=1) for n in range(13)),
            alice.message("/meta/subscribe", subscription=f"{channel}/x"),
        )
        assert published["error"] == "403:limit:channel_create_denied"
        assert subscribed["error"] == "403:limit:create_denied"
        for ask in (lambda: alice.subscribe(f"{channel}/x"), lambda: alice.publish(f"{channel}/y", 1)):
            for _ in range(50):  # three sweeps of this profile, or more where the machine is busy
                if (await ask())["successful"]:
                    break
                await asyncio.sleep(0.2)
            else:
                pytest.fail("no channel was swept")


class TestConnections:
    @pytest.fixture(autouse=True)
    def listener(self, target: Target) -> None:
        """Behind the others the server of an application accepts its connections itself."""
        if target.name not in ("listener", "external"):
            pytest.skip("somebody else accepts the connections of this door")

    @spec("SEC-L1", "SEC-1", "HTTP-9")
    @pytest.mark.profile("few-connections")
    async def test_connections_are_bounded(self, guests: Guests, profile: Profile) -> None:
        """One too many gets 503, is told when to come again, and is closed; the others are served."""
        client = guests.long_polling()
        connections = [await client.connection() for _ in range(profile["max_connections"])]
        for connection in connections:
            assert (await client.post([client.handshake_message()], connection=connection)).status == 200
        refused = await client.connection()
        answer = await refused.reply()
        assert answer.status == 503
        assert 1 <= int(answer.header("retry-after") or "") <= 5
        assert await refused.rest() == b""
        assert (await client.post([client.handshake_message()], connection=connections[0])).status == 200

    @spec("SEC-L3", "HTTP-9")
    @pytest.mark.profile("slow-door")
    async def test_rate_of_connections_is_bounded(self, guests: Guests) -> None:
        """Of twenty at once most get 503."""
        client = guests.long_polling()
        connections = [await client.connection() for _ in range(20)]
        answers = []
        for connection in connections:
            connection.request("OPTIONS", client.endpoint.path)
            try:
                answers.append((await connection.reply()).status)
            except ConnectionGone:
                answers.append(503)  # closed before our request came, and the answer lost with it
        assert answers.count(503) >= 10
        assert answers[0] == 200


class TestRates:
    @spec("SEC-L19", "SEC-1", "BER-1")
    @pytest.mark.profile("slow-talkers")
    async def test_messages_of_a_session_are_bounded(self, newcomer: Client, profile: Profile) -> None:
        """The burst passes, then each message gets 429; the others are not disturbed."""
        await newcomer.handshake()
        burst = profile["session_message_burst"]
        requests = [newcomer.message("/service/conformance/x", data=n) for n in range(burst + 2)]
        replies = await newcomer.exchange(*requests)
        assert replies[:burst] == [success(request) for request in requests[:burst]]
        for request, reply in zip(requests[burst:], replies[burst:], strict=True):
            assert reply == failure(request, reply["error"])
            code, limit, text = reply["error"].split(":")
            assert (code, text) == ("429", "rate_limited")
            assert limit

    @spec("SEC-L19", "WS-20")
    @pytest.mark.profile("slow-talkers")
    async def test_session_that_does_not_heed_it_is_ended(self, newcomer: Client, profile: Profile) -> None:
        """Ten refusals in a row; a socket is closed with 1008."""
        await newcomer.handshake()
        burst = profile["session_message_burst"]
        requests = [newcomer.message("/service/conformance/x", data=n) for n in range(burst + 10)]
        if isinstance(newcomer, LongPolling):
            await newcomer.exchange(*requests)
            connect = newcomer.connect_message()
            assert await newcomer.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]
        else:
            assert await newcomer.refusal(orjson.dumps(requests)) == 1008

    @spec("SEC-L20", "HS-17")
    @pytest.mark.profile("few-handshakes")
    async def test_handshakes_of_an_address_are_bounded(self, guests: Guests, transport: str) -> None:
        """429 with advice to handshake after five to fifteen seconds; no session, no cookie."""
        client, request, reply = await refused_handshake(guests, transport, 4)
        code, limit, text = reply["error"].split(":")
        assert (code, text) == ("429", "rate_limited")
        assert limit
        assert reply == failure(request, reply["error"], advice=reply["advice"])
        assert reply["advice"]["reconnect"] == "handshake"
        assert 5000 <= reply["advice"]["interval"] <= 15000
        if isinstance(client, LongPolling):
            assert not client.browser


@pytest.mark.profile("impatient")
class TestPatience:
    """Half a second for the head of a request, for its body, and between two requests."""

    @spec("SEC-L4")
    async def test_head_that_does_not_end(self, guests: Guests) -> None:
        """The connection ends; trickling does not prolong it."""
        client = guests.long_polling()
        await client.handshake()
        connection = await client.connection()
        connection.write(b"POST /cometd HTTP/1.1\r\nHost: x\r\n")
        since = time.monotonic()
        trickle = asyncio.create_task(self._trickle(connection))
        rest = await connection.rest()
        trickle.cancel()
        assert time.monotonic() - since < 8
        assert not rest.startswith(b"HTTP/1.1 200")

    async def _trickle(self, connection: object) -> None:
        for n in range(100):
            connection.write(b"X-%d: y\r\n" % n)  # type: ignore[attr-defined]
            await asyncio.sleep(0.1)  # the pace of a slow attacker

    @spec("SEC-L5", "HTTP-10")
    async def test_body_that_does_not_come(self, guests: Guests) -> None:
        """Closed without an answer: 408 would make browsers repeat the request."""
        client = guests.long_polling()
        connection = await client.connection()
        head = {"Content-Type": "application/json", "Content-Length": "100"}
        connection.request("POST", client.endpoint.path, head)
        connection.write(b"[")
        since = time.monotonic()
        assert await connection.rest() == b""
        assert 0.4 < time.monotonic() - since < 8

    @spec("SEC-L6", "HTTP-10")
    async def test_connection_between_two_requests(self, guests: Guests) -> None:
        """Closed silently."""
        client = guests.long_polling()
        connection = await client.connection()
        await client.post([client.handshake_message()], connection=connection)
        since = time.monotonic()
        assert await connection.rest() == b""
        assert 0.4 < time.monotonic() - since < 8

    @spec("SEC-L6", "SEC-L5", "CN-3")
    async def test_held_connect_is_not_an_idle_connection(self, guests: Guests) -> None:
        client = guests.long_polling()
        await client.ready()
        held = await client.hold()
        await asyncio.sleep(1.2)  # longer than an idle connection or a body may take here
        await client.barrier()
        assert not held.is_over
