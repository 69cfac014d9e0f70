"""A lone connect takes a short way; an extension that does nothing sends it the long one. Both say the same."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeux.protocol.options import Options
from bayeux.server import lone_connect
from bayeux.server.extension import Extension
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, standing_still, turn

CHANNELS = ("/plain", "/plain/deeper", "/lazy")
ADVICES = (
    {},
    {"timeout": 0},
    {"timeout": 2000},
    {"interval": 700},
    {"timeout": -1},
    {"timeout": "long"},
    "wrong",
    None,
)

who = st.sampled_from((0, 0, 0, 1, 2))
in_order = st.fixed_dictionaries({}, optional={"advice": st.sampled_from(ADVICES[:5])})
in_any_order = st.fixed_dictionaries(
    {},
    optional={
        "advice": st.sampled_from(ADVICES),
        "id": st.sampled_from((7, "", "not valid!", True, None, [])),
        "ext": st.sampled_from(({}, {"ack": 1}, {"long": "x" * 200}, "wrong", None)),
        "channel": st.sampled_from(("/meta/connect/", "/meta/nothing", "/plain", 7)),
        "clientId": st.sampled_from(("another", 7, None)),
        "connectionType": st.just("callback-polling"),
    },
)
publish = st.tuples(st.just("publish"), st.sampled_from(CHANNELS))
trouble = st.one_of(
    st.tuples(st.just("lose"), who),
    st.tuples(st.just("batch"), who, st.booleans()),
    st.tuples(st.just("kick"), who),
    st.tuples(st.just("forget cookie"), who),
    st.tuples(st.just("tune"), who, st.sampled_from((None, 0.5, 5.0))),
    st.tuples(st.just("beside"), who, st.sampled_from(("/plain", "/meta/connect"))),
    st.just(("drain",)),
)
LISTENERS = ("agree", "veto", "word", "raise", "wait", "wait and veto", "publish", "kick", "lose", "extend", "hang")
hear = st.tuples(st.just("hear"), st.sampled_from(LISTENERS))
wait = st.tuples(st.just("wait"), st.sampled_from((0.01, 1.0, 6.0)))
connect = st.tuples(st.just("connect"), who, in_order)
any_connect = st.tuples(st.just("connect"), who, in_any_order)
pause = st.just(("turn",))
each = (connect, connect, connect, connect, any_connect, publish, publish, pause, wait, trouble, hear)
action = st.integers(0, 9).flatmap(lambda n: each[n])
heard_action = st.integers(0, 10).flatmap(lambda n: each[n])
chosen_options = st.sampled_from(
    (
        {},
        {},
        {"max_queue": 2},
        {"max_queue": 2, "queue_overflow": "disconnect"},
        {"session_message_rate": 2.0, "session_message_burst": 4},
        {"max_bayeux_message_size": 150},
        {"max_sessions_per_browser": 1},
        {"trust_client_session": True, "max_processing": 3.0},
        {"interval": 0.5, "timeout": 4.0, "max_interval": 3.0},
    )
)


class Listener:
    """Hears connects, and does as it is told; to the next one alone what cannot be done twice."""

    def __init__(self, server: BayeuxServer, peers: list[Peer]) -> None:
        self.server, self.peers = server, peers
        self.manner = "agree"
        self.found: list[Any] = []
        """What it saw of each session and message."""

    def __call__(self, session: Any, message: Any) -> Any:
        found = (session.state, session.is_processing, session.expires_at, session.batches, dict(message.reply))
        self.found.append((*found, session.last_seen_at, message.id, message.session is session, self.manner))
        match self.manner:
            case "veto":
                return False
            case "word":
                message.reply["ext"] = {"heard": True}
            case "raise":
                raise ValueError
            case "wait" | "wait and veto":
                return self.wait(self.manner)
            case "publish":
                self.server.publish("/plain", "heard")
            case "kick":
                self.manner = "agree"
                session.disconnect()
            case "lose":
                for peer in self.peers:
                    if peer.client_id == session.client_id:
                        peer.lose_connection()
            case "extend":
                self.manner = "agree"
                session.extensions.append(Extension())
            case "hang":
                self.manner = "agree"
                session.listeners.suspended.append(lambda *_: None)
        return True

    async def wait(self, manner: str) -> bool:
        await asyncio.sleep(0)
        return manner == "wait"


async def converse(
    schedule: list[tuple[Any, ...]],
    settings: dict[str, Any],
    extension: Extension | None,
    *,
    is_heard: bool = False,
) -> tuple[list[bytes], dict[str, Any]]:
    """What each of three clients was sent, answer by answer; two of them are tabs of one browser."""
    clock = ManualClock()
    server = BayeuxServer(Options(**settings), clock=clock, random_bytes=random.Random(1).randbytes)
    server.create_channel_if_absent("/lazy", lambda channel: setattr(channel, "lazy", True))
    if extension is not None:
        server.extensions.append(extension)
    async with standing_still(server):
        wires: list[Any] = []
        peers = [Peer(server, "long-polling") for _ in range(3)]
        begun: list[Any] = []
        listener = Listener(server, peers)
        if is_heard:
            server.on("/meta/connect", listener)

        def begin(peer: Peer) -> Any:
            listener.manner = "agree"
            peer.browser = peers[0].browser if peer is peers[1] else None
            peer.handshake().subscribe(["/plain/**", "/plain", "/lazy"])
            wires.append(peer.connect())
            return peer.session

        begun = [begin(peer) for peer in peers]
        for step, *arguments in schedule:
            match step, *arguments:
                case "connect", int(n), dict(fields):
                    if server.sessions.find(peers[n].client_id) is None and not server.is_draining:
                        begun[n] = begin(peers[n])
                    wires.append(peers[n].send({**peers[n].message("/meta/connect"), **fields}))
                case "hear", str(manner):
                    listener.manner = manner
                case "beside", int(n), str(channel):
                    message = peers[n].message(channel)
                    wires.append(peers[n].send(peers[n].message("/meta/connect"), message))
                case "publish", str(channel):
                    server.publish(channel, len(wires))
                case "lose", int(n):
                    peers[n].lose_connection()
                case "batch", int(n), bool(begins):
                    begun[n].is_batching = int(begins)
                case "kick", int(n):
                    begun[n].disconnect()
                case "forget cookie", int(n):
                    peers[n].browser = None
                case "tune", int(n), timeout:
                    begun[n].timeout = timeout
                case ("drain",):
                    server.is_draining = True
                case "wait", float(seconds):
                    server.deadlines.run(clock.advance(seconds))
                    for each in begun:  # the ways do not watch it alike, and one may be late by a tick
                        each.look(clock.now)
                case _:
                    await turn()
        await turn()
        counted: dict[str, Any] = {
            name: dict(getattr(server.counters, name))
            for name in ("messages_received", "messages_delivered", "messages_dropped", "rejected", "session_ends")
        }
        counted["requests"] = {name: sum(each.counts) for name, each in server.counters.request_seconds.items()}
        counted["heard"] = listener.found
        counted["held"] = dict(server.sessions.held_by_browser)
        counted["sessions"] = [
            (
                each.expires_at,
                each.next_deadline,
                each.away_since,
                each.last_seen_at,
                each._tokens_full_at,
                each.batches,
            )
            for each in begun
        ]
        return [orjson.dumps([wire.sent, wire.dismissed, wire.closed]) for wire in wires], counted


@pytest.mark.expected_logs("a client was answered 402")
@pytest.mark.spec("CN-1", "CN-3", "CN-4", "CN-10", "ADV-4", "SES-5", "COOK-11", "SEC-L19")
@settings(max_examples=200, deadline=None)
@given(schedule=st.lists(action, min_size=25, max_size=60), chosen=chosen_options)
def test_the_short_way_and_the_long_way_say_the_same(schedule: list[tuple[Any, ...]], chosen: dict[str, Any]) -> None:
    """Answer by answer and byte by byte, in what is counted, and in what the sessions wait for."""
    short = asyncio.run(converse(schedule, chosen, None))
    long = asyncio.run(converse(schedule, chosen, Extension()))
    assert short == long


@pytest.mark.expected_logs("a client was answered 402", "a message listener raised")
@pytest.mark.spec("LST-8", "CHN-5", "SES-5", "MSGX-1")
@settings(max_examples=200, deadline=None)
@given(schedule=st.lists(heard_action, min_size=25, max_size=60), chosen=chosen_options)
def test_both_ways_say_the_same_to_who_is_heard(schedule: list[tuple[Any, ...]], chosen: dict[str, Any]) -> None:
    """Whatever a listener does to the connect, to its session and to the server, and what it sees of them."""
    short = asyncio.run(converse(schedule, chosen, None, is_heard=True))
    long = asyncio.run(converse(schedule, chosen, Extension(), is_heard=True))
    assert short == long


class LongWay(Exception):
    """Somebody went it."""


@pytest.mark.interpreted("compiled modules call one another directly: nothing can be put between")
async def test_only_an_unwatched_lone_connect_takes_the_short_way() -> None:
    """Otherwise the test above would compare the long way with itself."""
    async with BayeuxServer() as server:
        alice = Peer(server).handshake()
        with patch.object(lone_connect, "Exchange", side_effect=LongWay):
            assert alice.connect().closed
            assert not alice.connect().closed
            alice.lose_connection()
            server.on("/meta/connect", lambda session, message: None)
            assert not alice.connect().closed
            alice.lose_connection()
            server.extensions.append(Extension())
            with pytest.raises(LongWay):
                alice.connect()
