"""A server with the habits of Salesforce's Streaming API, on a real socket; none of theirs runs without the network.

Long-polling below a versioned path, a bearer token in a header, replay ids in ``data.event.replayId``, a clientId in
every reply, and error texts as they are there, to the byte (RPL-20). It holds a connect until there is an event.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson

Message = dict[str, Any]

PATH = "/cometd/60.0"
ADVICE = {"reconnect": "retry", "interval": 0, "timeout": 110_000}
UNAUTHENTICATED = "401::Authentication invalid"


@dataclass
class Session:
    """A client that shook hands."""

    subscriptions: set[str] = field(default_factory=set)
    waiting: list[Message] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: Message) -> None:
        self.waiting.append(event)
        self.changed.set()

    def take(self) -> list[Message]:
        taken, self.waiting = self.waiting, []
        self.changed.clear()
        return taken


class Salesforce:
    """See the module; ``async with`` it."""

    def __init__(self) -> None:
        self.tokens = {"first"}
        """Those that are valid."""
        self.history: dict[str, list[Message]] = defaultdict(list)
        """What is retained of each channel."""
        self.subscribes: list[Message] = []
        """As they came."""
        self._newest = 100
        self._sessions: dict[str, Session] = {}
        self._made = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{PATH}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- what a test has it do -------------------------------------------------------------

    def publish(self, channel: str, payload: Any) -> int:
        """Retain an event and deliver it; its replay id, some more than the one before."""
        self._newest += 3
        about = {"replayId": self._newest, "createdDate": "2031-05-04T11:59:01.000Z"}
        event = {"channel": channel, "data": {"schema": "s", "payload": payload, "event": about}}
        self.history[channel].append(event)
        for session in self._sessions.values():
            if channel in session.subscriptions:
                session.put(event)
        return self._newest

    def forget_sessions(self) -> None:
        """As after a restart of one of its machines; held connects are told."""
        former, self._sessions = self._sessions, {}
        for session in former.values():
            session.changed.set()

    def drop_history(self, channel: str) -> None:
        """The retention window has passed."""
        self.history[channel].clear()

    # -- Bayeux ----------------------------------------------------------------------------

    async def _answer(self, message: Message, token: str) -> list[Message]:
        is_handshake = message["channel"] == "/meta/handshake"
        if token not in self.tokens:
            if is_handshake:
                sfdc = {"sfdc": {"failureReason": UNAUTHENTICATED}, "replay": True, "payload.format": True}
                return [
                    refusal(message, "403::Handshake denied", ext=sfdc, advice={"reconnect": "none"}),
                ]
            return [refusal(message, UNAUTHENTICATED, advice={"reconnect": "none", "interval": 0})]
        if is_handshake:
            return [self._handshake(message)]
        session = self._sessions.get(message.get("clientId", ""))
        if session is None:
            return [unknown(message)]
        if message["channel"] == "/meta/connect":
            return await self._connect(message, session)
        if message["channel"] == "/meta/subscribe":
            return self._subscribe(message, session)
        if message["channel"] == "/meta/disconnect":
            del self._sessions[message["clientId"]]
            session.changed.set()
        return [reply(message)]

    def _handshake(self, message: Message) -> Message:
        self._made += 1
        client_id = f"session{self._made}"
        self._sessions[client_id] = Session()
        return {
            **reply(message),
            "clientId": client_id,
            "version": "1.0",
            "minimumVersion": "1.0",
            "supportedConnectionTypes": ["long-polling"],
            "ext": {"replay": True, "payload.format": True},
        }

    async def _connect(self, message: Message, session: Session) -> list[Message]:
        if "advice" not in message:
            await session.changed.wait()
        if message["clientId"] not in self._sessions:
            return [unknown(message)]
        return [*session.take(), reply(message, advice=ADVICE)]

    def _subscribe(self, message: Message, session: Session) -> list[Message]:
        self.subscribes.append(message)
        channel, positions = message["subscription"], message.get("ext", {}).get("replay")
        error = self._replay_error(channel, positions)
        if error is not None:
            return [refusal(message, error, subscription=channel)]
        position = int((positions or {}).get(channel, -1))
        if position != -1:
            for event in self.history[channel]:
                if event["data"]["event"]["replayId"] > position:
                    session.put(event)
        session.subscriptions.add(channel)
        return [reply(message, subscription=channel)]

    def _replay_error(self, channel: str, positions: Any) -> str | None:
        if positions is None:
            return None
        if channel not in positions:
            shown = ", ".join(f"{name}={position}" for name, position in positions.items())
            return (
                f"400::The replayId for channel {{{channel}}} wasn't found using the provided replay ID map "
                f"{{{{{shown}}}}}. Ensure that the channel name provided in the replay map matches the channel name "
                "used for subscribing."
            )
        position = positions[channel]
        retained = {event["data"]["event"]["replayId"] for event in self.history[channel]}
        if str(position) not in {"-1", "-2", *map(str, retained)}:
            return (
                f"400::The replayId {{{position}}} you provided was invalid.  Please provide a valid ID, -2 to replay "
                "all events, or -1 to replay only new events."
            )
        return None

    # -- HTTP ------------------------------------------------------------------------------

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
                headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if not line.startswith(f"POST {PATH} "):
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                token = headers.get("authorization", "").removeprefix("Bearer ")
                replies = [each for message in orjson.loads(body) for each in await self._answer(message, token)]
                text = orjson.dumps(replies)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


def reply(request: Message, **fields: Any) -> Message:
    """A successful one, with the clientId that nobody needs."""
    named = {"clientId": request["clientId"]} if "clientId" in request else {}
    return {"id": request["id"], "channel": request["channel"], "successful": True, **named, **fields}


def refusal(request: Message, error: str, **fields: Any) -> Message:
    return reply(request, **fields, successful=False, error=error)


def unknown(request: Message) -> Message:
    return refusal(request, "403::Unknown client", advice={"reconnect": "handshake", "interval": 0})
