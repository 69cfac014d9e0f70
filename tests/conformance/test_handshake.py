"""Section 4: getting a session, and being refused one."""

from __future__ import annotations

import orjson
import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import (
    OMIT,
    RETRY,
    STOP,
    UNKNOWN,
    Browser,
    Client,
    LongPolling,
    Socket,
    event,
    failure,
    success,
)

spec = pytest.mark.spec


class TestSuccess:
    @spec("HS-2", "HS-3", "ADV-1", "ADV-4")
    async def test_reply_has_exactly_the_agreed_fields(self, newcomer: Client) -> None:
        request = newcomer.handshake_message(ext={"ack": True}, advice={"timeout": 60000, "interval": 0})
        (reply,) = await newcomer.exchange(request)
        client_id = reply["clientId"]
        assert reply == success(
            request,
            clientId=client_id,
            version="1.0",
            minimumVersion="1.0",
            supportedConnectionTypes=["websocket", "long-polling"],
            advice=RETRY,
        )

    @spec("HS-16")
    async def test_advice_of_the_client_has_no_effect(self, newcomer: Client) -> None:
        reply = await newcomer.handshake(advice={"timeout": 1, "interval": 5000, "reconnect": "none"})
        assert reply["advice"] == RETRY

    @spec("HS-1", "WS-31")
    async def test_every_handshake_makes_a_new_session(self, alice: Client) -> None:
        """Also one that names the session it has."""
        first = alice.client_id
        reply = await alice.handshake(clientId=first)
        assert reply["successful"]
        assert reply["clientId"] != first
        assert await alice.is_known()

    @spec("HS-1")
    async def test_old_session_is_left_alone(self, guests: Guests) -> None:
        """Over HTTP, with the cookie, both can be used."""
        client = guests.long_polling()
        first = (await client.handshake())["clientId"]
        second = (await client.handshake())["clientId"]
        for client_id in (first, second):
            assert (await client.ask("/service/conformance/x", clientId=client_id))["successful"]

    @spec("HS-1", "SEC-41")
    async def test_client_id_in_a_handshake_is_ignored(self, newcomer: Client) -> None:
        reply = await newcomer.handshake(clientId="chosen" * 4)
        assert reply["successful"]
        assert reply["clientId"] != "chosen" * 4

    @spec("HS-3")
    @pytest.mark.parametrize(
        "offered",
        [
            ["long-polling"], ["websocket"], ["long-polling", "websocket"], ["callback-polling", "long-polling"],
            ["in-process", "websocket", "long-polling"], ["eventsource", "x", "websocket"],
        ],
    )  # fmt: skip
    async def test_reply_lists_what_the_server_has_not_what_was_offered(
        self, newcomer: Client, offered: list[str]
    ) -> None:
        reply = await newcomer.handshake(supportedConnectionTypes=offered)
        assert reply["supportedConnectionTypes"] == ["websocket", "long-polling"]

    @spec("HS-3", "LP-10", "NEG-1")
    @pytest.mark.parametrize(
        "offered",
        [
            ["cross-origin-long-polling"],
            ["websocket", "eventsource", "long-polling", "cross-origin-long-polling", "callback-polling"],
        ],
    )
    async def test_fayes_name_for_long_polling_is_appended_when_offered(
        self, newcomer: Client, offered: list[str]
    ) -> None:
        reply = await newcomer.handshake(supportedConnectionTypes=offered)
        assert reply["supportedConnectionTypes"] == ["websocket", "long-polling", "cross-origin-long-polling"]

    @spec("HS-4")
    @pytest.mark.parametrize("missing", ["version", "minimumVersion", "supportedConnectionTypes"])
    async def test_missing_field_is_tolerated(self, newcomer: Client, missing: str) -> None:
        assert (await newcomer.handshake(**{missing: OMIT}))["successful"]

    @spec("HS-4")
    @pytest.mark.profile("strict")
    @pytest.mark.parametrize("missing", ["version", "supportedConnectionTypes"])
    async def test_missing_field_fails_where_the_server_is_strict(self, newcomer: Client, missing: str) -> None:
        reply = await newcomer.handshake(**{missing: OMIT})
        assert reply["successful"] is False
        assert reply["error"] == f"402:{missing}:Missing required parameter"
        assert (await newcomer.handshake(minimumVersion=OMIT))["successful"]

    @spec("HS-6")
    @pytest.mark.parametrize("minimum", ["1.0", "0.9", "1.0beta", "1", "1.0.0", "0.10", "0"])
    async def test_minimum_version_up_to_ours(self, newcomer: Client, minimum: str) -> None:
        assert (await newcomer.handshake(minimumVersion=minimum))["successful"]


