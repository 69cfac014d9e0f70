"""Section 5: when a connect is held, what ends the hold, and what the reply says."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import (
    KICKED,
    OMIT,
    REHANDSHAKE,
    RETRY,
    UNKNOWN,
    Client,
    LongPolling,
    event,
    failure,
    success,
)
from tests.conformance.profiles import Profile

spec = pytest.mark.spec

JITTER = 0.05
"""Seconds a hold may be shorter than agreed (CN-8)."""
PATIENCE = 8.0
"""Seconds it may be longer on a busy machine."""


class Clock:
    """How long something took."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def shows(self, seconds: float) -> bool:
        """About that long."""
        return seconds - JITTER <= time.monotonic() - self._begin <= seconds + PATIENCE


class TestWhenToAnswer:
    @spec("CN-1", "ADV-4")
    async def test_first_connect_is_answered_at_once(self, newcomer: Client) -> None:
        """Without being asked to, and without advice: it was in the handshake reply."""
        await newcomer.handshake()
        request = newcomer.connect_message()
        assert await newcomer.exchange(request) == [success(request)]

    @spec("CN-2", "ADV-4", "ADV-1")
    async def test_timeout_of_zero_is_answered_at_once(self, alice: Client) -> None:
        request = alice.connect_message(advice={"timeout": 0})
        assert await alice.exchange(request) == [success(request, advice=RETRY)]

    @spec("CN-2", "CN-8", "ADV-3")
    async def test_client_may_shorten_the_hold_this_once(self, alice: Client) -> None:
        """The advice still tells the server's timeout."""
        clock = Clock()
        request = alice.connect_message(advice={"timeout": 300})
        assert await alice.exchange(request) == [success(request, advice=RETRY)]
        assert clock.shows(0.3)
        held = await alice.hold()
        await asyncio.sleep(0.5)  # longer than the connect before was held: only time can show that this one is
        await alice.barrier()
        assert not held.is_over

    @spec("CN-2", "CN-3", "CN-8", "CN-26", "ADV-7")
    @pytest.mark.profile("quick")
    @pytest.mark.parametrize(
        "advice", [OMIT, {"timeout": 60_000}, {"timeout": -1}, {}], ids=["none", "long", "negative", "empty"]
    )
    async def test_connect_is_held_for_the_servers_timeout(self, alice: Client, advice: Any, profile: Profile) -> None:
        """No longer even if the client would have it longer."""
        clock = Clock()
        request = alice.connect_message(advice=advice)
        (reply,) = await alice.exchange(request)
        assert clock.shows(profile["timeout"] / 1000)
        assert reply["successful"]
        if advice is OMIT:
            assert reply == success(request)
        elif advice:
            assert reply["advice"] == {"reconnect": "retry", "interval": 0, "timeout": profile["timeout"]}

    @spec("CN-3", "CN-20", "BAT-5", "DEL-1")
    async def test_event_ends_the_hold_of_a_poll(self, guests: Guests, carol: Client, channel: str) -> None:
        """The event comes first, the reply last."""
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        held = await client.hold()
        await carol.publish(channel, {"n": 1})
        assert await held.messages() == [event(channel, {"n": 1}), success(held.request)]

    @spec("WS-10", "CN-3", "CN-8")
    @pytest.mark.profile("quick")
    async def test_event_does_not_end_the_hold_on_a_socket(
        self, guests: Guests, carol: Client, channel: str, profile: Profile
    ) -> None:
        """It is pushed at once; the reply comes when the timeout has passed."""
        client = await guests.websocket()
        await client.ready()
        await client.subscribe(channel)
        clock = Clock()
        held = await client.hold()
        await carol.publish(channel, 1)
        await carol.publish(channel, 2)
        assert await client.events() == [event(channel, 1), event(channel, 2)]
        assert not held.is_over
        assert await held.messages() == [success(held.request)]
        assert clock.shows(profile["timeout"] / 1000)

    @spec("CN-4", "DEL-1")
    async def test_queued_event_is_taken_by_the_next_connect_at_once(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        await carol.publish(channel, 1)
        await carol.publish(channel, 2)
        request = client.connect_message()
        assert await client.exchange(request) == [event(channel, 1), event(channel, 2), success(request)]

    @spec("CN-4", "BAT-4", "DEL-2")
    @pytest.mark.profile("hooks")
    async def test_request_being_processed_takes_the_events_and_the_connect_is_held(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        slow = await client.warm_connection()
        waiting = client.message("/service/wait", data={"gate": channel})
        client.write(slow, [waiting])
        await carol.publish("/service/conformance/barrier")
        await carol.publish(channel, 1)
        request = client.connect_message()
        poll = await client.poll_connection()
        client.write(poll, [request])
        await carol.publish("/service/conformance/barrier")
        await carol.publish(channel, 2)
        await carol.publish("/service/open", {"gate": channel})
        answer = await client.answer(slow)
        assert answer.json == [event(channel, 1), event(channel, 2), success(waiting)]
        await carol.publish(channel, 3)
        assert (await client.answer(poll)).json == [event(channel, 3), success(request)]

    @spec("BAT-4", "DEL-2")
    @pytest.mark.profile("hooks")
    async def test_held_connect_is_not_woken_while_another_request_is_processed(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        held = await client.hold()
        slow = await client.warm_connection()
        waiting = client.message("/service/wait", data={"gate": channel})
        client.write(slow, [waiting])
        await carol.publish("/service/conformance/barrier")
        await carol.publish(channel, 1)
        assert not held.is_over
        await carol.publish("/service/open", {"gate": channel})
        assert (await client.answer(slow)).json == [event(channel, 1), success(waiting)]
        await carol.publish(channel, 2)
        assert await held.messages() == [event(channel, 2), success(held.request)]

    @spec("CN-6", "BAT-2", "BAT-5", "BAT-6", "WS-11")
    @pytest.mark.parametrize("place", [0, 1, 2])
    async def test_connect_that_shares_its_body_is_never_held(self, alice: Client, channel: str, place: int) -> None:
        """Whatever its position; the replies are in the order of the requests."""
        requests = [
            alice.message("/meta/subscribe", subscription=channel),
            alice.message("/service/conformance/x", data=1),
        ]
        requests.insert(place, alice.connect_message())
        replies = await alice.exchange(*requests)
        assert [reply["id"] for reply in replies] == [request["id"] for request in requests]
        assert all(reply["successful"] for reply in replies)

    @spec("CN-7", "LP-10")
    @pytest.mark.parametrize(
        "connection_type", [OMIT, "callback-polling", "cross-origin-long-polling", "websocket", "long-polling", "", "?"]
    )
    async def test_connection_type_is_informative(self, alice: Client, connection_type: Any) -> None:
        request = alice.message("/meta/connect", connectionType=connection_type, advice={"timeout": 0})
        assert await alice.exchange(request) == [success(request, advice=RETRY)]

    @spec("LP-11")
    async def test_more_than_two_requests_may_be_open(self, guests: Guests, carol: Client, channel: str) -> None:
        client = guests.long_polling()
        await client.ready()
        held = await client.hold()
        others = [await client.connection() for _ in range(5)]
        requests = [client.message("/service/conformance/x", data=n) for n in range(5)]
        for connection, request in zip(others, requests, strict=True):
            client.write(connection, [request])
        for connection, request in zip(others, requests, strict=True):
            assert (await client.answer(connection)).json == [success(request)]
        assert not held.is_over


class TestOneOutstandingConnect:
    @spec("CN-10", "CN-11", "COOK-13", "HTTP-9")
    async def test_second_poll_replaces_the_first(self, guests: Guests, carol: Client, channel: str) -> None:
        """The first ends with status 500 and no body, the second is held; no event is lost."""
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        first = await client.hold()
        second = await client.hold()
        replaced = await first.answer
        assert replaced.status == 500
        assert replaced.body == b""
        assert not second.is_over
        await carol.publish(channel, 1)
        assert await second.messages() == [event(channel, 1), success(second.request)]

    @spec("CN-10")
    async def test_second_poll_with_timeout_zero_replaces_the_first(self, guests: Guests) -> None:
        """As the JS client sends it after a failure; the second is answered, and normally."""
        client = guests.long_polling()
        await client.ready()
        first = await client.hold()
        request = client.connect_message(advice={"timeout": 0})
        assert await client.exchange(request) == [success(request, advice=RETRY)]
        assert (await first.answer).status == 500

    @spec("CN-10")
    @pytest.mark.profile("strict")
    async def test_status_of_the_replaced_poll_is_an_option(self, guests: Guests) -> None:
        client = guests.long_polling()
        await client.ready()
        first = await client.hold()
        await client.hold()
        assert (await first.answer).status == 409

    @spec("CN-10")
    async def test_connection_of_a_replaced_poll_can_be_used_again(self, guests: Guests) -> None:
        client = guests.long_polling()
        await client.ready()
        first = await client.hold()
        second = await client.hold()
        await first.answer
        if first.connection.is_usable:
            client.write(first.connection, [client.message("/service/conformance/x")])
            assert (await first.connection.reply()).status == 200
        assert not second.is_over

    @spec("CN-11")
    @pytest.mark.profile("quick")
    async def test_reply_of_a_replaced_connect_is_never_sent_on_a_socket(self, guests: Guests) -> None:
        client = await guests.websocket()
        await client.ready()
        first = await client.hold()
        await asyncio.sleep(0.3)  # so that the first would time out before the others
        second = await client.hold()
        third = await client.hold()
        came = await third.messages()
        assert came == [success(third.request)]
        await client.barrier()
        ids = {message.get("id") for message in client.take_unread()}
        assert not ids & {first.request["id"], second.request["id"]}

    @spec("CN-12")
    async def test_connects_of_two_sessions_do_not_touch_each_other(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        alice_held, bob_held = await alice.hold(), await bob.hold()
        await alice.barrier()
        await bob.barrier()
        assert not alice_held.is_over
        assert not bob_held.is_over


class TestReply:
    @spec("CN-21", "BER-1")
    async def test_unknown_session_is_advised_to_handshake(self, newcomer: Client) -> None:
        request = newcomer.connect_message(clientId="gone")
        assert await newcomer.exchange(request) == [failure(request, UNKNOWN, advice=REHANDSHAKE)]

    @spec("CN-21", "SES-4")
    async def test_connect_without_client_id(self, newcomer: Client) -> None:
        request = newcomer.connect_message()
        assert await newcomer.exchange(request) == [failure(request, UNKNOWN, advice=REHANDSHAKE)]

    @spec("CN-23", "DSC-2", "DSC-3", "ADV-8")
    async def test_disconnect_ends_the_hold(self, alice: Client) -> None:
        """The connect is successful and the last; on a socket its reply comes before that of the disconnect."""
        held = await alice.hold()
        request = alice.message("/meta/disconnect")
        farewell = success(held.request, advice={**RETRY, "reconnect": "none"})
        came = await alice.exchange(request)
        if isinstance(alice, LongPolling):
            assert came == [success(request)]
            assert await held.messages() == [farewell]
        else:
            assert came == [farewell, success(request)]

    @spec("CN-23", "DSC-12")
    async def test_connect_and_disconnect_in_one_body(self, alice: Client) -> None:
        connect, disconnect = alice.connect_message(), alice.message("/meta/disconnect")
        replies = await alice.exchange(connect, disconnect)
        assert [reply["id"] for reply in replies] == [connect["id"], disconnect["id"]]
        assert all(reply["successful"] for reply in replies)

    @spec("CN-24", "BER-1")
    @pytest.mark.profile("hooks")
    async def test_vetoed_connect_leaves_the_session(self, alice: Client) -> None:
        request = alice.connect_message(ext={"conformance": "delete"})
        assert await alice.exchange(request) == [failure(request, "404::message_deleted")]
        assert await alice.is_known()

    @spec("CN-24", "SES-7")
    @pytest.mark.profile("brief")
    async def test_vetoed_connect_starts_the_expiry_clock(self, alice: Client, profile: Profile) -> None:
        await alice.ask("/meta/connect", ext={"conformance": "delete"})
        await asyncio.sleep(profile.lifetime)
        if not isinstance(alice, LongPolling):
            await alice.open()  # type: ignore[attr-defined]
        assert not await alice.is_known()

    @spec("CN-3", "DSC-6")
    @pytest.mark.profile("hooks")
    async def test_kick_ends_the_hold(self, alice: Client, bob: Client) -> None:
        held = await alice.hold()
        await bob.publish("/service/kick", {"clientId": alice.client_id})
        assert await held.messages() == [
            KICKED,
            success(held.request, advice={**RETRY, "reconnect": "none"}),
        ]

    @spec("CN-22", "SES-5")
    @pytest.mark.profile("brief")
    async def test_session_does_not_expire_while_its_connect_is_processed(
        self, alice: Client, guests: Guests, transport: str, channel: str, profile: Profile
    ) -> None:
        """A hook in front of the connect takes longer than a session lives."""
        connect = alice.connect_message(ext={"conformance": "wait", "gate": channel}, advice={"timeout": 0})
        answer = asyncio.create_task(alice.exchange(connect))
        await asyncio.sleep(profile.lifetime)
        bob = await (await guests.by(transport)).ready()
        await bob.publish("/service/open", {"gate": channel})
        assert await answer == [success(connect, advice=RETRY)]
