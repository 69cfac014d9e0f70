"""What a link does while all is well: the same in every topology."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from redis import exceptions

from bayeux.backplane.redis import link as link_module
from bayeux.backplane.redis import servers
from bayeux.backplane.redis.follower import Entries
from bayeux.backplane.redis.unavailable import StoreUnavailable
from bayeux.protocol.errors import Unavailable
from tests.backplane.redis.conftest import Connect
from tests.backplane.redis.linked import APPEND, FAILING, fresh, until
from tests.support.nodes_on_redis import TIMING
from tests.support.redis_server import (
    MASTER,
    PASSWORD,
    RIGHTS,
    SENTINEL_PASSWORD,
    RedisCluster,
    RedisServer,
    SecureRedis,
    Sentinels,
)


@pytest.mark.spec("OPS-70")
async def test_commands_and_scripts_are_answered(url: str, connect: Connect) -> None:
    """As bytes, numbers, None and lists of them."""
    node = connect(url)
    await node.link.start()
    assert node.link.is_connected and node.link.trouble == ""
    key = fresh()
    assert await node.link.call("GET", key) is None
    assert await node.link.call("SET", key, b"\x00\xff") == b"OK"
    assert await node.link.call("GET", key) == b"\x00\xff"
    assert await node.append(key, 7) == 1
    assert await node.append(key, 7) == -1
    assert await node.numbers(key) == [7]


# By TLS a busy machine may answer late; the link tries again.
@pytest.mark.expected_logs("does not answer in time")
@pytest.mark.spec("OPS-71")
async def test_calls_made_at_once_share_a_connection_and_keep_their_order(url: str, connect: Connect) -> None:
    """Pipelined: none waits for the answer to another."""
    node = connect(url)
    await node.link.start()
    names = [fresh() for _ in range(8)]
    lengths = await asyncio.gather(*(node.append(name, number) for number in range(1, 101) for name in names))
    assert lengths == [number for number in range(1, 101) for _ in names]
    for name in names:
        assert await node.numbers(name) == list(range(1, 101))


async def test_what_is_published_is_heard_by_all_who_subscribed(url: str, connect: Connect) -> None:
    """In order, and only while they are subscribed; ``subscribed`` comes before the first message."""
    one, other = connect(url), connect(url)
    channels = [fresh() for _ in range(64)]
    for node in (one, other):
        await node.link.start()
        await node.link.subscribe(channels)
    for number in range(3):
        for channel in channels:
            await one.publish(channel, number)
    for node in (one, other):
        await until(lambda node=node: len(node.told.messages) == 192)
        assert node.told.log[0] == "connected"
        for channel in channels:
            assert [e for e in node.told.log if channel in e] == [f"+{channel}", *(f"{channel}={n}" for n in range(3))]
    other.link.unsubscribe(channels)
    for channel in channels:
        await one.publish(channel, "last")
    await until(lambda: len(one.told.messages) == 256)
    await other.link.subscribe(channels)
    await one.publish(channels[0], "again")
    await until(lambda: len(other.told.messages) > 192)
    assert other.told.messages[192:] == [(channels[0], b"again")]


async def test_channel_that_is_given_up_and_wanted_again_is_heard(url: str, connect: Connect) -> None:
    """Also when nothing of it has been confirmed yet."""
    node = connect(url)
    await node.link.start()
    channel = fresh()
    for _ in range(3):
        subscribing = asyncio.create_task(node.link.subscribe([channel]))
        await asyncio.sleep(0)
        node.link.unsubscribe([channel])
        await subscribing
    await node.link.subscribe([channel])
    await node.publish(channel, "x")
    await until(lambda: node.told.messages == [(channel, b"x")])


async def test_stream_is_followed_in_order(url: str, connect: Connect) -> None:
    """What was there before, and what comes; by two followers alike."""
    node = connect(url, TIMING)
    await node.link.start()
    stream, read, late = fresh("lane"), list[tuple[bytes, bytes]](), list[bytes]()

    def received(entries: Entries) -> None:
        read.extend((fields[0], fields[1]) for _, fields in entries)

    for number in range(600):
        await node.link.call("XADD", stream, "*", "number", number)
    node.link.follow(stream, received)
    await until(lambda: len(read) == 600)
    middle = (await node.link.call("XRANGE", stream, "-", "+", "COUNT", 590))[-1][0]
    follower = node.link.follow(stream, lambda entries: late.extend(fields[1] for _, fields in entries), middle)
    await until(lambda: len(late) == 10)
    await node.link.call("XADD", stream, "*", "number", 600)
    await until(lambda: len(read) == 601 and len(late) == 11)
    assert read == [(b"number", str(number).encode()) for number in range(601)]
    assert late == [str(number).encode() for number in range(590, 601)]
    await follower.stop()
    await node.link.call("XADD", stream, "*", "number", 601)
    await until(lambda: len(read) == 602)
    assert len(late) == 11


async def test_defect_of_ours_is_raised_as_it_is(url: str, connect: Connect) -> None:
    """What Redis refuses because it makes no sense is no trouble of the store."""
    node = connect(url)
    await node.link.start()
    key = fresh()
    await node.link.call("SET", key, "text")
    with pytest.raises(exceptions.ResponseError, match="not an integer"):
        await node.link.run(FAILING, [key])
    with pytest.raises(exceptions.ResponseError, match="WRONGTYPE"):
        await node.link.call("LLEN", key)
    assert node.link.is_connected


async def test_caller_who_gives_up_takes_nobody_elses_answer(server: RedisServer, connect: Connect) -> None:
    """The answer to a call that was cancelled is read and thrown away."""
    node = connect(server.url)
    await node.link.start()
    key = fresh()
    abandoned = asyncio.create_task(node.link.call("SET", key, 1))
    await asyncio.sleep(0)
    kept = asyncio.create_task(node.link.call("GET", key))
    await asyncio.sleep(0)
    abandoned.cancel()
    assert await kept == b"1"


async def test_calls_that_wait_are_bounded(
    server: RedisServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More fail at once, and those before them are not harmed."""
    monkeypatch.setattr(link_module, "MAX_CALLS", 100)
    node = connect(server.url)
    await node.link.start()
    key = fresh()
    results = await asyncio.gather(*(node.link.call("INCR", key) for _ in range(150)), return_exceptions=True)
    assert results[:100] == list(range(1, 101))
    assert all(isinstance(result, StoreUnavailable) and "too slow" in str(result) for result in results[100:])
    assert await node.link.call("GET", key) == b"100"


