"""Malformed HTTP: refused with 400 and a close, and never understood in two ways."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from tests.conformance.conftest import Guests, Target
from tests.conformance.conversation import LongPolling, check_reply
from tests.support.wire import Endpoint, HttpConnection

spec = pytest.mark.spec

BODY = b"[{}]"
GOOD = b"Host: HOST\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: 4\r\n"
SECOND = b"POST PATH HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\n\r\n[{}]"


def post(headers: bytes, body: bytes = BODY, line: bytes = b"POST PATH HTTP/1.1") -> bytes:
    return line + b"\r\n" + headers + b"\r\n" + body


MALFORMED: dict[str, bytes] = {
    # Two ways to tell where the body ends
    "two lengths": post(GOOD + b"Content-Length: 4\r\nContent-Length: 5\r\n"),
    "two equal lengths": post(GOOD + LENGTH + LENGTH),
    "a list of lengths": post(GOOD + b"Content-Length: 4, 5\r\n"),
    "a list of equal lengths": post(GOOD + b"Content-Length: 4, 4\r\n"),
    "length and chunked": post(GOOD + LENGTH + b"Transfer-Encoding: chunked\r\n", b"4\r\n[{}]\r\n0\r\n\r\n"),
    "chunked and length": post(GOOD + b"Transfer-Encoding: chunked\r\n" + LENGTH, b"4\r\n[{}]\r\n0\r\n\r\n"),
    "negative length": post(GOOD + b"Content-Length: -4\r\n"),
    "length with a plus": post(GOOD + b"Content-Length: +4\r\n"),
    "hexadecimal length": post(GOOD + b"Content-Length: 0x4\r\n"),
    "length with an underscore": post(GOOD + b"Content-Length: 0_4\r\n"),
    "length with a space": post(GOOD + b"Content-Length: 4 4\r\n"),
    "length that is a word": post(GOOD + b"Content-Length: four\r\n"),
    "empty length": post(GOOD + b"Content-Length:\r\n"),
    "fraction of a length": post(GOOD + b"Content-Length: 4.0\r\n"),
    "length beyond 64 bits": post(GOOD + b"Content-Length: 18446744073709551620\r\n"),
    "digits of another script": post(GOOD + "Content-Length: \u0664\r\n".encode()),
    "unknown transfer encoding": post(GOOD + b"Transfer-Encoding: gzip\r\n"),
    "identity transfer encoding": post(GOOD + b"Transfer-Encoding: identity\r\n"),
    "chunked twice": post(
        GOOD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"4\r\n[{}]\r\n0\r\n\r\n"
    ),
    "chunked, chunked": post(GOOD + b"Transfer-Encoding: chunked, chunked\r\n", b"4\r\n[{}]\r\n0\r\n\r\n"),
    "chunked is not last": post(GOOD + b"Transfer-Encoding: chunked, identity\r\n", b"4\r\n[{}]\r\n0\r\n\r\n"),
    "xchunked": post(GOOD + b"Transfer-Encoding: xchunked\r\n", b"4\r\n[{}]\r\n0\r\n\r\n"),
    "chunked with a vertical tab": post(GOOD + b"Transfer-Encoding: \x0bchunked\r\n", b"4\r\n[{}]\r\n0\r\n\r\n"),
    "space before the colon of a transfer encoding": post(
        GOOD + b"Transfer-Encoding : chunked\r\n", b"4\r\n[{}]\r\n0\r\n\r\n"
    ),
    "space before the colon of a length": post(GOOD + b"Content-Length : 4\r\n"),
    # Chunks
    "chunk size is no number": post(GOOD + b"Transfer-Encoding: chunked\r\n", b"z\r\n[{}]\r\n0\r\n\r\n"),
    "chunk size is empty": post(GOOD + b"Transfer-Encoding: chunked\r\n", b"\r\n[{}]\r\n0\r\n\r\n"),
    "chunk size with 0x": post(GOOD + b"Transfer-Encoding: chunked\r\n", b"0x4\r\n[{}]\r\n0\r\n\r\n"),
    "negative chunk size": post(GOOD + b"Transfer-Encoding: chunked\r\n", b"-4\r\n[{}]\r\n0\r\n\r\n"),
    "chunk size with a plus": post(GOOD + b"Transfer-Encoding: chunked\r\n", b"+4\r\n[{}]\r\n0\r\n\r\n"),
    "chunk size with an underscore": post(GOOD + b"Transfer-Encoding: chunked\r\n", b"0_4\r\n[{}]\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": post(
        GOOD + b"Transfer-Encoding: chunked\r\n", b"10000000000000004\r\n[{}]\r\n0\r\n\r\n"
    ),
    "chunk longer than its size": post(GOOD + b"Transfer-Encoding: chunked\r\n", b"2\r\n[{}]\r\n0\r\n\r\n"),
    "chunk without its line end": post(GOOD + b"Transfer-Encoding: chunked\r\n", b"4\r\n[{}]0\r\n\r\n"),
    # The request line
    "no version": post(GOOD + LENGTH, line=b"POST PATH"),
    "version 2.0": post(GOOD + LENGTH, line=b"POST PATH HTTP/2.0"),
    "version 1.2": post(GOOD + LENGTH, line=b"POST PATH HTTP/1.2"),
    "version 0.9": post(GOOD + LENGTH, line=b"POST PATH HTTP/0.9"),
    "version 11": post(GOOD + LENGTH, line=b"POST PATH HTTP/11"),
    "version in lower case": post(GOOD + LENGTH, line=b"POST PATH http/1.1"),
    "another protocol": post(GOOD + LENGTH, line=b"POST PATH ICE/1.1"),
    "no target": post(GOOD + LENGTH, line=b"POST  HTTP/1.1"),
    "two targets": post(GOOD + LENGTH, line=b"POST PATH PATH HTTP/1.1"),
    "tabs instead of spaces": post(GOOD + LENGTH, line=b"POST\tPATH\tHTTP/1.1"),
    "space before the method": post(GOOD + LENGTH, line=b" POST PATH HTTP/1.1"),
    "method in parentheses": post(GOOD + LENGTH, line=b"P(ST PATH HTTP/1.1"),
    "NUL in the target": post(GOOD + LENGTH, line=b"POST PATH/\x00 HTTP/1.1"),
    "control character in the target": post(GOOD + LENGTH, line=b"POST PATH/\x01 HTTP/1.1"),
    "DEL in the target": post(GOOD + LENGTH, line=b"POST PATH/\x7f HTTP/1.1"),
    "absolute form of another host": post(GOOD + LENGTH, line=b"POST http://evil.examplePATH HTTP/1.1"),
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    # Headers
    "folded header": post(GOOD + b"X-A: 1\r\n 2\r\n" + LENGTH),
    "fold before the first header": post(b" X: 1\r\n" + GOOD + LENGTH),
    "header without a colon": post(GOOD + b"nonsense\r\n" + LENGTH),
    "header without a name": post(GOOD + b": x\r\n" + LENGTH),
    "space in a header's name": post(GOOD + b"X A: x\r\n" + LENGTH),
    "parenthesis in a header's name": post(GOOD + b"X(A: x\r\n" + LENGTH),
    "control character in a header's name": post(GOOD + b"X\x01A: x\r\n" + LENGTH),
    "NUL in a header": post(GOOD + b"X-A: a\x00b\r\n" + LENGTH),
    "control character in a header": post(GOOD + b"X-A: a\x01b\r\n" + LENGTH),
    "DEL in a header": post(GOOD + b"X-A: a\x7fb\r\n" + LENGTH),
    "bare CR in a header": post(GOOD + b"X-A: a\rb\r\n" + LENGTH),
    "no Host": post(LENGTH),
    "two Hosts": post(b"Host: a\r\nHost: b\r\n" + LENGTH),
    "two equal Hosts": post(b"Host: HOST\r\nHost: HOST\r\n" + LENGTH),
    "a list of Hosts": post(b"Host: a, b\r\n" + LENGTH),
    "Host with a path": post(b"Host: a/b\r\n" + LENGTH),
    "Host with a space": post(b"Host: a b\r\n" + LENGTH),
    "Host with a user": post(b"Host: u@a\r\n" + LENGTH),
}


def on(endpoint: Endpoint, data: bytes) -> bytes:
    """The bytes with this server's path and authority in their places."""
    return data.replace(b"PATH", endpoint.path.encode()).replace(b"HOST", endpoint.authority.encode())


