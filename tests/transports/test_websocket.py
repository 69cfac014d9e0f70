"""The websocket transport: its upgrade, its frames, its end."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import orjson
import pytest

from bayeux.protocol import frames
from bayeux.server.transport import Context
from bayeux.transports.adopted.carrier import SocketCarrier
from bayeux.transports.adopted.websocket import FramedSocket
from tests.support.wire import HttpConnection, SocketClosed, UpgradeRefused, WebSocket, frame
from tests.transports.doors import DOORS, open_house, until

HANDSHAKE = {"id": "1", "channel": "/meta/handshake"}
MALFORMED = '[{"successful":false,"error":"400::malformed_message"}]'


ANSWERED: dict[str, tuple[bytes, list[str], int | None]] = {
    "keep-alive of old Faye": (frame(0x1, b"[]"), ["[]"], None),
    "malformed": (frame(0x1, b"{"), [MALFORMED], None),
    "malformed twice": (frame(0x1, b"\xef\xbb\xbf[]") + frame(0x1, b"[1]"), [MALFORMED] * 2, None),
    "malformed three times": (frame(0x1, b"{") * 3, [MALFORMED] * 3, 1008),
    "malformed three times in all": (
        frame(0x1, b"{") * 2 + frame(0x1, b"[]") + frame(0x1, b"{"),
        [MALFORMED, MALFORMED, "[]", MALFORMED],
        1008,
    ),
    "binary": (frame(0x2, b"[]"), [], 1003),
    "binary between texts": (frame(0x1, b"[]") + frame(0x2, b"[]") + frame(0x1, b"[]"), ["[]"], 1003),
    "handshake not alone": (frame(0x1, orjson.dumps([HANDSHAKE, HANDSHAKE])), [], 1002),
    "not UTF-8": (frame(0x1, b"\xff"), [], 1007),
    "not masked": (frame(0x1, b"[]", is_masked=False), [], 1002),
    "reserved bit": (frame(0x1, b"[]", reserved=4), [], 1002),
    "unknown opcode": (frame(0x3, b""), [], 1002),
    "half a close code": (frame(0x8, b"\x03"), [], 1002),
    "close code that is never sent": (frame(0x8, frames.close_payload(1006)), [], 1002),
    "close": (frame(0x8, frames.close_payload(1000, "bye")), [], 1000),
    "close with a code of its own": (frame(0x8, frames.close_payload(3000)), [], 3000),
    "close without a code": (frame(0x8, b""), [], 1005),
}


@pytest.mark.spec("WS-1", "WS-2", "NEG-2")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Version": ""}, 426),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j"}, 400),
        ({"Sec-WebSocket-Key": "not base64, not at all!!"}, 400),
        ({"Connection": "close"}, 400),
        ({"Connection": "keep-alive"}, 400),
        ({"Upgrade": "h2c"}, 400),
        ({"Content-Length": "2"}, None),
    ],
)
async def test_malformed_upgrade_is_refused(headers: dict[str, str], status: int | None) -> None:
    async with open_house() as house:
        if status is None:
            connection = await HttpConnection.open(house.url)
            usual = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
            connection.request("GET", "/cometd", {**usual, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}, b"[]")
            assert (await connection.reply()).status == 400
            await connection.close()
            return
        with pytest.raises(UpgradeRefused) as refused:
            await WebSocket.open(house.url, headers)
        assert refused.value.reply.status == status
        assert not house.server.counters.connections["websocket"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-2")
async def test_subprotocol_is_selected_only_where_one_is_configured(door: str) -> None:
    async with open_house(door) as house:
        socket = await WebSocket.open(house.url, {"Sec-WebSocket-Protocol": "bayeux, other"})
        assert socket.upgrade.header("sec-websocket-protocol") is None
        await socket.close()
    async with open_house(door, {"ws_protocol": "bayeux"}) as house:
        socket = await WebSocket.open(house.url, {"Sec-WebSocket-Protocol": "other, bayeux"})
        assert socket.upgrade.header("sec-websocket-protocol") == "bayeux"
        await socket.close()
        for headers in ({}, {"Sec-WebSocket-Protocol": "Bayeux"}):
            with pytest.raises(UpgradeRefused) as refused:
                await WebSocket.open(house.url, headers)
            assert refused.value.reply.status == 400


@pytest.mark.spec("WS-4")
async def test_no_extension_is_accepted() -> None:
    async with open_house() as house:
        socket = await WebSocket.open(house.url, {"Sec-WebSocket-Extensions": "permessage-deflate"})
        assert socket.upgrade.header("sec-websocket-extensions") is None
        await socket.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-7", "WS-8", "WS-20", "HS-9", "MSG-4", "SEC-10", "SEC-12", "SEC-94")
@pytest.mark.parametrize("name", ANSWERED)
async def test_frames_are_answered(door: str, name: str) -> None:
    written, answers, code = ANSWERED[name]
    async with open_house(door) as house:
        socket = await WebSocket.open(house.url)
        socket.write(written)
        for answer in answers:
            assert await socket.text() == answer
        if code is None:
            socket.send("[]")
            assert await socket.text() == "[]"
        else:
            with pytest.raises(SocketClosed) as closed:
                await socket.text()
            assert closed.value.code == code
            assert len(closed.value.reason) <= 30
            assert await socket.rest() == b""
        await socket.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-20")
async def test_close_that_the_client_does_not_answer_ends_the_connection(door: str) -> None:
    async with open_house(door) as house:
        socket = await WebSocket.open(house.url)
        socket.send(orjson.dumps(HANDSHAKE))
        await socket.text()
        house.server.expire(next(iter(house.server.sessions)))
        closing = await socket.frame()
        assert (closing.opcode, closing.payload[2:]) == (0x8, b"Session expired")
        socket.send("[]")
        assert await socket.rest() == b""
        await socket.close()


def _has(seen: list[Any], count: int) -> bool:
    return len(seen) == count


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-9", "WS-5")
async def test_frames_wait_for_the_hooks_of_the_frame_before_them(door: str) -> None:
    """Also those that came in the same read; the socket is not read meanwhile."""
    gates = [asyncio.Event() for _ in range(3)]
    seen: list[tuple[int, str]] = []

    async def listener(session: Any, message: Any) -> None:
        number = message.data
        seen.append((number, message.context.query))
        if number < 3:
            await gates[number].wait()

    async with open_house(door) as house:
        house.server.on("/a", listener)
        socket = await WebSocket.open(house.url + "?q=1")
        socket.send(orjson.dumps(HANDSHAKE))
        client_id = orjson.loads(await socket.text())[0]["clientId"]
        written = [orjson.dumps({"channel": "/a", "clientId": client_id, "data": n}) for n in range(5)]
        socket.write(b"".join(frame(0x1, text) for text in written[:4]))
        for n, gate in enumerate(gates):
            await until(partial(_has, seen, n + 1))
            if n == 1:
                socket.send(written[4])
            gate.set()
        for _ in range(5):
            assert orjson.loads(await socket.text())[0]["successful"]
        assert seen == [(n, "q=1") for n in range(5)]
        await socket.close()


@pytest.mark.expected_logs("a request could not be answered")
@pytest.mark.spec("SEC-30", "WS-5")
async def test_upgrade_is_identified_once() -> None:
    asked = []

    async def identify(context: Context) -> str:
        asked.append(context.transport)
        if "x-fail" in context.headers:
            raise RuntimeError
        return "anna"

    async with open_house(identify=identify) as house:
        socket = await WebSocket.open(house.url)
        for _ in range(2):
            socket.send(orjson.dumps(HANDSHAKE))
            await socket.text()
        assert asked == ["websocket"]
        assert {session.user for session in house.server.sessions} == {"anna"}
        await socket.close()
        with pytest.raises(UpgradeRefused) as refused:
            await WebSocket.open(house.url, {"X-Fail": "1"})
        assert refused.value.reply.status == 500


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-16", "OPS-50")
async def test_socket_that_goes_leaves_its_session_and_nothing_else(door: str) -> None:
    async with open_house(door) as house:
        for leave in ("abort", "close"):
            socket = await WebSocket.open(house.url)
            socket.send(orjson.dumps(HANDSHAKE))
            await socket.text()
            counters = house.server.counters
            assert counters.connections["websocket"] == 1
            if leave == "abort":
                socket.abort()
            else:
                socket.send_close()
                await socket.closed()
            await until(lambda: not counters.connections["websocket"])  # noqa: B023
            assert all(session.transport is None for session in house.server.sessions)
            await socket.close()
        assert len(house.server.sessions) == 2


@pytest.mark.expected_logs("a frame could not be processed")
@pytest.mark.spec("WS-20", "SEC-21")
async def test_fault_of_ours_closes_the_socket_with_1011(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house() as house:
        socket = await WebSocket.open(house.url)
        monkeypatch.setattr(house.server, "handle", lambda *_: 1 / 0)
        socket.send(orjson.dumps(HANDSHAKE))
        assert (await socket.closed()).code == 1011
        await socket.close()


@pytest.mark.spec("NEG-5")
async def test_transport_that_is_not_enabled_refuses_the_upgrade() -> None:
    async with open_house(overrides={"transports": ("long-polling",)}) as house:
        with pytest.raises(UpgradeRefused) as refused:
            await WebSocket.open(house.url)
        assert refused.value.reply.body == b"Unknown Bayeux Transport"


@pytest.mark.spec("WS-11", "BAT-4")
async def test_replies_and_events_of_a_turn_leave_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write costs more than everything else: three frames of one read are answered by one, and in their order."""
    writes: list[bytes] = []
    write = SocketCarrier.write

    def recorded(carrier: SocketCarrier, data: bytes) -> None:
        writes.append(data)
        write(carrier, data)

    async with open_house() as house:
        socket = await WebSocket.open(house.url)
        socket.send(orjson.dumps([HANDSHAKE]))
        [reply] = orjson.loads(await socket.text())
        own = {"clientId": reply["clientId"]}
        socket.send(orjson.dumps([{"channel": "/meta/subscribe", "subscription": "/mine", **own}]))
        await socket.text()
        monkeypatch.setattr(SocketCarrier, "write", recorded)
        asked = [{"channel": "/mine", "id": str(n), "data": n, **own} for n in range(3)]
        socket.write(b"".join(frame(0x1, orjson.dumps([each])) for each in asked))
        heard = []
        while len(heard) < 6:
            heard += [message.get("data", message.get("id")) for message in orjson.loads(await socket.text())]
        assert heard == [0, "0", 1, "1", 2, "2"]
        assert len(writes) == 1
        await socket.close()


