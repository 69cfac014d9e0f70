"""Many idle sessions on one worker: they stand, they are cheap, and all are reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.support.crowd import CrowdProcess, PollMember, SocketMember, crowd_process
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.wire import HttpConnection

pytestmark = [pytest.mark.soak, pytest.mark.alone]

EACH = 5000
WARM_UP = 200
STAND = 35.0
"""Seconds for which all have to stay: long enough for a ping to every socket and the end of every poll."""
MOST_KIB = 5.0
"""Memory a session may cost: Faye's cost 20 KiB, CometD's 36 over a socket and 53 over polls."""
SLOWEST = 10.0
"""Seconds in which an event has to reach everybody."""
CHANNEL = "/soak/all"
SETTINGS = {
    "bayeux.max_connections": 2 * EACH + 100,
    "bayeux.accept_rate": 0,
    "bayeux.handshake_rate_per_ip": 0,
}


async def kib_each(gateway: GatewayProcess, crowd: CrowdProcess, count: int) -> float:
    """Open so many sessions; by how much each of them makes the gateway grow."""
    before = gateway.memory()
    figures = await crowd.open(count)
    assert figures["standing"] == WARM_UP + count, figures
    assert figures["lost"] == 0
    return (gateway.memory() - before) / count / 1024


async def publish(url: str) -> float:
    """Publish one event to everybody; when that was."""
    connection = await HttpConnection.open(url)
    connection.request("POST", "/cometd", body=orjson.dumps({"channel": "/meta/handshake", "version": "1.0"}))
    reply = await connection.reply()
    cookie = (reply.header("set-cookie") or "").partition(";")[0]
    event = {"channel": CHANNEL, "clientId": reply.json[0]["clientId"], "data": {"text": "to all of you"}}
    now = time.monotonic()
    connection.request("POST", "/cometd", {"Cookie": cookie}, orjson.dumps(event))
    assert (await connection.reply()).json[0]["successful"]
    await connection.close()
    return now


@pytest.mark.spec("LP-12", "WS-10")
async def test_5000_sockets_and_5000_held_polls_stand_on_one_worker(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    with gateway_process(tmp_path, SETTINGS) as gateway:
        async with (
            crowd_process(gateway.cometd, SocketMember, CHANNEL) as sockets,
            crowd_process(gateway.cometd, PollMember, CHANNEL) as polls,
        ):
            await asyncio.gather(sockets.open(WARM_UP), polls.open(WARM_UP))
            started = time.monotonic()
            socket_kib = await kib_each(gateway, sockets, EACH - WARM_UP)
            poll_kib = await kib_each(gateway, polls, EACH - WARM_UP)
            seconds = time.monotonic() - started
            tell(f"memory per idle session: WebSocket {socket_kib:.1f} KiB, held poll {poll_kib:.1f} KiB")
            tell(f"{2 * EACH} sessions opened in {seconds:.0f} s, {gateway.memory() / 2**20:.0f} MiB in all")

            cpu = gateway.cpu_seconds()
            await asyncio.sleep(STAND)
            tell(f"standing, they take {(gateway.cpu_seconds() - cpu) / STAND:.1%} of a core")
            metrics = gateway.metrics()
            assert metrics['bayeux_connections{transport="websocket",worker="0"}'] == EACH
            assert metrics['bayeux_connections{transport="long-polling",worker="0"}'] == EACH
            assert (
                sum(
                    metrics[f'bayeux_sessions{{transport="{name}",worker="0"}}']
                    for name in ("websocket", "long-polling")
                )
                == 2 * EACH
            )

            published_at = await publish(gateway.cometd)
            reached = await asyncio.gather(sockets.received(EACH), polls.received(EACH))
            for name, figures in zip(("WebSockets", "held polls"), reached, strict=True):
                took = figures["reached_at"] - published_at
                tell(f"one event reached {figures['reached']:.0f} {name} within {took:.2f} s")
                assert figures["reached"] == figures["standing"] == EACH
                assert figures["lost"] == 0
                assert took < SLOWEST
        assert not gateway.complaints()
        assert max(socket_kib, poll_kib) < MOST_KIB
