"""Each fault of the proxy, between a raw client and an echo server."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from bayeux.testing import FaultProxy, Rates, Way
from bayeux.testing.carried import MAX_CHUNKS
from tests.support.wire import WAIT
from tests.testing.echo import FAREWELL, Echo, Wire, echo_server, until

BIG = bytes(range(256)) * 8192  # 2 MiB
UPGRADE = b"GET /cometd HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with echo_server() as server:
        yield server


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(echo.port) as before_it:
        yield before_it


async def test_without_a_fault_everything_is_carried_both_ways(proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as wire:
        sending = asyncio.create_task(wire.send(BIG))
        assert await wire.receive(len(BIG)) == BIG
        await sending
        assert proxy.tally.carried_bytes == 2 * len(BIG)
        assert proxy.url("/cometd") == f"http://127.0.0.1:{proxy.port}/cometd"


async def test_an_end_is_carried_as_an_end(echo: Echo, proxy: FaultProxy) -> None:
    """The client has said all and still reads, as an HTTP/1.0 client does."""
    async with Wire(proxy.port) as wire:
        await wire.send(b"hello")
        wire.finish()
        assert await wire.end() == b"hello" + FAREWELL
        assert (wire.is_reset, echo.ends) == (False, ["eof"])


async def test_a_reset_is_carried_as_a_reset(echo: Echo, proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as wire:
        await wire.ask(b"hello")
        wire.reset()
        await until(lambda: echo.ends)
        assert echo.ends == ["reset"]
        await until(lambda: not proxy.connections)


async def test_a_server_that_is_not_there_resets_its_clients() -> None:
    async with echo_server() as gone:
        port = gone.port
    async with FaultProxy(port) as proxy, Wire(proxy.port) as wire:
        assert (await wire.end(), wire.is_reset) == (b"", True)
        assert proxy.tally.unreachable == 1


async def test_a_cut_resets_both_sides_and_refuses_others_until_it_heals(echo: Echo, proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as wire:
        await wire.ask(b"hello")
        await proxy.cut()
        assert (await wire.end(), wire.is_reset) == (b"", True)
        await until(lambda: echo.ends)
        assert echo.ends == ["reset"]
    async with Wire(proxy.port) as wire:
        await wire.end()
        assert wire.is_reset
    proxy.heal()
    async with Wire(proxy.port) as wire:
        assert await wire.ask(b"again") == b"again"
    assert (proxy.tally.outages, proxy.tally.cuts, proxy.tally.refused) == (1, 1, 1)


async def test_late_bytes_are_overtaken_by_those_of_another_connection(echo: Echo, proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as late, Wire(proxy.port) as early:
        await late.ask(b"?")
        await early.ask(b"?")
        proxy.connections[0].delay(3600, way=Way.TO_SERVER)
        await late.send(b"late")
        await until(lambda: proxy.tally.delayed)
        assert await early.ask(b"early") == b"early"
        assert echo.received == b"??early"


async def test_late_bytes_arrive_in_their_order(proxy: FaultProxy) -> None:
    proxy.delay(0.002, jitter=0.01)
    async with Wire(proxy.port) as wire:
        for number in range(10):
            await wire.send(b"%d" % number)
            await asyncio.sleep(0)
        assert await wire.receive(10) == b"0123456789"
        assert proxy.tally.delayed >= 2


async def test_the_usual_latency_outlives_healing(echo: Echo) -> None:
    async with FaultProxy(echo.port, latency=0.001) as proxy:
        proxy.delay(60)
        proxy.heal()
        async with Wire(proxy.port) as wire:
            assert await wire.ask(b"hello") == b"hello"
            assert proxy.tally.delayed == 2


@pytest.mark.parametrize("way", [Way.TO_SERVER, Way.TO_CLIENT, None])
async def test_swallowed_bytes_vanish_while_the_connection_stays_open(
    echo: Echo, proxy: FaultProxy, way: Way | None
) -> None:
    async with Wire(proxy.port) as wire:
        await wire.ask(b"hello")
        proxy.swallow(way)
        await wire.send(b"nobody hears")
        await until(lambda: proxy.tally.swallowed_bytes)
        assert (b"nobody" in echo.received) is (way is Way.TO_CLIENT)
        assert len(proxy.connections) == 1
        proxy.heal()
        assert (await wire.end(), wire.is_reset) == (b"", True), "there is no going on after a hole"
    async with Wire(proxy.port) as wire:
        assert await wire.ask(b"again") == b"again"


async def test_an_end_vanishes_like_bytes(echo: Echo, proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as wire:
        await wire.ask(b"hello")
        proxy.swallow(Way.TO_SERVER)
        await wire.send(b"lost")
        wire.finish()
        await until(lambda: proxy.tally.swallowed_bytes)
        assert (echo.ends, len(proxy.connections)) == ([], 1)


async def test_nothing_lost_nothing_reset(proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as wire:
        await wire.ask(b"hello")
        proxy.swallow()
        proxy.heal()
        assert await wire.ask(b"again") == b"again"


async def test_dribbled_bytes_come_in_pieces_and_complete(echo: Echo, proxy: FaultProxy) -> None:
    proxy.dribble(3, way=Way.TO_SERVER)
    async with Wire(proxy.port) as wire:
        assert await wire.ask(b"0123456789") == b"0123456789"
        assert proxy.tally.pieces == 3
        assert echo.reads > 1
        proxy.dribble(0)
        assert await wire.ask(b"0123456789") == b"0123456789"
        assert proxy.tally.pieces == 3


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("way", list(Way))
async def test_a_connection_is_cut_in_the_middle_of_what_goes_one_way(
    echo: Echo, proxy: FaultProxy, way: Way, count: int
) -> None:
    async with Wire(proxy.port) as wire:
        proxy.cut_after(count, way)
        await wire.send(b"0123456789")
        read = await wire.end()
        await until(lambda: echo.ends)
        assert (echo.received if way is Way.TO_SERVER else read) == b"0123456789"[:count]
        assert (wire.is_reset, echo.ends, proxy.tally.cuts) == (True, ["reset"], 1)
    proxy.heal()
    async with Wire(proxy.port) as wire:
        assert await wire.ask(b"0123456789") == b"0123456789"


async def test_a_half_closed_way_ends_for_its_reader_and_the_other_goes_on(echo: Echo, proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as wire:
        await wire.ask(b"hello")
        proxy.half_close(Way.TO_CLIENT)
        assert (await wire.end(), wire.is_reset) == (b"", False)
        await wire.send(b"still heard")
        await until(lambda: echo.received == b"hellostill heard")
        assert proxy.tally.half_closes == 1
        proxy.heal()
        await until(lambda: echo.ends)
        assert echo.ends == ["reset"]


async def test_a_way_may_be_half_closed_between_two_pieces(echo: Echo, proxy: FaultProxy) -> None:
    """Story: the pieces left were written after the end, which broke the whole connection."""
    async with Wire(proxy.port) as wire:
        await wire.ask(b"hello")
        proxy.dribble(1, way=Way.TO_SERVER)
        await wire.send(b"0123456789")
        await until(lambda: proxy.tally.pieces)
        proxy.half_close(Way.TO_SERVER)
        assert (await wire.end()).endswith(FAREWELL)
        assert (echo.ends, wire.is_reset) == (["eof"], False)
        assert proxy.tally.swallowed_bytes > 0


async def test_the_server_may_be_told_that_the_client_has_said_all(echo: Echo, proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as wire:
        await wire.ask(b"hello")
        proxy.half_close(Way.TO_SERVER)
        assert await wire.end() == FAREWELL
        assert echo.ends == ["eof"]


@pytest.mark.parametrize("parts", [[UPGRADE], [UPGRADE[:-9], UPGRADE[-9:]]])
async def test_an_upgrade_is_refused_however_its_request_arrives(
    echo: Echo, proxy: FaultProxy, parts: list[bytes]
) -> None:
    proxy.refuse_upgrades = True
    async with Wire(proxy.port) as wire:
        for part in parts:
            await wire.send(part)
            await asyncio.sleep(0)
        assert (await wire.end()).startswith(b"HTTP/1.1 403 ")
        assert (echo.received, proxy.tally.refused_upgrades, wire.is_reset) == (b"", 1, False)
    request = UPGRADE.replace(b"Upgrade: websocket\r\n", b"")
    async with Wire(proxy.port) as wire:
        assert await wire.ask(request) == request


async def test_a_fault_of_one_connection_is_not_one_of_the_others(proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as first, Wire(proxy.port) as second:
        await first.ask(b"?")
        await second.ask(b"?")
        proxy.connections[0].cut()
        await first.end()
        assert first.is_reset
        assert await second.ask(b"hello") == b"hello"
        assert (proxy.tally.cuts, len(proxy.connections)) == (1, 1)


async def test_a_fault_of_all_befalls_those_that_come_later_too(proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as first:
        await first.ask(b"?")
        proxy.cut_after(2, Way.TO_CLIENT)
        async with Wire(proxy.port) as second:
            assert await second.ask(b"hello") == b"he"
        assert await first.ask(b"hello") == b"he"


async def test_more_connections_than_agreed_are_reset(echo: Echo) -> None:
    async with FaultProxy(echo.port, max_connections=1) as proxy, Wire(proxy.port) as first:
        await first.ask(b"?")
        async with Wire(proxy.port) as second:
            await second.end()
            assert second.is_reset
        assert await first.ask(b"hello") == b"hello"
        assert proxy.tally.refused == 1


async def test_who_sends_faster_than_the_other_side_reads_is_kept_waiting(proxy: FaultProxy) -> None:
    """What the proxy keeps is bounded; the rest stays in the sender's own socket."""
    proxy.delay(3600, way=Way.TO_SERVER)
    async with Wire(proxy.port) as wire:
        sending = asyncio.create_task(wire.send(b"x" * (64 << 20)))
        await until(lambda: proxy.tally.delayed > MAX_CHUNKS)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert proxy.tally.delayed <= MAX_CHUNKS + 2, "those that wait, the one before them, the one after"
        assert not sending.done()
        await proxy.cut()
        with pytest.raises(ConnectionError):
            await sending


