"""Section 14: opening a socket, messages both ways, whose session it carries, and its end."""

from __future__ import annotations

import asyncio
import time

import orjson
import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import (
    REHANDSHAKE,
    RETRY,
    UNKNOWN,
    Browser,
    Client,
    Message,
    Socket,
    event,
    failure,
    set_cookie,
    success,
)
from tests.conformance.profiles import Profile
from tests.support.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    HttpConnection,
    SocketClosed,
    UpgradeRefused,
    frame,
)

spec = pytest.mark.spec

OTHER_BROWSER = Browser(BAYEUX_BROWSER="abcdefgh0123456789abcdef")


@pytest.fixture
async def socket(guests: Guests) -> Socket:
    return await guests.websocket()


@pytest.fixture
async def ready(guests: Guests) -> Socket:
    made = await guests.websocket()
    await made.ready()
    return made


class TestOpening:
    @spec("WS-4")
    async def test_compression_is_not_negotiated(self, guests: Guests) -> None:
        offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
        socket = await guests.websocket(headers=offer)
        assert socket.wire.upgrade.header("sec-websocket-extensions") is None
        assert (await socket.handshake())["successful"]

    @spec("WS-2")
    async def test_no_subprotocol_is_selected(self, guests: Guests) -> None:
        """Whatever the client offers."""
        socket = await guests.websocket(headers={"Sec-WebSocket-Protocol": "bayeux, chat"})
        assert socket.wire.upgrade.header("sec-websocket-protocol") is None

    @spec("WS-2")
    @pytest.mark.profile("subprotocol")
    @pytest.mark.parametrize("offer", ["bayeux", "chat, bayeux", "bayeux ,x"])
    async def test_subprotocol_is_selected_where_one_is_set(self, guests: Guests, offer: str) -> None:
        socket = await guests.websocket(headers={"Sec-WebSocket-Protocol": offer})
        assert socket.wire.upgrade.header("sec-websocket-protocol") == "bayeux"
        assert (await socket.handshake())["successful"]

    @spec("WS-2")
    @pytest.mark.profile("subprotocol")
    @pytest.mark.parametrize("offer", [None, "chat", "Bayeux", "bayeux2"])
    async def test_upgrade_without_the_subprotocol_is_refused(self, guests: Guests, offer: str | None) -> None:
        with pytest.raises(UpgradeRefused) as refused:
            await guests.websocket(headers={"Sec-WebSocket-Protocol": offer} if offer else {})
        assert refused.value.reply.status == 400

    @spec("HTTP-2", "HTTP-9")
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-WebSocket-Key": ""},
            {"Sec-WebSocket-Key": "short"},
            {"Sec-WebSocket-Key": "x" * 24},
            {"Sec-WebSocket-Version": "8"},
            {"Sec-WebSocket-Version": "abc"},
            {"Connection": "keep-alive"},
        ],
    )
    async def test_malformed_upgrade_is_refused(self, guests: Guests, headers: dict[str, str]) -> None:
        with pytest.raises(UpgradeRefused) as refused:
            await guests.websocket(headers=headers)
        assert refused.value.reply.status in (400, 426)

    @spec("HTTP-2")
    @pytest.mark.parametrize("connection", ["Upgrade", "upgrade", "keep-alive, Upgrade"])
    async def test_upgrade_is_recognised_as_browsers_write_it(self, guests: Guests, connection: str) -> None:
        socket = await guests.websocket(headers={"Connection": connection, "Upgrade": "WebSocket"})
        assert (await socket.handshake())["successful"]

    @spec("WS-1")
    async def test_first_frame_may_come_with_the_upgrade_request(self, url: str, guests: Guests) -> None:
        """In one write."""
        client = Socket(url)
        connection = await HttpConnection.open(url)
        upgrade = connection.request_bytes(
            "GET",
            connection.endpoint.path,
            {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )
        connection.write(upgrade + frame(TEXT, orjson.dumps([client.handshake_message()])))
        reply = await connection.reply()
        assert reply.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        socket = connection.websocket(reply)
        (handshake,) = orjson.loads(await socket.text())
        assert handshake["successful"]
        await socket.close()

    @spec("WS-1", "LP-13")
    async def test_connection_that_polled_may_be_upgraded(self, guests: Guests) -> None:
        """And its session goes on there."""
        client = guests.long_polling()
        await client.ready()
        connection = await client.main_connection()
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            **client.browser.header(),
        }
        connection.request("GET", connection.endpoint.path, upgrade)
        socket = connection.websocket(await connection.reply())
        request = client.message("/service/conformance/x")
        socket.send(orjson.dumps([request]))
        assert orjson.loads(await socket.text()) == [success(request)]

    @spec("WS-6")
    async def test_socket_may_wait_before_it_is_used(self, guests: Guests) -> None:
        """Faye opens one first, handshakes by POST, and comes back to it."""
        browser = Browser()
        socket = await guests.websocket(browser)
        post = guests.long_polling(browser)
        await post.handshake()
        socket.client_id = post.client_id
        assert (await socket.connect())["successful"]

    @spec("WS-6", "SEC-42", "NEG-3")
    async def test_socket_and_handshake_may_overlap(self, guests: Guests) -> None:
        """Faye begins both at once, so neither knows the cookie that the other is given."""
        socket, post = await guests.websocket(), guests.long_polling()
        await post.handshake()
        assert socket.browser != post.browser
        socket.client_id = post.client_id
        assert (await socket.connect())["successful"]

    @spec("WS-6", "SEC-L18", "WS-20")
    @pytest.mark.profile("impatient")
    async def test_socket_without_a_message_is_closed(self, guests: Guests) -> None:
        """After ``handshake_timeout``, never earlier; a socket that has said something is left alone."""
        used = await guests.websocket()
        await used.ready()
        since = time.monotonic()
        idle = await guests.websocket()
        assert (await idle.closed()).code == 1008
        assert 0.45 <= time.monotonic() - since <= 8
        assert await used.is_known()


