"""What a head says is found out once a connection; nothing of one request may reach the next (SEC-19, SEC-42)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.server.transport import Context
from bayeux.transports.adopt import Door
from bayeux.transports.adopted.carrier import Returned
from bayeux.transports.adopted.connection import Connection
from bayeux.transports.adopted.http import RequestReader
from bayeux.transports.endpoint import LONGEST_REMEMBERED
from bayeux.transports.mount import Mount

OPTIONS = Options(
    allow_anonymous_publish=True,
    transports=("websocket", "long-polling", "callback-polling"),
    allowed_origins=("https://friend.example",),
    max_message_size=2000,
    header_bytes=8000,
    gzip_min_size=100,
)

PUBLISH = b'[{"channel":"/news","data":1,"id":"1"}]'
CONNECT = b'[{"channel":"/meta/connect","clientId":"nobody","connectionType":"long-polling","id":"22"}]'
BODIES = (PUBLISH, CONNECT, b"[]", b"not json", b"[" + b",".join([PUBLISH[1:-1]] * 4) + b"]", b" " * 2001)


class Wire:
    """A carrier that keeps what is written."""

    peer = "192.0.2.1"
    address = ("192.0.2.1", 1)
    secure = False
    unsent = 0

    def __init__(self) -> None:
        self.written = b""
        self.is_open = True

    def write(self, data: bytes) -> None:
        self.written += data

    def read_on(self, is_wanted: bool) -> None: ...

    def finish(self) -> None:
        self.is_open = False

    def close(self) -> None:
        self.is_open = False

    def abort(self) -> None:
        self.is_open = False

    def release(self, first_bytes: bytes, on_close: Callable[[], None]) -> Returned:
        raise AssertionError("nothing here is for anybody else")


class Visit:
    """One connection of a client."""

    def __init__(self, door: Door) -> None:
        self.wire = Wire()
        self.connection = Connection(door, self.wire, None)

    async def ask(self, *parts: bytes) -> bytes:
        """Send what may come in parts; what is answered."""
        before = len(self.wire.written)
        for part in parts:
            self.connection.received(part)
            await asyncio.sleep(0)
        return self.wire.written[before:]


def noting_identify(context: Context) -> str | None:
    """Tells in the answer what it found, and leaves something of everything behind."""
    found = (context.user, sorted(context.roles), context.attributes, context.answer_headers, context.browser)
    told = f"{found} {context.path}?{context.query} {sorted(context.cookies.items())} {context.headers.get('x-user')}"
    context.answer_headers["X-Found"] = told
    context.attributes["visited"] = True
    context.roles = frozenset({"somebody"})
    context.browser = None
    return context.headers.get("x-user")


def request(start: bytes, headers: Sequence[bytes], body: bytes, *, is_chunked: bool = False) -> bytes:
    if is_chunked:
        body, framing = (
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n",
            b"Transfer-Encoding: chunked",
        )
    else:
        framing = b"Content-Length: %d" % len(body)
    return b"\r\n".join([start, b"Host: here.example", *headers, framing, b"", body])


STARTS = st.sampled_from(
    [
        b"POST /cometd HTTP/1.1",
        b"POST /cometd/connect?x=1 HTTP/1.1",
        b"POST /cometd HTTP/1.0",
        b"OPTIONS /cometd HTTP/1.1",
        b"HEAD /cometd HTTP/1.1",
        b"GET /cometd?jsonp=f&message=%5B%5D HTTP/1.1",
        b"GET /cometd?jsonp=f&message=%7B%22channel%22:%22/a%22,%22data%22:1%7D HTTP/1.1",
        b"POST /elsewhere HTTP/1.1",
    ]
)
HEADERS = st.lists(
    st.sampled_from(
        [
            b"Content-Type: application/json",
            b"Content-Type: text/plain;charset=utf-16",
            b"Cookie: BAYEUX_BROWSER=abcdefghij0123456789; other=1",
            b"Cookie: BAYEUX_BROWSER=zzzzzzzzzz0123456789",
            b"Origin: https://friend.example",
            b"Origin: https://foe.example",
            b"X-User: alice",
            b"X-User: bob",
            b"X-Forwarded-For: 198.51.100.7",
            b"Accept-Encoding: gzip",
            b"Content-Encoding: gzip",
            b"Access-Control-Request-Method: POST",
            b"Connection: keep-alive",
            b"Connection: close",
            b"Padding: " + b"x" * LONGEST_REMEMBERED,
        ]
    ),
    max_size=4,
    unique_by=lambda line: line.partition(b":")[0],
)
REQUESTS = st.builds(request, STARTS, HEADERS, st.sampled_from(BODIES), is_chunked=st.booleans())


@st.composite
def conversations(draw: Any) -> list[tuple[bytes, int]]:
    """Requests of which many are alike, each with the place where it is cut in two."""
    few = draw(st.lists(REQUESTS, min_size=1, max_size=3))
    asked = draw(st.lists(st.sampled_from(few), min_size=2, max_size=8))
    return [(each, draw(st.integers(0, len(each)))) for each in asked]


async def each_answer(conversation: Sequence[tuple[bytes, int]], *, is_always_new: bool) -> list[bytes]:
    """What is answered on one connection for as long as it lasts, or on a new one each."""
    answers = []
    async with BayeuxServer(OPTIONS, clock=lambda: 1000.0) as server:
        door = Door([Mount(server, identify=noting_identify)], server.options)
        visit = Visit(door)
        for asked, cut in conversation:
            if is_always_new or not visit.wire.is_open:
                visit = Visit(door)
            answers.append(await visit.ask(asked[:cut], asked[cut:]))
        door.close()
    return answers


@pytest.mark.spec("SEC-19", "SEC-42", "HTTP-2")
@settings(deadline=None)
@given(conversations())
def test_requests_of_one_connection_are_answered_as_those_of_many(conversation: list[tuple[bytes, int]]) -> None:
    """Byte for byte, whatever was asked before, and wherever the bytes are cut."""
    together = asyncio.run(each_answer(conversation, is_always_new=False))
    apart = asyncio.run(each_answer(conversation, is_always_new=True))
    assert together == apart
    assert all(each.startswith(b"HTTP/1.1 ") for each in together)


@pytest.mark.spec("SEC-42", "AG-102")
async def test_each_request_has_a_context_of_its_own() -> None:
    """The same head a second time: whom ``identify`` took it for, and what hooks wrote down, is forgotten."""
    contexts: list[Context] = []

    def once(context: Context) -> str | None:
        contexts.append(context)
        context.attributes["number"] = len(contexts)
        context.answer_headers["X-Number"] = str(len(contexts))
        return "alice" if len(contexts) == 1 else None

    times = iter(range(1000))
    async with BayeuxServer(OPTIONS, clock=lambda: float(next(times))) as server:
        door = Door([Mount(server, identify=once)], server.options)
        visit = Visit(door)
        asked = request(b"POST /cometd HTTP/1.1", [], PUBLISH)
        answers = [await visit.ask(asked) for _ in range(3)]
        door.close()
    assert [each.user for each in contexts] == ["alice", None, None]
    assert [each.attributes for each in contexts] == [{"number": 1}, {"number": 2}, {"number": 3}]
    assert [answer.count(b"X-Number: %d\r\n" % number) for number, answer in enumerate(answers, 1)] == [1, 1, 1]
    assert contexts[0].arrived_at < contexts[1].arrived_at < contexts[2].arrived_at


@pytest.mark.spec("SEC-42")
async def test_what_requests_have_in_common_cannot_be_changed_by_a_hook() -> None:
    """One that wrote into its cookies once wrote into those of the requests behind it."""
    refused: list[str] = []

    def change(context: Context) -> None:
        for name in ("headers", "cookies"):
            try:
                getattr(context, name)["changed"] = "yes"
            except TypeError:
                refused.append(name)

    async with BayeuxServer(OPTIONS) as server:
        door = Door([Mount(server, identify=change)], server.options)
        await Visit(door).ask(request(b"POST /cometd HTTP/1.1", [b"Cookie: a=b"], PUBLISH))
        door.close()
    assert refused == ["headers", "cookies"]


@pytest.mark.spec("SRV-7", "CORS-6")
async def test_changed_options_count_for_a_head_that_is_known() -> None:
    asked = request(b"POST /cometd HTTP/1.1", [b"Origin: https://friend.example"], PUBLISH)
    async with BayeuxServer(OPTIONS) as server:
        door = Door([Mount(server)], server.options)
        visit = Visit(door)
        assert b" 200 " in await visit.ask(asked)
        server.configure(allowed_origins=())
        assert b" 403 " in await visit.ask(asked)
        server.configure(allowed_origins=("https://friend.example",), header_bytes=50)
        assert b" 431 " in await visit.ask(asked)
        door.close()


@pytest.mark.spec("CORS-1")
async def test_application_is_asked_about_the_origin_of_each_request() -> None:
    verdicts = iter([True, False, True])
    asked = request(b"POST /cometd HTTP/1.1", [b"Origin: https://stranger.example"], PUBLISH)
    async with BayeuxServer(OPTIONS) as server:
        door = Door([Mount(server, is_origin_allowed=lambda origin: next(verdicts))], server.options)
        visit = Visit(door)
        answers = [await visit.ask(asked) for _ in range(3)]
        door.close()
    assert [answer[9:12] for answer in answers] == [b"200", b"403", b"200"]


@pytest.mark.spec("SEC-L4")
async def test_idle_connection_remembers_no_long_head_and_a_socket_none() -> None:
    async with BayeuxServer(OPTIONS) as server:
        door = Door([Mount(server)], server.options)
        long, short, socket = Visit(door), Visit(door), Visit(door)
        await long.ask(request(b"POST /cometd HTTP/1.1", [b"A: " + b"x" * LONGEST_REMEMBERED], PUBLISH))
        await short.ask(request(b"POST /cometd HTTP/1.1", [b"A: x"], PUBLISH))
        upgrade = [b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13"]
        upgrade.append(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        assert b" 101 " in await socket.ask(request(b"GET /cometd HTTP/1.1", upgrade, b""))
        remembered = [each.connection.provenance is not None for each in (long, short, socket)]
        door.close()
    assert remembered == [False, True, False]


def test_known_head_is_not_parsed_again_and_takes_just_its_own_bytes() -> None:
    reader = RequestReader()
    asked = request(b"POST /cometd HTTP/1.1", [], PUBLISH)
    reader.feed(asked)
    first = reader.read(8000, 2000)
    assert first is not None
    reader.feed(asked + asked[:-1])
    second = reader.read(8000, 2000, known=first.head)
    assert second is not None
    assert (second.head is first.head, second.body) == (True, PUBLISH)
    assert reader.read(8000, 2000, known=first.head) is None
    reader.feed(asked[-1:] + request(b"POST /cometd HTTP/1.1", [], CONNECT))
    third = reader.read(8000, 2000, known=first.head)
    fourth = reader.read(8000, 2000, known=first.head)
    assert third is not None
    assert fourth is not None
    assert (third.head is first.head, third.body) == (True, PUBLISH)
    assert (fourth.head is first.head, fourth.body) == (False, CONNECT)
    assert reader.waiting == b""
