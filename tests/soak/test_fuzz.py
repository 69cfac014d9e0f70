"""A minute of junk with fixed seeds: codec, channel names, messages, HTTP entry, WebSocket entry (SEC-100).

Whatever comes, an answer is never a 5xx, nothing is logged as an error, what the server remembers is
gone as soon as those who sent it are, and a normal client is served at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bayeux.client import BayeuxClient
from bayeux.protocol.channel import MAX_LENGTH, MAX_SEGMENTS, ChannelName, Kind, parse_channel
from bayeux.protocol.envelope import parse_envelope
from bayeux.protocol.errors import BodyRefused, ChannelInvalid, MalformedBody, ProtocolError
from bayeux.protocol.message import Message, event_of, failed, reply_to, subscriptions_of
from bayeux.protocol.options import Options
from bayeux.server.channels import ServerChannel
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.testing import Peer
from bayeux.transports.adopted.connection import Connection
from bayeux.transports.adopted.websocket import FramedSocket
from bayeux.transports.long_polling import LongPoll
from tests.soak import inputs
from tests.support.wire import WAIT, HttpConnection
from tests.transports.doors import House, open_house

pytestmark = pytest.mark.soak

Example = TypeVar("Example")
Tell = Callable[[str], None]

EXAMPLES_A_SEED = 50
VARIANTS = 10
"""Changed copies of each example."""
DEPTH = Options().max_json_depth
MOST_GROWTH = 64 * 2**20
TURNS = 12
"""Turns of the loop after which a server has answered whatever it can answer at once."""
OPTIONS: dict[str, Any] = {
    # Everything that is left behind ends soon.
    "timeout": 0.5,
    "max_interval": 0.5,
    "max_client_interval": 0.5,
    "sweep_period": 0.1,
    "header_timeout": 1.0,
    "body_timeout": 1.0,
    "handshake_timeout": 1.0,
    "keepalive_idle": 2.0,
    # Limits that would answer 503, and the one answer that is 500 on purpose (CN-10).
    "accept_rate": 0.0,
    "handshake_rate_per_ip": 0.0,
    "duplicate_meta_connect_http_code": 409,
    "private_prefixes": ("/v2/me",),
}
META_CHANNELS = 5
MOST_COUNTERS = 60
"""None is named by what a client sent."""
_OURS = (ServerSession, ServerChannel, Connection, FramedSocket, LongPoll)
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_PRIVATE_ERROR = re.compile(rb"\"5\d\d:|Traceback|internal_error")


def fuzz(seconds: float, strategy: st.SearchStrategy[Example], body: Callable[[Example], None], tell: Tell) -> None:
    """Run ``body`` on examples of one fixed seed after the other until the time is up."""
    end = time.monotonic() + seconds
    seeds = examples = 0

    def counted(example: Example) -> None:
        nonlocal examples
        examples += 1
        body(example)

    while time.monotonic() < end:
        one_round = settings(
            max_examples=EXAMPLES_A_SEED,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )(given(strategy)(counted))
        seed(seeds)(one_round)()
        seeds += 1
    tell(f"{examples} examples and {VARIANTS} variants of each; seeds 0 to {seeds - 1}, {seconds:.0f} s")


# -- without a server ----------------------------------------------------------------------------


@pytest.mark.spec("SEC-10", "MSG-4", "SEC-22")
def test_codec(tell: Tell) -> None:
    """What is taken is JSON that Python reads alike; what is refused is refused by an error of ours."""
    options = Options(max_ext_size=200, forward_ext=("binary",))

    def check(document: bytes) -> None:
        try:
            envelope = parse_envelope(document, options)
        except MalformedBody:
            return
        assert list(envelope) == as_list(orjson.loads(document))
        assert parse_envelope(orjson.dumps(list(envelope)), options) == envelope
        for fields in envelope:
            reply = reply_to(fields)
            try:
                message = Message.received(fields, options)
                subscriptions_of(message, options)
                orjson.dumps(event_of(message, options))
            except ProtocolError as error:
                reply = failed(reply, error)
                assert re.fullmatch(r"4\d\d:[^\x00-\x1f]*:[a-z_]+", reply["error"])
            orjson.dumps(reply)

    def body(example: tuple[bytes, int]) -> None:
        for document in inputs.variants(*example, VARIANTS):
            check(document)

    fuzz(10, st.tuples(inputs.documents, inputs.seeds), body, tell)


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


@pytest.mark.spec("CH-1", "CH-2", "CH-3", "CH-5", "CH-10", "CH-21", "SEC-15")
def test_channel_names(tell: Tell) -> None:
    """Against a model that reads the name character by character."""

    def check(text: str, other: str) -> None:
        parsed = [parsed_or_none(each) for each in (text, other)]
        assert [name and (name.text, name.kind, name.is_wild) for name in parsed] == [model(text), model(other)]
        name, pattern = parsed
        if name is not None and pattern is not None and not name.is_wild:
            assert (pattern.text in name.patterns) == sees(pattern.text, name.text)

    def body(example: tuple[str, str, int]) -> None:
        text, other, seed = example
        for variant in inputs.variants(text.encode(), seed, VARIANTS):
            check(variant.decode(errors="replace"), other)

    name = inputs.channels | st.builds(
        lambda text, n: text * n, inputs.channels, st.sampled_from([2, 31, 64, 128, 500])
    )
    related = name.flatmap(lambda text: st.tuples(st.just(text), name | patterns_near(text), inputs.seeds))
    fuzz(10, related, body, tell)


def parsed_or_none(text: str) -> ChannelName | None:
    try:
        return parse_channel(text)
    except ChannelInvalid:
        return None


def patterns_near(text: str) -> st.SearchStrategy[str]:
    segments = text.split("/")
    return st.builds(
        lambda depth, star: "/".join([*segments[:depth], star]),
        st.integers(1, max(1, len(segments))),
        st.sampled_from(["*", "**"]),
    )


def model(text: str) -> tuple[str, Kind, bool] | None:
    """What a name is, by the letter of section 2."""
    if len(text) > 2 * MAX_LENGTH:
        return None
    while text and text[-1] in " \t\r\n":
        text = text[:-1]
    if len(text) > 1 and text[-1] == "/":
        text = text[:-1]
    if len(text) > MAX_LENGTH or text.count("/") > MAX_SEGMENTS or len(text) < 2 or text[0] != "/":
        return None
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 !#$()*+-.@_{~}"
    segments = text[1:].split("/")
    for n, segment in enumerate(segments):
        is_star = segment in ("*", "**") and n == len(segments) - 1
        if not segment.strip(" ") or any(letter not in allowed for letter in segment):
            return None
        if "*" in segment and not is_star:
            return None
    is_wild = segments[-1] in ("*", "**")
    if is_wild and any(
        len(each) > 2 and each[0] == "{" and each[-1] == "}" and not set("{}") & set(each[1:-1]) for each in segments
    ):
        return None
    below = segments[0] if len(segments) > 1 else ""
    return text, {"meta": Kind.META, "service": Kind.SERVICE}.get(below, Kind.BROADCAST), is_wild


def sees(pattern: str, name: str) -> bool:
    """Whether a subscription to ``pattern`` gets what is published to ``name`` (CH-21)."""
    *parents, last = pattern.split("/")
    segments = name.split("/")
    if last == "**":
        return segments[: len(parents)] == parents and len(segments) > len(parents)
    if last == "*":
        return segments[:-1] == parents
    return pattern == name


# -- with a server -------------------------------------------------------------------------------


@pytest.mark.spec("SEC-21", "BER-2")
@pytest.mark.expected_logs("a client was answered 402 because it sent no")
def test_messages(tell: Tell) -> None:
    """Batches given to a server without a network, over both kinds of transport."""
    with asyncio.Runner() as runner:
        server = BayeuxServer(Options(**OPTIONS))
        runner.run(server.start())
        citizens = {name: Peer(server, name) for name in ("websocket", "long-polling")}

        async def handle(batch: Any, seed: int, name: str) -> None:
            for text in inputs.variants(inputs.dumps(batch), seed, VARIANTS):
                citizen = citizens[name]
                is_closed = citizen.socket is not None and citizen.socket.closed
                if is_closed or server.sessions.find(citizen.client_id) is None:
                    citizen = citizens[name] = Peer(server, name).handshake()
                text = text.replace(inputs.CLIENT_ID.encode(), str(citizen.client_id).encode())
                try:
                    envelope = parse_envelope(text, server.options)
                    transport = citizen.send(*envelope) if envelope else None
                except BodyRefused:
                    continue
                await asyncio.sleep(0)
                if transport is not None:
                    assert not _PRIVATE_ERROR.search(orjson.dumps(transport.sent))
                    transport.sent.clear()

        examples = st.tuples(inputs.batches, inputs.seeds, st.sampled_from(sorted(citizens)))
        fuzz(10, examples, lambda example: runner.run(handle(*example)), tell)
        for peer in citizens.values():
            if peer.socket is not None:
                server.connection_lost(peer.socket)
        citizens.clear()
        runner.run(drained(server))
        runner.run(server.stop())


class Fuzzed:
    """A server on a port, and a live client whose session and cookie the junk may use."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.statuses: Counter[int] = Counter()
        self.replaced: list[tuple[bytes, bytes]] = []
        self._client_id = ""
        self._memory = 0
        self._since = time.monotonic()

    async def find_citizen(self) -> None:
        """Make sure that the live client is alive; its handshake is a normal client's."""
        if self.house.server.sessions.find(self._client_id) is None:
            connection = await HttpConnection.open(self.house.url)
            connection.request("POST", inputs.PATH, body=b'{"channel":"/meta/handshake","version":"1.0"}')
            reply = await connection.reply()
            self._client_id = reply.json[0]["clientId"]
            browser = (reply.header("set-cookie") or "").partition(";")[0].partition("=")[2]
            self.replaced = [
                (inputs.CLIENT_ID.encode(), self._client_id.encode()),
                (inputs.BROWSER.encode(), browser.encode()),
            ]
            await connection.close()

    async def exchange(self, parts: Iterable[bytes]) -> bytes:
        """Everything a new connection gets for these writes, until both sides have ended."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.house.port)
        try:
            async with asyncio.timeout(WAIT):
                for part in parts:
                    writer.write(part)
                    await asyncio.sleep(0)
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                writer.write_eof()
                return await reader.read()
        except OSError:
            return b""  # it was aborted, which some of these deserve
        finally:
            writer.transport.abort()

    async def send_requests(self, requests: list[inputs.Request], seed: int) -> None:
        await self.find_citizen()
        bodies = [inputs.variants(request.body, seed, VARIANTS) for request in requests]
        streams = [
            [self.put_in(request.wire(body)) for request, body in zip(requests, variant, strict=True)]
            for variant in zip(*bodies, strict=True)
        ]
        for answers in await asyncio.gather(*map(self.exchange, streams)):
            self.check(answers)

    async def send_frames(self, messages: list[inputs.Frames], seed: int) -> None:
        await self.find_citizen()
        upgrade = self.put_in(inputs.Request("GET", inputs.PATH, "1.1", inputs.UPGRADE, "none", b"", []).wire(b""))
        payloads = [inputs.variants(self.put_in(message.payload), seed, VARIANTS) for message in messages]
        sockets = [
            self.exchange(
                [upgrade, *(message.wire(payload) for message, payload in zip(messages, variant, strict=True))]
            )
            for variant in zip(*payloads, strict=True)
        ]
        for answers in await asyncio.gather(*sockets):
            self.check(answers)
            head, _, pushed = answers.partition(b"\r\n\r\n")
            if head:
                assert head.startswith(b"HTTP/1.1 101 ")
                check_frames(pushed)

    def put_in(self, data: bytes) -> bytes:
        for placeholder, value in self.replaced:
            data = data.replace(placeholder, value)
        return data

    def check(self, answers: bytes) -> None:
        statuses = [int(status) for status in _STATUS.findall(answers)]
        self.statuses.update(statuses)
        assert all(status < 500 for status in statuses), answers
        assert not _PRIVATE_ERROR.search(answers), answers
        if not self._memory and time.monotonic() > self._since + 3:
            self._memory = resident_bytes()

    async def end(self, tell: Tell) -> None:
        """Nothing is left, and a normal client is served."""
        served = await serve_normally(self.house.url)
        await drained(self.house.server)
        assert not sum(self.house.server.counters.connections.values())
        if self.house.listener is not None:
            assert self.house.listener.connections == 0
        growth = resident_bytes() - self._memory
        tell(f"answers by status: {dict(sorted(self.statuses.items()))}")
        tell(f"a normal client was served in {served * 1000:.0f} ms; memory grew by {growth / 2**20:.1f} MiB")
        assert growth < MOST_GROWTH


def check_frames(data: bytes) -> None:
    """What a socket was sent: whole texts of JSON arrays, pongs, one close at the end."""
    while data:
        assert data[0] in (0x81, 0x88, 0x8A), data
        size, at = data[1], 2
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at], "big")
        payload, rest = data[at : at + size], data[at + size :]
        if len(payload) < size:
            return  # cut off while it was sent
        if data[0] == 0x81:
            assert isinstance(orjson.loads(payload), list)
        elif data[0] == 0x88:
            code = int.from_bytes(payload[:2], "big")
            assert code != 1011, payload
            assert not rest, "something follows a close"
        data = rest


async def serve_normally(url: str) -> float:
    """Have a client receive what it publishes; the seconds from its handshake on."""
    started = time.monotonic()
    async with asyncio.timeout(WAIT), BayeuxClient(url) as client, await client.subscribe("/normal") as subscription:
        await client.publish("/normal", 1)
        assert (await anext(subscription)).data == 1
    return time.monotonic() - started


async def drained(server: BayeuxServer) -> None:
    """Wait until what junk has left behind has expired; then nothing of ours is alive but the meta channels."""
    end = time.monotonic() + WAIT
    while (left := alive(server)) != {"ServerChannel": META_CHANNELS}:
        assert time.monotonic() < end, f"left behind: {left}, {[str(channel.name) for channel in server.channels]}"
        await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()
    counters = (getattr(server.counters, name) for name in server.counters.__slots__)
    assert sum(len(each) for each in counters if isinstance(each, dict)) < MOST_COUNTERS


def alive(server: BayeuxServer) -> dict[str, int]:
    """What there is of ours, but the channels of other servers: samples in the documentation have some."""
    gc.collect()
    ours = (each for each in gc.get_objects() if type(each) in _OURS)
    return dict(
        Counter(type(each).__name__ for each in ours if not isinstance(each, ServerChannel) or each._server is server)
    )


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fuzz_house(
    door: str,
    seconds: float,
    strategy: st.SearchStrategy[Example],
    attack: Callable[[Fuzzed, Example, int], Awaitable[None]],
    tell: Tell,
) -> None:
    """Set examples on a server behind a door; each example has the loop for itself."""
    with asyncio.Runner() as runner, ExitStack() as stack:
        context = open_house(door, OPTIONS)
        target = Fuzzed(runner.run(enter(context)))
        stack.callback(lambda: runner.run(leave(context)))

        async def attacked(example: Example, seed: int) -> None:
            await attack(target, example, seed)

        fuzz(seconds, st.tuples(strategy, inputs.seeds), lambda example: runner.run(attacked(*example)), tell)
        runner.run(target.end(tell))


async def enter(context: AbstractAsyncContextManager[House]) -> House:
    return await context.__aenter__()


async def leave(context: AbstractAsyncContextManager[House]) -> None:
    await context.__aexit__(None, None, None)


@pytest.mark.parametrize("door", ["listener", "handler"])
@pytest.mark.spec("SEC-19", "SEC-21", "LP-2", "SEC-22")
@pytest.mark.expected_logs("a client was answered 402 because it sent no")
def test_http_entry(door: str, tell: Tell) -> None:
    """Requests in all states of decay, pipelined, chunked, in strange charsets."""
    fuzz_house(door, 8, inputs.http_streams, Fuzzed.send_requests, tell)


@pytest.mark.spec("WS-7", "WS-20", "SEC-94", "SEC-21")
def test_websocket_entry(tell: Tell) -> None:
    """Frames in all states of decay, fragmented, with control frames between them."""
    fuzz_house("listener", 14, inputs.frame_streams, Fuzzed.send_frames, tell)
