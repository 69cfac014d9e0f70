"""One conversation through every door and carrier of our server: the same bytes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack

import orjson
import pytest

from tests.conformance.conftest import external_urls, peers
from tests.conformance.own_server import TORNADO_DOORS, OwnServer
from tests.support.wire import BINARY, CLOSE, TEXT, HttpConnection, Reply, WebSocket, frame

ONLY_TLS = re.compile(rb"; Secure|strict-transport-security: [^\r]+\r\n", re.IGNORECASE)
JSON = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}


@pytest.fixture(scope="module")
def urls(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """One server a door."""
    if external_urls(request.config) or peers(request.config):
        pytest.skip("these are the doors of our own server")
    with ExitStack() as stack:
        servers = [stack.enter_context(OwnServer(door, ("quick",))) for door in TORNADO_DOORS]
        yield [server.urls["quick"] for server in servers]


def masked(data: bytes, client_id: bytes) -> bytes:
    """Without what differs from run to run, and what TLS adds."""
    data = data.replace(client_id, b"X")
    return ONLY_TLS.sub(b"", re.sub(rb"BAYEUX_BROWSER=\w+", b"BAYEUX_BROWSER=X", data))


def head(reply: Reply) -> bytes:
    """The head of a response that was read already."""
    return "".join(
        [f"{reply.version} {reply.status}\r\n", *(f"{name}: {value}\r\n" for name, value in reply.headers)]
    ).encode()


async def poll(url: str) -> bytes:
    """All bytes that come back over HTTP."""
    connection = await HttpConnection.open(url)
    path = connection.endpoint.path
    connection.request("POST", path, JSON, b'[{"id":1,"channel":"/meta/handshake"}]')
    handshake = await connection.reply()
    client_id = handshake.json[0]["clientId"].encode()
    cookie = handshake.every("set-cookie")[0].partition(";")[0]

    def post(body: bytes, **headers: str) -> bytes:
        body = body.replace(b"ME", client_id)
        return connection.request_bytes("POST", path, {**JSON, "Cookie": cookie, **headers}, body)

    text = "\u00e9" * 1000
    connection.write(
        post(b'[{"id":"2","channel":"/meta/connect","clientId":"ME","connectionType":"long-polling"}]')
        + post(b'[{"id":"3","channel":"/meta/subscribe","clientId":"ME","subscription":["/a","/b/*"]}]')
        + post(f'[{{"channel":"/a","clientId":"ME","data":"{text}"}}]'.encode())
        + post(b'[{"channel":"/b/c","clientId":"ME","data":[1.5,null]},{"channel":"/meta/x"},{}]')
        + post(b"[")
        + post(b'{"channel":"/meta/connect","clientId":"gone"}', Origin="https://evil.example")
        + post(b'[{"id":"9","channel":"/meta/connect","clientId":"ME"}]')
        + post(b'[{"channel":"/meta/disconnect","clientId":"ME"}]', Connection="close")
    )
    rest = await connection.rest()
    await connection.close()
    return masked(head(handshake) + handshake.body + rest, client_id)


async def socket(url: str) -> bytes:
    """All bytes that come back on a WebSocket."""
    wire = await WebSocket.open(url, {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
    wire.send('{"id":1,"channel":"/meta/handshake"}')
    handshake = await wire.text()
    (reply,) = orjson.loads(handshake)
    client_id = reply["clientId"].encode()
    messages = [
        b'[{"id":"2","channel":"/meta/connect","clientId":"ME"}]',
        b'[{"id":"3","channel":"/meta/subscribe","clientId":"ME","subscription":"/**"}]',
        b'[{"channel":"/a","clientId":"ME","data":1},{"channel":"/b","clientId":"ME","data":2}]',
        b"[]",
        b"{",
        b'[{"id":"9","channel":"/meta/connect","clientId":"ME"}]',
        b'[{"id":"10","channel":"/meta/disconnect","clientId":"ME"}]',
        b"[{},{}",
    ]
    wire.write(b"".join(frame(TEXT, message.replace(b"ME", client_id)) for message in messages))
    wire.write(frame(BINARY, b"") + frame(CLOSE, (1000).to_bytes(2, "big")))
    rest = await wire.rest()
    await wire.close()
    return masked(head(wire.upgrade) + handshake.encode() + rest, client_id)


@pytest.mark.parametrize("conversation", [poll, socket])
async def test_every_door_and_carrier_gives_the_same_bytes(
    urls: list[str], conversation: Callable[[str], Awaitable[bytes]]
) -> None:
    """Handshake to disconnect in one write, with errors, compression, a hold and a close in it."""
    listener, handlers, tls = await asyncio.gather(*(conversation(url) for url in urls))
    assert listener == handlers
    assert handlers == tls
    assert listener.count(b'"successful":true') >= 4