@pytest.fixture
async def client(guests: Guests) -> LongPolling:
    return guests.long_polling()


class Verdicts:
    """What each malformed request got, on a fresh connection and on one that had served a good request.

    All are asked at once: a server may let a refused connection linger before it closes it.
    """

    def __init__(self, url: str) -> None:
        self.fresh: dict[str, bytes] = {}
        self.in_use: dict[str, bytes] = {}
        asyncio.run(self._ask_for_all(url))

    async def _ask_for_all(self, url: str) -> None:
        await asyncio.gather(*(self._ask(url, name, is_used) for name in MALFORMED for is_used in (False, True)))

    async def _ask(self, url: str, name: str, is_used: bool) -> None:
        connection = await HttpConnection.open(url)
        try:
            endpoint = connection.endpoint
            if is_used:
                connection.write(on(endpoint, SECOND))
                assert (await connection.reply()).status == 200
            connection.write(on(endpoint, MALFORMED[name] + SECOND))
            verdicts = self.in_use if is_used else self.fresh
            verdicts[name] = await connection.rest()
        except TimeoutError:
            pass  # not closed: without a verdict its case fails
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def verdicts(target: Target) -> Verdicts:
    return Verdicts(target.url("default"))


@spec("SEC-19", "LP-13")
@pytest.mark.parametrize("place", ["fresh", "in_use"])
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_gets_one_refusal_and_a_close(verdicts: Verdicts, name: str, place: str) -> None:
    """What is smuggled behind it is never answered; on a connection in use the verdict is the same."""
    answer = getattr(verdicts, place).get(name)
    assert answer is not None, "the connection was not closed"
    assert answer.count(b"HTTP/1.") <= 1, answer
    assert not answer or answer.split(b" ")[1] in (b"400", b"404", b"431", b"501", b"505"), answer[:100]
    assert b"successful" not in answer


