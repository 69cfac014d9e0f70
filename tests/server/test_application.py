"""What an application sees of messages and servers, and how it may change them while they run."""

from __future__ import annotations

import asyncio
import datetime
import logging
import threading
from decimal import Decimal
from typing import Any

import pytest

from bayeux.protocol.errors import ChannelInvalid
from bayeux.protocol.json import JsonCodec
from bayeux.protocol.options import Options
from bayeux.protocol.presets import cometd_options, faye_options
from bayeux.server.current import current_context, current_message, current_session
from bayeux.server.dump import dump, dump_text
from bayeux.server.extension import STOP, Extension
from bayeux.server.security import SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.server.transport import Context
from bayeux.testing import ManualClock, Peer, still_server, turn

# Messages -----------------------------------------------------------------------------------------


@pytest.mark.spec("MSGX-1")
async def test_a_message_is_read_like_a_mapping_and_frozen_once_it_is_encoded() -> None:
    async with still_server(ManualClock()) as server:
        kept: list[Any] = []
        alice = Peer(server).handshake()
        server.on("/a", lambda session, message: kept.append(message) or message.fields.update(mood="good"))
        alice.subscribe("/a")
        event = alice.publish("/a", 1, colour="red")[0]
        [message] = kept
        assert (message["colour"], message.get("size"), "mood" in message) == ("red", None, True)
        assert (event["colour"], event["mood"], message.session) == ("red", "good", alice.session)
        with pytest.raises(TypeError):
            message.data = 2
        with pytest.raises(TypeError):
            message.fields["colour"] = "blue"


@pytest.mark.spec("MSGX-2", "LST-8")
async def test_a_veto_may_word_its_reply_and_what_hooks_add_to_a_reply_is_sent() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()

        def veto(session: Any, message: Any) -> bool:
            if message.data == "worded":
                message.reply.update(error="499::not_today", ext={"hint": "tomorrow"}, mood="sorry")
                message.is_handled = True
            return message.data == "fine"

        def hint(session: Any, message: Any) -> None:
            message.reply["ext"] = {"seen": True}

        server.on("/a", hint)
        server.on("/a", veto)
        worded, plain, fine = (alice.publish("/a", data)[-1] for data in ("worded", "plain", "fine"))
        assert (worded["successful"], worded["error"], worded["mood"]) == (False, "499::not_today", "sorry")
        assert worded["ext"] == {"hint": "tomorrow"}
        assert (plain["error"], plain["ext"]) == ("404::message_deleted", {"seen": True})
        assert (fine["successful"], fine["ext"]) == (True, {"seen": True})


@pytest.mark.spec("MSGX-1", "EXN-1")
@pytest.mark.parametrize("transport", ["long-polling", "websocket"])
async def test_an_outgoing_extension_knows_what_a_reply_answers_also_of_a_held_connect(transport: str) -> None:
    answered: list[Any] = []

    class Sees(Extension):
        def outgoing_meta(self, session: Any, reply: Any) -> None:
            answered.append((reply["channel"], reply.request.ext.get("mark")))

    async with still_server(ManualClock()) as server:
        server.extensions.append(Sees())
        alice = Peer(server, transport).handshake(ext={"mark": 1})
        alice.connect(ext={"mark": 2})
        alice.connect(ext={"mark": 3})
        server.release(alice.session)
        assert answered == [("/meta/handshake", 1), ("/meta/connect", 2), ("/meta/connect", 3)]


@pytest.mark.spec("MSGX-4", "MSGX-3")
async def test_hooks_find_the_message_session_and_request_in_context_variables() -> None:
    async with still_server(ManualClock()) as server:
        seen: list[Any] = []

        async def hear(session: Any, message: Any) -> None:
            await asyncio.sleep(0)
            seen.append((current_message() is message, current_session() is session, current_context()))

        server.on("/a", hear)
        alice = Peer(server, peer="192.0.2.7").handshake()
        alice.send(alice.message("/a", data=1))
        assert current_message() is None
        await alice
        [(is_message, is_session, context)] = seen
        assert (is_message, is_session, context.peer) == (True, True, "192.0.2.7")
        assert (current_message(), current_session(), current_context()) == (None, None, None)


