"""A contact center in memory, with the engine behind it, agents at desktops, and a clock that is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bayeux.protocol.errors import Unavailable
from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import Conversation, ManualClock
from channels.document import from_document
from channels.interaction.model import Interaction
from channels.private import AGENT, AGENT_CHANNELS, CHANNELS, INTERACTIONS, PRIVATE_PREFIXES
from gateway.agents.agent import Agent as Kept
from gateway.agents.center import ContactCenter
from gateway.agents.customers import id_of
from gateway.agents.interactions import interaction_key
from gateway.agents.operations import Caller, Dialect, Json
from gateway.agents.places import Place
from gateway.agents.side import ROOM
from gateway.agents.turn import agent_key
from gateway.config.loading import Sources, load
from gateway.routing.bus.bus import CHAT_SERVER, GENERAL
from gateway.routing.messages import compose
from gateway.store.store import Changes, Write

NOON = 1_768_468_800.0
PATIENCE = 60.0
ELSEWHERE = f"{CHAT_SERVER}.elsewhere"
"""Where another chat server would hear."""


class Office:
    """Opens a center as ``--dev`` configures it, with these settings besides."""

    def __init__(self, directory: Path, *settings: str, node: str = "node1") -> None:
        self.clock = ManualClock(NOON)
        self.server = BayeuxServer(Options(private_prefixes=PRIVATE_PREFIXES))
        self._sources = Sources(flags={"profile": "development"}, settings=[f"data_dir={directory}", *settings])
        self._told: list[tuple[str, str, Json, Mapping[str, Any]]] = []
        self._news = asyncio.Condition()
        self.center = self._make(node)

    def _make(self, node: str) -> ContactCenter:
        return ContactCenter(load(self._sources).config, self.server, self._deliver, node=node, clock=self.clock)

    async def __aenter__(self) -> Self:
        await self.server.start()
        await self.center.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.center.stop()
        await self.server.stop()

    async def restart(self) -> None:
        """The process ends and another one begins; desktops are its own."""
        await self.center.stop()
        await self.server.stop()
        self.server = BayeuxServer(Options(private_prefixes=PRIVATE_PREFIXES))
        self.center = self._make("node2")
        await self.server.start()
        await self.center.start()

    async def node_dies(self, node: str, user: str) -> None:
        """Another node had a desktop of this agent, and is silent from here on."""
        room = self.center.store.room(ROOM)
        (document,) = await room.read(agent_key(user))
        assert document is not None
        agent = Kept.from_body(document.body).seen(node, frozenset({"chat"}), self.clock())
        indexes = {f"desk:{each}": 0.0 for each in agent.desks}
        await room.commit(
            Changes(
                writes=[
                    Write(document.key, agent.as_body(), document.version, indexes),
                    Write(f"node:{node}", {"node": node}, 0, {"nodes": self.clock()}),
                ]
            )
        )

    # People

    def agent(self, user: str = "Agent1") -> Agent:
        return Agent(self, user)

    async def ready(self, user: str = "Agent1", *channels: str) -> Agent:
        """An agent at his desktop who waits for work."""
        agent = self.agent(user)
        await agent.sit_down()
        await agent.start("chat", "email")
        for channel in channels or ("chat",):
            await agent.state("Ready", channel)
        return agent

    async def chat(self, nickname: str = "Carla", **form: str) -> str:
        return await self.center.customers.begin_chat(nickname=nickname, user_data=form)

    async def occupy(self, key: str, mrd: str) -> None:
        """Have another chat server ask for an agent by the id that an interaction of this key will have."""
        body = {"Mrd": mrd, "ClientUniqueId": id_of(key)}
        task = compose(GENERAL, "Task", body, id=f"asked {key}", now=self.clock(), producer="test", reply_to=ELSEWHERE)
        await self.center.bus.send(GENERAL, task)

    async def say(self, chat: str, text: str) -> None:
        await self.center.customers.say(chat, text)

    # What is heard

    def heard(self, user: str, channel: str) -> list[Json]:
        """All that was said to a user on a channel."""
        return [data for to, name, data, _ in self._told if (to, name) == (user, channel)]

    def reasons(self, user: str) -> list[str]:
        """Why things were taken from him, as ``ext.gw`` tells on ``/v2/me/interactions``."""
        told = (gw.get("reason") for to, name, _, gw in self._told if (to, name) == (user, INTERACTIONS))
        return [reason for reason in told if reason]

    async def until(self, user: str, channel: str, wanted: Callable[[Json], bool], after: int = 0) -> Json:
        """The first that was said to him there of that kind, behind as many of that channel."""
        async with asyncio.timeout(PATIENCE), self._news:
            while True:
                found = [data for data in self.heard(user, channel)[after:] if wanted(data)]
                if found:
                    return found[0]
                await self._news.wait()

    async def knows(self, user: str, wanted: Callable[[Kept], bool]) -> None:
        """Wait until it is so of an agent: what desktops report comes a little later, and nobody is told."""
        await self._until_kept(agent_key(user), lambda body: wanted(Kept.from_body(body)))

    async def knows_interaction(self, id: str, wanted: Callable[[Interaction], bool]) -> None:
        """The same of an interaction that is nobody's."""
        await self._until_kept(interaction_key(id), lambda body: wanted(Interaction.from_document(body)))

    async def knows_place(self, key: str, wanted: Callable[[Place], bool]) -> None:
        """The same of a place in a queue."""
        await self._until_kept(f"place:{key}", lambda body: wanted(from_document(Place, body)))

    def cut_off(self) -> None:
        """What is decided from here on does not leave, until the next process."""

        async def away(*_: object) -> None:
            raise Unavailable

        self.center.bus.send = away  # type: ignore[method-assign]

    async def _until_kept(self, key: str, wanted: Callable[[Mapping[str, Any]], bool]) -> None:
        room = self.center.store.room(ROOM)
        async with asyncio.timeout(PATIENCE):
            while True:
                (document,) = await room.read(key)
                if document is not None and wanted(document.body):
                    return
                await asyncio.sleep(0.005)

    async def pass_time(self, seconds: float) -> None:
        """Let what is due by then come due."""
        self.clock.advance(seconds)

    async def _deliver(self, user: str, channel: str, data: Json, ext: dict[str, Any]) -> None:
        async with self._news:
            if "end" not in ext["gw"]:
                self._told.append((user, channel, data, ext["gw"]))
            self.server.deliver_to_user(user, channel, dict(data), ext=ext)
            self._news.notify_all()


