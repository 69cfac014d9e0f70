"""Replay: events that were missed come again, in order, without a hole and without a repeat."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bayeux.backplane.interface import Retention
from bayeux.backplane.memory import MemoryHistory
from bayeux.extensions.ack import Acknowledge
from bayeux.extensions.replay import Replay
from bayeux.protocol.effects import EndReason
from bayeux.protocol.options import Options
from bayeux.protocol.replay import OnGap, Style
from bayeux.server.extension import Extension
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn

BOTH = pytest.mark.parametrize("transport", ["long-polling", "websocket"])
KEPT = {"/n": Retention(events=100), "/n/**": Retention(events=100)}


@asynccontextmanager
async def keeping(
    clock: ManualClock | None = None, options: Options | None = None, **settings: Any
) -> AsyncIterator[BayeuxServer]:
    async with still_server(clock or ManualClock(), options) as server:
        retentions = settings.pop("retentions", KEPT)
        server.extensions.append(Replay(retentions, clock=lambda: 1_000_000_000.25, **settings))
        yield server


def connected(server: BayeuxServer, transport: str = "long-polling", **handshake: Any) -> Peer:
    peer = Peer(server, transport).handshake(**handshake)
    peer.connect()
    return peer


def subscribe(peer: Peer, subscription: str | list[str], position: Any) -> dict[str, Any]:
    """Subscribe, each channel from this position; gives the reply."""
    names = [subscription] if isinstance(subscription, str) else subscription
    replay = position if isinstance(position, dict) and "id" not in position else dict.fromkeys(names, position)
    return peer.subscribe(subscription, ext={"replay": replay})


def ids(peer: Peer) -> list[int]:
    return [event["ext"]["replay"]["id"] for event in peer.events]


def values(peer: Peer) -> list[Any]:
    return [event["data"] for event in peer.events]


@pytest.mark.spec("RPL-10")
async def test_the_handshake_says_that_there_is_a_history() -> None:
    async with keeping() as server:
        assert Peer(server).handshake().replies[-1]["ext"] == {"replay": True}
    async with keeping(styles={"/event/*": Style.SALESFORCE}) as server:
        assert Peer(server).handshake().replies[-1]["ext"] == {"replay": True, "payload.format": True}


@BOTH
@pytest.mark.spec("RPL-2", "RPL-13", "RPL-12", "RPL-16")
async def test_everything_kept_comes_before_what_is_live(transport: str) -> None:
    async with keeping() as server:
        for number in (1, 2, 3):
            server.publish("/n", number)
            server.publish("/elsewhere", number)
        alice = connected(server, transport)
        reply = subscribe(alice, "/n", -2)
        server.publish("/n", 4)
        alice.connect()
        await turn()
        assert values(alice) == [1, 2, 3, 4]
        assert ids(alice) == sorted(set(ids(alice)))
        report = reply["ext"]["replay"]["/n"]
        assert (report["recovered"], report["count"], report["id"]) == (True, 3, ids(alice)[2])
        assert alice.events[0]["ext"]["replay"] == {"id": ids(alice)[0], "epoch": report["epoch"]}


@pytest.mark.spec("RPL-12", "RPL-11", "RPL-14", "BAT-5")
@pytest.mark.parametrize("form", ["integer", "string", "object"])
async def test_what_came_after_the_last_one_seen_is_replayed_in_the_same_answer(form: str) -> None:
    async with keeping() as server:
        for number in range(5):
            server.publish("/n", number)
        first = connected(server)
        report = subscribe(first, "/n", -2)["ext"]["replay"]["/n"]
        seen = ids(first)[1]
        position = {"integer": seen, "string": str(seen), "object": {"id": seen, "epoch": report["epoch"]}}[form]
        again = connected(server)
        answer = again.ask("/meta/subscribe", subscription="/n", ext={"replay": {"/n": position}})
        assert [message.get("data") for message in answer] == [2, 3, 4, None]
        assert answer[-1]["ext"]["replay"]["/n"] == {**report, "count": 3}


@pytest.mark.spec("RPL-12", "SUB-7")
@pytest.mark.parametrize("ext", [{}, {"replay": {}}, {"replay": {"/n": -1}}, {"replay": 7}, {"replay": None}])
async def test_whoever_asks_for_nothing_gets_only_new_events(ext: dict[str, Any]) -> None:
    async with keeping() as server:
        server.publish("/n", "old")
        alice = connected(server)
        assert alice.subscribe("/n", ext=ext)["successful"]
        server.publish("/n", "new")
        alice.connect()
        assert values(alice) == ["new"]


@pytest.mark.spec("RPL-14", "RPL-15")
@pytest.mark.parametrize(("on_gap", "expected"), [(OnGap.ALL, [3, 4]), (OnGap.NEW, [])])
async def test_a_gap_is_told(on_gap: OnGap, expected: list[int]) -> None:
    async with keeping(retentions={"/n": Retention(events=2)}, on_gap=on_gap) as server:
        for number in range(5):
            server.publish("/n", number)
        alice = connected(server)
        report = subscribe(alice, "/n", 1)["ext"]["replay"]["/n"]
        assert (report["recovered"], report["count"]) == (False, len(expected))
        assert values(alice) == expected


@pytest.mark.spec("RPL-15", "RPL-20", "SUB-3", "RPL-19")
async def test_a_gap_may_be_an_error_and_then_nothing_is_subscribed() -> None:
    async with keeping(retentions={"/n/*": Retention(events=1)}, on_gap=OnGap.ERROR) as server:
        for number in range(3):
            server.publish("/n/a", number)
        alice = connected(server)
        reply = subscribe(alice, ["/n/b", "/n/a"], {"/n/b": -2, "/n/a": 1})
        assert (reply["successful"], reply["error"]) == (False, "412:/n/a:replay_gap")
        assert alice.session.subscriptions == set()
        assert subscribe(alice, "/n/a", "soon")["error"] == "400:/n/a:replay_invalid"
        assert alice.events == []


@pytest.mark.spec("RPL-13", "RPL-20", "RPL-15")
async def test_salesforce_style_keeps_to_the_form_its_clients_know() -> None:
    async with keeping(retentions={"/event/*": Retention(events=2)}, styles={"/event/*": Style.SALESFORCE}) as server:
        server.publish("/event/Order", {"payload": {"no": 7}})
        server.publish("/event/Order", {"payload": {"no": 8}, "event": {"createdDate": "yesterday", "by": "us"}})
        alice = connected(server)
        reply = subscribe(alice, "/event/Order", -2)
        assert "ext" not in reply
        first, second = alice.events
        assert first == {
            "channel": "/event/Order",
            "data": {
                "payload": {"no": 7},
                "event": {"replayId": first["data"]["event"]["replayId"], "createdDate": "2001-09-09T01:46:40.250Z"},
            },
        }
        assert second["data"]["event"]["createdDate"] == "yesterday"
        server.publish("/event/Order", {"payload": {"no": 9}})
        reply = subscribe(connected(server), "/event/Order", 0)
        assert reply["error"] == (
            "400::The replayId {0} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
            "or -1 to replay only new events."
        )
        missing = connected(server).subscribe("/event/Order", ext={"replay": {"/event/Other": -2}})
        assert missing["error"].startswith("400::The replayId for channel {/event/Order} wasn't found")


@pytest.mark.spec("RPL-17")
async def test_a_pattern_is_replayed_whole_or_by_channel_but_not_from_an_id() -> None:
    async with keeping() as server:
        for name in ("/n/a", "/n/b", "/n/b/deep"):
            for number in (1, 2):
                server.publish(name, f"{name} {number}")
        alice, bob, carol = connected(server), connected(server), connected(server)
        assert subscribe(alice, "/n/*", -2)["successful"]
        assert sorted(values(alice)) == ["/n/a 1", "/n/a 2", "/n/b 1", "/n/b 2"]
        seen = next(event for event in alice.events if event["data"] == "/n/a 1")["ext"]["replay"]["id"]
        assert subscribe(bob, "/n/*", {"/n/a": seen, "/n/b/deep": -2})["successful"]
        assert values(bob) == ["/n/a 2"]
        assert subscribe(carol, "/n/*", seen)["error"] == "400:/n/*:replay_invalid"
        server.publish("/n/a", "live")
        for peer in (alice, bob):
            peer.connect()
            assert values(peer)[-1] == "live"


@pytest.mark.spec("RPL-21")
async def test_subscribing_again_with_a_position_rewinds_and_live_events_come_once() -> None:
    async with keeping() as server:
        alice = connected(server)
        subscribe(alice, "/n", -2)
        for number in (1, 2):
            server.publish("/n", number)
        assert subscribe(alice, "/n", -2)["successful"]
        assert values(alice) == [1, 2]
        assert alice.subscribe("/n")["successful"]
        server.publish("/n", 3)
        alice.connect()
        assert values(alice) == [1, 2, 3]


@pytest.mark.spec("RPL-18", "AUZ-5")
async def test_who_may_not_subscribe_gets_nothing_and_learns_nothing() -> None:
    async with keeping(on_gap=OnGap.ERROR) as server:
        server.publish("/n", 1)
        server.policy.can_subscribe = lambda *_: False  # type: ignore[method-assign]
        alice = connected(server)
        errors = {subscribe(alice, "/n", position)["error"] for position in (-2, 1, 99, "soon")}
        assert errors == {"403:denied_by_security_policy:subscribe_denied"}
        assert alice.events == []


@pytest.mark.spec("RPL-18")
async def test_a_sessions_own_hooks_see_replayed_events_too() -> None:
    class Shouts(Extension):
        def outgoing(self, sender: Any, session: Any, event: Any) -> None:
            event["data"] = event["data"].upper()

    async with keeping() as server:
        server.publish("/n", "a")
        server.publish("/n", "secret")
        alice = connected(server)
        alice.session.extensions.append(Shouts())
        alice.session.listeners.message.append(lambda session, event: event["data"] != "SECRET")
        subscribe(alice, "/n", -2)
        assert values(alice) == ["A"]


@BOTH
@pytest.mark.spec("RPL-22", "RPL-16", "SEC-L16")
async def test_a_large_gap_comes_in_slices_while_live_events_go_on(transport: str) -> None:
    options = Options(max_queue=20)
    async with keeping(options=options, retentions={"/n": Retention(events=1000)}) as server:
        for number in range(300):
            server.publish("/n", number)
        alice = connected(server, transport)
        subscribe(alice, "/n", -2)
        live = 300
        while len(alice.events) < 330 and not alice.session.is_over:
            assert len(alice.session.queue) <= 10
            if live < 330:
                server.publish("/n", live)
                live += 1
            if transport == "long-polling" and alice.session.held is None:
                alice.connect()
            await turn()
        assert values(alice) == list(range(330))
        assert alice.session.recovering is None
        assert alice.session.hooks is None
        sizes = [len(answer) for answer in alice.socket.sent] if alice.socket else []
        assert max(sizes, default=0) <= 20


@pytest.mark.spec("RPL-22")
async def test_more_than_one_subscribe_may_ask_for_counts_as_gone() -> None:
    async with keeping(max_events=3) as server:
        for number in range(10):
            server.publish("/n", number)
        alice = connected(server)
        report = subscribe(alice, "/n", -2)["ext"]["replay"]["/n"]
        assert (report["recovered"], report["count"], values(alice)) == (False, 3, [7, 8, 9])


@pytest.mark.spec("RPL-16", "RPL-14")
async def test_a_session_that_catches_up_too_slowly_ends_instead_of_missing_something() -> None:
    async with keeping(options=Options(max_queue=4), retentions={"/n": Retention(events=10)}) as server:
        ends: list[EndReason] = []
        server.listeners.session_removed.append(lambda session, reason: ends.append(reason))
        for number in range(10):
            server.publish("/n", number)
        alice = connected(server)
        alice.session.connect_only = True
        subscribe(alice, "/n", -2)
        for number in range(10):
            server.publish("/n", number)
        alice.connect()
        await turn()
        assert ends == [EndReason.SLOW]


@pytest.mark.spec("RPL-1", "CHN-2", "SEC-44", "DEL-6")
async def test_only_broadcasts_of_channels_with_a_retention_are_kept() -> None:
    options = Options(private_prefixes=("/n/me",))
    async with keeping(options=options) as server:
        server.extensions[0].history = server.extensions[0].history  # type: ignore[attr-defined]
        history = server.extensions[0].history  # type: ignore[attr-defined]
        assert isinstance(history, MemoryHistory)
        alice = Peer(server, user="alice").handshake()
        alice.subscribe("/n/me")
        server.deliver_to_user("alice", "/n/me", "private")
        server.deliver([alice.session], "/n", "addressed")
        server.publish("/service/n", "service")
        server.publish("/elsewhere", "not kept")
        assert len(history) == 0
        server.create_channel_if_absent("/elsewhere")[0].retention = Retention(events=1)
        server.publish("/elsewhere", "kept")
        assert len(history) == 1


@pytest.mark.spec("XT-2", "RPL-2")
async def test_a_publisher_cannot_say_where_its_event_stands() -> None:
    async with keeping() as server:
        alice = connected(server)
        alice.subscribe(["/n", "/plain"])
        alice.publish("/n", 1, ext={"replay": {"id": 999}, "other": 1})
        alice.publish("/plain", 2, ext={"replay": {"id": 999}})
        kept, plain = alice.events
        assert (kept["ext"]["replay"]["id"], kept["ext"]["other"]) == (1, 1)
        assert "ext" not in plain


@pytest.mark.spec("RPL-23", "ACK-3")
async def test_with_ack_replayed_events_leave_with_connects_and_are_sent_again_when_lost() -> None:
    async with keeping() as server:
        server.extensions.append(Acknowledge())
        server.publish("/n", 1)
        alice = connected(server, ext={"ack": True})
        reply = subscribe(alice, "/n", -2)
        assert reply["ext"]["replay"]["/n"]["count"] == 1
        assert alice.events == []
        for _ in range(2):
            alice.connect(ext={"ack": 1})
        assert values(alice) == [1, 1]
        alice.connect(ext={"ack": 3})
        assert values(alice) == [1, 1]


@pytest.mark.spec("RPL-1")
async def test_the_history_forgets_what_is_too_old() -> None:
    clock = ManualClock()
    async with keeping(clock, retentions={"/n": Retention(events=10, ttl=5)}) as server:
        server.publish("/n", "old")
        await pass_time(server, clock, 6)
        server.publish("/n", "young")
        alice = connected(server)
        report = subscribe(alice, "/n", 0)["ext"]["replay"]["/n"]
        assert (values(alice), report["recovered"]) == (["young"], False)


@BOTH
@pytest.mark.spec("RPL-16", "RPL-23")
@pytest.mark.parametrize("seed", range(15))
async def test_whatever_the_schedule_a_client_that_remembers_its_last_id_gets_each_event_once_in_order(
    transport: str, seed: int
) -> None:
    """Publishing, losing the connection, expiring and coming back in a random order."""
    chance, clock = random.Random(seed), ManualClock()
    async with keeping(clock, Options(max_queue=30), retentions={"/n": Retention(events=10_000)}) as server:
        published, taken, last = 0, [], 0
        alice: Peer | None = None

        def keep(message: dict[str, Any]) -> None:
            nonlocal last
            if message.get("channel") == "/n":
                last = message["ext"]["replay"]["id"]
                taken.append(message["data"])

        for _ in range(60):
            match chance.choice(("publish", "publish", "come", "poll", "lose", "expire", "rest")):
                case "publish":
                    for _ in range(chance.randint(1, 25)):
                        server.publish("/n", published)
                        published += 1
                case "come" if alice is None:
                    alice = connected(server, transport)
                    alice.on_heard = keep
                    subscribe(alice, "/n", last)
                case "poll" if alice is not None and not alice.session.is_over and alice.session.held is None:
                    alice.connect()
                case "lose" if alice is not None and not alice.session.is_over and transport == "long-polling":
                    alice.lose_connection()
                case "expire" if alice is not None and not alice.session.is_over:
                    server.expire(alice.session)
                    alice = None
                case "rest":
                    await turn()
            if alice is not None and server.session(alice.client_id or "") is None:
                alice = None
        alice = alice or connected(server, transport)
        alice.on_heard = keep
        subscribe(alice, "/n", last)
        while len(taken) < published:
            before = len(taken)
            if alice.session.held is None:
                alice.connect()
            await turn()
            assert len(taken) > before or alice.session.recovering
        assert taken == list(range(published))
