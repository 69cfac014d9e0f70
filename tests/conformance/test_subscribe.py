"""Section 7: subscribing and unsubscribing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conversation import Client, event, failure, success

spec = pytest.mark.spec

DENIED_META = ("403:denied_by_security_policy:subscribe_denied", "403:denied_by_security_policy:create_denied")


class TestSubscribe:
    @spec("SUB-1")
    async def test_reply_repeats_a_string(self, alice: Client, channel: str) -> None:
        request = alice.message("/meta/subscribe", subscription=channel)
        assert await alice.exchange(request) == [success(request, subscription=channel)]

    @spec("SUB-1")
    @pytest.mark.parametrize("tails", [["/a"], ["/a", "/b/*", "/c/**"], ["/a", "/a"]])
    async def test_reply_repeats_an_array_and_there_is_one(
        self, alice: Client, bob: Client, channel: str, tails: list[str]
    ) -> None:
        names = [channel + tail for tail in tails]
        request = alice.message("/meta/subscribe", subscription=names)
        assert await alice.exchange(request) == [success(request, subscription=names)]
        await bob.publish(f"{channel}/a", 1)
        assert await alice.events() == [event(f"{channel}/a", 1)]

    @spec("SUB-2", "BER-1")
    @pytest.mark.parametrize("kind", ["/meta/subscribe", "/meta/unsubscribe"])
    async def test_missing_subscription(self, alice: Client, kind: str) -> None:
        request = alice.message(kind)
        assert await alice.exchange(request) == [failure(request, "403::subscription_missing")]

    @spec("SUB-2", "UNS-1", "SUB-1")
    @pytest.mark.parametrize("kind", ["/meta/subscribe", "/meta/unsubscribe"])
    async def test_empty_array(self, alice: Client, kind: str) -> None:
        request = alice.message(kind, subscription=[])
        assert await alice.exchange(request) == [failure(request, "403::subscription_missing", subscription=[])]

    @spec("SUB-2", "UNS-1", "SUB-1")
    @pytest.mark.parametrize("kind", ["/meta/subscribe", "/meta/unsubscribe"])
    @pytest.mark.parametrize(
        "subscription", [5, True, {"a": 1}, [5], ["/a", 5], [["/a"]], ["/a", None], "", ["/a", ""], "a"]
    )
    async def test_invalid_subscription(self, alice: Client, kind: str, subscription: Any) -> None:
        request = alice.message(kind, subscription=subscription)
        assert await alice.exchange(request) == [
            failure(request, "403::subscription_invalid", subscription=subscription)
        ]

    @spec("SUB-2", "SUB-3")
    async def test_one_invalid_element_and_nothing_is_subscribed(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        names = [channel, "/a/*/b", f"{channel}/x"]
        request = alice.message("/meta/subscribe", subscription=names)
        (reply,) = await alice.exchange(request)
        assert reply == failure(request, "403::subscription_invalid", subscription=names)
        await bob.publish(channel, 1)
        await bob.publish(f"{channel}/x", 1)
        assert await alice.events() == []

    @spec("SUB-5", "BER-1")
    @pytest.mark.parametrize(
        "name",
        ["/meta/connect", "/meta/handshake", "/meta/subscribe", "/meta/unsubscribe", "/meta/disconnect", "/meta/*",
         "/meta/**", "/meta/x", "/meta/connect/*", "/meta/connect/"],
    )  # fmt: skip
    async def test_meta_channels_cannot_be_subscribed(self, alice: Client, bob: Client, name: str) -> None:
        request = alice.message("/meta/subscribe", subscription=name)
        (reply,) = await alice.exchange(request)
        assert reply["error"] in DENIED_META
        assert reply == failure(request, reply["error"], subscription=name)
        if name == "/meta/connect":
            assert reply["error"] == DENIED_META[0]
        if name == "/meta/x":
            assert reply["error"] == DENIED_META[1]
        await bob.connect(advice={"timeout": 0})
        assert await alice.events() == []

    @spec("SUB-6", "UNS-5")
    @pytest.mark.parametrize("name", ["/service/x", "/service/*", "/service/**"])
    async def test_subscribing_to_a_service_channel_succeeds_and_does_nothing(self, alice: Client, name: str) -> None:
        for kind in ("/meta/subscribe", "/meta/unsubscribe"):
            request = alice.message(kind, subscription=name)
            assert await alice.exchange(request) == [success(request, subscription=name)]

    @spec("SUB-7")
    async def test_subscribing_twice_is_subscribing_once(self, alice: Client, bob: Client, channel: str) -> None:
        for _ in range(2):
            assert (await alice.subscribe(channel))["successful"]
        await bob.publish(channel, 1)
        assert await alice.events() == [event(channel, 1)]
        assert (await alice.unsubscribe(channel))["successful"]
        await bob.publish(channel, 2)
        assert await alice.events() == []

    @spec("SUB-8")
    async def test_event_may_come_in_the_same_response_as_the_reply(self, alice: Client, channel: str) -> None:
        """Subscribe and publish in one batch."""
        subscribe = alice.message("/meta/subscribe", subscription=channel)
        publish = alice.message(channel, data=1)
        assert await alice.exchange(subscribe, publish) == [
            event(channel, 1),
            success(subscribe, subscription=channel),
            success(publish),
        ]

    @spec("SUB-8")
    async def test_nothing_of_before_the_subscribe_comes(self, alice: Client, bob: Client, channel: str) -> None:
        await bob.publish(channel, "before")
        await alice.subscribe(channel)
        await bob.publish(channel, "after")
        assert await alice.events() == [event(channel, "after")]

    @spec("SUB-10", "HS-12")
    async def test_subscribe_works_before_the_first_connect(self, newcomer: Client, bob: Client, channel: str) -> None:
        await newcomer.handshake()
        assert (await newcomer.subscribe(channel))["successful"]
        await bob.publish(channel, 1)
        assert (await newcomer.connect())["successful"]
        assert [*newcomer.take_unread(), *await newcomer.events()] == [event(channel, 1)]

    @spec("SUB-11", "HS-1")
    async def test_subscriptions_are_the_sessions_not_the_clients(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        """They do not come along to the next session."""
        await alice.subscribe(channel)
        await alice.handshake()
        await alice.connect()
        await bob.publish(channel, 1)
        assert await alice.events() == []


@pytest.mark.profile("hooks")
class TestPermission:
    @spec("SUB-4", "SUB-1", "SEC-14")
    async def test_policy_refuses(self, alice: Client, bob: Client) -> None:
        request = alice.message("/meta/subscribe", subscription="/unreadable/x")
        error = "403:denied_by_security_policy:subscribe_denied"
        assert await alice.exchange(request) == [failure(request, error, subscription="/unreadable/x")]
        assert (await bob.publish("/unreadable/x", 1))["successful"]
        assert await alice.events() == []

    @spec("SUB-4", "SEC-14")
    async def test_creation_is_asked_for_first(self, alice: Client) -> None:
        request = alice.message("/meta/subscribe", subscription="/uncreatable/y")
        error = "403:denied_by_security_policy:create_denied"
        assert await alice.exchange(request) == [failure(request, error, subscription="/uncreatable/y")]

    @spec("SUB-4")
    async def test_authorizer_refuses_with_its_reason(self, alice: Client) -> None:
        """It is asked about the creation first, and denies that."""
        request = alice.message("/meta/subscribe", subscription="/members/x")
        (reply,) = await alice.exchange(request)
        assert reply["error"] in ("403:not_a_member:create_denied", "403:not_a_member:subscribe_denied")

    @spec("SUB-4")
    async def test_authorizer_without_opinion_does_not_grant(self, alice: Client) -> None:
        (reply,) = await alice.exchange(alice.message("/meta/subscribe", subscription="/ignored/x"))
        assert reply["error"] in (
            "403:denied_by_not_granting:create_denied",
            "403:denied_by_not_granting:subscribe_denied",
        )

    @spec("SUB-3", "SUB-1")
    @pytest.mark.parametrize("place", [0, 1, 2])
    async def test_one_refused_element_and_nothing_is_subscribed(
        self, alice: Client, bob: Client, channel: str, place: int
    ) -> None:
        """The error names the refused channel."""
        names = [channel, f"{channel}/x"]
        names.insert(place, "/unreadable/x")
        request = alice.message("/meta/subscribe", subscription=names)
        (reply,) = await alice.exchange(request)
        assert reply == failure(request, reply["error"], subscription=names)
        code, arguments, text = reply["error"].split(":")
        assert (code, text) == ("403", "subscribe_denied")
        assert arguments.split(",") == ["denied_by_security_policy", "/unreadable/x"]
        await bob.publish(channel, 1)
        await bob.publish(f"{channel}/x", 1)
        assert await alice.events() == []

    @spec("BER-2", "SEC-21")
    async def test_policy_that_raises_denies(self, alice: Client) -> None:
        (reply,) = await alice.exchange(alice.message("/meta/subscribe", subscription="/raising/policy/x"))
        assert reply["successful"] is False
        assert reply["error"] == "403:denied_by_security_policy:subscribe_denied"


class TestUnsubscribe:
    @spec("UNS-1")
    async def test_events_stop(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe(channel)
        request = alice.message("/meta/unsubscribe", subscription=channel)
        assert await alice.exchange(request) == [success(request, subscription=channel)]
        await bob.publish(channel, 1)
        assert await alice.events() == []

    @spec("UNS-1")
    async def test_several_at_once(self, alice: Client, bob: Client, channel: str) -> None:
        names = [f"{channel}/a", f"{channel}/b", f"{channel}/c"]
        await alice.subscribe(names)
        request = alice.message("/meta/unsubscribe", subscription=names[:2])
        assert await alice.exchange(request) == [success(request, subscription=names[:2])]
        await bob.exchange(*(bob.message(name, data=1) for name in names))
        assert await alice.events() == [event(names[2], 1)]

    @spec("UNS-2")
    async def test_unsubscribing_from_what_one_is_not_in_succeeds(self, alice: Client, channel: str) -> None:
        """Also where no such channel exists."""
        for name in (channel, f"{channel}/**"):
            request = alice.message("/meta/unsubscribe", subscription=name)
            assert await alice.exchange(request) == [success(request, subscription=name)]

    @spec("UNS-3")
    async def test_pattern_and_name_are_two_subscriptions(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe([f"{channel}/*", f"{channel}/b"])
        await alice.unsubscribe(f"{channel}/*")
        await bob.publish(f"{channel}/a", 1)
        await bob.publish(f"{channel}/b", 2)
        assert await alice.events() == [event(f"{channel}/b", 2)]
        await alice.subscribe(f"{channel}/*")
        await alice.unsubscribe(f"{channel}/b")
        await bob.publish(f"{channel}/b", 3)
        assert await alice.events() == [event(f"{channel}/b", 3)]

    @spec("UNS-4")
    async def test_events_queued_before_still_come(self, alice: Client, channel: str) -> None:
        """Publish and unsubscribe in one batch."""
        await alice.subscribe(channel)
        publish = alice.message(channel, data=1)
        unsubscribe = alice.message("/meta/unsubscribe", subscription=channel)
        late = alice.message(channel, data=2)
        assert await alice.exchange(publish, unsubscribe, late) == [
            event(channel, 1),
            success(publish),
            success(unsubscribe, subscription=channel),
            success(late),
        ]

    @spec("UNS-5", "BER-1")
    @pytest.mark.parametrize("name", ["/meta/connect", "/meta/*", "/meta/x"])
    async def test_unsubscribing_from_meta_fails(self, alice: Client, name: str) -> None:
        request = alice.message("/meta/unsubscribe", subscription=name)
        assert await alice.exchange(request) == [failure(request, "403::unsubscribe_failed", subscription=name)]

    @spec("UNS-1", "SUB-2")
    async def test_one_invalid_element_and_nothing_is_unsubscribed(self, alice: Client, channel: str) -> None:
        await alice.subscribe(channel)
        assert (await alice.unsubscribe([channel, "nonsense"]))["error"] == "403::subscription_invalid"
        await alice.publish(channel, 1)
        assert await alice.events() == [event(channel, 1)]
