"""Compressed frames on real sockets: with a client that is not ours, and byte by byte."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from bayeux.protocol.deflate import TAIL, Deflate
from tests.support.wire import WebSocket, frame, unverified
from tests.transports.doors import DOORS, House, open_house

OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
ON = {"ws_deflate": True}
TEXT = "all that repeats itself " * 200

TEXT_FRAME, COMPRESSED = 0x1, 0b100


def inflated(payload: bytes) -> Any:
    """What a compressed frame says to whoever has seen none before it."""
    return orjson.loads(zlib.decompressobj(-15).decompress(payload + TAIL))


def deflated(text: bytes) -> bytes:
    """A compressed frame's payload."""
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(text) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


class Talker:
    """Bayeux over the ``websockets`` library."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._client_id: str | None = None

    async def ask(self, channel: str, **fields: Any) -> list[Any]:
        """Send a message; the array that comes next."""
        message = {"id": "1", "channel": channel, **fields}
        if self._client_id is not None:
            message["clientId"] = self._client_id
        await self._connection.send(orjson.dumps([message]).decode())
        return await self.read()

    async def read(self) -> list[Any]:
        """The next array."""
        async with asyncio.timeout(30):
            array: list[Any] = orjson.loads(await self._connection.recv())
        return array

    async def subscribe(self, channel: str) -> None:
        """Handshake and subscribe."""
        (reply,) = await self.ask("/meta/handshake", version="1.0")
        self._client_id = reply["clientId"]
        assert (await self.ask("/meta/subscribe", subscription=channel))[0]["successful"]


@asynccontextmanager
async def talker(house: House, *offers: ClientPerMessageDeflateFactory) -> AsyncIterator[Talker]:
    """A client of the ``websockets`` library, by default with the offer that is its own."""
    url = house.url.replace("http", "ws", 1)
    context = unverified() if house.tls else None
    async with connect(
        url, compression=None if offers else "deflate", extensions=offers or None, ssl=context, proxy=None
    ) as connection:
        yield Talker(connection)


async def subscribed(house: House, headers: dict[str, str] | None = None) -> WebSocket:
    """A raw socket that is subscribed to ``/news``."""
    socket = await WebSocket.open(house.url, headers or {})
    socket.send(orjson.dumps({"channel": "/meta/handshake"}))
    client_id = orjson.loads(await socket.text())[0]["clientId"]
    socket.send(orjson.dumps({"channel": "/meta/subscribe", "clientId": client_id, "subscription": "/news"}))
    assert orjson.loads(await socket.text())[0]["successful"]
    return socket


# -- what is agreed ----------------------------------------------------------------------------


@pytest.mark.spec("WS-4")
@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        ("permessage-deflate; client_max_window_bits", AGREED),
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10",
            f"{AGREED}; server_max_window_bits=10",
        ),
        ("permessage-deflate; unheard_of", None),
        ("x-webkit-deflate-frame", None),
        (None, None),
    ],
)
async def test_the_first_acceptable_offer_is_answered(offers: str | None, answer: str | None) -> None:
    async with open_house(options=ON) as house:
        socket = await WebSocket.open(house.url, {"Sec-WebSocket-Extensions": offers} if offers else {})
        assert socket.upgrade.header("sec-websocket-extensions") == answer
        socket.send("[]")
        assert await socket.text() == "[]"
        await socket.close()


@pytest.mark.spec("WS-4")
async def test_offers_may_stand_in_several_headers() -> None:
    async with open_house(options=ON) as house:
        offers = [("Sec-WebSocket-Extensions", "x"), ("Sec-WebSocket-Extensions", "permessage-deflate")]
        socket = await WebSocket.open(house.url, offers)
        assert socket.upgrade.header("sec-websocket-extensions") == AGREED
        await socket.close()


@pytest.mark.spec("WS-4")
async def test_it_is_an_option_of_a_mounts_websocket() -> None:
    async with open_house(websocket=ON) as house:
        socket = await WebSocket.open(house.url, OFFER)
        assert socket.upgrade.header("sec-websocket-extensions") == AGREED
        await socket.close()


# -- both ways ---------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("min_size", [0, 512])
@pytest.mark.spec("WS-4")
async def test_a_foreign_client_talks_compressed(door: str, min_size: int) -> None:
    async with open_house(door, {**ON, "ws_deflate_min_size": min_size}) as house, talker(house) as client:
        await client.subscribe("/news")
        counters = house.server.counters
        before = counters.bytes_received["websocket"], counters.bytes_sent["websocket"]
        for n in range(3):
            (event,), (reply,) = await client.ask("/news", data=[n, TEXT]), await client.read()
            assert event["data"] == [n, TEXT]
            assert reply["successful"]
        assert counters.bytes_received["websocket"] - before[0] < len(TEXT)
        assert counters.bytes_sent["websocket"] - before[1] < len(TEXT)


@pytest.mark.parametrize("window_bits", [9, 12])
@pytest.mark.spec("WS-4")
async def test_a_client_with_a_small_window_gets_frames_of_its_own(window_bits: int) -> None:
    """What is further back than its window may not be referred to."""
    offer = ClientPerMessageDeflateFactory(server_max_window_bits=window_bits, client_max_window_bits=9)
    far = "".join(chr(33 + n * n % 89) for n in range(5000))
    async with open_house(options=ON) as house, talker(house, offer) as narrow, talker(house) as wide:
        for client in (narrow, wide):
            await client.subscribe("/news")
        house.server.publish("/news", far * 3)
        for client in (narrow, wide):
            assert (await client.read())[0]["data"] == far * 3


@pytest.mark.spec("WS-4")
async def test_sockets_with_and_without_compression_get_the_same_events() -> None:
    async with open_house(options=ON) as house:
        plain, packed = await subscribed(house), await subscribed(house, OFFER)
        house.server.publish("/news", TEXT)
        house.server.publish("/news", 2)
        got = await packed.frame()
        assert (got.opcode, got.reserved) == (TEXT_FRAME, COMPRESSED)
        assert inflated(got.payload) == orjson.loads(await plain.text())
        house.server.publish("/news", "short")
        assert await packed.text() == await plain.text()
        for socket in (plain, packed):
            await socket.close()


@pytest.mark.spec("WS-4", "DEL-8", "SEC-93")
async def test_a_broadcast_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all subscribers, who are written the same bytes."""
    sizes: list[int] = []
    compress = Deflate.compress

    def counted(how: Deflate, text: bytes) -> bytes | None:
        sizes.append(len(text))
        return compress(how, text)

    async with open_house(options=ON) as house:
        sockets = [await subscribed(house, OFFER) for _ in range(20)]
        monkeypatch.setattr(Deflate, "compress", counted)
        for n in range(3):
            house.server.publish("/news", [n, TEXT])
            payloads = [(await socket.frame()).payload for socket in sockets]
            assert len(set(payloads)) == 1
            assert inflated(payloads[0])[0]["data"] == [n, TEXT]
        assert len(sizes) == 3
        for socket in sockets:
            await socket.close()