@pytest.mark.spec("MSGX-3")
def test_a_context_tells_of_its_request() -> None:
    context = Context(
        transport="long-polling",
        options=Options(),
        path="/cometd",
        query="room=a&room=b%20c&flag",
        secure=True,
        headers={"host": "push.example", "user-agent": "Desk/1", "accept-language": "en;q=0.5, de-CH, fr;q=0, x;q=?"},
    )
    assert context.parameters == {"room": ["a", "b c"], "flag": [""]}
    assert context.url == "https://push.example/cometd?room=a&room=b%20c&flag"
    assert (context.user_agent, context.languages) == ("Desk/1", ["de-CH", "en"])


@pytest.mark.spec("MSGX-6")
async def test_values_that_json_does_not_know_go_through_the_codec_both_ways() -> None:
    def say(value: Any) -> Any:
        if isinstance(value, Decimal):
            return {"decimal": str(value)}
        raise TypeError

    def revive(data: Any) -> Any:
        return Decimal(data["decimal"]) if isinstance(data, dict) and "decimal" in data else data

    async with still_server(ManualClock(), Options(json_codec=JsonCodec(say, revive))) as server:
        heard: list[Any] = []
        server.on("/a", lambda session, message: heard.append(message.data))
        alice = Peer(server).handshake()
        alice.subscribe("/a")
        assert alice.publish("/a", {"decimal": "1.10"})[0]["data"] == {"decimal": "1.10"}
        server.publish("/a", [Decimal("2.2")])
        assert heard == [Decimal("1.10"), [Decimal("2.2")]]
        assert alice.session.queue.messages[0].json == b'{"channel":"/a","data":[{"decimal":"2.2"}]}'
        with pytest.raises(TypeError):
            server.publish("/a", object())


@pytest.mark.spec("MSGX-6")
@pytest.mark.expected_logs("the codec did not take a message's data")
async def test_data_that_the_codec_cannot_take_is_the_clients_fault() -> None:
    codec = JsonCodec(revive=datetime.datetime.fromisoformat)
    async with still_server(ManualClock(), Options(json_codec=codec)) as server:
        alice = Peer(server).handshake()
        assert alice.publish("/a", "2031-05-04T12:00:00")[-1]["successful"]
        assert alice.publish("/a", "yesterday")[-1]["error"] == "400:data:field_invalid"


@pytest.mark.spec("EXN-4", "EXN-5")
async def test_an_incoming_extension_sees_bad_traffic_and_may_refuse_in_its_own_words() -> None:
    from bayeux.protocol.errors import RateLimited

    seen: list[Any] = []

    class Refuses(Extension):
        def incoming(self, session: Any, message: Any) -> Any:
            seen.append(session)
            if message.data == "stop":
                return STOP
            raise RateLimited("1 a day")

    async with still_server(ManualClock()) as server:
        server.extensions.append(Refuses())
        alice = Peer(server).handshake()
        assert alice.publish("/a", 1)[-1]["error"] == "429:1 a day:rate_limited"
        assert alice.publish("/a", "stop")[-1]["error"] == "404::message_deleted"
        alice.client_id = "stranger"
        assert alice.publish("/a", 1)[-1]["error"] == "429:1 a day:rate_limited"
        assert [session is None for session in seen] == [False, False, True]


@pytest.mark.spec("EXN-1", "EXN-6", "GEN-4")
async def test_an_extension_is_told_when_it_comes_and_goes_and_may_put_another_event_in_place() -> None:
    owners: list[Any] = []

    class Translates(Extension):
        def added(self, owner: Any) -> None:
            owners.append(owner)

        def removed(self, owner: Any) -> None:
            owners.remove(owner)

        def outgoing(self, sender: Any, session: Any, event: Any) -> Any:
            return {"channel": event["channel"], "data": "bonjour"}

    async with still_server(ManualClock()) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        remove = alice.session.extensions.add(Translates())
        server.deliver([alice.session, bob.session], "/a", "hello")
        assert [peer.publish("/x", 0)[0]["data"] for peer in (alice, bob)] == ["bonjour", "hello"]
        assert owners == [alice.session]
        remove()
        assert owners == []