@pytest.mark.parametrize(
    "wrong",
    [
        lambda proxy: proxy.delay(-1),
        lambda proxy: proxy.delay(1, jitter=-1),
        lambda proxy: proxy.dribble(-1),
        lambda proxy: proxy.cut_after(-1),
        lambda proxy: FaultProxy(1, latency=-1),
    ],
)
async def test_what_is_negative_is_refused(proxy: FaultProxy, wrong: Callable[[FaultProxy], Any]) -> None:
    with pytest.raises(ValueError, match="negative"):
        wrong(proxy)


@pytest.mark.parametrize("turns", range(6))
async def test_who_is_at_the_door_when_it_ends_is_reset(echo: Echo, turns: int) -> None:
    """No connection is forgotten, however far asyncio has got with it."""
    with socket.socket() as late:
        late.setblocking(False)
        async with FaultProxy(echo.port) as proxy:
            with suppress(BlockingIOError):
                late.connect(("127.0.0.1", proxy.port))
            for _ in range(turns):
                await asyncio.sleep(0)
        async with asyncio.timeout(WAIT):
            with suppress(ConnectionResetError):
                assert await asyncio.get_running_loop().sock_recv(late, 1) == b""
    gc.collect()  # what was forgotten is warned of


# At random ------------------------------------------------------------------------------------


