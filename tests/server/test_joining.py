"""Connects and subscribes take a short way; an extension that does nothing sends them the long one.

Both say the same.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeux.protocol.channel import ChannelName
from bayeux.protocol.errors import BatchTooLarge, SubscribeDenied
from bayeux.protocol.options import Options
from bayeux.server import joining
from bayeux.server.extension import Extension
from bayeux.server.security import Denied, SecurityPolicy, Verdict
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, standing_still, turn
from tests.support.no_timers import no_timers

CHANNELS = (
    *(
        "/plain",
        "/plain/*",
        "/**",
        "/first/seen",
        "/service/x",
        "/private/x",
        ["/plain", "/other"],
        ["/plain", "/plain"],
    ),
    *("/guarded/yes", "/guarded/no", "/policy/denies", "/policy/words", "/policy/waits", "/policy/waits/denies"),
    *("/policy/raises", "/policy/kicks", "/policy/publishes", "/told/later", "/told/kicks", "/told/hooks"),
    *("/create/denies", ["/told/later", "/policy/waits", "/plain"], "/meta/connect", "/{x}", "no channel", 7, [], None),
)
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
HEARD = ("nothing", "plain", "later", "veto", "veto later", "kick", "hang", "reply", "raise")

who = st.sampled_from((0, 0, 1, 2, 2))
a_connect = st.fixed_dictionaries(
    {"channel": st.just("/meta/connect")}, optional={"advice": st.sampled_from(ADVICES[:5])}
)
a_subscribe = st.fixed_dictionaries(
    {"channel": st.just("/meta/subscribe"), "subscription": st.sampled_from(CHANNELS[:21])}
)
anything = st.fixed_dictionaries(
    {
        "channel": st.sampled_from(
            ("/meta/connect", "/meta/subscribe", "/meta/connect/", "/meta/unsubscribe", "/plain", 7)
        )
    },
    optional={
        "subscription": st.sampled_from(CHANNELS),
        "advice": st.sampled_from(ADVICES),
        "id": st.sampled_from((7, "", "not valid!", True, None, [])),
        "ext": st.sampled_from(({}, {"ack": 1}, {"long": "x" * 200}, "wrong", None)),
        "clientId": st.sampled_from(("another", 7, None)),
        "connectionType": st.just("callback-polling"),
    },
)
usual = st.one_of(a_connect, a_subscribe)
sent = st.tuples(st.just("send"), who, st.lists(usual, min_size=1, max_size=3))
any_sent = st.tuples(st.just("send"), who, st.lists(st.one_of(usual, anything), min_size=1, max_size=4))
publish = st.tuples(st.just("publish"), st.sampled_from(("/plain", "/plain/deeper", "/other")))
trouble = st.one_of(
    st.tuples(st.just("read"), who, st.booleans()),
    st.tuples(st.just("batch"), who, st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from((0.01, 1.0, 6.0))),
    st.tuples(st.just("kick"), who),
    st.tuples(st.just("lose"), who),
    st.tuples(st.just("connect only"), who),
    st.just(("drain",)),
)
each = (sent, sent, sent, sent, any_sent, any_sent, publish, st.just(("turn",)), trouble)
action = st.integers(0, 8).flatmap(lambda n: each[n])
chosen_options = st.sampled_from(
    (
        {},
        {},
        {"max_queue": 2, "queue_overflow": "disconnect"},
        {"session_message_rate": 2.0, "session_message_burst": 6},
        {"max_bayeux_message_size": 150},
        {"max_batch_messages": 2},
        {"max_subscriptions_per_session": 2},
        {"max_channels": 10},
        {"max_sessions_per_browser": 1},
        {"max_processing": 3.0},
        {"meta_connect_delivery_only": True},
        {"interval": 0.5, "timeout": 4.0, "max_interval": 3.0},
    )
)


async def later(answer: Any) -> Any:
    await asyncio.sleep(0)
    return answer


class Policy(SecurityPolicy):
    """Answers in every way there is."""

    def can_create(self, server: Any, session: Any, channel: ChannelName, message: Any) -> Any:
        return channel.text != "/create/denies"

    def can_subscribe(self, server: Any, session: Any, channel: ChannelName, message: Any) -> Any:
        match channel.text:
            case "/policy/denies":
                return False
            case "/policy/words":
                message.reply["ext"] = {"said": "no"}
                return Denied(reason="words", advice={"reconnect": "none"})
            case "/policy/waits":
                return later(True)
            case "/policy/waits/denies":
                return later(False)
            case "/policy/raises":
                raise SubscribeDenied("raised")
            case "/policy/kicks":
                session.disconnect()
            case "/policy/publishes":
                server.publish("/plain", "asked")
                message.reply["ext"] = {"asked": True}
        return True


class Guard:
    def authorize(self, operation: Any, channel: ChannelName, session: Any, message: Any) -> Verdict:
        return Verdict.GRANT if channel.text == "/guarded/yes" else Verdict.IGNORE


def heard(how: str) -> Any:
    """A listener on connects."""

    def listener(session: Any, message: Any) -> Any:
        match how:
            case "later":
                return later(None)
            case "veto":
                return False
            case "veto later":
                return later(False)
            case "kick" if message.id == "9":
                session.disconnect()
            case "hang":
                session.extensions.append(Extension())
            case "reply":
                message.reply["ext"] = {"heard": message.id}
                message.fields["id"] = "changed"
            case "raise":
                raise ValueError
        return None

    return listener


def told(session: Any, channel: Any, message: Any) -> Any:
    """A listener on subscriptions."""
    match channel.name.text:
        case "/told/later":
            return later(None)
        case "/told/kicks":
            session.disconnect()
        case "/told/hooks":
            session.extensions.append(Extension())
    return None


async def played(
    server: BayeuxServer, clock: ManualClock, schedule: list[tuple[Any, ...]]
) -> tuple[list[Any], list[Any]]:
    """What was sent for each request, and the sessions at the end."""
    wires: list[Any] = []
    peers = [Peer(server, "websocket"), Peer(server, "websocket"), Peer(server, "long-polling")]
    begun = [peer.handshake().session for peer in peers]
    for step, *arguments in schedule:
        match step, *arguments:
            case "send", int(n), messages:
                if begun[n].is_over and not server.is_draining:
                    begun[n] = peers[n].handshake().session
                own = [{"id": str(len(wires) % 10), "clientId": peers[n].client_id, **each} for each in messages]
                with suppress(BatchTooLarge):
                    wires.append(peers[n].send(*own))
                await peers[n]
            case "publish", str(channel):
                server.publish(channel, len(wires))
            case "read", int(n), bool(is_read):
                if (socket := peers[n].socket) is not None:
                    socket.writable = is_read
                    if is_read:
                        server.writable_again(socket)
            case "batch", int(n), bool(begins):
                begun[n].is_batching = int(begins)
            case "kick", int(n):
                begun[n].disconnect()
            case "lose", int(n):
                peers[n].lose_connection()
            case "connect only", int(n):
                begun[n].connect_only = True
            case ("drain",):
                server.is_draining = True
            case "wait", float(seconds):
                server.deadlines.run(clock.advance(seconds))
            case _:
                await turn()
    await turn()
    return wires, begun


async def converse(
    schedule: list[tuple[Any, ...]], settings: dict[str, Any], how: str, extension: Extension | None
) -> tuple[list[bytes], dict[str, Any]]:
    """What each of three clients was sent, answer by answer, and what the server counted."""
    clock = ManualClock()
    server = BayeuxServer(
        Options(private_prefixes=("/private",), sweep_period=3600.0, **settings),
        policy=Policy(),
        clock=clock,
        random_bytes=random.Random(1).randbytes,
    )
    server.guard("/guarded/*", Guard())
    server.listeners.subscribed.append(told)
    if how != "nothing":
        server.on("/meta/connect", heard(how))
    if extension is not None:
        server.extensions.append(extension)
    async with standing_still(server):
        with no_timers():
            wires, begun = await played(server, clock, schedule)
        counted: dict[str, Any] = {
            name: dict(getattr(server.counters, name))
            for name in ("messages_received", "messages_delivered", "messages_dropped", "rejected", "session_ends")
        }
        counted["requests"] = {name: sum(each.counts) for name, each in server.counters.request_seconds.items()}
        counted["held"] = dict(server.sessions.held_by_browser)
        counted["subscribers"] = {channel.name.text: len(channel.subscribers) for channel in server.channels}
        counted["sessions"] = [
            (
                each.state,
                each.subscriptions,
                (each.expires_at, each.next_deadline) if server.sessions.find(each.client_id) else "forgotten",
                each.away_since,
                each.last_seen_at,
                each._tokens_full_at,
                each.batches,
            )
            for each in begun
        ]
        return [orjson.dumps([wire.sent, wire.close_code, wire.dismissed, wire.closed]) for wire in wires], counted


@pytest.mark.expected_logs(
    "guarded channels can be seen",
    "the security policy raised",
    "a message listener raised",
    "a client was answered 402",
)
@pytest.mark.spec("CN-1", "CN-3", "SUB-3", "SUB-7", "BAT-1", "BAT-3", "CHN-5", "SES-5", "SEC-L11", "SEC-L19")
@settings(max_examples=200, deadline=None)
@given(
    schedule=st.lists(action, min_size=10, max_size=40), chosen=chosen_options, how=st.sampled_from(HEARD + HEARD[:2])
)
def test_the_short_way_and_the_long_way_say_the_same(
    schedule: list[tuple[Any, ...]], chosen: dict[str, Any], how: str
) -> None:
    """Answer by answer and byte by byte, in what is counted, and in what the sessions wait for."""
    short = asyncio.run(converse(schedule, chosen, how, None))
    long = asyncio.run(converse(schedule, chosen, how, Extension()))
    assert short == long


class LongWay(Exception):
    """Somebody went it."""


@pytest.mark.interpreted("compiled modules call one another directly: nothing can be put between")
@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
async def test_unwatched_connects_and_subscribes_take_the_short_way(transport: str) -> None:
    """Otherwise the test above would compare the long way with itself; listeners that answer at once do no harm."""
    async with BayeuxServer() as server:
        server.on("/meta/connect", lambda *_: None)
        server.listeners.subscribed.append(lambda *_: None)
        alice = Peer(server, transport).handshake()
        requests = [alice.message("/meta/connect"), alice.message("/meta/subscribe", subscription="/plain")]
        with patch.object(joining, "Exchange", side_effect=LongWay):
            assert [reply["successful"] for reply in alice.send(*requests).sent[-1]] == [True, True]
            assert not alice.connect().closed
            server.extensions.append(Extension())
            with pytest.raises(LongWay):
                alice.subscribe("/other")
