"""What decorators say of the methods of a service, for ``BayeuxServer.register`` to act upon.

Owns how marks are found, inherited ones too, and which methods they fit; every misfit is an error here, hence before
anything is bound. Knows no server.

Source: SVC-5…8; CometD's annotations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from bayeux.protocol.channel import Kind, parse_channel
from bayeux.protocol.errors import BayeuxError, ChannelInvalid, TemplateInvalid
from bayeux.protocol.template import Template

Method = TypeVar("Method", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)

_MARKS, _NAME = "__bayeux_marks__", "__bayeux_service__"


class ServiceInvalid(BayeuxError):
    """A service that cannot be registered as it is; the text names the method, and what to change (SVC-8)."""


# The marks ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configures:
    """The method configures these channels before anyone else sees them."""

    channels: tuple[str, ...]
    error_if_exists: bool
    configure_if_exists: bool


@dataclass(frozen=True, slots=True)
class Hears:
    """The method hears the messages of these channels before their subscribers."""

    channels: tuple[str, ...]
    receive_own: bool
    concurrent: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """The method answers calls of these targets."""

    targets: tuple[str, ...]
    concurrent: bool


@dataclass(frozen=True, slots=True)
class Subscribes:
    """The method hears these channels as a subscriber."""

    channels: tuple[str, ...]
    concurrent: bool


@dataclass(frozen=True, slots=True)
class Starts:
    """The method begins the work of a service that is registered."""


@dataclass(frozen=True, slots=True)
class Stops:
    """The method ends it."""


Mark: TypeAlias = Configures | Hears | Answers | Subscribes | Starts | Stops

_CALLED_WITH = {
    Configures: ("channel",),
    Hears: ("session", "message"),
    Answers: ("caller", "data"),
    Subscribes: ("message",),
}
GIVEN = {"server": "BayeuxServer", "local": "LocalSession", "session": "ServerSession"}
"""What start and stop methods may ask for by parameter, and any service by annotated attribute (SVC-6)."""


# The decorators -------------------------------------------------------------------------------------


def service(name: str) -> Callable[[Class], Class]:
    """Name a class of services: the ids of their sessions begin like this (SVC-1). Without it, the class's own name."""
    if not isinstance(name, str):
        raise TypeError('@service needs a name: @service("chat")')

    def decorate(decorated: Class) -> Class:
        setattr(decorated, _NAME, name)
        return decorated

    return decorate


def configure(
    *channels: str, error_if_exists: bool = True, configure_if_exists: bool = True
) -> Callable[[Method], Method]:
    """Have a method ``(channel)`` configure channels, which are made if they do not exist (SVC-5, SVC-9).

    Args:
        error_if_exists: registering the service raises ServiceInvalid if the channel exists already.
        configure_if_exists: where that is no error, an existing channel is configured, too.
    """
    return _mark(Configures(_strings("configure", channels), error_if_exists, configure_if_exists))


def listener(*channels: str, receive_own: bool = False, concurrent: bool = False) -> Callable[[Method], Method]:
    """Have a method ``(session, message)`` hear messages before their subscribers; ``False`` vetoes (SVC-5, LST-8).

    Values of a template such as ``/chat/{room}`` are handed over by name (SVC-7).

    Args:
        receive_own: it hears what the service itself publishes, too.
        concurrent: nobody waits for it, so it cannot veto (SVC-10).
    """
    return _mark(Hears(_strings("listener", channels), receive_own, concurrent))


def subscription(*channels: str, concurrent: bool = False) -> Callable[[Method], Method]:
    """Have a method ``(message)`` hear events as the service's own session receives them (SVC-5).

    Args:
        concurrent: the next event does not wait for it (SVC-10).
    """
    return _mark(Subscribes(_strings("subscription", channels), concurrent))


def remote_call(*targets: str, concurrent: bool = False) -> Callable[[Method], Method]:
    """Have a method ``(caller, data)`` answer the remote calls of a target such as ``room/{id}`` (RPC-1).

    What a coroutine returns is the result, and so is what a plain function returns unless it is None; see ``Caller``.

    Args:
        concurrent: the caller's next message does not wait for it (SVC-10).
    """
    return _mark(Answers(_strings("remote_call", targets), concurrent))


def on_start(method: Method) -> Method:
    """Have a method called when its service is registered: everything is bound.

    It may have parameters ``server``, ``local`` and ``session``. If it raises, nothing stays bound.
    """
    return _mark(Starts())(method)