@pytest.mark.spec("WS-20", "MSG-4")
async def test_a_reply_that_is_held_back_goes_before_the_close_of_its_turn() -> None:
    """Neither is lost, whatever made the server close in the same turn."""
    async with open_house() as house:
        socket = await WebSocket.open(house.url)
        socket.write(frame(0x1, orjson.dumps([HANDSHAKE])) + frame(0x2, b"[]"))
        assert orjson.loads(await socket.text())[0]["successful"]
        assert (await socket.closed()).code == 1003
        await socket.close()


@pytest.mark.spec("WS-21", "SEC-L16")
async def test_a_socket_whose_upgrade_has_not_left_is_not_written_to_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would not be seen that its client reads nothing, and what is unsent would know no bound."""
    told: list[bool] = []
    paused, resumed = FramedSocket.write_paused, FramedSocket.write_resumed

    def recorded(socket: FramedSocket, writable: bool) -> None:
        told.append(writable)
        (resumed if writable else paused)(socket)

    def full(carrier: SocketCarrier, data: bytes) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(FramedSocket, "write_paused", lambda socket: recorded(socket, False))
        monkeypatch.setattr(FramedSocket, "write_resumed", lambda socket: recorded(socket, True))
        carrier._keep(data)

    async with open_house() as house:
        monkeypatch.setattr(SocketCarrier, "write", full)
        socket = await WebSocket.open(house.url)
        await until(lambda: told == [False, True])
        socket.send(orjson.dumps([HANDSHAKE]))
        assert orjson.loads(await socket.text())[0]["successful"]
        await socket.close()
