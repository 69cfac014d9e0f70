"""Agents and customers who stay through everything: what was not answered they ask again, until it is.

An agent has one desk: he takes what he is invited to, says a sentence, and is done. Some invitations he declines, and
some he lets ring. What he is told is kept, in order: the test looks at that, and at nothing that he believes himself.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

import aiohttp

from bayeux.client import Acknowledge, BayeuxClient
from bayeux.client.errors import ClientError
from bayeux.client.event import Event
from tests.scenarios.people import CHANNELS, INTERACTIONS

PATIENCE = 60.0
"""Seconds; what is not answered by then never will be."""
AGAIN = (0.1, 0.5)
"""Seconds between two attempts."""
ANSWER = aiohttp.ClientTimeout(total=10)
DECLINED, LEFT_RINGING = 0.05, 0.04
"""Shares of the invitations."""
AWAKE_AFTER = 25.0
"""Seconds from when he came; then he lets nothing ring any more, for that takes half a minute each time."""
WORK = (0.05, 0.2)
"""Seconds that an agent takes to think."""
ABSENT = (1.0, 2.0)
"""Seconds until he notices that he was made NotReady."""
SERVED = "served by "
OVER = frozenset({2, 6})
"""``statusCode`` of what comes too late."""

Data = Mapping[str, Any]


class Desk:
    """One agent, from his sign-in on.

    Args:
        counts: his desktop asks for the gateway's numbers, and tells by them what it knows; others compare.
    """

    def __init__(self, origin: str, user: str, transport: str, chance: random.Random, *, counts: bool) -> None:
        self.user = user
        self.heard: list[Data] = []
        """What came on ``/v2/me/interactions``, each message once."""
        self.heard_at: list[float] = []
        """When, on the monotonic clock."""
        self.asked: Counter[str] = Counter()
        self.repeated = 0
        """Requests that had to be sent again."""
        self.copies = 0
        """How often he was told again what he knew: a node that dies has not always said what it had told already."""
        self.sessions: set[str | None] = set()
        self._counts = counts
        self._latest: dict[str, int] = {}
        """Of each interaction the number of what was told of it last."""
        self._known: set[str] = set()
        self._origin = origin
        self._transport = transport
        self._chance = chance
        self._http = aiohttp.ClientSession(timeout=ANSWER)
        self._headers: dict[str, str] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._awake_at = 0.0

    async def __aenter__(self) -> Self:
        async with self._stack:
            await self._come_in()
            self._stack = self._stack.pop_all()
        return self

    async def _come_in(self) -> None:
        await self._stack.enter_async_context(self._http)
        await self._sign_in()
        url, chance = f"{self._origin}/api/v2/notifications", random.Random(self._chance.random())
        self._feed = BayeuxClient(
            url,
            headers={"Cookie": self._headers["Cookie"]},
            transports=[self._transport],
            ext={"gw": True} if self._counts else None,
            extensions=[Acknowledge()],
            random=chance.random,
        )
        await self._stack.enter_async_context(self._feed)
        await self._feed.subscribe(INTERACTIONS, callback=self._hear)
        await self._feed.subscribe(CHANNELS, callback=self._hear_of_himself)
        self.sessions.add(self._feed.client_id)
        await self.ask("/me", "StartContactCenterSession", channels=["chat"])
        await self.ask("/me/channels/chat", "Ready")
        self._awake_at = time.monotonic() + AWAKE_AFTER

    async def __aexit__(self, *_: object) -> None:
        self.sessions.add(self._feed.client_id)
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await self._stack.aclose()

    async def ask(self, path: str, operation: str, **parameters: Any) -> int:
        """One operation, until it is answered; its ``statusCode``."""
        self.asked[operation] += 1
        answer = await self._fetch("POST", path, json={"operationName": operation, **parameters})
        code: int = answer["statusCode"]
        return code

    async def held(self) -> list[Data]:
        """What he has, by the gateway's account."""
        found: list[Data] = (await self._fetch("GET", "/me/interactions?fields=*"))["interactions"]
        return found

    def _hear(self, event: Event) -> None:
        if self._knows(event):
            self.copies += 1
            return
        self.heard.append(event.data)
        self.heard_at.append(time.monotonic())
        if event.data["state"] == "Invited":
            self._begin(self._answer(event.data["id"]))

    def _knows(self, event: Event) -> bool:
        if self._counts:
            id, number = event.data["id"], event.ext["gw"]["seq"]
            is_known = number <= self._latest.get(id, -1)
            self._latest[id] = max(number, self._latest.get(id, -1))
            return is_known
        assert not event.ext, f"{self.user} did not ask for {event.ext}"
        copy = json.dumps(event.data)
        is_known = copy in self._known
        self._known.add(copy)
        return is_known

    def _hear_of_himself(self, event: Event) -> None:
        state = event.data["channels"][0]["userState"]
        if state["state"] == "NotReady" and state.get("reason") == "RONA":
            self._begin(self._come_back())

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _answer(self, id: str) -> None:
        path, lot = f"/me/interactions/{id}", self._chance.random()
        await self._think(WORK)
        if lot < LEFT_RINGING and time.monotonic() < self._awake_at:
            return
        if lot < LEFT_RINGING + DECLINED:
            await self.ask(path, "Reject")
        elif await self.ask(path, "Accept") == 0:
            said = await self.ask(path, "SendMessage", text=f"{SERVED}{self.user}", clientMessageId=f"served {id}")
            assert said == 0 or said in OVER, said
            await self._think(WORK)
            done = await self.ask(path, "StopProcessing")
            assert done == 0 or done in OVER, done

    async def _come_back(self) -> None:
        await self._think(ABSENT)
        await self.ask("/me/channels/chat", "Ready")

    async def _sign_in(self) -> None:
        password = base64.b64encode(f"{self.user}:{self.user}".encode()).decode()
        headers = {"Authorization": f"Basic {password}"}
        async with self._http.get(f"{self._origin}/api/v2/me", headers=headers) as answer:
            cookie = answer.headers["Set-Cookie"].split(";")[0]
            self._headers = {"Cookie": cookie, "X-CSRF-TOKEN": answer.headers["X-CSRF-TOKEN"]}

    async def _fetch(self, method: str, path: str, **more: Any) -> Any:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    async with self._http.request(
                        method, f"{self._origin}/api/v2{path}", headers=self._headers, **more
                    ) as answer:
                        if answer.status < 500:
                            return json.loads(await answer.read())
                except (aiohttp.ClientError, TimeoutError):
                    pass  # whether it was done nobody knows; each of these can be asked again
                self.repeated += 1
                await self._think(AGAIN)

    async def _think(self, between: tuple[float, float]) -> None:
        await asyncio.sleep(self._chance.uniform(*between))


class Visitor:
    """Plays customers, one after the other."""

    def __init__(self, origin: str, chance: random.Random) -> None:
        self.chats: dict[int, str] = {}
        """Each customer's chat."""
        self._client = BayeuxClient(f"{origin}/cometd", random=random.Random(chance.random()).random)
        self._chance = chance

    async def __aenter__(self) -> Self:
        await self._client.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.disconnect()

    async def begin(self, number: int) -> None:
        """A customer comes; he comes once."""
        name = f"customer {number}"
        self.chats[number] = await self._call("begin", nickname=name, queue="", userData={"number": number}, key=name)
        await self._call("say", chat=self.chats[number], text="hello", messageId=f"hello {number}")

    async def read(self, number: int) -> list[Data]:
        """What he saw."""
        seen: list[Data] = await self._call("read", chat=self.chats[number])
        return seen

    async def _call(self, operation: str, **data: Any) -> Any:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await self._client.call(f"dev/chat/{operation}", data)
                except ClientError:
                    await asyncio.sleep(self._chance.uniform(*AGAIN))
