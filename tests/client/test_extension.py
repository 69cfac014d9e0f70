"""Extensions of the client: their order, what they may do to a message, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.client import (
    STOP,
    BayeuxClient,
    Extension,
    HandshakeRefused,
    PublishRefused,
    ReplyTimeout,
    State,
    SubscribeRefused,
    TransportFailed,
)
from bayeux.client.event import Message
from tests.client.scripted import ScriptedServer, reply

EACH_TRANSPORT = pytest.mark.parametrize("transport", ["websocket", "long-polling"])


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


def client_of(
    server: ScriptedServer, *extensions: Extension, transport: str = "websocket", **more: Any
) -> BayeuxClient:
    return BayeuxClient(server.url, transports=(transport,), extensions=extensions, **more)


class Signed(Extension):
    """Writes its name into every message that passes it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: list[str] = []

    def outgoing(self, message: Message) -> None:
        message["signed"] = message.get("signed", "") + self.name

    def incoming(self, message: Message) -> Message | None:
        if "data" not in message:
            return None
        return {**message, "data": message["data"] + self.name}

    def added(self, client: BayeuxClient) -> None:
        self.told.append("added")

    def removed(self, client: BayeuxClient) -> None:
        self.told.append("removed")


@pytest.mark.spec("CLI-1")
@EACH_TRANSPORT
async def test_the_first_one_hears_first_and_speaks_last(server: ScriptedServer, transport: str) -> None:
    async with client_of(server, Signed("a"), Signed("b"), transport=transport) as client:
        events = await client.subscribe("/x")
        server.push({"channel": "/x", "data": "-"})
        assert (await anext(events)).data == "-ab"
    assert {message["signed"] for message in server.messages} == {"ba"}


