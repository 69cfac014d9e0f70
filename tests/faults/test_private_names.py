"""Private names over several nodes: a user's sessions live anywhere, and hear what is his own alone (SEC-44)."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest

from bayeux.client import Acknowledge, BayeuxClient
from bayeux.client.event import Event
from channels.private import AGENT_CHANNELS, CALLS, CHATS, INTERACTIONS
from tests.faults.scene import Scene, scene
from tests.support.figures import Tell
from tests.support.redis_server import RedisServer
from tests.support.wire import HttpConnection

SECRET = "a secret that all nodes share, and the one who makes tokens"
USERS = [f"user-{n}" for n in range(100)]
TRANSPORTS = ("websocket", "long-polling")
NAMES = (INTERACTIONS, CALLS, CHATS)
SUBSCRIPTIONS = (("/v2/**",), ("/**",), ("/v2/me/*",), ("/v2/me/**", "/**"), AGENT_CHANNELS)
MESSAGES = 10_000
AT_ONCE = 8
PATIENCE = 60.0


class Listening:
    """One session of a user, and what it heard."""

    def __init__(self, url: str, user: str, transport: str) -> None:
        self.user = user
        self.name = f"{user} by {transport}"
        token = jwt.encode({"sub": user, "exp": int(time.time()) + 3600}, SECRET, algorithm="HS256")
        self.client = BayeuxClient(url, transports=[transport], ext={"token": token}, extensions=[Acknowledge()])
        self.heard: list[int] = []
        self.foreign: list[Any] = []

    async def begin(self, channels: Sequence[str]) -> None:
        await self.client.subscribe(*channels, callback=self.hear)

    def hear(self, event: Event) -> None:
        if event.data["to"] == self.user:
            self.heard.append(event.data["n"])
        else:
            self.foreign.append(event)


class Publisher:
    """Orders messages to users at any node, several at a time; the order is kept for each user."""

    def __init__(self, here: Scene) -> None:
        self._here = here
        self.sent: dict[str, list[int]] = defaultdict(list)
        self.refused = 0

    async def publish(self, numbers: Sequence[int], chance: random.Random) -> None:
        """Numbers from here and there, to any of the users that are this task's alone."""
        connections = [await HttpConnection.open(node.internal) for node in self._here.nodes]
        users = USERS[numbers[0] % AT_ONCE :: AT_ONCE]
        for n in numbers:
            user = chance.choice(users)
            body = {"user": user, "channel": chance.choice(NAMES), "data": {"to": user, "n": n}}
            connection = chance.choice(connections)
            headers = {"Authorization": "Bearer token of the fleet", "Content-Type": "application/json"}
            connection.request("POST", "/internal/publish", headers, orjson.dumps(body))
            reply = await connection.reply()
            if reply.status == 200:
                self.sent[user].append(n)
            else:
                self.refused += 1
        for connection in connections:
            await connection.close()


@pytest.mark.soak
@pytest.mark.spec("SEC-44", "AG-102", "AG-104", "OPS-42", "OPS-62")
async def test_100_users_on_two_nodes_hear_nothing_foreign_and_miss_nothing(
    tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell
) -> None:
    """Also when a worker dies meanwhile, and others take its sessions over."""
    settings = {"auth.tokens.secret": SECRET}
    async with scene(tmp_path, redis, workers=2, settings=settings) as here, AsyncExitStack() as stack:
        url = f"{here.front}/api/v2/notifications"
        sessions = [Listening(url, user, transport) for user in USERS for transport in TRANSPORTS]
        for number, each in enumerate(sessions):
            await stack.enter_async_context(each.client)
            await each.begin(SUBSCRIPTIONS[number % len(SUBSCRIPTIONS)])
        publisher, began = Publisher(here), time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(publisher.publish(range(number, MESSAGES, AT_ONCE), random.Random(chance.random())))
        seconds = time.monotonic() - began
        quiet_since, before = time.monotonic(), -1
        while any(set(publisher.sent[each.user]) - set(each.heard) for each in sessions):
            if (now := sum(len(each.heard) for each in sessions)) != before:
                before, quiet_since = now, time.monotonic()
            if time.monotonic() - quiet_since > PATIENCE:
                break
            await asyncio.sleep(0.2)
        foreign = [event for each in sessions for event in each.foreign]
        heard = sum(len(each.heard) for each in sessions)
        tell(f"{MESSAGES} messages to {len(USERS)} users in {seconds:.1f} s, heard {heard} times by {len(sessions)}")
        tell(f"foreign messages: {len(foreign)}; refused: {publisher.refused}")
        assert not foreign
        assert publisher.refused == 0
        wrong = {each.name for each in sessions if each.heard != publisher.sent[each.user]}
        assert not wrong
