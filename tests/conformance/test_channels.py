"""Section 2: names, kinds and matching of channels."""

from __future__ import annotations

import pytest

from tests.conformance.conversation import Client, event, failure, only, success

spec = pytest.mark.spec

DENIED_CREATE = "403:denied_by_security_policy:channel_create_denied"

INVALID_NAMES = [
    "", "/", "//", "a", "foo", "foo/bar", "//a", "/a//b", "/a/ /b", "/a//", " /a", "/a b\u00e9", "/\u00fc", "/a%20b",
    "/a?b",
    "/a,b", "/a;b", "/a:b", "/a&b", "/a=b", "/a'b", '/a"b', "/a<b", "/a>b", "/a\\b", "/a|b", "/a^b", "/a`b", "/a[b]",
    "/a\u0000",
    "/a\nb", "/a\tb", "/\u0430", "/a/\u2028", "/\uff0fa",
]  # fmt: skip
INVALID_PATTERNS = [
    "/foo/*/bar",
    "/**/x",
    "/foo/*/**",
    "/a*b",
    "/a*",
    "/*a",
    "/***",
    "/a/***",
    "/**/**",
    "/*/*",
    "*",
    "**",
]


class TestNames:
    @spec("CH-1", "CH-2", "CH-3", "CH-4", "SEC-15")
    @pytest.mark.parametrize("name", [*INVALID_NAMES, *INVALID_PATTERNS])
    async def test_invalid_name_is_refused(self, alice: Client, name: str) -> None:
        """As the channel of a message and as a subscription."""
        reply = await alice.publish(name, 1)
        assert reply["successful"] is False
        assert reply["error"] == "405::channel_invalid"
        request = alice.message("/meta/subscribe", subscription=name)
        assert await alice.exchange(request) == [failure(request, "403::subscription_invalid", subscription=name)]

    @spec("CH-1")
    @pytest.mark.parametrize("segment", ["a", "Z", "0", *"!#$()+-.@_~", "a b", "{a", "a}", "..", "-", "_x", "1.0"])
    async def test_allowed_characters(self, alice: Client, channel: str, segment: str) -> None:
        name = f"{channel}/{segment}/x"
        assert (await alice.subscribe(name))["successful"]
        assert (await alice.publish(name, 1))["successful"]
        assert await alice.events() == [event(name, 1)]

    @spec("CH-1")
    async def test_shortest_name(self, alice: Client) -> None:
        assert (await alice.subscribe("/a"))["successful"]

    @spec("CH-3")
    @pytest.mark.parametrize("tail", ["/", " ", "/ ", "  ", "\t", "\n"])
    async def test_trailing_white_space_and_one_slash_do_not_count(
        self, alice: Client, channel: str, tail: str
    ) -> None:
        """The reply repeats the subscription as sent; the event has the plain name."""
        sent = channel + tail
        request = alice.message("/meta/subscribe", subscription=sent)
        assert await alice.exchange(request) == [success(request, subscription=sent)]
        assert (await alice.publish(channel, 1))["successful"]
        assert await alice.events() == [event(channel, 1)]
        assert (await alice.publish(sent, 2))["successful"]
        assert await alice.events() == [event(channel, 2)]
        assert (await alice.unsubscribe(channel))["successful"]
        await alice.publish(channel, 3)
        assert await alice.events() == []

    @spec("CH-4")
    async def test_names_are_case_sensitive(self, alice: Client, channel: str) -> None:
        await alice.subscribe(f"{channel}/a")
        await alice.publish(f"{channel}/A", "other")
        await alice.publish(f"{channel}/a", "same")
        assert await alice.events() == [event(f"{channel}/a", "same")]

    @spec("CH-5", "SEC-L13", "SEC-1")
    async def test_length_is_bounded(self, alice: Client) -> None:
        """512 characters pass, 513 do not."""
        longest = "/conformance/" + "x" * (512 - 13)
        assert (await alice.subscribe(longest))["successful"]
        assert (await alice.publish(longest, 1))["successful"]
        assert await alice.events() == [event(longest, 1)]
        assert (await alice.publish(longest + "x", 1))["error"] == "405::channel_invalid"
        assert (await alice.subscribe(longest + "x"))["error"] == "403::subscription_invalid"

    @spec("CH-5", "SEC-L13", "SEC-1")
    async def test_segments_are_bounded(self, alice: Client) -> None:
        """32 segments pass, 33 do not."""
        deepest = "/conformance" + "/s" * 31
        assert (await alice.subscribe(deepest))["successful"]
        assert (await alice.publish(deepest + "/s", 1))["error"] == "405::channel_invalid"
        assert (await alice.subscribe(deepest + "/s"))["error"] == "403::subscription_invalid"

    @spec("CH-6")
    @pytest.mark.parametrize("tail", ["/{name}", "/{a}/b", "/{a}/*", "/{a}/**"])
    async def test_templates_are_not_for_clients(self, alice: Client, channel: str, tail: str) -> None:
        assert (await alice.subscribe(channel + tail))["error"] == "403::subscription_invalid"

    @spec("CH-2", "PUB-5")
    @pytest.mark.parametrize("tail", ["/*", "/**"])
    async def test_publishing_to_a_pattern_is_refused(self, alice: Client, channel: str, tail: str) -> None:
        await alice.subscribe(f"{channel}/**")
        request = alice.message(channel + tail, data=1)
        assert await alice.exchange(request) == [failure(request, "405::channel_invalid")]
        assert await alice.events() == []


