"""Customers and agents in one house: chats of callbacks, with real agents, and a mailbox that tests look into.

What finds agents, and what reaches devices, are stood in for; the callbacks' machine is the real one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast

from bayeux.protocol.errors import Unavailable
from gateway.access.refusal import InstanceUnknown
from gateway.agents.center import ContactCenter
from gateway.agents.customers import id_of
from gateway.callback import machine
from gateway.callback.effects import Outcome, Route
from gateway.callback.events import Connect, Event, News
from gateway.callback.instance import Instance as Machine
from gateway.callback.profiles import PRESETS, Profile
from gateway.callback.settings import Settings as CallbackSettings
from gateway.chats.chat import Chat, Target
from gateway.chats.kept import KeptChats
from gateway.chats.part import ChatPart
from gateway.chats.settings import Settings
from gateway.customers.refusal import StorageNotFound
from gateway.push.notice import Notice
from gateway.store.store import Changes, Outgoing, Room, TakenAlready
from gateway.store.turn import Turn, decided
from tests.agents.office import PATIENCE, Office

ROOM = "customers"
SERVICE = "chat-now"


@dataclass(frozen=True)
class Instance:
    id: str
    name: str
    user: str
    data: str
    expires: float


class Instances:
    def __init__(self) -> None:
        self.known: dict[str, Instance] = {}

    async def find(self, id: str, *, user: str) -> Instance:
        found = self.known.get(id)
        if found is None or (user and found.user and user != found.user):
            raise InstanceUnknown("there is no such instance")
        return found


class Services:
    def __init__(self) -> None:
        self.services: dict[str, Mapping[str, str]] = {SERVICE: {}}


class Areas:
    def __init__(self) -> None:
        self.texts: dict[str, Mapping[str, str | None]] = {}

    async def read(self, id: str, user: str) -> Mapping[str, str | None]:
        if id not in self.texts:
            raise StorageNotFound("there is no such storage")
        return self.texts[id]


@dataclass(frozen=True)
class Callback:
    instance: Machine


class Callbacks:
    """Real machines in the store; what follows from them is done when it is asked for."""

    def __init__(self, room: Room, clock: Callable[[], float]) -> None:
        self.room = room
        self.clock = clock
        self.route: Callable[[str], Awaitable[None]] | None = None
        self.is_lazy = False

    async def find_in(self, turn: Turn, id: str) -> Callback | None:
        (body,) = await turn.read(f"callback:{id}")
        return Callback(Machine.from_document(body)) if body is not None else None

    async def take_in(self, turn: Turn, id: str, event: Event) -> Outcome | None:
        callback = await self.find_in(turn, id)
        if callback is None:
            return None
        outcome = machine.receive(callback.instance, event, turn.now)
        turn.write(f"callback:{id}", outcome.instance.to_document())
        for number, effect in enumerate(outcome.effects):
            if isinstance(effect, Route):
                turn.leave(Outgoing(f"{id}:{turn.now}:{number}", "callback", {"id": id}))
        return outcome

    async def news(self, id: str, event: News, *, once: str = "") -> None:
        async def decision(turn: Turn) -> None:
            turn.taken = once
            await turn.read(f"news:{id}", f"callback:{id}")
            (body,) = await turn.read(f"news:{id}")
            heard = [*(body["heard"] if body is not None else ()), type(event).__name__]
            turn.write(f"news:{id}", {"heard": heard})
            await self.take_in(turn, id, event)

        with suppress(TakenAlready):
            await decided(self.room, decision, lambda: Turn(self.room, self.clock()))

    async def perform(self) -> None:
        assert self.route is not None
        for entry in await self.room.outbox("callback"):
            await self.route(entry.body["id"])
            await self.room.commit(Changes(sent=[entry.id]))

    async def heard(self, id: str) -> list[str]:
        (document,) = await self.room.read(f"news:{id}")
        return list(document.body["heard"]) if document is not None else []


class Push:
    """Mailboxes and devices as lists in the store."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.enabled = frozenset({"comet", "fcm"})
        self.taken: set[str] = set()
        """Ids of what sessions were found to have."""

    async def tell(self, turn: Turn, notice: Notice) -> None:
        assert notice.until is not None and notice.until > turn.now
        await self._add(turn, f"mailbox:{notice.user}", notice.body)

    async def reach(self, turn: Turn, notice: Notice, target: Target) -> None:
        await self._add(turn, f"device:{target.id}", notice.body["message"])

    async def waiting(self, turn: Turn, user: str, tag: str) -> list[Notice]:
        """As if no session had proven anything."""
        (body,) = await turn.read(f"mailbox:{user}")
        entries = body["entries"] if body is not None else []
        return [Notice(**entry) for entry in entries if entry["tag"] == tag and entry["id"] not in self.taken]

    def nudge(self, user: str) -> None:
        pass

    async def mailbox(self, user: str) -> list[dict[str, Any]]:
        return await self._all(f"mailbox:{user}")

    async def device(self, id: str) -> list[dict[str, Any]]:
        return await self._all(f"device:{id}")

    async def _add(self, turn: Turn, key: str, entry: Any) -> None:
        (body,) = await turn.read(key)
        entries = body["entries"] if body is not None else []
        turn.write(key, {"entries": [*entries, entry]})

    async def _all(self, key: str) -> list[dict[str, Any]]:
        (document,) = await self.room.read(key)
        return list(document.body["entries"]) if document is not None else []


