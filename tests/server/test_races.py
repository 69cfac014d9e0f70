"""What happens between the two halves of a hook that is awaited: endings, other messages, the end of the server.

Each test begins with the story of a bug.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.backplane.interface import Retention
from bayeux.extensions.activity import Activity
from bayeux.extensions.replay import Replay
from bayeux.protocol.effects import EndReason
from bayeux.protocol.errors import ChannelInvalid
from bayeux.protocol.options import Options
from bayeux.server.current import current_message, current_session
from bayeux.server.extension import Extension
from bayeux.server.flow import FlowControl
from bayeux.server.security import SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, MemoryTransport, Peer, still_server, turn
from tests.support.gates import Gate, Withholds

BOTH = pytest.mark.parametrize("transport", ["long-polling", "websocket"])


def values(peer: Peer) -> list[Any]:
    return [event["data"] for event in peer.events]


# Endings ------------------------------------------------------------------------------------------


@pytest.mark.spec("SN-3", "DSC-6")
@BOTH
@pytest.mark.parametrize("is_held", [True, False])
async def test_a_kick_within_a_batch_brings_its_events_and_the_news(transport: str, is_held: bool) -> None:
    """The open batch kept everything back, and nobody looked again once the session was over."""
    async with still_server(ManualClock()) as server:
        alice = Peer(server, transport).handshake()
        alice.connect()
        if is_held:
            alice.connect()
        session = alice.session
        with session.batch():
            session.deliver("/a", 1)
            session.disconnect()
        await turn()
        if transport == "long-polling" and not is_held:
            alice.connect()
        heard = [message["channel"] for message in alice.heard[1:] if message["channel"] != "/meta/connect"]
        assert heard == ["/a", "/meta/disconnect"]


@pytest.mark.spec("DSC-7")
async def test_a_kicked_client_that_comes_while_listeners_are_awaited_is_told_so() -> None:
    """It was remembered only behind the listeners of its removal: until then its connect got 402, handshake again."""
    async with still_server(ManualClock()) as server:
        gate = Gate()
        server.listeners.session_removed.append(gate)
        alice = Peer(server).handshake()
        alice.connect()
        alice.session.deliver("/a", 1)
        alice.session.disconnect()
        answer = alice.connect().sent[0]
        assert [message["channel"] for message in answer] == ["/a", "/meta/disconnect", "/meta/connect"]
        assert answer[-1]["advice"]["reconnect"] == "none"
        await gate.open()


@pytest.mark.spec("DSC-6")
async def test_a_kicked_socket_is_told_at_once_although_listeners_are_awaited() -> None:
    """The same on a socket, which heard of it only behind the listeners."""
    async with still_server(ManualClock()) as server:
        gate = Gate()
        server.listeners.session_removed.append(gate)
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.session.disconnect()
        assert alice.heard[-1]["channel"] == "/meta/disconnect"
        await gate.open()


@pytest.mark.spec("DEL-7", "DSC-6")
async def test_nothing_is_queued_behind_the_news_that_it_is_over() -> None:
    """While an extension withheld the last connect reply, the session that was over went on taking events."""
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.connect()
        alice.subscribe("/a")
        held = alice.connect()
        withholds = Withholds()
        server.extensions.append(withholds)
        alice.session.disconnect()
        server.publish("/a", "too late")
        await withholds.gate.open()
        assert [message["channel"] for message in held.sent[0]] == ["/meta/disconnect", "/meta/connect"]


@pytest.mark.spec("LST-6", "LST-5")
@pytest.mark.parametrize("is_awaited", [True, False])
async def test_no_listener_hears_of_a_beginning_after_the_end(is_awaited: bool) -> None:
    """Who counted sessions kept one for ever: the one that a listener before him ended, or that ended while one was
    awaited, was told to him as removed first, and as added then.
    """
    async with still_server(ManualClock()) as server:
        gate, present = Gate(), set()
        if is_awaited:
            server.listeners.session_added.append(gate)
        else:
            server.listeners.session_added.append(lambda session, _: session.disconnect())
        server.listeners.session_added.append(lambda session, _: present.add(session))
        server.listeners.session_removed.append(lambda session, _: present.discard(session))
        alice = Peer(server)
        alice.send(alice.message("/meta/handshake"))
        for session in server.sessions:
            session.disconnect()
        await gate.open()
        assert not present


@pytest.mark.spec("LST-6", "LST-4")
@pytest.mark.parametrize("way", ["kick", "unsubscribe"])
async def test_no_listener_hears_of_a_subscription_after_its_end(way: str) -> None:
    """The same for who counted subscribers."""
    async with still_server(ManualClock()) as server:
        gate, present = Gate(), set()
        server.listeners.subscribed.append(gate)
        server.listeners.subscribed.append(lambda session, *_: present.add(session))
        server.listeners.unsubscribed.append(lambda session, *_: present.discard(session))
        alice = Peer(server).handshake()
        alice.connect()
        alice.send(alice.message("/meta/subscribe", subscription="/a"))
        if way == "kick":
            alice.session.disconnect()
        else:
            alice.ask("/meta/unsubscribe", subscription="/a")
        await gate.open()
        assert not present


@pytest.mark.spec("UNS-2", "DEL-7")
async def test_who_leaves_a_channel_before_it_was_entered_is_not_entered() -> None:
    """Of two channels the first had a listener that was awaited; leaving the second meanwhile did nothing, and it was
    entered then: its events came for ever, and the channel kept the session beyond its end.
    """
    async with still_server(ManualClock()) as server:
        gate = Gate()
        server.listeners.subscribed.append(gate)
        alice = Peer(server).handshake()
        alice.connect()
        alice.send(alice.message("/meta/subscribe", subscription=["/a", "/b"]))
        alice.ask("/meta/unsubscribe", subscription="/b")
        await gate.open()
        channel = server.channel("/b")
        assert channel is None or not channel.subscribers


@pytest.mark.spec("SN-9")
async def test_all_listeners_hear_of_a_hold_before_they_hear_of_its_end() -> None:
    """Behind one that was awaited, the others were told of the end of the hold first."""
    async with still_server(ManualClock()) as server:
        gate, news = Gate(), []
        server.listeners.suspended.append(gate)
        server.listeners.suspended.append(lambda *_: news.append("suspended"))
        server.listeners.resumed.append(lambda *_: news.append("resumed"))
        alice = Peer(server).handshake()
        alice.connect()
        alice.connect()
        alice.session.deliver("/a", 1)
        await turn()
        await gate.open()
        assert news == ["suspended", "resumed"]


@pytest.mark.spec("SN-10", "MON-2")
async def test_a_socket_lost_during_its_handshake_leaves_nobody_reachable() -> None:
    """The session was given a socket that had gone while the policy was awaited, and counted as reachable."""

    class Slow(SecurityPolicy):
        gate = Gate()

        async def can_handshake(self, *_: Any) -> bool:  # type: ignore[override]
            await self.gate()
            return True

    policy = Slow()
    policy.gate = Gate()
    async with still_server(ManualClock(), policy=policy) as server:
        opened: list[Any] = []
        server.listeners.connection_opened.append(opened.append)
        alice = Peer(server, "websocket")
        alice.send(alice.message("/meta/handshake"))
        alice.lose_connection()
        await policy.gate.open()
        assert not opened
        assert not any(session.is_reachable for session in server.sessions)


# The end of the server ----------------------------------------------------------------------------


@pytest.mark.spec("GEN-8", "LST-6", "SN-8")
async def test_listeners_of_removals_are_awaited_when_the_server_stops() -> None:
    """Their tasks were begun by ``stop`` and left to the loop, which ended before they did."""
    async with still_server(ManualClock()) as server:
        told = []

        async def removed(session: Any, reason: EndReason) -> None:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            told.append(reason)

        server.listeners.session_removed.append(removed)
        Peer(server).handshake()
        await server.stop()
        assert told == [EndReason.DRAIN]


@pytest.mark.spec("DSC-11", "LST-6")
@pytest.mark.parametrize("how", ["held", "kicked"])
@BOTH
async def test_stopping_while_the_last_reply_is_withheld_leaves_no_session(how: str, transport: str) -> None:
    """What was broken off was also the end of the session: it stayed in the tables, and nobody was told."""
    async with still_server(ManualClock()) as server:
        gone: list[Any] = []
        server.listeners.session_removed.append(lambda session, _: gone.append(session))
        alice = Peer(server, transport).handshake()
        alice.connect()
        held = alice.connect()
        session = alice.session
        server.extensions.append(Withholds())
        if how == "kicked":
            session.disconnect()
        await server.stop(timeout=0.0)
        assert gone == [session]
        assert len(server.sessions) == 0
        assert held.closed


@pytest.mark.spec("DSC-11", "BAT-7")
@BOTH
async def test_clients_are_sent_away_although_an_extension_has_to_be_awaited(transport: str) -> None:
    """The socket was closed, or the request broken off, before the extension had let the reply go."""
    async with still_server(ManualClock()) as server:
        alice = Peer(server, transport).handshake()
        alice.connect()
        held = alice.connect()
        held.sent.clear()

        class Waits(Extension):
            async def outgoing_meta(self, session: Any, reply: Any) -> None:
                await asyncio.sleep(0)

        server.extensions.append(Waits())
        await server.stop()
        assert held.sent[0][0]["advice"]["reconnect"] == "retry"
        assert held.closed


@pytest.mark.spec("GEN-8", "SES-6")
async def test_starting_twice_starts_once() -> None:
    """The second start forgot the deadlines of the sessions there were, and swept twice as often."""
    async with BayeuxServer(Options(max_interval=0.01)) as server:
        session = Peer(server).handshake().session
        timer = server._sweep_timer
        await server.start()
        assert server._sweep_timer is timer
        assert session.next_look
        server.deadlines.forget(session)


# Hooks --------------------------------------------------------------------------------------------


class Cancels(Extension):
    """Asks for the result of something that was cancelled."""

    def __init__(self, hook: str) -> None:
        setattr(self, hook, self._asks)

    def _asks(self, *_: Any) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        future.result()


@pytest.mark.spec("GEN-2", "BER-2")
@pytest.mark.expected_logs("raised")
@pytest.mark.parametrize("hook", ["incoming", "incoming_meta", "outgoing", "outgoing_meta", "listener", "dequeue",
                                  "queued", "queue_full", "policy", "key"])  # fmt: skip
async def test_a_plain_hook_that_asks_for_a_cancelled_result_raised_like_any_other(hook: str) -> None:
    """``CancelledError`` is no ``Exception``: it passed everything, and the flusher of a server that met it never
    wrote again.
    """
    async with still_server(ManualClock(), Options(max_queue=1, queue_overflow="call")) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.connect()
            peer.subscribe("/a")
            peer.connect()
        asks = Cancels("_unused")._asks
        match hook:
            case "listener":
                server.on("/a", asks)  # type: ignore[arg-type]
            case "dequeue" | "queued" | "queue_full":
                getattr(server.listeners, hook).append(asks)
            case "policy":
                server.policy.can_publish = asks  # type: ignore[method-assign, assignment]
            case "key":
                server.control_flow("/a", FlowControl(latest_only=True, key=asks))
            case _:
                server.extensions.append(Cancels(hook))
        server.publish("/a", 1)
        server.publish("/a", 2)
        await turn()
        assert bob.events
        assert alice.publish("/a", 3)[-1]["successful"] is (hook != "policy")
        bob.connect()
        bob.connect()
        await turn()
        server.publish("/a", 4)
        await turn()
        assert values(bob)[-1] == 4


@pytest.mark.spec("GEN-2", "QUE-5")
@pytest.mark.expected_logs("key function")
async def test_a_key_that_nothing_can_be_found_by_costs_no_event() -> None:
    """A key that is a list broke the fan-out in the middle: nobody behind it got the event."""
    async with still_server(ManualClock()) as server:
        server.control_flow("/a", FlowControl(every=1, key=lambda data: [data]))
        alice = Peer(server, "websocket").handshake()
        alice.subscribe("/a")
        server.publish("/a", 1)
        await turn()
        assert values(alice) == [1]


@pytest.mark.spec("MSGX-4")
async def test_what_is_written_later_is_no_hook_of_the_message_that_caused_it() -> None:
    """The flusher and the timers inherited the message of whoever had woken them: a listener that asked for the
    current session at a write, or at a time-out, was given somebody else's.
    """
    clock = ManualClock()
    server = BayeuxServer(clock=clock)
    await server.start()
    seen: list[Any] = []

    class Sees(Extension):
        def outgoing_meta(self, session: Any, reply: Any) -> None:
            if reply["channel"] == "/meta/connect":
                seen.append((current_message(), current_session()))

    alice, bob = Peer(server).handshake(), Peer(server).handshake()
    for peer in (alice, bob):
        peer.connect()
    bob.subscribe("/a")
    bob.connect()
    server.extensions.append(Sees())
    alice.publish("/a", 1)
    await turn()
    assert values(bob) == [1]
    assert seen == [(None, None)]
    assert server.deadlines._timer is not None
    await server.stop()


@pytest.mark.spec("GEN-3", "LST-6", "ACT-5")
async def test_a_hook_timeout_does_not_break_off_the_end_of_a_session() -> None:
    """Activity waited for the whole removal as if for one hook, and its time-out broke the rest of it off."""
    clock = ManualClock()
    told: list[int] = []
    async with still_server(clock, Options(hook_timeout=0.05)) as server:
        server.extensions.append(Activity(5))
        for number in range(3):

            async def removed(*_: Any, number: int = number) -> None:
                await asyncio.sleep(0.03)
                told.append(number)

            server.listeners.session_removed.append(removed)
        alice = Peer(server).handshake()
        alice.connect()
        clock.advance(6)
        alice.connect()
        await alice
        assert told == [0, 1, 2]


@pytest.mark.spec("AUZ-4", "SRV-3", "CH-6")
async def test_what_templates_mean_nothing_to_is_refused() -> None:
    """An authorizer on a template was accepted, and never asked."""
    async with still_server(ManualClock()) as server:
        with pytest.raises(ChannelInvalid):
            server.guard("/rooms/{room}", object())  # type: ignore[type-var]
        with pytest.raises(ChannelInvalid):
            server.on_channel_created("/rooms/{room}", lambda channel: None)


@pytest.mark.spec("EXN-6")
async def test_extensions_are_told_however_the_list_is_changed() -> None:
    """``insert``, ``pop`` and ``clear`` told nobody: a Replay that was inserted kept nothing."""
    async with still_server(ManualClock()) as server:
        replay = Replay({"/a": Retention(events=1)})
        server.extensions.insert(0, replay)
        assert server.recovery is not None
        assert server.extensions.pop() is replay
        assert server.recovery is None
        server.extensions.append(replay)
        server.extensions.clear()
        assert server.recovery is None
        server.extensions.append(replay)
        del server.extensions[0]
        assert server.recovery is None
        session = Peer(server).handshake().session
        with pytest.raises(TypeError):
            session.extensions.append(replay)
        assert not session.extensions


@pytest.mark.spec("MSGX-6", "DEL-6")
async def test_what_cannot_be_delivered_raises_in_the_caller() -> None:
    """With an extension to be awaited it was counted as delivered, and failed in a task of nobody."""

    class Waits(Extension):
        async def outgoing(self, *_: Any) -> None:
            await asyncio.sleep(0)

    async with still_server(ManualClock()) as server:
        server.extensions.append(Waits())
        alice = Peer(server, user="alice").handshake()
        alice.subscribe("/a")
        with pytest.raises(TypeError):
            alice.session.deliver("/a", object())
        with pytest.raises(TypeError):
            server.deliver_to_user("alice", "/a", object())
        for channel in ("/a/*", "/a/{b}", "/meta/connect"):
            with pytest.raises(ChannelInvalid):
                alice.session.deliver(channel, 1)


@pytest.mark.spec("SN-5")
async def test_minus_one_means_the_transports_own_time() -> None:
    """CometD's way to take a session's own times back made it poll without a pause."""
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.session.timeout = alice.session.interval = alice.session.max_interval = -1
        alice.connect()
        assert not alice.connect().sent


@pytest.mark.spec("SN-6", "RPL-18")
async def test_listeners_that_were_asked_for_stay_those_of_the_session() -> None:
    """When a replay was done, hooks without any listener were thrown away: who had kept them at hand and added one
    later was never told of anything.
    """
    async with still_server(ManualClock()) as server:
        server.extensions.append(Replay({"/a": Retention(events=5)}))
        alice = Peer(server, "websocket").handshake()
        listeners = alice.session.listeners
        alice.subscribe("/a", ext={"replay": {"/a": -2}})
        await turn()
        heard: list[Any] = []
        listeners.message.append(lambda _, event: heard.append(event["data"]))
        server.publish("/a", 1)
        assert heard == [1]


@pytest.mark.spec("DSC-11", "LST-6")
@pytest.mark.expected_logs("parting with a client failed")
async def test_a_transport_that_fails_at_the_end_keeps_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its ``send`` raised came out of ``stop``: the sessions behind it were neither answered nor removed."""
    async with still_server(ManualClock()) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.connect()
        broken, held = alice.connect(), bob.connect()
        monkeypatch.setattr(broken, "send", lambda *_: 1 / 0)
        await server.stop()
        assert held.sent
        assert not len(server.sessions)