@pytest.mark.spec("OPS-71")
async def test_node_has_two_connections_and_one_a_stream(server: RedisServer, connect: Connect) -> None:
    """Whatever it does; they carry its name."""
    node = connect(server.url)
    await node.link.start()
    await node.link.subscribe([fresh() for _ in range(100)])
    node.link.follow(fresh(), lambda entries: None)
    await asyncio.gather(*(node.link.call("GET", fresh()) for _ in range(100)))

    def own() -> list[str]:
        return [line for line in server.ask("CLIENT", "LIST").splitlines() if "name=bayeux:node0" in line]

    await until(lambda: len(own()) == 3)
    await node.link.stop()
    await until(lambda: not own())


async def test_stopped_link_refuses(server: RedisServer, connect: Connect) -> None:
    """In words, at once; nothing is told after ``stop``."""
    node = connect(server.url)
    await node.link.start()
    await node.link.stop()
    with pytest.raises(Unavailable):
        await node.link.call("GET", "x")
    with pytest.raises(Unavailable):
        await node.link.subscribe([fresh()])
    assert node.told.log == ["connected"]


async def test_client_is_told_no_more_than_503() -> None:
    """What operators read names servers."""
    error = StoreUnavailable("redis://ada@cache:6379 cannot be reached")
    assert error.wire == "503::unavailable" and str(error) == error.why


