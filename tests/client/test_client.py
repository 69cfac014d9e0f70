"""The client against a scripted server on a real socket: both transports, faults and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.client import (
    BayeuxClient,
    ClientDisconnected,
    ClientError,
    ConnectFailed,
    HandshakeRefused,
    PublishRefused,
    ReplyTimeout,
    State,
    SubscribeRefused,
    TransportFailed,
)
from bayeux.protocol.errors import ChannelInvalid
from bayeux.protocol.frames import Close, Pong, close_frame, ping_frame, text_frame
from tests.client.scripted import ADVICE, Message, ScriptedServer, reply

EACH_TRANSPORT = pytest.mark.parametrize("transport", ["websocket", "long-polling"])
UNKNOWN = {"successful": False, "error": "402::session_unknown", "advice": {"reconnect": "handshake", "interval": 0}}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


def client_of(server: ScriptedServer, *transports: str, **options: Any) -> BayeuxClient:
    return BayeuxClient(server.url, transports=transports or ("websocket", "long-polling"), **options)


@pytest.mark.spec("CLI-1", "CLI-5")
@EACH_TRANSPORT
async def test_a_session_from_handshake_to_disconnect(server: ScriptedServer, transport: str) -> None:
    states: list[State] = []
    async with client_of(server, transport, ext={"token": "t"}, on_state=states.append) as client:
        assert (client.connection_type, client.client_id) == (transport, "S1")
        assert client.advice.timeout == 20.0
        await server.wait_for("/meta/connect", 2)
    handshake, first, held, farewell = server.messages
    assert handshake["ext"] == {"token": "t"}
    assert first["advice"] == {"timeout": 0}
    assert held["connectionType"] == transport
    assert "advice" not in held
    assert (farewell["channel"], farewell["clientId"]) == ("/meta/disconnect", "S1")
    assert states == [State.CONNECTED, State.DISCONNECTED]


@pytest.mark.spec("CLI-1")
@EACH_TRANSPORT
async def test_events_are_read_until_the_client_is_closed(server: ScriptedServer, transport: str) -> None:
    async with client_of(server, transport) as client:
        chat = await client.subscribe("/chat/*")
        server.push({"channel": "/chat/a", "data": 1}, {"channel": "/chat/b", "data": 2})
        server.push({"channel": "/elsewhere", "data": 0}, {"channel": "/chat/c", "data": 3})
        assert [(await anext(chat)).data for _ in range(3)] == [1, 2, 3]
    assert [event async for event in chat] == []


@pytest.mark.spec("CLI-4")
@EACH_TRANSPORT
async def test_an_event_before_the_reply_to_its_subscribe_is_not_lost(server: ScriptedServer, transport: str) -> None:
    early = {"channel": "/a", "data": "early"}
    server.answers["/meta/subscribe"] = lambda message: [early, reply(message, subscription="/a")]
    async with client_of(server, transport) as client, await client.subscribe("/a") as events:
        assert (await anext(events)).data == "early"


@pytest.mark.spec("SUB-1", "UNS-1")
async def test_channels_are_subscribed_together_and_unsubscribed_when_unused(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        async with await client.subscribe("/a", "/b/**"):
            other = await client.subscribe("/a")
        assert server.seen("/meta/unsubscribe")[0]["subscription"] == "/b/**"
        await client.unsubscribe(other)
        assert [each["subscription"] for each in server.seen("/meta/subscribe")] == [["/a", "/b/**"], "/a"]
        assert server.seen("/meta/unsubscribe")[1]["subscription"] == "/a"


@EACH_TRANSPORT
async def test_a_refusal_is_raised_with_the_words_of_the_server(server: ScriptedServer, transport: str) -> None:
    def refuse(message: Message) -> list[Message]:
        return [reply(message, successful=False, error="403:not_a_member:denied")]

    server.answers["/a"] = server.answers["/meta/subscribe"] = refuse
    async with client_of(server, transport) as client:
        with pytest.raises(PublishRefused, match="403:not_a_member:denied") as refused:
            await client.publish("/a", 1)
        assert refused.value.code == 403
        with pytest.raises(SubscribeRefused):
            await client.subscribe("/x")
        with pytest.raises(ChannelInvalid):
            await client.publish("no channel", 1)
        with pytest.raises(TypeError):
            await client.publish("/a", object())


@pytest.mark.spec("BAT-2")
@EACH_TRANSPORT
async def test_a_batch_is_one_request(server: ScriptedServer, transport: str) -> None:
    server.answers["/no"] = lambda message: [reply(message, successful=False, error="403::publish_denied")]
    async with client_of(server, transport) as client:
        async with client.batch() as batch:
            events = batch.subscribe("/a")
            batch.publish("/a", 1)
            batch.publish("/a", 2, ext={"e": 1})
        [body] = [body for body in server.bodies if len(body) > 1]
        assert [message["channel"] for message in body] == ["/meta/subscribe", "/a", "/a"]
        assert body[2]["ext"] == {"e": 1}
        with pytest.RaisesGroup(PublishRefused):
            async with client.batch() as batch:
                batch.publish("/no", 1)
                batch.publish("/yes", 1)
        assert server.seen("/yes")
        server.push({"channel": "/a", "data": 3})
        assert (await anext(events)).data == 3


async def test_a_batch_whose_block_fails_sends_nothing(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        batch = client.batch()
        collected = await batch.__aenter__()
        collected.publish("/a", 1)
        events, called = collected.subscribe("/b"), collected.call("c")
        with pytest.raises(KeyError):
            await batch.gen.athrow(KeyError())
        assert not server.seen("/a")
        with pytest.raises(ClientError, match="the batch was not sent"):  # it was waited for for ever
            await asyncio.wait_for(anext(events), 5)
        with pytest.raises(ClientError, match="the batch was not sent"):
            called.result()


@pytest.mark.spec("CLI-1", "WS-32", "COOK-1")
async def test_cookies_and_headers_go_with_every_request_and_upgrade(server: ScriptedServer) -> None:
    server.set_cookie = "BAYEUX_BROWSER=k3; Path=/; HttpOnly"
    async with client_of(server, headers={"X-Tenant": "t1"}, auth=("Agent1", "päss")) as client:
        server.cut()
        await client.wait_for_state(State.BROKEN)
        await client.wait_for_state(State.CONNECTED)
    first, second = server.heads
    assert "Cookie:" not in first
    assert "Cookie: BAYEUX_BROWSER=k3\r\n" in second
    for head in (first, second):
        assert head.startswith("GET /bayeux HTTP/1.1\r\n")
        assert "X-Tenant: t1\r\n" in head
        assert "Authorization: Basic QWdlbnQxOnDDpHNz\r\n" in head


@pytest.mark.spec("CLI-2")
@EACH_TRANSPORT
async def test_a_cut_connection_is_opened_again_for_the_same_session(server: ScriptedServer, transport: str) -> None:
    async with client_of(server, transport) as client:
        events = await client.subscribe("/a")
        await server.wait_for("/meta/connect", 2)
        server.cut()
        await client.wait_for_state(State.BROKEN)
        await client.wait_for_state(State.CONNECTED)
        assert client.client_id == "S1"
        again = await server.wait_for("/meta/connect", 3)
        assert again["advice"] == {"timeout": 0}
        await server.wait_for("/meta/connect", 4)
        # Two, because on long-polling the scripted server may still hold the connect that was cut.
        server.push({"channel": "/a", "data": 1})
        server.push({"channel": "/a", "data": 1})
        assert (await anext(events)).data == 1
    assert len(server.seen("/meta/handshake")) == len(server.seen("/meta/subscribe")) == 1


@pytest.mark.spec("CLI-3", "SUB-11")
@EACH_TRANSPORT
@pytest.mark.parametrize("error", ["402::session_unknown", "401:S2:Unknown client", "503::unavailable"])
async def test_a_subscription_outlives_a_server_that_cannot_say(
    server: ScriptedServer, transport: str, error: str
) -> None:
    """Its session is lost once more before it is subscribed again, or the server's store is away for a moment."""
    async with client_of(server, transport) as client:
        events = await client.subscribe("/a")
        is_503 = error.startswith("503")
        lost = {"S1"} if is_503 else {"S1", "S2"}
        server.answers["/meta/connect"] = lambda message: (
            [reply(message, **UNKNOWN)] if message["clientId"] in lost else server._usual(message)
        )
        refusals = iter([{"successful": False, "error": error}])
        server.answers["/meta/subscribe"] = lambda message: [reply(message, **next(refusals, {}))]
        server.push()
        await server.wait_for("/meta/subscribe", 3)
        await server.wait_for("/meta/connect", 3)
        assert client.client_id == ("S2" if is_503 else "S3")
        server.push({"channel": "/a", "data": 1})
        assert (await anext(events)).data == 1