@spec("SEC-19", "LP-13")
@pytest.mark.parametrize(
    "data",
    [
        post(b"host: HOST\r\ncontent-length: 4\r\n"),
        post(b"Host: HOST\r\nContent-Length: 04\r\n"),
        post(b"Host: HOST\r\nX-A:   \t spaced out \t\r\n" + LENGTH),
        post(b"Host: HOST\r\nX-A:\r\n" + LENGTH),
        post(b"Host: HOST\r\nX-A: \xc3\xa9\r\n" + LENGTH),
        post(b"Host: HOST\r\nTransfer-Encoding: Chunked\r\n", b"0004\r\n[{}]\r\n000\r\n\r\n"),
        b"\r\n" + post(b"Host: HOST\r\n" + LENGTH),
        post(b"Host: HOST\r\n" + LENGTH, line=b"POST http://HOSTPATH HTTP/1.1"),
    ],
    ids=[
        "lower case", "leading zero", "white space", "empty value", "latin-1 value", "chunk size with zeros",
        "empty line before the request", "absolute form of this host",
    ],
)  # fmt: skip
async def test_unusual_but_valid_requests_are_understood(client: LongPolling, data: bytes) -> None:
    connection = await client.connection()
    connection.write(on(client.endpoint, data))
    reply = await connection.reply()
    assert check_reply(reply) == [{"successful": False, "error": "400::channel_missing"}]


@spec("SEC-L4", "SEC-1", "JP-6")
async def test_request_line_of_8_kib_passes(client: LongPolling) -> None:
    padding = "x" * (8 * 1024 - len(client.endpoint.path) - 20)
    (reply,) = check_reply(await client.post([client.handshake_message()], suffix=f"?{padding}"))
    assert reply["successful"]


@spec("SEC-L4", "SEC-1")
@pytest.mark.parametrize("shape", ["one header", "many headers", "request line"])
async def test_head_is_bounded(client: LongPolling, shape: str) -> None:
    """12 KiB pass; 20 KiB get 431 (a request line may get 414), or a close."""
    for size, passes in ((12 * 1024, True), (20 * 1024, False)):
        connection = await client.connection()
        headers = {"Content-Type": "application/json"}
        suffix = ""
        if shape == "one header":
            headers["X-Padding"] = "x" * size
        elif shape == "many headers":
            headers |= {f"X-{n}": "x" * 90 for n in range(size // 100)}
        elif passes:
            continue
        else:
            suffix = "?" + "x" * size
        body = orjson.dumps([client.handshake_message()])
        connection.request("POST", client.endpoint.path + suffix, headers, body)
        if passes:
            assert (await connection.reply()).status == 200
        else:
            rest = await connection.rest()
            assert not rest or rest.split(b" ")[1] in (b"431", b"414", b"400"), rest[:100]


@spec("SEC-L4")
async def test_head_without_end_is_bounded(client: LongPolling) -> None:
    """A megabyte of header that never ends."""
    connection = await client.connection()
    connection.write(on(client.endpoint, b"POST PATH HTTP/1.1\r\nHost: HOST\r\nX-A: "))
    connection.write(b"x" * 1024 * 1024)
    rest = await connection.rest()
    assert not rest or rest.split(b" ")[1] in (b"431", b"400"), rest[:100]