class Died(Unavailable):
    """The process did; another one begins where it stood."""


class Deaths:
    """Has whoever moves what customers hear die at his commits, before or behind them, by chance."""

    def __init__(self, seed: int = 0) -> None:
        self.is_near = False
        self.count = 0
        self._chance = random.Random(seed)

    def seed(self, seed: int) -> None:
        """Other chances."""
        self._chance.seed(seed)

    def of(self, room: Room) -> Mortal:
        return Mortal(room, self)

    async def commit(self, room: Room, changes: Changes) -> None:
        fate = self._chance.choice(("before", "behind", "", "")) if self.is_near else ""
        if fate == "before":
            self.count += 1
            raise Died
        await room.commit(changes)
        if fate == "behind":
            self.count += 1
            raise Died


class Mortal:
    """A room in which one can die."""

    def __init__(self, room: Room, deaths: Deaths) -> None:
        self._room = room
        self._deaths = deaths

    def __getattr__(self, name: str) -> Any:
        return getattr(self._room, name)

    async def commit(self, changes: Changes) -> None:
        await self._deaths.commit(self._room, changes)


class House(Office):
    """An office whose chats are those of customers' services."""

    def __init__(self, directory: Path, *settings: str, **chat: Any) -> None:
        self.instances = Instances()
        self.services = Services()
        self.areas = Areas()
        self.sessions: set[str] = set()
        """Users who have a live one."""
        self.is_cut_off = False
        """Nothing gets from the agents' side to the customers'."""
        self.movers = 1
        """How many nodes move what customers hear, at the same time."""
        self.deaths = Deaths()
        self._settings = Settings(**chat)
        self._numbers = count(1)
        super().__init__(directory, "chat.idle_alert=0", *settings)

    def _make(self, node: str) -> ContactCenter:
        center = super()._make(node)
        self.room = center.store.room(ROOM)
        room = cast(Room, self.deaths.of(self.room))
        self.kept = KeptChats(room, self.clock)
        self.push = Push(room)
        self.callbacks = Callbacks(room, self.clock)
        self.callbacks.route = self._route
        self.part = ChatPart(
            room,
            self._settings,
            center.customers,
            instances=self.instances,
            services=self.services,
            areas=self.areas,
            callbacks=self.callbacks,
            push=self.push,
            perform=self.callbacks.perform,
            has_session=self._has_session,
            clock=self.clock,
        )
        self.chats = self.part.chats
        center.tell_customers(self._leave)
        return center

    async def _leave(self, entries: Sequence[Outgoing]) -> None:
        if self.is_cut_off:
            raise Unavailable
        while True:
            try:
                await asyncio.gather(*(self.part.heard(entries) for _ in range(self.movers)))
            except Died:
                continue
            return

    async def _has_session(self, user: str) -> bool:
        return user in self.sessions

    async def _route(self, id: str) -> None:
        opening = await self.chats.opening(id)
        assert opening is not None
        await self.center.customers.begin_chat(
            nickname=opening.nickname, user_data=opening.user_data, service=id, key=id
        )

    # What customers do

    async def customer(
        self,
        user: str = "",
        profile: Profile = Profile.CHAT_NOW,
        *,
        data: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Customer:
        """Somebody whose callback is waiting for him to come."""
        id = f"7-{next(self._numbers)}"
        settings = CallbackSettings.read({**PRESETS[profile], **{f"_{name}": text for name, text in options.items()}})
        self.services.services[SERVICE] = {f"_{name}": text for name, text in options.items()}
        begun = machine.begin(id, SERVICE, settings, self.clock(), user=user)

        async def decision(turn: Turn) -> None:
            await turn.read(f"callback:{id}")
            turn.write(f"callback:{id}", begun.instance.to_document())

        await self.kept.decide(decision)
        self.instances.known[id] = Instance(id, SERVICE, user, f"data of {id}", begun.instance.expires)
        if data is not None:
            self.areas.texts[f"data of {id}"] = data
        return Customer(self, id, user)

    async def comes_due(self, seconds: float) -> None:
        """Let time pass as the leader would see it."""
        until = self.clock() + seconds
        fence = await self.room.claim("role", "test", 1000.0)
        assert fence is not None
        while True:
            due = await self.room.due(until, 1)
            if not due:
                break
            if due[0].at > self.clock():
                self.clock.advance(due[0].at - self.clock())
            kind, _, name = due[0].name.partition(":")
            await self.part.expiring[kind](name, fence)
        self.clock.advance(until - self.clock())


class Customer:
    """His app."""

    def __init__(self, house: House, id: str, user: str) -> None:
        self.house = house
        self.id = id
        self.user = user

    @property
    def interaction(self) -> str:
        return id_of(self.id)

    async def comes(self, **form: str) -> Mapping[str, Any]:
        return await self.house.chats.create(self.id, self.user, form)

    async def comes_by_comet(self, **form: str) -> Mapping[str, Any]:
        self.house.sessions.add(self.user)
        return await self.comes(notify_by="comet", **form)

    async def says(self, text: str, **more: str) -> Mapping[str, Any]:
        return await self.house.chats.send(self.id, self.user, {"message": text, **more})

    async def refreshes(self, position: int | None = None, **more: str) -> Mapping[str, Any]:
        at = {} if position is None else {"transcriptPosition": str(position)}
        return await self.house.chats.refresh(self.id, self.user, {**at, **more})

    async def types(self) -> Mapping[str, Any]:
        return await self.house.chats.start_typing(self.id, self.user, {})

    async def stops_typing(self) -> Mapping[str, Any]:
        return await self.house.chats.stop_typing(self.id, self.user, {})

    async def goes(self) -> Mapping[str, Any]:
        return await self.house.chats.disconnect(self.id, self.user, {})

    async def connects(self) -> None:
        """Says to his callback that he is ready."""
        await self.house.kept.decide(lambda turn: self.house.callbacks.take_in(turn, self.id, Connect()))

    # What he has

    async def chat(self) -> Chat:
        found = await self.house.kept.of(self.id)
        assert found is not None
        return found

    async def events(self) -> list[dict[str, Any]]:
        """Messages of his mailbox."""
        return [each["message"] for each in await self.house.push.mailbox(self.user)]

    async def told(self) -> list[list[str]]:
        """All entries of his events, without what has no position."""
        events = await self.events()
        return [entry for each in events for entry in each["transcriptToShow"] if "Typing" not in entry[0]]

    async def hears(self, wanted: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until his events are so."""
        async with asyncio.timeout(PATIENCE):
            while True:
                events = await self.events()
                if events and wanted(events):
                    return events
                await asyncio.sleep(0.005)

    async def has_heard(self, text: str) -> list[dict[str, Any]]:
        """Wait until an entry with this text is there."""
        return await self.hears(
            lambda events: any(entry[2] == text for each in events for entry in each["transcriptToShow"])
        )

    async def has_news(self, *names: str) -> None:
        """Wait until his callback heard this."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if await self.house.callbacks.heard(self.id) == list(names):
                    return
                await asyncio.sleep(0.005)


def said(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Type and text of the entries of an answer."""
    return [(entry[0], entry[2]) for entry in answer["transcriptToShow"]]
