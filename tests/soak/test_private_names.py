"""Private names under load: everybody listens to everything, and hears only what is his own (SEC-44).

Half of the users have a quiet network: their sessions miss nothing. The others lose their connections all the
time, and come back; two more change who they are on one connection, again and again.
"""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any, TypeVar

import orjson
import pytest

from bayeux.client import BayeuxClient
from bayeux.testing import FaultProxy
from bayeux.transports.listener import Listener
from channels.private import AGENT_CHANNELS, CALLS, CHATS, INTERACTIONS
from gateway.app import Gateway
from gateway.auth.http_sessions import COOKIE as HTTP_SESSION
from gateway.config import Sources, load
from tests.support.wire import HttpConnection, WebSocket

pytestmark = pytest.mark.soak

SEED = 44
USERS = [f"user-{n}" for n in range(100)]
STEADY, UNSTEADY = USERS[:50], USERS[50:]
MESSAGES = 10_000
AT_ONCE = 10
PROXIES = 5
NAMES = (INTERACTIONS, CALLS, CHATS)
SUBSCRIPTIONS = (("/v2/**",), ("/**",), ("/v2/me/*",), ("/v2/me/**", "/**"), AGENT_CHANNELS)
MESSAGES_A_CHANGE = 3
PATH = "/api/v2/notifications"
LAST = -1
"""Number of the message that ends a session's listening."""
PATIENCE = 60.0

Numbers = list[int]
Result = TypeVar("Result")


class House:
    """The gateway, served on a port, and what was sent to whom."""

    def __init__(self, gateway: Gateway, port: int) -> None:
        self.gateway = gateway
        self.port = port
        self.sent: dict[str, Numbers] = defaultdict(list)
        self._numbers = count()

    def url(self, port: int | None = None) -> str:
        return f"http://127.0.0.1:{port or self.port}{PATH}"

    def token(self, user: str) -> str:
        return self.gateway.agents.tokens.make(user, now=time.time(), lifetime=600)

    def deliver(self, user: str, name: str) -> int:
        """Send the next message, to one user; how many sessions took it."""
        n = next(self._numbers)
        self.sent[user].append(n)
        return self.gateway.server.deliver_to_user(user, name, {"to": user, "n": n})

    def deliver_last(self, user: str) -> None:
        """Tell a user's sessions that they have everything."""
        self.gateway.server.deliver_to_user(user, INTERACTIONS, {"to": user, "n": LAST})


@asynccontextmanager
async def open_house() -> AsyncIterator[House]:
    gateway = Gateway(load(Sources(flags={"profile": "development"})).config)
    listener = Listener(gateway.mounts, gateway.public_http)
    async with gateway.server:
        try:
            yield House(gateway, listener.listen(0))
        finally:
            await listener.close()
            gateway.agents.close()


class Listening:
    """One session of a user, and what it heard."""

    def __init__(self, user: str, transport: str, client: BayeuxClient) -> None:
        self.user = user
        self.transport = transport
        self.client = client
        self.heard: Numbers = []
        self.foreign: list[Any] = []
        self.is_complete = asyncio.Event()

    async def listen(self, channels: Sequence[str], is_subscribed: Callable[[], object]) -> None:
        async with await self.client.subscribe(*channels, max_queue=MESSAGES) as subscription:
            is_subscribed()
            async for event in subscription:
                if event.data["to"] != self.user:
                    self.foreign.append(event)
                elif event.data["n"] == LAST:
                    self.is_complete.set()
                else:
                    self.heard.append(event.data["n"])


