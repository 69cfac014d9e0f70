"""What applications are told of: messages on channels, sessions and subscriptions coming and going.

A listener may be a plain function or a coroutine function (GEN-1); what it is told about has happened when it is
asked. One that raises is logged, and counts as saying nothing (BER-2).

Source: LST-1…8, DSC-5, Q-1, Q-3, QUE-1…3, SN-6, MON-2.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from bayeux.server.steps import Steps, ask

if TYPE_CHECKING:
    from bayeux.protocol.delivery import DeliveryQueue
    from bayeux.protocol.effects import EndReason
    from bayeux.protocol.encoded import EncodedMessage
    from bayeux.protocol.message import Message, Reply
    from bayeux.protocol.template import Template
    from bayeux.server.channels import ServerChannel
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Transport

log = logging.getLogger(__name__)

Hook = TypeVar("Hook")

Told: TypeAlias = "Awaitable[object] | object"
MessageListener: TypeAlias = "Callable[..., bool | None | Awaitable[bool | None]]"
"""``(session, message)``, and by name the values of a template's parameters; ``False`` vetoes (LST-8)."""
SessionAdded: TypeAlias = "Callable[[ServerSession, Message], Told]"
SessionRemoved: TypeAlias = "Callable[[ServerSession, EndReason], Told]"
Subscribed: TypeAlias = "Callable[[ServerSession, ServerChannel, Message | None], Told]"
"""The message is None where the server itself subscribed or unsubscribed the session."""
ChannelChanged: TypeAlias = "Callable[[ServerChannel], Told]"
QueueFull: TypeAlias = "Callable[[ServerSession, DeliveryQueue, ServerSession | None, EncodedMessage], bool]"
"""``(session, queue, sender, message)``; may change ``queue.messages``; True adds the message (Q-1)."""
Queued: TypeAlias = "Callable[[ServerSession, ServerSession | None, EncodedMessage], object]"
"""``(session, sender, message)``, after it was added."""
Dequeue: TypeAlias = "Callable[[ServerSession, list[EncodedMessage], list[Reply]], object]"
"""``(session, queue, replies)``, right before they are written; may reorder, merge and drop (QUE-3)."""
Delivered: TypeAlias = "Callable[[ServerSession, dict[str, Any]], bool | None | Awaitable[bool | None]]"
"""``(session, event)``; ``False`` keeps the event from this session alone (SN-6)."""
Suspended: TypeAlias = "Callable[[ServerSession, Message], Told]"
Resumed: TypeAlias = "Callable[[ServerSession, bool], Told]"
"""``(session, is_timeout)``."""
Published: TypeAlias = "Callable[[ServerSession | None, str, Any], Told]"
"""``(session, channel, data)``; no session where the application published (MON-2)."""
ConnectionChanged: TypeAlias = "Callable[[Transport], Told]"
BatchSent: TypeAlias = "Callable[[ServerSession, list[EncodedMessage], int], Told]"
BatchReceived: TypeAlias = "Callable[[ServerSession, int], Told]"
AckQueueFull: TypeAlias = "Callable[[ServerSession], object]"


class Registry(list[Hook]):
    """Hooks of one kind, in order of registration; one that is added twice is called twice (GEN-4).

    As a decorator it registers a function and gives it back (GEN-9). Hooks may come and go while they are called:
    whoever calls them walks a copy.
    """

    __slots__ = ()

    def add(self, hook: Hook) -> Callable[[], None]:
        """Register a hook; returns how to remove it, which may be called more than once."""
        self.append(hook)
        return Removal(self, hook)

    def __call__(self, hook: Hook) -> Hook:
        """Register a hook and give it back: the decorator."""
        self.append(hook)
        return hook


class Removal:
    """Takes one registration back, once."""

    __slots__ = ("_hook", "_registry")

    def __init__(self, registry: list[Any], hook: Any) -> None:
        self._registry: list[Any] | None = registry
        self._hook = hook

    def __call__(self) -> None:
        """Remove it; nothing, if it is removed already."""
        registry, self._registry = self._registry, None
        if registry is not None and self._hook in registry:
            registry.remove(self._hook)


class TemplateListener:
    """Hears the messages that a template matches, with the values of its parameters by name (CHN-8)."""

    __slots__ = ("_listener", "_template")

    def __init__(self, template: Template, listener: MessageListener) -> None:
        self._template = template
        self._listener = listener

    def __call__(self, session: ServerSession | None, message: Message) -> bool | None | Awaitable[bool | None]:
        """Hear one message, unless it has another number of segments."""
        values = self._template.match(message.channel)
        return None if values is None else self._listener(session, message, **values)


@dataclass(slots=True)
class Listeners:
    """Server-wide listeners."""

    session_added: Registry[SessionAdded] = field(default_factory=Registry)
    session_removed: Registry[SessionRemoved] = field(default_factory=Registry)
    subscribed: Registry[Subscribed] = field(default_factory=Registry)
    unsubscribed: Registry[Subscribed] = field(default_factory=Registry)
    channel_configured: Registry[ChannelChanged] = field(default_factory=Registry)
    """After the initializers of a channel, before ``channel_added`` (LST-7)."""
    channel_added: Registry[ChannelChanged] = field(default_factory=Registry)
    channel_removed: Registry[ChannelChanged] = field(default_factory=Registry)
    queue_full: Registry[QueueFull] = field(default_factory=Registry)
    queued: Registry[Queued] = field(default_factory=Registry)
    dequeue: Registry[Dequeue] = field(default_factory=Registry)
    suspended: Registry[Suspended] = field(default_factory=Registry)
    """A connect is held (SN-9)."""
    resumed: Registry[Resumed] = field(default_factory=Registry)
    """It no longer is, whatever the reason."""
    published: Registry[Published] = field(default_factory=Registry)
    connection_opened: Registry[ConnectionChanged] = field(default_factory=Registry)
    connection_closed: Registry[ConnectionChanged] = field(default_factory=Registry)
    batch_sent: Registry[BatchSent] = field(default_factory=Registry)
    """Events left under a number that their client is to acknowledge (ACK-15)."""
    batch_received: Registry[BatchReceived] = field(default_factory=Registry)
    ack_queue_full: Registry[AckQueueFull] = field(default_factory=Registry)
    """What was sent and not acknowledged fills the queue's bounds (ACK-40)."""


@dataclass(slots=True)
class SessionListeners:
    """Listeners of one session."""

    added: Registry[SessionAdded] = field(default_factory=Registry)
    removed: Registry[SessionRemoved] = field(default_factory=Registry)
    message: Registry[Delivered] = field(default_factory=Registry)
    queue_full: Registry[QueueFull] = field(default_factory=Registry)
    queued: Registry[Queued] = field(default_factory=Registry)
    dequeue: Registry[Dequeue] = field(default_factory=Registry)
    suspended: Registry[Suspended] = field(default_factory=Registry)
    resumed: Registry[Resumed] = field(default_factory=Registry)


def tell(listeners: list[Any], *arguments: Any) -> Steps[None]:
    """Call each of them with the same arguments, one after the other."""
    for listener in tuple(listeners):
        try:
            yield from ask(listener, *arguments)
        except Exception:
            log.exception("a listener raised")


def tell_plainly(listeners: list[Any], *arguments: Any) -> None:
    """The same for listeners that cannot be waited for, because something is about to be written."""
    for listener in tuple(listeners):
        try:
            listener(*arguments)
        except Exception:
            log.exception("a listener raised")