class Agent:
    """Somebody who works here."""

    def __init__(self, office: Office, user: str) -> None:
        self.office = office
        self.user = user
        self.caller = Caller(user=user, session=f"browser of {user}")
        self.desktop: Conversation | None = None
        self._read = 0

    @property
    def service(self) -> Any:
        return self.office.center.service

    async def sit_down(self, *channels: str) -> Conversation:
        """Open a desktop that shows these channels."""
        self.desktop = Conversation(self.office.server, user=self.user).handshake().connect()
        for channel in channels or AGENT_CHANNELS:
            self.desktop.subscribe(channel)
        return await self.desktop

    def get_up(self) -> None:
        assert self.desktop is not None
        self.desktop.disconnect()

    async def start(self, *channels: str) -> Any:
        return await self.service.start_session(self.caller, channels)

    async def state(self, operation: str, channel: str | None = None) -> None:
        await self.service.set_state(self.caller, operation, channel)

    async def perform(self, id: str, operation: str, dialect: Dialect = Dialect.INTERACTIONS, **parameters: Any) -> Any:
        return await self.service.perform(self.caller, id, operation, parameters, dialect)

    async def has(self) -> list[tuple[str, str]]:
        """Ids and states of what he has."""
        return [
            (each["id"], each["state"]) for each in await self.service.interactions(self.caller, Dialect.INTERACTIONS)
        ]

    async def takes(self, id: str) -> None:
        """He is invited, and accepts."""
        await self.told("Invited", id)
        await self.perform(id, "Accept")
        await self.told("Accepted", id)

    async def told(self, state: str, id: str | None = None) -> Json:
        """The next notification of an interaction in this state, behind those read before."""

        def is_it(data: Json) -> bool:
            return data.get("state") == state and id in (None, data["id"])

        found = await self.office.until(self.user, INTERACTIONS, is_it, self._read)
        self._read = self.office.heard(self.user, INTERACTIONS).index(found, self._read) + 1
        return found

    async def channel_is(self, channel: str, state: str, reason: str | None = None) -> None:
        """Wait until he was told so."""

        def is_it(data: Json) -> bool:
            states = {each["channel"]: each["userState"] for each in data["channels"]}
            found = states.get(channel)
            return found is not None and (found["state"], found.get("reason")) == (state, reason)

        await self.office.until(self.user, CHANNELS, is_it)

    async def error(self, channel: str = INTERACTIONS) -> Json:
        return await self.office.until(self.user, channel, lambda data: data.get("messageType") == "ErrorMessage")


__all__ = ["AGENT", "CHANNELS", "INTERACTIONS", "NOON", "Agent", "Office"]