@pytest.mark.spec("CLI-3", "SUB-11")
@EACH_TRANSPORT
async def test_a_lost_session_is_made_again_with_its_subscriptions(server: ScriptedServer, transport: str) -> None:
    async with client_of(server, transport) as client:
        events = await client.subscribe("/a", "/b")
        server.answers["/meta/connect"] = lambda message: (
            [reply(message, **UNKNOWN)] if message["clientId"] == "S1" else server._usual(message)
        )
        server.push()
        await server.wait_for("/meta/handshake", 2)
        await server.wait_for("/meta/connect", 4)
        assert client.client_id == "S2"
        again = server.seen("/meta/subscribe")[1:]
        assert [(each["clientId"], each["subscription"]) for each in again] == [("S2", "/a"), ("S2", "/b")]
        server.push({"channel": "/b", "data": 1})
        assert (await anext(events)).data == 1


@pytest.mark.spec("CLI-3")
async def test_a_subscription_that_is_refused_the_second_time_ends(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        allowed, refused = await client.subscribe("/yes"), await client.subscribe("/no")
        server.answers["/meta/subscribe"] = lambda message: [
            reply(message, successful=message["subscription"] == "/yes", error="403::subscribe_denied")
        ]
        server.answers["/meta/connect"] = lambda message: (
            [reply(message, **UNKNOWN)] if message["clientId"] == "S1" else server._usual(message)
        )
        server.push({"channel": "/no", "data": "before"})
        assert (await anext(refused)).data == "before"
        with pytest.raises(SubscribeRefused):
            await anext(refused)
        server.push({"channel": "/yes", "data": 1})
        assert (await anext(allowed)).data == 1


@pytest.mark.spec("NEG-2")
@pytest.mark.parametrize("status", [400, 403, 404, 500])
async def test_a_refused_upgrade_falls_back_to_long_polling(server: ScriptedServer, status: int) -> None:
    server.upgrade_status = status
    async with client_of(server) as client:
        assert client.connection_type == "long-polling"
        await client.publish("/a", 1)
    assert server.heads[0].startswith("GET ")
    assert all(head.startswith("POST ") for head in server.heads[1:])


@pytest.mark.spec("NEG-2")
async def test_an_upgrade_refused_later_falls_back_with_a_new_session(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        server.upgrade_status = 403
        server.cut()
        await client.wait_for_state(State.BROKEN)
        await client.wait_for_state(State.CONNECTED)
        assert (client.connection_type, client.client_id) == ("long-polling", "S2")


@pytest.mark.spec("NEG-2")
async def test_a_proxy_that_finds_no_server_for_a_moment_costs_no_session(server: ScriptedServer) -> None:
    """It answers the upgrade 503; what waits for the client on another node would be lost with its session."""
    async with client_of(server) as client:
        server.upgrade_status = 503
        server.cut()
        await client.wait_for_state(State.BROKEN)
        while len([head for head in server.heads if head.startswith("GET ")]) < 3:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        server.upgrade_status = 101
        await client.wait_for_state(State.CONNECTED)
        assert (client.connection_type, client.client_id) == ("websocket", "S1")


@pytest.mark.spec("NEG-1")
async def test_a_transport_the_reply_does_not_list_is_left(server: ScriptedServer) -> None:
    server.answers["/meta/handshake"] = lambda message: [
        reply(message, clientId="S1", supportedConnectionTypes=["long-polling"], advice=ADVICE)
    ]
    async with client_of(server) as client:
        assert client.connection_type == "long-polling"
        assert server.seen("/meta/connect")[0]["connectionType"] == "long-polling"


async def test_opening_fails_when_nobody_listens(server: ScriptedServer) -> None:
    await server.stop()
    client = client_of(server)
    with pytest.raises(ConnectFailed):
        await client.open()
    assert client.state is State.DISCONNECTED
    with pytest.raises(ClientDisconnected):
        await client.publish("/a", 1)


@pytest.mark.spec("HS-7")
@EACH_TRANSPORT
async def test_opening_fails_when_the_handshake_is_refused(server: ScriptedServer, transport: str) -> None:
    server.answers["/meta/handshake"] = lambda message: [
        reply(message, successful=False, error="403::handshake_denied", advice={"reconnect": "none"})
    ]
    with pytest.raises(HandshakeRefused, match="handshake_denied"):
        await client_of(server, transport).open()


async def test_opening_fails_with_the_status_of_the_answer(server: ScriptedServer) -> None:
    server.http_status = 401
    with pytest.raises(TransportFailed) as failed:
        await client_of(server, "long-polling").open()
    assert failed.value.status == 401


async def test_opening_fails_when_the_answer_is_not_bayeux(server: ScriptedServer) -> None:
    server.answers["/meta/handshake"] = lambda _: [17]
    for transport in ("websocket", "long-polling"):
        with pytest.raises(TransportFailed, match="not an array of messages"):
            await client_of(server, transport).open()


@pytest.mark.spec("CLI-2")
@EACH_TRANSPORT
async def test_a_reply_that_does_not_come_in_time_is_an_error(server: ScriptedServer, transport: str) -> None:
    server.answers["/a"] = lambda _: None
    async with client_of(server, transport, max_network_delay=0.1) as client:
        with pytest.raises(ReplyTimeout):
            await client.publish("/a", 1)
        await client.publish("/b", 1)


@pytest.mark.spec("CLI-2", "CLI-5")
@EACH_TRANSPORT
async def test_a_connect_that_is_not_answered_in_time_breaks_the_connection(
    server: ScriptedServer, transport: str
) -> None:
    server.answers["/meta/handshake"] = lambda message: [
        reply(message, clientId="S1", supportedConnectionTypes=[transport], advice={**ADVICE, "timeout": 100})
    ]
    async with client_of(server, transport, max_network_delay=0.1) as client:
        await client.wait_for_state(State.BROKEN)
        await client.wait_for_state(State.CONNECTED)
        assert server.seen("/meta/connect")[2]["advice"] == {"timeout": 0}


@pytest.mark.spec("SEC-94")
async def test_a_ping_is_answered(server: ScriptedServer) -> None:
    async with client_of(server, "websocket"):
        server.write(ping_frame(b"there?"))
        assert await server.frames.get() == Pong(b"there?")
    assert await server.frames.get() == Close(1000, "Disconnect")


@pytest.mark.spec("SEC-94")
async def test_a_server_that_pings_and_does_not_listen_fills_no_memory(server: ScriptedServer) -> None:
    async with client_of(server, "websocket") as client:
        events = await client.subscribe("/a")
        writing = client._link._transport._writer  # type: ignore[attr-defined]
        for writer in server._writers:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        ping = ping_frame(b"x" * 125)
        for _ in range(60):
            server.write(ping * 1000)
            await asyncio.sleep(0)
        server.write(text_frame(b'[{"channel":"/a","data":1}]'))
        assert (await anext(events)).data == 1
        assert writing.transport.get_write_buffer_size() < 100_000
        server.cut()


@pytest.mark.spec("SEC-94")
@pytest.mark.parametrize(
    ("sent", "code"),
    [(b"\xff" * 10, 1002), (text_frame(b"\xff"), 1007), (text_frame(b"17"), 1007), (close_frame(1001), 1001)],
)
async def test_a_server_that_ends_the_socket_or_speaks_nonsense_is_asked_again(
    server: ScriptedServer, sent: bytes, code: int
) -> None:
    async with client_of(server, "websocket") as client:
        server.write(sent)
        closed = await server.frames.get()
        assert isinstance(closed, Close)
        assert closed.code == code
        await client.wait_for_state(State.BROKEN)
        await client.wait_for_state(State.CONNECTED)
        assert client.client_id == "S1"


@pytest.mark.spec("CLI-2", "ADV-8", "DSC-6")
@EACH_TRANSPORT
@pytest.mark.parametrize("is_kick", [True, False], ids=["kick", "advice none"])
async def test_the_server_ends_the_client(server: ScriptedServer, transport: str, is_kick: bool) -> None:
    none = {"advice": {**ADVICE, "reconnect": "none"}}
    kick = [{"channel": "/meta/disconnect", "successful": True}] if is_kick else []

    async def end(connect: Message) -> list[Message]:
        await server.held.get()
        return [{"channel": "/a", "data": "last"}, *kick, reply(connect, **none)]

    async with client_of(server, transport) as client:
        events = await client.subscribe("/a")
        server.answers["/meta/connect"] = end
        server.push()
        server.push()
        assert (await anext(events)).data == "last"
        with pytest.raises(ClientDisconnected):
            await anext(events)
        assert client.state is State.DISCONNECTED
        with pytest.raises(ClientDisconnected):
            await client.publish("/a", 1)
    assert not server.seen("/meta/disconnect")


async def test_a_request_without_a_session_waits_for_one(server: ScriptedServer) -> None:
    is_asked = asyncio.Event()

    async def late(message: Message) -> list[Message]:
        await is_asked.wait()
        return [reply(message, clientId="S2", supportedConnectionTypes=["websocket"], advice=ADVICE)]

    async with client_of(server) as client:
        server.answers["/meta/handshake"] = late
        server.answers["/meta/connect"] = lambda message: [reply(message, **UNKNOWN)]
        server.push()
        await server.wait_for("/meta/handshake", 2)
        del server.answers["/meta/connect"]
        publishing = asyncio.ensure_future(client.publish("/a", 1))
        await asyncio.sleep(0)
        is_asked.set()
        await publishing
        assert server.seen("/a")[0]["clientId"] == "S2"


async def test_a_request_without_a_session_does_not_wait_for_ever(server: ScriptedServer) -> None:
    async with client_of(server, max_network_delay=0.1) as client:
        server.answers["/meta/handshake"] = lambda _: None
        server.answers["/meta/connect"] = lambda message: [reply(message, **UNKNOWN)]
        server.push()
        await server.wait_for("/meta/handshake", 2)
        with pytest.raises(TransportFailed, match="no session"):
            await client.publish("/a", 1)


async def test_without_a_session_nobody_needs_to_be_told_of_an_end(server: ScriptedServer) -> None:
    """Leaving the block of a subscription waited for the server to come back, and failed then."""
    async with client_of(server, max_network_delay=0.1) as client:
        subscription = await client.subscribe("/b")
        server.answers["/meta/handshake"] = lambda _: None
        server.answers["/meta/connect"] = lambda message: [reply(message, **UNKNOWN)]
        server.push()
        await server.wait_for("/meta/handshake", 2)
        await client.unsubscribe(subscription)
        del server.answers["/meta/handshake"], server.answers["/meta/connect"]
        await client.wait_for_state(State.CONNECTED)
        assert len(server.seen("/meta/subscribe")) == 1


@EACH_TRANSPORT
async def test_what_is_under_way_when_the_client_closes_fails(server: ScriptedServer, transport: str) -> None:
    server.answers["/a"] = lambda _: None
    async with client_of(server, transport, max_network_delay=0.2) as client:
        publishing = asyncio.ensure_future(client.publish("/a", 1))
        await server.wait_for("/a")
    with pytest.raises((TransportFailed, ClientDisconnected)):
        await publishing
    await client.disconnect()


@pytest.mark.spec("DSC-6")
@EACH_TRANSPORT
async def test_a_client_that_is_sent_away_while_it_says_good_bye_has_ended(
    server: ScriptedServer, transport: str
) -> None:
    """The end of its block raised that it was disconnected."""
    kick = {"channel": "/meta/disconnect", "successful": True}
    server.answers["/meta/disconnect"] = server.answers["/meta/unsubscribe"] = lambda message: [kick, reply(message)]
    async with client_of(server, transport) as client:
        pass
    assert client.state is State.DISCONNECTED
    async with client_of(server, transport) as client, await client.subscribe("/a"):
        pass


@EACH_TRANSPORT
async def test_a_cancelled_client_leaves_nothing_behind(server: ScriptedServer, transport: str) -> None:
    is_listening = asyncio.Event()

    async def listen() -> None:
        async with client_of(server, transport) as client, await client.subscribe("/a") as events:
            is_listening.set()
            await anext(events)

    listening = asyncio.ensure_future(listen())
    await is_listening.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert [each["subscription"] for each in server.seen("/meta/unsubscribe")] == ["/a"]
    assert len(server.seen("/meta/disconnect")) == 1


@EACH_TRANSPORT
async def test_opening_can_be_cancelled(server: ScriptedServer, transport: str) -> None:
    server.answers["/meta/handshake"] = lambda _: None
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client_of(server, transport).open()


@EACH_TRANSPORT
async def test_a_client_that_is_being_opened_can_be_closed(server: ScriptedServer, transport: str) -> None:
    """A signal handler's ``disconnect`` did nothing, and the client went on to live."""
    server.answers["/meta/handshake"] = lambda _: None
    client = client_of(server, transport)
    opening = asyncio.ensure_future(client.open())
    await server.wait_for("/meta/handshake")
    await client.disconnect()
    with pytest.raises(ClientDisconnected, match="the client was closed"):
        await opening
    assert client.state is State.DISCONNECTED
    with pytest.raises(ClientDisconnected):
        await client.open()


@pytest.mark.spec("CLI-5")
async def test_a_state_that_will_not_come_is_not_waited_for(server: ScriptedServer) -> None:
    client = client_of(server)
    async with client:
        waiting = asyncio.ensure_future(client.wait_for_state(State.BROKEN))
        await asyncio.sleep(0)
    with pytest.raises(ClientDisconnected, match="the client was closed"):
        await waiting
    assert await client.wait_for_state(State.DISCONNECTED) is State.DISCONNECTED


async def test_many_messages_pass_in_their_order(server: ScriptedServer) -> None:
    for transport in ("websocket", "long-polling"):
        async with client_of(server, transport) as client:
            await asyncio.gather(*(client.publish("/a", number) for number in range(50)))
            assert [each["data"] for each in server.seen("/a")] == list(range(50))
            server.bodies.clear()


@pytest.mark.parametrize(
    "url", ["ftp://host/", "//host/cometd", "http:///cometd", "http://user:secret@host/", "http://host/a b"]
)
async def test_a_url_that_means_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL"):
        BayeuxClient(url)


async def test_a_header_cannot_end_its_line() -> None:
    with pytest.raises(ValueError, match="header"):
        BayeuxClient("http://host/", headers={"X": "a\r\nY: b"})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"transports": ("carrier-pigeon",)}, "transports: .*carrier-pigeon.*no choice from"),
        ({"transports": "websocket"}, "transports: 'websocket' is no choice from .'websocket'"),
        ({"transports": ()}, "transports"),
        ({"auth": "user:password"}, "auth: give a user and a password"),
        ({"max_network_delay": 0}, "max_network_delay"),
        ({"max_message_size": 0}, "max_message_size"),
    ],
)
async def test_an_option_that_makes_no_sense_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BayeuxClient("http://host/", **wrong)


async def test_a_server_that_does_not_speak_tls_is_named() -> None:
    """The time for the connection was that for the reply, and so a wrong scheme was told as a missing reply."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ConnectFailed, match=f"no TLS connection to 127.0.0.1:{port} within"):
        await BayeuxClient(f"https://127.0.0.1:{port}", max_network_delay=0.2).open()
    server.close()