# The server ---------------------------------------------------------------------------------------


@pytest.mark.spec("GEN-5")
async def test_another_thread_hands_its_publishes_to_the_loop() -> None:
    async with still_server(ManualClock()) as server:
        heard = asyncio.Event()
        server.on("/a", lambda *_: heard.set())
        thread = threading.Thread(target=server.call_soon_threadsafe, args=(server.publish, "/a", 1))
        thread.start()
        await asyncio.wait_for(heard.wait(), 10)
        thread.join()
        for call in (
            lambda: server.publish("/a", 2),
            lambda: server.deliver(server.sessions, "/a", 2),
            lambda: server.deliver_to_user("anna", "/a", 2),
        ):  # which was done half, and the rest when the loop woke up for something else
            with pytest.raises(RuntimeError, match=r"in another thread: server.call_soon_threadsafe"):
                await asyncio.to_thread(call)
    with pytest.raises(RuntimeError, match="not started"):
        BayeuxServer().call_soon_threadsafe(print)


@pytest.mark.spec("SRV-7")
async def test_options_are_replaced_while_the_server_runs() -> None:
    async with still_server(ManualClock()) as server:
        server.configure(timeout=7.0)
        alice = Peer(server).handshake()
        assert alice.replies[-1]["advice"]["timeout"] == 7000
        with pytest.raises(ValueError, match="unknown option: colour"):
            server.configure(colour="red")
        with pytest.raises(ValueError, match="negative"):
            server.configure(timeout=-1)
        assert server.options.timeout == 7.0


@pytest.mark.spec("AUZ-9")
@pytest.mark.parametrize("who", ["policy", "authorizer"])
async def test_revoked_rights_end_their_subscriptions_and_the_client_is_told(who: str) -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.subscribe(["/a", "/b"])
        told: list[str] = []
        server.listeners.unsubscribed.append(lambda session, channel, message: told.append(channel.name.text))

        async def only_a(server: Any, session: Any, channel: Any, message: Any) -> bool:
            return channel.text == "/a"

        if who == "policy":
            server.policy.can_subscribe = only_a  # type: ignore[method-assign]
            task = server.revalidate(alice.session)
            assert task is not None
            await task
        else:
            from bayeux.server.security import Verdict

            class Ignores:
                def authorize(self, *_: Any) -> Verdict:
                    return Verdict.IGNORE

            server.guard("/b", Ignores())
            assert server.revalidate(alice.session) is None
        await turn()
        assert alice.heard[-1] == {"channel": "/meta/unsubscribe", "subscription": "/b", "successful": True}
        assert (alice.session.subscriptions, told) == ({"/a"}, ["/b"])


@pytest.mark.spec("MON-2")
async def test_what_fayes_monitoring_tells_is_told() -> None:
    async with still_server(ManualClock()) as server:
        news: list[Any] = []
        listeners = server.listeners
        listeners.session_added.append(lambda session, message: news.append("handshake"))
        listeners.subscribed.append(lambda session, channel, message: news.append(("subscribe", channel.name.text)))
        listeners.unsubscribed.append(lambda session, channel, message: news.append(("unsubscribe", channel.name.text)))
        listeners.published.append(lambda session, channel, data: news.append(("publish", session, channel, data)))
        listeners.session_removed.append(lambda session, reason: news.append("disconnect"))
        listeners.connection_opened.append(lambda session: news.append("open"))
        listeners.connection_closed.append(lambda session: news.append("close"))
        alice = Peer(server).handshake()
        session = alice.session
        alice.connect()
        alice.subscribe("/a")
        alice.connect()
        alice.publish("/a", 1)
        server.publish("/a", 2)
        alice.ask("/meta/disconnect")
        assert news == [
            "handshake", ("subscribe", "/a"), "open", ("publish", session, "/a", 1), ("publish", None, "/a", 2),
            "close", "disconnect", ("unsubscribe", "/a"),
        ]  # fmt: skip


