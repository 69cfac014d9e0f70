"""Customers' apps: what one asks by REST, and what it is told on ``/_genesys``; each is one line of a scenario."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Self
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from bayeux.client.client import BayeuxClient
from bayeux.client.event import Event
from tests.scenarios.house import PATIENCE

GENESYS = "/_genesys"
Json = Mapping[str, Any]


class App:
    """The app of one user on one device."""

    def __init__(self, origin: str, user: str) -> None:
        self.origin = origin
        self.user = user
        self.instance = ""
        """``_id`` of what it started last."""
        self.told: list[Json] = []
        """Every notice, in the order in which it came."""
        self._news = asyncio.Event()
        self._taken = 0
        self._listening = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.go_away()

    # What it asks

    async def fetch(
        self, method: str, path: str, parameters: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> HTTPResponse:
        """A request below ``/genesys/1``; parameters go as a form."""
        body = urlencode(parameters or {}) if method in ("POST", "PUT") else None
        headers = {**({"gms_user": self.user} if self.user else {}), **(headers or {})}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        url = f"{self.origin}/genesys/1{path}"
        request = HTTPRequest(url, method, headers=headers, body=body, request_timeout=PATIENCE)
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    async def get(self, path: str) -> Any:
        """What a resource says."""
        return _read(await self.fetch("GET", path))

    async def post(self, path: str, **parameters: str) -> Any:
        """What comes of a request that goes well."""
        return _read(await self.fetch("POST", path, parameters))

    async def refused(self, path: str, **parameters: str) -> int:
        """The status of one that does not."""
        answer = await self.fetch("POST", path, parameters)
        assert answer.code >= 400, answer.body
        return answer.code

    async def start(self, service: str, **parameters: str) -> Json:
        """A callback; its dialog."""
        device = {"_device_os": "comet", "_device_notification_id": self.user} if self.user else {}
        dialog: Json = await self.post(f"/service/callback/{service}", **{**device, **parameters})
        self.instance = dialog["_id"]
        return dialog

    async def ask(self, method: str, **parameters: str) -> Any:
        """A method of its instance."""
        return await self.post(f"/service/{self.instance}/{method}", **parameters)

    async def record(self) -> Json:
        """Its callback, as a query tells it."""
        (record,) = await self.get(f"/service/callback?_id={self.instance}")
        return dict(record)

    async def subscribe(self, tags: str) -> str:
        """Have notices of these tags come by its line; the subscription's id."""
        details = {"deviceId": self.user, "type": "comet"}
        body = json.dumps({"subscriberId": self.user, "notificationDetails": details, "filter": tags, "expire": 600})
        headers = {"gms_user": self.user, "Content-Type": "application/json"}
        url = f"{self.origin}/genesys/1/notification/subscription"
        id: str = _read(await AsyncHTTPClient().fetch(HTTPRequest(url, "POST", headers, body), raise_error=False))["id"]
        return id

    # What it is told

    async def listen(self, origin: str = "", **more: Any) -> None:
        """Open its line; ``origin`` where it is another way to the gateway."""
        url = f"{origin or self.origin}/genesys/cometd"
        client = BayeuxClient(url, headers={"gms_user": self.user}, ext={"gms_user": self.user}, **more)
        await self._listening.enter_async_context(client)
        await client.subscribe(GENESYS, callback=self._hear)

    async def go_away(self) -> None:
        """Close it."""
        await self._listening.aclose()

    async def until(self, wanted: Callable[[Json], bool]) -> Json:
        """The next notice of that kind; what comes before is let go."""
        async with asyncio.timeout(PATIENCE):
            while True:
                while self._taken < len(self.told):
                    told = self.told[self._taken]
                    self._taken += 1
                    if wanted(told):
                        return told
                self._news.clear()
                await self._news.wait()

    async def agent_available(self) -> Json:
        """That an agent is near."""
        return await self.until(lambda told: told["tag"] == f"service.agentavailable.{self.instance}")

    async def entry(self, kind: str, text: str | None = None) -> list[str]:
        """The next entry of the chat of this kind, and text."""
        found: list[list[str]] = []

        def wanted(told: Json) -> bool:
            found.extend(each for each in entries([told]) if each[0] == kind and text in (None, each[2]))
            return bool(found)

        await self.until(wanted)
        return found[0]

    def _hear(self, event: Event) -> None:
        self.told.append(event.data)
        self._news.set()


def entries(told: list[Json]) -> list[list[str]]:
    """What a chat's notices show, in their order."""
    chats = [each["message"] for each in told if each["tag"].startswith("service.chat.refresh.")]
    return [entry for each in chats for entry in each["transcriptToShow"]]


def once(told: list[Json]) -> list[Json]:
    """As an app drops what comes twice: by the notice's id (PN-2)."""
    return list({each["id"]: each for each in told}.values())


def _read(answer: HTTPResponse) -> Any:
    assert answer.code == 200, (answer.code, answer.body)
    return json.loads(answer.body)