def on_stop(method: Method) -> Method:
    """Have a method called first of all when its service is unregistered, or the server stops.

    It may have parameters ``server``, ``local`` and ``session``.
    """
    return _mark(Stops())(method)


def channel_of(target: str) -> str:
    """On which channel the calls of a target come (RPC-1). Raises TemplateInvalid."""
    template = Template(f"/service/{target.removeprefix('/')}")
    if template.pattern.kind is not Kind.SERVICE:
        raise TemplateInvalid(f"{target!r} is no target of remote calls")
    return template.text


def _strings(decorator: str, channels: tuple[str, ...]) -> tuple[str, ...]:
    if not channels or not all(isinstance(each, str) for each in channels):
        raise TypeError(f'@{decorator} needs names: @{decorator}("…")')
    return channels


def _mark(mark: Mark) -> Callable[[Method], Method]:
    def decorate(method: Method) -> Method:
        # The innermost decorator is the first to be called, and stands last.
        setattr(method, _MARKS, (mark, *getattr(method, _MARKS, ())))
        return method

    return decorate


# Finding them ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Marked:
    """One mark of one method of an object."""

    mark: Mark
    method: Callable[..., Any]


def name_of(service: object) -> str:
    """The name its class was given, else that of the class."""
    name: str = getattr(type(service), _NAME, type(service).__name__)
    return name


def marked_methods(service: object) -> list[Marked]:
    """The marks of an object's methods in the order of their definition, those of base classes first.

    A method that overrides a marked one has its marks, unless it has marks of its own.

    Raises ServiceInvalid for a method that does not fit its mark (SVC-7, SVC-8).
    """
    marks: dict[str, tuple[Mark, ...]] = {}
    for owner in reversed(type(service).__mro__):
        for name, member in vars(owner).items():
            if own := getattr(member, _MARKS, ()):
                marks[name] = own
    found = [Marked(mark, _public(service, name)) for name, several in marks.items() for mark in several]
    for each in found:
        _check(each)
    return found


def must_accept(method: Callable[..., Any], arguments: Iterable[str], channel: str = "") -> None:
    """Raise ServiceInvalid unless a method can be called like this, with the values of a template by name (SVC-7)."""
    values = _parameters(method, channel) if channel else ()
    arguments = tuple(arguments)
    try:
        signature = inspect.signature(method)
    except ValueError:
        return  # written in C, and does not say
    try:
        signature.bind(*arguments, **dict.fromkeys(values))
    except TypeError as error:
        how = ", ".join([*arguments, *(f"{value}=" for value in values)])
        where = f" for {channel}" if channel else ""
        raise ServiceInvalid(f"{title_of(method)} is called with ({how}){where}: {error}") from None


def _check(marked: Marked) -> None:
    mark, method = marked.mark, marked.method
    if isinstance(mark, Starts | Stops):
        unknown = [name for name in inspect.signature(method).parameters if name not in GIVEN]
        if unknown:
            raise ServiceInvalid(f"{title_of(method)} asks for {unknown[0]!r}: it may ask for {', '.join(GIVEN)}")
        return
    for channel in _channels_of(mark, method):
        if isinstance(mark, Configures) and _parameters(method, channel):
            raise ServiceInvalid(f"{title_of(method)}: {channel} is no single channel: use on_channel_created")
        must_accept(method, _CALLED_WITH[type(mark)], channel)


def _channels_of(mark: Configures | Hears | Answers | Subscribes, method: Callable[..., Any]) -> tuple[str, ...]:
    if not isinstance(mark, Answers):
        return mark.channels
    try:
        return tuple(channel_of(target) for target in mark.targets)
    except TemplateInvalid as error:
        raise ServiceInvalid(f"{title_of(method)}: {error}") from None


def _public(service: object, name: str) -> Callable[..., Any]:
    if name.startswith("_"):
        raise ServiceInvalid(f"{type(service).__qualname__}.{name} is private: the server calls only public methods")
    method: Callable[..., Any] = getattr(service, name)
    return method


def _parameters(method: Callable[..., Any], channel: str) -> tuple[str, ...]:
    """The parameters of a template; none of a channel or pattern."""
    try:
        name = parse_channel(channel)
        return Template(channel).parameters if name.is_template else ()
    except TemplateInvalid as error:
        raise ServiceInvalid(f"{title_of(method)}: {error}") from None
    except ChannelInvalid:
        raise ServiceInvalid(f"{title_of(method)}: {channel!r} is no channel, pattern or template") from None


def title_of(method: Callable[..., Any]) -> str:
    """Which method it is, for errors and logs."""
    return getattr(method, "__qualname__", repr(method))