class TestRefusal:
    @spec("HS-5", "ADV-8", "BER-1")
    @pytest.mark.parametrize(
        ("offered", "named"),
        [
            (["foo"], "foo"),
            (["foo", "bar"], "foo,bar"),
            (["callback-polling"], "callback-polling"),
            (["in-process", "eventsource"], "in-process,eventsource"),
            (["Long-Polling"], "Long-Polling"),
            ([], ""),
        ],
    )
    async def test_no_connection_type_in_common(self, newcomer: Client, offered: list[str], named: str) -> None:
        request = newcomer.handshake_message(supportedConnectionTypes=offered)
        error = f"301:{named}:connection_types_unsupported"
        assert await newcomer.exchange(request) == [failure(request, error, advice=STOP)]

    @spec("HS-5", "BER-3", "SEC-22", "SEC-12")
    async def test_error_is_cleaned_of_what_clients_cannot_parse(self, newcomer: Client) -> None:
        reply = await newcomer.handshake(supportedConnectionTypes=["a:b", '<i>"', "\u00e9"])
        assert reply["error"] == "301:a_b,_i__,_:connection_types_unsupported"
        long = await newcomer.handshake(supportedConnectionTypes=["x" * 1000])
        assert len(long["error"]) < 110

    @spec("HS-6", "ADV-8", "BER-1")
    @pytest.mark.parametrize("minimum", ["1.1", "2.0", "10.0", "1.0.1", "1.10", "2", "1.1beta"])
    async def test_minimum_version_above_ours(self, newcomer: Client, minimum: str) -> None:
        request = newcomer.handshake_message(minimumVersion=minimum)
        assert await newcomer.exchange(request) == [failure(request, f"300:{minimum}:version_unsupported", advice=STOP)]

    @spec("HS-9", "BAT-3", "HTTP-9", "WS-20")
    @pytest.mark.parametrize("place", ["first", "last", "both"])
    async def test_handshake_that_is_not_alone_refuses_the_whole_body(
        self, alice: Client, guests: Guests, transport: str, channel: str, place: str
    ) -> None:
        """HTTP 400, WebSocket 1002; nothing is processed."""
        await alice.subscribe(channel)
        bob = await (await guests.by(transport)).ready()
        publish = bob.message(channel, data="too early")
        handshake = bob.handshake_message()
        batch = {"first": [handshake, publish], "last": [publish, handshake], "both": [handshake, publish, handshake]}
        expected = 400 if isinstance(bob, LongPolling) else 1002
        assert await bob.refusal(orjson.dumps(batch[place])) == expected
        await alice.publish(channel, "marker")
        assert await alice.events() == [event(channel, "marker")]

    @spec("HS-9", "COOK-1")
    async def test_two_handshakes_make_no_session_and_set_no_cookie(self, guests: Guests) -> None:
        client = guests.long_polling()
        reply = await client.post([client.handshake_message(), client.handshake_message()])
        assert reply.status == 400
        assert not reply.every("set-cookie")