@pytest.mark.spec("CH-31", "CHN-7")
async def test_a_sweep_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one was arranged behind it, hence never."""
    async with still_server(ManualClock()) as server:
        monkeypatch.setattr(server, "sweep", lambda: 1 / 0)
        before = server._sweep_timer
        with pytest.raises(ZeroDivisionError):
            server._sweep()
        assert server._sweep_timer is not before
        assert before is not None
        before.cancel()


@pytest.mark.spec("SN-10", "MON-2", "DSC-7")
async def test_a_kicked_client_that_comes_by_a_socket_is_not_reachable_again() -> None:
    """Its session was over, and listeners were told that a connection had opened."""
    async with still_server(ManualClock()) as server:
        opened: list[Any] = []
        alice = Peer(server).handshake()
        alice.connect()
        session = alice.session
        session.disconnect()
        server.listeners.connection_opened.append(opened.append)
        alice.name, alice.socket = "websocket", MemoryTransport("websocket")
        alice.connect()
        assert alice.heard[-1]["advice"]["reconnect"] == "none"
        assert not opened
        assert session.transport is None


@pytest.mark.spec("GEN-1", "QUE-1", "QUE-3", "SRV-2")
@pytest.mark.expected_logs("a listener raised|a queue listener raised")
async def test_a_coroutine_where_nothing_can_be_waited_for_is_an_error() -> None:
    """It was never awaited, and for a full queue the coroutine itself counted as a yes."""
    asked: list[str] = []

    async def listens(*_: Any) -> None:
        asked.append("never")

    async with still_server(ManualClock(), Options(max_queue=1)) as server:
        for registry in (server.listeners.queue_full, server.listeners.queued, server.listeners.dequeue):
            registry.append(listens)
        server.on_channel_created("/a", listens)
        alice = Peer(server).handshake()
        alice.connect()
        alice.subscribe("/a")
        alice.session.deliver("/a", 1)
        assert not alice.session.deliver("/a", 2)
        alice.connect()
        assert values(alice) == [1]
        assert not asked
