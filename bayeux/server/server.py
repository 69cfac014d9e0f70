"""BayeuxServer: the façade that applications and transports use.

Owns the sessions, the channels and what happens to them; a transport gives it the messages of a body or
frame, an application publishes, listens and sets the policy. Everything runs on one event loop, nothing is
global: two servers in one process work (OPS-25).

Source: sections 3…9 of the Bayeux reference; SRV-1…8.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, Kind, parse_channel
from bayeux.protocol.client_id import RandomBytes, new_client_id
from bayeux.protocol.effects import Dismiss, Effect, End, EndReason, Release, Subscribe, Unsubscribe
from bayeux.protocol.encoded import NOTHING, Batch, EncodedMessage
from bayeux.protocol.errors import (
    BatchTooLarge,
    ChannelInvalid,
    HandshakeNotAlone,
    MessageDeleted,
    RateLimited,
    Unavailable,
)
from bayeux.protocol.message import Fields, Message, event_of, is_handshake
from bayeux.protocol.options import Options
from bayeux.protocol.session import NEVER, State
from bayeux.protocol.transitions import Happening, happen
from bayeux.server import fanout
from bayeux.server.binding import Binding
from bayeux.server.channels import Channels, Initializer, ServerChannel
from bayeux.server.counters import Counters
from bayeux.server.deadlines import Deadlines
from bayeux.server.exchange import Exchange
from bayeux.server.extension import STOP, Extension
from bayeux.server.flusher import Flusher
from bayeux.server.listeners import Listeners, MessageListener, tell
from bayeux.server.rates import RateByKey
from bayeux.server.security import Authorizer, SecurityPolicy
from bayeux.server.sessions import ServerSession, Sessions
from bayeux.server.steps import Steps, ask, run
from bayeux.server.transport import Context, Transport

log = logging.getLogger(__name__)

CLOSE_NORMAL, CLOSE_GOING_AWAY, CLOSE_POLICY = 1000, 1001, 1008
LINGER = 2.0  # DSC-8: a client closes its socket itself when it is told that it is over
SHUTDOWN_SPREAD = 5.0  # DSC-11: clients come back within this time, not all at once
_FAREWELL = EncodedMessage("/meta/disconnect", b'{"channel":"/meta/disconnect","successful":true}')  # DSC-6


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
        self.flusher = Flusher(self._call_soon, self._write, self._on_batch)
        self.deadlines = Deadlines(clock)
        self.is_draining = False
        self._binding = Binding(self.sessions)
        self._handshake_rates: RateByKey[str] = RateByKey(
            self.options.handshake_rate_per_ip, self.options.handshake_burst_per_ip
        )
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
        """Let every client go at once (DSC-11), wait for the hooks that run, and forget everything."""
        await self.drain(spread=0.0)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in self.sessions:
            self._end(session, EndReason.DRAIN)
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
                self._send_away(session)
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
        return run(self._publish_unless_vetoed(message), self._create_task)

    def deliver(
        self, session: ServerSession, channel: str, data: json.Json, *, ext: Fields | None = None
    ) -> bool:
        """Send to one client, subscribed or not (DEL-6); False if it is gone (DEL-7) or did not take it."""
        if session.is_over:
            return False
        return self._address(parse_channel(channel), data, ext, [session]) > 0

    def deliver_to_user(
        self, user: str, channel: str, data: json.Json, *, ext: Fields | None = None
    ) -> int:
        """Send to those sessions of one user that subscribed to ``channel``, by name or pattern (SEC-44).

        It walks that user's sessions and never the subscriptions of others: there is no way from
        here to a session of somebody else. Returns how many sessions took it.
        """
        name = parse_channel(channel)
        if name.is_wild or name.is_template:
            raise ChannelInvalid
        own = [each for each in self.sessions.of_user(user) if each.is_subscribed_to(name)]
        return self._address(name, data, ext, own)

    def on(self, channel: str, listener: MessageListener) -> Callable[[], None]:
        """Hear each message on a channel or pattern before its subscribers; returns how to stop it."""
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
        return any(
            name.text == prefix or name.text.startswith(prefix + "/") for prefix in self.options.private_prefixes
        )

    def kick(self, session: ServerSession) -> None:
        """End a session from here: its events, then the news, then no more (DSC-6, DSC-7)."""
        if session.is_over:
            return
        session.queue.put_beyond_bounds(_FAREWELL)
        socket = session.transport
        self._happen(session, Happening.KICK)
        if session.queue.messages and socket is not None and not socket.closed and socket.writable:
            socket.send(self.take(session, socket), ())
        if session.queue.messages:
            session.expires_at = self.clock() + session.options.max_interval
            self.sessions.remember_kicked(session)

    # For transports --------------------------------------------------------------------------------

    def handle(
        self, messages: Sequence[Fields], transport: Transport, context: Context
    ) -> asyncio.Task[Any] | None:
        """Process the messages of one body or frame; the answer goes to ``transport``.

        Returns None when done, or the task in which hooks are awaited: read no further frame of the same
        socket before it is done (WS-9).

        Raises HandshakeNotAlone, BatchTooLarge; then nothing was processed.
        """
        options = context.options
        if options.max_batch_messages and len(messages) > options.max_batch_messages:
            self.reject("SEC-L11")
            raise BatchTooLarge(f"more than {options.max_batch_messages} messages")
        if len(messages) > 1 and any(is_handshake(fields) for fields in messages):
            raise HandshakeNotAlone("a handshake must be alone in its request")
        session = None if is_handshake(messages[0]) else self._owned_session(messages[0], transport, context)
        return run(Exchange(self, messages, session, transport, context).steps(), self._create_task)

    def connection_lost(self, transport: Transport) -> None:
        """The connection of a held connect or of a socket is gone; nothing waiting is lost (SES-8, WS-16)."""
        session, transport.session = transport.session, None
        if session is None:
            return
        if session.transport is transport:
            session.transport = None
        self._drop_held(session, transport)

    def writable_again(self, transport: Transport) -> None:
        """A slow reader has caught up."""
        if transport.session is not None and transport.session.queue.messages:
            self.flusher.mark(transport.session)

    # For the exchange --------------------------------------------------------------------------------

    def admit_handshake(self, context: Context) -> None:
        """Raise Unavailable or RateLimited where the server or the address has too much already (HS-17)."""
        options, address = context.options, context.peer
        if self.is_draining:
            raise Unavailable
        if options.max_sessions and len(self.sessions) >= options.max_sessions:
            self.reject("SEC-L15")
            raise Unavailable
        if options.max_sessions_per_ip and self.sessions.by_address[address] >= options.max_sessions_per_ip:
            self.reject("SEC-L2")
            raise Unavailable
        if not self._handshake_rates.take(address, self.clock()):
            self.reject("SEC-L20")
            raise RateLimited(f"{options.handshake_rate_per_ip:g} a second")

    def admit_session(self, session: ServerSession) -> None:
        """Raise Unavailable where its user has too many already (SEC-L15)."""
        bound = session.options.max_sessions_per_user
        if bound and session.user is not None and len(self.sessions.of_user(session.user)) >= bound:
            self.reject("SEC-L15")
            raise Unavailable

    def begin(self, session: ServerSession, transport: Transport, message: Message) -> None:
        """Register a session whose handshake was accepted."""
        if session.browser is None:
            session.browser = new_client_id(self.random_bytes)
        former = transport.session
        if former is not None:  # WS-31: the socket serves its sessions one after the other
            self.connection_lost(transport)
        transport.session = session
        if transport.streaming:
            session.transport = transport
        self.sessions.add(session)
        self.watch(session)
        log.info("session begins", extra={"event": "session_begins", **_log_fields(session)})
        tell(self.listeners.session_added, session, message)

    def publication(self, message: Message, sender: ServerSession | None) -> Steps[int]:
        """Give a publish to the listeners, then to the subscribers (PUB-10); how many took it.

        Raises MessageDeleted if a listener vetoes.
        """
        name = message.channel
        channel = self.channels.create_if_absent(name)
        matching = self.channels.matching(name)
        yield from self.listen(matching, sender, message)
        if name.kind is not Kind.BROADCAST:
            return 0
        options = self.options if message.context is None else message.context.options
        event = event_of(message, options)
        sessions = self.channels.subscribers(matching)
        if sender is not None and not (options.broadcast_to_publisher and channel.broadcast_to_publisher):
            sessions = [session for session in sessions if session is not sender]
        return self._spread(event, sessions)

    def listen(
        self, channels: Iterable[ServerChannel], session: ServerSession | None, message: Message
    ) -> Steps[None]:
        """Ask the listeners of these channels in turn; raise MessageDeleted if one answers False (LST-8)."""
        for channel in channels:
            for listener in tuple(channel.listeners):
                try:
                    answer = yield from ask(listener, session, message)
                except Exception:
                    log.exception("a message listener raised", extra={"channel": channel.name.text})
                    continue
                if answer is False:
                    raise MessageDeleted

    def hold(self, session: ServerSession, transport: Transport) -> None:
        """A connect is held from here on; it costs a place in a set (LP-12)."""
        transport.session = session
        session.held_by = transport
        if not transport.streaming:
            self.sessions.hold_slot(session)

    def is_crowded(self, session: ServerSession, context: Context) -> bool:
        """The browser already holds all the connects it may, not counting this session's own (COOK-10, COOK-13)."""
        options = context.options
        bound = options.http2_max_sessions_per_browser if context.http2 else options.max_sessions_per_browser
        if bound < 0 or session.browser is None:
            return False
        held = self.sessions.held_by_browser[session.browser]
        own = session.held_by is not None and not session.held_by.streaming
        return held - own >= bound

    def leaving_interval(self) -> float | None:
        """While draining, in how many seconds a client should come to another node (DSC-11)."""
        return SHUTDOWN_SPREAD * self._chance() if self.is_draining else None

    def handshake_pause(self) -> float:
        """How many seconds a client should wait before its next handshake (HS-17, SEC-L20)."""
        return 5.0 + 10.0 * self._chance()

    def watch(self, session: ServerSession) -> None:
        """Look at the session again at its next deadline."""
        if session.next_deadline != NEVER:
            self.deadlines.watch(session, session.next_deadline)

    def perform(self, session: ServerSession, effect: Effect, message: Message | None = None) -> None:
        """Do one thing a session asked for; its replies and publishes are the exchange's."""
        match effect:
            case Release(fields):
                self._answer_held(session, fields)
            case Dismiss():
                held_by = self._let_go(session)
                if held_by is not None and not held_by.closed:
                    held_by.dismiss(session.options.duplicate_meta_connect_http_code)
            case Subscribe(channels):
                for name in channels:
                    self._subscribe(session, name, message)
            case Unsubscribe(channels):
                for name in channels:
                    self._unsubscribe(session, name.text, message)
            case End(reason):
                self._end(session, reason)

    def encode_reply(self, session: ServerSession | None, fields: Fields) -> bytes | None:
        """A reply's bytes after the outgoing extensions; None if one of them stopped it (BAT-7)."""
        extensions = list(self.extensions)
        if session is not None and session.hooks is not None:
            extensions = [*session.hooks.extensions, *extensions]
        for extension in reversed(extensions):
            try:
                if extension.outgoing_meta(session, fields) is STOP:
                    return None
            except Exception:
                log.exception("an outgoing extension raised")
        return json.encode(fields)

    def take(self, session: ServerSession, transport: Transport) -> Batch:
        """What the session has waiting, to be written to ``transport`` now."""
        batch = self.flusher.take(session)
        self.counters.messages_delivered[transport.name] += len(batch)
        return batch

    def reject(self, reason: str) -> None:
        """Count a refusal by the id of its limit (SEC-3)."""
        self.counters.rejected[reason] += 1

    # What happens to a session -----------------------------------------------------------------------

    def release(self, session: ServerSession) -> None:
        """Answer its held connect with whatever is waiting (CN-3)."""
        for effect in session.release(self.clock(), self.leaving_interval()):
            self.perform(session, effect)
        self.watch(session)

    def expire(self, session: ServerSession) -> None:
        """Its client stayed away (SES-6)."""
        self._happen(session, Happening.EXPIRE)

    def end_slow(self, session: ServerSession) -> None:
        """Its client does not take its events (Q-2)."""
        self._happen(session, Happening.OVERFLOW)

    def end_flooding(self, session: ServerSession) -> None:
        """Its client does not heed the rate limit (SEC-L19)."""
        self._happen(session, Happening.FLOOD)

    def _happen(self, session: ServerSession, happening: Happening) -> None:
        for effect in happen(session, happening, self.clock()):
            self.perform(session, effect)

    def _end(self, session: ServerSession, reason: EndReason) -> None:
        """Remove a session; the order of the news is DSC-5's."""
        if session.state in (State.HANDSHAKEN, State.CONNECTED):  # stop() ends what no client ended
            session.state = State.EXPIRED
        self.sessions.remove(session)
        self.deadlines.forget(session)
        self.counters.session_ends[reason.value] += 1
        fields = {"event": "session_ends", "reason": reason.value, **_log_fields(session)}
        log.info("session ends", extra={**fields, "duration_ms": round((self.clock() - session.begun_at) * 1000)})
        tell(self.listeners.session_removed, session, reason)
        for name in tuple(session.subscriptions):
            self._unsubscribe(session, name, None)
        session.subscriptions.clear()
        if session.hooks is not None:
            tell(list(session.hooks.removed), session, reason)
        if reason is not EndReason.KICKED:
            session.queue.clear()
        if session.transport is not None:
            self._close_socket(session.transport, reason)

    def _close_socket(self, socket: Transport, reason: EndReason) -> None:
        """DSC-8, DSC-9, Q-2: what the end of its session means for a socket."""
        if reason in (EndReason.DISCONNECT, EndReason.KICKED):
            if self._loop is not None:
                self._loop.call_later(LINGER, self._close_unless_used, socket)
        elif reason is EndReason.TIMEOUT:
            socket.close(CLOSE_NORMAL, "Session expired")
        elif reason is EndReason.SLOW:
            socket.close(CLOSE_POLICY, "slow")
        elif reason is EndReason.ERROR:
            socket.close(CLOSE_POLICY, "flooding")

    def _close_unless_used(self, socket: Transport) -> None:
        is_used = socket.session is not None and not socket.session.is_over
        if not socket.closed and not is_used:
            socket.close(CLOSE_NORMAL, "Disconnect")

    def _send_away(self, session: ServerSession) -> None:
        socket = session.transport
        if session.held is not None:
            self.release(session)
        elif socket is not None and not socket.closed and socket.writable:
            self._write(session)
        if socket is not None and not socket.closed:
            socket.close(CLOSE_GOING_AWAY, "Going away")

    # Whose messages ----------------------------------------------------------------------------------

    def _owned_session(self, fields: Fields, transport: Transport, context: Context) -> ServerSession | None:
        """The session that the first message names, if this request may speak for it (SES-4)."""
        client_id = fields.get("clientId")
        named = client_id if isinstance(client_id, str) else None
        session = self._binding.find(named, transport, context)
        if session is None:
            return None
        if transport.streaming:
            self._move_to(session, transport)
        elif session.transport is not None and fields.get("channel") == "/meta/connect":
            # SES-3: a session that polls is not pushed to any more; other requests by HTTP leave its socket alone.
            self._drop_held(session, session.transport)
            session.transport.session = None
            session.transport = None
        transport.session = session
        return session

    def _move_to(self, session: ServerSession, socket: Transport) -> None:
        """WS-14: the newest socket is the session's, at once and before its message is processed."""
        former = session.transport
        if former is not socket:
            if former is not None:
                self._drop_held(session, former)
                former.session = None
            elif session.held is not None:
                session.lose_held_connect(self.clock())
                self.perform(session, Dismiss())
                self.watch(session)
            session.transport = socket
        session.may_push = True

    def _drop_held(self, session: ServerSession, transport: Transport) -> None:
        """Its connect is not held by this transport any more; the events stay (SES-8, CN-11)."""
        if session.held_by is transport:
            self._let_go(session)
            session.lose_held_connect(self.clock())
            if not session.is_over:
                self.watch(session)

    def _let_go(self, session: ServerSession) -> Transport | None:
        held_by, session.held_by = session.held_by, None
        if held_by is not None and not held_by.streaming:
            self.sessions.free_slot(session)
        return held_by

    def _answer_held(self, session: ServerSession, fields: Fields) -> None:
        held_by = self._let_go(session)
        if held_by is None or held_by.closed:
            return
        reply = self.encode_reply(session, fields)
        events = self.take(session, held_by) if held_by.writable else NOTHING
        held_by.send(events, () if reply is None else (reply,))

    # Subscriptions and delivery ----------------------------------------------------------------------

    def _subscribe(self, session: ServerSession, name: ChannelName, message: Message | None) -> None:
        if self.is_private(name) and not name.is_wild:
            return  # SEC-44: a private name has no list of subscribers that anyone could walk
        channel = self.channels.create_if_absent(name)
        channel.subscribers[session] = None
        tell(self.listeners.subscribed, session, channel, message)

    def _unsubscribe(self, session: ServerSession, name: str, message: Message | None) -> None:
        channel = self.channels.get(name)
        if channel is not None and session in channel.subscribers:
            del channel.subscribers[session]
            tell(self.listeners.unsubscribed, session, channel, message)

    def _publish_unless_vetoed(self, message: Message) -> Steps[None]:
        try:
            yield from self.publication(message, None)
        except MessageDeleted:
            log.debug("a listener vetoed a publish", extra={"channel": message.channel.text})

    def _address(
        self, name: ChannelName, data: json.Json, ext: Fields | None, sessions: Sequence[ServerSession]
    ) -> int:
        event: Fields = {"channel": name.text, "data": data}
        if ext:
            event["ext"] = ext
        return self._spread(event, sessions)

    def _spread(self, event: Fields, sessions: Sequence[ServerSession]) -> int:
        """Server-wide extensions once, one encoding, then the queues (DEL-8, EXN-3)."""
        for extension in reversed(self.extensions):
            try:
                if extension.outgoing(None, event) is STOP:
                    return 0
            except Exception:
                log.exception("an outgoing extension raised")
        encoded = EncodedMessage(event["channel"], json.encode(event), self.clock())
        return fanout.deliver(self, encoded, event, sessions)

    def _write(self, session: ServerSession) -> None:
        """Write what one session has waiting, if there is a way to write it (WS-10, WS-12, DEL-1)."""
        if session.batches or not session.queue.messages:
            return  # BAT-4: the answer that is about to be written takes them
        socket = session.transport
        if socket is not None and not session.connect_only:
            if session.may_push and socket.writable and not socket.closed:
                socket.send(self.take(session, socket), ())
        elif session.held is not None:
            self.release(session)

    def _on_batch(self, batch: Batch) -> None:
        self.counters.delivery_seconds.observe(self.clock() - batch.messages[0].accepted_at)

    # Loop ----------------------------------------------------------------------------------------------

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

    def _sweep(self) -> None:
        self.channels.sweep()
        self.sessions.forget_kicked_before(self.clock())
        if self._loop is not None:
            self._sweep_timer = self._loop.call_later(self.options.sweep_period, self._sweep)

    def _chance(self) -> float:
        """A number from 0 to 1."""
        return int.from_bytes(self.random_bytes(2), "big") / 65535


def _log_fields(session: ServerSession) -> dict[str, Any]:
    """What a log line tells of a session: never its clientId, which is a credential."""
    digest = hashlib.sha256(session.client_id.encode()).hexdigest()
    return {"session": digest[:12], "user": session.user, "peer": session.peer}
