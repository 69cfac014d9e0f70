"""The limits of connections, requests and frames: at limit - 1, limit and limit + 1 (SEC-1), and in time."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from bayeux.protocol import frames
from tests.support.wire import WAIT, ConnectionGone, Endpoint, HttpConnection, SocketClosed, WebSocket, frame
from tests.transports.doors import DOORS, PLAIN_DOORS, House, open_house, until

HANDSHAKE = {"id": "1", "channel": "/meta/handshake"}
AROUND = (-1, 0, 1)


async def settled(house: House, limit: str, count: int = 1) -> None:
    """Wait until that many refusals were counted."""
    await until(lambda: house.server.counters.rejected[limit] >= count)


def padded(size: int) -> bytes:
    """A publish of exactly so many bytes."""
    shell = orjson.dumps({"channel": "/a", "data": ""})
    return shell[:-2] + b"x" * (size - len(shell)) + shell[-2:]


# -- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("beyond", AROUND)
@pytest.mark.spec("SEC-1", "SEC-3")
async def test_head_up_to_header_bytes_is_read(door: str, beyond: int) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        line = b"GET /cometd HTTP/1.1\r\nHost: x\r\nA: "
        connection.write(line + b"a" * (16384 + beyond - len(line) - 4) + b"\r\n\r\n")
        reply = await connection.reply()
        assert reply.status == (431 if beyond > 0 else 400)
        assert connection.is_usable == (beyond <= 0)
        assert house.server.counters.rejected["SEC-L4"] == max(beyond, 0)
        await connection.close()


@pytest.mark.parametrize("door", PLAIN_DOORS)
@pytest.mark.spec("JP-6")
async def test_request_line_of_8_kib_is_read(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("GET", "/cometd?" + "a" * 8192)
        assert (await connection.reply()).status == 400
        assert connection.is_usable
        await connection.close()


async def test_request_line_without_end_is_refused_at_header_bytes() -> None:
    async with open_house() as house:
        connection = await HttpConnection.open(house.url)
        connection.write(b"GET /" + b"a" * 20000)
        assert (await connection.reply()).status == 431
        assert await connection.rest() == b""
        await connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("beyond", AROUND)
@pytest.mark.spec("SEC-1", "SEC-3", "LP-4")
async def test_body_up_to_max_message_size_is_read(door: str, is_chunked: bool, beyond: int) -> None:
    """Whether the length is told or comes in chunks."""
    size = 100_000
    async with open_house(door, {"max_message_size": size}) as house:
        connection = await HttpConnection.open(house.url)
        body = padded(size + beyond)
        if is_chunked:
            chunks = [body[n : n + 30_000] for n in range(0, len(body), 30_000)]
            coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
            connection.request("POST", "/cometd", {"Transfer-Encoding": "chunked"}, coded)
        else:
            connection.request("POST", "/cometd", {}, body)
        reply = await connection.reply()
        assert reply.status == (413 if beyond > 0 else 200)
        assert house.server.counters.rejected["SEC-L7"] == max(beyond, 0)
        if beyond > 0:
            assert await connection.rest() == b""
        await connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("LP-4", "LP-13")
async def test_body_too_large_is_refused_before_it_is_sent(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {"Content-Length": "1000000", "Expect": "100-continue"})
        assert (await connection.reply(interim=True)).status == 413
        await connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("LP-13")
async def test_client_that_expects_100_continue_gets_it_once(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        body = orjson.dumps(HANDSHAKE)
        connection.request("POST", "/cometd", {"Content-Length": str(len(body)), "Expect": "100-continue"})
        assert (await connection.reply(interim=True)).status == 100
        for n in range(len(body)):
            connection.write(body[n : n + 1])
            await asyncio.sleep(0)
        assert (await connection.reply(interim=True)).status == 200
        await connection.close()


@pytest.mark.parametrize("beyond", AROUND)
@pytest.mark.spec("SEC-1", "BAT-8")
async def test_batch_up_to_max_batch_messages_is_processed(beyond: int) -> None:
    batch = orjson.dumps([{"channel": "/a"}] * (100 + beyond))
    async with open_house() as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {}, batch)
        assert (await connection.reply()).status == (413 if beyond > 0 else 200)
        await connection.close()

        socket = await WebSocket.open(house.url)
        socket.send(batch)
        if beyond > 0:
            assert (await socket.closed()).code == 1009
        else:
            assert len(orjson.loads(await socket.text())) == 100 + beyond
        await socket.close()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x"])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("SEC-18", "ENC-3")
async def test_encoded_request_body_is_refused(door: str, coding: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {"Content-Encoding": coding}, b"x" * 100_000)
        assert (await connection.reply()).status == 415
        assert await connection.rest() == b""
        await connection.close()


# -- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", PLAIN_DOORS)
@pytest.mark.spec("SEC-91", "SEC-3")
async def test_head_that_does_not_end_in_time_costs_the_connection(door: str) -> None:
    """The clock runs from the first byte: a drip of bytes does not buy time. (A door's first request is Tornado's.)"""
    async with open_house(door, {"header_timeout": 0.2}) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("GET", "/cometd")
        await connection.reply()
        drip = asyncio.ensure_future(_drip(connection, b"POST /cometd HTTP/1.1\r\nA: " + b"a" * 1000))
        assert await connection.rest() == b""
        drip.cancel()
        assert house.server.counters.rejected["SEC-L4"] == 1
        await connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("HTTP-10", "SEC-91")
async def test_body_that_does_not_end_in_time_costs_the_connection(door: str) -> None:
    async with open_house(door, {"body_timeout": 0.2}) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {"Content-Length": "1000"})
        drip = asyncio.ensure_future(_drip(connection, b"a" * 1000))
        assert await connection.rest() == b""
        drip.cancel()
        assert house.server.counters.rejected["SEC-L5"] == 1
        await connection.close()


async def _drip(connection: HttpConnection, data: bytes) -> None:
    for n in range(len(data)):
        connection.write(data[n : n + 1])
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("door", DOORS)
async def test_connection_without_a_request_is_closed_silently(door: str) -> None:
    async with open_house(door, {"keepalive_idle": 0.2}) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("GET", "/cometd")
        await connection.reply()
        assert await connection.rest() == b""
        assert not house.server.counters.rejected
        await connection.close()


async def test_connection_that_never_says_anything_is_closed() -> None:
    async with open_house(options={"keepalive_idle": 0.2}) as house:
        connection = await HttpConnection.open(house.url)
        assert await connection.rest() == b""
        await connection.close()


async def test_held_poll_outlives_every_time_out_of_requests() -> None:
    options = {"keepalive_idle": 0.1, "header_timeout": 0.1, "body_timeout": 0.1, "timeout": 0.6}
    async with open_house(options=options, long_polling={"trust_client_session": True}) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        client_id = (await connection.reply()).json[0]["clientId"]
        for _ in range(2):
            connection.request("POST", "/cometd", {}, orjson.dumps({"channel": "/meta/connect", "clientId": client_id}))
            assert (await connection.reply()).json[0]["successful"]
        await connection.close()


# -- slow readers --------------------------------------------------------------------------------


async def subscribed(house: House) -> WebSocket:
    """A socket that listens and reads as little as it can."""
    socket = await WebSocket.open(house.url, receive_buffer=4096)
    socket.send(orjson.dumps(HANDSHAKE))
    client_id = orjson.loads(await socket.text())[0]["clientId"]
    socket.send(orjson.dumps([{"channel": "/meta/subscribe", "clientId": client_id, "subscription": "/a"}]))
    await socket.text()
    return socket


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-21", "SEC-3", "SEC-91")
async def test_socket_that_reads_nothing_is_cut_off_after_the_write_time_out(door: str) -> None:
    async with open_house(door, {"ws_write_timeout": 0.3, "max_queue_bytes": 0, "max_queue": 0}) as house:
        socket = await subscribed(house)
        for _ in range(100):
            house.server.publish("/a", "x" * 50_000)
            await asyncio.sleep(0)
        await settled(house, "SEC-L17")
        assert len(house.server.sessions) == 1, "WS-16: the session waits for the client"
        await socket.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-21")
async def test_socket_that_reads_slowly_but_reads_is_not_cut_off(door: str) -> None:
    async with open_house(door, {"ws_write_timeout": 0.3}) as house:
        socket = await subscribed(house)
        for n in range(40):
            house.server.publish("/a", [n, "x" * 20_000])
        seen = 0
        async with asyncio.timeout(WAIT):
            while seen < 40:
                for event in orjson.loads(await socket.text()):
                    assert event["data"][0] == seen
                    seen += 1
                await asyncio.sleep(0.05)
        assert not house.server.counters.rejected
        await socket.close()


@pytest.mark.spec("WS-21", "SEC-3")
async def test_socket_that_asks_without_reading_the_answers_is_cut_off_or_not_read() -> None:
    """Backpressure: what it asks is left unread, so nothing of ours grows."""
    async with open_house(options={"ws_write_timeout": 0.5, "session_message_rate": 0}) as house:
        socket = await subscribed(house)
        question = frame(0x1, orjson.dumps([{"channel": "/meta/subscribe", "subscription": "/" + "x" * 400}] * 100))
        before = house.server.counters.bytes_received["websocket"]
        for _ in range(200):
            socket.write(question)
        await settled(house, "SEC-L17")
        read = house.server.counters.bytes_received["websocket"] - before
        assert read < len(question) * 200
        await socket.close()


# -- sockets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("beyond", AROUND)
@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.spec("SEC-1", "WS-19", "SEC-3")
async def test_message_up_to_ws_max_message_size_is_read(parts: int, beyond: int) -> None:
    size = 100_000
    async with open_house(websocket={"ws_max_message_size": size}) as house:
        socket = await WebSocket.open(house.url)
        text = padded(size + beyond)
        cut = [text[n * len(text) // parts : (n + 1) * len(text) // parts] for n in range(parts)]
        for n, part in enumerate(cut):
            socket.write(frame(0 if n else 0x1, part, is_final=n == parts - 1))
        if beyond > 0:
            assert (await socket.closed()).code == 1009
            assert house.server.counters.rejected["SEC-L7"] == 1
        else:
            assert orjson.loads(await socket.text())[0]["channel"] == "/a"
        await socket.close()


@pytest.mark.parametrize("beyond", AROUND)
@pytest.mark.spec("SEC-1", "SEC-3")
async def test_message_in_up_to_ws_max_fragments_is_read(beyond: int) -> None:
    async with open_house() as house:
        socket = await WebSocket.open(house.url)
        count = 256 + beyond
        text = padded(1000)
        for n in range(count):
            socket.write(frame(0 if n else 0x1, text[n:][: 1 if n < count - 1 else None], is_final=n == count - 1))
        if beyond > 0:
            assert (await socket.closed()).code == 1008
            assert house.server.counters.rejected["SEC-L22"] == 1
        else:
            await socket.text()
        await socket.close()


@pytest.mark.parametrize("opcode", [0x9, 0xA])
@pytest.mark.parametrize("beyond", AROUND)
@pytest.mark.spec("SEC-1", "SEC-3", "WS-20")
async def test_control_frames_up_to_ws_control_rate_are_answered(opcode: int, beyond: int) -> None:
    async with open_house(options={"ws_control_rate": 10}) as house:
        socket = await WebSocket.open(house.url)
        socket.write(frame(opcode, b"x") * (10 + beyond))
        socket.send("[]")
        if beyond > 0:
            assert (await socket.closed()).code == 1008
            assert house.server.counters.rejected["SEC-L22"] == 1
        else:
            assert await socket.text() == "[]"
            assert len(socket.pongs) == (10 + beyond if opcode == 0x9 else 0)
        await socket.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-6", "WS-20", "SEC-3")
async def test_socket_without_a_message_is_closed_after_the_handshake_time_out(door: str) -> None:
    async with open_house(door, {"handshake_timeout": 0.2}) as house:
        socket, speaking = await WebSocket.open(house.url), await WebSocket.open(house.url)
        speaking.send("[]")
        await speaking.text()
        assert (await socket.closed()).code == 1008
        assert house.server.counters.rejected["SEC-L18"] == 1
        speaking.send("[]")
        assert await speaking.text() == "[]"
        await socket.close()
        await speaking.close()


@pytest.mark.spec("WS-17", "WS-20")
async def test_idle_socket_is_closed() -> None:
    async with open_house(websocket={"ws_idle_timeout": 0.3, "timeout": 0.1}) as house:
        socket = await WebSocket.open(house.url)
        socket.send("[]")
        await socket.text()
        end = await socket.closed()
        assert (end.code, end.reason) == (1000, "Idle")
        await socket.close()


@pytest.mark.spec("WS-18")
async def test_server_pings_and_drops_a_socket_that_does_not_answer() -> None:
    async with open_house(websocket={"ws_ping_interval": 0.2, "ws_ping_timeout": 0.2}) as house:
        socket = await WebSocket.open(house.url)
        assert (await socket.frame()).opcode == 0x9
        socket.write(frame(0xA, b""))
        assert (await socket.frame()).opcode == 0x9
        with pytest.raises(SocketClosed):
            await socket.frame()
        await socket.close()


# -- connections ---------------------------------------------------------------------------------


@pytest.mark.parametrize("beyond", AROUND)
@pytest.mark.spec("SEC-1", "SEC-3", "HTTP-9")
async def test_connections_up_to_max_connections_are_served(beyond: int) -> None:
    async with open_house(options={"max_connections": 5}) as house:
        held = [await HttpConnection.open(house.url) for _ in range(4 + beyond)]
        for number, each in enumerate(held):
            each.request("GET", "/cometd" if number % 2 else "/elsewhere")
            await each.reply()
        last = await HttpConnection.open(house.url)
        last.request("GET", "/cometd")
        reply = await last.reply()
        assert reply.status == (503 if beyond > 0 else 400)
        if beyond > 0:
            assert 1 <= int(reply.header("retry-after") or 0) <= 5
            assert house.server.counters.rejected["SEC-L1"] == 1
        for each in (*held, last):
            await each.close()
        await until(lambda: house.listener is not None and not house.listener.connections)


@pytest.mark.spec("SEC-3")
async def test_address_with_too_many_connections_is_turned_away() -> None:
    async with open_house(options={"max_connections_per_ip": 1}) as house:
        first, second = await HttpConnection.open(house.url), await HttpConnection.open(house.url)
        first.request("GET", "/cometd")
        assert (await first.reply()).status == 400
        assert (await second.reply()).status == 503
        assert house.server.counters.rejected["SEC-L2"] == 1
        await first.close()
        await second.close()


@pytest.mark.spec("SEC-3")
async def test_connections_beyond_the_accept_rate_are_turned_away() -> None:
    async with open_house(options={"accept_rate": 3}) as house:
        connections = [await HttpConnection.open(house.url) for _ in range(4)]
        assert (await connections[3].reply()).status == 503
        assert house.server.counters.rejected["SEC-L3"] == 1
        for each in connections:
            await each.close()


async def test_pipelined_requests_behind_a_held_poll_are_read_up_to_a_bound() -> None:
    async with open_house(long_polling={"trust_client_session": True}) as house:
        connection = await HttpConnection.open(house.url)
        connection.request("POST", "/cometd", {}, orjson.dumps(HANDSHAKE))
        client_id = (await connection.reply()).json[0]["clientId"]
        connect = orjson.dumps({"channel": "/meta/connect", "clientId": client_id})
        connection.request("POST", "/cometd", {}, connect)
        await connection.reply()
        connection.request("POST", "/cometd", {}, connect)
        behind = connection.request_bytes("GET", "/cometd")
        count = 1_000_000 // len(behind)
        for _ in range(count):
            connection.write(behind)
        for _ in range(100):
            await asyncio.sleep(0.001)
        (ours,) = house.listener._door.connections  # type: ignore[union-attr]
        assert len(ours._reader.waiting) <= 16384 + 65536
        house.server.kick(next(iter(house.server.sessions)))
        for _ in range(count + 1):
            assert (await connection.reply()).status in (200, 400)
        await connection.close()


async def test_connection_that_sends_garbage_is_refused() -> None:
    async with open_house() as house:
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 100, b"{}\r\n\r\n"):
            reader, writer = await Endpoint.of(house.url).connect()
            writer.write(garbage)
            async with asyncio.timeout(WAIT):
                assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
            await writer.wait_closed()


WORST = {
    "one-byte chunks": (b"Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n" * 10_900),
    "many headers": (b"a:b\r\n" * 3000, b""),
    "one header many times": (b"cookie:b\r\n" * 1600, b""),
    "many hops": (b"X-Forwarded-For: " + b"127.0.0.1," * 1500 + b"\r\n", b""),
    "many labels": (b"Origin: https://" + b"a." * 7500 + b"\r\n", b""),
    "escapes": (b"Content-Type: text/plain\r\nContent-Length: 262144\r\n", b"message=" + b"%22" * 87378 + b"%2"),
    "fields": (b"Content-Type: text/plain\r\nContent-Length: 262144\r\n", b"a=b&" * 65536),
    "blanks": (b"Content-Type: text/plain\r\nContent-Length: 262144\r\n", b" " * 262144),
}


@pytest.mark.parametrize("name", WORST)
@pytest.mark.spec("SEC-2")
async def test_worst_input_stops_the_loop_for_a_moment_only(name: str) -> None:
    lines, body = WORST[name]
    options = {"trusted_proxies": ("127.0.0.0/8",), "allowed_origins": ("*.a.example",)}
    async with open_house(options=options) as house:
        loop, longest = asyncio.get_running_loop(), 0.0
        connection = await HttpConnection.open(house.url)
        connection.write(b"POST /cometd HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n" + body)
        for _ in range(100):
            start = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - start)
        assert longest < 1.0, f"{name}: {longest * 1000:.1f} ms"
        await connection.close()


def test_close_reasons_fit_into_thirty_ascii_bytes() -> None:
    """WS-20; the longest of ours."""
    for reason in ("Too many control frames", "Malformed messages", "No message in time"):
        assert len(frames.close_payload(1008, reason)) <= 32
    assert issubclass(ConnectionGone, Exception)
