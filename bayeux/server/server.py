"""BayeuxServer: the façade that applications and transports use.

Owns the sessions, the channels and what happens to them; a transport gives it the messages of a body or
frame, an application publishes, listens and sets the policy. Everything runs on one event loop, nothing is
global: two servers in one process work (OPS-25).

Source: sections 3…9 of the Bayeux reference; SRV-1…8.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload
from weakref import WeakSet

from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, Kind, parse_channel
from bayeux.protocol.client_id import RandomBytes, new_client_id
from bayeux.protocol.effects import Dismiss, Effect, End, EndReason, Release, Subscribe, Unsubscribe
from bayeux.protocol.encoded import Batch
from bayeux.protocol.errors import BatchTooLarge, ChannelInvalid, HandshakeNotAlone, ProtocolError
from bayeux.protocol.message import Fields, Message, Request, asks_for, is_handshake
from bayeux.protocol.options import Options
from bayeux.protocol.session import NEVER
from bayeux.protocol.template import Template
from bayeux.protocol.transitions import Happening
from bayeux.server import (
    answering,
    attachment,
    ending,
    fanout,
    joining,
    lone_connect,
    publication,
    pushing,
    revalidation,
    short_way,
)
from bayeux.server.admission import Admission
from bayeux.server.authorizers import warn_of_open_patterns
from bayeux.server.binding import Binding
from bayeux.server.channels import Channels, Initializer, ServerChannel
from bayeux.server.counters import Counters
from bayeux.server.current import get_handled, handled, set_handled
from bayeux.server.deadlines import Deadlines
from bayeux.server.detached import Detached
from bayeux.server.exchange import Exchange
from bayeux.server.extension import Extension, Extensions
from bayeux.server.filters import DataFilter
from bayeux.server.flow import FlowControl
from bayeux.server.flusher import Flusher
from bayeux.server.listeners import Listeners, MessageListener, TemplateListener, decorator, tell, tell_while
from bayeux.server.local import LocalSession, Sender, session_of
from bayeux.server.marks import channel_of, must_accept
from bayeux.server.refusals import Refusals
from bayeux.server.remote_call import RemoteCall, RemoteMethod
from bayeux.server.security import Authorizer, SecurityPolicy
from bayeux.server.service import Services
from bayeux.server.sessions import ServerSession, Sessions
from bayeux.server.steps import Rest, Steps, start
from bayeux.server.transport import Context, Mounted, Transport

if TYPE_CHECKING:
    from bayeux.server.cluster.cluster import Cluster
    from bayeux.server.recovery import Recovery
    from bayeux.transports.listener import Listener

log: logging.Logger = logging.getLogger(__name__)

Hears = TypeVar("Hears", bound=MessageListener)
Method = TypeVar("Method", bound=RemoteMethod)
Guards = TypeVar("Guards", bound=Authorizer)
Filters = TypeVar("Filters", bound=DataFilter)
Configures = TypeVar("Configures", bound=Initializer)

MAX_NESTED_PUBLISHES = 100  # LST-9
SHUTDOWN_SPREAD = 5.0  # DSC-11: clients come back within this time, not all at once
STOP_TIMEOUT = 5.0  # DSC-11: for hooks of last replies and of endings, which may have to write to a database


class BayeuxServer:
    """A Bayeux server without a network.

    Args:
        options: see ``Options``; a transport or a mount may go by a copy with other values.
        policy: who may do what; the default lets everyone do everything but touch meta channels.
        clock: seconds, monotonic; the event loop's own unless a test moves it.
        random_bytes: a cryptographic source.

    Raises TypeError for other options or policies.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        policy: SecurityPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        if not isinstance(options, Options | None):
            raise TypeError(f"options: give Options(…), not {options!r:.80}")
        if isinstance(policy, type):
            raise TypeError(f"policy: give {policy.__name__}(…), not the class itself")
        self.options: Options = options or Options()
        self.policy: SecurityPolicy = policy or SecurityPolicy()
        self.clock = clock
        self.random_bytes = random_bytes
        self.counters: Counters = Counters()
        self.listeners: Listeners = Listeners()
        """Who is told of what happens; ``@server.listeners.session_added`` registers a function."""
        self.extensions: Extensions[Extension] = Extensions(self)
        """Server-wide, in order of registration."""
        self.channels: Channels = Channels(self)
        """Every channel and pattern there is."""
        self.sessions: Sessions = Sessions()
        """Every live session."""
        self.services: Services = Services(self)
        """What was registered."""
        self.admission: Admission = Admission(self)
        self.flusher: Flusher = Flusher(self._call_soon, partial(pushing.write_all, self), self._on_batches)
        self.deadlines: Deadlines = Deadlines(clock)
        self.recovery: Recovery | None = None
        """Keeps events for those who missed them; the extension ``Replay`` sets it."""
        self.cluster: Cluster | None = None
        """The nodes that serve together with this one; ``Cluster(server, backplane)`` sets it, before ``start``."""
        self.mounts: WeakSet[Mounted] = WeakSet()
        """Where it is served; each mount enters itself."""
        self.sweeps: Sweeps = Sweeps()
        """How long looking for unused channels took."""
        self.attributes: dict[str, Any] = {}
        """Whatever the application wants to remember of this server."""
        self.is_draining: bool = False
        self._binding = Binding(self)
        self._refusals = Refusals(self.counters.rejected, clock)
        self._nested = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._context = contextvars.Context()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_stopped = False
        self._sweep_timer: asyncio.TimerHandle | None = None

    # Life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to work on the running loop; also again after ``stop``. Does nothing if it is at work on it."""
        loop = asyncio.get_running_loop()
        if self.is_started and self._loop is loop:
            return
        self._is_stopped = self.is_draining = False
        self._loop = loop
        self._thread = threading.get_ident()
        self._context = contextvars.copy_context()
        self._context.run(handled.set, None)
        self.deadlines.stop()
        self.deadlines = Deadlines(self.clock, self._call_at)
        for session in self.sessions:  # begun without a loop, or on one that was closed without a ``stop``
            self.watch(session)
        self.flusher.start()
        if self.options.preset:
            log.warning(
                "the options imitate %s: limits and protections that are on otherwise are off (MIG-3)",
                self.options.preset,
                extra={"event": "preset", "preset": self.options.preset},
            )
        warn_of_open_patterns(self.channels)
        self._sweep()
        if self.cluster is not None:
            await self.cluster.start()

    @property
    def is_started(self) -> bool:
        """Between ``start`` and ``stop``."""
        return self._loop is not None and not self._is_stopped

    async def listen(self, port: int = 8080, host: str = "127.0.0.1", **settings: Any) -> Listener:
        """Serve on a port of its own, at ``/cometd``; starts the server if nobody did (GEN-8).

        ::

            async with await server.listen(8080):
                await asyncio.Event().wait()

        Args:
            port: 0 for any that is free; ``Listener.port`` tells which.
            host: an address of this machine; ``0.0.0.0`` or ``::`` for all.
            settings: ``ssl`` and ``http_server`` of ``Listener``, ``path``, ``identify`` and the rest of ``Mount``.

        Raises OSError where nothing can listen there; TypeError, ValueError for settings that make no mount.
        """
        from bayeux.transports import listener  # noqa: PLC0415 - docs/decisions/a-door-on-the-facade

        return await listener.listen(self, port, host, **settings)

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Stop the services, let every client go at once (DSC-11), end all sessions, forget everything.

        Args:
            timeout: seconds for hooks: half of them for those that run, half for the listeners of the sessions' ends;
                then they are broken off.
        """
        self._is_stopped = True
        await self.services.stop()
        await self.drain(spread=0.0, timeout=0.0)
        await self._end_hooks(timeout / 2)
        if self.cluster is not None:
            await self.cluster.leave()
        for session in self.sessions:
            self._part(ending.end_at_last(self, session))
        await self._end_hooks(timeout / 2)
        if self.cluster is not None:
            await self.cluster.stop()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self.deadlines.stop()

    async def drain(self, *, spread: float, slices: int = 20, timeout: float = STOP_TIMEOUT) -> None:
        """Refuse new sessions, and send the clients elsewhere over ``spread`` seconds (DSC-11, OPS-61).

        A held connect is answered with its events and advice ``retry``; a socket gets the same and is
        closed with 1001. Sessions are kept: a client that comes back is served until ``stop``.

        Args:
            slices: in how many steps.
            timeout: seconds that extensions of the last of these replies may be waited for.
        """
        self.is_draining = True
        sessions = list(self.sessions)
        share = -(-len(sessions) // slices) or 1
        leaving = []
        for first in range(0, len(sessions), share):
            leaving += [self._part(ending.send_away(self, session)) for session in sessions[first : first + share]]
            if spread:
                await asyncio.sleep(spread / slices)
        await self._wait_for(leaving, timeout)

    async def __aenter__(self) -> BayeuxServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # For applications ------------------------------------------------------------------------------

    def publish(
        self,
        channel: str,
        data: json.Json,
        *,
        sender: Sender | None = None,
        ext: Fields | None = None,
        lazy: bool = False,
    ) -> asyncio.Task[Any] | None:
        """Publish to everyone subscribed; not subject to the policy, but to listeners and extensions (SRV-1).

        Returns None when done, or the task that does the rest because a hook must be waited for.

        Args:
            sender: whom the listeners see as publisher.
            lazy: it may wait for company on its way to each subscriber (Q-10).

        Raises ChannelInvalid for a pattern, a meta channel or a private name, which is addressed by
        ``deliver_to_user``; TypeError for data that JSON cannot say; RecursionError for a listener that publishes
        to its own channel without end (LST-9); RuntimeError in another thread than the server's (GEN-5).
        """
        self._expect_own_thread()
        name = _addressable(channel)
        if self.is_private(name):
            raise ChannelInvalid(f"{channel!r} is one user's own: use deliver_to_user")
        message = Message.of_application(name, data, ext)
        message.is_lazy = lazy
        message.session = session_of(sender)
        publication.check_encodable(self, message.fields)
        task = self.go_deeper(publication.publish_unless_vetoed(self, message, message.session))
        if self.cluster is not None and task is not None:
            task.add_done_callback(self.cluster.note_outcome)
        return task

    def deliver(
        self,
        sessions: Iterable[ServerSession],
        channel: str,
        data: json.Json,
        *,
        sender: Sender | None = None,
        ext: Fields | None = None,
        lazy: bool = False,
    ) -> int:
        """Send to just these clients, subscribed or not, with one encoding (SRV-9, DEL-6); how many took it.

        Raises ChannelInvalid for a pattern and a meta channel; TypeError for data that JSON cannot say.
        """
        self._expect_own_thread()
        name = _addressable(channel)
        alive = [session for session in sessions if not session.is_over]
        if not alive:
            return 0  # DEL-7
        return self.reach(publication.address(self, name, data, ext, alive, session_of(sender), is_lazy=lazy), alive)

    def deliver_to_user(self, user: str, channel: str, data: json.Json, *, ext: Fields | None = None) -> int:
        """Send to those sessions of one user that subscribed to ``channel``, by name or pattern (SEC-44).

        It walks that user's sessions and never the subscriptions of others: there is no way from
        here to a session of somebody else. Returns how many sessions took it.

        In a cluster it reaches his sessions on all nodes, a little later, and gives how many of this node will; to know
        that they all do, await ``cluster.deliver_to_user``.

        Raises ChannelInvalid for a pattern and a meta channel; TypeError for data that JSON cannot say.
        """
        self._expect_own_thread()
        name = _addressable(channel)
        if self.cluster is not None:
            return self.cluster.deliver_to_user_soon(user, name, data, ext)
        own = [each for each in self.sessions.of_user(user) if each.is_subscribed_to(name)]
        return self.reach(publication.address(self, name, data, ext, own), own)

    @overload
    def on(self, channel: str, *, weak: bool = False) -> Callable[[Hears], Hears]: ...

    @overload
    def on(self, channel: str, listener: MessageListener, *, weak: bool = False) -> Callable[[], None]: ...

    def on(self, channel: str, listener: MessageListener | None = None, *, weak: bool = False) -> Any:
        """Hear each message on a channel or pattern before its subscribers; ``False`` vetoes it (LST-8).

        A template such as ``/game/{room}`` hands its values over by name (CHN-8). Returns how to stop; without a
        listener it is a decorator.

        Args:
            listener: called with the session, None where the application publishes, and the message.
            weak: it does not keep the channel from being swept (CHN-6).

        Raises ChannelInvalid.
        """
        if listener is None:
            return decorator(partial(self.on, channel, weak=weak))
        name = parse_channel(channel)
        if name.is_template:
            template = Template(channel)
            name, listener = template.pattern, TemplateListener(template, listener)
        return self.channels.create_if_absent(name).add_listener(listener, weak=weak)

    @overload
    def guard(self, channel: str) -> Callable[[Guards], Guards]: ...

    @overload
    def guard(self, channel: str, authorizer: Authorizer) -> Callable[[], None]: ...

    def guard(self, channel: str, authorizer: Authorizer | None = None) -> Any:
        """Attach an authorizer to a channel or pattern (AUZ-4); returns how to detach it, or is a decorator.

        Raises ChannelInvalid, also for a template.
        """
        if authorizer is None:
            return decorator(partial(self.guard, channel))
        guarded, _ = self.create_channel_if_absent(channel)
        return guarded.add_authorizer(authorizer)

    @overload
    def filter(self, channel: str) -> Callable[[Filters], Filters]: ...

    @overload
    def filter(self, channel: str, data_filter: DataFilter) -> Callable[[], None]: ...

    def filter(self, channel: str, data_filter: DataFilter | None = None) -> Any:
        """Have the data of each message on a channel or pattern changed or refused (FLT-4).

        ``configured_filters`` makes such filters of plain values. Returns how to stop, or is a decorator. Raises
        ChannelInvalid.
        """
        if data_filter is None:
            return decorator(partial(self.filter, channel))
        return self.create_channel_if_absent(channel)[0].add_filter(data_filter)

    @overload
    def on_channel_created(self, pattern: str) -> Callable[[Configures], Configures]: ...

    @overload
    def on_channel_created(self, pattern: str, initializer: Initializer) -> Callable[[], None]: ...

    def on_channel_created(self, pattern: str, initializer: Initializer | None = None) -> Any:
        """Configure every channel created later that ``pattern`` matches, before anyone sees it (SRV-3).

        Returns how to stop, or is a decorator. Raises ChannelInvalid, also for a template.
        """
        if initializer is None:
            return decorator(partial(self.on_channel_created, pattern))
        name = parse_channel(pattern)
        if name.is_template:
            raise ChannelInvalid(f"{pattern!r} is a template, which matches no channel here: use a pattern")
        return self.channels.on_created(name, initializer)

    def control_flow(self, channel: str, flow: FlowControl) -> Callable[[], None]:
        """Spare slow subscribers some events of a channel or pattern; the narrowest counts (QUE-5).

        Returns how to stop. Raises ChannelInvalid.
        """
        controlled, _ = self.create_channel_if_absent(channel)
        controlled.flow = flow

        def stop() -> None:
            if controlled.flow is flow:
                controlled.flow = None

        return stop

    def channel(self, name: str) -> ServerChannel | None:
        """The channel or pattern of that name, or None (SRV-2). Raises ChannelInvalid."""
        return self.channels.get(parse_channel(name).text)

    def create_channel_if_absent(self, name: str, *initializers: Initializer) -> tuple[ServerChannel, bool]:
        """The channel or pattern of that name, and whether it was made here (SRV-2).

        Args:
            initializers: configure it if it is made, before anyone else can see it.

        Raises ChannelInvalid, also for a template.
        """
        parsed = parse_channel(name)
        if parsed.is_template:
            raise ChannelInvalid(f"{name!r} is a template, and no channel")
        is_new = self.channels.get(parsed.text) is None
        return self.channels.create_if_absent(parsed, initializers), is_new

    def session(self, client_id: str) -> ServerSession | None:
        """The live session of that clientId, or None (SRV-4)."""
        session = self.sessions.find(client_id)
        return None if session is None or session.is_over else session

    def configure(self, **changes: Any) -> None:
        """Replace some options; they count for every request that comes from here on (SRV-7).

        What a connection or session was given at its beginning (limits of its queue, its message rate) stays as it
        was, and so do limits of accepting connections.

        Raises ValueError for an option that does not exist, and for values that contradict each other.
        """
        self.options = self.options.replaced(changes)

    def revalidate(self, session: ServerSession) -> asyncio.Task[Any] | None:
        """Ask again whether a session may have its subscriptions, end the others and tell its client (AUZ-9).

        For rights that were revoked and tokens that ran out. Returns None when done, or the task that waits for
        the policy or an authorizer.
        """
        return self.go(revalidation.revalidate(self, session))

    def new_local_session(self, name_hint: str) -> LocalSession:
        """A client inside the server, which is yet to handshake (SRV-5, LOC-1).

        Args:
            name_hint: how its clientId begins, for who reads a list of sessions.

        Raises ValueError for a hint that is more than a short word.
        """
        return LocalSession(self, name_hint)

    async def register(self, service: object) -> None:
        """Bind the marked methods of an object, or those a ``Service`` binds, and start it (SVC-6).

        It gets a session of its own. Where it annotates attributes ``server: BayeuxServer``, ``local: LocalSession``
        and ``session: ServerSession`` it is given those. If anything fails, nothing stays bound.

        Raises ServiceInvalid for what cannot be bound as it is (SVC-7…9), and whatever its start method raises.
        """
        await self.services.register(service)

    async def unregister(self, service: object) -> None:
        """Stop a service, unbind its methods and end its session; ``stop`` does it to all (SVC-6).

        Does nothing if it is not registered.
        """
        await self.services.unregister(service)

    @overload
    def remote_call(self, target: str, *, concurrent: bool = False) -> Callable[[Method], Method]: ...

    @overload
    def remote_call(self, target: str, method: RemoteMethod, *, concurrent: bool = False) -> Callable[[], None]: ...

    def remote_call(self, target: str, method: RemoteMethod | None = None, *, concurrent: bool = False) -> Any:
        """Have a method ``(caller, data)`` answer the remote calls of a target such as ``room/{id}`` (RPC-1, RPC-2).

        What a coroutine returns is the result, and so is what a plain function returns unless it is None; a plain
        function may answer later by its ``Caller``. Returns how to stop, or is a decorator.

        Args:
            concurrent: the caller's next message does not wait for the method (SVC-10).

        Raises TemplateInvalid for what is no target, such as one with wildcards; ServiceInvalid for a method that
        cannot be called like this.
        """
        if method is None:
            return decorator(partial(self.remote_call, target, concurrent=concurrent))
        channel, call = channel_of(target), RemoteCall(method)
        must_accept(method, ("caller", "data"), channel)
        return self.on(channel, Detached(self, call) if concurrent else call)

    def is_private(self, name: ChannelName) -> bool:
        """One name with a separate audience a user (SEC-44); a pattern above such names is not."""
        return name.is_below(self.options.private_prefixes)

    def kick(self, session: ServerSession, reason: EndReason = EndReason.KICKED) -> None:
        """End a session from here; does nothing if it is over (DSC-6, SRV-4)."""
        self.go(ending.kick(self, session, reason))

    def sweep(self) -> None:
        """Forget what nobody used for a while: channels, kicked sessions; done by itself while started (CHN-7)."""
        started = self.clock()
        self.channels.sweep()
        self.sessions.forget_kicked_before(started)
        if self.recovery is not None:
            self.recovery.sweep(started)
        self.sweeps.observe(self.clock() - started)

    def call_soon_threadsafe(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have a function called on the server's loop, from any thread; everything else is for the loop (GEN-5).

        Raises RuntimeError before ``start``.
        """
        self._running_loop.call_soon_threadsafe(function, *arguments)

    # For transports --------------------------------------------------------------------------------

    def handle(self, messages: Sequence[Fields], transport: Transport, context: Context) -> asyncio.Task[Any] | None:
        """Process the messages of one body or frame; the answer goes to ``transport``.

        Returns None when done, or the task in which hooks are awaited: read no further frame of the same
        socket before it is done (WS-9).

        Raises HandshakeNotAlone, BatchTooLarge; then nothing was processed.
        """
        if self.cluster is not None and not self.cluster.is_here(messages[0], transport):
            return self.cluster.route(messages, transport, context)
        return self.process(messages, transport, context)

    def process(self, messages: Sequence[Fields], transport: Transport, context: Context) -> asyncio.Task[Any] | None:
        """The same for a session that lives on this node, or on none."""
        before = get_handled()
        try:
            shortened = short_way.publish if transport.streaming else lone_connect.connect
            rest = shortened(self, messages, transport, context)
            if rest is None:
                rest = joining.join(self, messages, transport, context)
            if rest is None:
                rest = self._exchange(messages, transport, context).steps()
            return self.go(rest) if rest else None
        finally:
            set_handled(before)

    def connection_lost(self, transport: Transport) -> None:
        """The connection of a held connect or of a socket is gone; nothing waiting is lost (SES-8, WS-16)."""
        attachment.lose(self, transport)
        if self.cluster is not None:
            self.cluster.connection_lost(transport)

    def writable_again(self, transport: Transport) -> None:
        """A slow reader has caught up."""
        if transport.session is not None and transport.session.queue.is_pressing:
            self.flusher.mark(transport.session)

    def reject(self, reason: str) -> None:
        """Count a refusal by the id of its limit, and log the first of many (SEC-3)."""
        self._refusals.add(reason)

    # For the other modules of this package -----------------------------------------------------------

    def go(self, steps: Steps[Any] | Rest) -> asyncio.Task[Any] | None:
        """Do what can be done now; None if that was all, else the task that waits for a hook and does the rest."""
        return start(steps, self.create_task, self.options.hook_timeout)[1] if steps else None

    def go_deeper(self, steps: Steps[Any], weight: int = 1) -> asyncio.Task[Any] | None:
        """The same for what the application publishes, perhaps while it hears of another publish.

        Args:
            weight: how much of the stack it takes, a plain publish being one.

        Raises RecursionError for a listener that publishes to its own channel without end (LST-9).
        """
        if self._nested + weight > MAX_NESTED_PUBLISHES:
            raise RecursionError("publishes nested too deep: does a listener publish to its own channel?")
        self._nested += weight
        try:
            return self.go(steps)
        finally:
            self._nested -= weight

    def reach(self, steps: Steps[int], sessions: Sequence[ServerSession]) -> int:
        """How many of these sessions took what the steps deliver; all of them may, while a hook is awaited."""
        reached, task = start(steps, self.create_task, self.options.hook_timeout)
        return len(sessions) if task is not None else reached or 0

    def begin(self, session: ServerSession, transport: Transport, message: Message) -> Steps[None]:
        """Register a session whose handshake was accepted, and tell of it (LST-5)."""
        if session.browser is None:
            session.browser = new_client_id(self.random_bytes)
        attachment.attach_new(self, session, transport)
        self.sessions.add(session)
        if self.cluster is not None:
            self.cluster.session_begins(session)
        self.watch(session)
        if log.isEnabledFor(logging.INFO):
            log.info("session begins", extra={"event": "session_begins", **ending.log_fields(session)})
        if self.listeners.session_added:
            yield from tell_while(lambda: not session.is_over, self.listeners.session_added, session, message)
        if session.hooks is not None and not session.is_over:
            yield from tell(session.hooks.listeners.added, session, message)

    def may_speak_for(self, session: ServerSession, transport: Transport, context: Context) -> bool:
        """Whether this request may speak for a session (SES-4)."""
        return self._binding.find(session.client_id, transport, context) is session

    def refusal_of(self, client_id: str | None, context: Context) -> ProtocolError:
        """What a message is told whose session this request may not speak for."""
        return self._binding.refusal(client_id, context)

    @staticmethod
    def addressable(channel: str) -> ChannelName:
        """A channel that the application may send something on. Raises ChannelInvalid."""
        return _addressable(channel)

    def perform(self, session: ServerSession, effect: Effect, message: Message | None = None) -> Steps[None]:
        """Do one thing a session asked for; its replies and publishes are the exchange's."""
        match effect:
            case Subscribe(channels):
                for name in channels:
                    yield from self.channels.enter(session, name, message)
            case Release(reply):
                yield from answering.answer_held(self, session, reply, is_timeout=False)
            case Dismiss():
                attachment.dismiss_held(self, session)
            case Unsubscribe(channels):
                for name in channels:
                    yield from self.channels.leave(session, name, message)
            case End(reason):
                yield from ending.end(self, session, reason)

    def owned_session(
        self, fields: Fields, transport: Transport, context: Context, *, is_poll: bool
    ) -> ServerSession | None:
        """The session that the first message names, if this request may speak for it (SES-4).

        Args:
            is_poll: that message is a connect by a transport that cannot push.
        """
        client_id = fields.get("clientId")
        session = self._binding.find(client_id if isinstance(client_id, str) else None, transport, context)
        if session is not None:
            attachment.attach(self, session, transport, is_poll=is_poll)
        return session

    def release(self, session: ServerSession, *, is_timeout: bool = False) -> None:
        """Answer its held connect with whatever is waiting (CN-3)."""
        if self.cluster is None or not self.cluster.is_fenced:
            self.go(answering.release(self, session, is_timeout=is_timeout))

    def deliver_samples(self, session: ServerSession, now: float) -> None:
        """Queue what waited for its time (QUE-5)."""
        if session.samples is not None and not session.is_over:
            for message in session.samples.take_due(now):
                if session.is_subscribed_to(parse_channel(message.channel)):
                    fanout.enqueue(self, session, message, None, is_due=True)

    def watch(self, session: ServerSession) -> None:
        """Look at the session again at its next deadline."""
        deadline = session.next_deadline
        if deadline < (session.next_look or NEVER):
            self.deadlines.watch(session, deadline)

    def expire(self, session: ServerSession) -> None:
        """Its client stayed away (SES-6)."""
        if self.cluster is not None and self.cluster.is_fenced:
            return  # it could not have been heard
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
            self._loop.call_later(seconds, function, context=self._context.copy())

    def create_task(self, coroutine: Any, *, is_of_message: bool = True) -> asyncio.Task[Any]:
        """Start what has to wait; ``stop`` breaks it off.

        Args:
            is_of_message: what it calls are hooks of the message that is being handled (MSGX-4).
        """
        context = None if is_of_message else self._context.copy()
        task = self._running_loop.create_task(coroutine, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Itself --------------------------------------------------------------------------------------------

    def _exchange(self, messages: Sequence[Fields], transport: Transport, context: Context) -> Exchange:
        begins = self.expect_whole(messages, context)
        is_poll = not transport.streaming and asks_for(Request.CONNECT, messages[0])
        session = None if begins else self.owned_session(messages[0], transport, context, is_poll=is_poll)
        return Exchange(self, messages, session, transport, context)

    def expect_whole(self, messages: Sequence[Fields], context: Context) -> bool:
        """Whether they are a handshake. Raises HandshakeNotAlone, BatchTooLarge."""
        bound = context.options.max_batch_messages
        if bound and len(messages) > bound:
            self.reject("SEC-L11")
            raise BatchTooLarge(f"more than {bound} messages")
        begins = is_handshake(messages[0])
        if len(messages) > 1 and (begins or any(is_handshake(fields) for fields in messages[1:])):
            raise HandshakeNotAlone("a handshake must be alone in its request")
        return begins

    def _on_batches(self, batches: Iterable[Batch]) -> None:
        now = self.clock()
        waited = [now - at for batch in batches if (at := batch.messages[0].accepted_at)]
        self.counters.delivery_seconds.observe_all(waited)

    def _sweep(self) -> None:
        context = self._context.copy()
        self._sweep_timer = self._running_loop.call_later(self.options.sweep_period, self._sweep, context=context)
        self.sweep()

    def _expect_own_thread(self) -> None:
        # In another one it works nearly always, and then an event waits until the loop wakes up, or a queue is torn.
        if self._thread != threading.get_ident() and self.is_started:
            raise RuntimeError("in another thread: server.call_soon_threadsafe(server.publish, channel, data) (GEN-5)")

    @property
    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the server is not started: await server.start() first")
        return self._loop

    def _part(self, steps: Steps[None]) -> asyncio.Task[Any] | None:
        """Part with one client; a fault of its transport must not keep the others."""
        try:
            return self.go(steps)
        except Exception:
            log.exception("parting with a client failed")
            return None

    async def _wait_for(self, hooks: Iterable[asyncio.Task[Any] | None], timeout: float) -> None:
        tasks = [task for task in hooks if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    async def _end_hooks(self, timeout: float) -> None:
        """See the end of every hook that is awaited, but not of the one that stops the server."""
        own = asyncio.current_task()
        await self._wait_for(self._tasks - {own}, timeout)
        for _ in range(MAX_NESTED_PUBLISHES):  # one that is broken off may begin another
            tasks = self._tasks - {own}
            await asyncio.sleep(0)  # a task that has not begun would leave its coroutine behind, never awaited
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not self._tasks - {own}:
                return

    # MSGX-4: what is called later is no hook of the message that happens to be handled now.

    def _call_soon(self, function: Callable[[], None]) -> None:
        self._running_loop.call_soon(function, context=self._context.copy())

    def _call_at(self, when: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        return self._running_loop.call_at(when, function, context=self._context.copy())


def _addressable(channel: str) -> ChannelName:
    """A channel that the application may send something on. Raises ChannelInvalid."""
    name = parse_channel(channel)
    if name.is_wild or name.is_template or name.kind is Kind.META:
        raise ChannelInvalid(f"{channel!r} is a pattern, a template or a meta channel: nothing can be sent on it")
    return name


class Sweeps:
    """Durations of the sweeps, in seconds (MON-1)."""

    __slots__ = ("last", "longest")

    def __init__(self) -> None:
        self.last: float = 0.0
        self.longest: float = 0.0

    def observe(self, seconds: float) -> None:
        """One sweep took so long."""
        self.last = seconds
        self.longest = max(self.longest, seconds)
