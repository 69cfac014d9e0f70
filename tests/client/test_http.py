"""The client's HTTP: answers in every shape a server may give them, and those it must refuse."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bayeux.client.errors import TransportFailed
from bayeux.client.http import Endpoint, HttpConnection, make_endpoint

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


@asynccontextmanager
async def answering(*pieces: bytes, then_close: bool = False) -> AsyncIterator[tuple[Endpoint, list[int]]]:
    """An endpoint that gives these bytes, one write each, to every request; and a list of its connections."""
    connections: list[int] = []
    tasks: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        try:
            while (await reader.readuntil(b"\r\n\r\n")) and await reader.readexactly(2):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if then_close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(answer(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield (
            make_endpoint(
                f"http://127.0.0.1:{port}/bayeux?a=1",
                headers={},
                auth=None,
                ssl=None,
                open_timeout=5,
                max_message_size=1000,
            ),
            connections,
        )
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*tasks), 5)


@asynccontextmanager
async def connected(endpoint: Endpoint) -> AsyncIterator[HttpConnection]:
    connection = HttpConnection(endpoint)
    try:
        yield connection
    finally:
        connection.close()


def byte_by_byte(answer: bytes) -> tuple[bytes, ...]:
    return tuple(bytes((byte,)) for byte in answer)


@pytest.mark.spec("LP-13")
@pytest.mark.parametrize(
    "pieces",
    [
        (OK,),
        byte_by_byte(OK),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n", b"1\r\n]\r\n0\r\n\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK,),
    ],
    ids=["whole", "byte by byte", "chunked", "continue"],
)
async def test_an_answer_is_read_whatever_its_shape_and_the_connection_kept(pieces: tuple[bytes, ...]) -> None:
    async with answering(*pieces) as (endpoint, connections), connected(endpoint) as connection:
        assert [await connection.post(b"[]") for _ in range(3)] == [b"[]", b"[]", b"[]"]
        assert len(connections) == 1


def packed(body: bytes, encoding: str = "gzip", data: bytes | None = None) -> bytes:
    """An answer with a compressed body."""
    data = gzip.compress(body) if data is None else data
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        encoding.encode(),
        len(data),
        data,
    )


@pytest.mark.spec("ENC-2")
@pytest.mark.parametrize(
    "pieces",
    [
        (packed(b"[1]"),),
        byte_by_byte(packed(b"[1]")),
        (packed(b"", "deflate", zlib.compress(b"[1]")),),
        (packed(b"", "identity", b"[1]"),),
    ],
    ids=["whole", "byte by byte", "deflate", "identity"],
)
async def test_a_compressed_answer_is_inflated(pieces: tuple[bytes, ...]) -> None:
    async with answering(*pieces) as (endpoint, _), connected(endpoint) as connection:
        assert [await connection.post(b"[]") for _ in range(2)] == [b"[1]", b"[1]"]


@pytest.mark.spec("ENC-2")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (packed(b" " * 1_000_000), "too large"),
        (packed(b"", data=b"no gzip at all"), "not compressed as it says"),
        (packed(b"", "br", b"??"), "not asked for"),
    ],
)
async def test_a_compressed_answer_of_no_use_is_a_failure(answer: bytes, reason: str) -> None:
    async with answering(answer) as (endpoint, _), connected(endpoint) as connection:
        with pytest.raises(TransportFailed, match=reason):
            await connection.post(b"[]")


async def test_a_connection_closed_by_the_server_is_replaced() -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    for answer in (OK, closing):
        async with answering(answer, then_close=True) as (endpoint, connections), connected(endpoint) as connection:
            await connection.post(b"[]")
            if connection._streams is not None:
                await connection._streams[0].read()  # until the end has come
            await connection.post(b"[]")
            assert len(connections) == 2


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    """As old proxies answer, who speak HTTP/1.0 to us (RFC 9112, 6.3)."""
    for version in (b"1.0", b"1.1"):
        answer = b"HTTP/%b 200 OK\r\nServer: old\r\n\r\n[1]" % version
        closing = answering(*byte_by_byte(answer), then_close=True)
        async with closing as (endpoint, connections), connected(endpoint) as connection:
            assert [await connection.post(b"[]") for _ in range(2)] == [b"[1]", b"[1]"]
            assert len(connections) == 2


@pytest.mark.spec("HTTP-9")
@pytest.mark.parametrize(
    ("answer", "reason", "status"),
    [
        (
            b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n",
            r"HTTP 503 from 127.0.0.1:\d+/bayeux$",
            503,
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
            "leads to 'http://elsewhere/': give",
            302,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n", "closed the connection", 0),
        (b"HTTP/1.1 200 OK\r\nX: y", "closed the connection", 0),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP", 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b" " * 1001, "too large", 0),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "too large", 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[]", "closed the connection", 0),
    ],
)
async def test_an_answer_of_no_use_is_a_failure(answer: bytes, reason: str, status: int) -> None:
    async with answering(answer, then_close=True) as (endpoint, _), connected(endpoint) as connection:
        with pytest.raises(TransportFailed, match=reason) as failed:
            await connection.post(b"[]")
        assert failed.value.status == status


async def test_a_cancelled_request_leaves_no_answer_for_the_next() -> None:
    async with answering() as (endpoint, connections), connected(endpoint) as connection:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await connection.post(b"[]")
        assert len(connections) == 2


def make(url: str, **headers: str) -> Endpoint:
    return make_endpoint(url, headers=headers, auth=None, ssl=None, open_timeout=1, max_message_size=1)


@pytest.mark.parametrize(
    ("url", "port", "is_secure", "target"),
    [
        ("http://host", 80, False, "/"),
        ("ws://host/x?y=1#z", 80, False, "/x?y=1"),
        ("https://host:8443/x", 8443, True, "/x"),
        ("wss://[::1]/", 443, True, "/"),
    ],
)
def test_http_and_ws_urls_mean_the_same_server(url: str, port: int, is_secure: bool, target: str) -> None:
    endpoint = make(url)
    assert (endpoint.port, endpoint.ssl is not None, endpoint.target) == (port, is_secure, target)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://host", "host"),
        ("https://host:443", "host"),
        ("https://host:80", "host:80"),
        ("ws://bücher.example/", "xn--bcher-kva.example"),
        ("http://[::1]", "[::1]"),
    ],
)
def test_host_is_written_as_browsers_do(url: str, host: str) -> None:
    """Without the default port, which some proxies compare as text, and in ASCII."""
    assert make(url).head("GET", {}) == f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def test_a_header_is_said_once_however_it_is_spelled() -> None:
    """A client with ``headers={"host": …}`` was refused for its two hosts; a renewed token went beside the old one."""
    endpoint = make("http://h/x", host="v", authorization="old")
    assert endpoint.set_header("Authorization", "new")
    assert not endpoint.set_header("Authorization", "new")
    assert endpoint.set_header("AUTHORIZATION", "newer")
    head = endpoint.head("POST", {"Content-Type": "c"})
    assert head == b"POST /x HTTP/1.1\r\nhost: v\r\nAUTHORIZATION: newer\r\nContent-Type: c\r\n\r\n"


def test_the_applications_own_cookies_stay_beside_the_servers() -> None:
    """They are what signs the user in; they were left out as soon as the server had set the browser cookie."""
    endpoint = make("http://h", cookie="login=1")
    endpoint.cookies.store("BAYEUX_BROWSER=k3; Path=/")
    assert b"\r\nCookie: login=1; BAYEUX_BROWSER=k3\r\n" in endpoint.head("POST", {})


@pytest.mark.parametrize(("name", "value"), [("a b", "c"), ("a:", "c"), ("", "c"), ("a\r\nb", "c"), ("a", "b\r\nc: d")])
def test_what_is_no_header_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        make("http://h", **{name: value})
    with pytest.raises(ValueError, match="header"):
        make("http://h").set_header(name, value)


def test_a_head_names_host_headers_and_cookies() -> None:
    endpoint = make("http://[::1]:81/x", Accept="*/*")
    endpoint.cookies.store("a=1; Path=/x")
    expected = b"POST /x HTTP/1.1\r\nHost: [::1]:81\r\nAccept: */*\r\nX: y\r\nCookie: a=1\r\n\r\n"
    assert endpoint.head("POST", {"X": "y"}) == expected
