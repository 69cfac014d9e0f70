"""The client for scripts: the same calls, each waits; a thread that ends with it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from bayeux.client import (
    ClientDisconnected,
    ConnectFailed,
    PublishRefused,
    State,
    SubscribeRefused,
    SubscriptionOverflow,
)
from bayeux.client.sync import Client
from bayeux.protocol.errors import ChannelInvalid
from tests.client.scripted import Message, ScriptedServer, reply

T = TypeVar("T")


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """Runs in the loop of the test; the script runs in a thread beside it."""
    async with ScriptedServer() as running:
        yield running


async def script(body: Callable[[], T]) -> T:
    """Run it as a script would, and see that it leaves no thread behind."""
    async with asyncio.timeout(60):
        result = await asyncio.to_thread(body)
    assert not [thread for thread in threading.enumerate() if thread.name == "bayeux client"]
    return result


def answered(message: Message) -> list[Message]:
    return [{**reply(message), "data": message["data"]}, reply(message)]


@pytest.mark.spec("CLI-5")
@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
async def test_a_script_from_open_to_disconnect(server: ScriptedServer, transport: str) -> None:
    server.answers["/service/echo"] = answered
    server.answers["/no"] = lambda message: [reply(message, successful=False, error="403::publish_denied")]
    loop = asyncio.get_running_loop()

    def body() -> list[Any]:
        with Client(server.url, transports=(transport,), ext={"token": "t"}) as client:
            assert (client.state, client.client_id, client.connection_type) == (State.CONNECTED, "S1", transport)
            with client.subscribe("/a") as events:
                assert events.channels == ("/a",)
                assert client.publish("/a", 1)["successful"] is True
                assert client.call("echo", [2]) == [2]
                with pytest.raises(PublishRefused):
                    client.publish("/no", 1)
                with client.batch() as batch:
                    batch.publish("/b", 1)
                    call = batch.call("echo", 3)
                    more = batch.subscribe("/c")
                assert call.result() == 3
                loop.call_soon_threadsafe(server.push, *({"channel": "/a", "data": n} for n in range(4)))
                first = events.get(timeout=30)
                rest = [event.data for event in events.events(timeout=0.05)]
                with pytest.raises(TimeoutError):
                    events.get(timeout=0.01)
            assert list(events) == []
            with pytest.raises(ClientDisconnected, match="the subscription has ended"):
                events.get()
            client.unsubscribe(more)
            assert more.recovery == {}
        assert client.state is State.DISCONNECTED
        with pytest.raises(ClientDisconnected):
            client.publish("/a", 1)
        client.disconnect()
        return [first.data, *rest]

    assert await script(body) == [0, 1, 2, 3]
    assert server.seen("/meta/handshake")[0]["ext"] == {"token": "t"}
    assert [each["subscription"] for each in server.seen("/meta/unsubscribe")] == ["/a", "/c"]
    assert len(server.seen("/meta/disconnect")) == 1


@pytest.mark.spec("CLI-5")
async def test_a_script_can_wait_for_a_state_and_be_told_of_it(server: ScriptedServer) -> None:
    loop = asyncio.get_running_loop()
    states: list[State] = []

    def body() -> None:
        with Client(server.url, on_state=states.append) as client:
            replies: list[object] = []
            client.listeners.publish.add(replies.append)
            with pytest.raises(TimeoutError):
                client.wait_for_state(State.BROKEN, timeout=0.01)
            asyncio.run_coroutine_threadsafe(server.stop(), loop)
            assert client.wait_for_state(State.BROKEN) is State.BROKEN
            asyncio.run_coroutine_threadsafe(server.start(server.port), loop).result(timeout=30)
            client.wait_for_state(State.CONNECTED, timeout=30)
            client.publish("/a", 1)
            assert len(replies) == 1

    await script(body)
    assert states == [State.CONNECTED, State.BROKEN, State.CONNECTED, State.DISCONNECTED]


async def test_what_ends_a_subscription_is_raised_in_the_script(server: ScriptedServer) -> None:
    loop = asyncio.get_running_loop()

    def body() -> None:
        with Client(server.url) as client:
            events = client.subscribe("/a", max_queue=1)
            loop.call_soon_threadsafe(server.push, {"channel": "/a", "data": 1}, {"channel": "/a", "data": 2})
            assert events.get(timeout=30).data == 1
            with pytest.raises(SubscriptionOverflow):
                events.get(timeout=5)
            with pytest.raises(SubscriptionOverflow):
                list(events)

    await script(body)


async def test_a_client_that_cannot_be_opened_leaves_no_thread(server: ScriptedServer) -> None:
    await server.stop()

    def body() -> None:
        client = Client(server.url)
        with pytest.raises(ConnectFailed):
            client.open()
        with pytest.raises(ClientDisconnected):
            client.open()
        with pytest.raises(ValueError, match="transports"):
            Client(server.url, transports=("carrier-pigeon",))

    await script(body)


async def test_a_thread_that_waits_is_told_when_another_closes_the_client(server: ScriptedServer) -> None:
    ended: list[object] = []

    def body() -> None:
        client = Client(server.url)
        client.open()
        events = client.subscribe("/a")
        reader = threading.Thread(target=lambda: ended.append(list(events)))
        reader.start()
        client.disconnect()
        reader.join()

    await script(body)
    assert ended == [[]]


async def test_what_had_come_before_another_thread_closed_the_client_is_read(server: ScriptedServer) -> None:
    """A reader busy with one event while the client was closed was raised an error in place of the next ones."""
    loop = asyncio.get_running_loop()
    read: list[object] = []

    def body() -> None:
        client = Client(server.url)
        client.open()
        with client.subscribe("/a") as events:
            loop.call_soon_threadsafe(server.push, *({"channel": "/a", "data": n} for n in range(3)))
            for event in events:
                read.append(event.data)
                client.disconnect()
            with pytest.raises(ClientDisconnected, match="the subscription has ended"):
                events.get()
        with pytest.raises(ClientDisconnected, match="the client was closed"):
            client.publish("/a", 1)

    await script(body)
    assert read == [0, 1, 2]


async def test_a_client_can_be_closed_while_another_thread_opens_it(server: ScriptedServer) -> None:
    """It went on opening itself, or raised that its loop was closed."""
    loop, asked = asyncio.get_running_loop(), threading.Event()

    def never(_: Message) -> None:
        loop.call_soon(asked.set)

    server.answers["/meta/handshake"] = never
    raised: list[BaseException] = []

    def body() -> None:
        client = Client(server.url, transports=("long-polling",))

        def opening() -> None:
            with pytest.raises(ClientDisconnected, match="the client was closed") as refused:
                client.open()
            raised.append(refused.value)

        opener = threading.Thread(target=opening)
        opener.start()
        asked.wait(30)
        client.disconnect()
        opener.join()

    await script(body)
    assert raised


async def test_a_client_serves_no_other_process(server: ScriptedServer) -> None:
    """A fork copies no threads: whoever called the client there waited for ever."""

    def child(client: Client, said: int) -> None:
        try:
            client.publish("/a", 1)
        except ClientDisconnected as error:
            os.write(said, str(error).encode())
        client.disconnect()

    def body() -> bytes:
        with Client(server.url) as client:
            heard, said = os.pipe()
            process = multiprocessing.get_context("fork").Process(target=child, args=(client, said))
            process.start()
            process.join(30)
            process.kill()
            os.close(said)
            with os.fdopen(heard, "rb") as pipe:
                return pipe.read()

    assert (await script(body)).startswith(b"the client's thread has gone")


async def test_a_listener_that_closes_its_own_client_would_wait_for_itself(server: ScriptedServer) -> None:
    """It was told so, but its thread was stopped in the middle of all that others waited for."""
    raised: list[str] = []

    def body() -> None:
        with Client(server.url) as client:

            def listener(_: object) -> None:
                try:
                    client.disconnect()
                except RuntimeError as error:
                    raised.append(str(error))

            client.listeners.publish.add(listener)
            client.publish("/a", 1)
            client.publish("/a", 2)

    await script(body)
    assert raised == ["called by a listener or an extension of the same client"] * 2


async def test_a_listener_that_calls_its_own_client_would_wait_for_itself(server: ScriptedServer) -> None:
    raised: list[str] = []

    def body() -> None:
        with Client(server.url) as client:

            def listener(_: object) -> None:
                try:
                    client.publish("/b", 1)
                except RuntimeError as error:
                    raised.append(str(error))

            client.listeners.publish.add(listener)
            client.publish("/a", 1)

    await script(body)
    assert raised == ["called by a listener or an extension of the same client"]


async def test_refusals_and_mistakes_are_those_of_the_client(server: ScriptedServer) -> None:
    server.answers["/meta/subscribe"] = lambda message: [reply(message, successful=False, error="403::denied")]

    def body() -> None:
        with Client(server.url) as client:
            with pytest.raises(SubscribeRefused):
                client.subscribe("/a")
            with pytest.raises(ChannelInvalid):
                client.publish("nonsense", 1)
            with pytest.RaisesGroup(SubscribeRefused), client.batch() as batch:
                batch.subscribe("/a")

    await script(body)
