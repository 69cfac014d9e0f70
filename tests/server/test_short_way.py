"""A publish by a socket takes a short way; an extension that does nothing sends it the long one. Both say the same."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeux.protocol.channel import ChannelName
from bayeux.protocol.errors import PublishDenied
from bayeux.protocol.options import Options
from bayeux.server import short_way
from bayeux.server.extension import Extension
from bayeux.server.flow import FlowControl
from bayeux.server.security import Denied, SecurityPolicy, Verdict
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, standing_still, turn
from tests.support.no_timers import no_timers

CHANNELS = (
    *("/plain", "/plain/deeper", "/plain/", "/first/seen", "/private/x", "/service/x", "/service/listened"),
    *("/vetoed", "/changed", "/slow/veto", "/lazy", "/conflated", "/unechoed", "/guarded/yes", "/guarded/no"),
    *("/policy/denies", "/policy/words", "/policy/waits", "/policy/waits/denies", "/policy/raises", "/policy/kicks"),
    *("/policy/listens", "/template/{x}", "/plain/*", "/meta/nothing", "/meta/connect", "no channel", "/a*b", 7, None),
)
IDS = ("1", "77", 7, "", "not valid!", True, None, [], "ü")
SUBSCRIPTIONS = ("/plain", "/plain/*", "/**", "/lazy", "/conflated", "/vetoed", "/changed", "/guarded/*", "/unechoed")
EXTS = ({}, {"mine": 1}, {"ack": True, "mine": 2}, "wrong", None)

data = st.sampled_from((None, 1, "ü", {"a": [1, 2.5, None]}, "long" * 40))
in_order = st.fixed_dictionaries(
    {"channel": st.sampled_from(CHANNELS[:21]), "id": st.sampled_from(IDS[:3]), "data": data},
    optional={"ext": st.just({"mine": 1}), "mine": st.just("too")},
)
in_any_order = st.fixed_dictionaries(
    {"channel": st.sampled_from(CHANNELS)},
    optional={
        "id": st.sampled_from(IDS),
        "data": data,
        "ext": st.sampled_from(EXTS),
        "advice": st.sampled_from(({}, {"timeout": 1}, "wrong")),
        "timestamp": st.just("now"),
        "subscription": st.just("/plain"),
        "clientId": st.sampled_from(("another", 7, None)),
    },
)
who = st.sampled_from((0, 0, 1, 1, 2))
alone = st.tuples(st.just("send"), who, st.lists(in_order, min_size=1, max_size=1))
anything = st.tuples(st.just("send"), who, st.lists(st.one_of(in_order, in_any_order), min_size=1, max_size=3))
request = st.one_of(
    st.tuples(st.just("subscribe"), who, st.sampled_from(SUBSCRIPTIONS)),
    st.tuples(st.just("connect"), who),
    st.tuples(st.just("turn")),
)
trouble = st.one_of(
    st.tuples(st.just("read"), who, st.booleans()),
    st.tuples(st.just("batch"), who, st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from((0.01, 1.0))),
    st.tuples(st.just("kick"), who),
)
action = st.integers(0, 7).flatmap(lambda n: (alone, alone, alone, alone, anything, request, request, trouble)[n])
chosen_options = st.sampled_from(
    (
        {},
        {},
        {"max_queue": 2},
        {"max_queue": 2, "queue_overflow": "drop_old"},
        {"max_queue": 2, "queue_overflow": "disconnect"},
        {"session_message_rate": 5.0, "session_message_burst": 8},
        {"broadcast_to_publisher": False, "forward_ext": ("mine",)},
        {"rpc_strict": True, "max_channels": 14},
        {"max_bayeux_message_size": 150},
        {"meta_connect_delivery_only": True},
    )
)


class Policy(SecurityPolicy):
    """Answers in every way there is."""

    async def _later(self, answer: Any) -> Any:
        await asyncio.sleep(0)
        return answer

    def can_publish(self, server: Any, session: Any, channel: ChannelName, message: Any) -> Any:
        match channel.text:
            case "/policy/denies":
                return False
            case "/policy/words":
                message.reply["ext"] = {"said": "no"}
                return Denied(reason="words", advice={"reconnect": "none"})
            case "/policy/waits":
                return self._later(True)
            case "/policy/waits/denies":
                return self._later(False)
            case "/policy/raises":
                raise PublishDenied("raised")
            case "/policy/kicks":
                session.disconnect()
            case "/policy/listens":
                server.on("/policy/listens", lambda *_: False)
        message.reply["ext"] = {"asked": channel.text}
        return True


class Guard:
    def authorize(self, operation: Any, channel: ChannelName, session: Any, message: Any) -> Verdict:
        return Verdict.GRANT if channel.text == "/guarded/yes" else Verdict.IGNORE


def change(session: Any, message: Any) -> None:
    message.data = "changed"
    message.fields["id"] = "changed, too"
    message.reply["mine"] = "heard"


async def veto(session: Any, message: Any) -> bool:
    await asyncio.sleep(0)
    return False


def furnish(server: BayeuxServer) -> None:
    """Hang something on some of the channels."""
    server.on("/vetoed", lambda *_: False)
    server.on("/changed", change)
    server.on("/slow/veto", veto)
    server.on("/service/listened", lambda *_: None)
    server.guard("/guarded/*", Guard())
    server.create_channel_if_absent("/lazy", lambda channel: setattr(channel, "lazy", True))
    server.create_channel_if_absent("/unechoed", lambda channel: setattr(channel, "broadcast_to_publisher", False))
    server.control_flow("/conflated", FlowControl(latest_only=True))


async def played(server: BayeuxServer, clock: ManualClock, schedule: list[tuple[Any, ...]]) -> list[Any]:
    """What was sent for each request."""
    peers = [Peer(server, "websocket"), Peer(server, "websocket"), Peer(server, "long-polling")]
    wires: list[Any] = [peer.handshake().connect() for peer in peers]
    sessions = [peer.session for peer in peers]
    for step, *arguments in schedule:
        match step, *arguments:
            case "send", int(n), messages:
                own = {"clientId": peers[n].client_id}
                wires.append(peers[n].send(*({**own, **each} for each in messages)))
                await peers[n]
                if sessions[n].is_over:  # kicked, slow or flooding: what it sent then was the last
                    wires.append(peers[n].handshake().connect())
                    sessions[n] = peers[n].session
            case "subscribe", int(n), str(name):
                wires.append(peers[n].send(peers[n].message("/meta/subscribe", subscription=name)))
            case "connect", int(n):
                wires.append(peers[n].connect())
            case "read", int(n), bool(is_read):
                if (socket := peers[n].socket) is not None:
                    socket.writable = is_read
                    if is_read:
                        server.writable_again(socket)
            case "batch", int(n), bool(begins):
                sessions[n].is_batching = int(begins)
            case "kick", int(n):
                sessions[n].disconnect()
            case "wait", float(seconds):
                server.deadlines.run(clock.advance(seconds))
            case _:
                await turn()
    await turn()
    return wires


async def converse(
    schedule: list[tuple[Any, ...]], settings: dict[str, Any], extension: Extension | None
) -> tuple[list[bytes], dict[str, Any]]:
    """What each of three clients was sent, frame by frame, and what the server counted."""
    clock = ManualClock()
    server = BayeuxServer(
        Options(private_prefixes=("/private",), sweep_period=3600.0, **settings),
        policy=Policy(),
        clock=clock,
        random_bytes=random.Random(1).randbytes,
    )
    furnish(server)
    if extension is not None:
        server.extensions.append(extension)
    async with standing_still(server):
        with no_timers():
            wires = await played(server, clock, schedule)
        counted = {
            name: dict(getattr(server.counters, name))
            for name in ("messages_received", "messages_delivered", "messages_dropped", "rejected", "session_ends")
        }
        counted["requests"] = {name: sum(each.counts) for name, each in server.counters.request_seconds.items()}
        sent = [orjson.dumps([wire.sent, wire.close_code, wire.dismissed]) for wire in wires]
        return sent, counted


@pytest.mark.expected_logs("guarded channels can be seen", "the security policy raised", "a service channel")
@pytest.mark.spec("PUB-1", "PUB-6", "PUB-10", "PUB-13", "BAT-4", "WS-11", "SEC-L19")
@settings(max_examples=200, deadline=None)
@given(schedule=st.lists(action, min_size=25, max_size=60), chosen=chosen_options)
def test_the_short_way_and_the_long_way_say_the_same(schedule: list[tuple[Any, ...]], chosen: dict[str, Any]) -> None:
    """Frame by frame and byte by byte, and in what is counted."""
    short = asyncio.run(converse(schedule, chosen, None))
    long = asyncio.run(converse(schedule, chosen, Extension()))
    assert short == long


class LongWay(Exception):
    """Somebody went it."""


async def test_only_an_unwatched_publish_of_a_socket_takes_the_short_way() -> None:
    """Otherwise the test above would compare the long way with itself."""
    async with BayeuxServer() as server:
        server.create_channel_if_absent("/plain")
        alice = Peer(server, "websocket").handshake()
        with patch("bayeux.server.server.Exchange", side_effect=LongWay), patch.object(short_way, "Exchange", LongWay):
            assert alice.publish("/plain", 1)[-1]["successful"]
            server.extensions.append(Extension())
            with pytest.raises(LongWay):
                alice.publish("/plain", 2)
