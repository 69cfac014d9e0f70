"""Section 17: headers and compression."""

from __future__ import annotations

import gzip

import orjson
import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import LongPolling, check_reply, event, success

spec = pytest.mark.spec

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def client(guests: Guests, channel: str) -> LongPolling:
    """Subscribed, so that the answer to a publish is as large as the publish."""
    made = guests.long_polling()
    await made.ready()
    await made.subscribe(channel)
    return made


@spec("ENC-2", "ENC-1", "HTTP-3")
@pytest.mark.parametrize(
    "accepted", ["gzip", "gzip, deflate, br", "deflate, GZIP;q=0.5", "*", "br;q=1, gzip;q=0.8, *;q=0.1"]
)
async def test_large_answer_is_compressed_for_who_accepts_it(client: LongPolling, channel: str, accepted: str) -> None:
    message = client.message(channel, data="x" * 3000)
    reply = await client.post([message], {**JSON, "Accept-Encoding": accepted})
    assert reply.header("content-encoding") == "gzip"
    assert "accept-encoding" in reply.tokens("vary")
    assert reply.header("content-length") == str(len(reply.body))
    assert len(reply.body) < 1000
    assert check_reply(reply) == [event(channel, "x" * 3000), success(message)]


@spec("ENC-2")
@pytest.mark.parametrize(
    "accepted", [None, "identity", "br", "gzip;q=0", "gzip; q=0.000, deflate", "*;q=0", "deflate", "x-gzip2"]
)
async def test_large_answer_is_plain_for_others(client: LongPolling, channel: str, accepted: str | None) -> None:
    message = client.message(channel, data="x" * 3000)
    headers = {**JSON, "Accept-Encoding": accepted} if accepted else JSON
    reply = await client.post([message], headers)
    assert reply.header("content-encoding") is None
    assert check_reply(reply) == [event(channel, "x" * 3000), success(message)]


@spec("ENC-2")
async def test_small_answer_is_plain(client: LongPolling) -> None:
    reply = await client.post([client.message("/service/conformance/x")], {**JSON, "Accept-Encoding": "gzip"})
    assert reply.header("content-encoding") is None
    check_reply(reply)


@spec("ENC-2", "SEC-1")
async def test_1024_bytes_are_large(client: LongPolling, channel: str) -> None:
    """One byte less is not."""
    message = client.message(channel, data="")
    empty = len(orjson.dumps([event(channel, ""), success(message)]))
    for size in (1023, 1024, 1025):
        data = "x" * (size - empty)
        reply = await client.post([{**message, "data": data}], {**JSON, "Accept-Encoding": "gzip"})
        assert len(reply.content) == size
        assert (reply.header("content-encoding") == "gzip") is (size >= 1024)


@spec("ENC-2")
@pytest.mark.profile("no-gzip")
async def test_compression_is_an_option(client: LongPolling, channel: str) -> None:
    reply = await client.post([client.message(channel, data="x" * 3000)], {**JSON, "Accept-Encoding": "gzip"})
    assert reply.header("content-encoding") is None


@spec("ENC-2", "CORS-2")
@pytest.mark.profile("origins")
async def test_both_reasons_to_vary_are_named(client: LongPolling, channel: str) -> None:
    headers = {**JSON, "Accept-Encoding": "gzip", "Origin": "https://app.example.com"}
    reply = await client.post([client.message(channel, data="x" * 3000)], headers)
    assert {"accept-encoding", "origin"} <= reply.tokens("vary")


@spec("ENC-2", "CN-3")
async def test_released_connect_is_compressed_as_its_request_asked(
    client: LongPolling, guests: Guests, channel: str
) -> None:
    poll = await client.warm_connection()
    request = client.connect_message()
    client.write(poll, [request], {**JSON, "Accept-Encoding": "gzip"})
    await client.barrier()
    bob = guests.long_polling()
    await bob.ready()
    await bob.publish(channel, "x" * 3000)
    reply = await poll.reply()
    assert reply.header("content-encoding") == "gzip"
    assert check_reply(reply) == [event(channel, "x" * 3000), success(request)]


@spec("ENC-3", "SEC-18")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x-gzip", "gzip, gzip"])
async def test_compressed_request_is_refused(client: LongPolling, encoding: str) -> None:
    """415, and it is not looked at."""
    body = gzip.compress(orjson.dumps([client.message("/meta/disconnect")]))
    reply = await client.post(body, {**JSON, "Content-Encoding": encoding}, connection=await client.connection())
    assert reply.status == 415
    assert await client.is_known()


@spec("ENC-1", "SEC-34")
async def test_headers_of_every_answer(client: LongPolling) -> None:
    """Understood, refused, replaced, preflight: never stored, never sniffed."""
    answers = [
        await client.post([client.message("/service/conformance/x")]),
        await client.post([client.message("/meta/connect", clientId="gone")]),
        await client.post(b"[", connection=await client.connection()),
        await client.post(b"[{}" + b",{}" * 100 + b"]", connection=await client.connection()),
    ]
    held = await client.hold()
    await client.connect(advice={"timeout": 0})
    answers.append(await held.answer)
    for method in ("GET", "OPTIONS"):
        connection = await client.connection()
        connection.request(method, client.endpoint.path)
        answers.append(await connection.reply())
    for answer in answers:
        assert answer.tokens("cache-control") == {"no-cache", "no-store"}, answer
        assert answer.header("x-content-type-options") == "nosniff", answer


@spec("ENC-4", "LP-13")
async def test_connection_is_not_closed_without_need(client: LongPolling) -> None:
    connection = await client.connection()
    for _ in range(3):
        reply = await client.post([client.message("/service/conformance/x")], connection=connection)
        assert "close" not in reply.tokens("connection")
        assert connection.is_usable