class TestMessagesIn:
    @spec("WS-7", "WS-20")
    @pytest.mark.parametrize("payload", [b"", b"[]", b"\x00\xff"])
    async def test_binary_frame_closes(self, socket: Socket, payload: bytes) -> None:
        socket.wire.write(frame(BINARY, payload))
        end = await socket.closed()
        assert end.code == 1003

    @spec("WS-7", "MSG-1")
    async def test_message_in_fragments(self, socket: Socket) -> None:
        """One byte each, cut inside of characters, with a ping between them."""
        message = {**socket.handshake_message(), "mood": "\u00e9\U0001f600"}
        text = orjson.dumps([message])
        parts = [text[:60], b"", *(text[n : n + 1] for n in range(60, len(text)))]
        for place, part in enumerate(parts):
            opcode = CONTINUATION if place else TEXT
            socket.wire.write(frame(opcode, part, is_final=place == len(parts) - 1))
            if place == 3:
                socket.wire.write(frame(PING, b"between"))
        (reply,) = await socket.frame()
        assert reply["successful"]
        assert socket.wire.pongs == [b"between"]

    @spec("WS-9")
    async def test_frames_in_one_write_are_all_answered_in_order(self, ready: Socket) -> None:
        requests = [ready.message("/service/conformance/x", data=n) for n in range(20)]
        ready.wire.write(b"".join(frame(TEXT, orjson.dumps([request])) for request in requests))
        replies: list[Message] = []
        while len(replies) < len(requests):
            replies += await ready.frame()
        assert replies == [success(request) for request in requests]

    @spec("WS-9")
    async def test_frame_may_come_in_pieces(self, ready: Socket) -> None:
        request = ready.message("/service/conformance/x")
        for byte in frame(TEXT, orjson.dumps([request])):
            ready.wire.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await ready.frame() == [success(request)]

    @spec("WS-18", "WS-7")
    @pytest.mark.parametrize("payload", [b"", b"x", b"\x00" * 125])
    async def test_ping_is_answered_with_its_payload(self, socket: Socket, payload: bytes) -> None:
        socket.wire.write(frame(PING, payload))
        got = await socket.wire.frame()
        assert (got.opcode, got.payload) == (PONG, payload)

    @spec("WS-7", "WS-20")
    @pytest.mark.parametrize(
        "data",
        [
            frame(TEXT, b"[]", is_masked=False),
            frame(TEXT, b"[]", reserved=4),
            frame(TEXT, b"[]", reserved=1),
            frame(0x3, b""),
            frame(0xB, b""),
            frame(CONTINUATION, b"[]"),
            frame(TEXT, b"[", is_final=False) + frame(TEXT, b"]"),
            frame(PING, b"x" * 126),
            frame(PING, b"x", is_final=False),
            frame(CLOSE, b"\x03"),
            frame(CLOSE, (999).to_bytes(2, "big")),
            frame(CLOSE, (1005).to_bytes(2, "big")),
            frame(CLOSE, (5000).to_bytes(2, "big")),
        ],
        ids=[
            "unmasked", "reserved bit 1", "reserved bit 3", "opcode 3", "opcode 11", "nothing to continue",
            "two beginnings",
            "long ping", "ping in pieces", "close of one byte", "close 999", "close 1005", "close 5000",
        ],
    )  # fmt: skip
    async def test_breach_of_the_websocket_protocol_closes(self, socket: Socket, data: bytes) -> None:
        socket.wire.write(data)
        assert (await socket.closed()).code == 1002

    @spec("WS-19", "SEC-L7", "SEC-1", "WS-20")
    @pytest.mark.profile("small")
    @pytest.mark.parametrize("beyond", [-1, 0, 1])
    async def test_message_is_bounded(self, socket: Socket, profile: Profile, beyond: int) -> None:
        """By its size; at the limit it passes."""
        size = profile["ws_max_message_size"] + beyond
        socket.wire.send(orjson.dumps([socket.handshake_message()]).ljust(size))
        if beyond <= 0:
            (reply,) = await socket.frame()
            assert reply["successful"]
        else:
            assert (await socket.closed()).code == 1009

    @spec("WS-19", "SEC-L7")
    @pytest.mark.profile("small")
    async def test_size_is_checked_before_the_message_is_read(self, socket: Socket, profile: Profile) -> None:
        """The announced length is enough."""
        whole = frame(TEXT, b" " * (profile["ws_max_message_size"] + 1))
        socket.wire.write(whole[:8])
        assert (await socket.closed()).code == 1009

    @spec("WS-19", "SEC-L7")
    @pytest.mark.profile("small")
    async def test_fragments_are_bounded_together(self, socket: Socket, profile: Profile) -> None:
        half = b" " * (profile["ws_max_message_size"] // 2 + 1)
        socket.wire.write(frame(TEXT, half, is_final=False) + frame(CONTINUATION, half, is_final=False))
        assert (await socket.closed()).code == 1009

    @spec("WS-19", "SEC-L7")
    async def test_absurd_length_is_refused(self, socket: Socket) -> None:
        """Without room being made for it."""
        socket.wire.write(b"\x81\xff" + (2**62).to_bytes(8, "big") + b"\x00" * 4)
        assert (await socket.closed()).code == 1009

    @spec("SEC-L22", "SEC-1", "WS-20")
    @pytest.mark.profile("small")
    @pytest.mark.parametrize("beyond", [0, 1])
    async def test_number_of_fragments_is_bounded(self, socket: Socket, profile: Profile, beyond: int) -> None:
        """Whatever their size."""
        count = profile["ws_max_fragments"] + beyond
        text = orjson.dumps([socket.handshake_message()])
        parts = [text[n : n + 1] for n in range(count - 1)] + [text[count - 1 :]]
        for place, part in enumerate(parts):
            socket.wire.write(frame(CONTINUATION if place else TEXT, part, is_final=place == count - 1))
        if beyond:
            assert (await socket.closed()).code == 1008
        else:
            (reply,) = await socket.frame()
            assert reply["successful"]

    @spec("SEC-L22", "WS-20")
    async def test_flood_of_pings_closes(self, socket: Socket) -> None:
        """More than ten a second."""
        socket.wire.write(frame(PING, b"") * 200)
        assert (await socket.closed()).code == 1008


class TestMessagesOut:
    @spec("WS-10", "WS-11")
    async def test_event_is_pushed_as_soon_as_it_is_published(
        self, guests: Guests, ready: Socket, carol: Client, channel: str
    ) -> None:
        """With and without a held connect."""
        await ready.subscribe(channel)
        await carol.publish(channel, 1)
        assert await ready.frame() == [event(channel, 1)]
        await ready.hold()
        await carol.publish(channel, 2)
        assert await ready.frame() == [event(channel, 2)]

    @spec("WS-11", "PUB-16")
    async def test_events_of_one_batch_come_in_order_in_arrays(
        self, ready: Socket, carol: Client, channel: str
    ) -> None:
        """However they are shared out among frames."""
        await ready.subscribe(channel)
        await carol.exchange(*(carol.message(channel, data=n) for n in range(50)))
        came: list[Message] = []
        while len(came) < 50:
            came += await ready.frame()
        assert came == [event(channel, n) for n in range(50)]

    @spec("WS-11", "WS-15")
    async def test_frame_of_several_events_is_bounded(self, ready: Socket, carol: Client, channel: str) -> None:
        """64 KiB; no event is split."""
        await ready.subscribe(channel)
        data = "x" * 30_000
        await carol.exchange(*(carol.message(channel, data=[n, data]) for n in range(6)))
        came: list[Message] = []
        while len(came) < 6:
            text = await ready.wire.text()
            assert len(text) <= 64 * 1024
            came += orjson.loads(text)
        assert came == [event(channel, [n, data]) for n in range(6)]

    @spec("WS-15", "WS-11")
    async def test_event_larger_than_a_frame_is_bounded_to_comes_whole(
        self, ready: Socket, carol: Client, channel: str
    ) -> None:
        await ready.subscribe(channel)
        data = "\u00e9" * 31_000
        await carol.publish(channel, data)
        assert await ready.frame() == [event(channel, data)]

    @spec("WS-11")
    @pytest.mark.profile("one-event-a-frame")
    async def test_events_of_a_frame_can_be_limited(self, ready: Socket, carol: Client, channel: str) -> None:
        await ready.subscribe(channel)
        await carol.exchange(*(carol.message(channel, data=n) for n in range(4)))
        assert [await ready.frame() for _ in range(4)] == [[event(channel, n)] for n in range(4)]


class TestWhoseSession:
    @spec("WS-30", "SEC-42")
    async def test_bound_socket_takes_no_message_of_another_session(
        self, guests: Guests, ready: Socket, channel: str
    ) -> None:
        """Not even of one that this browser owns: it lives on its own socket."""
        other = await guests.websocket(ready.browser)
        await other.ready()
        await other.subscribe(channel)
        stolen = ready.message("/meta/disconnect", clientId=other.client_id)
        assert await ready.exchange(stolen) == [failure(stolen, UNKNOWN)]
        connect = ready.connect_message(clientId=other.client_id)
        assert await ready.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]
        assert await ready.is_known()
        assert await other.is_known()
        await ready.publish(channel, 1)
        assert await other.events() == [event(channel, 1)]

    @spec("WS-30")
    async def test_binding_is_cleared_when_its_session_is_gone(self, guests: Guests, ready: Socket) -> None:
        """Then the socket may take over another session of the same browser."""
        post = guests.long_polling(ready.browser)
        await post.ready()
        await ready.disconnect()
        assert not await ready.is_known()
        ready.client_id = post.client_id
        assert await ready.is_known()

    @spec("WS-30", "WS-31")
    async def test_live_session_may_replace_a_gone_one_at_once(self, guests: Guests, ready: Socket) -> None:
        """First message of the frame names it, and the bound session is gone."""
        post = guests.long_polling(ready.browser)
        await post.ready()
        await ready.disconnect()
        ready.client_id = post.client_id
        request = ready.message("/service/conformance/x")
        assert await ready.exchange(request) == [success(request)]

    @spec("WS-32", "SEC-42", "COOK-6", "WS-5")
    async def test_upgrade_answer_sets_the_cookie_once(self, guests: Guests) -> None:
        """With the attributes of COOK-2, and not if the request has it."""
        socket = await guests.websocket()
        cookie = set_cookie(socket.wire.upgrade, "BAYEUX_BROWSER")
        assert len(cookie.value) >= 22
        assert cookie.value.isalnum()
        assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/", True, "Lax")
        again = await guests.websocket(socket.browser)
        assert not again.wire.upgrade.every("set-cookie")

    @spec("WS-32", "SEC-42", "WS-16")
    async def test_same_browser_may_continue_on_a_new_socket(self, guests: Guests, carol: Client, channel: str) -> None:
        """After a network loss; what was published meanwhile is there."""
        socket = await guests.websocket()
        await socket.ready()
        await socket.subscribe(channel)
        socket.wire.abort()
        await carol.publish(channel, 1)
        await socket.open()
        assert (await socket.connect(advice={"timeout": 0}))["successful"]
        came = [*socket.take_unread(), *await socket.events()]
        # The one publish may have met the socket before its loss was noticed (DEL-5).
        assert came in ([event(channel, 1)], [])
        await carol.publish(channel, 2)
        assert await socket.events() == [event(channel, 2)]

    @spec("WS-32", "SEC-42")
    async def test_another_browser_may_not(self, guests: Guests, ready: Socket, channel: str) -> None:
        """402, connect with advice; the true owner notices nothing."""
        await ready.subscribe(channel)
        thief = await guests.websocket(OTHER_BROWSER.copy())
        thief.client_id = ready.client_id
        for request in (
            thief.message("/service/conformance/x"),
            thief.message("/meta/disconnect"),
            thief.message(channel, data="stolen"),
        ):
            assert await thief.exchange(request) == [failure(request, UNKNOWN)]
        connect = thief.connect_message()
        assert await thief.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]
        await ready.publish(channel, 1)
        assert await ready.events() == [event(channel, 1)]

    @spec("WS-32", "SEC-42")
    async def test_session_of_a_poll_may_be_continued_by_its_browser_only(self, guests: Guests) -> None:
        post = guests.long_polling()
        await post.ready()
        thief = await guests.websocket(OTHER_BROWSER.copy())
        thief.client_id = post.client_id
        assert not await thief.is_known()
        own = await guests.websocket(post.browser)
        own.client_id = post.client_id
        assert await own.is_known()

    @spec("WS-32", "SEC-42")
    async def test_who_has_no_cookie_may_not_either(self, guests: Guests, ready: Socket) -> None:
        """Unless the session has only just begun, see ``test_socket_and_handshake_may_overlap``."""
        await asyncio.sleep(2.1)  # more than a socket may be younger than its session
        thief = await guests.websocket()
        thief.client_id = ready.client_id
        assert not await thief.is_known()
        assert await ready.is_known()

    @spec("WS-32", "WS-30")
    @pytest.mark.profile("trusting")
    async def test_anyone_who_knows_the_client_id_may_where_options_say_so(self, guests: Guests, ready: Socket) -> None:
        """``ws_rebind`` = ``clientid``: for programs that keep no cookies."""
        other = await guests.websocket()
        other.client_id = ready.client_id
        assert await other.is_known()
        post = guests.long_polling()
        await post.handshake()
        third = await guests.websocket()
        third.client_id = post.client_id
        assert await third.is_known()

    @spec("WS-32", "WS-30")
    @pytest.mark.profile("bound-for-ever")
    async def test_nobody_may_where_options_say_so(self, guests: Guests, ready: Socket) -> None:
        """``ws_rebind`` = ``never``: not even the same browser."""
        other = await guests.websocket(ready.browser)
        request = other.message("/service/conformance/x", clientId=ready.client_id)
        assert await other.exchange(request) == [failure(request, UNKNOWN)]
        connect = other.connect_message(clientId=ready.client_id)
        assert await other.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]
        assert await ready.is_known()

    @spec("WS-14", "CN-11")
    async def test_newest_socket_is_the_sessions(
        self, guests: Guests, ready: Socket, carol: Client, channel: str
    ) -> None:
        """At once: the old held connect is dropped, nothing more is written to the old socket."""
        await ready.subscribe(channel)
        old_held = await ready.hold()
        new = await guests.websocket(ready.browser)
        new.client_id = ready.client_id
        held = await new.hold()
        await carol.publish(channel, 1)
        assert await new.events() == [event(channel, 1)]
        assert not held.is_over
        ready.wire.write(frame(PING, b"fence"))
        got = await ready.wire.frame()
        assert (got.opcode, got.payload) == (PONG, b"fence")
        assert not old_held.is_over

    @spec("WS-14", "PUB-16")
    async def test_no_event_is_lost_in_the_move(
        self, guests: Guests, ready: Socket, carol: Client, channel: str
    ) -> None:
        """Each of ten sockets takes over from the one before."""
        await ready.subscribe(channel)
        got = []
        current = ready
        for n in range(10):
            await carol.publish(channel, n)
            got += await current.events()
            following = await guests.websocket(ready.browser)
            following.client_id = ready.client_id
            await following.hold()
            current = following
        await carol.publish(channel, 10)
        got += await current.events()
        assert [each["data"] for each in got] == list(range(11))

    @spec("WS-14", "CN-10")
    async def test_socket_takes_over_from_a_held_poll(self, guests: Guests, carol: Client, channel: str) -> None:
        browser = Browser()
        post = guests.long_polling(browser)
        await post.ready()
        await post.subscribe(channel)
        held = await post.hold()
        socket = await guests.websocket(browser)
        socket.client_id = post.client_id
        await socket.connect(advice={"timeout": 0})
        await carol.publish(channel, 1)
        assert await socket.events() == [event(channel, 1)]
        assert (await held.answer).status == 500


