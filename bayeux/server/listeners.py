"""What applications are told of: messages on channels, sessions and subscriptions coming and going.

A listener may be a plain function or a coroutine function (GEN-1); what it is told about has happened when it is
asked. One that raises is logged, and counts as saying nothing (BER-2).

Source: LST-1…8, DSC-5, Q-1, Q-3, QUE-1…3, SN-6, MON-2.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from bayeux.protocol.hooks import Registry
from bayeux.server.steps import Steps, ask, call_plainly

if TYPE_CHECKING:
    from bayeux.protocol.channel import ChannelName
    from bayeux.protocol.delivery import DeliveryQueue
    from bayeux.protocol.effects import EndReason
    from bayeux.protocol.encoded import EncodedMessage
    from bayeux.protocol.message import Message
    from bayeux.protocol.reply import Reply
    from bayeux.protocol.template import Template
    from bayeux.server.channels import ServerChannel
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

Told: TypeAlias = "Awaitable[object] | object"
Heard: TypeAlias = "bool | None | Awaitable[bool | None] | Steps[bool | None]"
MessageListener: TypeAlias = "Callable[..., Heard]"
"""``(session, message)``, and by name the values of a template's parameters; ``False`` vetoes (LST-8)."""
SessionAdded: TypeAlias = "Callable[[ServerSession, Message], Told]"
SessionRemoved: TypeAlias = "Callable[[ServerSession, EndReason], Told]"
Subscribed: TypeAlias = "Callable[[ServerSession, ServerChannel, Message | None], Told]"
"""The message is None where the server itself subscribed or unsubscribed the session."""
PrivatelySubscribed: TypeAlias = "Callable[[ServerSession, ChannelName, Message | None], Told]"
"""As ``Subscribed``, for a name that has no channel behind it."""
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
ConnectionChanged: TypeAlias = "Callable[[ServerSession], Told]"
BatchSent: TypeAlias = "Callable[[ServerSession, list[EncodedMessage], int], Told]"
BatchReceived: TypeAlias = "Callable[[ServerSession, int], Told]"
AckQueueFull: TypeAlias = "Callable[[ServerSession], object]"


class TemplateListener:
    """Hears the messages that a template matches, with the values of its parameters by name (CHN-8)."""

    __slots__ = ("_listener", "_template")

    def __init__(self, template: Template, listener: MessageListener) -> None:
        self._template = template
        self._listener = listener

    def __call__(self, session: ServerSession | None, message: Message) -> Heard:
        """Hear one message, unless it has another number of segments."""
        values = self._template.match(message.channel)
        return None if values is None else self._listener(session, message, **values)

    def hears(self, channel: ChannelName) -> bool:
        """Whether messages of that channel have the shape of the template."""
        return self._template.match(channel) is not None


@dataclass(slots=True)
class Listeners:
    """Server-wide listeners."""

    session_added: Registry[SessionAdded] = field(default_factory=Registry)
    session_removed: Registry[SessionRemoved] = field(default_factory=Registry)
    subscribed: Registry[Subscribed] = field(default_factory=Registry)
    unsubscribed: Registry[Subscribed] = field(default_factory=Registry)
    privately_subscribed: Registry[PrivatelySubscribed] = field(default_factory=Registry)
    """To a private name (SEC-44): there is no channel, so those of ``subscribed`` are not told."""
    privately_unsubscribed: Registry[PrivatelySubscribed] = field(default_factory=Registry)
    """The same; of a session that ends they are not told."""
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
    """A session can be reached: it has a socket, or a connect of it is held (MON-2, SN-10)."""
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


def tell_while(is_so: Callable[[], bool], listeners: list[Any], *arguments: Any) -> Steps[None]:
    """The same as long as it is so: nobody is told of a beginning after he was told of the end (LST-6)."""
    for listener in tuple(listeners):
        if not is_so():
            return
        yield from tell([listener], *arguments)


def tell_plainly(listeners: list[Any], *arguments: Any) -> None:
    """The same for listeners that cannot be waited for, because something is about to be written."""
    for listener in tuple(listeners):
        try:
            call_plainly(listener, *arguments)
        except Exception:
            log.exception("a listener raised")


def decorator(register: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Registers a function and gives it back (GEN-9)."""

    def decorate(function: Any) -> Any:
        register(function)
        return function

    return decorate
