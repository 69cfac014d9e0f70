"""One name, a separate audience a user: addressed, never filtered."""

from __future__ import annotations

import random

import pytest

from bayeux.protocol.channel import parse_channel
from bayeux.protocol.options import Options
from bayeux.testing import ManualClock, Peer, still_server, turn

OPTIONS = Options(private_prefixes=("/v2/me", "/_genesys"), session_message_rate=0)
NAME = "/v2/me/interactions"


@pytest.mark.spec("SEC-44", "AG-102", "AG-104", "AG-106")
@pytest.mark.parametrize("subscription", [NAME, "/v2/me/*", "/v2/me/**", "/v2/**", "/**"])
async def test_a_private_message_reaches_all_sessions_of_its_user_and_no_other(subscription: str) -> None:
    async with still_server(ManualClock(), OPTIONS) as server:
        own = [Peer(server, user="Agent1").handshake() for _ in range(2)]
        others = [Peer(server, user="Agent2").handshake(), Peer(server).handshake()]
        for peer in own + others:
            peer.connect()
            assert peer.subscribe(subscription)["successful"]
        assert server.deliver_to_user("Agent1", NAME, {"n": 1}) == 2
        for peer in own:
            assert peer.connect().sent[0][0] == {"channel": NAME, "data": {"n": 1}}
        for peer in others:
            assert peer.connect().sent == []


@pytest.mark.spec("SEC-44")
async def test_a_private_name_has_no_list_of_subscribers() -> None:
    async with still_server(ManualClock(), OPTIONS) as server:
        alice = Peer(server, user="Agent1").handshake()
        alice.subscribe(NAME)
        assert server.channels.get(NAME) is None
        alice.subscribe("/v2/**")
        assert server.channels.subscribers(server.channels.matching(parse_channel("/v2/other")))
        assert alice.ask("/meta/unsubscribe", subscription=NAME)[0]["successful"]
        alice.ask("/meta/unsubscribe", subscription="/v2/**")
        assert server.deliver_to_user("Agent1", NAME, 1) == 0


@pytest.mark.spec("SEC-44", "LST-4")
async def test_who_comes_to_a_private_name_and_leaves_it_is_told() -> None:
    """Listeners for channels hear nothing of it: there is no channel."""
    async with still_server(ManualClock(), OPTIONS) as server:
        told: list[tuple[str, str]] = []
        listeners = server.listeners
        listeners.privately_subscribed.append(lambda session, name, _: told.append((session.user or "", name.text)))
        listeners.privately_unsubscribed.append(lambda session, name, _: told.append(("left", name.text)))
        listeners.subscribed.append(lambda session, channel, _: told.append(("channel", channel.name.text)))
        alice = Peer(server, user="Agent1").handshake()
        alice.subscribe([NAME, "/news"])
        alice.ask("/meta/unsubscribe", subscription=NAME)
        assert told == [("Agent1", NAME), ("channel", "/news"), ("left", NAME)]


@pytest.mark.spec("SEC-44", "AG-105", "CM-14")
@pytest.mark.parametrize("channel", [NAME, "/v2/me", "/_genesys", "/_genesys/x"])
async def test_clients_cannot_publish_to_private_names(channel: str) -> None:
    async with still_server(ManualClock(), OPTIONS) as server:
        alice = Peer(server, user="Agent1").handshake()
        alice.subscribe("/**")
        assert alice.publish(channel, 1) == [
            {
                "id": "3",
                "channel": channel,
                "successful": False,
                "error": "403:denied_by_security_policy:publish_denied",
            }
        ]
        assert alice.publish("/v2/mean", 1)[0]["data"] == 1, "only the name and what is below it"


@pytest.mark.spec("SEC-44")
async def test_a_user_who_changes_on_one_socket_takes_nothing_along() -> None:
    async with still_server(ManualClock(), OPTIONS) as server:
        peer = Peer(server, "websocket", user="Agent1").handshake()
        peer.connect()
        peer.subscribe("/**")
        peer.context["user"] = "Agent2"
        peer.handshake()
        peer.connect()
        peer.subscribe("/**")
        assert peer.socket is not None
        peer.socket.sent.clear()
        server.deliver_to_user("Agent1", NAME, "for one")
        server.deliver_to_user("Agent2", NAME, "for two")
        await turn()
        assert [m["data"] for part in peer.socket.sent for m in part] == ["for two"]


@pytest.mark.spec("SEC-44")
async def test_many_users_in_disorder_see_only_their_own() -> None:
    """100 users x 2 sessions over both transports, wildcards, reconnects, 10,000 messages (seed 44)."""
    chance = random.Random(44)
    async with still_server(ManualClock(), OPTIONS) as server:
        users = [f"user{n}" for n in range(100)]
        peers = [Peer(server, name, user=user) for user in users for name in ("long-polling", "websocket")]
        read: dict[int, list[str]] = {id(peer): [] for peer in peers}

        def begin(peer: Peer) -> None:
            peer.handshake()
            peer.connect()
            peer.subscribe(chance.choice([NAME, "/v2/me/*", "/v2/**", "/**"]))

        def poll(peer: Peer) -> None:
            transport = peer.connect()
            read[id(peer)] += [m["data"] for part in transport.sent for m in part if "data" in m]
            transport.sent.clear()

        for peer in peers:
            begin(peer)
        for number in range(10_000):
            user = chance.choice(users)
            server.deliver_to_user(user, NAME, user)
            if number % 3 == 0:
                poll(chance.choice(peers))
            if number % 97 == 0:
                begin(chance.choice(peers))
            if number % 500 == 0:
                await turn()
        for peer in peers:
            poll(peer)
            assert set(read[id(peer)]) <= {peer.context["user"]}
        assert sum(map(len, read.values())) > 10_000
