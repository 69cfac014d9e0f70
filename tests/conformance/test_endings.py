"""Section 9: how a session ends by the client's wish or the server's, and how the server goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest

from tests.conformance.conftest import Guests, Target
from tests.conformance.conversation import (
    KICKED,
    REHANDSHAKE,
    RETRY,
    STOP,
    UNKNOWN,
    Client,
    LongPolling,
    Socket,
    event,
    failure,
    success,
)
from tests.conformance.own_server import OwnServer
from tests.conformance.profiles import Profile
from tests.support.wire import ConnectionGone, UpgradeRefused

spec = pytest.mark.spec

FAREWELL = {**RETRY, **STOP}
"""Advice of the last connect reply (CN-23, T5)."""


class TestDisconnect:
    @spec("DSC-1")
    async def test_disconnect_ends_the_session(self, alice: Client) -> None:
        request = alice.message("/meta/disconnect")
        assert await alice.exchange(request) == [success(request)]
        connect = alice.connect_message()
        assert await alice.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]

    @spec("DSC-1", "SUB-11")
    async def test_session_that_disconnected_is_out_of_its_channels(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        """A publish afterwards goes to those who are left, and a new session starts empty."""
        await alice.subscribe(channel)
        await bob.subscribe(channel)
        await alice.disconnect()
        assert (await bob.publish(channel, 1))["successful"]
        await alice.handshake()
        await alice.connect()
        assert await alice.events() == []

    @spec("DSC-2", "DSC-3", "WS-22", "CN-23")
    async def test_held_connect_is_released(self, alice: Client) -> None:
        """Successful, told to stop; on a socket before the disconnect reply, or the JS client never closes."""
        held = await alice.hold()
        request = alice.message("/meta/disconnect")
        came = await alice.exchange(request)
        last = success(held.request, advice=FAREWELL)
        if isinstance(alice, LongPolling):
            assert (came, await held.messages()) == ([success(request)], [last])
        else:
            assert came == [last, success(request)]

    @spec("DSC-4", "BER-1")
    async def test_disconnect_of_an_unknown_session(self, newcomer: Client) -> None:
        request = newcomer.message("/meta/disconnect", clientId="gone")
        assert await newcomer.exchange(request) == [failure(request, UNKNOWN)]

    @spec("DSC-4")
    async def test_disconnecting_twice(self, alice: Client) -> None:
        await alice.disconnect()
        request = alice.message("/meta/disconnect")
        assert await alice.exchange(request) == [failure(request, UNKNOWN)]

    @spec("DSC-12", "BAT-3", "BAT-1")
    async def test_publish_after_disconnect_in_one_batch(self, alice: Client, bob: Client, channel: str) -> None:
        await bob.subscribe(channel)
        before = alice.message(channel, data="before")
        disconnect = alice.message("/meta/disconnect")
        after = alice.message(channel, data="after")
        subscribe = alice.message("/meta/subscribe", subscription=channel)
        assert await alice.exchange(before, disconnect, after, subscribe) == [
            success(before),
            success(disconnect),
            failure(after, UNKNOWN),
            failure(subscribe, UNKNOWN, subscription=channel),
        ]
        assert await bob.events() == [event(channel, "before")]

    @spec("DSC-8", "WS-22", "WS-20", "WS-31")
    async def test_socket_is_closed_if_the_client_does_not(self, guests: Guests) -> None:
        """After two seconds; not if a new session was made on it meanwhile."""
        used = await guests.websocket()
        await used.ready()
        await used.disconnect()
        await used.ready()
        left = await guests.websocket()
        await left.ready()
        await left.disconnect()
        since = time.monotonic()
        end = await left.closed()
        assert end.code == 1000
        assert 1.9 <= time.monotonic() - since <= 9
        assert await used.is_known()


@pytest.mark.profile("hooks")
class TestKick:
    @spec("DSC-6", "CN-3", "CN-23", "DEL-6")
    async def test_kick_releases_the_held_connect_behind_the_queue(self, alice: Client, bob: Client) -> None:
        """Events first, then the news, then the reply that says so."""
        held = await alice.hold()
        await bob.publish("/service/kick", {"clientId": alice.client_id, "events": [1, 2]})
        came = await held.messages()
        assert came == [
            event("/last", 1),
            event("/last", 2),
            KICKED,
            success(held.request, advice=FAREWELL),
        ]

    @spec("DSC-6")
    async def test_kick_without_a_held_connect_is_told_at_once_on_a_socket(self, guests: Guests, carol: Client) -> None:
        client = await guests.websocket()
        await client.ready()
        await carol.publish("/service/kick", {"clientId": client.client_id, "events": ["x"]})
        came = await client.frame()
        while KICKED not in came:
            came += await client.frame()
        assert came == [event("/last", "x"), KICKED]

    @spec("DSC-7", "CN-23")
    async def test_kick_between_two_polls_is_told_by_the_next_one(self, guests: Guests, carol: Client) -> None:
        """A tombstone keeps the events and the news; the client is told to stay away, not to come straight back."""
        client = guests.long_polling()
        await client.ready()
        await carol.publish("/service/kick", {"clientId": client.client_id, "events": [1, 2]})
        request = client.connect_message()
        *events, news, reply = await client.exchange(request)
        assert events == [event("/last", 1), event("/last", 2)]
        assert news == KICKED
        assert reply["id"] == request["id"]
        assert reply["advice"]["reconnect"] == "none"

    @spec("DSC-7")
    @pytest.mark.parametrize("kind", ["/meta/subscribe", "/meta/disconnect", "/conformance/x"])
    async def test_kick_is_told_by_whatever_message_comes_next(self, guests: Guests, carol: Client, kind: str) -> None:
        client = guests.long_polling()
        await client.ready()
        await carol.publish("/service/kick", {"clientId": client.client_id, "events": [1]})
        request = client.message(kind, subscription="/conformance/x", data=1)
        *events, news, reply = await client.exchange(request)
        assert (events, news) == ([event("/last", 1)], KICKED)
        assert reply["id"] == request["id"]
        assert reply["advice"]["reconnect"] == "none"

    @spec("DSC-7", "DEL-7")
    async def test_kicked_session_gets_and_does_nothing_more(self, guests: Guests, carol: Client, channel: str) -> None:
        """No event published after the kick, and its own publish reaches nobody."""
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        await carol.subscribe(channel)
        await carol.publish("/service/kick", {"clientId": client.client_id, "events": [1]})
        await carol.publish(channel, "later")
        came = await client.exchange(client.message(channel, data="from beyond"))
        assert came[:2] == [event("/last", 1), KICKED]
        assert event(channel, "later") not in came
        assert await carol.events() == [event(channel, "later")]

    @spec("DSC-8", "WS-20")
    async def test_socket_is_closed_after_a_kick_if_the_client_does_not(self, guests: Guests) -> None:
        client, bob = await guests.websocket(), await guests.websocket()
        await client.ready()
        await bob.ready()
        await bob.publish("/service/kick", {"clientId": client.client_id})
        since = time.monotonic()
        end = await client.closed()
        assert end.code == 1000
        assert 1.9 <= time.monotonic() - since <= 9

    @spec("DSC-6", "SEC-42")
    async def test_kick_of_one_session_leaves_the_others(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe(channel)
        await bob.handshake()
        await bob.connect()
        await alice.publish("/service/kick", {"clientId": bob.client_id})
        await alice.publish(channel, 1)
        assert await alice.events() == [event(channel, 1)]


@pytest.mark.profile("quick")
class TestTombstone:
    @spec("DSC-7", "CN-21")
    async def test_tombstone_stands_for_max_interval(self, guests: Guests, carol: Client, profile: Profile) -> None:
        """Then the session is simply unknown."""
        client = guests.long_polling()
        await client.ready()
        await carol.publish("/service/kick", {"clientId": client.client_id})
        await asyncio.sleep(profile.lifetime)
        request = client.connect_message()
        assert await client.exchange(request) == [failure(request, UNKNOWN, advice=REHANDSHAKE)]


class TestShutdown:
    """Against a server of our own that is told to go."""

    @pytest.fixture
    def leaving(self, target: Target) -> Iterator[OwnServer]:
        if not target.is_ours:
            pytest.skip("only our own server can be told to go")
        with OwnServer(target.name, profiles=("default",), drain_seconds=1.0) as server:
            yield server

    @pytest.fixture
    async def party(self, leaving: OwnServer, target: Target) -> AsyncIterator[Guests]:
        guests = Guests(leaving.urls["default"], target)
        yield guests
        await guests.leave()

    @spec("DSC-11", "CN-3", "WS-20")
    async def test_clients_are_sent_elsewhere(self, leaving: OwnServer, party: Guests, channel: str) -> None:
        """Held connects are answered with what is queued and advice to retry; sockets close with 1001."""
        post = party.long_polling()
        await post.ready()
        held_post = await post.hold()
        idle = await party.websocket()
        await idle.ready()
        socket = await party.websocket()
        await socket.ready()
        held = await socket.hold()
        visitor = party.long_polling()
        await visitor.ready()

        leaving.tell_to_go()

        for reply, request in (
            (await held_post.messages(), held_post.request),
            (await held.messages(), held.request),
        ):
            (last,) = reply
            assert last == success(request, advice=last["advice"])
            assert last["advice"]["reconnect"] == "retry"
            assert last["advice"]["timeout"] == 30000
            assert 0 <= last["advice"]["interval"] <= 5000
        assert (await socket.closed()).code == 1001
        assert (await idle.closed()).code == 1001
        assert await asyncio.to_thread(leaving.wait_until_gone) == 0

    @spec("DSC-11", "HS-17", "HTTP-9", "BER-1")
    async def test_new_sessions_are_refused_while_it_goes(self, leaving: OwnServer, party: Guests) -> None:
        """On the connections that are still there: ``503::unavailable`` advised to handshake, or status 503."""
        post = party.long_polling()
        await post.ready()
        held = await post.hold()
        leaving.tell_to_go()
        await held.messages()
        request = post.handshake_message()
        try:
            answer = await post.post([request])
        except (ConnectionGone, ConnectionRefusedError, UpgradeRefused):
            return
        if answer.status == 503:
            assert answer.header("retry-after")
        else:
            (reply,) = orjson.loads(answer.body)
            assert reply["error"] == "503::unavailable"
            assert reply["advice"]["reconnect"] == "handshake"
            assert reply["advice"]["interval"] >= 0


@spec("DSC-3")
async def test_close_by_the_client_after_disconnect_is_clean(guests: Guests) -> None:
    """As the JS client ends: it closes with 1000 when both replies are there, and the server does likewise."""
    client: Socket = await guests.websocket()
    await client.ready()
    await client.hold()
    await client.disconnect()
    client.wire.send_close(1000, "Disconnect")
    end = await client.closed()
    assert end.code == 1000
    assert await client.wire.rest() == b""