async def keep_asking(proxy: FaultProxy, chance: random.Random) -> None:
    """A client that comes back, whatever happens to it; an answer is what was asked, or cut short."""
    while True:
        async with Wire(proxy.port) as wire:
            for _ in range(chance.randint(1, 10)):
                asked = chance.randbytes(chance.randint(1, 2000))
                try:
                    async with asyncio.timeout(0.05):
                        answer = await wire.ask(asked)
                except TimeoutError:
                    break
                assert asked.startswith(answer)
                if answer != asked:
                    break
        await asyncio.sleep(0)


async def test_at_random_every_fault_happens_and_healing_ends_them_all(echo: Echo, proxy: FaultProxy) -> None:
    rates = Rates(
        cut=5, cut_inside=5, delay=5, swallow=5, dribble=5, half_close=5, outage=5, longest=0.02, max_latency=0.01
    )
    tally, echo.farewell = proxy.tally, b""
    async with proxy.at_random(random.Random(7), rates):
        clients = [asyncio.create_task(keep_asking(proxy, random.Random(seed))) for seed in range(10)]
        await until(
            lambda: (
                all((tally.cuts, tally.delayed, tally.swallowed_bytes, tally.pieces, tally.half_closes))
                and tally.outages > 2
            )
        )
        assert not any(client.done() for client in clients)
        for client in clients:
            client.cancel()
        await asyncio.wait(clients, timeout=WAIT)
    cuts = tally.cuts
    async with Wire(proxy.port) as wire:
        for _ in range(100):
            assert await wire.ask(b"hello") == b"hello"
    assert tally.cuts == cuts


async def test_connections_there_already_suffer_too(proxy: FaultProxy) -> None:
    async with Wire(proxy.port) as wire:
        await wire.ask(b"hello")
        async with proxy.at_random(random.Random(7), Rates(cut=1000)):
            await wire.end()
            assert wire.is_reset


async def test_what_befalls_all_outlives_what_befell_one_at_random(proxy: FaultProxy) -> None:
    proxy.cut_after(3, Way.TO_CLIENT)
    rates = Rates(delay=1000, longest=0.001, max_latency=0.001)
    async with proxy.at_random(random.Random(7), rates), Wire(proxy.port) as wire:
        assert await wire.ask(b"a") == b"a"
        await asyncio.sleep(0.02)  # ends twenty delays, more or less
        assert await wire.ask(b"hello") == b"hel"
