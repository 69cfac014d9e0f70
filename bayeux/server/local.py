"""Clients that live in the server's process: what services publish and subscribe with.

Owns their side of the conversation: callbacks, extensions, batches. The server's side is that of every client, so
what they send passes extensions, policy, authorizers, listeners and filters, which see ``session.is_local``. There
is no network between the two sides: no queue, no bounds, no time-outs.

Source: LOC-1…7, LST-3, LST-9; CometD's ``LocalSession``.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, overload

from bayeux.protocol.channel import (
    META_CONNECT,
    META_DISCONNECT,
    META_HANDSHAKE,
    META_SUBSCRIBE,
    META_UNSUBSCRIBE,
    ChannelName,
    parse_channel,
)
from bayeux.protocol.client_id import new_client_id
from bayeux.protocol.errors import MessageDeleted, ProtocolError, Unavailable
from bayeux.protocol.hooks import STOP, Registry
from bayeux.protocol.message import Fields, Message, failed, reply_to
from bayeux.protocol.options import Options
from bayeux.protocol.reply import Reply
from bayeux.server.current import handled
from bayeux.server.extension import Extensions
from bayeux.server.listeners import decorator, tell
from bayeux.server.local_exchange import TRANSPORT, LocalExchange, unbounded
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import Steps, ask
from bayeux.server.transport import Context

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

log: logging.Logger = logging.getLogger(__name__)

NESTED_WEIGHT = 4  # a whole exchange and back: some 23 frames of Python's thousand, a plain publish 9
_HINT = re.compile(r"[A-Za-z0-9_-]{1,32}")

Callback: TypeAlias = "Callable[[Message], object]"
"""Given what the session hears, one message after the other; may be a coroutine function."""


class ClientExtension(Protocol):
    """Sees, changes or stops what a local session sends and hears; ``bayeux.client.Extension`` is one."""

    def outgoing(self, message: Fields) -> Any:
        """A request is about to be sent; the last extension of the list sees it first."""

    def incoming(self, message: Fields) -> Any:
        """A reply or an event has come; the first extension of the list sees it first."""

    def added(self, client: Any) -> object:
        """It was registered with a local session."""

    def removed(self, client: Any) -> object:
        """It no longer is."""


class Sending:
    """A message of a local session on its way: await it for the reply, or leave it alone.

    What is sent within ``batch()`` is on its way only at the end of the block; await it behind that.
    """

    __slots__ = ("_is_sent", "_task", "fields", "on_refusal", "reply")

    def __init__(self, fields: Fields, on_refusal: Callable[[], None] | None = None) -> None:
        self.fields: Fields = fields
        self.reply: Reply | None = None
        """The reply, as a remote client gets it; None while there is none."""
        self.on_refusal: Callable[[], None] | None = on_refusal
        self._task: asyncio.Task[Any] | None = None
        self._is_sent = False

    def __await__(self) -> Generator[Any, None, Reply]:
        return self._wait().__await__()

    @property
    def is_settled(self) -> bool:
        """There is a reply, or there will be none."""
        return self.reply is not None or (self._task is not None and self._task.done())

    def sent(self, task: asyncio.Task[Any] | None) -> None:
        """It was answered, or ``task`` goes on with it."""
        self._is_sent = True
        self._task = task

    def settle(self, reply: Reply) -> None:
        """This is what became of it."""
        self.reply = reply
        if reply.get("successful") is not True and self.on_refusal is not None:
            self.on_refusal()

    def refuse(self, error: ProtocolError) -> Reply:
        """It got no reply, or none that its session may see; the one it is taken to have got."""
        self.settle(failed(reply_to(self.fields), error))
        assert self.reply is not None
        return self.reply

    async def _wait(self) -> Reply:
        if not self._is_sent:
            raise RuntimeError("it is sent when the batch ends: await it behind the block")
        if self._task is not None:
            await asyncio.wait([self._task])  # who gives up waiting does not call back what was sent
            if not self._task.cancelled():
                self._task.result()
        return self.reply or self.refuse(Unavailable())


class _Callbacks:
    """Callbacks by channel and pattern."""

    __slots__ = ("_by_pattern",)

    def __init__(self) -> None:
        self._by_pattern: dict[str, Registry[Callback]] = {}

    def add(self, pattern: str, callback: Callback) -> Callable[[], None]:
        """Have it called; returns how to stop."""
        callbacks = self._by_pattern.setdefault(pattern, Registry())
        remove = callbacks.add(callback)

        def stop() -> None:
            remove()
            if not callbacks and self._by_pattern.get(pattern) is callbacks:
                del self._by_pattern[pattern]

        return stop

    def remove(self, pattern: str, callback: Callback | None) -> bool:
        """Take out one, or all of them; whether there are others. Raises ValueError for one that is not there."""
        callbacks = self._by_pattern.get(pattern, Registry())
        if callback is None:
            callbacks.clear()
        else:
            callbacks.remove(callback)
        if not callbacks:
            self._by_pattern.pop(pattern, None)
        return bool(callbacks)

    def clear(self) -> None:
        """Take out all of them."""
        self._by_pattern.clear()

    def of(self, channel: ChannelName) -> list[Callback]:
        """Those of every pattern that sees the channel, wider patterns first (CH-21)."""
        return [each for pattern in channel.patterns for each in self._by_pattern.get(pattern, ())]


class LocalSession:
    """A client inside the server; make one with ``BayeuxServer.new_local_session``.

    What it sends is processed at once, on the caller's stack; only where a hook must be waited for does the rest
    happen in a task. So plain functions publish by calling ``publish``, coroutines may await the reply as well. Two
    messages of which the first is waited for do not wait for each other, unless they are sent in one ``batch``.

    Its callbacks are called in the publisher's turn, each event of one session after the one before (LOC-2). A
    publisher does not wait for a coroutine callback; what comes meanwhile waits for its turn, without a bound.
    """

    def __init__(self, server: BayeuxServer, name_hint: str) -> None:
        if not _HINT.fullmatch(name_hint):
            raise ValueError(f"{name_hint!r} begins a clientId: at most 32 letters, digits, '-' and '_'")
        self.name = name_hint
        self.attributes: dict[str, Any] = {}
        """Whatever the application wants to remember of this client."""
        self.extensions: Extensions[ClientExtension] = Extensions(self)
        """Its own, on the client's side of the conversation (LOC-7)."""
        self._server = server
        self._session: ServerSession | None = None
        self._handshake: Sending | None = None
        self._options: tuple[Options, Options] | None = None
        self._last_id = 0
        self._callbacks = _Callbacks()
        self._listeners = _Callbacks()
        self._batches: dict[asyncio.Task[Any] | None, list[Sending]] = {}

    def __repr__(self) -> str:
        return f"<LocalSession {self.name}: {'not connected' if self.session is None else 'connected'}>"

    @property
    def session(self) -> ServerSession | None:
        """Its session as the server sees it; None before the handshake and after the end."""
        return None if self._session is None or self._session.is_over else self._session

    @property
    def id(self) -> str | None:
        """Its clientId, ``hint_…``; None while it has none."""
        return None if self.session is None else self.session.client_id

    # What it asks of the server ----------------------------------------------------------------------

    async def handshake(self, *, ext: Mapping[str, Any] | None = None) -> Reply:
        """Have a session: handshake and connect (LOC-1); gives the reply to whichever fails, else the handshake's.

        Subscriptions of a former session are gone, as everywhere.

        Raises RuntimeError if it has a session, or is about to have one.
        """
        if self.session is not None or (self._handshake is not None and not self._handshake.is_settled):
            raise RuntimeError(f"{self.name} has a session: await disconnect() first")
        self._callbacks.clear()
        self._handshake = Sending(_request(META_HANDSHAKE, ext, version="1.0"))
        self._send_together([self._handshake])
        reply = await self._handshake
        if reply.get("successful") is not True:
            return reply
        connect = Sending(_request(META_CONNECT, None, connectionType=TRANSPORT))
        self._send_together([connect])
        connected = await connect
        return reply if connected.get("successful") is True else connected

    def subscribe(self, channel: str, callback: Callback, *, ext: Mapping[str, Any] | None = None) -> Sending:
        """Have ``callback`` hear the events of a channel or pattern, besides those that do already.

        A callback that is refused hears nothing; the reply says why. Raises ChannelInvalid.
        """
        name = parse_channel(channel)
        stop = self._callbacks.add(name.text, callback)
        return self._send(Sending(_request(META_SUBSCRIBE, ext, subscription=name.text), stop))

    def unsubscribe(self, channel: str, callback: Callback | None = None) -> Sending:
        """Have one callback, or all of them, hear a channel no more.

        Raises ChannelInvalid; ValueError for a callback that does not hear it.
        """
        name = parse_channel(channel)
        if self._callbacks.remove(name.text, callback):
            return self._answer_itself(META_UNSUBSCRIBE, name)
        return self._send(Sending(_request(META_UNSUBSCRIBE, None, subscription=name.text)))

    def publish(self, channel: str, data: Any, *, ext: Mapping[str, Any] | None = None) -> Sending:
        """Publish as this client: policy, authorizers, listeners and filters see it (LOC-3).

        Raises ChannelInvalid; TypeError for data that JSON cannot say; RecursionError for a callback that publishes
        to its own channel without end (LST-9).
        """
        self._server.options.json_codec.encode(data)
        return self._send(Sending(_request(parse_channel(channel).text, ext, data=data)))

    def disconnect(self) -> Sending:
        """End the session; another handshake makes a new one."""
        return self._send(Sending(_request(META_DISCONNECT, None)))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Have what is sent inside go together at the end of the block, also of one that raises (LOC-6).

        It may be nested, and counts for the task that opened it, whose messages it gathers.
        """
        owner = _current_task()
        if owner in self._batches:
            yield
            return
        self._batches[owner] = []
        try:
            yield
        finally:
            self._send_together(self._batches.pop(owner))

    # What it hears -----------------------------------------------------------------------------------

    @overload
    def on(self, channel: str) -> Callable[[Callback], Callback]: ...

    @overload
    def on(self, channel: str, listener: Callback) -> Callable[[], None]: ...

    def on(self, channel: str, listener: Callback | None = None) -> Any:
        """Hear every message that reaches this client on a channel or pattern, replies as well as events (LOC-7).

        On a service channel that is what is delivered to this very client and the replies to its own publishes.
        Returns how to stop, or is a decorator. Raises ChannelInvalid.
        """
        if listener is None:
            return decorator(partial(self.on, channel))
        return self._listeners.add(parse_channel(channel).text, listener)

    def _receive(self, event: Fields) -> Steps[None]:
        """Hear an event (LST-3)."""
        channel, revive = parse_channel(event["channel"]), self._server.options.json_codec.revive
        if revive is not None and "data" in event:
            event["data"] = revive(event["data"])
        heard = yield from self._extend([extension.incoming for extension in self.extensions], event)
        if heard is not None:
            message = Message.as_heard(channel, heard)
            yield from tell(self._listeners.of(channel), message)
            yield from tell(self._callbacks.of(channel), message)

    def _receive_reply(self, sending: Sending, reply: Reply | None) -> Steps[None]:
        """Hear what became of a message; None if an extension of the server withheld it."""
        heard = None
        if reply is not None:
            heard = yield from self._extend([extension.incoming for extension in self.extensions], reply)
        if heard is None:
            sending.refuse(MessageDeleted())
            return
        sending.settle(heard if isinstance(heard, Reply) else Reply(heard))
        channel = parse_channel(sending.fields["channel"])
        yield from tell(self._listeners.of(channel), Message.as_heard(channel, heard))

    # Its way -----------------------------------------------------------------------------------------

    def _send(self, sending: Sending) -> Sending:
        batch = self._batches.get(_current_task()) if self._batches else None
        if batch is None:
            self._send_together([sending])
        else:
            batch.append(sending)
        return sending

    def _send_together(self, batch: list[Sending]) -> None:
        if not batch:
            return
        before = handled.get()
        try:
            task = self._server.go_deeper(self._exchange(batch), NESTED_WEIGHT)
        finally:
            handled.set(before)
        for sending in batch:
            sending.sent(task)

    def _exchange(self, batch: list[Sending]) -> Steps[None]:
        """Out through the extensions, through the server, and back."""
        messages, passed = [], []
        for sending in batch:
            fields = self._addressed(sending.fields)
            outgoing = yield from self._extend([extension.outgoing for extension in reversed(self.extensions)], fields)
            if outgoing is None:
                sending.refuse(MessageDeleted())
            else:
                messages.append(outgoing)
                passed.append(sending)
        if not messages:
            return
        context = Context(transport=TRANSPORT, options=self._unbounded_options(), arrived_at=self._server.clock())
        exchange = LocalExchange(self._server, messages, self.session, context, self._make_session)
        for sending, reply in zip(passed, (yield from exchange.replies()), strict=True):
            yield from self._receive_reply(sending, reply)

    def _addressed(self, fields: Fields) -> Fields:
        self._last_id += 1
        fields["id"] = str(self._last_id)
        if self.id is not None:
            fields["clientId"] = self.id
        return fields

    def _make_session(self, context: Context) -> ServerSession:
        """A session to be, for a handshake; it is this client's from the moment the server accepts it."""
        server = self._server
        client_id = f"{self.name}_{new_client_id(server.random_bytes)}"
        session = ServerSession(client_id, context.options, server, context, server.clock())
        session.is_local = True
        session.add_hooks().receive = self._receive
        self._session = session
        return session

    def _extend(self, hooks: Iterable[Callable[[Fields], Any]], message: Fields) -> Steps[Fields | None]:
        """What its extensions leave of a message; None if one of them stopped it."""
        for hook in tuple(hooks):
            try:
                answer = yield from ask(hook, message)
            except Exception:
                log.exception("an extension of a local session raised")
                continue
            if answer is STOP:
                return None
            if isinstance(answer, dict):
                message = answer
        return message

    def _answer_itself(self, channel: str, subscription: ChannelName) -> Sending:
        """The server need not know of one callback less."""
        sending = Sending(self._addressed(_request(channel, None, subscription=subscription.text)))
        reply = reply_to(sending.fields)
        reply["successful"] = True
        sending.settle(reply)
        sending.sent(None)
        return sending

    def _unbounded_options(self) -> Options:
        """The server's, without the bounds that are for the network (LOC-4)."""
        ours = self._server.options
        if self._options is None or self._options[0] is not ours:
            self._options = (ours, unbounded(ours))
        return self._options[1]


Sender: TypeAlias = ServerSession | LocalSession
"""As whom the application publishes."""


def session_of(sender: Sender | None) -> ServerSession | None:
    """The server's side of whoever publishes."""
    return sender.session if isinstance(sender, LocalSession) else sender


def _request(channel: str, ext: Mapping[str, Any] | None, **fields: Any) -> Fields:
    return {"channel": channel, **fields} if ext is None else {"channel": channel, **fields, "ext": dict(ext)}


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs, so nobody else can be in between
        return None
