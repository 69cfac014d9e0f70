"""Services: objects of the application whose methods are bound to channels, with a session of their own.

Owns how they are bound and unbound, all or nothing. What the methods are bound with is elsewhere: channels, local
sessions, remote calls.

Source: SVC-1…10; CometD's ``AbstractService`` and ``ServerAnnotationProcessor``.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from bayeux.protocol.channel import parse_channel
from bayeux.protocol.json import Json
from bayeux.protocol.message import Message
from bayeux.protocol.template import Template
from bayeux.server.detached import Detached
from bayeux.server.listeners import Heard, tell_plainly
from bayeux.server.local import LocalSession
from bayeux.server.marks import (
    GIVEN,
    Answers,
    Configures,
    Hears,
    Marked,
    ServiceInvalid,
    Starts,
    Stops,
    Subscribes,
    channel_of,
    marked_methods,
    must_accept,
    name_of,
    title_of,
)
from bayeux.server.remote_call import RemoteCall
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import Steps, ask

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

log: logging.Logger = logging.getLogger(__name__)


class Service:
    """A base for services that bind their methods themselves, in ``__init__`` or later (SVC-1).

    Nothing is bound before ``await server.register(service)``. Methods may carry the marks of decorators as well.

    Args:
        name: how the id of its session begins; the name of the class, or the one given by ``@service``.

    Example:
        >>> class Echo(Service):
        ...     def __init__(self) -> None:
        ...         super().__init__("echo")
        ...         self.bind("/service/echo", self.echo)
        ...
        ...     def echo(self, session, message):
        ...         return message.data
    """

    server: BayeuxServer
    """The server it is registered with."""
    local: LocalSession
    """Its own session, to publish and subscribe with."""
    see_own_publishes = False
    """Whether its bound methods hear what it publishes itself (SVC-4)."""

    def __init__(self, name: str = "") -> None:
        self.name: str = name or name_of(self)
        self._bindings: list[_Binding] = []
        self._is_registered = False

    def bind(self, channel: str, method: Callable[..., Any], *, concurrent: bool = False) -> Callable[[], None]:
        """Have a method ``(session, message)`` hear the messages of a channel, pattern or template (SVC-2, SVC-7).

        What it returns, unless None, is delivered to that session on the same channel; an exception goes to
        ``on_error``. The session is None where the application publishes. Returns how to unbind it, which breaks off
        calls that nobody waits for.

        Args:
            concurrent: the sender's next message, and its reply, do not wait for the method (SVC-10).

        Raises ServiceInvalid for what is no channel, and for a method that cannot be called like this.
        """
        must_accept(method, ("session", "message"), channel)
        binding = _Binding(self, channel, method, concurrent)
        self._bindings.append(binding)
        if self._is_registered:
            binding.enter(self.server)
        return partial(self._unbind, binding)

    def send(self, session: ServerSession, channel: str, data: Json) -> bool:
        """Deliver to one client as this service (SVC-3); whether it was queued.

        Raises ChannelInvalid; TypeError for data that JSON cannot say.
        """
        return session.deliver(channel, data, sender=self.local)

    def on_error(
        self, method: Callable[..., Any], session: ServerSession | None, message: Message, error: Exception
    ) -> Any:
        """A bound method raised, or returned what JSON cannot say; log it. The client sees a successful reply (SVC-2).

        Override it, also by a coroutine function, to do more.
        """
        log.error("%s raised", title_of(method), exc_info=error, extra={"channel": message.channel.text})

    def _unbind(self, binding: _Binding) -> None:
        if binding in self._bindings:
            self._bindings.remove(binding)
            binding.leave()

    def _enter(self) -> None:
        self._is_registered = True
        for binding in self._bindings:
            binding.enter(self.server)

    async def _leave(self) -> None:
        self._is_registered = False
        for binding in reversed(self._bindings):
            binding.leave()
            await binding.ended()


class _Binding:
    """A method of a ``Service`` as a listener (SVC-2)."""

    def __init__(self, service: Service, channel: str, method: Callable[..., Any], concurrent: bool) -> None:
        self._service = service
        self._channel = channel
        self._method = method
        self._concurrent = concurrent
        self._detached: Detached | None = None
        self._stop: Callable[[], None] | None = None

    def __call__(self, session: ServerSession | None, message: Message, /, **values: str) -> Steps[None]:
        service = self._service
        if session is not None and session is service.local.session and not service.see_own_publishes:
            return
        try:
            answer = yield from ask(partial(self._method, **values), session, message)
            if answer is not None and session is not None:
                service.send(session, message.channel.text, answer)
        except Exception as error:  # noqa: BLE001 - ``on_error`` decides
            yield from ask(service.on_error, self._method, session, message, error)

    def enter(self, server: BayeuxServer) -> None:
        self._detached = Detached(server, self) if self._concurrent else None
        self._stop = server.on(self._channel, self._detached or self)

    def leave(self) -> None:
        """Hear no more, and break off what runs."""
        if self._stop is not None:
            self._stop()
        if self._detached is not None:
            self._detached.cancel()

    async def ended(self) -> None:
        """Wait for the end of what was broken off."""
        if self._detached is not None:
            await self._detached.stop()


@dataclass(slots=True)
class _Stage:
    """Where one service is bound, and how everything is undone, last things first (SVC-6)."""

    server: BayeuxServer
    local: LocalSession
    exits: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def set_up(self, service: object, marked: list[Marked]) -> None:
        """Bind everything, then start."""
        self._give(service)
        if isinstance(service, Service):
            self.exits.push_async_callback(service._leave)
            service._enter()
        for each in sorted(marked, key=_rank):
            await self._act(each)

    async def _act(self, marked: Marked) -> None:
        method = marked.method
        match marked.mark:
            case Configures() as mark:
                for channel in mark.channels:
                    self._configure(channel, method, mark)
            case Hears(channels, receive_own, concurrent):
                hook = method if receive_own else partial(self._from_others, method)
                for channel in channels:
                    self._hear(channel, hook, concurrent=concurrent)
            case Answers(targets, concurrent):
                for target in targets:
                    self._hear(channel_of(target), RemoteCall(method, self._session), concurrent=concurrent)
            case Subscribes(channels, concurrent):
                for channel in channels:
                    await self._subscribe(channel, method, concurrent=concurrent)
            case Starts():
                await _settle(method(**self._asked(method)))
            case Stops():
                self.exits.push_async_callback(self._stop, method)

    def _hear(self, channel: str, hook: Callable[..., Heard], *, concurrent: bool) -> None:
        self.exits.callback(self.server.on(channel, self._detached(hook) if concurrent else hook))

    def _configure(self, name: str, method: Callable[..., Any], mark: Configures) -> None:
        channel, is_new = self.server.create_channel_if_absent(name, method)
        if is_new:
            return
        if mark.error_if_exists:
            raise ServiceInvalid(f"{title_of(method)} configures {name}, which exists: say error_if_exists=False")
        if mark.configure_if_exists:
            tell_plainly([method], channel)

    async def _subscribe(self, channel: str, method: Callable[..., Any], *, concurrent: bool) -> None:
        name, callback = parse_channel(channel), method
        if name.is_template:
            template = Template(channel)
            name, callback = template.pattern, partial(_with_values, template, method)
        reply = await self.local.subscribe(name.text, self._detached(callback) if concurrent else callback)
        if reply.get("successful") is not True:
            raise ServiceInvalid(f"{title_of(method)} may not subscribe to {channel}: {reply.get('error')}")

    def _detached(self, hook: Callable[..., Any]) -> Detached:
        detached = Detached(self.server, hook)
        self.exits.push_async_callback(detached.stop)
        return detached

    def _from_others(
        self, method: Callable[..., Heard], session: ServerSession | None, message: Message, /, **values: str
    ) -> Heard:
        if session is not None and session is self._session():
            return None
        return method(session, message, **values)

    def _session(self) -> ServerSession | None:
        return self.local.session

    def _give(self, service: object) -> None:
        """Set the attributes that its classes annotate as what they are to be given (SVC-6)."""
        given = self._given()
        for owner in type(service).__mro__:
            for name, annotation in inspect.get_annotations(owner).items():
                if name in given and _names(annotation, GIVEN[name]):
                    setattr(service, name, given[name])

    def _asked(self, method: Callable[..., Any]) -> dict[str, Any]:
        given = self._given()
        return {name: given[name] for name in inspect.signature(method).parameters}

    def _given(self) -> dict[str, Any]:
        return {"server": self.server, "local": self.local, "session": self.local.session}

    async def _stop(self, method: Callable[..., Any]) -> None:
        try:
            await _settle(method(**self._asked(method)))
        except Exception:
            log.exception("%s raised", title_of(method))


class Services:
    """The services of a server, in order of registration."""

    def __init__(self, server: BayeuxServer) -> None:
        self._server = server
        self._by_identity: dict[int, tuple[object, AsyncExitStack]] = {}

    def __len__(self) -> int:
        return len(self._by_identity)

    def __iter__(self) -> Iterator[object]:
        return iter([service for service, _ in self._by_identity.values()])

    async def register(self, service: object) -> None:
        """Bind an object's methods, give it a session and start it; if anything fails, nothing stays (SVC-6).

        Raises ServiceInvalid (SVC-7…9); ValueError for a name that begins no clientId; what a start method raises.
        """
        if id(service) in self._by_identity:
            raise ServiceInvalid(f"{service!r} is registered already")
        marked = marked_methods(service)
        if not marked and not isinstance(service, Service):
            raise ServiceInvalid(f"{service!r} has no marked method: decorate some, or derive its class from Service")
        local = self._server.new_local_session(service.name if isinstance(service, Service) else name_of(service))
        stage = _Stage(self._server, local)
        self._by_identity[id(service)] = (service, stage.exits)
        try:
            reply = await local.handshake()
            if reply.get("successful") is not True:
                raise ServiceInvalid(f"the session of {service!r} was refused: {reply.get('error')}")
            stage.exits.push_async_callback(local.disconnect)
            await stage.set_up(service, marked)
        except BaseException:
            await self.unregister(service)
            raise

    async def unregister(self, service: object) -> None:
        """Stop a service and undo its registration, last things first; nothing, if it is not registered."""
        _, exits = self._by_identity.pop(id(service), (None, None))
        if exits is not None:
            await exits.aclose()

    async def stop(self) -> None:
        """Unregister all of them, the last one first."""
        for service in reversed(tuple(self)):
            await self.unregister(service)


_ORDER = (Configures, Hears, Answers, Subscribes, Starts, Stops)


def _rank(marked: Marked) -> int:
    return _ORDER.index(type(marked.mark))


def _names(annotation: Any, class_name: str) -> bool:
    """Whether an annotation, evaluated or not, means that class, or that class or None."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return text.strip("\"'").removesuffix(" | None").rpartition(".")[2] == class_name


def _with_values(template: Template, method: Callable[..., Any], message: Message) -> Any:
    """Call a method with what stands for the parameters of its template."""
    values = template.match(message.channel)
    return None if values is None else method(message, **values)


async def _settle(answer: Any) -> None:
    if inspect.isawaitable(answer):
        await answer
