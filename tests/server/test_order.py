"""In which order things are told: LST-1…9 pinned, as CometD's MessageProcessingOrderTest does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.protocol.channel import ChannelName
from bayeux.protocol.effects import EndReason
from bayeux.server.extension import Extension
from bayeux.server.security import Authorizer, Operation, SecurityPolicy, Verdict
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn


class Told(Extension):
    """Writes down what it sees."""

    def __init__(self, name: str, news: list[str]) -> None:
        self.name, self.news = name, news

    def incoming(self, session: Any, message: Any) -> None:
        self.news.append(f"{self.name} incoming")

    def incoming_meta(self, session: Any, message: Any) -> None:
        self.news.append(f"{self.name} incoming {message.channel}")

    def outgoing(self, sender: Any, session: Any, event: Any) -> None:
        self.news.append(f"{self.name} outgoing")

    def outgoing_meta(self, session: Any, reply: Any) -> None:
        self.news.append(f"{self.name} reply")


class Asked(SecurityPolicy):
    """Grants everything, and writes down the question."""

    def __init__(self, news: list[str]) -> None:
        self.news = news

    def can_handshake(self, *_: Any) -> bool:
        self.news.append("policy handshake")
        return True

    def can_create(self, server: Any, session: Any, channel: ChannelName, message: Any) -> bool:
        self.news.append(f"policy create {channel}")
        return True

    def can_subscribe(self, server: Any, session: Any, channel: ChannelName, message: Any) -> bool:
        self.news.append(f"policy subscribe {channel}")
        return True

    def can_publish(self, *_: Any) -> bool:
        self.news.append("policy publish")
        return True


class Guard(Authorizer):
    def __init__(self, news: list[str]) -> None:
        self.news = news

    def authorize(self, operation: Operation, *_: Any) -> Verdict:
        self.news.append(f"authorizer {operation.value}")
        return Verdict.GRANT


def extend(server: BayeuxServer, alice: Peer, bob: Peer, news: list[str]) -> None:
    """Hang a witness on every hook there is."""
    server.policy = Asked(news)
    server.guard("/**", Guard(news))
    server.extensions += [Told("server 1", news), Told("server 2", news)]
    alice.session.extensions.extend([Told("sender 1", news), Told("sender 2", news)])
    bob.session.extensions.extend([Told("receiver 1", news), Told("receiver 2", news)])
    bob.session.listeners.message.append(lambda *_: news.append("receiver message"))
    bob.session.listeners.queued.append(lambda *_: news.append("receiver queued"))
    for pattern in ("/game/x", "/**", "/game/*", "/service/x"):
        for number in (1, 2):
            server.on(pattern, lambda *_, told=f"{pattern} {number}": news.append(told))


@pytest.mark.spec("LST-1", "PUB-10", "EXN-2", "CH-21", "QUE-2")
async def test_a_publish_on_a_broadcast_channel() -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        bob.subscribe("/game/x")
        channel = server.channel("/game/x")
        assert channel is not None
        channel.remove()
        server.create_channel_if_absent("/game/*")[0].subscribe(bob.session)
        extend(server, alice, bob, news)
        server.listeners.channel_added.append(lambda channel: news.append(f"added {channel.name}"))
        server.channels.remove(server.create_channel_if_absent("/game/x")[0])
        news.clear()
        alice.on_heard = lambda message: news.append("written")
        alice.publish("/game/x", 1)
        assert news == [
            "server 1 incoming", "server 2 incoming",
            "sender 1 incoming", "sender 2 incoming",
            "policy create /game/x", "authorizer create", "policy publish", "authorizer publish",
            "added /game/x", "/** 1", "/** 2", "/game/* 1", "/game/* 2",
            "server 2 outgoing", "server 1 outgoing",
            "receiver 2 outgoing", "receiver 1 outgoing", "receiver message", "receiver queued",
            "server 2 reply", "server 1 reply", "sender 2 reply", "sender 1 reply",
            "written",
        ]  # fmt: skip


@pytest.mark.spec("LST-2", "SRV-1")
async def test_a_publish_on_a_service_channel_with_what_its_listeners_deliver() -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        extend(server, alice, bob, news)
        server.on("/service/x", lambda session, _: bob.session.deliver("/to/bob", 1) and None)
        server.on("/service/x", lambda session, _: session.deliver("/to/alice", 2) and None)
        assert [message["channel"] for message in alice.publish("/service/x", 1)] == ["/to/alice", "/service/x"]
        start = news.index("authorizer publish")
        assert news[start + 1 :] == [
            "/** 1", "/** 2", "/service/x 1", "/service/x 2",
            "server 2 outgoing", "server 1 outgoing",
            "receiver 2 outgoing", "receiver 1 outgoing", "receiver message", "receiver queued",
            "server 2 outgoing", "server 1 outgoing", "sender 2 outgoing", "sender 1 outgoing",
            "server 2 reply", "server 1 reply", "sender 2 reply", "sender 1 reply",
        ]  # fmt: skip


@pytest.mark.spec("LST-4", "LST-7")
async def test_subscribing_and_unsubscribing() -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []
        alice = Peer(server).handshake()
        server.policy = Asked(news)
        server.extensions.append(Told("server", news))

        @server.on_channel_created("/a/**")
        def initialize(channel: Any) -> None:
            news.append(f"initialized {channel.name}")
            channel.subscribed.append(lambda *_: news.append(f"{channel.name}: subscribed"))
            channel.unsubscribed.append(lambda *_: news.append(f"{channel.name}: unsubscribed"))

        listeners = server.listeners
        listeners.channel_configured.append(lambda channel: news.append(f"configured {channel.name}"))
        listeners.channel_added.append(lambda channel: news.append(f"added {channel.name}"))
        listeners.channel_removed.append(lambda channel: news.append(f"removed {channel.name}"))
        listeners.subscribed.append(lambda session, channel, message: news.append(f"server: {message.channel}"))
        listeners.unsubscribed.append(lambda _, __, message: news.append(f"server: {message and message.channel}"))
        alice.subscribe(["/a/x", "/a/y"])
        assert news == [
            "server incoming /meta/subscribe",
            "policy create /a/x", "policy subscribe /a/x", "policy create /a/y", "policy subscribe /a/y",
            "initialized /a/x", "configured /a/x", "added /a/x", "/a/x: subscribed", "server: /meta/subscribe",
            "initialized /a/y", "configured /a/y", "added /a/y", "/a/y: subscribed", "server: /meta/subscribe",
            "server reply",
        ]  # fmt: skip
        news.clear()
        alice.ask("/meta/unsubscribe", subscription="/a/x")
        assert news == [
            "server incoming /meta/unsubscribe", "/a/x: unsubscribed", "server: /meta/unsubscribe", "server reply",
        ]  # fmt: skip
        news.clear()
        created = server.channel("/a/x")
        assert created is not None
        created.remove()
        assert news == ["removed /a/x"]


@pytest.mark.spec("LST-5", "EXN-5", "EXN-6")
async def test_a_handshake_and_an_extension_that_it_brings_sees_its_reply() -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []

        class Brings(Told):
            def incoming_meta(self, session: Any, message: Any) -> None:
                super().incoming_meta(session, message)
                if server.session(session.id) is None:
                    news.append(f"a session that is {session.state.value}")
                    session.extensions.append(Told("session", news))
                    session.listeners.added.append(lambda *_: news.append("session added"))

        server.extensions.append(Brings("server", news))
        server.policy = Asked(news)
        server.listeners.session_added.append(lambda *_: news.append("server: session added"))
        Peer(server).ask("/meta/handshake")
        assert news == [
            "server incoming /meta/handshake", "a session that is new", "policy handshake",
            "server: session added", "session added", "server reply", "session reply",
        ]  # fmt: skip


@pytest.mark.spec("LST-6", "DSC-5", "SN-8")
@pytest.mark.parametrize("way", ["disconnect", "kick", "sweep", "race"])
async def test_a_removal_is_told_once_in_order_whatever_races(way: str) -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        news: list[str] = []
        alice = Peer(server).handshake()
        alice.connect()
        alice.subscribe("/a")
        alice.session.attributes["name"] = "Alice"

        def removed(session: Any, reason: EndReason) -> None:
            news.append(f"server: {session.attributes['name']} removed")
            if way == "race":
                session.disconnect()
                server.expire(session)

        server.listeners.session_removed.append(removed)
        server.listeners.unsubscribed.append(lambda session, channel, _: news.append(f"left {channel.name}"))
        alice.session.listeners.removed.append(lambda session, reason: news.append(f"session: {reason.value}"))
        expected = {"disconnect": "disconnect", "kick": "kicked", "sweep": "timeout", "race": "kicked"}[way]
        if way == "disconnect":
            alice.ask("/meta/disconnect")
        elif way == "sweep":
            await pass_time(server, clock, 60)
        else:
            alice.session.disconnect()
        assert news == ["server: Alice removed", "left /a", f"session: {expected}"]


@pytest.mark.spec("LST-9")
async def test_a_publish_in_a_listener_is_over_before_the_outer_one_goes_on() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.subscribe("/**")
        server.on("/outer", lambda *_: server.publish("/inner", 1) and None)
        server.publish("/outer", 2)
        await turn()
        assert [event["channel"] for event in alice.events] == ["/inner", "/outer"]


@pytest.mark.spec("LST-9")
@pytest.mark.expected_logs("nested too deep|a message listener raised")
async def test_a_listener_that_publishes_without_end_is_an_error() -> None:
    async with still_server(ManualClock()) as server:
        depth = 0

        def again(*_: Any) -> None:
            nonlocal depth
            depth += 1
            server.publish("/a", depth)

        server.on("/a", again)
        server.publish("/a", 0)
        assert depth == 100


@pytest.mark.spec("GEN-1", "PUB-16")
async def test_while_a_hook_of_one_session_is_awaited_others_get_theirs_and_its_own_keep_their_order() -> None:
    async with still_server(ManualClock()) as server:
        slow, quick = Peer(server, "websocket").handshake(), Peer(server, "websocket").handshake()
        gate = asyncio.Event()

        class Waits(Extension):
            async def outgoing(self, sender: Any, session: Any, event: Any) -> Any:
                if event["data"] == 1:
                    await gate.wait()
                return {**event, "data": event["data"] * 10}

        slow.subscribe("/a")
        quick.subscribe("/a")
        slow.session.extensions.append(Waits())
        for number in (1, 2, 3):
            server.publish("/a", number)
        await turn()
        assert ([event["data"] for event in slow.events], [event["data"] for event in quick.events]) == ([], [1, 2, 3])
        gate.set()
        await turn()
        await turn()
        assert [event["data"] for event in slow.events] == [10, 20, 30]


@pytest.mark.spec("GEN-1", "BAT-7")
@pytest.mark.parametrize("hook", ["outgoing_meta", "outgoing", "session_added", "subscribed", "incoming_meta"])
async def test_every_hook_may_be_awaited_and_its_message_waits_for_it(hook: str) -> None:
    async with still_server(ManualClock()) as server:
        gate, told = asyncio.Event(), []

        async def waits(*_: Any) -> None:
            await gate.wait()
            told.append(hook)

        alice = Peer(server)
        if hook == "session_added":
            server.listeners.session_added.append(waits)
            alice.handshake()
        elif hook == "subscribed":
            server.listeners.subscribed.append(waits)
            alice.handshake().send(alice.message("/meta/subscribe", subscription="/a"))
        else:
            extension = Extension()
            setattr(extension, hook, waits)
            alice.handshake()
            server.extensions.append(extension)
            alice.send(alice.message("/a" if hook == "outgoing" else "/meta/subscribe", data=1, subscription="/a"))
        heard = len(alice.heard)
        await turn()
        assert len(alice.heard) == heard
        gate.set()
        await alice
        assert alice.replies[-1]["successful"]
        assert told == [hook]


@pytest.mark.spec("GEN-3", "GEN-2")
@pytest.mark.expected_logs("a listener raised|the security policy raised|an incoming extension raised")
async def test_a_hook_that_never_returns_counts_as_one_that_raised() -> None:
    from bayeux.protocol.options import Options

    async def never(*_: Any) -> bool:
        await asyncio.Event().wait()
        return True

    async with still_server(ManualClock(), Options(hook_timeout=0.01)) as server:
        alice = Peer(server).handshake()
        server.listeners.subscribed.append(never)
        extension = Extension()
        extension.incoming_meta = never  # type: ignore[method-assign]
        server.extensions.append(extension)
        alice.send(alice.message("/meta/subscribe", subscription="/a"))
        await alice
        assert alice.replies[-1]["successful"]
        server.policy.can_publish = never  # type: ignore[method-assign]
        alice.send(alice.message("/a", data=1))
        await alice
        assert alice.replies[-1]["error"] == "403:denied_by_security_policy:publish_denied"
