"""BayeuxServer: the façade that applications and transports use.

Owns the sessions, the channels and what happens to them; a transport gives it the messages of a body or
frame, an application publishes, listens and sets the policy. Everything runs on one event loop, nothing is
global: two servers in one process work (OPS-25).

Source: sections 3…9 of the Bayeux reference; SRV-1…8.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, Kind, parse_channel
from bayeux.protocol.client_id import RandomBytes, new_client_id
from bayeux.protocol.effects import Dismiss, Effect, End, Release, Subscribe, Unsubscribe
from bayeux.protocol.encoded import NOTHING, Batch
from bayeux.protocol.errors import BatchTooLarge, ChannelInvalid, HandshakeNotAlone, InternalError
from bayeux.protocol.message import Fields, Message, Request, asks_for, failed, is_handshake, reply_to
from bayeux.protocol.options import Options
from bayeux.protocol.session import NEVER
from bayeux.protocol.transitions import Happening
from bayeux.server import attachment, ending, publication
from bayeux.server.admission import Admission
from bayeux.server.binding import Binding
from bayeux.server.channels import Channels, Initializer, ServerChannel
from bayeux.server.counters import Counters
from bayeux.server.deadlines import Deadlines
from bayeux.server.exchange import Exchange
from bayeux.server.extension import STOP, Extension
from bayeux.server.flusher import Flusher
from bayeux.server.listeners import Listeners, MessageListener, tell
from bayeux.server.refusals import Refusals
from bayeux.server.security import Authorizer, SecurityPolicy
from bayeux.server.sessions import ServerSession, Sessions
from bayeux.server.steps import run
from bayeux.server.transport import Context, Transport

log = logging.getLogger(__name__)

MAX_NESTED_PUBLISHES = 100  # LST-9
SHUTDOWN_SPREAD = 5.0  # DSC-11: clients come back within this time, not all at once


class BayeuxServer:
    """A Bayeux server without a network.

    Args:
        options: see ``Options``; a transport or a mount may go by a copy with other values.
        policy: who may do what; the default lets everyone do everything but touch meta channels.
        clock: seconds, monotonic; the event loop's own unless a test moves it.
        random_bytes: a cryptographic source.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        policy: SecurityPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self.options = options or Options()
        self.policy = policy or SecurityPolicy()
        self.clock = clock
        self.random_bytes = random_bytes
        self.counters = Counters()
        self.listeners = Listeners()
        self.extensions: list[Extension] = []
        """Server-wide, in order of registration."""
        self.channels = Channels(self.listeners)
        self.sessions = Sessions()
        self.admission = Admission(self)
        self.flusher = Flusher(self._call_soon, self.write, self._on_batch)
        self.deadlines = Deadlines(clock)
        self.is_draining = False
        self._binding = Binding(self.sessions)
        self._refusals = Refusals(self.counters.rejected, clock)
        self._nested = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None

    # Life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to work on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.deadlines = Deadlines(self.clock, self._loop.call_at)
        self._sweep()

    async def stop(self) -> None:
        """Let every client go at once (DSC-11), break off the hooks that run, and forget everything."""
        await self.drain(spread=0.0)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in self.sessions:
            ending.let_happen(self, session, Happening.STOP)
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self.deadlines.stop()

    async def drain(self, *, spread: float, slices: int = 20) -> None:
        """Refuse new sessions, and send the clients elsewhere over ``spread`` seconds (DSC-11, OPS-61).

        A held connect is answered with its events and advice ``retry``; a socket gets the same and is
        closed with 1001. Sessions are kept: a client that comes back is served until ``stop``.
        """
        self.is_draining = True
        sessions = list(self.sessions)
        share = -(-len(sessions) // slices) or 1
        for first in range(0, len(sessions), share):
            for session in sessions[first : first + share]:
                ending.send_away(self, session)
            if spread:
                await asyncio.sleep(spread / slices)

    async def __aenter__(self) -> BayeuxServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # For applications ------------------------------------------------------------------------------

    def publish(self, channel: str, data: json.Json, *, ext: Fields | None = None) -> asyncio.Task[Any] | None:
        """Publish to everyone subscribed; not subject to the policy, but to listeners (SRV-1).

        Returns None when done, or the task that does the rest because a listener must be waited for.

        Raises ChannelInvalid for a pattern, a meta channel or a private name, which is addressed by
        ``deliver_to_user``; TypeError for data that JSON cannot say.
        """
        name = parse_channel(channel)
        if name.is_wild or name.is_template or name.kind is Kind.META or self.is_private(name):
            raise ChannelInvalid
        message = Message.of_application(name, data, ext)
        json.encode(message.fields)
        if self._nested >= MAX_NESTED_PUBLISHES:
            raise RecursionError("publishes nested too deep: does a listener publish to its own channel?")
        self._nested += 1
        try:
            return run(publication.publish_unless_vetoed(self, message), self._create_task)
        finally:
            self._nested -= 1

    def deliver(self, session: ServerSession, channel: str, data: json.Json, *, ext: Fields | None = None) -> bool:
        """Send to one client, subscribed or not (DEL-6); False if it is gone (DEL-7) or did not take it."""
        if session.is_over:
            return False
        return publication.address(self, parse_channel(channel), data, ext, [session]) > 0

    def deliver_to_user(self, user: str, channel: str, data: json.Json, *, ext: Fields | None = None) -> int:
        """Send to those sessions of one user that subscribed to ``channel``, by name or pattern (SEC-44).

        It walks that user's sessions and never the subscriptions of others: there is no way from
        here to a session of somebody else. Returns how many sessions took it.
        """
        name = parse_channel(channel)
        if name.is_wild or name.is_template:
            raise ChannelInvalid
        own = [each for each in self.sessions.of_user(user) if each.is_subscribed_to(name)]
        return publication.address(self, name, data, ext, own)

    def on(self, channel: str, listener: MessageListener) -> Callable[[], None]:
        """Hear each message on a channel or pattern before its subscribers; returns how to stop it.

        Raises ChannelInvalid, also for a template.
        """
        if parse_channel(channel).is_template:
            raise ChannelInvalid
        heard = self.channel(channel)
        heard.add_listener(listener)
        return lambda: heard.listeners.remove(listener)

    def guard(self, channel: str, authorizer: Authorizer) -> None:
        """Attach an authorizer to a channel or pattern (AUZ-4)."""
        self.channel(channel).authorizers.append(authorizer)

    def on_channel_created(self, pattern: str, initializer: Initializer) -> None:
        """Configure every channel created later that ``pattern`` matches, before anyone sees it (SRV-3)."""
        self.channels.on_created(parse_channel(pattern), initializer)

    def channel(self, name: str) -> ServerChannel:
        """The channel or pattern of that name, made if absent."""
        return self.channels.create_if_absent(parse_channel(name))

    def is_private(self, name: ChannelName) -> bool:
        """One name with a separate audience a user (SEC-44); a pattern above such names is not."""
        return name.is_below(self.options.private_prefixes)

    def kick(self, session: ServerSession) -> None:
        """End a session from here; does nothing if it is over (DSC-6)."""
        ending.kick(self, session)

    # For transports --------------------------------------------------------------------------------

    def handle(self, messages: Sequence[Fields], transport: Transport, context: Context) -> asyncio.Task[Any] | None:
        """Process the messages of one body or frame; the answer goes to ``transport``.

        Returns None when done, or the task in which hooks are awaited: read no further frame of the same
        socket before it is done (WS-9).

        Raises HandshakeNotAlone, BatchTooLarge; then nothing was processed.
        """
        bound = context.options.max_batch_messages
        if bound and len(messages) > bound:
            self.reject("SEC-L11")
            raise BatchTooLarge(f"more than {bound} messages")
        if len(messages) > 1 and any(is_handshake(fields) for fields in messages):
            raise HandshakeNotAlone("a handshake must be alone in its request")
        session = None if is_handshake(messages[0]) else self._owned_session(messages[0], transport, context)
        return run(Exchange(self, messages, session, transport, context).steps(), self._create_task)

    def connection_lost(self, transport: Transport) -> None:
        """The connection of a held connect or of a socket is gone; nothing waiting is lost (SES-8, WS-16)."""
        attachment.lose(self, transport)

    def writable_again(self, transport: Transport) -> None:
        """A slow reader has caught up."""
        if transport.session is not None and transport.session.queue.messages:
            self.flusher.mark(transport.session)

    def reject(self, reason: str) -> None:
        """Count a refusal by the id of its limit, and log the first of many (SEC-3)."""
        self._refusals.add(reason)

    # For the other modules of this package -----------------------------------------------------------

    def begin(self, session: ServerSession, transport: Transport, message: Message) -> None:
        """Register a session whose handshake was accepted."""
        if session.browser is None:
            session.browser = new_client_id(self.random_bytes)
        attachment.attach_new(self, session, transport)
        self.sessions.add(session)
        self.watch(session)
        log.info("session begins", extra={"event": "session_begins", **ending.log_fields(session)})
        tell(self.listeners.session_added, session, message)

    def perform(self, session: ServerSession, effect: Effect, message: Message | None = None) -> None:
        """Do one thing a session asked for; its replies and publishes are the exchange's."""
        match effect:
            case Release(fields):
                self._answer_held(session, fields)
            case Dismiss():
                attachment.dismiss_held(self, session)
            case Subscribe(channels):
                for name in channels:
                    self._subscribe(session, name, message)
            case Unsubscribe(channels):
                for name in channels:
                    self.unsubscribe(session, name.text, message)
            case End(reason):
                ending.end(self, session, reason)

    def unsubscribe(self, session: ServerSession, name: str, message: Message | None = None) -> None:
        """Take a session out of a channel's subscribers, if it is one."""
        channel = self.channels.get(name)
        if channel is not None and session in channel.subscribers:
            del channel.subscribers[session]
            tell(self.listeners.unsubscribed, session, channel, message)

    def encode_reply(self, session: ServerSession | None, fields: Fields) -> bytes | None:
        """A reply's bytes after the outgoing extensions; None if one of them stopped it (BAT-7)."""
        extensions = list(self.extensions)
        if session is not None and session.hooks is not None:
            extensions = [*session.hooks.extensions, *extensions]
        plain = reply_to(fields) if extensions else fields
        for extension in reversed(extensions):
            try:
                if extension.outgoing_meta(session, fields) is STOP:
                    return None
            except Exception:
                log.exception("an outgoing extension raised")
        try:
            return json.encode(fields)
        except TypeError:
            log.exception("an outgoing extension left what JSON cannot say")
            return json.encode(failed(plain, InternalError()))

    def take(self, session: ServerSession, transport: Transport) -> Batch:
        """What the session has waiting, to be written to ``transport`` now."""
        batch = self.flusher.take(session)
        self.counters.messages_delivered[transport.name] += len(batch)
        return batch

    def write(self, session: ServerSession) -> None:
        """Write what a session has waiting, if there is a way to write it (WS-10, WS-12, DEL-1)."""
        if session.batches or not session.queue.messages:
            return  # BAT-4: the answer that is about to be written takes them
        socket = session.transport
        if socket is not None and not session.connect_only:
            if session.may_push and socket.writable and not socket.closed:
                socket.send(self.take(session, socket), ())
        elif session.held is not None:
            session.message_bucket.tokens += 1  # SEC-L19: it comes back because of our events, not in haste
            self.release(session)

    def release(self, session: ServerSession) -> None:
        """Answer its held connect with whatever is waiting (CN-3)."""
        for effect in session.release(self.clock(), self.leaving_interval()):
            self.perform(session, effect)
        self.watch(session)

    def watch(self, session: ServerSession) -> None:
        """Look at the session again at its next deadline."""
        if session.next_deadline != NEVER:
            self.deadlines.watch(session, session.next_deadline)

    def expire(self, session: ServerSession) -> None:
        """Its client stayed away (SES-6)."""
        ending.let_happen(self, session, Happening.EXPIRE)

    def leaving_interval(self) -> float | None:
        """While draining, in how many seconds a client should come to another node (DSC-11)."""
        return SHUTDOWN_SPREAD * self.chance() if self.is_draining else None

    def chance(self) -> float:
        """A number from 0 to 1."""
        return int.from_bytes(self.random_bytes(2), "big") / 65535

    def call_later(self, seconds: float, function: Callable[[], None]) -> None:
        """Have something done on the loop later."""
        if self._loop is not None:
            self._loop.call_later(seconds, function)

    # Itself --------------------------------------------------------------------------------------------

    def _owned_session(self, fields: Fields, transport: Transport, context: Context) -> ServerSession | None:
        """The session that the first message names, if this request may speak for it (SES-4)."""
        client_id = fields.get("clientId")
        named = client_id if isinstance(client_id, str) else None
        session = self._binding.find(named, transport, context)
        if session is not None:
            attachment.attach(self, session, transport, is_connect=asks_for(Request.CONNECT, fields))
        return session

    def _answer_held(self, session: ServerSession, fields: Fields) -> None:
        held_by = attachment.let_go(self, session)
        if held_by is None or held_by.closed:
            return
        reply = self.encode_reply(session, fields)
        events = self.take(session, held_by) if held_by.writable else NOTHING
        held_by.send(events, () if reply is None else (reply,))

    def _subscribe(self, session: ServerSession, name: ChannelName, message: Message | None) -> None:
        if self.is_private(name):
            return  # SEC-44: a private name has no list of subscribers that anyone could walk
        channel = self.channels.create_if_absent(name)
        if session.is_over:
            return  # a listener ended it: nobody would ever take it out again
        channel.subscribers[session] = None
        tell(self.listeners.subscribed, session, channel, message)

    def _on_batch(self, batch: Batch) -> None:
        accepted_at = batch.messages[0].accepted_at
        if accepted_at:
            self.counters.delivery_seconds.observe(self.clock() - accepted_at)

    def _sweep(self) -> None:
        self.channels.sweep()
        self.sessions.forget_kicked_before(self.clock())
        self._sweep_timer = self._running_loop.call_later(self.options.sweep_period, self._sweep)

    @property
    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the server is not started: await server.start() first")
        return self._loop

    def _call_soon(self, function: Callable[[], None]) -> None:
        self._running_loop.call_soon(function)

    def _create_task(self, coroutine: Any) -> asyncio.Task[Any]:
        task = self._running_loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