@pytest.mark.profile("hooks")
class TestHooks:
    @spec("HS-7", "BER-1", "ADV-8")
    async def test_policy_refuses(self, newcomer: Client) -> None:
        request = newcomer.handshake_message(ext={"conformance": "deny"})
        assert await newcomer.exchange(request) == [failure(request, "403::handshake_denied", advice=STOP)]

    @spec("HS-7", "COOK-1", "EXT-2")
    async def test_refused_handshake_sets_no_cookie(self, guests: Guests) -> None:
        client = guests.long_polling()
        await client.handshake(ext={"conformance": "deny"})
        assert not client.browser

    @spec("HS-7")
    async def test_policy_may_say_it_in_its_own_words(self, newcomer: Client) -> None:
        """``reconnect`` is filled in."""
        request = newcomer.handshake_message(ext={"conformance": "deny-in-own-words"})
        assert await newcomer.exchange(request) == [
            failure(
                request,
                "403:go_away:handshake_denied",
                advice={"reconnect": "none", "interval": 7000},
                ext={"why": "closed"},
            )
        ]

    @spec("HS-8", "BER-1")
    async def test_extension_vetoes(self, newcomer: Client) -> None:
        request = newcomer.handshake_message(ext={"conformance": "delete"})
        assert await newcomer.exchange(request) == [failure(request, "404::message_deleted", advice=STOP)]

    @spec("HS-11", "WS-13", "EXT-2")
    async def test_events_of_the_handshake_wait_for_the_next_message(self, newcomer: Client) -> None:
        """They do not come with the handshake reply but with, or before, the reply to the connect."""
        request = newcomer.handshake_message(ext={"conformance": "greet"})
        (reply,) = await newcomer.exchange(request)
        newcomer.client_id = reply["clientId"]
        assert "ext" not in reply
        assert "x-messages" not in reply
        connect = newcomer.connect_message()
        assert await newcomer.exchange(connect) == [event("/greeting", "hello"), success(connect)]

    @spec("HS-12", "HS-11")
    async def test_events_ride_on_other_replies_before_the_first_connect(self, newcomer: Client, channel: str) -> None:
        await newcomer.handshake(ext={"conformance": "greet"})
        subscribe = newcomer.message("/meta/subscribe", subscription=channel)
        assert await newcomer.exchange(subscribe) == [
            event("/greeting", "hello"),
            success(subscribe, subscription=channel),
        ]
        publish = newcomer.message(channel, data=1)
        assert await newcomer.exchange(publish) == [event(channel, 1), success(publish)]

    @spec("WS-13")
    async def test_nothing_is_pushed_between_handshake_and_the_next_message(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        """Then it is, even before the first connect."""
        client = await guests.websocket()
        await client.handshake()
        deliver = {"clientId": client.client_id, "channel": "/x", "data": 1}
        await carol.publish("/service/deliver", deliver)
        client.wire.write(b"\x89\x80\x00\x00\x00\x00")  # a ping: the pong comes behind whatever is pushed
        frame = await client.wire.frame()
        assert frame.opcode == 0xA
        subscribe = client.message("/meta/subscribe", subscription=channel)
        assert await client.exchange(subscribe) == [event("/x", 1), success(subscribe, subscription=channel)]
        await carol.publish("/service/deliver", {**deliver, "data": 2})
        assert await client.frame() == [event("/x", 2)]


@spec("HS-10", "COOK-1", "COOK-6")
async def test_handshake_over_http_sets_the_cookie_once(guests: Guests) -> None:
    """Not when the request has it, and never by other messages."""
    client = guests.long_polling()
    reply = await client.post([client.handshake_message()])
    assert len(reply.every("set-cookie")) == 1
    again = await client.post([client.handshake_message()])
    assert not again.every("set-cookie")
    await client.ready()
    assert client.last is not None
    assert not client.last.every("set-cookie")


@spec("HS-9")
async def test_re_handshake_on_a_socket_leaves_the_first_session(guests: Guests, channel: str) -> None:
    """The socket belongs to the latest; the first is 402 there, and not ended."""
    browser = Browser()
    socket: Socket = await guests.websocket(browser)
    await socket.ready()
    first = socket.client_id
    await socket.handshake()
    (reply,) = await socket.exchange(socket.message(channel, clientId=first, data=1))
    assert reply["error"] == UNKNOWN
    other = await guests.websocket(browser)
    other.client_id = first
    assert await other.is_known()
