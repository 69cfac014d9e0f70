"""What the client tells besides events: states with times and reasons, and the reply to every request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from bayeux.client import (
    BayeuxClient,
    ClientDisconnected,
    Event,
    Extension,
    PublishRefused,
    Reply,
    ReplyTimeout,
    State,
    StateChange,
    SubscriptionOverflow,
    TransportFailed,
    UpgradeRefused,
)
from bayeux.protocol.frames import text_frame
from tests.client.scripted import Message, ScriptedServer, reply

EACH_TRANSPORT = pytest.mark.parametrize("transport", ["websocket", "long-polling"])


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


def client_of(server: ScriptedServer, transport: str = "long-polling", **more: Any) -> BayeuxClient:
    return BayeuxClient(server.url, transports=(transport,), **more)


@pytest.mark.spec("CLI-1")
@EACH_TRANSPORT
async def test_every_request_is_told_with_its_reply(server: ScriptedServer, transport: str) -> None:
    server.answers["/no"] = lambda message: [reply(message, successful=False, error="403::publish_denied")]
    told: list[tuple[str, str, bool]] = []
    client = client_of(server, transport)
    for kind in ("handshake", "connect", "subscribe", "unsubscribe", "publish", "disconnect"):

        def listener(reply: Reply, kind: str = kind) -> None:
            told.append((kind, reply.request["channel"], reply.is_successful))

        getattr(client.listeners, kind).add(listener)
    async with client:
        async with await client.subscribe("/a"):
            await client.publish("/a", 1)
        with pytest.raises(PublishRefused):
            await client.publish("/no", 1)
        server.push()
        await server.wait_for("/meta/connect", 3)
    assert [entry for entry in told if entry[0] != "connect"] == [
        ("handshake", "/meta/handshake", True),
        ("subscribe", "/meta/subscribe", True),
        ("publish", "/a", True),
        ("unsubscribe", "/meta/unsubscribe", True),
        ("publish", "/no", False),
        ("disconnect", "/meta/disconnect", True),
    ]
    assert told.count(("connect", "/meta/connect", True)) == 2


@pytest.mark.spec("CLI-1", "CLI-5")
async def test_a_request_without_reply_is_told_with_the_reason(server: ScriptedServer) -> None:
    told: list[Reply] = []
    changes: list[StateChange] = []
    async with client_of(server) as client:
        client.listeners.connect.add(told.append)
        client.listeners.state.add(changes.append)
        await server.wait_for("/meta/connect", 2)
        server.cut()
        await client.wait_for_state(State.BROKEN)
        await client.wait_for_state(State.CONNECTED)
    assert told[0].message is None
    assert isinstance(told[0].error, TransportFailed)
    assert not told[0].is_successful
    assert [(change.former, change.state) for change in changes] == [
        (State.CONNECTED, State.BROKEN),
        (State.BROKEN, State.CONNECTED),
        (State.CONNECTED, State.DISCONNECTED),
    ]
    assert changes[0].reason == str(told[0].error)
    assert changes[2].reason == "the client was closed"


@pytest.mark.spec("CLI-5")
async def test_times_are_those_of_the_clients_clock(server: ScriptedServer) -> None:
    now = 100.0
    changes: list[StateChange] = []
    client = client_of(server, clock=lambda: now)
    client.listeners.state(changes.append)
    async with client:
        assert (client.since, client.heard) == (100.0, 100.0)
        now = 130.0
        await server.wait_for("/meta/connect", 2)
        server.push()
        await server.wait_for("/meta/connect", 3)
        assert client.heard == 130.0
    assert [(change.since, change.lasted) for change in changes] == [(100.0, 0.0), (130.0, 30.0)]


@pytest.mark.expected_logs("a listener raised")
async def test_a_listener_that_raises_harms_nobody(server: ScriptedServer) -> None:
    told: list[object] = []

    def fail(_: object) -> None:
        raise KeyError

    client = client_of(server, on_state=fail)
    for registry in (client.listeners.state, client.listeners.connect, client.listeners.publish):
        registry.add(fail)
        registry.add(told.append)
    async with client:
        await client.publish("/a", 1)
    assert len(told) >= 4


@pytest.mark.expected_logs("a listener is a coroutine function")
async def test_a_listener_must_be_a_plain_function(server: ScriptedServer) -> None:
    async def listener(_: object) -> None:
        pytest.fail("called")

    client = client_of(server)
    client.listeners.handshake.add(listener)  # type: ignore[arg-type]
    async with client:
        pass


@pytest.mark.expected_logs("ended by a fault of its own")
async def test_a_fault_of_the_client_itself_is_told_to_everybody(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        events = await client.subscribe("/a")
        client._conversation.connect = lambda _: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        server.push()
        with pytest.raises(ZeroDivisionError):
            await anext(events)
        assert client.state is State.DISCONNECTED
        with pytest.raises(ClientDisconnected):
            await client.publish("/a", 1)


# -- callbacks -----------------------------------------------------------------------------


@pytest.mark.spec("CLI-1")
@EACH_TRANSPORT
async def test_events_go_to_a_callback(server: ScriptedServer, transport: str) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def callback(event: Event) -> None:
        await heard.put(event.data)

    server.answers["/meta/subscribe"] = lambda message: [{"channel": "/a", "data": "early"}, server._usual(message)[0]]
    async with client_of(server, transport) as client:
        subscription = await client.subscribe("/a", callback=callback)
        assert await heard.get() == "early"
        async with client.batch() as batch:
            batch.subscribe("/b", callback=callback)
        assert await heard.get() == "early"  # the first subscription hears that of the second, too
        server.push({"channel": "/a", "data": 1}, {"channel": "/b", "data": 2})
        assert {await heard.get(), await heard.get()} == {1, 2}
        await client.unsubscribe(subscription)
        server.push({"channel": "/a", "data": 3}, {"channel": "/b", "data": 4})
        assert await heard.get() == 4


async def test_after_unsubscribing_a_callback_is_called_no_more(server: ScriptedServer) -> None:
    heard: list[Any] = []
    async with client_of(server) as client:

        async def callback(event: Event) -> None:
            heard.append(event.data)
            await client.unsubscribe(subscription)

        subscription = await client.subscribe("/a", callback=callback)
        server.push({"channel": "/a", "data": 1}, {"channel": "/a", "data": 2})
        await server.wait_for("/meta/unsubscribe")
    assert heard == [1]


async def test_what_has_come_reaches_the_callback_before_the_client_has_closed(server: ScriptedServer) -> None:
    heard: list[Any] = []
    got_first = asyncio.Event()

    async def callback(event: Event) -> None:
        got_first.set()
        await asyncio.sleep(0)
        heard.append(event.data)

    async with client_of(server) as client:
        await client.subscribe("/a", callback=callback)
        server.push(*({"channel": "/a", "data": number} for number in range(5)))
        await got_first.wait()
    assert heard == [0, 1, 2, 3, 4]


async def test_a_callback_that_hangs_does_not_keep_the_client(server: ScriptedServer) -> None:
    is_hanging = asyncio.Event()
    was_cancelled: list[bool] = []

    async def callback(_: Event) -> None:
        is_hanging.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled.append(True)
            raise

    async with client_of(server, max_network_delay=0.3) as client:
        await client.subscribe("/a", callback=callback)
        server.push({"channel": "/a", "data": 1})
        await is_hanging.wait()
    assert was_cancelled == [True]


@pytest.mark.expected_logs("the callback for /a raised")
async def test_a_callback_that_waited_for_something_cancelled_is_called_again(server: ScriptedServer) -> None:
    """The cancellation ended the task that calls it, and nobody was told."""
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def callback(event: Event) -> None:
        heard.put_nowait(event.data)
        other = asyncio.ensure_future(asyncio.sleep(10))
        other.cancel()
        await other

    async with client_of(server) as client:
        await client.subscribe("/a", callback=callback)
        for number in range(2):
            server.push({"channel": "/a", "data": number})
            assert await asyncio.wait_for(heard.get(), 5) == number


@pytest.mark.expected_logs("no more events of /a: more than 1 events were waiting")
async def test_a_callback_that_is_too_slow_is_unsubscribed(server: ScriptedServer) -> None:
    """Its server went on to send events that nobody heard, also to the sessions after this one."""
    async with client_of(server) as client:
        subscription = await client.subscribe("/a", callback=lambda _: None, max_queue=1)
        server.push(*({"channel": "/a", "data": number} for number in range(3)))
        await server.wait_for("/meta/unsubscribe")
        assert isinstance(subscription.error, SubscriptionOverflow)


async def test_a_client_whose_task_is_cancelled_has_ended(server: ScriptedServer) -> None:
    """Whoever cancels all tasks cancels the client's, too; its readers waited for ever."""
    async with client_of(server) as client:
        events = await client.subscribe("/a")
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "bayeux client: stay connected"]
        task.cancel()
        with pytest.raises(ClientDisconnected, match="the client was stopped"):
            await asyncio.wait_for(anext(events), 5)
        assert client.state is State.DISCONNECTED


