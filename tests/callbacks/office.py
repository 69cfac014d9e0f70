"""Nodes that run callbacks over one store, the customers who want some, and the clock."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.access.bookings import Bookings
from gateway.access.dialling import Dialling
from gateway.access.pool import Pool, Strategy
from gateway.callback.instance import Instance
from gateway.callback.options import Service, resolve
from gateway.callback.profiles import PRESETS, Media, Profile
from gateway.callbacks.callback import Callback
from gateway.callbacks.callbacks import Callbacks
from gateway.customers.storage import Storage
from gateway.instances.instances import Instances
from gateway.instances.request import Request
from gateway.push.notice import Notice
from gateway.push.provider import Device
from gateway.services.patterns import compiled
from gateway.store.store import Deadline, Fence, Store
from gateway.store.turn import Turn
from tests.callbacks.queues import Queues

ROOM = "customers"
USER = "b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673"
NUMBER = "4082652649"
BASE = "http://localhost:8080/genesys"
BEGIN = 1_700_000_000.0
TARGET = "sales@StatServer.GA"

TOLD = {"_customer_number": NUMBER, "_device_notification_id": USER, "_device_os": "comet"}
"""Parameters of a customer who can be told."""


@dataclass
class Clock:
    """Moves when told; all nodes share it."""

    now: float = BEGIN

    def __call__(self) -> float:
        return self.now


@dataclass
class Mailboxes:
    """What users were told, as it stands in the store, in the order of the commits."""

    subscribed: list[tuple[str, str, str, str]] = field(default_factory=list)
    nudged: list[str] = field(default_factory=list)

    async def subscribe(self, turn: Turn, *, instance: str, user: str, device: Device, until: float) -> None:
        self.subscribed.append((instance, user, device.type, device.id))

    async def tell(self, turn: Turn, notice: Notice) -> None:
        key = f"told:{notice.user}"
        (body,) = await turn.read(key)
        before = body["notices"] if body is not None else []
        if notice.id not in [each["id"] for each in before]:
            turn.write(key, {"notices": [*before, notice.to_document()]})

    async def withdraw(self, turn: Turn, user: str, tag: str) -> None:
        key = f"withdrawn:{user}"
        (body,) = await turn.read(key)
        turn.write(key, {"tags": [*(body["tags"] if body is not None else []), tag]})

    def nudge(self, user: str) -> None:
        self.nudged.append(user)


def service_options(profile: Profile, **options: str) -> dict[str, str]:
    """Of a service of that profile."""
    return {**PRESETS[profile], "_target": TARGET, **{f"_{name}": text for name, text in options.items()}}


@dataclass
class Office:
    """One node's part; several of one store share clock and queues."""

    store: Store
    clock: Clock
    queues: Queues
    node: str = "here"
    services: dict[str, Mapping[str, str]] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    patterns: dict[str, Mapping[str, str]] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    lease: float = 3600.0
    """Seconds that it leads without being asked anew."""

    def __post_init__(self) -> None:
        self.room = self.store.room(ROOM)
        dialling = Dialling()
        numbers = random.Random(self.node)
        self.instances = Instances(
            self.room,
            Storage(self.room, lambda: uuid.uuid4().hex),
            node=self.node,
            clock=self.clock,
            new_uuid=uuid.uuid4,
        )
        self.bookings = Bookings(self.room, node=self.node, dialling=dialling, below=numbers.randrange)
        self.mailboxes = Mailboxes()
        self.callbacks = Callbacks(
            self.room,
            instances=self.instances,
            bookings=self.bookings,
            telling=self.mailboxes,
            pools=lambda: self.pools,
            patterns=lambda: {name: compiled(group) for name, group in self.patterns.items()},
            dialling=dialling,
            targets=self.targets,
            kept=("_vq",),
            clock=self.clock,
        )
        self.callbacks.routers.update(dict.fromkeys(Media, self.queues))
        self.queues.listener = self.callbacks.news
        self.instances.ending.append(self.callbacks.ending)

    # What is configured

    def serves(self, name: str, profile: Profile, **options: str) -> Office:
        self.services[name] = service_options(profile, **options)
        return self

    def has_numbers(self, count: int, strategy: Strategy = Strategy.CLUSTER) -> Office:
        numbers = [f"1-800-555-{n:04}" for n in range(count)]
        self.pools["DNIS"] = Pool(name="DNIS", numbers=numbers, strategy=strategy)
        return self

    # What customers do

    async def starts(
        self, name: str, *, user: str = USER, headers: Mapping[str, str] | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """The dialog; without parameters the customer is one who can be told."""
        given = {f"_{name}": value for name, value in parameters.items()} if parameters else dict(TOLD)
        return await self.asks(name, given, user=user, headers=headers)

    async def asks(
        self, name: str, given: Mapping[str, Any], *, user: str = USER, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        request = Request(values=given, user=user, headers=headers or {}, base=BASE)
        return dict(await self.callbacks.start(self.service(name, request.texts), request))

    def service(self, name: str, texts: Mapping[str, str]) -> Service:
        return resolve(name, self.services, texts)

    # Who leads does this

    async def carries_out(self) -> None:
        """All that follows from what was decided, and what follows from that."""
        await self.callbacks.pump.drain()

    async def keeps_deadlines(self, fence: Fence | None = None) -> None:
        """All that are due by now."""
        fence = fence or await self.leads()
        while due := await self.room.due(self.clock()):
            for deadline in due:
                await self.keeps(deadline, fence)
        await self.carries_out()

    async def keeps(self, deadline: Deadline, fence: Fence) -> None:
        kind, _, name = deadline.name.partition(":")
        await {"callback": self.callbacks.expire, "instance": self.instances.expire}[kind](name, fence)

    async def leads(self) -> Fence:
        """Waits for who has died to lead no more. Raises TimeoutError."""
        for _ in range(1000):
            fence = await self.room.claim("role", self.node, self.lease)
            if fence is not None:
                return fence
            await asyncio.sleep(0.005)
        raise TimeoutError

    async def waits(self, seconds: float) -> None:
        """Each deadline comes on time."""
        end = self.clock.now + seconds
        await self.carries_out()
        while (due := await self.room.next_deadline()) is not None and due <= end:
            self.clock.now = max(self.clock.now, due)
            await self.keeps_deadlines()
        self.clock.now = end
        await self.carries_out()

    # What is known

    async def callback(self, id: str) -> Callback:
        found = await self.callbacks.look(id)
        assert found is not None, "it was forgotten"
        return found

    async def instance(self, id: str) -> Instance:
        return (await self.callback(id)).instance

    async def state(self, id: str) -> str:
        """Step, or how it ended."""
        instance = await self.instance(id)
        return instance.reason.value if instance.reason is not None else instance.step.value

    async def told(self, user: str = USER) -> list[Notice]:
        (document,) = await self.room.read(f"told:{user}")
        return [Notice.from_document(body) for body in document.body["notices"]] if document is not None else []

    async def attempts(self, id: str, user: str = USER) -> int:
        """How often the customer was told of an agent."""
        return sum(each.tag == f"service.agentavailable.{id}" for each in await self.told(user))

    async def withdrawn(self, user: str = USER) -> list[str]:
        (document,) = await self.room.read(f"withdrawn:{user}")
        return list(document.body["tags"]) if document is not None else []

    async def booked(self) -> int:
        """Numbers that are somebody's."""
        return (await self.bookings.health(self.pools["DNIS"], self.clock())).booked
