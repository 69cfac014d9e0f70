"""Section 3: whose session a message belongs to, how it moves, and when it ends by itself."""

from __future__ import annotations

import asyncio
import itertools
import re

import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import (
    REHANDSHAKE,
    UNKNOWN,
    Browser,
    Client,
    LongPolling,
    Socket,
    event,
    failure,
    is_event,
    success,
)
from tests.conformance.profiles import Profile

spec = pytest.mark.spec


async def drop(client: Client) -> None:
    """Lose all connections without a word, as in a network cut."""
    if isinstance(client, Socket):
        client.wire.abort()
    elif isinstance(client, LongPolling):
        client.drop()


async def come_back(client: Client) -> None:
    """Connections anew, with what the browser knows."""
    if isinstance(client, Socket):
        await client.open()


class TestIdentity:
    @spec("SES-2", "SEC-41")
    async def test_client_ids_are_alphanumeric_long_and_different(self, newcomer: Client) -> None:
        """128 bits in an alphabet of 62 take 22 characters."""
        ids = [(await newcomer.handshake())["clientId"] for _ in range(30)]
        assert len(set(ids)) == 30
        assert all(re.fullmatch("[A-Za-z0-9]{22,64}", each) for each in ids)
        assert not any(a[:8] == b[:8] for a, b in itertools.pairwise(ids))

    @spec("SES-4", "SEC-42", "WSEC-1")
    async def test_second_message_of_a_batch_may_not_name_another_session(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        """It is answered 402, the rest of the batch goes on, the true owner is untouched."""
        await bob.subscribe(channel)
        first = alice.message(channel, data=1)
        foreign = alice.message(channel, data=2, clientId=bob.client_id)
        disconnect = alice.message("/meta/disconnect", clientId=bob.client_id)
        last = alice.message(channel, data=3)
        assert await alice.exchange(first, foreign, disconnect, last) == [
            success(first),
            failure(foreign, UNKNOWN),
            failure(disconnect, UNKNOWN),
            success(last),
        ]
        assert await bob.events() == [event(channel, 1), event(channel, 3)]
        assert await bob.is_known()

    @spec("SES-4", "PUB-2")
    async def test_second_message_of_a_batch_needs_a_client_id_too(self, alice: Client, channel: str) -> None:
        first = alice.message(channel, data=1)
        nameless = {"id": "n", "channel": channel, "data": 2}
        assert await alice.exchange(first, nameless) == [success(first), failure(nameless, UNKNOWN)]

    @spec("SEC-13", "CN-21", "SUB-9", "UNS-1", "PUB-2", "DSC-4", "SEC-41")
    @pytest.mark.parametrize("guess", ["gone", "", "x" * 400, "\u00e9", "../1", "0" * 27, " "])
    async def test_unknown_session_is_told_so_on_every_channel(
        self, newcomer: Client, channel: str, guess: str
    ) -> None:
        """Only connect is advised to handshake."""
        newcomer.client_id = guess
        requests = [
            newcomer.message("/meta/subscribe", subscription=channel, clientId=guess),
            newcomer.message("/meta/unsubscribe", subscription=channel, clientId=guess),
            newcomer.message(channel, data=1, clientId=guess),
            newcomer.message("/service/conformance/x", data=1, clientId=guess),
            newcomer.message("/meta/disconnect", clientId=guess),
        ]
        for request in requests:
            repeated = {name: request[name] for name in ("subscription",) if name in request}  # SUB-1
            assert await newcomer.exchange(request) == [failure(request, UNKNOWN, **repeated)]
        connect = newcomer.connect_message(clientId=guess)
        assert await newcomer.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]

    @spec("SEC-41")
    async def test_client_id_almost_right_is_unknown(self, alice: Client) -> None:
        """Its beginning, another case, a space behind it."""
        true_id = alice.client_id or ""
        for guess in (true_id[:-1], true_id + "x", true_id.swapcase(), true_id + " ", true_id[::-1]):
            (reply,) = await alice.exchange(alice.message("/service/conformance/x", clientId=guess))
            assert reply["error"] == UNKNOWN
        assert await alice.is_known()


class TestMoving:
    @spec("SES-3", "NEG-3", "WS-30")
    async def test_session_may_use_both_transports(self, guests: Guests, channel: str) -> None:
        """As Faye does: handshake by POST, connect on a socket, publish by POST."""
        browser = Browser()
        post = guests.long_polling(browser)
        await post.handshake()
        socket = await guests.websocket(browser)
        socket.client_id = post.client_id
        assert (await socket.connect())["successful"]
        assert (await post.subscribe(channel))["successful"]
        assert (await socket.publish(channel, "by socket"))["successful"]
        assert (await post.publish(channel, "by post"))["successful"]
        assert [*post.take_unread(), *socket.take_unread(), *await socket.events()] == [
            event(channel, "by post"),
            event(channel, "by socket"),
        ]

    @spec("SES-3", "DEL-1")
    async def test_session_that_polls_is_not_pushed_to(self, guests: Guests, carol: Client, channel: str) -> None:
        """After a connect by POST its events come by POST, until the socket speaks again."""
        browser = Browser()
        socket = await guests.websocket(browser)
        post = guests.long_polling(browser)
        await post.handshake()
        socket.client_id = post.client_id
        await socket.connect()
        await post.subscribe(channel)
        await post.connect(advice={"timeout": 0})
        await carol.publish(channel, 1)
        assert await post.events() == [event(channel, 1)]
        await carol.publish(channel, 2)
        await carol.publish(channel, 3)
        assert await socket.events() == [event(channel, 2), event(channel, 3)]


