"""Section 8: publishing, what subscribers get to see of it, and delivery."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import (
    OMIT,
    UNKNOWN,
    Client,
    LongPolling,
    event,
    failure,
    only,
    success,
)

spec = pytest.mark.spec


class TestReply:
    @spec("PUB-1", "MSG-16")
    async def test_publish_is_answered_on_its_channel_without_data(self, alice: Client, channel: str) -> None:
        request = alice.message(channel, data={"t": "hi"})
        assert await alice.exchange(request) == [success(request)]

    @spec("PUB-2")
    async def test_publish_without_client_id(self, newcomer: Client, channel: str) -> None:
        request = newcomer.message(channel, data=1)
        assert await newcomer.exchange(request) == [failure(request, UNKNOWN)]

    @spec("PUB-2")
    @pytest.mark.profile("discreet")
    async def test_anonymous_publish_is_an_option(self, newcomer: Client, alice: Client, channel: str) -> None:
        await alice.subscribe(channel)
        request = newcomer.message(channel, data=1)
        assert await newcomer.exchange(request) == [success(request)]
        assert await alice.events() == [event(channel, 1)]
        unknown = newcomer.message(channel, data=2, clientId="gone")
        assert await newcomer.exchange(unknown) == [failure(unknown, UNKNOWN)]

    @spec("PUB-5", "BER-1")
    @pytest.mark.parametrize("name", ["/foo/*", "/foo/**", "/*", "/**"])
    async def test_publish_to_a_pattern(self, alice: Client, name: str) -> None:
        request = alice.message(name, data=1)
        assert await alice.exchange(request) == [failure(request, "405::channel_invalid")]

    @spec("PUB-13", "CH-12")
    async def test_service_channel_without_listeners(self, alice: Client) -> None:
        request = alice.message("/service/conformance/nobody", data=1)
        assert await alice.exchange(request) == [success(request)]

    @spec("SUB-10", "HS-12")
    async def test_publish_works_before_the_first_connect(self, newcomer: Client, alice: Client, channel: str) -> None:
        await alice.subscribe(channel)
        await newcomer.handshake()
        assert (await newcomer.publish(channel, 1))["successful"]
        assert await alice.events() == [event(channel, 1)]


class TestData:
    @spec("PUB-3", "MSG-18")
    async def test_missing_data_is_delivered_as_null(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe(channel)
        assert (await bob.publish(channel, OMIT))["successful"]
        assert await alice.events() == [event(channel, None)]

    @spec("PUB-4")
    @pytest.mark.parametrize(
        "data",
        [
            "", 0, False, None, [], {}, [[]], -0.5, 1e300, 2**53, -(2**53), "text", True, [None, False, 0, ""],
            {"": "", "data": {"channel": "/x", "successful": True}, "z": 1, "a": 2}, [{"a": [1, {"b": None}]}],
        ],
    )  # fmt: skip
    async def test_any_json_value_arrives_unchanged(self, alice: Client, bob: Client, channel: str, data: Any) -> None:
        """In type, in value, and in the order of keys."""
        await alice.subscribe(channel)
        await bob.publish(channel, data)
        (got,) = await alice.events()
        assert got == event(channel, data)
        assert repr(got["data"]) == repr(data)

    @spec("PUB-4", "SEC-L8")
    async def test_large_data_arrives_whole(self, alice: Client, bob: Client, channel: str) -> None:
        data = ["\u00e9\U0001f600" * 1000] * 10
        await alice.subscribe(channel)
        await bob.publish(channel, data)
        assert await alice.events() == [event(channel, data)]


class TestWhatIsForwarded:
    @spec("PUB-8", "PUB-9", "MSG-18", "ADV-10", "WSEC-1", "SEC-43", "SEC-47")
    async def test_no_field_of_the_protocol_reaches_a_subscriber(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        """Only channel and data; nothing that could identify the publisher or steer the subscriber."""
        await alice.subscribe(channel)
        request = bob.message(
            channel,
            data="the data",
            successful=True,
            error="402::session_unknown",
            advice={"reconnect": "none", "interval": 1, "timeout": 1, "hosts": ["x"], "multiple-clients": True},
            subscription="/x",
            version="1.0",
            minimumVersion="1.0",
            connectionType="long-polling",
            supportedConnectionTypes=["long-polling"],
            reestablish=True,
            failure={"reason": "x"},
            authSuccessful=True,
            connectionId="c",
            **{"x-messages": 5, "json-comment-filtered": True},
        )
        assert (await bob.request(request))["successful"]
        (got,) = await alice.events()
        assert got == event(channel, "the data")
        assert str(bob.client_id) not in str(got)

    @spec("PUB-9", "MSG-19", "EXT-3")
    async def test_ext_timestamp_and_application_fields_are_forwarded(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        await alice.subscribe(channel)
        own = {"ext": {"a": {"b": 1}}, "timestamp": "2024-01-01T00:00:00.00", "mood": "good", "n": [1]}
        await bob.publish(channel, 1, **own)
        assert await alice.events() == [event(channel, 1, **own)]

    @spec("PUB-9", "EXT-3", "SEC-47")
    @pytest.mark.profile("discreet")
    async def test_less_is_forwarded_where_options_say_so(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe(channel)
        await bob.publish(channel, 1, ext={"token": "x", "allowed": 1}, mood="good", timestamp="t")
        await bob.publish(channel, 2, ext={"token": "x"})
        assert await alice.events() == [event(channel, 1, ext={"allowed": 1}, timestamp="t"), event(channel, 2)]

    @spec("EXT-3")
    @pytest.mark.profile("no-ext")
    async def test_no_ext_is_forwarded_where_options_say_so(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe(channel)
        await bob.publish(channel, 1, ext={"token": "x"}, mood="good")
        assert await alice.events() == [event(channel, 1, mood="good")]

    @spec("PUB-11")
    async def test_publisher_hears_itself(self, alice: Client, channel: str) -> None:
        await alice.subscribe(channel)
        publish = alice.message(channel, data=7)
        assert await alice.exchange(publish) == [event(channel, 7), success(publish)]

    @spec("PUB-11")
    @pytest.mark.profile("discreet")
    async def test_publisher_does_not_hear_itself_where_options_say_so(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        await alice.subscribe(channel)
        await bob.subscribe(channel)
        await alice.publish(channel, 1)
        assert await bob.events() == [event(channel, 1)]
        await bob.publish(channel, 2)
        assert await alice.events() == [event(channel, 2)]


@pytest.mark.profile("hooks")
class TestHooks:
    @spec("PUB-6", "CH-30", "BER-1", "SEC-14")
    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("/uncreatable/x", "403:denied_by_security_policy:channel_create_denied"),
            ("/unwritable/x", "403:denied_by_security_policy:publish_denied"),
            ("/ignored/x", "403:denied_by_not_granting:channel_create_denied"),
            ("/members/x", "403:not_a_member:channel_create_denied"),
            ("/raising/policy/x", "403:denied_by_security_policy:publish_denied"),
        ],
    )
    async def test_refused_publish_reaches_nobody(self, alice: Client, bob: Client, name: str, error: str) -> None:
        """Creation is asked for first."""
        await alice.subscribe("/**")
        request = bob.message(name, data=1)
        assert await bob.exchange(request) == [failure(request, error)]
        assert [each for each in await alice.events() if each["channel"] == name] == []

    @spec("PUB-7", "BER-1")
    async def test_vetoed_publish_reaches_nobody(self, alice: Client, bob: Client) -> None:
        await alice.subscribe(["/vetoed/x", "/conformance/deleted"])
        by_listener = bob.message("/vetoed/x", data=1)
        by_extension = bob.message("/conformance/deleted", data=1, ext={"conformance": "delete"})
        assert await bob.exchange(by_listener, by_extension) == [
            failure(by_listener, "404::message_deleted"),
            failure(by_extension, "404::message_deleted"),
        ]
        assert await alice.events() == []

    @spec("BER-2", "SEC-21", "BAT-3")
    async def test_listener_or_extension_that_raises_counts_as_silent(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        await alice.subscribe(["/raising/listener/x", channel])
        first = bob.message("/raising/listener/x", data=1)
        second = bob.message(channel, data=2, ext={"conformance": "raise"})
        assert await bob.exchange(first, second) == [success(first), success(second)]
        assert await alice.events() == [
            event("/raising/listener/x", 1),
            event(channel, 2, ext={"conformance": "raise"}),
        ]

    @spec("CH-12", "PUB-13", "DEL-6")
    async def test_listener_of_a_service_channel_answers(self, alice: Client) -> None:
        """What it delivers comes before the reply; the client need not be subscribed."""
        request = alice.message("/service/echo", data={"x": [1]})
        assert await alice.exchange(request) == [event("/echo", {"x": [1]}), success(request)]

    @spec("DEL-6")
    async def test_delivered_message_looks_like_a_published_one(self, alice: Client, bob: Client) -> None:
        to_alice = {"clientId": alice.client_id, "channel": "/only/for/you", "data": None}
        await bob.publish("/service/deliver", to_alice)
        assert await alice.events() == [event("/only/for/you", None)]
        assert await bob.events() == []

    @spec("DEL-6", "CH-12")
    async def test_service_channel_can_carry_what_is_delivered(self, alice: Client, bob: Client) -> None:
        await bob.publish("/service/deliver", {"clientId": alice.client_id, "channel": "/service/x", "data": 1})
        assert await alice.events() == [event("/service/x", 1)]

    @spec("PUB-16", "DEL-6")
    async def test_published_and_delivered_events_keep_their_order(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        await alice.subscribe(f"{channel}/*")
        expected = []
        for n in range(6):
            if n % 2:
                to_alice = {"clientId": alice.client_id, "channel": "/direct", "data": n}
                await bob.publish("/service/deliver", to_alice)
                expected.append(event("/direct", n))
            else:
                await bob.publish(f"{channel}/{n}", n)
                expected.append(event(f"{channel}/{n}", n))
        assert await alice.events() == expected

    @spec("CH-22", "DEL-6")
    async def test_application_publishes(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe([channel, f"{channel}/**", "/conformance/**"])
        await bob.publish("/service/publish", {"channel": channel, "data": {"z": 1, "a": 2}})
        assert only(await alice.events(), channel) == [event(channel, {"z": 1, "a": 2})]


class TestOrder:
    @spec("PUB-16")
    async def test_events_keep_the_order_of_publishing_across_channels(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        await alice.subscribe(f"{channel}/**")
        names = [f"{channel}/{n % 3}" for n in range(20)]
        await bob.exchange(*(bob.message(name, data=n) for n, name in enumerate(names)))
        assert await alice.events() == [event(name, n) for n, name in enumerate(names)]

    @spec("PUB-12", "DEL-1", "DEL-2", "BAT-4")
    async def test_own_event_comes_in_the_publish_response_and_wakes_no_connect(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        await alice.subscribe(channel)
        held = await alice.hold()
        publish = alice.message(channel, data=7)
        assert await alice.exchange(publish) == [event(channel, 7), success(publish)]
        assert not held.is_over
        await bob.publish(channel, 8)
        if isinstance(alice, LongPolling):
            assert await held.messages() == [event(channel, 8), success(held.request)]
        else:
            assert await alice.events() == [event(channel, 8)]

    @spec("DEL-1", "DEL-2")
    async def test_any_response_takes_the_queued_events_along(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe(channel)
        await bob.publish(channel, 1)
        request = alice.message("/meta/subscribe", subscription=f"{channel}/x")
        reply = success(request, subscription=f"{channel}/x")
        assert await alice.exchange(request) == [event(channel, 1), reply]

    @spec("DEL-1")
    async def test_queued_events_wait_over_http_for_a_request(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        for n in range(10):
            await carol.publish(channel, n)
        assert await client.events() == [event(channel, n) for n in range(10)]


@pytest.mark.profile("connect-only")
class TestConnectOnlyDelivery:
    """On a server with ``meta_connect_delivery_only``."""

    @spec("DEL-3", "PUB-12", "BAT-4")
    async def test_own_event_comes_with_the_connect_reply(self, guests: Guests, channel: str) -> None:
        """The publish response has only its reply; then the held connect is released."""
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        held = await client.hold()
        publish = client.message(channel, data=7)
        assert await client.exchange(publish) == [success(publish)]
        assert await held.messages() == [event(channel, 7), success(held.request)]

    @spec("DEL-3", "BAT-4")
    async def test_events_wait_for_the_next_connect(self, guests: Guests, carol: Client, channel: str) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        await carol.publish(channel, 1)
        request = client.message("/service/conformance/x")
        assert await client.exchange(request) == [success(request)]
        connect = client.connect_message()
        assert await client.exchange(connect) == [event(channel, 1), success(connect)]

    @spec("WS-12", "DEL-3")
    async def test_event_releases_the_held_connect_of_a_socket(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        """Event frames, then the connect reply."""
        client = await guests.websocket()
        await client.ready()
        await client.subscribe(channel)
        held = await client.hold()
        await carol.publish(channel, 1)
        assert await held.messages() == [event(channel, 1), success(held.request)]
        await carol.publish(channel, 2)
        request = client.message("/service/conformance/x")
        assert await client.exchange(request) == [success(request)]
        connect = client.connect_message()
        assert await client.exchange(connect) == [event(channel, 2), success(connect)]
