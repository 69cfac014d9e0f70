"""What applications are told of: messages on channels, sessions and subscriptions coming and going.

Message listeners may veto by returning exactly ``False`` and may be awaitable; listeners of comings
and goings are plain functions. A listener that raises is logged, and counts as saying nothing (BER-2).

Source: LST-1…8, DSC-5, Q-1.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from bayeux.protocol.effects import EndReason
    from bayeux.protocol.encoded import EncodedMessage
    from bayeux.protocol.message import Message
    from bayeux.server.channels import ServerChannel
    from bayeux.server.sessions import ServerSession

log = logging.getLogger(__name__)

MessageListener: TypeAlias = "Callable[[ServerSession | None, Message], bool | None | Awaitable[bool | None]]"
SessionAdded: TypeAlias = "Callable[[ServerSession, Message], object]"
SessionRemoved: TypeAlias = "Callable[[ServerSession, EndReason], object]"
Subscribed: TypeAlias = "Callable[[ServerSession, ServerChannel, Message | None], object]"
ChannelChanged: TypeAlias = "Callable[[ServerChannel], object]"
QueueFull: TypeAlias = "Callable[[ServerSession, EncodedMessage], bool]"
Delivered: TypeAlias = "Callable[[ServerSession, dict[str, Any]], bool | None]"


@dataclass(slots=True)
class Listeners:
    """Server-wide listeners, each list in order of registration; append to it, remove from it."""

    session_added: list[SessionAdded] = field(default_factory=list)
    session_removed: list[SessionRemoved] = field(default_factory=list)
    subscribed: list[Subscribed] = field(default_factory=list)
    unsubscribed: list[Subscribed] = field(default_factory=list)
    channel_added: list[ChannelChanged] = field(default_factory=list)
    channel_removed: list[ChannelChanged] = field(default_factory=list)
    queue_full: list[QueueFull] = field(default_factory=list)
    """Asked when an event does not fit; may trim ``session.queue``; True adds the event all the same (Q-1)."""


def tell(listeners: list[Any], *arguments: Any) -> None:
    """Call each of them with the same arguments."""
    for listener in tuple(listeners):
        try:
            listener(*arguments)
        except Exception:
            log.exception("a listener raised")