@pytest.mark.spec("MON-1")
async def test_a_dump_tells_the_state_of_everything_but_no_credential() -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        alice = Peer(server, "websocket", user="alice").handshake()
        alice.connect()
        alice.subscribe("/a")
        clock.advance(5)
        server.sweep()
        state = dump(server)
        [channel] = [each for each in state["channels"] if each["name"] == "/a"]
        [session] = state["sessions"]
        assert (channel["subscribers"], state["session_count"]) == (1, 1)
        assert (session["user"], session["state"], session["transport"], session["age"]) == (
            "alice", "connected", "websocket", 5.0,
        )  # fmt: skip
        text = dump_text(state)
        assert "session_count: 1" in text
        assert alice.client_id is not None
        assert alice.client_id not in text


@pytest.mark.spec("MON-3")
async def test_a_traced_session_has_its_messages_in_the_log_without_its_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "bayeux.server.trace")
    async with still_server(ManualClock()) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        alice.session.is_traced = True
        alice.publish("/a", "x" * 1000, ext={"token": "secret"})
        bob.publish("/a", 1)
        await turn()
    traced = [record for record in caplog.records if record.name == "bayeux.server.trace"]
    assert [record.event for record in traced] == ["message_received", "message_sent"]  # type: ignore[attr-defined]
    text = str([record.message_fields for record in traced])  # type: ignore[attr-defined]
    assert alice.client_id is not None
    assert alice.client_id not in text
    assert "secret" not in text
    assert len(text) < 800


@pytest.mark.spec("MIG-3")
@pytest.mark.expected_logs("the options imitate")
@pytest.mark.parametrize(("options", "name"), [(cometd_options(), "cometd"), (faye_options(max_queue=7), "faye")])
async def test_a_preset_loosens_what_is_bounded_otherwise_and_says_so_at_the_start(
    options: Options, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with still_server(ManualClock(), options) as server:
        assert "callback-polling" in server.options.transports
        assert server.options.ws_rebind == "clientid"
        assert server.options.max_queue == (-1 if name == "cometd" else 7)
        assert [record.preset for record in caplog.records if record.levelname == "WARNING"] == [name]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="unknown option: colour"):
        cometd_options(colour="red")


# Mistakes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "error", "words"),
    [
        (lambda: BayeuxServer({"timeout": 3}), TypeError, "options: give Options"),  # type: ignore[arg-type]
        (lambda: BayeuxServer(policy=SecurityPolicy), TypeError, "not the class itself"),  # type: ignore[arg-type]
        (lambda: BayeuxServer().on("/a", "x"), TypeError, "/a: a listener is a function, not 'x'"),  # type: ignore[call-overload]
        (lambda: BayeuxServer().guard("/a", lambda *_: True), TypeError, "object with an authorize"),  # type: ignore[call-overload]
        (lambda: BayeuxServer().publish("chat", 1), ChannelInvalid, "'chat' is no channel: names are like /chat/room"),
        (lambda: BayeuxServer().publish("/a/*", 1), ChannelInvalid, "'/a/\\*' is a pattern"),
        (lambda: BayeuxServer().on("/a/*/b", print), ChannelInvalid, "do not stand alone at its end"),
        (lambda: BayeuxServer().channel("/" + "a" * 10_000), ChannelInvalid, "more than 2048 characters"),
    ],
)
def test_a_mistake_is_named_where_it_is_made(mistake: Any, error: type[Exception], words: str) -> None:
    """Some were found out by the first client only, and a wrong channel had no words at all."""
    with pytest.raises(error, match=words):
        mistake()


async def test_dump_leaves_channels_as_cheap_as_they_were() -> None:
    """Whoever only counts listeners and authorizers makes no lists for them, and no publish looks for guards."""
    async with BayeuxServer() as server:
        channel, _ = server.create_channel_if_absent("/a")
        dump(server)
        assert channel._listeners is None
        assert channel._authorizers is None
        assert not server.channels.may_be_guarded