async def test_extensions_come_and_go(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        late = Signed("late")
        remove = client.extensions.add(late)
        await client.publish("/x", 1)
        remove()
        remove()
        await client.publish("/x", 2)
    assert [message.get("signed") for message in server.seen("/x")] == ["late", None]
    assert late.told == ["added", "removed"]


class Stopping(Extension):
    """Stops messages of some channels."""

    def __init__(self, *, out: str = "", back: str = "") -> None:
        self.out, self.back = out, back

    def outgoing(self, message: Message) -> Any:
        return STOP if message["channel"] == self.out else None

    def incoming(self, message: Message) -> Any:
        return STOP if message["channel"] == self.back else None


@pytest.mark.spec("CLI-1")
async def test_a_request_that_is_stopped_fails_and_is_not_sent(server: ScriptedServer) -> None:
    async with client_of(server, Stopping(out="/x")) as client:
        with pytest.raises(PublishRefused, match="404::message_deleted"):
            await client.publish("/x", 1)
        with pytest.RaisesGroup(PublishRefused):
            async with client.batch() as batch:
                batch.publish("/x", 1)
                batch.publish("/y", 2)
        assert not server.seen("/x")
        assert server.seen("/y")
    async with client_of(server, Stopping(out="/meta/subscribe")) as client:
        with pytest.raises(SubscribeRefused, match="404::message_deleted"):
            await client.subscribe("/x")
    with pytest.raises(HandshakeRefused):
        await client_of(server, Stopping(out="/meta/handshake")).open()


@pytest.mark.spec("CLI-1")
async def test_an_incoming_message_that_is_stopped_was_never_there(server: ScriptedServer) -> None:
    async with client_of(server, Stopping(back="/x"), max_network_delay=0.3) as client:
        events = await client.subscribe("/*")
        server.push({"channel": "/x", "data": 1}, {"channel": "/y", "data": 2})
        assert (await anext(events)).data == 2
        with pytest.raises(ReplyTimeout):
            await client.publish("/x", 1)


class Slow(Extension):
    """Waits for the test before it lets a message on."""

    def __init__(self) -> None:
        self.may_pass = asyncio.Event()
        self.waiting = asyncio.Event()

    async def incoming(self, message: Message) -> None:
        if message.get("data") == "slow":
            self.waiting.set()
            await self.may_pass.wait()


@pytest.mark.spec("CLI-1")
@EACH_TRANSPORT
async def test_what_comes_behind_a_message_that_waits_keeps_its_place(server: ScriptedServer, transport: str) -> None:
    slow = Slow()
    server.answers["/y"] = lambda message: [{"channel": "/x", "data": "second"}, reply(message)]
    async with client_of(server, slow, transport=transport) as client:
        events = await client.subscribe("/x")
        server.push({"channel": "/x", "data": "slow"})
        await slow.waiting.wait()
        publishing = asyncio.ensure_future(client.publish("/y", 1))
        await server.wait_for("/y")
        await asyncio.sleep(0)
        assert events.waiting == 0
        slow.may_pass.set()
        await publishing
        assert [(await anext(events)).data for _ in range(2)] == ["slow", "second"]


@EACH_TRANSPORT
async def test_a_request_that_is_given_up_takes_no_event_with_it(server: ScriptedServer, transport: str) -> None:
    """An event came with its answer, and waits for an extension when the request is cancelled."""
    slow = Slow()
    server.answers["/y"] = lambda message: [{"channel": "/x", "data": "slow"}, reply(message)]
    async with client_of(server, slow, transport=transport) as client:
        events = await client.subscribe("/x")
        publishing = asyncio.ensure_future(client.publish("/y", 1))
        await slow.waiting.wait()
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
        slow.may_pass.set()
        assert (await anext(events)).data == "slow"


@pytest.mark.expected_logs("an extension raised on /x.*took longer")
@EACH_TRANSPORT
async def test_a_client_closes_while_an_extension_waits(server: ScriptedServer, transport: str) -> None:
    slow = Slow()
    async with client_of(server, slow, transport=transport, max_network_delay=0.3) as client:
        await client.subscribe("/x")
        server.push({"channel": "/x", "data": "slow"})
        await slow.waiting.wait()
    assert client.state is State.DISCONNECTED


class Failing(Extension):
    """Raises on everything."""

    def outgoing(self, message: Message) -> None:
        raise KeyError("out")

    async def incoming(self, message: Message) -> None:
        raise KeyError("in")


@pytest.mark.spec("CLI-1")
@pytest.mark.expected_logs("an extension raised on")
@EACH_TRANSPORT
async def test_an_extension_that_raises_lets_all_go_on(server: ScriptedServer, transport: str) -> None:
    async with client_of(server, Failing(), transport=transport) as client:
        events = await client.subscribe("/x")
        server.push({"channel": "/x", "data": 1})
        assert (await anext(events)).data == 1
        await client.publish("/x", 1)


class Nonsense(Extension):
    """Says in connects what JSON cannot."""

    def __init__(self) -> None:
        self.is_on = False

    def outgoing(self, message: Message) -> None:
        if self.is_on and message["channel"] == "/meta/connect":
            message["ext"] = {"x": object()}


@pytest.mark.expected_logs("cannot be sent")
async def test_a_connect_that_cannot_be_encoded_is_tried_again(server: ScriptedServer) -> None:
    nonsense = Nonsense()
    async with client_of(server, nonsense) as client:
        await server.wait_for("/meta/connect", 2)
        nonsense.is_on = True
        server.push()
        await client.wait_for_state(State.BROKEN)
        nonsense.is_on = False
        await client.wait_for_state(State.CONNECTED)


class Hanging(Extension):
    """Never comes back from messages of one channel."""

    async def outgoing(self, message: Message) -> None:
        if message["channel"] == "/out":
            await asyncio.Event().wait()

    async def incoming(self, message: Message) -> None:
        if message["channel"] == "/in":
            await asyncio.Event().wait()


@pytest.mark.expected_logs("an extension raised on /in.*took longer")
async def test_an_extension_that_hangs_is_left_after_a_while(server: ScriptedServer) -> None:
    async with client_of(server, Hanging(), max_network_delay=0.3) as client:
        with pytest.raises(ReplyTimeout, match="an extension took longer"):
            await client.publish("/out", 1)
        events = await client.subscribe("/in")
        server.push({"channel": "/in", "data": 1})
        assert (await anext(events)).data == 1


class Refusing(Extension):
    """Has a word to say on its own."""

    def outgoing(self, message: Message) -> None:
        if message["channel"] == "/x":
            raise TransportFailed("not over this network")


class WaitsForTheCancelled(Extension):
    async def outgoing(self, message: Message) -> None:
        other = asyncio.ensure_future(asyncio.sleep(10))
        other.cancel()
        await other

    async def incoming(self, message: Message) -> None:
        await self.outgoing(message)


@EACH_TRANSPORT
@pytest.mark.expected_logs("an extension raised on /")
async def test_an_extension_that_waits_for_something_cancelled_has_raised(
    server: ScriptedServer, transport: str
) -> None:
    """The client's own task was cancelled by it: no connect any more, no event, and no word of it."""
    async with client_of(server, WaitsForTheCancelled(), transport=transport) as client:
        events = await client.subscribe("/a")
        for number in range(2):
            server.push({"channel": "/a", "data": number})
            assert (await asyncio.wait_for(anext(events), 5)).data == number


async def test_an_error_of_the_client_is_the_outcome_of_the_request(server: ScriptedServer) -> None:
    async with client_of(server, Refusing()) as client:
        with pytest.raises(TransportFailed, match="not over this network"):
            await client.publish("/x", 1)


class Anonymous(Extension):
    """Sends other messages than it was given, and forgets their ids."""

    def outgoing(self, message: Message) -> Message:
        return {key: value for key, value in message.items() if key != "id"}


async def test_the_id_of_a_request_is_the_clients(server: ScriptedServer) -> None:
    async with client_of(server, Anonymous()) as client:
        await client.publish("/x", 1)
    assert all("id" in message for message in server.messages)