class Changeling:
    """One connection that becomes one user after the other, without a farewell."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self.house = house
        self.stack = stack
        self.changes = 0
        self.heard = 0
        self.foreign: list[Any] = []

    def hear(self, user: str, messages: Sequence[dict[str, Any]]) -> None:
        for message in messages:
            if "data" in message:
                self.heard += 1
                if message["data"]["to"] != user:
                    self.foreign.append(message)

    async def on_socket(self, users: Sequence[str]) -> None:
        """Over a WebSocket, where events of the former user may come until the new session is told."""
        socket = await WebSocket.open(self.house.url())
        self.stack.push_async_callback(socket.close)
        user = ""
        for becomes in users:
            client_id, heard = None, 0
            socket.send(orjson.dumps(handshake(self.house.token(becomes))))
            while heard < MESSAGES_A_CHANGE:
                messages = orjson.loads(await socket.text())
                if messages[0]["channel"] == "/meta/handshake":
                    user, client_id = becomes, messages[0]["clientId"]
                    self.changes += 1
                    about = {"clientId": client_id}
                    socket.send(orjson.dumps([{"channel": "/meta/subscribe", "subscription": "/**", **about}]))
                    socket.send(orjson.dumps([{"channel": "/meta/connect", "connectionType": "websocket", **about}]))
                self.hear(user, messages)
                heard += client_id is not None and "data" in messages[-1]

    async def on_polls(self, users: Sequence[str]) -> None:
        """Over HTTP with one browser cookie; as a development agent by password, as others by token."""
        connection = await HttpConnection.open(self.house.url())
        self.stack.push_async_callback(connection.close)
        cookies: dict[str, str] = {}
        headers: dict[str, str] = {}

        async def ask(*messages: dict[str, Any]) -> list[dict[str, Any]]:
            shown = {**headers, "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
            connection.request("POST", PATH, shown, orjson.dumps(messages))
            reply = await connection.reply()
            for line in reply.every("set-cookie"):
                name, _, value = line.partition(";")[0].partition("=")
                cookies[name] = value
            answer: list[dict[str, Any]] = reply.json
            return answer

        former = None
        for user in users:
            headers.clear()
            if user.startswith("Agent"):
                headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{user}".encode()).decode()
                reply = (await ask({"channel": "/meta/handshake", "version": "1.0"}))[0]
            else:
                cookies.pop(HTTP_SESSION, None)  # that is still the agent's
                reply = (await ask(handshake(self.house.token(user))))[0]
            about = {"clientId": reply["clientId"]}
            self.changes += 1
            await ask({"channel": "/meta/subscribe", "subscription": "/v2/**", **about})
            connect = {"channel": "/meta/connect", "connectionType": "long-polling", **about}
            await ask(connect)
            for _ in range(MESSAGES_A_CHANGE):
                self.hear(user, await ask({**connect, "advice": {"timeout": 500}}))
            if former is not None and "Authorization" in headers:
                stolen = await ask({**connect, "clientId": former, "advice": {"timeout": 0}})
                assert [each["error"][:3] for each in stolen] == ["402"], "it may not speak for who it was before"
            former = about["clientId"]


def handshake(token: str) -> dict[str, Any]:
    return {"channel": "/meta/handshake", "version": "1.0", "ext": {"token": token}}


async def cut_now_and_then(proxies: Sequence[FaultProxy], chance: random.Random) -> int:
    """Break all connections through one proxy after the other; cancelled at the end."""
    cuts = 0
    try:
        while True:
            proxy = chance.choice(proxies)
            await proxy.cut()
            proxy.heal()
            cuts += 1
            await asyncio.sleep(chance.uniform(0.1, 0.5))
    except asyncio.CancelledError:
        return cuts


@pytest.mark.spec("SEC-44", "AG-102", "AG-104")
@pytest.mark.expected_logs("a request of one user named the session of another")
async def test_100_users_hear_nothing_foreign_and_miss_nothing(tell: Callable[[str], None]) -> None:
    tell(f"seed {SEED}")
    chance = random.Random(SEED)
    async with open_house() as house, AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(FaultProxy(house.port)) for _ in range(PROXIES)]
        sessions: list[Listening] = []
        for n, user in enumerate(USERS):
            port = house.port if user in STEADY else proxies[n % PROXIES].port
            for transport in ("websocket", "long-polling"):
                client = BayeuxClient(house.url(port), transports=[transport], ext={"token": house.token(user)})
                sessions.append(Listening(user, transport, await stack.enter_async_context(client)))
        subscribed = asyncio.Semaphore(0)
        for n, each in enumerate(sessions):
            background(each.listen(SUBSCRIPTIONS[n % len(SUBSCRIPTIONS)], subscribed.release), stack)
        async with asyncio.timeout(PATIENCE):
            for _ in sessions:
                await subscribed.acquire()

        changelings = [Changeling(house, stack) for _ in range(2)]
        agents = ["Agent1", "user-98", "Agent2", "Agent1", "user-99", "Agent2", "Agent1"]
        changing = (
            background(changelings[0].on_socket([chance.choice(UNSTEADY) for _ in range(20)]), stack),
            background(changelings[1].on_polls(agents), stack),
        )
        cutting = background(cut_now_and_then(proxies, chance), stack)
        feeding = background(feed([*UNSTEADY, "Agent1", "Agent2"], house, random.Random(SEED)), stack)
        started = time.monotonic()
        reached = await deliver_all(house, chance)
        seconds = time.monotonic() - started
        await asyncio.gather(*changing)
        feeding.cancel()
        cutting.cancel()
        cuts = await cutting
        await complete(house, sessions)

        foreign = [event for each in sessions for event in each.foreign]
        foreign += [event for each in changelings for event in each.foreign]
        heard = sum(len(each.heard) for each in sessions)
        tell(
            f"{MESSAGES} messages to {len(USERS)} users in {seconds:.1f} s, taken {reached} times, heard {heard} times"
        )
        tell(
            f"{cuts} cuts of a fifth of the unsteady users, {sum(each.changes for each in changelings)} user switches "
            f"on 2 connections, which heard {sum(each.heard for each in changelings)} messages"
        )
        missed = sum(len(house.sent[each.user]) - len(each.heard) for each in sessions)
        tell(f"foreign messages: {len(foreign)}; on their way when a connection was cut, and missed: {missed}")
        assert not foreign
        for each in sessions:
            if each.user in STEADY:
                assert each.heard == house.sent[each.user], f"{each.user} over {each.transport}"
            else:
                assert each.heard == sorted(set(each.heard)), "doubled or out of order"
                assert set(each.heard) <= set(house.sent[each.user])
        assert all(each.changes and each.heard for each in changelings)


def background(work: Coroutine[Any, Any, Result], stack: AsyncExitStack) -> asyncio.Task[Result]:
    """Have something done until the stack is left."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(end)
    return task


async def deliver_all(house: House, chance: random.Random) -> int:
    """Send all messages, a few in each turn of the loop; how often one was taken."""
    reached = 0
    for n in range(MESSAGES):
        user = chance.choice(USERS)
        taken = house.deliver(user, chance.choice(NAMES))
        assert taken == 2 or user in UNSTEADY, f"{taken} sessions of {user}"
        reached += taken
        if n % AT_ONCE == 0:
            await asyncio.sleep(0.005)  # the pace of the test: its clients share this loop
    return reached


async def feed(users: Sequence[str], house: House, chance: random.Random) -> None:
    """Have something to hear for those who change, as long as they do; cancelled at the end."""
    while True:
        for user in users:
            house.deliver(user, chance.choice(NAMES))
        await asyncio.sleep(0.1)


async def complete(house: House, sessions: Sequence[Listening]) -> None:
    """Wait until every session, back from its last cut, has heard that there is nothing more."""
    async with asyncio.timeout(PATIENCE):
        while waiting := {each.user for each in sessions if not each.is_complete.is_set()}:
            for user in waiting:
                house.deliver_last(user)
            await asyncio.sleep(0.2)  # not for something: who was on his way meanwhile hears the next one
