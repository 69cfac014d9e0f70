"""The whole path: a gateway with agents at their desktops, and customers who come one after the other.

The desktops only listen. A customer comes, his task is routed, and when a desktop shows it he leaves, which frees the
agent: nothing but the gateway takes time in between.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp

from bayeux.client import BayeuxClient
from bayeux.client.errors import ClientError
from bayeux.client.event import Event
from benchmarks.cluster.store import stored
from benchmarks.cpus import Cpus, pinned
from benchmarks.peers.gateway import serving
from benchmarks.peers.server import ServerFailed
from benchmarks.routing.catalogue import Path
from channels.private import INTERACTIONS
from gateway.auth.tokens import Tokens
from gateway.bench.server_cost import used_by
from gateway.config import Sources, load

UNFIT = (ServerFailed, ClientError, aiohttp.ClientError, TimeoutError)
"""What a fault of the gateway raises: it costs this run, not the sitting."""

_AT_ONCE: Final = 20
"""Agents who come at the same time."""
_PATIENCE: Final = 30.0
"""Seconds for one task."""
_LIFETIME: Final = 3600.0
"""Seconds for which the agents' tokens are good."""


def measure(case: Path, agents: int, cpus: Cpus) -> dict[str, Any]:
    """What one run says, as fields of a Measurement: CPU µs of the gateway for a task. Raises one of UNFIT."""
    with ExitStack() as stack:
        with pinned(*cpus.of_many_servers):
            store = stack.enter_context(stored()) if case.has_redis else None
            gateway = stack.enter_context(serving("--dev", *(() if store is None else ("--redis", store.url))))
        watched = {"gateway": gateway.pid} | ({} if store is None else {"redis": store.pid})
        with pinned(cpus.load):
            return asyncio.run(_run(case, agents, gateway.url, watched))


async def _run(case: Path, agents: int, url: str, watched: dict[str, int]) -> dict[str, Any]:
    async with _Floor(url, agents) as floor:
        await floor.take(case.warm_up, 1)
        delays = await floor.by_the_clock(case.timed, case.rate)
        before, began, own = _cpu(watched), time.monotonic(), time.process_time()
        tasks = await floor.go_on(min(case.window, agents), case.seconds)
        seconds = time.monotonic() - began
        used = {name: after - before[name] for name, after in _cpu(watched).items()}
        return {
            "value": used["gateway"] * 1e6 / tasks,
            "published": tasks + case.timed,
            "delivered": tasks,
            "seconds": seconds,
            "user_seconds": used["gateway"],
            "redis_seconds": used.get("redis", 0.0),
            "p50": _percentile(delays, 0.5) * 1000,
            "p99": _percentile(delays, 0.99) * 1000,
            "load_cpu": (time.process_time() - own) / seconds,
        }


class _Floor:
    """Agents at their desktops, and who plays the customers."""

    def __init__(self, url: str, agents: int) -> None:
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._customers = BayeuxClient(url)
        tokens = Tokens(load(Sources(flags={"profile": "development"})).config.auth.tokens)
        names = [f"Agent {number}" for number in range(agents)]
        self._tokens = {name: tokens.make(name, now=time.time(), lifetime=_LIFETIME) for name in names}
        self._numbers = itertools.count()
        self._invited: dict[int, asyncio.Future[tuple[float, str]]] = {}
        self._over: dict[str, asyncio.Event] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._customers)
            http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
            doors = asyncio.Semaphore(_AT_ONCE)
            await asyncio.gather(*(self._open_desk(name, http, doors, stack) for name in self._tokens))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def take(self, tasks: int, at_once: int) -> None:
        """So many tasks."""
        for _ in range(0, tasks, at_once):
            await asyncio.gather(*(self._serve(time.monotonic()) for _ in range(at_once)))

    async def by_the_clock(self, tasks: int, rate: float) -> list[float]:
        """So many, so many a second; of each the seconds from when it was due to when a desktop showed it."""
        began, serving = time.monotonic(), []
        for number in range(tasks):
            due = began + number / rate
            await asyncio.sleep(due - time.monotonic())
            serving.append(asyncio.create_task(self._serve(due)))
        return await asyncio.gather(*serving)

    async def go_on(self, window: int, seconds: float) -> int:
        """As many as can be while so many are on their way; how many that were."""
        end = time.monotonic() + seconds

        async def work() -> int:
            served = 0
            while time.monotonic() < end:
                await self._serve(time.monotonic())
                served += 1
            return served

        return sum(await asyncio.gather(*(work() for _ in range(window))))

    async def _serve(self, due: float) -> float:
        """One customer, from his coming to the end of his task; seconds until a desktop showed it."""
        number = next(self._numbers)
        invited: asyncio.Future[tuple[float, str]] = asyncio.get_running_loop().create_future()
        self._invited[number] = invited
        async with asyncio.timeout(_PATIENCE):
            await self._call("begin", nickname=f"{number}", queue="", userData={"number": number})
            shown, id = await invited
            over = self._over[id] = asyncio.Event()
            await self._call("leave", chat=id)
            await over.wait()
        return shown - due

    async def _call(self, operation: str, **data: Any) -> Any:
        return await self._customers.call(f"dev/chat/{operation}", data)

    async def _open_desk(
        self, name: str, http: aiohttp.ClientSession, doors: asyncio.Semaphore, stack: AsyncExitStack
    ) -> None:
        headers = {"Authorization": f"Bearer {self._tokens[name]}"}
        async with doors:
            desk = BayeuxClient(f"{self._origin}/api/v2/notifications", headers=headers, max_network_delay=_PATIENCE)
            await stack.enter_async_context(desk)
            await desk.subscribe(INTERACTIONS, callback=self._hear)
            for path, said in (
                ("/me", {"operationName": "StartContactCenterSession", "channels": ["chat"]}),
                ("/me/channels/chat", {"operationName": "Ready"}),
            ):
                async with http.post(f"{self._origin}/api/v2{path}", headers=headers, json=said) as answer:
                    answer.raise_for_status()

    def _hear(self, event: Event) -> None:
        state, id = event.data["state"], event.data["id"]
        if state == "Invited":
            invited = self._invited.pop(event.data["userData"]["number"], None)
            if invited is not None:
                invited.set_result((time.monotonic(), id))
        elif id in self._over:
            self._over.pop(id).set()


def _cpu(watched: dict[str, int]) -> dict[str, float]:
    found = {name: used_by(pid) for name, pid in watched.items()}
    return {name: used.user + used.system for name, used in found.items()}


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]