async def test_a_callback_may_close_the_client(server: ScriptedServer) -> None:
    is_closed = asyncio.Event()
    client = client_of(server)

    async def callback(_: Event) -> None:
        await client.disconnect()
        is_closed.set()

    await client.open()
    await client.subscribe("/a", callback=callback)
    server.push({"channel": "/a", "data": 1})
    await is_closed.wait()
    assert client.state is State.DISCONNECTED


# -- other things agreed with the server ---------------------------------------------------


class FirstConnect(Extension):
    """Notes how many events had come before the first connect."""

    def __init__(self) -> None:
        self.events = 0
        self.noted: list[int] = []

    def incoming(self, message: Message) -> None:
        self.events += message["channel"] == "/hello"

    def outgoing(self, message: Message) -> None:
        if message["channel"] == "/meta/connect":
            self.noted.append(self.events)


HELLO = [{"channel": "/hello", "data": number} for number in (1, 2)]


@pytest.mark.spec("HS-14")
@EACH_TRANSPORT
async def test_events_announced_with_the_handshake_come_before_the_first_connect(
    server: ScriptedServer, transport: str
) -> None:
    def handshake(message: Message) -> list[Message]:
        answer = {**server._usual(message)[0], "x-messages": 2}
        if transport == "long-polling":
            return [answer, *HELLO]
        asyncio.get_running_loop().call_later(0.02, server.write, text_frame(orjson.dumps(HELLO)))
        return [answer]

    server.answers["/meta/handshake"] = handshake
    first = FirstConnect()
    async with client_of(server, transport, extensions=[first]):
        assert first.noted[0] == 2