class TestKinds:
    @spec("CH-10")
    @pytest.mark.parametrize(
        "name", ["/metaphor", "/meta", "/services", "/service", "/metaphor/connect", "/Meta/connect"]
    )
    async def test_kind_is_told_by_the_whole_first_segment(self, alice: Client, bob: Client, name: str) -> None:
        """These are broadcast channels."""
        assert (await alice.subscribe(name))["successful"]
        assert (await bob.publish(name, 1))["successful"]
        assert await alice.events() == [event(name, 1)]

    @spec("CH-11", "SEC-16", "SEC-40", "WSEC-1", "PUB-15")
    @pytest.mark.parametrize(
        "name",
        [
            "/meta/x", "/meta/handshake/x", "/meta/connect/x", "/meta/subscribe/x", "/meta/unsubscribe/x",
            "/meta/disconnect/x", "/meta/subscribe/subscribe", "/meta/subscribe2", "/meta/Subscribe", "/meta/SUBSCRIBE",
            "/meta/handshakes", "/meta/publish", "/meta/__init__", "/meta/__class__", "/meta/subscribe.x",
            "/meta/subscribe x",
            "/meta/..", "/meta/../meta/connect", "/meta/meta/connect", "/meta/connect/meta/connect", "/meta/ping",
            "/meta/{x}", "/meta/(subscribe)", "/meta/subscribe!", "/meta/ subscribe",
        ],
    )  # fmt: skip
    async def test_other_meta_channels_do_not_exist(self, alice: Client, channel: str, name: str) -> None:
        """Never taken for one of the five, whatever stands behind it."""
        request = alice.message(name, subscription=channel, data=1, connectionType=alice.transport)
        assert await alice.exchange(request) == [failure(request, DENIED_CREATE)]
        await alice.publish(channel, 1)
        assert await alice.events() == []
        assert await alice.is_known()

    @spec("CH-11", "SEC-40")
    @pytest.mark.parametrize(
        "name",
        [
            "/meta//subscribe", "//meta/subscribe", "/meta/subscribe//", "meta/subscribe", "/meta\u2044subscribe",
            "/meta%2Fsubscribe", "/meta/subscribe%00", "/meta/subscribe\u0000", "/meta/\u0455ubscribe",
            "/\uff4deta/subscribe",
            "/meta/*", "/meta/**", "/meta/subscribe/*", "\\meta\\subscribe", "/meta/subscribe?x",
            "/meta/subscribe#x\u00e9",
            "/meta/subscribe;x", "/meta/subscribe\u200b", "/meta/sub\u00adscribe",
        ],
    )  # fmt: skip
    async def test_look_alikes_of_meta_channels_are_invalid(self, alice: Client, channel: str, name: str) -> None:
        reply = await alice.ask(name, subscription=channel)
        assert reply["successful"] is False
        assert reply["error"] in ("405::channel_invalid", DENIED_CREATE)
        await alice.publish(channel, 1)
        assert await alice.events() == []

    @spec("CH-3", "CH-11")
    @pytest.mark.parametrize("tail", ["/", " ", "/ "])
    async def test_trimmed_meta_channels_are_the_five(self, alice: Client, channel: str, tail: str) -> None:
        assert (await alice.ask("/meta/subscribe" + tail, subscription=channel))["successful"]
        await alice.publish(channel, 1)
        assert await alice.events() == [event(channel, 1)]

    @spec("CH-12", "CH-23", "PUB-13", "SUB-6")
    async def test_service_messages_are_never_forwarded(self, alice: Client, bob: Client, channel: str) -> None:
        """Not to who subscribed to the very channel, a pattern over it, or everything."""
        name = f"/service{channel}"
        for subscription in (name, "/service/**", "/service/*", "/**", "/*"):
            assert (await alice.subscribe(subscription))["successful"]
        request = bob.message(name, data=1)
        assert await bob.exchange(request) == [success(request)]
        await bob.publish(channel, "marker")
        assert only(await alice.events(), channel) == [event(channel, "marker")]

    @spec("CH-23")
    async def test_subscriber_of_everything_sees_no_meta_message(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        await alice.subscribe("/**")
        await bob.subscribe(channel)
        await bob.connect(advice={"timeout": 0})
        await bob.unsubscribe(channel)
        await bob.disconnect()
        assert [each for each in await alice.events() if each["channel"].startswith("/meta/")] == []

    @spec("CH-13")
    async def test_broadcast_reaches_every_subscriber(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe(channel)
        await bob.subscribe(channel)
        await alice.publish(channel, {"n": 1})
        assert await bob.events() == await alice.events() == [event(channel, {"n": 1})]


class TestMatching:
    @spec("CH-20")
    @pytest.mark.parametrize(
        ("pattern", "seen"),
        [
            ("/*", ["/b"]),
            ("/**", ["/b", "/b/c", "/b/c/d"]),
            ("/b/*", ["/b/c"]),
            ("/b/**", ["/b/c", "/b/c/d"]),
            ("/b/c/*", ["/b/c/d"]),
            ("/b/c/**", ["/b/c/d"]),
            ("/b/c/d/**", []),
            ("/bb/**", []),
        ],
    )
    async def test_pattern_sees(self, alice: Client, bob: Client, channel: str, pattern: str, seen: list[str]) -> None:
        await alice.subscribe(channel + pattern)
        await bob.exchange(*(bob.message(channel + tail, data=tail) for tail in ("", "/b", "/b/c", "/b/c/d")))
        assert await alice.events() == [event(channel + tail, tail) for tail in seen]

    @spec("CH-20")
    async def test_star_at_the_root_sees_one_segment(self, alice: Client, bob: Client, channel: str) -> None:
        await alice.subscribe("/*")
        name = channel.replace("/conformance/", "/")
        await bob.publish(name, 1)
        await bob.publish(channel, 2)
        assert only(await alice.events(), channel) == [event(name, 1)]

    @spec("CH-22", "CH-21")
    async def test_event_comes_once_under_the_name_it_was_published_to(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        """However many of one's subscriptions match."""
        name = f"{channel}/y/z"
        await alice.subscribe([name, "/**", f"{channel}/**", f"{channel}/y/*", f"{channel}/y/**", "/conformance/**"])
        await bob.publish(name, 1)
        assert only(await alice.events(), channel) == [event(name, 1)]

    @spec("CH-23")
    async def test_star_subscriptions_do_not_open_service_channels(
        self, alice: Client, bob: Client, channel: str
    ) -> None:
        await alice.subscribe(["/**", "/service/**"])
        await bob.publish(f"/service{channel}", "secret")
        await bob.publish(channel, "marker")
        assert only(await alice.events(), channel) == [event(channel, "marker")]


@spec("CH-30", "PUB-6")
@pytest.mark.profile("hooks")
async def test_channel_comes_into_being_only_with_permission(alice: Client) -> None:
    request = alice.message("/uncreatable/x", data=1)
    assert await alice.exchange(request) == [failure(request, DENIED_CREATE)]
    subscribe = alice.message("/meta/subscribe", subscription="/uncreatable/x")
    error = "403:denied_by_security_policy:create_denied"
    assert await alice.exchange(subscribe) == [failure(subscribe, error, subscription="/uncreatable/x")]
