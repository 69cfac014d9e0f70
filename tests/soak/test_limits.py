"""Attacks of one machine on one gateway: too many clients, slow ones, and publishing to nobody."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import orjson
import pytest

from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.slow_peers import slow_peers
from tests.support.wire import WAIT, HttpConnection, WebSocket

pytestmark = pytest.mark.soak

Tell = Callable[[str], None]
HANDSHAKE = b'{"channel":"/meta/handshake","version":"1.0"}'

# -- out of descriptors ----------------------------------------------------------------------------

DESCRIPTORS = 256
CLIENTS = 400
MOST_CPU = 0.2
"""Of a core."""
WATCHED = 6.0
"""Seconds for which the gateway is watched in its distress."""


@pytest.mark.timed
@pytest.mark.spec("SEC-90")
async def test_a_gateway_out_of_descriptors_stays_calm(tmp_path: Path, tell: Tell) -> None:
    """It serves whom it has, tells the others so, and answers on its internal listener."""
    with gateway_process(tmp_path, descriptor_limit=DESCRIPTORS) as gateway:
        async with AsyncExitStack() as clients:
            for _ in range(CLIENTS):
                client = await HttpConnection.open(gateway.cometd)
                clients.push_async_callback(client.close)
                client.request("POST", "/cometd", body=HANDSHAKE)
            await stays_calm(gateway, tell)
        async with asyncio.timeout(10):
            while not await gets_session(gateway):  # it may not have heard yet that the others have gone
                pass


async def stays_calm(gateway: GatewayProcess, tell: Tell) -> None:
    """Watch it for a while, and ask it meanwhile whether it lives."""
    cpu, seen, started = gateway.cpu_seconds(), len(gateway.complaints()), time.monotonic()
    alive, _ = await asyncio.gather(seconds_until_alive(gateway), asyncio.sleep(WATCHED), return_exceptions=True)
    seconds = time.monotonic() - started
    used = (gateway.cpu_seconds() - cpu) / seconds
    complaints = len(gateway.complaints()) - seen
    tell(f"{gateway.descriptors()} of {DESCRIPTORS} descriptors open")
    tell(f"{used:.1%} of a core used and {complaints} lines of complaint in {seconds:.0f} s")
    assert used < MOST_CPU
    assert complaints <= 2 * seconds
    assert isinstance(alive, float), f"/health/live: {alive!r}"
    tell(f"/health/live was answered in {alive * 1000:.0f} ms")


async def seconds_until_alive(gateway: GatewayProcess) -> float:
    """How long the internal listener takes to say that the gateway lives."""
    started = time.monotonic()
    connection = await HttpConnection.open(f"{gateway.internal}/health/live")
    try:
        connection.request("GET", "/health/live")
        assert (await connection.reply()).status == 200
    finally:
        await connection.close()
    return time.monotonic() - started


async def gets_session(gateway: GatewayProcess) -> bool:
    """Whether a new client is served."""
    connection = await HttpConnection.open(gateway.cometd)
    connection.request("POST", "/cometd", body=HANDSHAKE)
    reply = await connection.reply()
    await connection.close()
    return reply.status == 200


# -- slow peers --------------------------------------------------------------------------------------

SLOW = 500
NORMAL = 20
ATTACKED = 60.0
"""Seconds."""
MOST_SECONDS = 5.0
"""SEC-91's goal is a quarter of a second on an idle machine: the figure is told, a standstill fails."""


@pytest.mark.timed
@pytest.mark.spec("SEC-91")
async def test_slow_peers_do_not_slow_normal_clients(tmp_path: Path, tell: Tell) -> None:
    """500 that send heads or bodies by the byte, or read nothing."""
    with gateway_process(tmp_path) as gateway:
        before = await round_trips(gateway, 3.0)
        memory = gateway.memory()
        with slow_peers(gateway.cometd, SLOW):
            during = await round_trips(gateway, ATTACKED)
            growth = (gateway.memory() - memory) / 2**20
        metrics = gateway.metrics()
        refused = {
            limit: metrics.get(f'bayeux_rejected_total{{reason="SEC-{limit}"}}', 0) for limit in ("L4", "L5", "L17")
        }
        tell(f"publish to receive, p50 / p99: {told(before)} before, {told(during)} during, {len(during)} times")
        tell(f"memory grew by {growth:.0f} MiB; cut off by limit: {refused}")
        assert percentile(during, 99) < MOST_SECONDS
        assert percentile(during, 50) < 1.0
        assert all(refused.values())
        assert not gateway.complaints()


async def round_trips(gateway: GatewayProcess, seconds: float) -> list[float]:
    """How long normal clients wait for what they publish, each one's next after the last."""
    end = time.monotonic() + seconds
    measured = await asyncio.gather(*(one_normal_client(gateway, f"/normal/{n}", end) for n in range(NORMAL)))
    return [each for one in measured for each in one]