@pytest.mark.profile("brief")
class TestExpiry:
    """On a server with a maxInterval below a second and a timeout of thirty."""

    @spec("SES-5", "SES-6", "HS-13", "DSC-10", "CN-21")
    async def test_session_that_never_speaks_again_is_swept(self, newcomer: Client, profile: Profile) -> None:
        """After the handshake alone; connect is then told to handshake, others are not."""
        await newcomer.handshake()
        await asyncio.sleep(profile.lifetime)
        await come_back(newcomer)
        request = newcomer.message("/meta/subscribe", subscription="/a")
        (reply,) = await newcomer.exchange(request)
        assert reply == failure(request, UNKNOWN, subscription="/a")
        connect = newcomer.connect_message()
        assert await newcomer.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]

    @spec("SES-5", "SES-6")
    async def test_session_between_two_connects_is_swept(self, alice: Client, profile: Profile) -> None:
        await asyncio.sleep(profile.lifetime)
        await come_back(alice)
        assert not await alice.is_known()

    @spec("SES-5")
    async def test_held_connect_keeps_the_session(
        self, alice: Client, bob: Client, channel: str, profile: Profile
    ) -> None:
        """However long it is held."""
        await alice.subscribe(channel)
        held = await alice.hold()
        bob_held = await bob.hold()
        await asyncio.sleep(profile.lifetime)
        assert not held.is_over
        assert not bob_held.is_over
        await bob.publish(channel, 1)
        if isinstance(alice, LongPolling):
            assert await held.messages() == [event(channel, 1), success(held.request)]
        else:
            assert await alice.events() == [event(channel, 1)]

    @spec("SES-5")
    async def test_other_messages_prolong_a_session(self, alice: Client, profile: Profile) -> None:
        """Publishing alone keeps it for a while, and it ends when that stops."""
        for _ in range(3):
            await asyncio.sleep(0.6 * profile["max_interval"] / 1000)  # two of these are longer than a silent life
            assert await alice.is_known()
        await asyncio.sleep(profile.lifetime)
        await come_back(alice)
        assert not await alice.is_known()

    @spec("SES-5", "ADV-6")
    async def test_announced_interval_prolongs_a_session(self, alice: Client, profile: Profile) -> None:
        """``advice.interval`` of a connect counts on top of maxInterval, this once."""
        reply = await alice.connect(advice={"timeout": 0, "interval": 1200})
        assert reply["advice"]["interval"] == 1200
        await asyncio.sleep((1200 + 0.3 * profile["max_interval"]) / 1000)
        assert (await alice.connect(advice={"timeout": 0}))["successful"]
        await asyncio.sleep(profile.lifetime)
        await come_back(alice)
        assert not await alice.is_known()

    @spec("SES-10")
    async def test_max_interval_of_the_session_wins(self, alice: Client, profile: Profile) -> None:
        await alice.publish("/service/set", {"max_interval": 10_000})
        assert (await alice.connect(advice={"timeout": 0}))["successful"]
        await asyncio.sleep(profile.lifetime)
        assert await alice.is_known()

    @spec("SES-8", "SES-5", "DEL-5")
    async def test_lost_connection_of_a_held_connect_is_noticed_and_nothing_drained(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        """What is published meanwhile waits for the client's return."""
        await alice.publish("/service/set", {"max_interval": 10_000})
        await alice.subscribe(channel)
        await alice.hold()
        await drop(alice)
        for n in range(5):
            await bob.publish(channel, n)
        await come_back(alice)
        alice.held = None
        assert (await alice.connect(advice={"timeout": 0}))["successful"]
        came = [message for message in [*alice.take_unread(), *await alice.events()] if is_event(message)]
        # What was on its way at the moment of the cut may be lost (DEL-5); the rest is there, in order.
        data = [message["data"] for message in came]
        assert data == list(range(5 - len(data), 5))
        assert len(data) >= 4

    @spec("SES-8", "SES-7", "WS-16")
    async def test_session_ends_soon_after_the_connection_of_its_held_connect(
        self, alice: Client, profile: Profile
    ) -> None:
        """The clock starts at the loss, not when the hold would have timed out."""
        await alice.hold()
        await drop(alice)
        await asyncio.sleep(profile.lifetime)
        await come_back(alice)
        connect = alice.connect_message()
        assert await alice.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]

    @spec("SES-6", "SUB-11")
    async def test_expired_session_is_out_of_its_channels(
        self, newcomer: Client, guests: Guests, transport: str, channel: str, profile: Profile
    ) -> None:
        """A new session of the same client gets nothing for the old one's subscriptions."""
        await newcomer.handshake()
        await newcomer.subscribe(channel)
        await asyncio.sleep(profile.lifetime)
        bob = await (await guests.by(transport)).ready()
        await come_back(newcomer)
        await newcomer.ready()
        await bob.publish(channel, 1)
        assert await newcomer.events() == []

    @spec("DSC-9", "WS-20")
    async def test_socket_of_an_expired_session_is_closed(self, guests: Guests) -> None:
        client = await guests.websocket()
        await client.ready()
        end = await client.closed()
        assert (end.code, end.reason) == (1000, "Session expired")

    @spec("WS-16", "WS-30")
    async def test_session_outlives_its_socket(self, guests: Guests, carol: Client, channel: str) -> None:
        """Events published while it is away arrive on the next socket."""
        client = await guests.websocket()
        await client.ready()
        await client.subscribe(channel)
        client.wire.send_close(1000)
        await client.wire.rest()
        await carol.publish(channel, 1)
        await client.open()
        assert (await client.connect(advice={"timeout": 0}))["successful"]
        assert [*client.take_unread(), *await client.events()] == [event(channel, 1)]
