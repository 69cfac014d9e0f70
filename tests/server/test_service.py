"""Services: objects whose methods are bound to channels, by themselves or by marks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bayeux.protocol.message import Message
from bayeux.server.channels import ServerChannel
from bayeux.server.detached import MAX_RUNNING
from bayeux.server.local import LocalSession
from bayeux.server.marks import (
    ServiceInvalid,
    configure,
    listener,
    on_start,
    on_stop,
    remote_call,
    service,
    subscription,
)
from bayeux.server.security import SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.server.service import Service
from bayeux.server.sessions import ServerSession
from bayeux.testing import ManualClock, Peer, still_server, turn


@pytest.fixture
async def server() -> AsyncIterator[BayeuxServer]:
    async with still_server(ManualClock()) as server:
        yield server


@pytest.fixture
def alice(server: BayeuxServer) -> Peer:
    return Peer(server, "websocket").handshake()


class Echo(Service):
    """Binds one method."""

    def __init__(self, channel: str = "/service/echo", **options: Any) -> None:
        super().__init__("echo")
        self.errors: list[str] = []
        self.unbind = self.bind(channel, self.echo, **options)

    def echo(self, session: ServerSession | None, message: Message) -> Any:
        return message.data


# Binding by oneself ---------------------------------------------------------------------------------


@pytest.mark.spec("SVC-1", "SVC-6")
async def test_a_service_has_a_session_while_it_is_registered(server: BayeuxServer) -> None:
    echo = Echo()
    await server.register(echo)
    assert echo.server is server
    assert [session.client_id.partition("_")[0] for session in server.sessions] == ["echo"]
    assert echo.local.session in list(server.sessions)
    assert list(server.services) == [echo]
    await server.unregister(echo)
    assert (len(server.sessions), len(server.services)) == (0, 0)
    await server.unregister(echo)


@pytest.mark.spec("SVC-2", "DEL-6")
async def test_what_a_bound_method_returns_is_delivered_to_the_sender_alone(server: BayeuxServer, alice: Peer) -> None:
    await server.register(Echo())
    bob = Peer(server, "websocket").handshake()
    alice.publish("/service/echo", {"n": 1})
    alice.publish("/service/echo", None)
    await turn()
    assert alice.events == [{"channel": "/service/echo", "data": {"n": 1}}]
    assert bob.events == []


@pytest.mark.spec("SVC-2", "GEN-1")
async def test_a_bound_method_may_be_a_coroutine_function_and_false_is_an_answer(
    server: BayeuxServer, alice: Peer
) -> None:
    class Slow(Echo):
        async def echo(self, session: ServerSession | None, message: Message) -> Any:
            await turn()
            return False

    await server.register(Slow())
    alice.publish("/service/echo", 1)
    await alice
    assert [event["data"] for event in alice.events] == [False]
    assert alice.replies[-1]["successful"] is True


@pytest.mark.spec("SVC-2")
@pytest.mark.expected_logs("Echo.fails raised")
async def test_what_a_bound_method_raises_goes_to_on_error_and_the_reply_is_successful(
    server: BayeuxServer, alice: Peer
) -> None:
    errors: list[Any] = []

    class Fails(Echo):
        async def fails(self, session: ServerSession | None, message: Message) -> None:
            raise KeyError("x")

        def unsayable(self, session: ServerSession | None, message: Message) -> object:
            return object()

    class Listens(Fails):
        async def on_error(self, method: Callable[..., Any], session: Any, message: Message, error: Exception) -> None:
            errors.append((method.__name__, session, message.data, type(error)))

    logs, listens = Fails(), Listens("/other")
    logs.fails.__func__.__qualname__ = "Echo.fails"  # type: ignore[attr-defined]
    logs.bind("/a", logs.fails)
    listens.bind("/b", listens.fails)
    listens.bind("/c", listens.unsayable)
    await server.register(logs)
    await server.register(listens)
    for channel in ("/a", "/b", "/c"):
        alice.publish(channel, 1)
        await alice
        assert alice.replies[-1]["successful"] is True
    assert errors == [("fails", alice.session, 1, KeyError), ("unsayable", alice.session, 1, TypeError)]


@pytest.mark.spec("SVC-3")
async def test_it_sends_in_its_own_name(server: BayeuxServer, alice: Peer) -> None:
    senders: list[Any] = []
    echo = Echo()
    await server.register(echo)
    alice.session.listeners.queued.append(lambda session, sender, message: senders.append(sender))
    assert echo.send(alice.session, "/service/news", 1)
    alice.publish("/service/echo", 2)
    assert senders == [echo.local.session] * 2


@pytest.mark.spec("SVC-4")
@pytest.mark.parametrize("see_own_publishes", [False, True])
async def test_it_hears_what_it_publishes_itself_only_if_it_wants_to(
    server: BayeuxServer, see_own_publishes: bool
) -> None:
    heard: list[Any] = []

    class Hears(Echo):
        def echo(self, session: ServerSession | None, message: Message) -> None:
            heard.append(message.data)

    hears = Hears("/a")
    hears.see_own_publishes = see_own_publishes
    await server.register(hears)
    await hears.local.publish("/a", "own")
    server.publish("/a", "the application's")
    server.publish("/a", "in its name", sender=hears.local)
    assert heard == (["own", "the application's", "in its name"] if see_own_publishes else ["the application's"])


@pytest.mark.spec("SVC-1", "GEN-4")
async def test_methods_are_bound_and_unbound_at_any_time(server: BayeuxServer, alice: Peer) -> None:
    echo = Echo()
    alice.publish("/service/echo", "not registered")
    await server.register(echo)
    unbind = echo.bind("/service/later", echo.echo)
    alice.publish("/service/later", "bound")
    unbind()
    unbind()
    alice.publish("/service/later", "unbound")
    await server.unregister(echo)
    alice.publish("/service/echo", "unregistered")
    await server.register(echo)
    alice.publish("/service/echo", "registered again")
    echo.unbind()
    alice.publish("/service/echo", "unbound for ever")
    await turn()
    assert [event["data"] for event in alice.events] == ["bound", "registered again"]


@pytest.mark.spec("SVC-7", "CHN-8")
async def test_a_template_hands_its_values_to_a_bound_method(server: BayeuxServer, alice: Peer) -> None:
    class Rooms(Service):
        def __init__(self) -> None:
            super().__init__()
            self.bind("/room/{room}/{seat}", self.sit)

        def sit(self, session: ServerSession | None, message: Message, seat: str, room: str) -> str:
            return f"{room}: {seat}"

    await server.register(Rooms())
    alice.publish("/room/blue/7", None)
    alice.publish("/room/blue", None)
    await turn()
    assert [event["data"] for event in alice.events] == ["blue: 7"]
    assert any(session.client_id.startswith("Rooms_") for session in server.sessions)


@pytest.mark.spec("SVC-8", "SVC-7")
@pytest.mark.parametrize(
    ("channel", "why"),
    [
        ("no slash", "'no slash' is no channel, pattern or template"),
        ("/a/{x}/**", "'/a/{x}/\\*\\*' is no channel"),
        ("/a/{x}", r"Echo.echo is called with \(session, message, x=\) for /a/{x}"),
        ("/a/{session}", "multiple values"),
        ("/a/{not valid}", "identifier"),
    ],
)
async def test_what_cannot_be_bound_is_an_error_at_once(channel: str, why: str) -> None:
    with pytest.raises(ServiceInvalid, match=why):
        Echo(channel)


# Marks ----------------------------------------------------------------------------------------------


@service("chat")
class Chat:
    """Has one method of each kind."""

    server: BayeuxServer
    local: LocalSession
    session: ServerSession | None

    def __init__(self) -> None:
        self.news: list[str] = []

    @configure("/chat/lobby")
    def open(self, channel: ServerChannel) -> None:
        channel.persistent = True
        self.news.append(f"configure {channel.name}")

    @listener("/chat/*", "/game/{room}")
    def check(self, session: ServerSession | None, message: Message, room: str = "") -> bool:
        self.news.append(f"listener {message.data}{room and f' in {room}'}")
        return message.data != "darn"

    @subscription("/chat/*", "/game/{room}")
    async def heard(self, message: Message, room: str = "") -> None:
        self.news.append(f"subscription {message.data}{room and f' in {room}'}")

    @remote_call("chat/history", "/room/{room}/history")
    async def history(self, caller: Any, data: Any, room: str = "lobby") -> list[str]:
        return [room]

    @on_start
    async def begin(self, server: BayeuxServer, local: LocalSession) -> None:
        self.news.append(f"start {server is self.server} {local is self.local} {self.session is local.session}")

    @on_stop
    def end(self) -> None:
        self.news.append(f"stop, still connected: {self.local.session is not None}")


@pytest.mark.spec("SVC-5", "SVC-6", "SVC-7", "SVC-8", "RPC-1")
async def test_marks_bind_what_they_say(server: BayeuxServer, alice: Peer) -> None:
    chat = Chat()
    await server.register(chat)
    assert chat.news == ["configure /chat/lobby", "start True True True"]
    assert chat.session in list(server.sessions)
    assert chat.local.id is not None
    assert chat.local.id.startswith("chat_")
    chat.news.clear()
    alice.publish("/chat/lobby", "hello")
    assert alice.publish("/chat/lobby", "darn")[-1]["error"] == "404::message_deleted"
    alice.publish("/game/chess", "e4")
    alice.publish("/game/chess/blitz", "not of that shape")
    await turn()
    assert sorted(chat.news) == [
        "listener darn", "listener e4 in chess", "listener hello", "subscription e4 in chess", "subscription hello",
    ]  # fmt: skip
    alice.publish("/service/chat/history", None)
    alice.publish("/service/room/blue/history", None)
    await alice
    assert [event["data"] for event in alice.heard if "data" in event] == [["lobby"], ["blue"]]


@pytest.mark.spec("SVC-6")
async def test_unregistering_undoes_it_in_reverse(server: BayeuxServer, alice: Peer) -> None:
    chat = Chat()
    await server.register(chat)
    await server.unregister(chat)
    chat.news[:-1] = []
    alice.publish("/chat/lobby", "darn")
    alice.publish("/service/chat/history", None)
    await turn()
    assert chat.news == ["stop, still connected: True"]
    assert list(server.sessions) == [alice.session]
    assert all(not channel.listeners and not channel.subscribers for channel in server.channels)


@pytest.mark.spec("SVC-6", "SVC-10", "DSC-11")
async def test_a_stopping_server_stops_its_services_the_last_one_first() -> None:
    news: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        @on_stop
        async def end(self, server: BayeuxServer) -> None:
            await turn()
            news.append(f"{self.name}, clients are there: {len(server.sessions) >= 2}")

    async with still_server(ManualClock()) as server:
        await server.register(Named("first"))
        await server.register(Named("last"))
        Peer(server).handshake()
    assert news == ["last, clients are there: True", "first, clients are there: True"]


@pytest.mark.spec("SVC-6")
@pytest.mark.expected_logs("Fails.end raised")
async def test_a_stop_method_that_raises_stops_nothing_else(server: BayeuxServer, alice: Peer) -> None:
    class Fails:
        @on_stop
        def end(self) -> None:
            raise KeyError

        @listener("/a")
        def veto(self, session: Any, message: Message) -> bool:
            return False

    Fails.end.__qualname__ = "Fails.end"
    fails = Fails()
    await server.register(fails)
    await server.unregister(fails)
    assert alice.publish("/a", 1)[-1]["successful"]
    assert list(server.sessions) == [alice.session]


@pytest.mark.spec("SVC-6")
async def test_a_start_that_fails_leaves_nothing_bound(server: BayeuxServer, alice: Peer) -> None:
    class Fails(Chat):
        @on_start
        async def begin_differently(self) -> None:
            raise KeyError("no database")

    fails = Fails()
    with pytest.raises(KeyError, match="no database"):
        await server.register(fails)
    assert list(server.sessions) == [alice.session]
    assert alice.publish("/chat/lobby", "darn")[-1]["successful"]
    assert "stop, still connected: True" not in fails.news
    assert len(server.services) == 0


@pytest.mark.spec("SVC-6")
async def test_marks_are_inherited_and_overridden(server: BayeuxServer) -> None:
    heard: list[str] = []

    class Base:
        @listener("/a")
        def overridden(self, session: Any, message: Message) -> None:
            raise AssertionError

        @listener("/a")
        def marked_anew(self, session: Any, message: Message) -> None:
            heard.append(f"anew {message.channel}")

        @listener("/a")
        def inherited(self, session: Any, message: Message) -> None:
            heard.append("inherited")

    class Derived(Base):
        def overridden(self, session: Any, message: Message) -> None:
            heard.append("overridden")

        @listener("/b")
        def marked_anew(self, session: Any, message: Message) -> None:
            super().marked_anew(session, message)

    await server.register(Derived())
    server.publish("/a", 1)
    server.publish("/b", 1)
    assert heard == ["overridden", "inherited", "anew /b"]


@pytest.mark.spec("SVC-8")
async def test_a_method_may_carry_several_marks(server: BayeuxServer, alice: Peer) -> None:
    heard: list[tuple[Any, ...]] = []

    class Both(Service):
        @listener("/a")
        @listener("/b", receive_own=True)
        @subscription("/c")
        def hear(self, *arguments: Any) -> None:
            heard.append(arguments)

    both = Both()
    await server.register(both)
    for channel in ("/a", "/b", "/c"):
        await both.local.publish(channel, channel)
        alice.publish(channel, channel)
    assert [(len(arguments), arguments[-1].data) for arguments in heard] == [
        (2, "/a"), (2, "/b"), (2, "/b"), (1, "/c"), (1, "/c"),
    ]  # fmt: skip


@pytest.mark.spec("SVC-6")
async def test_attributes_that_mean_something_else_are_left_alone(server: BayeuxServer) -> None:
    class Other:
        session: dict[str, str]
        local = "host"
        server: "BayeuxServer | None" = None  # noqa: UP037 - quoted or not

        @on_start
        def begin(self) -> None:
            pass

    other = Other()
    await server.register(other)
    assert not hasattr(other, "session")
    assert other.local == "host"
    assert other.server is server


@pytest.mark.spec("SVC-9")
@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, None), ({"error_if_exists": False}, True), ({"error_if_exists": False, "configure_if_exists": False}, False)],
)
async def test_a_channel_that_exists_is_an_error_configured_or_skipped(
    server: BayeuxServer, options: dict[str, bool], expected: bool | None
) -> None:
    class Configures:
        @configure("/there", "/new", **options)
        def configure(self, channel: ServerChannel) -> None:
            channel.persistent = True

    there, _ = server.create_channel_if_absent("/there")
    if expected is None:
        with pytest.raises(ServiceInvalid, match="configures /there, which exists"):
            await server.register(Configures())
        return
    await server.register(Configures())
    new = server.channel("/new")
    assert new is not None
    assert new.persistent
    assert there.persistent is expected


def decorated(mark: Callable[..., Any], name: str, method: Callable[..., Any]) -> object:
    """A service with one marked method."""
    method.__qualname__ = f"Odd.{name}"
    return type("Odd", (), {name: mark(method)})()


@pytest.mark.spec("SVC-7", "SVC-8")
@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (object(), "has no marked method"),
        (decorated(listener("/a"), "_hear", lambda self, session, message: None), "Odd._hear is private"),
        (decorated(listener("/a"), "hear", lambda self, message: None), r"is called with \(session, message\) for /a"),
        (decorated(listener("a b"), "hear", lambda self, session, message: None), "'a b' is no channel"),
        (decorated(listener("/a/{x}"), "hear", lambda self, session, message: None), "x="),
        (decorated(listener("/{x}/{x}"), "hear", lambda self, session, message, x: None), "stands twice"),
        (decorated(subscription("/a"), "hear", lambda self, session, message: None), r"is called with \(message\)"),
        (decorated(configure("/a"), "open", lambda self: None), r"is called with \(channel\)"),
        (decorated(configure("/a/{x}"), "open", lambda self, channel, x: None), "use on_channel_created"),
        (decorated(remote_call("a"), "call", lambda self, caller: None), r"is called with \(caller, data\)"),
        (decorated(remote_call("a/*"), "call", lambda self, caller, data: None), "Odd.call: .* no wildcards"),
        (decorated(on_start, "begin", lambda self, cluster: None), "asks for 'cluster': it may ask for server, local"),
    ],
)
async def test_a_misfit_is_an_error_at_registration(server: BayeuxServer, odd: object, why: str) -> None:
    with pytest.raises(ServiceInvalid, match=why):
        await server.register(odd)
    assert len(server.sessions) == 0


@pytest.mark.spec("SVC-8")
def test_a_decorator_without_its_names_is_an_error_where_it_stands() -> None:
    for bare in (listener, subscription, configure, remote_call, service):
        with pytest.raises(TypeError, match=f"@{bare.__name__} needs"):
            bare(test_a_decorator_without_its_names_is_an_error_where_it_stands)  # type: ignore[operator]


@pytest.mark.spec("SVC-6")
async def test_a_service_is_registered_once(server: BayeuxServer) -> None:
    echo = Echo()
    await server.register(echo)
    with pytest.raises(ServiceInvalid, match="registered already"):
        await server.register(echo)
    await server.register(Echo("/service/other"))
    assert len(server.services) == 2


@pytest.mark.spec("SVC-6", "LOC-3")
async def test_a_policy_may_refuse_a_service_its_session_and_its_subscriptions(server: BayeuxServer) -> None:
    class Policy(SecurityPolicy):
        def can_handshake(self, server: Any, session: Any, message: Any) -> bool:
            return not session.client_id.startswith("echo_")

        def can_subscribe(self, server: Any, session: Any, channel: Any, message: Any) -> bool:
            return not channel.is_wild

    server.policy = Policy()
    with pytest.raises(ServiceInvalid, match=r"was refused: 403::handshake_denied"):
        await server.register(Echo())
    with pytest.raises(ServiceInvalid, match=r"Chat.heard may not subscribe to /chat/\*: 403"):
        await server.register(Chat())
    assert len(server.sessions) == 0


# Nobody waits ---------------------------------------------------------------------------------------


@pytest.mark.spec("SVC-10", "BAT-1")
@pytest.mark.parametrize("concurrent", [False, True])
async def test_a_slow_method_delays_its_senders_later_messages_unless_nobody_waits_for_it(
    server: BayeuxServer, alice: Peer, concurrent: bool
) -> None:
    gate = asyncio.Event()

    class Slow(Echo):
        async def echo(self, session: ServerSession | None, message: Message) -> Any:
            await gate.wait()
            return message.data

    await server.register(Slow(concurrent=concurrent))
    bob = Peer(server, "websocket").handshake()
    alice.send(alice.message("/service/echo", data=1), alice.message("/a", data=2))
    await turn()
    assert [reply["channel"] for reply in alice.replies[1:]] == (["/service/echo", "/a"] if concurrent else [])
    assert bob.publish("/a", 3)[-1]["successful"]
    gate.set()
    await alice
    await turn()
    assert [event["data"] for event in alice.events] == [1]


@pytest.mark.spec("SVC-10", "RPC-3")
async def test_what_runs_by_itself_is_bounded_and_broken_off_at_the_end(server: BayeuxServer, alice: Peer) -> None:
    running = 0

    class Slow:
        @listener("/a", concurrent=True)
        async def hear(self, session: Any, message: Message) -> None:
            nonlocal running
            running += 1
            try:
                await asyncio.Event().wait()
            finally:
                running -= 1

        @remote_call("slow", concurrent=True)
        async def call(self, caller: Any, data: Any) -> None:
            await asyncio.Event().wait()

    slow = Slow()
    await server.register(slow)
    server.options = server.options.replaced({"session_message_rate": 0.0})
    for number in range(MAX_RUNNING):
        alice.publish("/a", number)
        assert alice.is_answered
    alice.publish("/a", "one too many")
    bob = Peer(server, "websocket").handshake()
    bob.publish("/service/slow", None)
    await turn()
    assert not alice.is_answered
    assert running == MAX_RUNNING
    await server.unregister(slow)
    await turn()
    assert alice.is_answered
    assert running == 0
    assert [each["successful"] for each in bob.heard if "data" in each] == [False]


@pytest.mark.spec("SVC-10")
@pytest.mark.expected_logs("a listener raised")
async def test_what_runs_by_itself_may_fail_by_itself(server: BayeuxServer, alice: Peer) -> None:
    class Fails:
        @listener("/a", concurrent=True)
        async def hear(self, session: Any, message: Message) -> None:
            await turn()
            raise KeyError

    await server.register(Fails())
    assert alice.publish("/a", 1)[-1]["successful"]
    await turn()
    await turn()


@pytest.mark.spec("SVC-10")
async def test_a_concurrent_method_may_unregister_its_own_service(server: BayeuxServer) -> None:
    news: list[str] = []

    class Leaves(Service):
        @subscription("/leave", concurrent=True)
        async def leave(self, message: Message) -> None:
            await self.server.unregister(self)
            news.append("gone")

    await server.register(Leaves())
    server.publish("/leave", 1)
    await turn()
    await turn()
    assert news == ["gone"]
    assert len(server.sessions) == 0