async def one_normal_client(gateway: GatewayProcess, channel: str, end: float) -> list[float]:
    socket = await WebSocket.open(gateway.cometd)
    socket.send(HANDSHAKE)
    client_id = orjson.loads(await socket.text())[0]["clientId"]
    socket.send(orjson.dumps({"channel": "/meta/subscribe", "subscription": channel, "clientId": client_id}))
    await socket.text()
    measured: list[float] = []
    while time.monotonic() < end:
        started = time.monotonic()
        socket.send(orjson.dumps({"channel": channel, "clientId": client_id, "data": len(measured)}))
        while not any(message.get("data") == len(measured) for message in orjson.loads(await socket.text())):
            pass  # the reply, in a frame of its own
        measured.append(time.monotonic() - started)
        await asyncio.sleep(0.1)  # a client that is no attack itself
    await socket.close()
    return measured


def percentile(values: list[float], percent: float) -> float:
    return sorted(values)[int(len(values) * percent / 100)]


def told(values: list[float]) -> str:
    return f"{percentile(values, 50) * 1000:.1f} / {percentile(values, 99) * 1000:.1f} ms"


# -- publishing to nobody ----------------------------------------------------------------------------

SEED = 49
PUBLISHES = 100_000
BATCH = 100
MOST_GROWTH = 8 * 2**20
LONG_NAMES = 10_000
MOST_FOR_NAMES = 160 * 2**20
"""What recent names may take until they are swept, however long they are."""
CHANNELS = 'bayeux_channels{worker="0"}'
WITHOUT_RATE = {"bayeux.session_message_rate": 0}


@pytest.mark.parametrize("prefix", ["", "/service"])
@pytest.mark.spec("SEC-49")
async def test_publishing_to_random_names_leaves_nothing_behind(prefix: str, tmp_path: Path, tell: Tell) -> None:
    """After the same again, the gateway is no larger than after the first time."""
    tell(f"seed {SEED}")
    chance = random.Random(SEED)
    names = [f"{prefix}/soak/{chance.getrandbits(64):x}" for _ in range(PUBLISHES)]
    with gateway_process(tmp_path, WITHOUT_RATE) as gateway:
        channels = gateway.metrics()[CHANNELS]
        await publish(gateway, names[: PUBLISHES // 2])
        await swept(gateway, channels)
        first, started = gateway.memory(), time.monotonic()
        await publish(gateway, names[PUBLISHES // 2 :])
        seconds = time.monotonic() - started
        await swept(gateway, channels)
        growth = gateway.memory() - first
        tell(f"{PUBLISHES} publishes, {PUBLISHES / 2 / seconds:.0f} a second")
        tell(f"memory grew by {growth / 2**20:.1f} MiB in the second half")
        assert growth < MOST_GROWTH
        assert not gateway.complaints()


@pytest.mark.parametrize(("segments", "length"), [(32, 512), (128, 2048)])
@pytest.mark.spec("SEC-2", "SEC-49", "CH-5")
async def test_the_longest_names_take_little_memory(segments: int, length: int, tmp_path: Path, tell: Tell) -> None:
    """Those that are taken, and those that are refused: thousands of either."""
    segment = length // segments - 1
    rest = f"/{'x' * segment}" * (segments - 1)
    with gateway_process(tmp_path, WITHOUT_RATE) as gateway:
        before = gateway.memory()
        await publish(gateway, [f"/{n:0{segment}}{rest}" for n in range(LONG_NAMES)])
        growth = gateway.memory() - before
        tell(f"{LONG_NAMES} names of {length} characters in {segments} segments: {growth / 2**20:.0f} MiB")
        assert growth < MOST_FOR_NAMES


async def publish(gateway: GatewayProcess, names: list[str]) -> None:
    """Publish once to each of these names, and wait for the answers."""
    socket = await WebSocket.open(gateway.cometd)
    socket.send(HANDSHAKE)
    client_id = orjson.loads(await socket.text())[0]["clientId"]
    for first in range(0, len(names), BATCH):
        batch = names[first : first + BATCH]
        socket.send(orjson.dumps([{"channel": name, "clientId": client_id, "data": 1} for name in batch]))
        assert len(orjson.loads(await socket.text())) == len(batch)
    await socket.close()


async def swept(gateway: GatewayProcess, channels: float) -> None:
    """Wait until there are only so many channels."""
    end = time.monotonic() + WAIT
    while (left := gateway.metrics()[CHANNELS]) != channels:
        assert time.monotonic() < end, f"{left - channels:.0f} channels are left"
        await asyncio.sleep(0.5)
