"""Request bodies compressed by gzip, where the option accepts them."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib

import orjson
import pytest

from tests.support.wire import HttpConnection, Reply
from tests.transports.doors import DOORS, House, open_house

HANDSHAKE = orjson.dumps([{"channel": "/meta/handshake", "version": "1.0", "ext": {"pad": "x" * 2000}}])
ON = {"accept_gzip_requests": True}
ALL_DOORS = (*DOORS, "asgi")


async def post(house: House, body: bytes, coding: str = "gzip", *, is_chunked: bool = False) -> Reply:
    """Post to the endpoint, on a connection of its own."""
    connection = await HttpConnection.open(house.url)
    headers = {"Content-Encoding": coding}
    if is_chunked:
        headers["Transfer-Encoding"] = "chunked"
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:])) + b"0\r\n\r\n"
    connection.request("POST", "/cometd", headers, body)
    try:
        return await connection.reply()
    finally:
        await connection.close()


@pytest.mark.parametrize("door", ALL_DOORS)
@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.spec("ENC-3")
async def test_body_compressed_by_gzip_is_inflated(door: str, is_chunked: bool) -> None:
    async with open_house(door, ON) as house:
        for coding in ("gzip", "x-gzip", "GZIP"):
            reply = await post(house, gzip.compress(HANDSHAKE), coding, is_chunked=is_chunked)
            assert reply.json[0]["successful"]
        assert (await post(house, HANDSHAKE, "identity")).json[0]["successful"]


@pytest.mark.spec("ENC-3", "SES-1")
async def test_requests_behind_a_compressed_one_are_served() -> None:
    async with open_house(options=ON) as house:
        connection = await HttpConnection.open(house.url)
        for body, coding in ((gzip.compress(HANDSHAKE), "gzip"), (HANDSHAKE, "identity"), (b"", "gzip")):
            connection.request("POST", "/cometd", {"Content-Encoding": coding}, body)
        statuses = [(await connection.reply()).status for _ in range(3)]
        assert statuses == [200, 200, 400], "an empty body is no gzip, and no messages either"
        assert connection.is_usable
        await connection.close()


@pytest.mark.parametrize("door", ALL_DOORS)
@pytest.mark.spec("ENC-3", "SEC-18")
async def test_other_codings_are_refused_all_the_same(door: str) -> None:
    async with open_house(door, ON) as house:
        for coding, body in (
            ("deflate", zlib.compress(HANDSHAKE)),
            ("br", b"x"),
            ("gzip, gzip", gzip.compress(gzip.compress(HANDSHAKE))),
        ):
            reply = await post(house, body, coding)
            assert (reply.status, reply.header("connection")) == (415, "close")


@pytest.mark.parametrize("door", ALL_DOORS)
@pytest.mark.spec("ENC-3", "SEC-18", "SEC-19")
async def test_body_that_is_no_gzip_is_refused(door: str) -> None:
    packed = gzip.compress(HANDSHAKE)
    async with open_house(door, ON) as house:
        for body in (HANDSHAKE, packed[:-1], packed + b"x", packed[:-8] + bytes(8), b"\x1f"):
            reply = await post(house, body)
            assert (reply.status, reply.header("connection")) == (400, "close")
        assert not len(house.server.sessions)


@pytest.mark.parametrize("door", ALL_DOORS)
@pytest.mark.parametrize("beyond", [-1, 0, 1])
@pytest.mark.spec("ENC-3", "SEC-L7", "SEC-1", "SEC-3", "LP-4")
async def test_the_bound_is_that_of_the_inflated_body(door: str, beyond: int) -> None:
    size = 50_000
    async with open_house(door, {**ON, "max_message_size": size}) as house:
        reply = await post(house, gzip.compress(HANDSHAKE + b" " * (size - len(HANDSHAKE) + beyond)))
        assert reply.status == (413 if beyond > 0 else 200)
        assert house.server.counters.rejected["SEC-L7"] == max(beyond, 0)


@pytest.mark.parametrize("door", ["listener", "asgi"])
@pytest.mark.spec("ENC-3", "SEC-L7")
async def test_a_bomb_is_refused_with_little_memory(door: str) -> None:
    bomb = gzip.compress(bytes(100_000_000))
    async with open_house(door, ON) as house:
        tracemalloc.start()
        try:
            assert (await post(house, bomb)).status == 413
            assert tracemalloc.get_traced_memory()[1] < 3_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("door", ALL_DOORS)
@pytest.mark.spec("ENC-3")
async def test_the_option_of_a_mount_counts(door: str) -> None:
    async with open_house(door, ON, long_polling={"accept_gzip_requests": False}) as house:
        assert (await post(house, gzip.compress(HANDSHAKE))).status == 415


@pytest.mark.spec("ENC-3", "SEC-92")
async def test_a_body_of_many_small_streams_does_not_hold_the_loop() -> None:
    """Each would cost a copy of all behind it."""
    async with open_house(options=ON) as house:
        body = gzip.compress(b"") * 12_000
        assert len(body) < 256 * 1024
        async with asyncio.timeout(30):
            assert (await post(house, body)).status == 400