@pytest.mark.spec("SEC-93", "WS-4")
async def test_a_connection_that_compresses_keeps_no_window() -> None:
    """With one, each would keep some 40 KiB to read and 100 KiB or more to write."""
    async with open_house(options=ON) as house:
        sockets = [await subscribed(house, OFFER) for _ in range(30)]
        question = frame(TEXT_FRAME, deflated(b"[" + b" " * 5000 + b"]"), reserved=COMPRESSED)
        tracemalloc.start()
        try:
            for n in range(2):
                before = tracemalloc.get_traced_memory()[0]
                house.server.publish("/news", [n, TEXT])
                for socket in sockets:
                    socket.write(question)
                    await socket.frame()
                    assert await socket.text() == "[]"
            assert tracemalloc.get_traced_memory()[0] - before < 30 * 1024
        finally:
            tracemalloc.stop()
        for socket in sockets:
            await socket.close()


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-19", "SEC-L7", "SEC-93", "WS-20", "SEC-3")
async def test_a_bomb_closes_with_1009_and_little_memory(door: str) -> None:
    bomb = deflated(bytes(100_000_000))
    async with open_house(door, ON) as house:
        socket = await WebSocket.open(house.url, OFFER)
        tracemalloc.start()
        try:
            socket.write(frame(TEXT_FRAME, bomb, reserved=COMPRESSED))
            closed = await socket.closed()
            assert tracemalloc.get_traced_memory()[1] < 3_000_000
        finally:
            tracemalloc.stop()
        assert (closed.code, closed.reason) == (1009, "message too big")
        assert house.server.counters.rejected["SEC-L7"] == 1
        await socket.close()


@pytest.mark.spec("WS-19", "WS-4", "SEC-1")
@pytest.mark.parametrize("beyond", [-1, 0, 1])
@pytest.mark.parametrize("parts", [1, 7])
async def test_the_bound_is_that_of_the_inflated_message(beyond: int, parts: int) -> None:
    async with open_house(options=ON, websocket={"ws_max_message_size": 50_000}) as house:
        socket = await WebSocket.open(house.url, OFFER)
        payload = deflated(b"[" + b" " * (49_998 + beyond) + b"]")
        for n in range(parts):
            piece = payload[n * len(payload) // parts : (n + 1) * len(payload) // parts]
            reserved, is_final = 0 if n else COMPRESSED, n == parts - 1
            socket.write(frame(0 if n else TEXT_FRAME, piece, is_final=is_final, reserved=reserved))
        if beyond > 0:
            assert (await socket.closed()).code == 1009
        else:
            assert await socket.text() == "[]"
        await socket.close()


@pytest.mark.spec("WS-4", "WS-20")
@pytest.mark.parametrize(
    ("options", "written", "code"),
    [
        (ON, frame(TEXT_FRAME, b"\x07", reserved=COMPRESSED), 1007),
        (ON, frame(TEXT_FRAME, deflated(b"\xff\xff"), reserved=COMPRESSED), 1007),
        (ON, frame(TEXT_FRAME, b"[]", reserved=0b010), 1002),
        (ON, frame(0x9, b"", reserved=COMPRESSED), 1002),
        ({}, frame(TEXT_FRAME, deflated(b"[]"), reserved=COMPRESSED), 1002),
    ],
    ids=["no deflate", "no UTF-8", "another reserved bit", "compressed ping", "nothing agreed"],
)
async def test_what_is_not_compressed_as_agreed_closes(options: dict[str, Any], written: bytes, code: int) -> None:
    async with open_house(options=options) as house:
        socket = await WebSocket.open(house.url, OFFER)
        socket.write(written)
        closed = await socket.closed()
        assert closed.code == code
        assert len(closed.reason) <= 30
        await socket.close()
