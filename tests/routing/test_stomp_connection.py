"""One connection to something that is not quite a broker."""

from __future__ import annotations

import asyncio

import pytest

from gateway.routing.bus.broker import Broker
from gateway.routing.bus.stomp_connection import StompConnection

CONNECTED = b"CONNECTED\nversion:1.2\n\n\0"
PATIENCE = 60.0


@pytest.mark.spec("MRE-137")
@pytest.mark.parametrize("words", [b"MESSAGE\nmessage-id:1\n\n{}\0", b"RECEIPT\n\n\0", b"MESSAGE\n\xff:\xff\n\n\0"])
async def test_connection_that_makes_no_sense_is_left(words: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\0")
        writer.write(CONNECTED + words)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(words)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        connection = await StompConnection.open(Broker("127.0.0.1", server.sockets[0].getsockname()[1]))
        async with asyncio.timeout(PATIENCE):
            assert "no STOMP" in await connection.run()
