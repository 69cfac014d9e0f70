"""Local sessions: clients inside the server, which every hook sees like clients outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.client import Extension as ExtensionOfClient
from bayeux.extensions import Activity
from bayeux.protocol.channel import ChannelName
from bayeux.protocol.errors import ChannelInvalid
from bayeux.protocol.hooks import STOP
from bayeux.protocol.json import JsonCodec
from bayeux.protocol.message import Message
from bayeux.protocol.options import Options
from bayeux.server.current import current_message
from bayeux.server.extension import Extension
from bayeux.server.local import LocalSession
from bayeux.server.security import Denied, Granted, SecurityPolicy, Verdict
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn


@pytest.fixture
async def server() -> AsyncIterator[BayeuxServer]:
    async with still_server(ManualClock()) as server:
        yield server


@pytest.fixture
async def bot(server: BayeuxServer) -> LocalSession:
    """A local session that has its session."""
    bot = server.new_local_session("bot")
    await bot.handshake()
    return bot


def data_of(heard: list[Message]) -> list[Any]:
    return [message.data for message in heard]


# Its life -------------------------------------------------------------------------------------------


@pytest.mark.spec("LOC-1", "SRV-5")
async def test_a_handshake_makes_a_connected_session_that_everyone_sees(server: BayeuxServer) -> None:
    news: list[str] = []
    server.listeners.session_added.append(lambda session, _: news.append(f"added, local: {session.is_local}"))
    server.listeners.connection_opened.append(lambda session: news.append("opened"))
    bot = server.new_local_session("bot")
    assert (bot.id, bot.session) == (None, None)
    reply = await bot.handshake()
    assert reply["successful"]
    assert bot.id == reply["clientId"]
    assert reply["clientId"].startswith("bot_")
    assert bot.session is not None
    assert bot.session.is_connected
    assert list(server.sessions) == [bot.session]
    assert server.session(reply["clientId"]) is bot.session
    assert news == ["opened", "added, local: True"]


@pytest.mark.spec("LOC-1", "LST-6")
async def test_a_new_handshake_after_a_disconnect_gives_a_new_id_and_no_subscriptions(
    server: BayeuxServer, bot: LocalSession
) -> None:
    news: list[str] = []
    server.listeners.session_removed.append(lambda session, reason: news.append(reason.value))
    server.listeners.connection_closed.append(lambda session: news.append("closed"))
    heard: list[Message] = []
    await bot.subscribe("/a", heard.append)
    former = bot.id
    assert (await bot.disconnect())["successful"]
    assert (bot.id, len(server.sessions)) == (None, 0)
    assert sorted(news) == ["closed", "disconnect"]
    assert (await bot.publish("/a", 1))["error"] == "402::session_unknown"
    await bot.handshake()
    assert bot.id is not None
    assert bot.id != former
    server.publish("/a", 2)
    assert heard == []


@pytest.mark.spec("LOC-1")
async def test_it_has_one_session_at_a_time(bot: LocalSession) -> None:
    with pytest.raises(RuntimeError, match=r"bot has a session: await disconnect\(\) first"):
        await bot.handshake()


@pytest.mark.spec("LOC-1")
async def test_two_handshakes_at_once_do_not_make_two_sessions(server: BayeuxServer) -> None:
    asked = asyncio.Event()

    class Slow(SecurityPolicy):
        async def can_handshake(self, *_: Any) -> bool:
            await asked.wait()
            return True

    server.policy = Slow()
    bot = server.new_local_session("bot")
    first = asyncio.create_task(bot.handshake())
    await turn()
    with pytest.raises(RuntimeError):
        await bot.handshake()
    asked.set()
    assert (await first)["successful"]
    assert len(server.sessions) == 1


@pytest.mark.parametrize("hint", ["", "a b", "x" * 33, "né", "a/b"])
@pytest.mark.spec("LOC-1")
async def test_a_hint_is_a_short_word(server: BayeuxServer, hint: str) -> None:
    with pytest.raises(ValueError, match="begins a clientId"):
        server.new_local_session(hint)


@pytest.mark.spec("LOC-4")
async def test_it_outlives_every_time_out() -> None:
    clock = ManualClock()
    async with still_server(clock, Options(timeout=5, max_interval=1, max_processing=1)) as server:
        server.extensions.append(Activity(5.0))
        bot = server.new_local_session("bot")
        await bot.handshake()
        await pass_time(server, clock, 120)
        assert bot.session is not None
        assert (await bot.publish("/a", 1))["successful"]
        await pass_time(server, clock, 120)
        assert list(server.sessions) == [bot.session]


@pytest.mark.spec("LOC-4", "SEC-L19", "SEC-L15")
async def test_bounds_that_are_for_the_network_are_not_for_it() -> None:
    narrow = Options(
        session_message_rate=1, session_message_burst=1, max_sessions=1, max_subscriptions_per_session=1, max_queue=2,
        max_bayeux_message_size=100, max_ext_size=10, handshake_reconnect=True, strict_handshake=True,
    )  # fmt: skip
    async with still_server(ManualClock(), narrow) as server:
        bots = [server.new_local_session("bot") for _ in range(3)]
        for bot in bots:
            assert (await bot.handshake(ext={"token": "x" * 50}))["successful"]
        bot = bots[0]
        gate, heard = asyncio.Event(), list[int]()

        async def slow(message: Message) -> None:
            await gate.wait()
            heard.append(message["data"][0])

        assert (await bot.subscribe("/other", slow))["successful"]
        assert (await bot.subscribe("/a", slow))["successful"]
        for number in range(50):
            assert (await bot.publish("/a", [number, "x" * 200]))["successful"]
        gate.set()
        while len(heard) < 50:
            await turn()
        assert heard == list(range(50))


@pytest.mark.spec("LOC-4", "DSC-6")
async def test_a_kicked_one_hears_of_it_at_once_and_is_forgotten(server: BayeuxServer, bot: LocalSession) -> None:
    heard: list[Message] = []
    bot.on("/meta/disconnect", heard.append)
    session = bot.session
    assert session is not None
    session.disconnect()
    assert [message.fields for message in heard] == [{"channel": "/meta/disconnect", "successful": True}]
    assert bot.session is None
    assert not server.sessions.was_kicked(session)


@pytest.mark.spec("DSC-11", "LOC-4")
async def test_what_waits_for_a_hook_when_the_server_stops_is_answered(server: BayeuxServer, bot: LocalSession) -> None:
    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    server.on("/a", never)
    sending = bot.publish("/a", 1)
    await turn()
    await server.stop()
    assert (await sending)["error"] == "503::unavailable"
    assert bot.session is None


@pytest.mark.spec("AUZ-9", "LOC-3")
async def test_it_is_told_of_a_subscription_that_was_taken_from_it(server: BayeuxServer, bot: LocalSession) -> None:
    class Closed(SecurityPolicy):
        def can_subscribe(self, *_: Any) -> bool:
            return False

    heard: list[Message] = []
    await bot.subscribe("/a", print)
    bot.on("/meta/unsubscribe", heard.append)
    server.policy = Closed()
    assert bot.session is not None
    server.revalidate(bot.session)
    assert [message["subscription"] for message in heard] == ["/a"]
    assert len(bot.session.queue) == 0


# What it sends --------------------------------------------------------------------------------------


@pytest.mark.spec("LOC-2", "PUB-1")
async def test_a_publish_is_answered_and_reaches_everyone(server: BayeuxServer, bot: LocalSession) -> None:
    alice = Peer(server, "websocket").handshake()
    alice.subscribe("/a")
    reply = await bot.publish("/a", {"n": 1}, ext={"hint": True})
    assert reply == {"id": reply["id"], "channel": "/a", "successful": True}
    await turn()
    assert alice.events == [{"channel": "/a", "data": {"n": 1}, "ext": {"hint": True}}]


@pytest.mark.spec("LOC-2")
async def test_nobody_need_await_it(server: BayeuxServer, bot: LocalSession) -> None:
    """What plain functions such as listeners publish is done when the call returns."""
    heard: list[Message] = []
    bot.subscribe("/a", heard.append)
    bot.publish("/a", 1)
    assert data_of(heard) == [1]


@pytest.mark.spec("LOC-2", "GEN-1")
async def test_giving_up_waiting_does_not_call_it_back(server: BayeuxServer, bot: LocalSession) -> None:
    gate, heard = asyncio.Event(), list[Message]()

    async def slow(*_: Any) -> None:
        await gate.wait()

    server.on("/a", slow)
    bot.subscribe("/a", heard.append)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_reply(bot, "/a", 1), 0.01)
    gate.set()
    await turn()
    assert data_of(heard) == [1]


async def _reply(bot: LocalSession, channel: str, data: Any) -> Any:
    return await bot.publish(channel, data)


@pytest.mark.spec("LOC-2", "MSGX-6")
async def test_what_no_message_can_be_raises_where_it_is_sent(bot: LocalSession) -> None:
    with pytest.raises(TypeError):
        bot.publish("/a", object())
    with pytest.raises(ChannelInvalid):
        bot.publish("no slash", 1)
    with pytest.raises(ChannelInvalid):
        bot.subscribe("/a*", print)


@pytest.mark.spec("LOC-3", "LST-1")
async def test_it_passes_every_hook_a_remote_client_passes(server: BayeuxServer, bot: LocalSession) -> None:
    news: list[str] = []

    class Told(Extension):
        def incoming(self, session: Any, message: Any) -> None:
            news.append(f"extension, local: {session.is_local}, by {message.context.transport}")

        def outgoing_meta(self, session: Any, reply: Any) -> None:
            news.append(f"reply to {reply.request['data']}")

    class Asked(SecurityPolicy):
        def can_create(self, server: Any, session: Any, channel: Any, message: Any) -> bool:
            news.append(f"create, local: {session.is_local}")
            return True

        def can_publish(self, *_: Any) -> bool:
            news.append("publish")
            return True

    class Guard:
        def authorize(self, *_: Any) -> Verdict:
            news.append("authorizer")
            return Verdict.GRANT

    def doubled(session: Any, channel: ChannelName, data: Any) -> Any:
        news.append("filter")
        return data * 2

    heard: list[Message] = []
    await bot.subscribe("/*", heard.append)
    server.policy = Asked()
    server.extensions.append(Told())
    server.guard("/**", Guard())
    server.on("/**", lambda session, _: news.append(f"listener, own: {session is bot.session}"))
    server.create_channel_if_absent("/**")[0].add_filter(doubled)
    assert (await bot.publish("/a", 21))["successful"]
    assert data_of(heard) == [42]
    assert news == [
        "extension, local: True, by local", "create, local: True", "authorizer", "publish", "authorizer",
        "listener, own: True", "filter", "reply to 42",
    ]  # fmt: skip


@pytest.mark.spec("LOC-3", "AUZ-2")
async def test_the_default_policy_lets_it_in_everywhere_but_on_meta_channels(
    server: BayeuxServer, bot: LocalSession
) -> None:
    for channel in ("/new", "/new/**", "/service/x"):
        assert (await bot.subscribe(channel, print))["successful"]
    assert server.channel("/new") is not None
    reply = await bot.subscribe("/meta/connect", print)
    assert reply["error"] == "403:denied_by_security_policy:subscribe_denied"


@pytest.mark.spec("LOC-3", "AUZ-1")
async def test_the_policy_may_refuse_it_and_say_whose_it_is(server: BayeuxServer) -> None:
    class Policy(SecurityPolicy):
        def can_handshake(self, server: Any, session: Any, message: Message) -> Any:
            return Granted(user="robots") if message.ext.get("token") == "right" else Denied()

        def can_subscribe(self, server: Any, session: Any, channel: ChannelName, message: Message) -> bool:
            return channel.text != "/secret"

    server.policy = Policy()
    bot, heard = server.new_local_session("bot"), list[Message]()
    reply = await bot.handshake()
    assert (reply["successful"], reply["error"]) == (False, "403::handshake_denied")
    assert bot.session is None
    await bot.handshake(ext={"token": "right"})
    assert bot.session is not None
    assert bot.session.user == "robots"
    assert not (await bot.subscribe("/secret", heard.append))["successful"]
    server.deliver([bot.session], "/secret", "for nobody")
    assert heard == []


@pytest.mark.spec("LST-8", "LOC-3")
async def test_a_listener_vetoes_it(server: BayeuxServer, bot: LocalSession) -> None:
    server.on("/a", lambda *_: False)
    assert (await bot.publish("/a", 1))["error"] == "404::message_deleted"


@pytest.mark.spec("BAT-7", "LOC-2")
async def test_a_reply_that_an_extension_withholds_is_no_reason_to_wait_for_ever(
    server: BayeuxServer, bot: LocalSession
) -> None:
    class Silent(Extension):
        def outgoing_meta(self, session: Any, reply: Any) -> Any:
            return STOP

    server.extensions.append(Silent())
    assert (await bot.publish("/a", 1))["error"] == "404::message_deleted"


@pytest.mark.spec("SRV-1", "SRV-9", "SN-2", "LOC-2")
async def test_the_application_publishes_in_its_name(server: BayeuxServer, bot: LocalSession) -> None:
    senders: list[Any] = []

    class Told(Extension):
        def outgoing(self, sender: Any, session: Any, event: Any) -> None:
            senders.append(sender)

    server.extensions.append(Told())
    server.on("/a", lambda session, _: senders.append(session))
    alice = Peer(server).handshake()
    server.publish("/a", 1, sender=bot)
    alice.session.deliver("/a", 2, sender=bot)
    server.create_channel_if_absent("/a")[0].publish(3, bot)
    assert senders == [bot.session] * 5
    server.publish("/a", 4, sender=server.new_local_session("absent"))
    assert senders[-1] is None


@pytest.mark.spec("MSGX-4", "LOC-2")
async def test_the_current_message_is_the_outer_one_again_after_it_published(
    server: BayeuxServer, bot: LocalSession
) -> None:
    current: list[Any] = []

    def outer(session: Any, message: Message) -> None:
        bot.publish("/inner", 1)
        current.append(current_message() is message)

    server.on("/outer", outer)
    server.on("/inner", lambda _, message: current.append(current_message() is message))
    Peer(server).handshake().publish("/outer", 1)
    assert current == [True, True]
    assert current_message() is None


# Batches --------------------------------------------------------------------------------------------


@pytest.mark.spec("LOC-6", "BAT-1")
async def test_what_is_sent_in_a_batch_goes_at_its_end_in_its_order(server: BayeuxServer, bot: LocalSession) -> None:
    """Within a batch a message waits for the hooks of the one before."""
    heard: list[Message] = []

    async def slow(*_: Any) -> None:
        await turn()

    server.on("/slow", slow)
    with bot.batch():
        bot.subscribe("/**", heard.append)
        with bot.batch():
            sent = [bot.publish("/slow", 1), bot.publish("/quick", 2)]
        assert heard == []
        assert all(sending.reply is None for sending in sent)
    replies = [await sending for sending in sent]
    assert [reply["channel"] for reply in replies] == ["/slow", "/quick"]
    assert data_of(heard) == [1, 2]


@pytest.mark.spec("LOC-6")
async def test_a_block_that_raises_ends_its_batch(server: BayeuxServer, bot: LocalSession) -> None:
    heard: list[Message] = []
    bot.subscribe("/a", heard.append)

    def breaks_off() -> None:
        with bot.batch():
            bot.publish("/a", 1)
            raise KeyError

    with pytest.raises(KeyError):
        breaks_off()
    assert data_of(heard) == [1]
    bot.publish("/a", 2)
    assert data_of(heard) == [1, 2]


@pytest.mark.spec("LOC-6")
async def test_awaiting_a_message_inside_its_batch_is_an_error_and_no_deadlock(bot: LocalSession) -> None:
    with bot.batch():
        sending = bot.publish("/a", 1)
        with pytest.raises(RuntimeError, match="await it behind the block"):
            await sending
        with pytest.raises(RuntimeError, match="await it behind the block"):
            await asyncio.gather(_awaited(sending))
    assert (await sending)["successful"]


async def _awaited(sending: Any) -> Any:
    return await sending


@pytest.mark.spec("LOC-6")
async def test_a_batch_gathers_only_what_its_own_task_sends(bot: LocalSession) -> None:
    with bot.batch():
        mine = bot.publish("/a", 1)
        assert (await asyncio.create_task(_reply(bot, "/a", 2)))["successful"]
        assert mine.reply is None
    assert (await mine)["successful"]


@pytest.mark.spec("LOC-6", "LOC-2")
def test_batches_need_no_loop() -> None:
    bot = BayeuxServer().new_local_session("bot")
    with bot.batch():
        sending = bot.publish("/a", 1)
    assert sending.reply is not None
    assert sending.reply["error"] == "402::session_unknown"


# What it hears --------------------------------------------------------------------------------------


@pytest.mark.spec("LOC-2", "CH-21")
async def test_callbacks_are_called_in_the_publishers_turn_wider_patterns_first(
    server: BayeuxServer, bot: LocalSession
) -> None:
    heard: list[str] = []
    await bot.subscribe("/a/b", lambda message: heard.append(f"name {message.data}"))
    await bot.subscribe("/a/b", lambda message: heard.append(f"again {message.data}"))
    await bot.subscribe("/**", lambda message: heard.append(f"all {message.data}"))
    server.publish("/a/b", 1)
    assert heard == ["all 1", "name 1", "again 1"]


@pytest.mark.spec("LOC-2")
async def test_each_hears_a_copy_of_its_own(server: BayeuxServer, bot: LocalSession) -> None:
    heard: list[Message] = []
    other = server.new_local_session("other")
    await other.handshake()
    await bot.subscribe("/a", lambda message: message.data.clear())
    await other.subscribe("/a", heard.append)
    ours = {"n": 1}
    server.publish("/a", ours)
    assert (data_of(heard), ours) == ([{"n": 1}], {"n": 1})


@pytest.mark.spec("LOC-2", "GEN-1")
async def test_events_do_not_overtake_a_coroutine_callback_and_no_publisher_waits_for_it(
    server: BayeuxServer, bot: LocalSession
) -> None:
    gate, heard = asyncio.Event(), list[str]()

    async def slow(message: Message) -> None:
        await gate.wait()
        heard.append(f"slow {message.data}")

    await bot.subscribe("/a", slow)
    await bot.subscribe("/a", lambda message: heard.append(f"quick {message.data}"))
    assert (await bot.publish("/a", 1))["successful"]
    assert (await bot.publish("/a", 2))["successful"]
    assert heard == []
    gate.set()
    for _ in range(3):
        await turn()
    assert heard == ["slow 1", "quick 1", "slow 2", "quick 2"]


@pytest.mark.spec("LOC-2", "LST-9")
async def test_a_coroutine_callback_may_await_what_its_own_session_sends(
    server: BayeuxServer, bot: LocalSession
) -> None:
    heard: list[Any] = []

    async def begin(message: Message) -> None:
        await bot.subscribe("/echo", lambda message: heard.append(message.data))
        heard.append((await bot.publish("/echo", message.data))["successful"])

    await bot.subscribe("/begin", begin)
    server.publish("/begin", 1)
    for _ in range(3):
        await turn()
    assert heard == [True, 1]  # the event waits for the callback that caused it


@pytest.mark.spec("LST-9")
@pytest.mark.expected_logs("nested too deep|a listener raised")
async def test_a_callback_that_publishes_to_its_own_channel_without_end_is_an_error(
    server: BayeuxServer, bot: LocalSession
) -> None:
    heard: list[Message] = []

    def again(message: Message) -> None:
        heard.append(message)
        bot.publish("/a", message.data + 1)

    await bot.subscribe("/a", again)
    assert (await bot.publish("/a", 0))["successful"]
    assert data_of(heard) == list(range(25))


@pytest.mark.spec("LOC-5")
@pytest.mark.expected_logs("a listener raised")
async def test_a_callback_that_raises_affects_nobody_else(server: BayeuxServer, bot: LocalSession) -> None:
    heard: list[Message] = []
    other = server.new_local_session("other")
    await other.handshake()
    await bot.subscribe("/a", lambda _: 1 / 0)
    await bot.subscribe("/a", heard.append)
    await other.subscribe("/a", heard.append)
    assert (await bot.publish("/a", 1))["successful"]
    assert data_of(heard) == [1, 1]


@pytest.mark.spec("LOC-2", "UNS-1")
async def test_unsubscribing_ends_one_callback_or_all(server: BayeuxServer, bot: LocalSession) -> None:
    first, second = list[Message](), list[Message]()
    hear_first, hear_second = first.append, second.append
    await bot.subscribe("/a", hear_first)
    await bot.subscribe("/a", hear_second)
    assert (await bot.unsubscribe("/a", hear_first))["successful"]
    server.publish("/a", 1)
    assert (data_of(first), data_of(second)) == ([], [1])
    assert (await bot.unsubscribe("/a"))["successful"]
    channel = server.channel("/a")
    assert channel is not None
    assert list(channel.subscribers) == []
    await bot.subscribe("/a", hear_second)
    with pytest.raises(ValueError):
        bot.unsubscribe("/a", hear_first)
    server.publish("/a", 2)
    assert data_of(second) == [1, 2]


@pytest.mark.spec("LOC-7")
async def test_on_a_service_channel_it_hears_what_is_delivered_to_it_and_its_replies(
    server: BayeuxServer, bot: LocalSession
) -> None:
    heard: list[dict[str, Any]] = []
    stop = bot.on("/service/x", lambda message: heard.append(dict(message.fields)))
    Peer(server).handshake().publish("/service/x", "not for the bot")
    assert heard == []
    assert bot.session is not None
    bot.session.deliver("/service/x", "for the bot")
    reply = await bot.publish("/service/x", "by the bot")
    assert heard == [{"channel": "/service/x", "data": "for the bot"}, reply]
    stop()
    bot.session.deliver("/service/x", "again")
    assert len(heard) == 2


@pytest.mark.spec("LOC-7", "GEN-9")
async def test_a_channel_listener_hears_meta_replies_too(server: BayeuxServer) -> None:
    bot = server.new_local_session("bot")
    heard: list[str] = []

    @bot.on("/meta/*")
    def hear(message: Message) -> None:
        heard.append(f"{message.channel} {message['successful']}")

    await bot.handshake()
    await bot.subscribe("/a", print)
    await bot.disconnect()
    assert heard == [
        "/meta/handshake True", "/meta/connect True", "/meta/subscribe True", "/meta/disconnect True",
    ]  # fmt: skip


@pytest.mark.spec("LOC-7")
@pytest.mark.expected_logs("an extension of a local session raised")
async def test_its_own_extensions_see_change_and_stop_what_it_sends_and_hears(
    server: BayeuxServer, bot: LocalSession
) -> None:
    """They are those of ``bayeux.client``."""
    news: list[str] = []

    class Told(ExtensionOfClient):
        def __init__(self, name: str) -> None:
            self.name = name

        def added(self, client: Any) -> None:
            news.append(f"{self.name} added to {client.name}")

        def removed(self, client: Any) -> None:
            news.append(f"{self.name} removed")

        def outgoing(self, message: Any) -> Any:
            news.append(f"{self.name} out {message['channel']}")
            return STOP if message["channel"] == "/stopped" else {**message, "mark": self.name}

        def incoming(self, message: Any) -> Any:
            news.append(f"{self.name} in {message['channel']}")
            return STOP if message.get("data") == "stop" else None

    class Broken(ExtensionOfClient):
        def incoming(self, message: Any) -> None:
            raise KeyError

    heard: list[Message] = []
    await bot.subscribe("/a", heard.append)
    remove = bot.extensions.add(Told("first"))
    bot.extensions.add(Told("last"))
    assert (await bot.publish("/a", 1))["successful"]
    assert [(message["data"], message["mark"]) for message in heard] == [(1, "first")]
    assert news == [
        "first added to bot", "last added to bot", "last out /a", "first out /a",
        "first in /a", "last in /a", "first in /a", "last in /a",
    ]  # fmt: skip
    assert (await bot.publish("/stopped", 1))["error"] == "404::message_deleted"
    assert server.channel("/stopped") is None
    bot.extensions.add(Broken())
    server.publish("/a", "stop")
    assert len(heard) == 1
    server.publish("/a", "broken hooks count as going on")
    assert len(heard) == 2
    remove()
    assert news[-1] == "first removed"


@pytest.mark.spec("LST-3", "LST-1")
async def test_it_hears_an_event_behind_its_hooks_on_the_server_and_before_the_reply(
    server: BayeuxServer, bot: LocalSession
) -> None:
    news: list[str] = []

    class OnServer(Extension):
        def outgoing(self, sender: Any, session: Any, event: Any) -> None:
            news.append("session's extension" if session else "server's extension")

        def outgoing_meta(self, session: Any, reply: Any) -> None:
            news.append("reply")

    class OnClient(ExtensionOfClient):
        def incoming(self, message: Any) -> None:
            news.append("client's extension")

    alice = Peer(server).handshake()
    await bot.subscribe("/a", lambda _: news.append("callback"))
    bot.on("/a", lambda _: news.append("client's listener"))
    bot.extensions.append(OnClient())
    assert bot.session is not None
    bot.session.extensions.append(OnServer())
    bot.session.listeners.message.append(lambda *_: news.append("session's listener"))
    server.extensions.append(OnServer())
    alice.publish("/a", 1)
    assert news == [
        "server's extension", "session's extension", "session's listener",
        "client's extension", "client's listener", "callback", "reply",
    ]  # fmt: skip


@pytest.mark.spec("MSGX-6", "LOC-2")
async def test_data_of_the_applications_own_kind_passes_once_through_its_codec() -> None:
    revived: list[Any] = []

    def revive(data: Any) -> Any:
        revived.append(data)
        return set(data)

    async with still_server(ManualClock(), Options(json_codec=JsonCodec(sorted, revive))) as server:
        bot, heard = server.new_local_session("bot"), list[Message]()
        await bot.handshake()
        await bot.subscribe("/a", heard.append)
        assert (await bot.publish("/a", {2, 1}))["successful"]
        assert data_of(heard) == [{1, 2}]
        assert revived == [[1, 2]]


@pytest.mark.spec("LOC-5", "MSGX-6")
@pytest.mark.expected_logs("a local session did not take an event")
async def test_data_that_its_codec_does_not_take_is_no_fault_of_the_publisher() -> None:
    async with still_server(ManualClock(), Options(json_codec=JsonCodec(None, dict))) as server:
        bot, heard = server.new_local_session("bot"), list[Message]()
        await bot.handshake()
        await bot.subscribe("/a", heard.append)
        server.publish("/a", "no map")
        server.publish("/a", {"a": "map"})
        assert data_of(heard) == [{"a": "map"}]
