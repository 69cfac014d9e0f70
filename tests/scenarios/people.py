"""Agents and customers: what they do is one line of a scenario.

An agent is a desktop: signed in by password, then by cookie and token; his notifications wait in one queue a channel.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Self

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from bayeux.client.client import BayeuxClient
from bayeux.client.errors import CallFailed
from bayeux.client.event import Event
from tests.scenarios.house import PATIENCE

INTERACTIONS, CHATS, EMAILS = "/v2/me/interactions", "/v2/me/chats", "/v2/me/emails"
CHANNELS, WORKBINS = "/v2/me/channels", "/v2/me/workbins"

Data = Mapping[str, Any]


class Agent:
    """One desktop of an agent."""

    def __init__(self, origin: str, user: str) -> None:
        self.origin = origin
        self.user = user
        self._headers: dict[str, str] = {}
        self._told: dict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self.history: list[tuple[str, Any]] = []
        """All that he was told: channel and data."""
        self.bayeux: BayeuxClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.go()

    # What he asks

    async def sign_in(self) -> Self:
        """By password; from here on he has a cookie and a token."""
        password = base64.b64encode(f"{self.user}:{self.user}".encode()).decode()
        answer = await self._fetch("/me", headers={"Authorization": f"Basic {password}"})
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        self._headers = {"Cookie": cookie, "X-CSRF-TOKEN": answer.headers["X-CSRF-TOKEN"]}
        return self

    @property
    def cookie(self) -> str:
        """What his browser shows."""
        return self._headers["Cookie"]

    async def get(self, path: str) -> Any:
        """What a resource says."""
        return json.loads((await self._fetch(path, headers=self._headers)).body)

    async def ask(self, path: str, operation: str, **parameters: Any) -> Any:
        """One operation; the whole answer."""
        body = json.dumps({"operationName": operation, **parameters})
        headers = {**self._headers, "Content-Type": "application/json"}
        return json.loads((await self._fetch(path, headers=headers, method="POST", body=body)).body)

    async def do(self, path: str, operation: str, **parameters: Any) -> None:
        """One operation that goes well."""
        answer = await self.ask(path, operation, **parameters)
        assert answer["statusCode"] == 0, (operation, answer)

    async def start(self, *channels: str) -> None:
        """Open the contact-center session."""
        await self.do("/me", "StartContactCenterSession", channels=list(channels or ("chat", "email")))

    async def ready(self, *channels: str) -> None:
        for channel in channels:
            await self.do(f"/me/channels/{channel}", "Ready")

    async def not_ready(self, channel: str) -> None:
        await self.do(f"/me/channels/{channel}", "NotReady")

    async def perform(self, interaction: str, operation: str, **parameters: Any) -> None:
        """One operation on an interaction, that goes well."""
        await self.do(f"/me/interactions/{interaction}", operation, **parameters)

    async def refused(self, interaction: str, operation: str, **parameters: Any) -> int:
        """One that does not; its ``statusCode``."""
        answer = await self.ask(f"/me/interactions/{interaction}", operation, **parameters)
        assert answer["statusCode"], (operation, answer)
        code: int = answer["statusCode"]
        return code

    async def held(self) -> list[Any]:
        """What he has, by its own account."""
        held: list[Any] = (await self.get("/me/interactions?fields=*"))["interactions"]
        return held

    # What he is told

    async def watch(self, *channels: str, **more: Any) -> None:
        """Open his notifications."""
        await self.watch_at(self.origin, *channels, **more)

    async def watch_at(self, origin: str, *channels: str, **more: Any) -> None:
        """The same by another way to the gateway."""
        url = f"{origin}/api/v2/notifications"
        self.bayeux = BayeuxClient(url, headers={"Cookie": self._headers["Cookie"]}, **more)
        await self.bayeux.__aenter__()
        for channel in channels or (INTERACTIONS, CHANNELS):
            await self.bayeux.subscribe(channel, callback=self._hear)

    async def next(self, channel: str = INTERACTIONS, seconds: float = PATIENCE) -> Any:
        """The next that he is told on a channel."""
        async with asyncio.timeout(seconds):
            return await self._told[channel].get()

    async def until(self, wanted: Callable[[Any], bool], channel: str = INTERACTIONS) -> Any:
        """The next of that kind; what comes before is let go."""
        while not wanted(told := await self.next(channel)):
            pass
        return told

    async def state(self, state: str, id: str | None = None) -> Any:
        """The next notification of an interaction in this state."""
        return await self.until(lambda told: told["state"] == state and id in (None, told["id"]))

    async def invited(self, id: str | None = None) -> Any:
        return await self.state("Invited", id)

    def waiting(self, channel: str = INTERACTIONS) -> list[Any]:
        """What he was told, and nobody took."""
        queue = self._told[channel]
        return [queue.get_nowait() for _ in range(queue.qsize())]

    async def go(self) -> None:
        """Close the notifications."""
        if self.bayeux is not None:
            bayeux, self.bayeux = self.bayeux, None
            await bayeux.__aexit__(None, None, None)

    def _hear(self, event: Event) -> None:
        self.history.append((event.channel, event.data))
        self._told[event.channel].put_nowait(event.data)

    async def _fetch(self, path: str, **more: Any) -> Any:
        request = HTTPRequest(f"{self.origin}/api/v2{path}", request_timeout=PATIENCE, **more)
        return await AsyncHTTPClient().fetch(request, raise_error=False)


class Customer:
    """One who chats."""

    def __init__(self, client: BayeuxClient, nickname: str) -> None:
        self._client = client
        self.nickname = nickname
        self.chat = ""
        """The interaction's id."""

    async def begin(self, user_data: Data | None = None, queue: str = "SimpleChatInQueue") -> str:
        self.chat = await self._client.call(
            "dev/chat/begin", {"nickname": self.nickname, "queue": queue, "userData": dict(user_data or {})}
        )
        return self.chat

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self._client.call("dev/chat/say", {"chat": self.chat, "text": text})

    async def type(self, *, starts: bool = True) -> None:
        kind = "TYPING_STARTED" if starts else "TYPING_STOPPED"
        await self._client.call("dev/chat/notice", {"chat": self.chat, "kind": kind})

    async def leave(self) -> None:
        await self._client.call("dev/chat/leave", {"chat": self.chat})

    async def sees(self) -> list[Any]:
        """The chat as he can read it."""
        events: list[Any] = await self._client.call("dev/chat/read", {"chat": self.chat})
        return events

    async def refused(self, text: str) -> int:
        """What he says is not taken: its ``statusCode``."""
        try:
            await self.say(text)
        except CallFailed as failed:
            code: int = failed.data["statusCode"]
            return code
        raise AssertionError("it was taken")
