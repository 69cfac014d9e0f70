"""More than somebody takes: a client that does not read, one that does not ask, all clients at once."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from bayeux.testing import FaultProxy
from tests.faults.scene import Machine, Scene, scene
from tests.faults.story import KEPT, NOT_KEPT, story
from tests.support.figures import Tell
from tests.support.redis_server import RedisServer
from tests.support.wire import HttpConnection, SocketClosed, WebSocket

pytestmark = [pytest.mark.soak, pytest.mark.timed]

SHAKE = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["websocket", "long-polling"]}
EVENTS = 400
SIZE = 30_000
"""Bytes of each: together more than a queue and all buffers on the way hold."""


def ended_as_slow(here: Scene) -> float:
    return sum(
        value
        for node in here.nodes
        for name, value in node.metrics().items()
        if name.startswith("bayeux_session_ends_total") and 'reason="slow"' in name
    )


async def poll(connection: HttpConnection, *messages: dict[str, Any], cookie: str = "") -> tuple[list[Any], str]:
    headers = {"Cookie": cookie} if cookie else {}
    connection.request("POST", "/cometd", {"Content-Type": "application/json", **headers}, orjson.dumps(messages))
    reply = await connection.reply()
    return reply.json, (reply.header("set-cookie") or cookie).partition(";")[0]


async def stops_reading(node: Machine) -> WebSocket:
    """A subscriber over a socket of which it takes nothing any more."""
    socket = await WebSocket.open(node.cometd, receive_buffer=4096)
    socket.send(orjson.dumps([{**SHAKE, "ext": {"ack": True}}]))
    id = orjson.loads(await socket.text())[0]["clientId"]
    socket.send(orjson.dumps([{"channel": "/meta/subscribe", "subscription": NOT_KEPT, "clientId": id}]))
    assert orjson.loads(await socket.text())[0]["successful"]
    socket.send(orjson.dumps([{"channel": "/meta/connect", "connectionType": "websocket", "clientId": id}]))
    return socket


async def stops_asking(node: Machine) -> tuple[str, str]:
    """A subscriber that does not connect any more; its clientId and cookie."""
    connection = await HttpConnection.open(node.cometd)
    (shaken,), cookie = await poll(connection, {**SHAKE, "ext": {"ack": True}})
    me = {"clientId": shaken["clientId"]}
    replies, cookie = await poll(
        connection,
        {"channel": "/meta/subscribe", "subscription": NOT_KEPT, **me},
        {"channel": "/meta/connect", "connectionType": "long-polling", "ext": {"ack": 0}, **me},
        cookie=cookie,
    )
    assert [reply["successful"] for reply in replies] == [True, True]
    await connection.close()
    return me["clientId"], cookie


async def until_closed(socket: WebSocket) -> None:
    """What is in buffers comes yet."""
    try:
        while True:
            await socket.text()
    except SocketClosed:
        socket.abort()


@pytest.mark.spec("Q-2", "OPS-42", "OPS-50", "ACK-40")
async def test_who_is_too_slow_ends_and_nobody_else(
    tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell
) -> None:
    """Wherever the events come from; and whoever is asked afterwards says so."""
    async with scene(tmp_path, redis) as here:
        one, other = here.nodes
        socket = await stops_reading(one)
        id, cookie = await stops_asking(one)
        async with story([other.cometd, one.cometd], chance, channel=NOT_KEPT, readers=2) as numbers:
            numbers.begin(pause=0.02)
            writer = numbers.writers[0]
            for _ in range(EVENTS):
                await writer.client.publish(NOT_KEPT, {"from": "flood", "n": 0, "at": 0.0, "text": "x" * SIZE})
            await numbers.served_again(time.monotonic())
            await numbers.end()
            async with asyncio.timeout(10):
                while ended_as_slow(here) < 2:  # noqa: ASYNC110 (in other processes)
                    await asyncio.sleep(0.1)
            tell(f"{EVENTS} events of {SIZE} bytes; {numbers.accepted} others, {numbers.doubtful} in doubt")
            assert ended_as_slow(here) == 2
            assert numbers.doubtful == 0
            for reader in numbers.readers:
                assert len(reader.numbers.pop("flood")) == EVENTS
            numbers.nothing_is_lost()
            numbers.nothing_is_double()
            numbers.everything_is_in_order()
            numbers.everybody_kept_his_session()
        for node in here.nodes:
            connection = await HttpConnection.open(node.cometd)
            connect = {"channel": "/meta/connect", "connectionType": "long-polling", "clientId": id}
            (reply,), _ = await poll(connection, connect, cookie=cookie)
            assert reply["error"].startswith("402")
            assert reply["advice"]["reconnect"] == "handshake"
            await connection.close()
        await until_closed(socket)


@pytest.mark.spec("OPS-42", "OPS-62", "ACK-1")
async def test_all_clients_come_back_at_once(
    tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell
) -> None:
    """Three times all connections break; everybody finds his session, wherever he arrives."""
    half = 150
    async with (
        scene(tmp_path, redis, workers=2) as here,
        FaultProxy(int(here.front.rpartition(":")[2])) as network,
        story([network.url("/cometd")], chance, channel=KEPT, readers=half, writers=1) as numbers,
    ):
        numbers.begin(pause=0.2)
        await asyncio.sleep(2)
        took = []
        for _ in range(3):
            await network.cut()
            network.heal()
            took.append(await numbers.served_again(time.monotonic()))
            await asyncio.sleep(1)
        await numbers.end()
        times = ", ".join(f"{each:.1f}" for each in took)
        tell(f"{2 * half} sessions, served again after {times} s; {numbers.repeats} repeats dropped by clients")
        numbers.nothing_is_lost()
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        numbers.everybody_kept_his_session()
