"""A Bayeux client in the words of the protocol, over long-polling or WebSocket, that checks all it is told.

Whatever a server sends passes ``check_message`` and ``check_reply``: the rules that hold for every
single message and response. The cases then only say what is special.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from http.cookies import SimpleCookie
from typing import Any, ClassVar, TypeAlias

import orjson

from tests.support.wire import ConnectionGone, Endpoint, HttpConnection, Reply, SocketClosed, WebSocket

Message: TypeAlias = dict[str, Any]

OMIT: Any = object()
"""The value of a field that is to be left out of a message."""

RETRY: Message = {"reconnect": "retry", "interval": 0, "timeout": 30000}
"""The normal advice of the default profile (ADV-1)."""
REHANDSHAKE: Message = {"reconnect": "handshake", "interval": 0}
STOP: Message = {"reconnect": "none"}
UNKNOWN = "402::session_unknown"
KICKED: Message = {"channel": "/meta/disconnect", "successful": True}

_ERROR = re.compile(r"\d{3}:[A-Za-z0-9 \-_!~()$@/*.,]*:[A-Za-z0-9 \-_!~()$@/*.]+")
_NEVER_IN_EVENTS = {
    "successful", "clientId", "id", "advice", "error", "subscription", "version", "connectionType",
    "supportedConnectionTypes", "minimumVersion",
}  # fmt: skip


def event(channel: str, data: Any, **fields: Any) -> Message:
    """A delivered event."""
    return {"channel": channel, "data": data, **fields}


def success(request: Message, **fields: Any) -> Message:
    """The reply of success to a request."""
    return {"id": request["id"], "channel": request["channel"], "successful": True, **fields}


def failure(request: Message, error: str, **fields: Any) -> Message:
    """The reply of failure to a request."""
    return {"id": request["id"], "channel": request["channel"], "successful": False, "error": error, **fields}


def is_event(message: Message) -> bool:
    """An event has no ``successful``; a reply has."""
    return "successful" not in message


def only(events: list[Message], name: str) -> list[Message]:
    """Those about a channel or what is above or below it: a subscriber of ``/**`` hears other cases, too."""
    return [each for each in events if name.rpartition("/")[2] in each["channel"]]


def check_message(message: Message) -> None:
    """What holds for every message of a server."""
    assert isinstance(message, dict)
    advice = message.get("advice")
    if is_event(message):
        assert isinstance(message.get("channel"), str), message
        assert "data" in message, f"MSG-18: {message}"
        assert not message.keys() & _NEVER_IN_EVENTS, f"MSG-18: {message}"
        return
    assert isinstance(message["successful"], bool), message
    assert "data" not in message, f"MSG-16: {message}"
    is_new_session = message.get("channel") == "/meta/handshake" and message["successful"]
    assert ("clientId" in message) is is_new_session, f"MSG-15: {message}"
    if message["successful"]:
        assert "error" not in message, f"MSG-17: {message}"
        assert not advice or advice.get("reconnect") != "handshake", f"CN-25: {message}"
    else:
        assert _ERROR.fullmatch(message["error"]), f"section 10: {message}"
    if advice and advice.get("reconnect") == "retry":
        assert advice.keys() >= {"reconnect", "interval", "timeout"}, f"ADV-1: {message}"


def check_reply(reply: Reply) -> list[Message]:
    """What holds for every HTTP response to messages that were understood; gives its messages."""
    assert reply.status == 200, (reply, reply.body[:200])
    assert reply.header("content-type") == "application/json;charset=UTF-8", "HTTP-3"
    assert reply.tokens("cache-control") == {"no-cache", "no-store"}, "ENC-1"
    assert reply.header("x-content-type-options") == "nosniff", "ENC-1"
    assert reply.header("content-length") == str(len(reply.body)), "LP-13"
    assert "server" not in dict(reply.headers), "SEC-22"
    messages = reply.json
    assert isinstance(messages, list) and messages, "MSG-2, MSG-3"
    for message in messages:
        check_message(message)
    kinds = [place(message) for message in messages]
    assert kinds == sorted(kinds), f"BAT-5: {messages}"
    return messages


def place(message: Message) -> int:
    """Where a message stands in a response: handshake reply, events, other replies (BAT-5)."""
    if message.get("channel") == "/meta/handshake":
        return 0
    return 1 if is_event(message) or message == KICKED else 2


class Amends:
    """What is put right in a server's words before a case looks at them: nothing, if the server is ours.

    Another project's server may keep a rule nowhere; without amends no case would see anything else of it.
    """

    def first_connect(self) -> Mapping[str, Any]:
        """Fields that the connect of ``Client.ready`` needs, to be answered at once."""
        return {}

    def request(self, message: Message) -> Message:
        """A request before it is sent."""
        return message

    def messages(self, messages: list[Message]) -> list[Message]:
        """The messages of a response or frame."""
        return messages

    def response(self, reply: Reply) -> Reply:
        """An HTTP response."""
        return reply


class Browser(dict[str, str]):
    """A cookie jar; two clients that share one are two tabs."""

    def copy(self) -> Browser:
        """Another jar with the same cookies."""
        return Browser(self)

    def header(self) -> dict[str, str]:
        """The ``Cookie`` header, if there is anything to say."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.items())} if self else {}

    def learn(self, reply: Reply) -> None:
        """Keep the cookies of a response, their attributes disregarded."""
        for line in reply.every("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self[name] = value


def set_cookie(reply: Reply, name: str) -> Any:
    """The one cookie of that name in a response, as an ``http.cookies.Morsel``."""
    (line,) = [line for line in reply.every("set-cookie") if line.startswith(f"{name}=")]
    return SimpleCookie(line)[name]


class Held(ABC):
    """A ``/meta/connect`` that waits for its answer."""

    def __init__(self, request: Message) -> None:
        self.request = request

    @abstractmethod
    async def messages(self) -> list[Message]:
        """What ends the hold: over HTTP the whole response, on WebSocket all unread up to the reply."""

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """An answer has come."""


class Client(ABC):
    """One client: what it sends and what it was told.

    ``exchange`` gives all that came; every other method gives the reply it is named for and keeps the
    rest in ``unread``.
    """

    transport: ClassVar[str]

    def __init__(self, url: str, browser: Browser | None = None) -> None:
        self.url = url
        self.browser = Browser() if browser is None else browser
        self.client_id: str | None = None
        self.unread: list[Message] = []
        """What came and was not asked for yet, oldest first."""
        self.held: Held | None = None
        self.amends = Amends()
        self.secrets: set[str] = set()
        """Client ids and cookies of everyone in this test; shared by its clients."""
        self._ids = itertools.count(1)

    def message(self, channel: str, **fields: Any) -> Message:
        """A request with the next ``id`` and our ``clientId``; a field that is OMIT is left out."""
        whole = {"id": str(next(self._ids)), "channel": channel, "clientId": self.client_id or OMIT, **fields}
        return self.amends.request({name: value for name, value in whole.items() if value is not OMIT})

    def connect_message(self, **fields: Any) -> Message:
        """A ``/meta/connect``."""
        return self.message("/meta/connect", connectionType=self.transport, **fields)

    def handshake_message(self, **fields: Any) -> Message:
        """A ``/meta/handshake`` for this transport."""
        return self.message(
            "/meta/handshake",
            **{
                "clientId": OMIT,
                "version": "1.0",
                "minimumVersion": "1.0",
                "supportedConnectionTypes": [self.transport],
                **fields,
            },
        )

    @abstractmethod
    async def raw(self, body: bytes, replies: int = 1) -> list[Message]:
        """Send this text as a body or frame; everything that comes until that many replies have."""

    @abstractmethod
    async def refusal(self, body: bytes) -> int:
        """Send a body or frame that is refused as a whole; the HTTP status or close code it gets."""

    async def exchange(self, *messages: Message) -> list[Message]:
        """Send these in one body or frame; everything that comes until each has its reply."""
        return await self.raw(orjson.dumps(messages), len(messages))

    @abstractmethod
    async def hold(self, **fields: Any) -> Held:
        """Send a ``/meta/connect`` that is to be held; the server has it when this returns."""

    @abstractmethod
    async def events(self) -> list[Message]:
        """All unread events, and those the server has for us at this moment."""

    @abstractmethod
    async def close(self) -> None:
        """Drop all connections."""

    async def request(self, message: Message) -> Message:
        """Send one message; its reply."""
        came = await self.exchange(message)
        (reply,) = [each for each in came if not is_event(each) and each.get("id") == message.get("id")]
        came.remove(reply)
        self.unread += came
        return reply

    async def ask(self, channel: str, **fields: Any) -> Message:
        """Send a message on a channel; its reply."""
        return await self.request(self.message(channel, **fields))

    async def handshake(self, **fields: Any) -> Message:
        """Get a session."""
        reply = await self.request(self.handshake_message(**fields))
        if reply["successful"]:
            self.client_id = reply["clientId"]
            self.secrets |= {reply["clientId"], *(value for value in self.browser.values() if len(value) >= 20)}
        return reply

    async def connect(self, **fields: Any) -> Message:
        """Connect and wait for the reply; that is soon for the first, or with ``advice={"timeout": 0}``."""
        return await self.request(self.connect_message(**fields))

    async def ready(self) -> Client:
        """Handshake and the first connect."""
        assert (await self.handshake())["successful"]
        assert (await self.connect(**self.amends.first_connect()))["successful"]
        return self

    async def subscribe(self, subscription: Any, **fields: Any) -> Message:
        """Subscribe to a channel, a pattern or several."""
        return await self.ask("/meta/subscribe", subscription=subscription, **fields)

    async def unsubscribe(self, subscription: Any, **fields: Any) -> Message:
        """Take a subscription back."""
        return await self.ask("/meta/unsubscribe", subscription=subscription, **fields)

    async def publish(self, channel: str, data: Any = OMIT, **fields: Any) -> Message:
        """Publish."""
        return await self.ask(channel, data=data, **fields)

    async def disconnect(self) -> Message:
        """End the session."""
        return await self.ask("/meta/disconnect")

    async def barrier(self) -> None:
        """A round trip: what this client sent before has been processed."""
        await self.ask("/service/conformance/barrier")

    async def is_known(self) -> bool:
        """Does the server still know the session? (Asking prolongs its life.)"""
        reply = await self.ask("/service/conformance/barrier")
        assert reply["successful"] or reply["error"] == UNKNOWN
        known: bool = reply["successful"]
        return known

    def check_events(self, messages: list[Message]) -> list[Message]:
        """No event carries what identifies or authenticates a session (PUB-8, SEC-43)."""
        for message in messages:
            if is_event(message):
                text = orjson.dumps(message).decode()
                assert not any(secret in text for secret in self.secrets), f"SEC-43: {text}"
        return messages

    def take_unread(self) -> list[Message]:
        """What is unread, from now on read."""
        came, self.unread = self.unread, []
        return came


class HeldPoll(Held):
    """A held request of its own."""

    def __init__(self, request: Message, connection: HttpConnection, client: LongPolling) -> None:
        super().__init__(request)
        self.client = client
        self.connection = connection
        self.answer = asyncio.create_task(client.answer(connection))

    async def messages(self) -> list[Message]:
        return self.client.check_events(check_reply(await self.answer))

    @property
    def is_over(self) -> bool:
        return self.answer.done()


class LongPolling(Client):
    """Over HTTP: one connection for connects, one for all else, and more where a case asks for them."""

    transport = "long-polling"

    def __init__(self, url: str, browser: Browser | None = None) -> None:
        super().__init__(url, browser)
        self.endpoint = Endpoint.of(url)
        self.last: Reply | None = None
        """The latest response."""
        self.held: HeldPoll | None = None
        self._main: HttpConnection | None = None
        self._poll: HttpConnection | None = None
        self._all: list[HttpConnection] = []
        self._waiting: list[HeldPoll] = []

    async def connection(self, *, receive_buffer: int | None = None) -> HttpConnection:
        """A new connection, closed at the end."""
        connection = await HttpConnection.open(self.url, receive_buffer=receive_buffer)
        self._all.append(connection)
        return connection

    async def warm_connection(self) -> HttpConnection:
        """A new connection that has served a request: what we write there next reaches the server before
        what we write elsewhere afterwards.
        """
        connection = await self.connection()
        connection.request("OPTIONS", self.endpoint.path)
        await connection.reply()
        return connection

    async def main_connection(self) -> HttpConnection:
        """The connection for all but connects."""
        if self._main is None or not self._main.is_usable:
            self._main = await self.warm_connection()
        return self._main

    async def poll_connection(self) -> HttpConnection:
        """The connection for connects; a new one while a connect is held there."""
        if self._poll is None or not self._poll.is_usable or (self.held and not self.held.is_over):
            self._poll = await self.warm_connection()
        return self._poll

    def write(
        self,
        connection: HttpConnection,
        body: Message | Sequence[Message] | bytes,
        headers: Mapping[str, str] | None = None,
        *,
        suffix: str = "",
    ) -> None:
        """POST a body; ``headers`` come instead of the usual ``Content-Type``."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"Content-Type": "application/json"} if headers is None else headers
        connection.request("POST", self.endpoint.path + suffix, {**headers, **self.browser.header()}, content)

    async def post(
        self,
        body: Message | Sequence[Message] | bytes,
        headers: Mapping[str, str] | None = None,
        *,
        suffix: str = "",
        connection: HttpConnection | None = None,
    ) -> Reply:
        """POST a body; the whole response, whatever it says."""
        connection = connection or await self.main_connection()
        self.write(connection, body, headers, suffix=suffix)
        self.last = await self.answer(connection)
        assert self.last.status not in (204, 408) and not 300 <= self.last.status < 400, "HTTP-10"
        self.browser.learn(self.last)
        return self.last

    async def answer(self, connection: HttpConnection) -> Reply:
        """The next response on a connection."""
        return self.amends.response(await connection.reply())

    async def raw(self, body: bytes, replies: int = 1) -> list[Message]:
        is_connect = b'"/meta/connect"' in body
        connection = await (self.poll_connection() if is_connect else self.main_connection())
        return self.check_events(check_reply(await self.post(body, connection=connection)))

    async def refusal(self, body: bytes) -> int:
        return (await self.post(body)).status

    async def hold(self, *, connection: HttpConnection | None = None, **fields: Any) -> HeldPoll:
        request = self.connect_message(**fields)
        connection = connection or await self.poll_connection()
        self.write(connection, [request])
        self.held = HeldPoll(request, connection, self)
        self._waiting.append(self.held)
        await self.barrier()
        return self.held

    async def events(self) -> list[Message]:
        if self.held is None or self.held.is_over:
            await self.connect(advice={"timeout": 0})
        else:
            await self.barrier()
        return self.take_unread()

    def drop(self) -> None:
        """Break all connections without a word."""
        for connection in self._all:
            connection.abort()

    async def close(self) -> None:
        for held in self._waiting:
            held.answer.cancel()
        results = await asyncio.gather(*(held.answer for held in self._waiting), return_exceptions=True)
        await asyncio.gather(*(connection.close() for connection in self._all))
        for result in results:
            expected = (Reply, ConnectionGone, TimeoutError, asyncio.CancelledError)
            assert result is None or isinstance(result, expected), result


class HeldConnect(Held):
    """A held connect on a socket."""

    def __init__(self, request: Message, client: Socket) -> None:
        super().__init__(request)
        self.client = client

    async def messages(self) -> list[Message]:
        return await self.client.until(self.request["id"])

    @property
    def is_over(self) -> bool:
        return any(message.get("id") == self.request["id"] for message in self.client.unread)


class Socket(Client):
    """Over WebSocket."""

    transport = "websocket"

    def __init__(self, url: str, browser: Browser | None = None) -> None:
        super().__init__(url, browser)
        self._wire: WebSocket | None = None
        self._holds: set[str] = set()

    @property
    def wire(self) -> WebSocket:
        """The socket in use."""
        assert self._wire is not None, "open() first"
        return self._wire

    async def open(self, headers: Iterable[tuple[str, str]] = (), *, receive_buffer: int | None = None) -> Socket:
        """Open a socket, with the cookies we have; they also keep what the 101 answer sets."""
        await self.close()
        self._wire = await WebSocket.open(
            self.url, [*headers, *self.browser.header().items()], receive_buffer=receive_buffer
        )
        self.browser.learn(self._wire.upgrade)
        return self

    async def frame(self) -> list[Message]:
        """The messages of the next frame."""
        messages = orjson.loads(await self.wire.text())
        assert isinstance(messages, list), "MSG-2"
        messages = self.amends.messages(messages)
        for message in messages:
            check_message(message)
        return self.check_events(messages)

    def send(self, *messages: Message) -> None:
        """One frame with these messages."""
        self.wire.send(orjson.dumps(messages))

    async def until(self, message_id: Any) -> list[Message]:
        """All unread messages, up to and with the reply of that id."""
        while True:
            for place, message in enumerate(self.unread):
                if not is_event(message) and message.get("id") == message_id:
                    came, self.unread = self.unread[: place + 1], self.unread[place + 1 :]
                    return came
            self.unread += await self.frame()

    async def raw(self, body: bytes, replies: int = 1) -> list[Message]:
        self.wire.send(body)
        came: list[Message] = []
        while sum(self._answers(message) for message in came) < replies:
            came += await self.frame()
        return came

    async def refusal(self, body: bytes) -> int:
        self.wire.send(body)
        code = (await self.closed()).code
        assert code is not None, "closed without a close frame"
        return code

    def _answers(self, message: Message) -> bool:
        """Is it a reply to something else than a held connect?"""
        return not is_event(message) and message != KICKED and message.get("id") not in self._holds

    async def hold(self, **fields: Any) -> HeldConnect:
        request = self.connect_message(**fields)
        self._holds.add(request["id"])
        self.send(request)
        self.held = HeldConnect(request, self)
        await self.barrier()
        return self.held

    async def events(self) -> list[Message]:
        await self.barrier()
        return self.take_unread()

    async def closed(self) -> SocketClosed:
        """Read on until the server closes the socket."""
        return await self.wire.closed()

    async def close(self) -> None:
        if self._wire is not None:
            await self._wire.close()
