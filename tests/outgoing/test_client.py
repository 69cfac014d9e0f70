"""Calls of other hosts, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from gateway.outgoing.breaker import FAILURES, PAUSE
from gateway.outgoing.client import CONNECTIONS, MOST_ORIGINS, Outgoing
from gateway.outgoing.failures import CallFailed, NoAnswer, TargetRefused
from gateway.outgoing.guard import Guard
from gateway.outgoing.origin import Bounds
from tests.outgoing.other_host import PUBLIC, Names, Rerouted, other_host, said
from tests.support.certificates import certified

OK = said("200 OK", b"fine")
NAMES = Names(push_example=[PUBLIC], other_example=["1.1.1.1"])
SHORT = Bounds(timeout=0.2)


@contextlib.asynccontextmanager
async def calling(port: int = 0, **options: object) -> AsyncIterator[Outgoing]:
    given = {"resolve": NAMES, "network": Rerouted(port), **options}
    outgoing = Outgoing(given.pop("guard", Guard()), **given)  # type: ignore[arg-type]
    try:
        yield outgoing
    finally:
        await outgoing.close()


@pytest.mark.spec("NT-13")
async def test_a_body_is_posted_and_the_answer_given() -> None:
    async with other_host(said("200 OK", b"fine", "X-Y: z")) as host, calling(host.port) as outgoing:
        answer = await outgoing.post("http://push.example/a?b", b"{}", {"Content-Type": "application/json"})
    assert (answer.status, answer.body, answer.headers["x-y"]) == (200, b"fine", "z")
    (request,) = host.requests
    assert request.line == "POST /a?b HTTP/1.1"
    assert request.body == b"{}"
    assert request.headers == {"host": "push.example", "content-type": "application/json", "content-length": "2"}


@pytest.mark.spec("SEC-70")
async def test_the_checked_address_is_connected_and_tls_and_host_say_the_name() -> None:
    trust = certified("push.example")
    async with other_host(OK, trust.server) as host:
        network = Rerouted(host.port)
        async with calling(network=network, tls=trust.client) as outgoing:
            await outgoing.post("https://push.example:8443/", b"", {})
    assert network.asked == [(PUBLIC, 8443)]
    assert host.requests[0].headers["host"] == "push.example:8443"


@pytest.mark.spec("SEC-71")
async def test_a_certificate_for_another_name_is_no_answer() -> None:
    trust = certified("other.example")
    async with other_host(OK, trust.server) as host, calling(host.port, tls=trust.client) as outgoing:
        with pytest.raises(NoAnswer):
            await outgoing.post("https://push.example/", b"", {})
    assert host.requests == []


@pytest.mark.spec("SEC-70")
async def test_a_name_is_resolved_once_for_check_and_connection() -> None:
    """One that says something harmless first and this machine then: what was checked is what is called."""
    names = Names(push_example=[[PUBLIC], ["127.0.0.1"]])
    async with other_host(said("200 OK", b"", "Connection: close")) as host:
        network = Rerouted(host.port)
        async with calling(resolve=names, network=network) as outgoing:
            await outgoing.post("http://push.example/", b"", {})
            assert names.asked == ["push.example"]
            with pytest.raises(TargetRefused):
                await outgoing.post("http://push.example/", b"", {})
    assert network.asked == [(PUBLIC, 80)]


@pytest.mark.spec("SEC-70")
@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["::1"],
        ["::ffff:192.168.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        ["169.254.169.254"],
        ["fe80::1%2"],
        ["0.0.0.0"],
        ["224.0.0.251"],
        ["100.64.0.1"],
    ],
)
async def test_a_name_with_an_address_of_ours_is_not_connected(addresses: list[str]) -> None:
    network = Rerouted(0)
    async with calling(resolve=Names(push_example=addresses), network=network) as outgoing:
        with pytest.raises(TargetRefused):
            await outgoing.post("http://push.example/", b"", {})
    assert network.asked == []


async def test_of_several_addresses_the_next_one_is_tried() -> None:
    async with other_host(OK) as host:
        network = Rerouted(host.port, down=["2a00::1"])
        async with calling(resolve=Names(push_example=["2a00::1", PUBLIC]), network=network) as outgoing:
            await outgoing.post("http://push.example/", b"", {})
    assert network.asked == [("2a00::1", 80), (PUBLIC, 80)]


async def test_an_address_is_called_without_asking_for_a_name() -> None:
    names = Names()
    async with other_host(OK) as host:
        network = Rerouted(host.port)
        async with calling(resolve=names, network=network) as outgoing:
            await outgoing.post("http://[2a00:1450::1]:8080/", b"", {})
    assert (names.asked, network.asked) == ([], [("2a00:1450::1", 8080)])
    assert host.requests[0].headers["host"] == "[2a00:1450::1]:8080"


async def test_this_machine_is_called_where_that_is_allowed() -> None:
    outgoing = Outgoing(Guard(allows_private=True))
    async with other_host(OK) as host:
        assert (await outgoing.post(f"http://localhost:{host.port}/", b"", {})).status == 200
        await outgoing.close()


@pytest.mark.spec("SEC-70", "NT-13")
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirection_is_not_followed(status: str) -> None:
    redirection = said(status, b"", "Location: http://other.example/")
    async with other_host(redirection) as host, calling(host.port) as outgoing:
        answer = await outgoing.post("http://push.example/", b"", {})
    assert answer.status == int(status[:3])
    assert len(host.requests) == 1


@pytest.mark.spec("NT-13")
@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_who_is_too_slow_has_not_answered(begun: bytes) -> None:
    async with other_host(begun) as host, calling(host.port, bounds=SHORT) as outgoing:
        with pytest.raises(NoAnswer, match="within"):
            await outgoing.post("http://push.example/", b"", {})


async def test_who_says_one_byte_after_the_other_has_no_more_time() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with other_host(drip) as host, calling(host.port, bounds=SHORT) as outgoing:
        with pytest.raises(NoAnswer, match="within"):
            await outgoing.post("http://push.example/", b"", {})


@pytest.mark.spec("SEC-L25", "SEC-1")
@pytest.mark.parametrize(("size", "fits"), [(99, True), (100, True), (101, False)])
async def test_an_answer_has_a_size(size: int, fits: bool) -> None:
    async with (
        other_host(said("200 OK", b"x" * size)) as host,
        calling(host.port, bounds=Bounds(most_bytes=100)) as outgoing,
    ):
        if fits:
            assert len((await outgoing.post("http://push.example/", b"", {})).body) == size
        else:
            with pytest.raises(NoAnswer, match="too long"):
                await outgoing.post("http://push.example/", b"", {})


async def test_an_answer_without_an_end_is_cut() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    async with other_host(flood) as host, calling(host.port) as outgoing:
        with pytest.raises(NoAnswer, match="too long"):
            await outgoing.post("http://push.example/", b"", {})


@pytest.mark.parametrize(
    "said_instead",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x00\x05",
        b"HTTP/2 200\r\n\r\n",
        b"\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_no_answer(said_instead: bytes) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(said_instead)
        await writer.drain()
        writer.close()

    async with other_host(say) as host, calling(host.port, bounds=SHORT) as outgoing:
        with pytest.raises(NoAnswer):
            await outgoing.post("http://push.example/", b"", {})


async def test_a_name_that_nobody_knows_is_no_answer() -> None:
    async with calling() as outgoing:
        with pytest.raises(NoAnswer, match="name"):
            await outgoing.post("http://nobody.example/", b"", {})


@pytest.mark.spec("SEC-72")
@pytest.mark.parametrize("value", ["a\r\nHost: evil", "a\nb", "a\x00", "\u00e9", "\x7f"])
async def test_a_header_has_one_line(value: str) -> None:
    async with calling() as outgoing:
        with pytest.raises(TargetRefused):
            await outgoing.post("http://push.example/", b"", {"Authorization": value})


async def test_connections_are_used_again() -> None:
    async with other_host(OK) as host, calling(host.port) as outgoing:
        for _ in range(3):
            await outgoing.post("http://push.example/", b"", {})
    assert (host.connections, len(host.requests)) == (1, 3)


@pytest.mark.spec("SEC-70")
async def test_calls_that_begin_together_share_the_connections_of_their_origin() -> None:
    async with other_host(OK) as host, calling(host.port) as outgoing:
        await asyncio.gather(*(outgoing.post("http://push.example/", b"", {}) for _ in range(50)))
    assert len(host.requests) == 50
    assert host.connections <= CONNECTIONS


async def test_origins_have_connections_of_their_own() -> None:
    """Scheme, host and port make one: what an address said for one name is not said for another."""
    async with other_host(OK) as host, calling(host.port) as outgoing:
        for origin in ("push.example", "other.example", "push.example:8080", "push.example"):
            await outgoing.post(f"http://{origin}/", b"", {})
    assert host.connections == 3


async def test_after_the_end_nothing_is_connected() -> None:
    async with other_host(OK) as host:
        async with calling(host.port) as outgoing:
            await asyncio.gather(*(outgoing.post("http://push.example/", b"", {}) for _ in range(5)))
            assert host.open
        async with asyncio.timeout(60):
            while host.open:  # noqa: ASYNC110 - a socket's end arrives when it does
                await asyncio.sleep(0.001)


async def test_a_call_that_ended_badly_leaves_no_connection_to_the_next() -> None:
    answers = [said("200 OK", b"x" * 101), OK]

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(answers.pop(0))

    async with other_host(say) as host, calling(host.port, bounds=Bounds(most_bytes=100)) as outgoing:
        with pytest.raises(NoAnswer):
            await outgoing.post("http://push.example/", b"", {})
        assert (await outgoing.post("http://push.example/", b"", {})).body == b"fine"
    assert host.connections == 2


@pytest.mark.spec("SEC-70")
async def test_who_does_not_answer_is_left_alone_for_a_while() -> None:
    now = 0.0
    network = Rerouted(0, down=[PUBLIC])
    async with calling(network=network, now=lambda: now) as outgoing:
        for _ in range(FAILURES + 3):
            with pytest.raises(NoAnswer):
                await outgoing.post("http://push.example/", b"", {})
        assert len(network.asked) == FAILURES
        with pytest.raises(CallFailed):
            await outgoing.post("http://other.example/", b"", {})  # it has not failed yet
        assert len(network.asked) == FAILURES + 1
        now = PAUSE
        with pytest.raises(NoAnswer):
            await outgoing.post("http://push.example/", b"", {})
        assert len(network.asked) == FAILURES + 2


async def test_origins_that_nobody_calls_any_more_are_forgotten() -> None:
    async with other_host(OK) as host, calling(host.port) as outgoing:
        for port in range(20_000, 20_000 + MOST_ORIGINS + 10):
            await outgoing.post(f"http://push.example:{port}/", b"", {})
        async with asyncio.timeout(60):
            while host.open > MOST_ORIGINS:  # noqa: ASYNC110 - a socket's end arrives when it does
                await asyncio.sleep(0.001)


@pytest.mark.spec("NF-4")
async def test_failures_do_not_tell_the_place() -> None:
    """What customers have us call is a secret as often as not."""
    async with calling(network=Rerouted(0, down=[PUBLIC])) as outgoing:
        for url in ("http://push.example/s3cret?k=s3cret", "http://localhost/s3cret", "http://s3cret@push.example/"):
            with pytest.raises(CallFailed) as failed:
                await outgoing.post(url, b"", {})
            assert "s3cret" not in str(failed.value)
