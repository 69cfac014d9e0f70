"""Acknowledged messages (section 1 of the extensions' reference), and events behind the handshake reply (HS-14)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import (
    OMIT,
    REHANDSHAKE,
    RETRY,
    UNKNOWN,
    Client,
    Held,
    LongPolling,
    Message,
    Socket,
    event,
    failure,
    success,
)
from tests.conformance.profiles import Profile

spec = pytest.mark.spec

pytestmark = pytest.mark.profile("acknowledging")

AT_ONCE = {"timeout": 0}


@pytest.fixture
async def alice(newcomer: Client, channel: str) -> Client:
    """A client that agreed with its server, subscribed, and acknowledged nothing but batch 1."""
    await agree(newcomer)
    await newcomer.subscribe(channel)
    return newcomer


async def agree(client: Client) -> None:
    reply = await client.handshake(ext={"ack": True})
    assert reply["ext"] == {"ack": True}
    connected = await client.connect(ext={"ack": 0}, **client.amends.first_connect())
    assert connected["ext"] == {"ack": 1}


async def hold(client: Client, ack: int) -> Held:
    return await client.hold(ext={"ack": ack})


def values(messages: list[Message]) -> list[Any]:
    """The data of the events among them."""
    return [message["data"] for message in messages if "data" in message]


async def lost(client: Client, carol: Client, channel: str, *data: Any, ack: int = 1) -> None:
    """A batch of these events is sent to the client, which never reads it: its connection is gone, a new one comes."""
    held = await hold(client, ack)
    for each in data:
        await carol.publish(channel, each)
    await held.messages()
    if isinstance(client, Socket):
        client.wire.abort()
        await client.open()


class TestNegotiation:
    @spec("ACK-1", "ACK-2", "XT-3", "HS-2")
    async def test_the_server_says_yes(self, newcomer: Client) -> None:
        request = newcomer.handshake_message(ext={"ack": True})
        (reply,) = await newcomer.exchange(request)
        assert reply["successful"]
        assert reply["ext"] == {"ack": True}

    @spec("ACK-1", "XT-1", "XT-3")
    @pytest.mark.parametrize("ack", [1, "true", {}, None, False, [True]])
    async def test_for_anything_but_true_there_is_no_answer(self, newcomer: Client, ack: Any) -> None:
        assert "ext" not in await newcomer.handshake(ext={"ack": ack})
        assert "ext" not in await newcomer.connect(ext={"ack": 0})
        assert "ext" not in await newcomer.connect(ext={"ack": 1}, advice=AT_ONCE)

    @spec("ACK-2")
    async def test_a_refused_handshake_agrees_to_nothing(self, newcomer: Client) -> None:
        reply = await newcomer.handshake(ext={"ack": True, "conformance": "deny"})
        assert not reply["successful"]
        assert "ext" not in reply

    @spec("ACK-3", "HS-11")
    async def test_events_of_the_handshake_come_with_the_first_batch(self, newcomer: Client) -> None:
        request = newcomer.handshake_message(ext={"ack": True, "conformance": "greet"})
        (reply,) = await newcomer.exchange(request)
        newcomer.client_id = reply["clientId"]
        assert (await newcomer.connect(ext={"ack": 0}))["ext"] == {"ack": 1}
        assert newcomer.take_unread() == [event("/greeting", "hello")]


class TestBatches:
    @spec("ACK-14")
    async def test_quiet_connects_are_numbered(self, alice: Client) -> None:
        for number in (2, 3, 4):
            reply = await alice.connect(ext={"ack": number - 1}, advice=AT_ONCE)
            assert reply["ext"] == {"ack": number}

    @spec("ACK-14", "CN-24")
    async def test_a_failed_connect_reply_has_no_number(self, alice: Client) -> None:
        reply = await alice.connect(ext={"ack": 1, "conformance": "delete"})
        assert not reply["successful"]
        assert "ext" not in reply
        assert (await alice.connect(ext={"ack": 1}, advice=AT_ONCE))["ext"] == {"ack": 2}

    @spec("ACK-15", "ACK-30", "BAT-5", "CN-20")
    async def test_events_release_the_connect_and_come_before_its_reply(
        self, alice: Client, carol: Client, channel: str
    ) -> None:
        held = await hold(alice, 1)
        await carol.publish(channel, "a")
        assert await held.messages() == [event(channel, "a"), success(held.request, ext={"ack": 2})]

    @spec("ACK-11")
    async def test_what_was_acknowledged_is_not_sent_again(self, alice: Client, carol: Client, channel: str) -> None:
        held = await hold(alice, 1)
        await carol.publish(channel, "a")
        await held.messages()
        held = await hold(alice, 2)
        await carol.publish(channel, "b")
        assert await held.messages() == [event(channel, "b"), success(held.request, ext={"ack": 3})]

    @spec("ACK-19", "PUB-12")
    async def test_a_publish_response_holds_its_reply_alone(self, alice: Client, channel: str) -> None:
        held = await hold(alice, 1)
        request = alice.message(channel, data="mine")
        if isinstance(alice, LongPolling):
            assert await alice.exchange(request) == [success(request)]
        else:
            await alice.request(request)
        assert await held.messages() == [event(channel, "mine"), success(held.request, ext={"ack": 2})]

    @spec("ACK-3", "DEL-3", "WS-12")
    async def test_events_wait_for_a_connect(self, alice: Client, carol: Client, channel: str) -> None:
        await carol.publish(channel, "a")
        await alice.barrier()
        assert alice.take_unread() == []
        assert (await alice.connect(ext={"ack": 1}))["ext"] == {"ack": 2}
        assert values(alice.take_unread()) == ["a"]

    @spec("XT-2")
    @pytest.mark.parametrize(("ext", "got"), [({"ack": 1, "x": 2}, {"x": 2}), ({"ack": 1}, OMIT), ({}, OMIT)])
    async def test_numbers_are_not_passed_on(
        self, alice: Client, carol: Client, channel: str, ext: Any, got: Any
    ) -> None:
        held = await hold(alice, 1)
        await carol.publish(channel, "a", ext=ext)
        (received, _) = await held.messages()
        assert received.get("ext", OMIT) == got

    @spec("XT-3", "ACK-14")
    async def test_other_replies_have_no_ext(self, alice: Client, channel: str) -> None:
        for name, fields in (
            ("/meta/subscribe", {"subscription": "/conformance/x"}),
            ("/meta/unsubscribe", {"subscription": "/conformance/x"}),
            ("/conformance/x", {"data": 1}),
            ("/meta/disconnect", {}),
        ):
            assert "ext" not in await alice.ask(name, ext={"ack": 1}, **fields)


class TestLoss:
    @spec("ACK-11", "ACK-15", "ADV-4", "ACK-31")
    async def test_a_lost_batch_comes_again_at_once(self, alice: Client, carol: Client, channel: str) -> None:
        await lost(alice, carol, channel, "a")
        request = alice.connect_message(ext={"ack": 1})
        assert await alice.exchange(request) == [event(channel, "a"), success(request, ext={"ack": 3}, advice=RETRY)]
        assert not (await hold(alice, 3)).is_over

    @spec("ACK-15")
    async def test_two_lost_batches_come_again_in_order(self, alice: Client, carol: Client, channel: str) -> None:
        await lost(alice, carol, channel, "a")
        await carol.publish(channel, "b")
        await alice.connect(ext={"ack": 1})
        alice.take_unread()
        reply = await alice.connect(ext={"ack": 1})
        assert reply["ext"] == {"ack": 4}
        assert values(alice.take_unread()) == ["a", "b"]

    @spec("ACK-15", "CN-4")
    async def test_new_events_follow_the_lost_ones(self, alice: Client, carol: Client, channel: str) -> None:
        """The transcript of the reference."""
        await lost(alice, carol, channel, "a")
        await carol.publish(channel, "b")
        request = alice.connect_message(ext={"ack": 1}, advice=AT_ONCE)
        assert await alice.exchange(request) == [
            event(channel, "a"),
            event(channel, "b"),
            success(request, ext={"ack": 3}, advice=RETRY),
        ]

    @spec("ACK-11", "CN-2")
    async def test_a_timeout_of_ones_own_is_heeded(self, alice: Client, carol: Client, channel: str) -> None:
        await lost(alice, carol, channel, "a")
        held = await alice.hold(ext={"ack": 1}, advice={"timeout": 20_000})
        assert not held.is_over
        await carol.publish(channel, "b")
        assert values(await held.messages()) == ["a", "b"]

    @spec("ACK-12", "ACK-13", "XT-1")
    @pytest.mark.parametrize("ack", [-1, 0, 1, 1.0, "2", None, True, {}, [2], 2.5, -(2**60)])
    async def test_what_is_no_new_number_acknowledges_nothing(
        self, alice: Client, carol: Client, channel: str, ack: Any
    ) -> None:
        await lost(alice, carol, channel, "a")
        assert (await alice.connect(ext={"ack": ack}, advice=AT_ONCE))["successful"]
        assert values(alice.take_unread()) == ["a"]

    @spec("ACK-13")
    async def test_a_connect_without_a_number_is_held(self, alice: Client, carol: Client, channel: str) -> None:
        await lost(alice, carol, channel, "a")
        held = await alice.hold()
        assert not held.is_over
        await carol.publish(channel, "b")
        assert values(await held.messages()) == ["a", "b"]

    @spec("ACK-12")
    @pytest.mark.parametrize("ack", [2, 2.0, 3, 2**60, 1e300])
    async def test_nobody_acknowledges_what_was_not_sent(
        self, alice: Client, carol: Client, channel: str, ack: Any
    ) -> None:
        await lost(alice, carol, channel, "a")
        await carol.publish(channel, "b")
        assert (await alice.connect(ext={"ack": ack}))["ext"] == {"ack": 3}
        assert values(alice.take_unread()) == ["b"]

    @spec("ACK-31", "WS-14")
    async def test_a_socket_that_breaks_between_events_and_reply_repeats_the_events(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        socket = await guests.websocket()
        await agree(socket)
        await socket.subscribe(channel)
        await hold(socket, 1)
        await carol.publish(channel, "a")
        assert values(await socket.frame()) == ["a"]
        socket.wire.abort()
        await socket.open()
        await socket.connect(ext={"ack": 1})
        assert values(socket.take_unread()) == ["a"]

    @spec("CN-10", "CN-11", "ACK-14")
    async def test_a_duplicate_connect_loses_nothing(self, guests: Guests, carol: Client, channel: str) -> None:
        client = guests.long_polling()
        await agree(client)
        await client.subscribe(channel)
        first = await hold(client, 1)
        second = await client.hold(ext={"ack": 1}, connection=await client.connection())
        assert (await first.answer).status == 500  # type: ignore[attr-defined]
        await carol.publish(channel, "a")
        assert await second.messages() == [event(channel, "a"), success(second.request, ext={"ack": 2})]

    @spec("SES-3", "ACK-15", "WS-32")
    async def test_lost_events_follow_to_another_transport(self, guests: Guests, carol: Client, channel: str) -> None:
        polling = guests.long_polling()
        await agree(polling)
        await polling.subscribe(channel)
        await lost(polling, carol, channel, "a")
        socket = await guests.websocket(polling.browser)
        socket.client_id = polling.client_id
        await socket.connect(ext={"ack": 1})
        assert values(socket.take_unread()) == ["a"]
        socket.wire.abort()
        await carol.publish(channel, "b")
        reply = await polling.connect(ext={"ack": 1})
        assert reply["ext"] == {"ack": 4}
        assert values(polling.take_unread()) == ["a", "b"]


@pytest.mark.profile("acknowledging-little")
class TestBounds:
    @spec("ACK-41")
    async def test_a_client_that_repeats_a_number_is_sent_away(
        self, alice: Client, carol: Client, channel: str, profile: Profile
    ) -> None:
        await lost(alice, carol, channel, "a")
        for _ in range(profile["ack_max_resends"]):
            await alice.connect(ext={"ack": 1})
            assert values(alice.take_unread()) == ["a"]
        request = alice.connect_message(ext={"ack": 1})
        if isinstance(alice, Socket):
            alice.send(request)
            assert (await alice.closed()).code == 1008
        else:
            assert await alice.exchange(request) == [failure(request, UNKNOWN, advice=REHANDSHAKE)]

    @spec("ACK-40", "Q-4", "SEC-L16")
    async def test_sent_events_count_as_queued(
        self, alice: Client, carol: Client, channel: str, profile: Profile
    ) -> None:
        await lost(alice, carol, channel, "a")
        for n in range(1, profile["max_queue"]):
            await carol.publish(channel, n)
        assert await alice.is_known()
        await carol.publish(channel, "too many")
        if isinstance(alice, Socket):
            assert (await alice.closed()).code == 1008
        else:
            assert not await alice.is_known()


class TestEarlyEvents:
    @spec("HS-14", "BAT-5")
    @pytest.mark.profile("early-events")
    async def test_they_follow_the_reply_which_counts_them(self, newcomer: Client) -> None:
        request = newcomer.handshake_message(ext={"conformance": "greet"})
        came = await newcomer.exchange(request)
        if isinstance(newcomer, Socket):
            came += await newcomer.frame()
        reply, greeting = came
        assert reply["x-messages"] == 1
        assert greeting == event("/greeting", "hello")

    @spec("HS-14")
    @pytest.mark.profile("early-events")
    async def test_none_are_not_counted(self, newcomer: Client) -> None:
        request = newcomer.handshake_message()
        (reply,) = await newcomer.exchange(request)
        assert "x-messages" not in reply

    @spec("HS-14", "ACK-2", "ACK-3")
    @pytest.mark.profile("acknowledging-early-events")
    async def test_with_acknowledgement_they_are_a_batch(self, newcomer: Client) -> None:
        request = newcomer.handshake_message(ext={"ack": True, "conformance": "greet"})
        came = await newcomer.exchange(request)
        if isinstance(newcomer, Socket):
            came += await newcomer.frame()
        reply, greeting = came
        assert (reply["x-messages"], reply["ext"]) == (1, {"ack": {"enabled": True, "batch": 1}})
        assert greeting == event("/greeting", "hello")
        newcomer.client_id = reply["clientId"]
        await newcomer.connect(ext={"ack": 0})
        assert values(newcomer.take_unread()) == ["hello"], "not acknowledged"
        await newcomer.connect(ext={"ack": 2}, advice=AT_ONCE)
        assert newcomer.take_unread() == []
