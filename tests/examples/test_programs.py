"""Each program of ``examples/`` does what its docstring promises, to clients that are real."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from bayeux.client import (
    ALL_RETAINED,
    Acknowledge,
    BayeuxClient,
    Binary,
    BinaryData,
    CallFailed,
    Event,
    HandshakeRefused,
    PublishRefused,
    SubscribeRefused,
    Subscription,
)
from bayeux.testing import FaultProxy, Way
from tests.examples.programs import (
    EXAMPLES,
    PATIENCE,
    PROGRAMS,
    command,
    docstring,
    printed,
    running,
)
from tests.support.ports import free_port


async def test_chat() -> None:
    async with running("chat") as chat:
        assert await chat.tried() == ["hello"]
        assert "/meta/handshake" in await fetch(f"{chat.origin}/")
        async with BayeuxClient(chat.url) as ann, BayeuxClient(chat.url) as bob:
            lobby, everywhere = await ann.subscribe("/chat/lobby"), await bob.subscribe("/chat/*")
            await bob.publish("/chat/kitchen", {"from": "bob", "text": "anybody?"})
            await bob.publish("/chat/lobby", {"from": "bob", "text": "hi", "at": "never"})
            with pytest.raises(PublishRefused, match="404::message_deleted"):
                await ann.publish("/chat/lobby", {"from": "ann", "text": "  "})
            said = (await following(lobby)).data
            assert (said["from"], said["text"], type(said["at"])) == ("bob", "hi", float)
            assert [(await following(everywhere)).channel for _ in range(2)] == ["/chat/kitchen", "/chat/lobby"]


async def test_presence() -> None:
    async with running("presence") as presence:
        assert await presence.tried() == ["{'here': ['ann'], 'away': []}"]
        async with BayeuxClient(presence.url, ext={"name": "bob"}) as bob:
            people = await bob.subscribe("/presence")
            async with BayeuxClient(presence.url, ext={"name": "ann"}):
                await until(people, here=["ann", "bob"], away=[])
            await until(people, here=["bob"], away=[])
            await SlowClient(presence.url).say("/meta/handshake", ext={"name": "eve"})
            await until(people, here=["bob", "eve"], away=[])
            await until(people, here=["bob"], away=["eve"])


async def test_stocks() -> None:
    """A client that is slow finds one price a stock, the latest; one that keeps up sees them all."""
    async with running("stocks") as stocks:
        assert len(await stocks.tried()) == 5
        async with BayeuxClient(stocks.url) as quick:
            every, board = await quick.subscribe("/stocks/*"), await quick.subscribe("/board")
            slow = SlowClient(stocks.url)
            await slow.say("/meta/handshake")
            await slow.say("/meta/connect")
            await slow.say("/meta/subscribe", subscription="/stocks/*")
            seen = [(await following(every)).data for _ in range(100)]
            answer = await slow.say("/meta/connect")
            prices = {message["channel"]: message["data"] for message in answer[:-1]}
            assert len(prices) == len(answer) - 1 == 3
            assert min(price["number"] for price in prices.values()) > seen[0]["number"]
            assert max(price["number"] for price in prices.values()) >= seen[-1]["number"]
            assert [price["number"] for price in seen] == list(range(seen[0]["number"], seen[0]["number"] + 100))

            numbers = [(await following(board)).data["number"] for _ in range(6)]
            assert numbers[-1] - numbers[0] > len(numbers)


async def test_contacts() -> None:
    async with running("contacts") as contacts:
        assert await contacts.tried() == ["['Bob', 'Ann']", "there is no group enemies"]
        async with BayeuxClient(contacts.url) as ann, BayeuxClient(contacts.url) as bob:
            watched = await bob.subscribe("/contacts/*")
            assert await ann.call("contacts/family/add", "Carl") == 1
            assert (await following(watched)).data == {"added": "Carl"}
            assert await bob.call("contacts/family") == ["Carl"]
            with pytest.raises(CallFailed, match="give the name"):
                await ann.call("contacts/family/add", 7)


async def test_orders() -> None:
    async with running("orders") as orders:
        assert await orders.tried() == ["403:denied_by_not_granting:publish_denied"]
        with pytest.raises(HandshakeRefused, match="token_unknown"):
            await BayeuxClient(orders.url, ext={"token": "guess"}).open()
        boss = BayeuxClient(orders.url, ext={"token": "swordfish"})
        clerk = BayeuxClient(orders.url, ext={"token": "open sesame"})
        async with boss, clerk:
            given = await clerk.subscribe("/orders/*")
            await boss.publish("/orders/1", "Tidy up")
            assert (await following(given)).data == "Tidy up"
            for closed in ("/**", "/plans"):
                with pytest.raises(SubscribeRefused):
                    await clerk.subscribe(closed)
            await clerk.publish("/lobby", "Coffee?")


async def test_news() -> None:
    async with running("news") as news:
        assert await news.tried() == ["{'number': 1, 'headline': 'It is 1 now'}"]
        async with BayeuxClient(news.url) as early, await early.subscribe("/news", replay=ALL_RETAINED) as feed:
            read = [await following(feed) for _ in range(3)]
        async with BayeuxClient(news.url) as missing, await missing.subscribe("/news") as feed:
            assert (await following(feed)).data["number"] > 3
        async with BayeuxClient(news.url) as back, await back.subscribe("/news", replay=read[-1].position) as feed:
            read += [await following(feed) for _ in range(3)]
        assert [event.data["number"] for event in read] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
async def test_acknowledged(transport: str) -> None:
    """What the network swallowed is not missing."""
    async with running("acknowledged") as orders, FaultProxy(orders.port) as proxy:
        assert "Margherita" in (await orders.tried())[0]
        client = BayeuxClient(proxy.url("/cometd"), transports=[transport], extensions=[Acknowledge()])
        async with client, await client.subscribe("/orders") as taken:
            numbers = [(await following(taken)).data["number"]]
            for _ in range(3):
                swallowed = proxy.tally.swallowed_bytes
                proxy.swallow(Way.TO_CLIENT)
                async with asyncio.timeout(PATIENCE):
                    while proxy.tally.swallowed_bytes == swallowed:  # noqa: ASYNC110 - a tally tells nobody
                        await asyncio.sleep(0.01)
                proxy.heal()
                numbers += [(await following(taken)).data["number"] for _ in range(5)]
            assert proxy.tally.cuts >= 3
            once = list(dict.fromkeys(numbers))
            assert once == list(range(once[0], once[-1] + 1))


async def test_files(tmp_path: Path) -> None:
    async with running("files", within=tmp_path) as files:
        assert await files.tried() == ["{'name': 'diary.txt', 'bytes': 11}"]
        assert (tmp_path / "diary.txt").read_bytes() == b"What a day!"
        content = bytes(range(256)) * 400
        async with BayeuxClient(files.url, extensions=[Binary()]) as client:
            dropped = await client.subscribe("/files")
            for start in range(0, len(content), 32 * 1024):
                piece = content[start : start + 32 * 1024]
                is_last = start + len(piece) == len(content)
                await client.call("drop", BinaryData(piece, is_last, {"name": "all.bin"} if is_last else None))
            assert (await following(dropped)).data == {"name": "all.bin", "bytes": len(content)}
            assert hashlib.sha256((tmp_path / "all.bin").read_bytes()).digest() == hashlib.sha256(content).digest()
            for name in ("../all.bin", "all.bin", ""):
                with pytest.raises(CallFailed, match="name of its own"):
                    await client.call("drop", BinaryData(b"x", True, {"name": name}))
            with pytest.raises(CallFailed, match="at most"):
                await client.call("drop", "no bytes")


@pytest.mark.parametrize("name", ["mounted", "starlette_app"])
async def test_beside_other_routes(name: str) -> None:
    """The application answers as ever, and pushes to clients of both transports."""
    async with running(name, end=signal.SIGINT) as program:
        assert await program.tried() == ["{'text': 'It works'}"]
        sockets = BayeuxClient(program.url, transports=["websocket"])
        polls = BayeuxClient(program.url, transports=["long-polling"])
        async with sockets, polls, AsyncExitStack() as stack:
            news = [await stack.enter_async_context(await client.subscribe("/news")) for client in (sockets, polls)]
            assert await fetch(f"{program.origin}/") == "2 clients are here\n"
            await fetch(f"{program.origin}/announce", b"text=once" if name == "mounted" else b"once")
            assert [(await following(each)).data for each in news] == [{"text": "once"}, {"text": "once"}]


async def test_chat_is_tested_as_its_test_shows() -> None:
    told = await printed(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES / "test_chat.py"))
    assert told[-1].startswith("2 passed")


@pytest.mark.parametrize("name", PROGRAMS)
async def test_ends_cleanly_with_clients_connected(name: str) -> None:
    """Ctrl-C, and one line was all it said."""
    async with AsyncExitStack() as clients, running(name, end=signal.SIGINT) as program:
        if name != "starlette_app":
            assert program.said.count("\n") == 1
        ext = {"token": "open sesame"}
        for transport in ("websocket", "long-polling"):
            await clients.enter_async_context(BayeuxClient(program.url, ext=ext, transports=[transport]))


@pytest.mark.parametrize("name", PROGRAMS)
async def test_says_that_its_port_is_in_use(name: str) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        process = await asyncio.create_subprocess_exec(
            *command(name, port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        async with asyncio.timeout(PATIENCE):
            told = (await process.communicate())[0].decode()
    assert process.returncode not in (0, None)
    assert "address already in use" in told.lower()
    assert str(port) in told
    assert "Traceback" not in told


@pytest.mark.parametrize("name", PROGRAMS)
def test_says_how_to_run_it(name: str) -> None:
    assert f"    python examples/{name}.py --port 8080" in docstring(name)


POLLING = {"version": "1.0", "supportedConnectionTypes": ["long-polling"], "connectionType": "long-polling"}


class SlowClient:
    """Speaks Bayeux by hand, and so connects when it likes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._cookies = build_opener(HTTPCookieProcessor())
        self._session: dict[str, str] = {}

    async def say(self, channel: str, **fields: Any) -> list[dict[str, Any]]:
        """One request, and the whole answer."""
        message = {"channel": channel, **POLLING, **self._session, **fields}
        request = Request(self._url, json.dumps([message]).encode(), {"Content-Type": "application/json"})  # noqa: S310
        answer: list[dict[str, Any]] = json.loads(await asyncio.to_thread(self._open, request))
        assert answer[-1]["successful"], answer
        if channel == "/meta/handshake":
            self._session = {"clientId": answer[-1]["clientId"]}
        return answer

    def _open(self, request: Request) -> bytes:
        with self._cookies.open(request, timeout=PATIENCE) as answer:
            body: bytes = answer.read()
            return body


async def fetch(url: str, body: bytes | None = None) -> str:
    """The text at an address; a body is posted."""

    def ask() -> str:
        headers = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
        with urlopen(Request(url, body, headers), timeout=PATIENCE) as answer:  # noqa: S310 - ours
            return answer.read().decode()

    return await asyncio.to_thread(ask)


async def following(subscription: Subscription) -> Event:
    async with asyncio.timeout(PATIENCE):
        return await anext(subscription)


async def until(people: Subscription, **expected: list[str]) -> None:
    """Wait to be told this; what it was before may be told as well."""
    while (await following(people)).data != expected:
        pass
