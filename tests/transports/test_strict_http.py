"""Malformed HTTP: 400 and a close, never a second response; never less strict than Tornado (SEC-19)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

import pytest
from tornado.http1connection import is_transfer_encoding_chunked, parse_int
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, parse_request_start_line
from tornado.testing import bind_unused_port
from tornado.web import Application

from bayeux.transports.adopted.http import HttpRefused, RequestReader
from tests.support.wire import WAIT, Endpoint
from tests.transports.doors import PLAIN_DOORS, Elsewhere, open_house

SECOND = b"GET /cometd/second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""What an attacker wants to be taken for a request of its own."""


def head(*lines: bytes, start: bytes = b"POST /cometd HTTP/1.1", host: bytes = b"Host: x\r\n") -> bytes:
    return start + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def chunked(body: bytes) -> bytes:
    return head(b"Transfer-Encoding: chunked") + body


MALFORMED: dict[str, bytes] = {
    # framing: two opinions on where the body ends
    "two lengths": head(b"Content-Length: 2", b"Content-Length: 5") + b"[]",
    "two lengths in one": head(b"Content-Length: 2, 5") + b"[]",
    "length and chunked": head(b"Content-Length: 2", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunked and length": head(b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n",
    "length signed": head(b"Content-Length: +2") + b"[]",
    "length negative": head(b"Content-Length: -2") + b"[]",
    "length in hex": head(b"Content-Length: 0x2") + b"[]",
    "length with a fraction": head(b"Content-Length: 2.0") + b"[]",
    "length with underscore": head(b"Content-Length: 1_0") + b"[]",
    "length in words": head(b"Content-Length: two") + b"[]",
    "length empty": head(b"Content-Length:") + b"[]",
    "length with space inside": head(b"Content-Length: 1 0") + b"[]",
    "length beyond 64 bits": head(b"Content-Length: 18446744073709551618") + b"[]",
    "length in other digits": head("Content-Length: ٢".encode()) + b"[]",
    "other transfer coding": head(b"Transfer-Encoding: gzip") + b"[]",
    "chunked not last": head(b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "chunked twice": head(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "chunked twice in two lines": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "gzip then chunked": head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "chunked quoted": head(b'Transfer-Encoding: "chunked"') + b"0\r\n\r\n",
    "chunked misspelt": head(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunked after a vertical tab": head(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n",
    "transfer coding empty": head(b"Transfer-Encoding:") + b"0\r\n\r\n",
    # chunks
    "chunk size not hex": chunked(b"g\r\n[]\r\n0\r\n\r\n"),
    "chunk size signed": chunked(b"+2\r\n[]\r\n0\r\n\r\n"),
    "chunk size negative": chunked(b"-2\r\n[]\r\n0\r\n\r\n"),
    "chunk size with 0x": chunked(b"0x2\r\n[]\r\n0\r\n\r\n"),
    "chunk size with underscore": chunked(b"0_2\r\n[]\r\n0\r\n\r\n"),
    "chunk size empty": chunked(b"\r\n[]\r\n0\r\n\r\n"),
    "chunk size with space": chunked(b"2 \r\n[]\r\n0\r\n\r\n"),
    "chunk size behind space": chunked(b" 2\r\n[]\r\n0\r\n\r\n"),
    "chunk size enormous": chunked(b"FFFFFFFFFFFFFFFFF\r\n[]\r\n0\r\n\r\n"),
    "chunk size line endless": chunked(b"0" * 100 + b"2\r\n[]\r\n0\r\n\r\n"),
    "chunk size line ends in LF": chunked(b"2\n[]\r\n0\r\n\r\n"),
    "chunk with extension": chunked(b"2;a=b\r\n[]\r\n0\r\n\r\n"),
    "chunk with extension across lines": chunked(b"2;\n\r\n[]\r\n0\r\n\r\n"),
    "chunk longer than its size": chunked(b"2\r\n[]]\r\n0\r\n\r\n"),
    "chunk shorter than its size": chunked(b"3\r\n[]\r\n0\r\n\r\n"),
    "chunk without line end": chunked(b"2\r\n[]0\r\n\r\n"),
    "trailers": chunked(b"2\r\n[]\r\n0\r\nA: b\r\n\r\n"),
    "trailer that is a length": chunked(b"2\r\n[]\r\n0\r\nContent-Length: 50\r\n\r\n"),
    # header lines
    "folded header": head(b"A: b", b" c"),
    "folded header with tab": head(b"A: b", b"\tc"),
    "folded first header": head(b" A: b", host=b""),
    "folded length": head(b"Content-Length:", b" 2") + b"[]",
    "space before the colon": head(b"Content-Length : 2") + b"[]",
    "tab before the colon": head(b"A\t: b"),
    "space in a name": head(b"A B: c"),
    "no colon": head(b"Nonsense"),
    "no name": head(b": value"),
    "name with NUL": head(b"A\x00: b"),
    "name beyond ASCII": head("Ä: b".encode("latin-1")),
    "name in quotes": head(b'"A": b'),
    "name in brackets": head(b"(A): b"),
    "value with NUL": head(b"A: b\x00c"),
    "value with a bell": head(b"A: b\x07c"),
    "value with DEL": head(b"A: b\x7fc"),
    "value with CR": head(b"A: b\rContent-Length: 5"),
    "value with vertical tab": head(b"A: b\x0bc"),
    # host and target
    "no host": head(host=b""),
    "two hosts": head(b"Host: y"),
    "the same host twice": head(b"Host: x"),
    "two hosts in one": head(host=b"Host: x, y\r\n"),
    "host with space": head(host=b"Host: x y\r\n"),
    "host with a path": head(host=b"Host: x/y\r\n"),
    "host with user": head(host=b"Host: a@x\r\n"),
    "host with a quote": head(host=b'Host: "x"\r\n'),
    "host with a backslash": head(host=b"Host: x\\y\r\n"),
    "host beyond ASCII": head(host="Host: xä\r\n".encode("latin-1")),
    "absolute form of another host": head(start=b"POST http://y/cometd HTTP/1.1"),
    "absolute form of another port": head(start=b"POST http://x:81/cometd HTTP/1.1"),
    "absolute form with user": head(start=b"POST http://a@x/cometd HTTP/1.1"),
    "absolute form without a host": head(start=b"POST http:///cometd HTTP/1.1"),
    "absolute form, no host header": head(start=b"POST http://x/cometd HTTP/1.0", host=b""),
    # the request line
    "two blank lines first": b"\r\n\r\n" + head(b"Content-Length: 2") + b"[]",
    "version 2.0": head(start=b"POST /cometd HTTP/2.0"),
    "version 0.9": head(start=b"POST /cometd HTTP/0.9"),
    "version 1.2": head(start=b"POST /cometd HTTP/1.2"),
    "version 1.10": head(start=b"POST /cometd HTTP/1.10"),
    "version in lower case": head(start=b"POST /cometd http/1.1"),
    "other protocol": head(start=b"POST /cometd RTSP/1.0"),
    "method with a slash": head(start=b"PO/ST /cometd HTTP/1.1"),
    "method with NUL": head(start=b"PO\x00ST /cometd HTTP/1.1"),
    "two spaces": head(start=b"POST  /cometd HTTP/1.1"),
    "tab between": head(start=b"POST\t/cometd HTTP/1.1"),
    "space at the end": head(start=b"POST /cometd HTTP/1.1 "),
    "space in the target": head(start=b"POST /cometd /x HTTP/1.1"),
    "control character in the target": head(start=b"POST /cometd\x01 HTTP/1.1"),
    "NUL in the target": head(start=b"POST /cometd?\x00 HTTP/1.1"),
    "blank before the method": head(start=b" POST /cometd HTTP/1.1"),
    "chunked under 1.0": head(b"Transfer-Encoding: chunked", start=b"POST /cometd HTTP/1.0") + b"0\r\n\r\n",
}

ACCEPTED_BY_TORNADO_TOO: dict[str, bytes] = {
    "plain": head(b"Content-Length: 2") + b"[]",
    "chunked": chunked(b"2\r\n[]\r\n0\r\n\r\n"),
    "chunked, capitals": head(b"TRANSFER-ENCODING: Chunked") + b"02\r\n[]\r\n0\r\n\r\n",
    "blank line first": b"\r\n" + head(b"Content-Length: 2") + b"[]",
    "underscore in a name": head(b"A_b: c", b"Content-Length: 2") + b"[]",
    "odd but legal name": head(b"!#$%&'*+-.^_`|~0Z: c", b"Content-Length: 2") + b"[]",
    "empty value": head(b"A:", b"Content-Length: 2") + b"[]",
    "value beyond ASCII": head("A: ä".encode("latin-1"), b"Content-Length: 2") + b"[]",
    "tab around a value": head(b"A:\tb\t", b"Content-Length:\t2 ") + b"[]",
    "host with a port": head(b"Content-Length: 2", host=b"Host: example.com:8080\r\n") + b"[]",
    "host in IPv6": head(b"Content-Length: 2", host=b"Host: [::1]:8080\r\n") + b"[]",
    "host empty": head(b"Content-Length: 2", host=b"Host:\r\n") + b"[]",
    "HTTP/1.0 without a host": head(b"Content-Length: 2", start=b"POST /cometd HTTP/1.0", host=b"") + b"[]",
    "absolute form of this host": head(b"Content-Length: 2", start=b"POST HTTP://X/cometd HTTP/1.1") + b"[]",
    "upgrade to HTTP/2 with a body": head(b"Upgrade: h2c", b"Connection: Upgrade", b"Content-Length: 2") + b"[]",
    "query with all sorts": head(b"Content-Length: 2", start=b"POST /cometd?a='\"<>[]{}|\\^` HTTP/1.1") + b"[]",
    "no body": head(start=b"GET /cometd HTTP/1.1"),
}


async def answer(port: int, *parts: bytes) -> bytes:
    """Everything a server says to these bytes until it closes."""
    reader, writer = await Endpoint("127.0.0.1", port, "/", False).connect()
    try:
        async with asyncio.timeout(WAIT):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0)
            try:
                return await reader.read()
            except ConnectionError:
                return b""
    finally:
        writer.transport.abort()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass


def statuses(said: bytes) -> Sequence[bytes]:
    return [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]]


def accepts(parts: Iterable[bytes]) -> bool:
    """Whether our reader takes a request from these bytes, or does not refuse it with 400."""
    reader = RequestReader()
    target = None
    try:
        for part in parts:
            reader.feed(part)
            target = target or reader.target(16384)
            if target is not None and reader.read(16384, 262144) is not None:
                return True
    except HttpRefused as refusal:
        return refusal.status != 400
    return False


@pytest.fixture
async def tornado_port() -> AsyncIterator[int]:
    server = HTTPServer(Application([(r".*", Elsewhere)]))
    listening, port = bind_unused_port()
    server.add_socket(listening)
    yield port
    server.stop()
    await server.close_all_connections()


@pytest.mark.parametrize("door", PLAIN_DOORS)
@pytest.mark.spec("SEC-19")
async def test_malformed_request_gets_400_and_a_close_and_never_a_second_response(door: str) -> None:
    async with open_house(door) as house:
        said = {
            name: (
                await answer(house.port, request + SECOND),
                await answer(house.port, request[:30], request[30:] + SECOND),
            )
            for name, request in MALFORMED.items()
        }
    wrong = {name: both for name, both in said.items() if any(statuses(each) != [b"400"] for each in both)}
    assert len(MALFORMED) >= 60
    assert wrong == {}


@pytest.mark.spec("SEC-19")
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_is_refused_by_the_reader_in_whatever_pieces_it_comes(name: str) -> None:
    request = MALFORMED[name] + SECOND
    assert not accepts(request[n : n + 1] for n in range(len(request)))


@pytest.mark.spec("SEC-19")
async def test_tornado_refuses_nothing_that_we_accept(tornado_port: int) -> None:
    cases = MALFORMED | ACCEPTED_BY_TORNADO_TOO
    accepted = {name for name, request in cases.items() if accepts([request])}
    assert accepted == ACCEPTED_BY_TORNADO_TOO.keys()
    said = {name: statuses(await answer(tornado_port, cases[name] + SECOND)) for name in accepted}
    assert {name: each for name, each in said.items() if each[:1] in ([], [b"400"])} == {}


def tornado_accepts(request: bytes) -> bool:
    """The same judgement by the functions that Tornado's own connection calls, in their order."""
    text, separator, _ = request.decode("latin-1").removeprefix("\r\n").partition("\r\n\r\n")
    line, _, lines = text.partition("\r\n")
    try:
        headers = HTTPHeaders.parse(lines)
        HTTPServerRequest(headers=headers, start_line=parse_request_start_line(line))
        is_transfer_encoding_chunked(headers)
        if "Content-Length" in headers:
            parse_int(headers["Content-Length"])
    except (HTTPInputError, ValueError):
        return False
    return bool(separator)


@pytest.mark.spec("SEC-19")
def test_tornado_refuses_no_head_with_one_byte_changed_that_we_accept() -> None:
    """Every byte of a head replaced by, and followed by, every byte that means something."""
    request = head(b"Content-Length: 0", b"Connection: close", b"A: b c", start=b"POST http://x/cometd?a HTTP/1.1")
    odd = bytes([*range(33), *b'"#%,/:;<@\\_~0g', 127, 128, 133, 160, 255])
    changed = [
        request[:n] + bytes([each]) + request[m:] for n in range(len(request)) for each in odd for m in (n, n + 1)
    ]
    accepted = [each for each in changed if accepts([each])]
    assert len(accepted) > 100
    assert [each for each in accepted if not tornado_accepts(each)] == []


@pytest.mark.parametrize("door", PLAIN_DOORS)
@pytest.mark.spec("LP-13", "LP-3")
async def test_well_formed_oddities_are_understood(door: str) -> None:
    """All carry no messages: so they get the 400 of LP-3, and the next request gets its answer."""
    async with open_house(door) as house:
        for name, request in ACCEPTED_BY_TORNADO_TOO.items():
            said = await answer(house.port, request + SECOND)
            if b"HTTP/1.0" in request:
                assert statuses(said) == [b"400"], name
            else:
                assert statuses(said) == [b"400", b"400"], name
                assert said.endswith(b"Unknown Bayeux Transport"), name
