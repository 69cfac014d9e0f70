"""Binary messages on their way through a server."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.extensions.binary import Binary
from bayeux.protocol.binary import BinaryData
from bayeux.testing import ManualClock, Peer, still_server, turn

WIRE = {"data": "?MsJX0r", "last": True, "meta": {"name": "a.bin"}}
FILE = BinaryData(bytes.fromhex("deadbeef01"), meta={"name": "a.bin"})


@pytest.mark.spec("BIN-1", "BIN-2", "BIN-3", "DEL-8", "XT-2")
async def test_listeners_see_bytes_and_subscribers_the_text_they_came_as() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Binary())
        seen: list[Any] = []
        server.on("/files", lambda _, message: seen.append((message.data, dict(message.ext))))
        alice = Peer(server).handshake()
        alice.subscribe("/files")
        event, reply = alice.publish("/files", WIRE, ext={"binary": {}, "own": 1})
        assert event == {"channel": "/files", "data": WIRE, "ext": {"own": 1, "binary": {}}}
        assert reply["successful"]
        assert seen == [(FILE, {"own": 1})]


@pytest.mark.spec("BIN-2", "BIN-3")
async def test_a_listener_may_change_the_bytes() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Binary())

        @server.on("/files")
        def double(_: Any, message: Any) -> None:
            message.data = BinaryData(message.data.data * 2, last=False)

        alice = Peer(server).handshake()
        alice.subscribe("/files")
        event = alice.publish("/files", {"data": "00", "last": True}, ext={"binary": {}})[0]
        assert BinaryData.from_wire(event["data"]) == BinaryData(b"\0\0", last=False)


@pytest.mark.spec("BIN-5")
@pytest.mark.parametrize("data", [None, "00", {"data": "0"}, {"data": "%nSc1"}, {"data": 5}, {"data": "é0"}])
async def test_what_does_not_decode_is_refused_and_not_delivered(data: Any) -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Binary())
        alice = Peer(server).handshake()
        alice.subscribe("/files")
        (reply,) = alice.publish("/files", data, ext={"binary": {}})
        assert (reply["successful"], reply["error"]) == (False, "400:data:binary_invalid")


@pytest.mark.spec("BIN-4", "EXT-3")
async def test_without_the_extension_clients_exchange_bytes_all_the_same() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.subscribe("/files")
        event = alice.publish("/files", WIRE, ext={"binary": {}})[0]
        assert event == {"channel": "/files", "data": WIRE, "ext": {"binary": {}}}


@pytest.mark.spec("BIN-4", "MSGX-6")
async def test_without_the_extension_the_application_cannot_publish_bytes() -> None:
    async with still_server(ManualClock()) as server:
        with pytest.raises(TypeError):
            server.publish("/files", FILE)


@pytest.mark.spec("BIN-6")
async def test_service_messages_and_direct_deliveries_carry_bytes() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Binary())
        server.on("/service/echo", lambda session, message: session.deliver("/service/echo", message.data) or None)
        alice = Peer(server).handshake()
        event, reply = alice.publish("/service/echo", WIRE, ext={"binary": {}})
        assert event == {"channel": "/service/echo", "data": WIRE, "ext": {"binary": {}}}
        assert reply["successful"]


@pytest.mark.spec("BIN-3", "SRV-1")
async def test_the_application_publishes_bytes() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Binary())
        alice = Peer(server, "websocket").handshake()
        alice.subscribe("/files")
        alice.connect()
        server.publish("/files", FILE)
        await turn()
        assert alice.events == [{"channel": "/files", "data": WIRE, "ext": {"binary": {}}}]


@pytest.mark.spec("MSGX-6", "BIN-3")
async def test_what_json_cannot_say_beside_the_bytes_raises_where_it_is_published() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Binary())
        with pytest.raises(TypeError):
            server.publish("/files", BinaryData(b"", meta={1, 2}))


@pytest.mark.spec("BIN-2")
async def test_messages_that_are_not_binary_pass_as_they_are() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Binary())
        alice = Peer(server).handshake()
        alice.subscribe("/n")
        assert alice.publish("/n", {"data": "not base 85"})[0] == {"channel": "/n", "data": {"data": "not base 85"}}


@pytest.mark.spec("BIN-6", "RPC-4")
async def test_a_remote_call_is_answered_with_bytes() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Binary())
        server.remote_call("file", lambda caller, data: caller.result(FILE) and None)
        alice = Peer(server).handshake()
        answer, _ = alice.publish("/service/file", "a.bin")
        assert (answer["data"], answer["ext"], answer["successful"]) == (WIRE, {"binary": {}}, True)