@pytest.mark.spec("HS-14")
async def test_announced_events_are_not_waited_for_for_ever(server: ScriptedServer) -> None:
    server.answers["/meta/handshake"] = lambda message: [{**server._usual(message)[0], "x-messages": 2}]
    with pytest.raises(ReplyTimeout, match="announced"):
        await client_of(server, "websocket", max_network_delay=0.3).open()


@pytest.mark.spec("WS-2")
@pytest.mark.parametrize("selected", ["", "bayeux"])
async def test_a_subprotocol_is_offered(server: ScriptedServer, selected: str) -> None:
    server.subprotocol = selected
    async with client_of(server, "websocket", subprotocol="bayeux"):
        assert "Sec-WebSocket-Protocol: bayeux\r\n" in server.heads[0]
    with pytest.raises(ValueError, match="header"):
        client_of(server, subprotocol="a\r\nb")


@pytest.mark.spec("WS-2")
async def test_a_subprotocol_nobody_offered_is_refused(server: ScriptedServer) -> None:
    server.subprotocol = "other"
    for offered in (None, "bayeux"):
        with pytest.raises(UpgradeRefused, match="subprotocol"):
            await client_of(server, "websocket", subprotocol=offered).open()


@pytest.mark.spec("CLI-1", "NEG-2")
async def test_a_socket_on_which_nothing_comes_back_is_left_for_polling(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some proxies open a socket and swallow what is said on it, at times later than the handshake."""
    monkeypatch.setattr("bayeux.client.backoff.STEP", 0.01)
    async with BayeuxClient(server.url, max_network_delay=0.3) as client:
        assert client.connection_type == "websocket"
        for channel in ("/meta/connect", "/meta/handshake"):
            server.answers[channel] = lambda message: server._usual(message) if server.heads[-1][0] == "P" else None
        server.cut()
        await client.wait_for_state(State.BROKEN)
        await client.wait_for_state(State.CONNECTED)
        assert (client.connection_type, client.client_id) == ("long-polling", "S2")


async def test_a_handshake_carries_what_the_application_adds(server: ScriptedServer) -> None:
    async with client_of(server, fields={"application": "x", "version": "7"}, ext={"token": "t"}) as client:
        handshake = server.seen("/meta/handshake")[0]
        assert (handshake["application"], handshake["version"], handshake["ext"]) == ("x", "1.0", {"token": "t"})
        assert (await client.publish("/a", 1))["successful"] is True
        client.set_header("X-Request", "later")
        await client.publish("/a", 2)
        assert "X-Request: later\r\n" in server.heads[-1]
        with pytest.raises(ValueError, match="header"):
            client.set_header("X", "a\r\nb")
