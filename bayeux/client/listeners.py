"""What applications are told of besides events: states, and the server's word on every request.

A listener is a plain function and must not wait: it is called in the middle of the client's work. One that raises
is logged, and the client goes on.

Source: CLI-1, CLI-5; the listeners on meta channels of CometD's client.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from bayeux.client.errors import ClientError
from bayeux.protocol.channel import (
    META_CONNECT,
    META_DISCONNECT,
    META_HANDSHAKE,
    META_SUBSCRIBE,
    META_UNSUBSCRIBE,
)
from bayeux.protocol.hooks import Registry

log: logging.Logger = logging.getLogger(__name__)


class State(Enum):
    """How a client stands with its server (CLI-5)."""

    CONNECTING = "connecting"
    """No connect has been answered yet."""
    CONNECTED = "connected"
    """The last connect was answered, the next one is on its way."""
    BROKEN = "broken"
    """The last one was not; it is tried again."""
    DISCONNECTED = "disconnected"
    """Ended, for good."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """A client's step from one state to the next (CLI-5)."""

    state: State
    former: State
    since: float
    """When it happened, in seconds of the client's clock."""
    lasted: float
    """Seconds that the former state had lasted."""
    reason: str
    """Why, in words; empty where the state says it all."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one request."""

    request: Mapping[str, Any]
    """As it was sent, after the extensions."""
    message: Mapping[str, Any] | None
    """The server's reply, after the extensions; None if there was none."""
    error: ClientError | None = None
    """Why there was none."""

    @property
    def is_successful(self) -> bool:
        """Whether the server did what it was asked to do."""
        return self.message is not None and self.message.get("successful") is True


StateListener: TypeAlias = Callable[[StateChange], None]
ReplyListener: TypeAlias = Callable[[Reply], None]


@dataclass(slots=True)
class Listeners:
    """Those of a client: ``client.listeners.connect.add(told)``, or ``@client.listeners.connect``."""

    state: Registry[StateListener] = field(default_factory=Registry)
    handshake: Registry[ReplyListener] = field(default_factory=Registry)
    connect: Registry[ReplyListener] = field(default_factory=Registry)
    subscribe: Registry[ReplyListener] = field(default_factory=Registry)
    """Also those the client makes by itself after a new handshake."""
    unsubscribe: Registry[ReplyListener] = field(default_factory=Registry)
    publish: Registry[ReplyListener] = field(default_factory=Registry)
    """Also remote calls: the reply, or the answer if that comes first (RPC-5)."""
    disconnect: Registry[ReplyListener] = field(default_factory=Registry)

    def of(self, channel: str) -> Registry[ReplyListener]:
        """Those that are told of requests on a channel."""
        meta = {
            META_HANDSHAKE: self.handshake,
            META_CONNECT: self.connect,
            META_SUBSCRIBE: self.subscribe,
            META_UNSUBSCRIBE: self.unsubscribe,
            META_DISCONNECT: self.disconnect,
        }
        return meta.get(channel, self.publish)


def tell(listeners: Iterable[Callable[..., object]], *arguments: Any) -> None:
    """Call each of them with the same arguments, one after the other."""
    for listener in tuple(listeners):
        try:
            result = listener(*arguments)
        except Exception:
            log.exception("a listener raised")
            continue
        if inspect.iscoroutine(result):
            result.close()
            log.error("a listener is a coroutine function, which is not called; listeners are plain functions")
