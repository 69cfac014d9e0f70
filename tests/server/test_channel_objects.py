"""Channels as objects: what they tell, what they can be told, who hears of them."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.channel import Kind
from bayeux.protocol.errors import ChannelInvalid
from bayeux.server.filters import Abort, NoMarkupFilter
from bayeux.testing import ManualClock, Peer, still_server, turn


@pytest.mark.spec("CHN-1", "SRV-2")
@pytest.mark.parametrize(
    ("name", "kind", "is_wild", "is_deep_wild"),
    [
        ("/a/b", Kind.BROADCAST, False, False),
        ("/service/*", Kind.SERVICE, True, False),
        ("/a/**", Kind.BROADCAST, True, True),
        ("/meta/connect", Kind.META, False, False),
    ],
)
async def test_a_channel_tells_what_it_is(name: str, kind: Kind, is_wild: bool, is_deep_wild: bool) -> None:
    async with still_server(ManualClock()) as server:
        channel, _ = server.create_channel_if_absent(name)
        assert server.channel(name) is channel
        assert (channel.name.text, channel.kind, channel.is_wild, channel.is_deep_wild) == (
            name, kind, is_wild, is_deep_wild,
        )  # fmt: skip
        channel.attributes["topic"] = "weather"
        assert channel.attributes == {"topic": "weather"}


@pytest.mark.spec("SRV-2", "LST-7")
async def test_initializers_run_once_before_anyone_sees_the_channel() -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []
        server.listeners.channel_added.append(lambda channel: news.append("added"))
        stop = server.on_channel_created("/a/*", lambda channel: news.append("by pattern"))
        channel, created = server.create_channel_if_absent("/a/b", lambda channel: news.append("own"))
        again, created_again = server.create_channel_if_absent("/a/b", lambda channel: news.append("twice"))
        assert (created, created_again, again is channel) == (True, False, True)
        assert news == ["by pattern", "own", "added"]
        stop()
        server.create_channel_if_absent("/a/c")
        assert news[3:] == ["added"]


@pytest.mark.spec("CHN-3", "AUZ-3")
async def test_the_server_subscribes_a_session_unasked_and_the_client_sees_nothing_of_it() -> None:
    async with still_server(ManualClock()) as server:
        server.policy.can_subscribe = lambda *_: False  # type: ignore[method-assign]
        alice = Peer(server, "websocket").handshake()
        told: list[Any] = []
        server.listeners.subscribed.append(lambda session, channel, message: told.append(message))
        channel, _ = server.create_channel_if_absent("/a")
        assert channel.subscribe(alice.session)
        assert not channel.subscribe(alice.session)
        alice.connect()
        channel.publish(1)
        await turn()
        assert channel.unsubscribe(alice.session)
        assert not channel.unsubscribe(alice.session)
        channel.publish(2)
        await turn()
        assert [event["data"] for event in alice.events] == [1]
        assert told == [None]
        session = alice.session
        session.disconnect()
        assert not channel.subscribe(session)


@pytest.mark.spec("CHN-3", "CHN-4")
async def test_what_makes_no_sense_is_refused() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        meta, pattern = server.channel("/meta/connect"), server.create_channel_if_absent("/a/*")[0]
        assert meta is not None
        with pytest.raises(ChannelInvalid):
            meta.subscribe(alice.session)
        with pytest.raises(ChannelInvalid):
            meta.remove()
        with pytest.raises(ChannelInvalid):
            pattern.publish(1)
        with pytest.raises(ChannelInvalid):
            server.create_channel_if_absent("/a/{b}")


@pytest.mark.spec("CHN-4")
async def test_a_removed_channel_has_no_subscribers_and_does_no_harm() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.subscribe("/a")
        channel = server.channel("/a")
        assert channel is not None
        news: list[str] = []
        server.listeners.unsubscribed.append(lambda *_: news.append("unsubscribed"))
        server.listeners.channel_removed.append(lambda *_: news.append("removed"))
        channel.remove()
        channel.remove()
        assert news == ["unsubscribed", "removed"]
        assert (server.channel("/a"), alice.session.subscriptions) == (None, set())
        channel.publish(1)
        assert len(alice.session.queue) == 0
        assert alice.subscribe("/a")["successful"]


@pytest.mark.spec("CHN-5", "CHN-6", "CH-31", "GEN-4")
async def test_subscription_listeners_of_one_channel_keep_it_and_can_be_taken_back() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        channel, _ = server.create_channel_if_absent("/a")
        news: list[str] = []
        stop = channel.subscribed.add(lambda session, channel, message: news.append(channel.name.text))
        for _ in range(5):
            server.sweep()
        alice.subscribe(["/a", "/b"])
        assert news == ["/a"]
        stop()
        stop()
        alice.ask("/meta/unsubscribe", subscription="/a")
        for _ in range(5):
            server.sweep()
        assert server.channel("/a") is None


@pytest.mark.spec("CHN-8", "SVC-7", "GEN-9")
async def test_a_template_hands_its_values_over_and_leaves_other_shapes_alone() -> None:
    async with still_server(ManualClock()) as server:
        heard: list[Any] = []

        @server.on("/game/{room}/moves/{player}")
        def moved(session: Any, message: Any, room: str, player: str) -> None:
            heard.append((room, player, message.data))

        @server.on("/service/{name}")
        async def called(session: Any, message: Any, name: str) -> None:
            heard.append(name)

        alice = Peer(server).handshake()
        alice.publish("/game/7/moves/bob", "e4")
        for other in ("/game/7/moves", "/game/7/moves/bob/x", "/game/7/chat/bob", "/service/a/b"):
            alice.publish(other, 0)
        alice.send(alice.message("/service/echo", data=1))
        await alice
        assert heard == [("7", "bob", "e4"), "echo"]
        with pytest.raises(ChannelInvalid):
            server.on("/game/{room}/*", lambda *_: None)


@pytest.mark.spec("FLT-1", "FLT-4", "LST-8")
async def test_a_filter_changes_or_refuses_what_clients_and_the_server_publish() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.subscribe("/a/*")
        channel, _ = server.create_channel_if_absent("/a/**")
        channel.add_filter(NoMarkupFilter())

        async def no_secrets(session: Any, channel: Any, data: Any) -> Any:
            if data == "secret":
                raise Abort
            return data

        stop = channel.add_filter(no_secrets)
        server.publish("/a/x", {"text": "<b>"})
        await turn()
        alice.send(alice.message("/a/x", data="secret"))
        await alice
        assert alice.replies[-1]["error"] == "404::message_deleted"
        stop()
        alice.publish("/a/x", "secret")
        await turn()
        assert [event["data"] for event in alice.events] == [{"text": "&lt;b&gt;"}, "secret"]


@pytest.mark.spec("GEN-4", "GEN-9", "AUZ-4", "SRV-6")
async def test_each_registration_is_a_call_with_its_undoing_or_a_decorator() -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []

        @server.listeners.session_added
        def added(session: Any, message: Any) -> None:
            news.append("added")

        def hear(*_: Any) -> None:
            news.append("heard")

        once, twice = server.on("/a", hear), server.on("/a", hear)
        alice = Peer(server).handshake()
        alice.publish("/a", 1)
        once()
        once()
        alice.publish("/a", 1)
        twice()
        alice.publish("/a", 1)
        assert news == ["added", "heard", "heard", "heard"]
        server.listeners.session_added.remove(added)
        Peer(server).handshake()
        assert news[4:] == []


@pytest.mark.spec("GEN-4")
async def test_a_listener_may_remove_itself_and_others_while_it_is_called() -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []

        def first(*_: Any) -> None:
            news.append("first")
            stop_first()
            stop_second()

        stop_first = server.on("/a", first)
        stop_second = server.on("/a", lambda *_: news.append("second"))
        server.publish("/a", 1)
        server.publish("/a", 2)
        assert news == ["first", "second"]
