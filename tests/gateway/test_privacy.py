"""Nobody sees what is meant for somebody else: many users at once, listening as widely as they may."""

import asyncio
import random
import time

import pytest

from bayeux.client.client import BayeuxClient
from bayeux.client.subscription import Subscription
from tests.gateway.conftest import Serve, Served

USERS = [f"user{number}" for number in range(100)]
PATTERNS = ("/v2/me/interactions", "/v2/me/*", "/v2/me/**", "/v2/*", "/v2/**", "/**")
CHANNELS = ("/v2/me", "/v2/me/interactions", "/v2/me/channels", "/_genesys")
ROUNDS = 25  # each sends one message a user on each channel: 10,000 in all


class Listener:
    """One session of a user, which checks whose messages it gets."""

    def __init__(self, served: Served, user: str, transport: str, pattern: str) -> None:
        token = served.gateway.agents.tokens.make(user, now=time.time(), lifetime=600)
        self.user = user
        self.pattern = pattern
        self.client = BayeuxClient(served.origin + "/cometd", transports=(transport,), ext={"token": token})
        self.got = 0
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self.client.open()
        subscription = await self.client.subscribe("/v2/me/end", self.pattern, max_queue=20_000)
        self._reading = asyncio.create_task(self._read(subscription))

    async def _read(self, subscription: Subscription) -> None:
        async for event in subscription:
            assert event.data["for"] == self.user
            self.got += 1
            if event.channel == "/v2/me/end":
                return

    async def end(self) -> None:
        assert self._reading is not None
        async with asyncio.timeout(60):
            await self._reading
        await self.client.disconnect()


@pytest.mark.spec("SEC-44", "AG-102", "AG-104", "AG-106")
async def test_hundred_users_with_wildcards_and_reconnects_see_no_foreign_message(serve: Serve) -> None:
    served = await serve(("bayeux.max_queue=0", "bayeux.max_queue_bytes=0"))
    chance = random.Random(44)
    server = served.gateway.server

    def listener(user: str, transport: str) -> Listener:
        return Listener(served, user, transport, chance.choice(PATTERNS))

    listeners = [listener(user, transport) for user in USERS for transport in ("websocket", "long-polling")]
    await asyncio.gather(*(each.open() for each in listeners))
    sent = 0
    for part in range(ROUNDS):
        for user in chance.sample(USERS, len(USERS)):
            for channel in CHANNELS:
                server.deliver_to_user(user, channel, {"for": user, "n": (sent := sent + 1)})
        if part % 5 == 2:  # some go, and others come
            leaving = [listeners.pop(chance.randrange(len(listeners))) for _ in range(20)]
            for each in leaving:
                server.deliver_to_user(each.user, "/v2/me/end", {"for": each.user})
            again = {each.user for each in leaving}
            ended = [each for each in (*leaving, *listeners) if each.user in again]
            listeners = [each for each in listeners if each.user not in again]
            await asyncio.gather(*(each.end() for each in ended))
            coming = [
                listener(user, transport) for user in sorted(again) for transport in ("websocket", "long-polling")
            ]
            await asyncio.gather(*(each.open() for each in coming))
            listeners += coming
        await asyncio.sleep(0)
    for user in USERS:
        assert server.deliver_to_user(user, "/v2/me/end", {"for": user}) == 2
    await asyncio.gather(*(each.end() for each in listeners))
    assert sent == 10_000
    assert all(each.got > 1 for each in listeners if each.pattern != "/v2/*")