class TestEnd:
    @spec("WS-20")
    @pytest.mark.parametrize("code", [1000, 1001, 3000, 4999, None])
    async def test_close_is_answered(self, ready: Socket, code: int | None) -> None:
        """With the same code, and then the connection ends."""
        ready.wire.send_close(code)
        end = await ready.closed()
        assert end.code == (code or 1005)
        assert await ready.wire.rest() == b""

    @spec("WS-17", "WS-20")
    @pytest.mark.profile("idle")
    async def test_idle_socket_is_closed(self, guests: Guests) -> None:
        """No frame either way for ``ws_idle_timeout``; one that talks is left alone."""
        talking = await guests.websocket()
        await talking.ready()
        idle = await guests.websocket()
        await idle.handshake()
        since = time.monotonic()
        closing = asyncio.create_task(idle.closed())
        while not closing.done():
            await talking.connect()
        end = await closing
        assert (end.code, end.reason) == (1000, "Idle")
        assert 0.6 <= time.monotonic() - since <= 8
        assert await talking.is_known()

    @spec("WS-18")
    @pytest.mark.profile("pinging")
    async def test_server_pings_and_drops_who_does_not_answer(self, guests: Guests) -> None:
        """One that answers is left alone."""
        answering, silent = await guests.websocket(), await guests.websocket()
        await answering.ready()
        await silent.ready()
        ping = await silent.wire.frame()
        assert ping.opcode == PING
        staying = asyncio.create_task(answering.closed())
        while True:
            try:
                await silent.wire.frame()
            except SocketClosed:
                break
        assert not staying.done()
        staying.cancel()

    @spec("WS-21", "SEC-L17", "WS-20")
    @pytest.mark.profile("small-buffers")
    async def test_slow_reader_is_aborted_and_delays_nobody(self, guests: Guests, carol: Client, channel: str) -> None:
        """Six megabytes to a socket that reads nothing, while another one gets them all."""
        slow = await guests.websocket(receive_buffer=4096)
        await slow.ready()
        await slow.subscribe(channel)
        fast = await guests.websocket()
        await fast.ready()
        await fast.subscribe(channel)
        data = "x" * 60_000
        for n in range(90):
            assert (await carol.publish(channel, [n, data]))["successful"]
            came = await fast.frame()
            assert [each["data"][0] for each in came] == [n]
        end = await asyncio.wait_for(self._end_of(slow), 20)
        assert end.code in (None, 1008)

    async def _end_of(self, slow: Socket) -> SocketClosed:
        # Aborted by its unsent bytes at once, or by a write that stalls for a second.
        await asyncio.sleep(2)
        return await slow.closed()

    @spec("WS-20")
    async def test_reasons_are_short_ascii(self, guests: Guests) -> None:
        """For each close that can be had without waiting."""
        for data in (
            frame(BINARY, b""),
            frame(TEXT, b"[{}" + b",{}" * 100 + b"]"),
            frame(TEXT, b" " * (256 * 1024 + 1)),
            frame(TEXT, b"{") * 3,
            frame(0x3, b""),
        ):
            socket = await guests.websocket()
            socket.wire.write(data)
            end = await socket.closed()
            assert len(end.reason.encode("ascii")) <= 30
            assert end.code in (1002, 1003, 1008, 1009)

    @spec("WS-20", "HS-9")
    async def test_handshake_that_is_not_alone_closes(self, socket: Socket) -> None:
        code = await socket.refusal(orjson.dumps([socket.handshake_message(), socket.connect_message()]))
        assert code == 1002

    @spec("WS-16", "ADV-4")
    async def test_connect_on_a_new_socket_is_answered_as_usual(self, ready: Socket) -> None:
        ready.wire.abort()
        await ready.open()
        connect = ready.connect_message(advice={"timeout": 0})
        assert await ready.exchange(connect) == [success(connect, advice=RETRY)]