async def test_answer_that_lies_unread_is_no_time_out(server: RedisServer, connect: Connect) -> None:
    """A loop that was busy, or a process that was stopped, reads late what came in time."""
    node = connect(server.url)
    await node.link.start()
    await asyncio.sleep(0.5)  # amid probes
    for _ in range(3):
        call = asyncio.create_task(node.link.call("INCR", fresh()))
        await asyncio.sleep(0)
        time.sleep(1)  # noqa: ASYNC251 - that is the point
        assert await call == 1
    assert "disconnected" not in node.told.log and node.link.tally.reconnects == 0


# Versions


@pytest.mark.spec("OPS-70")
async def test_cluster_before_sharded_channels_is_used_with_plain_ones(
    cluster: RedisCluster, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 7.0; subscriptions are spread over the servers all the same."""
    monkeypatch.setattr(servers, "SHARDED_FROM", (99, 0))
    node = connect(cluster.url)
    await node.link.start()
    channels = [fresh() for _ in range(20)]
    await node.link.subscribe(channels)
    assert not node.link.is_sharded
    for channel in channels:
        await node.append(channel, 1)
    await until(lambda: sorted(node.told.messages) == sorted((channel, b"1") for channel in channels))


@pytest.mark.spec("OPS-70")
@pytest.mark.expected_logs("is Redis 7.* 99.0 or later is needed")
async def test_old_server_is_warned_of_once(
    server: RedisServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And used."""
    monkeypatch.setattr(servers, "OLDEST", (99, 0))
    node = connect(server.url)
    await node.link.start()
    assert node.link.is_connected
    assert len(caplog.records) == 1


# What cannot be connected with


@pytest.mark.spec("OPS-70")
@pytest.mark.expected_logs("WARNING bayeux.backplane.redis")
@pytest.mark.parametrize(
    "wrong",
    [
        "password",
        "no password",
        "no sentinel password",
        "certificate",
        "file",
        "plain",
        "name",
        "replica",
        "sentinel",
        "mode",
    ],
)
async def test_what_is_wrong_is_told_without_the_password(
    wrong: str,
    server: RedisServer,
    secure: SecureRedis,
    sentinels: Sentinels,
    cluster: RedisCluster,
    connect: Connect,
) -> None:
    """Problem, place, next step: in what calls raise, in ``trouble``, and once in the log."""
    place = f"127.0.0.1:{secure.server.port}"
    url, told = {
        "password": (secure.url.replace("not-to", "not-TO"), "check user and password"),
        "certificate": (secure.url.partition("?")[0], "(?i)certificate"),
        "file": (f"{secure.url}.missing", "files that the URL names"),
        "plain": (f"redis://{place}", "cannot be reached|does not answer"),
        "name": (sentinels.url.replace(f"/{MASTER}?", "/others?"), "knows no master 'others'"),
        "replica": (sentinels.replica.url, "is a replica"),
        "sentinel": (
            f"redis://:{SENTINEL_PASSWORD}@127.0.0.1:{sentinels.sentinels[0].port}",
            "is a Sentinel: write redis\\+sentinel://",
        ),
        "no password": (sentinels.master.url.replace(f":{quote(PASSWORD, safe='')}@", ""), "check user and password"),
        "no sentinel password": (sentinels.url.partition("?")[0], "no Sentinel helps.*check user and password"),
        "mode": (cluster.masters[0].url, "is a node of a Cluster: write redis\\+cluster://"),
    }[wrong]
    node = connect(url)
    await node.link.start()
    assert not node.link.is_connected
    with pytest.raises(Unavailable, match=told) as raised:
        await node.link.call("GET", fresh())
    for text in (str(raised.value), node.link.trouble):
        assert "127.0.0.1" in text
        assert not any(secret in text for secret in ("not-to", "not-TO", SENTINEL_PASSWORD))


def test_documented_account_is_that_of_the_tests() -> None:
    """No more rights than these are needed, and none is forgotten."""
    page = (Path(__file__).parents[3] / "docs/reference/redis.md").read_text(encoding="utf-8")
    assert RIGHTS.replace("bayeux*", "bayeux:*") in page


def test_scripts_are_known_by_their_hash() -> None:
    """As Redis computes it."""
    assert APPEND.sha != FAILING.sha and len(APPEND.sha) == 40
