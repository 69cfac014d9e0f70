"""The application of the profiles with hooks: what ``profiles`` agrees on, told to our server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from bayeux.extensions.ack import Acknowledge
from bayeux.protocol.channel import ChannelName
from bayeux.protocol.message import Fields, Message
from bayeux.server.extension import STOP, Extension
from bayeux.server.security import Denied, MaybeAwaitable, Operation, SecurityPolicy, Verdict
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context

GATE_PATIENCE = 8.0
"""Seconds after which a forgotten gate opens by itself."""


class AgreedError(Exception):
    """What hooks raise because a case wants them to; its trace in the log is expected."""


class AgreedPolicy(SecurityPolicy):
    """Refuses by name."""

    def can_handshake(self, server: BayeuxServer, session: ServerSession, message: Message) -> MaybeAwaitable:
        match message.ext.get("conformance"):
            case "deny":
                return False
            case "deny-in-own-words":
                return Denied(error="403:go_away:handshake_denied", advice={"interval": 7000}, ext={"why": "closed"})
        return True

    def can_create(
        self, server: BayeuxServer, session: ServerSession | None, channel: ChannelName, message: Message
    ) -> MaybeAwaitable:
        return not channel.text.startswith("/uncreatable/")

    def can_subscribe(
        self, server: BayeuxServer, session: ServerSession, channel: ChannelName, message: Message
    ) -> MaybeAwaitable:
        return self._may(channel, "/unreadable/")

    def can_publish(
        self, server: BayeuxServer, session: ServerSession | None, channel: ChannelName, message: Message
    ) -> MaybeAwaitable:
        return self._may(channel, "/unwritable/")

    def _may(self, channel: ChannelName, closed: str) -> bool:
        if channel.text.startswith("/raising/policy/"):
            raise AgreedError
        return not channel.text.startswith(closed)


class Refuse:
    """An authorizer that denies everything."""

    def authorize(
        self, operation: Operation, channel: ChannelName, session: ServerSession | None, message: Message
    ) -> Verdict | Denied:
        return Denied(reason="not_a_member")


class Ignore:
    """An authorizer without an opinion."""

    def authorize(
        self, operation: Operation, channel: ChannelName, session: ServerSession | None, message: Message
    ) -> Verdict | Denied:
        return Verdict.IGNORE


class Gates:
    """What cases wait for, by name."""

    def __init__(self) -> None:
        self._gates: dict[str, asyncio.Event] = {}

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    async def wait(self, name: str) -> None:
        try:
            async with asyncio.timeout(GATE_PATIENCE):
                await self._gate(name).wait()
        except TimeoutError:
            self.open(name)

    def open(self, name: str) -> None:
        self._gate(name).set()


class AgreedExtension(Extension):
    """Does what ``ext.conformance`` says."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    def incoming_meta(self, session: ServerSession | None, message: Message) -> Any:
        if message.ext.get("conformance") == "wait":
            return self._gates.wait(message.ext["gate"])
        return self.incoming(session, message)

    def incoming(self, session: ServerSession | None, message: Message) -> Any:
        match message.ext.get("conformance"):
            case "delete":
                return STOP
            case "raise":
                raise AgreedError
        return None

    def outgoing_meta(self, session: ServerSession | None, reply: Fields) -> Any:
        return STOP if reply.get("channel") == "/service/silent" else None


class AgreedService:
    """The service channels."""

    def __init__(self, server: BayeuxServer, gates: Gates) -> None:
        self._server = server
        self._gates = gates
        for name in ("echo", "publish", "deliver", "kick", "wait", "open", "set", "who"):
            server.on(f"/service/{name}", getattr(self, name))

    def _session(self, message: Message) -> ServerSession:
        session = self._server.sessions.find(message.data["clientId"])
        assert session is not None
        return session

    def echo(self, session: ServerSession | None, message: Message) -> None:
        assert session is not None
        session.deliver("/echo", message.data)

    def publish(self, session: ServerSession | None, message: Message) -> None:
        self._server.publish(message.data["channel"], message.data["data"])

    def deliver(self, session: ServerSession | None, message: Message) -> None:
        self._session(message).deliver(message.data["channel"], message.data["data"])

    def kick(self, session: ServerSession | None, message: Message) -> None:
        victim = self._session(message)
        for data in message.data.get("events", ()):
            victim.deliver("/last", data)
        self._server.kick(victim)

    async def wait(self, session: ServerSession | None, message: Message) -> None:
        await self._gates.wait(message.data["gate"])

    def open(self, session: ServerSession | None, message: Message) -> None:
        self._gates.open(message.data["gate"])

    def set(self, session: ServerSession | None, message: Message) -> None:
        assert session is not None
        assert message.data.keys() <= {"timeout", "interval", "max_interval"}
        for name, milliseconds in message.data.items():
            setattr(session, name, milliseconds / 1000)

    def who(self, session: ServerSession | None, message: Message) -> None:
        assert session is not None
        context: Context = message.context
        session.deliver(
            "/who",
            {
                "userAgent": session.user_agent,
                "transport": context.transport,
                "path": context.path,
                "mood": context.headers.get("x-mood"),
                "cookie": context.cookies.get("mood"),
            },
        )


def _raise(session: ServerSession | None, message: Message) -> None:
    raise AgreedError


def _veto(session: ServerSession | None, message: Message) -> bool:
    return False


def _greet(session: ServerSession, message: Message) -> None:
    if message.ext.get("conformance") == "greet":
        session.deliver("/greeting", "hello")


EXTENSIONS: Mapping[str, Callable[[], Extension]] = {"ack": Acknowledge}
"""What the profiles can switch on."""


def install(server: BayeuxServer) -> None:
    """Hang the agreed hooks on a server."""
    gates = Gates()
    server.policy = AgreedPolicy()
    server.extensions.append(AgreedExtension(gates))
    server.guard("/members/**", Refuse())
    server.guard("/ignored/**", Ignore())
    server.on("/raising/listener/**", _raise)
    server.on("/vetoed/**", _veto)
    server.listeners.session_added.append(_greet)
    AgreedService(server, gates)
