"""The channels of a server: who subscribed, who listens, who guards them.

Patterns are channels too. A name's matches are looked up one by one from its own list of patterns,
so their cost does not depend on how many channels there are (CH-24). A channel that exists remembers them
until a pattern comes or goes: then a publish costs one look-up.

Rules: CH-21, CH-22, CH-30…32, CHN-1…7.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from bayeux.backplane.interface import Retention
from bayeux.protocol.channel import META_CHANNELS, ChannelName, Kind, parse_channel
from bayeux.protocol.errors import ChannelInvalid
from bayeux.protocol.hooks import Registry, Removal
from bayeux.server.filters import DataFilter, FilterListener
from bayeux.server.flow import FlowControl
from bayeux.server.listeners import MessageListener, Subscribed, tell, tell_plainly, tell_while
from bayeux.server.security import Authorizer
from bayeux.server.steps import Steps

if TYPE_CHECKING:
    from bayeux.server.local import Sender
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

SWEEPS_BEFORE_REMOVAL = 3  # CH-31
FEW = 8  # subscribers that are searched one by one as fast as by their hashes

Initializer: TypeAlias = "Callable[[ServerChannel], object]"
"""Configures a new channel before anyone else can see it; a plain function."""


class ServerChannel:
    """One channel or pattern; make one with ``BayeuxServer.create_channel_if_absent``."""

    __slots__ = (
        "_attributes",
        "_authorizers",
        "_is_lazy",
        "_listeners",
        "_matching",
        "_matching_as_of",
        "_server",
        "_subscribed",
        "_unsubscribed",
        "broadcast_to_publisher",
        "flow",
        "idle_sweeps",
        "lazy_timeout",
        "name",
        "persistent",
        "retention",
        "subscribers",
        "weak_listeners",
    )

    def __init__(self, name: ChannelName, server: BayeuxServer) -> None:
        self.name: ChannelName = name
        self.persistent: bool = name.kind is not Kind.BROADCAST
        """Never swept, whoever uses it (CH-32)."""
        self.broadcast_to_publisher: bool = True
        """Whether publishers get their own events (PUB-11)."""
        self.retention: Retention | None = None
        """What is kept of its events for replay, in place of what the extension says (CHN-2, RPL-1)."""
        self.flow: FlowControl | None = None
        """Which of its events, and of those below a pattern, a slow subscriber is spared (QUE-5)."""
        self._is_lazy = False
        self.lazy_timeout: float = 0.0
        """Seconds its lazy events may wait; more than 0 makes the channel lazy, 0 = ``max_lazy_timeout`` (Q-11)."""
        self.subscribers: Collection[ServerSession] = ()
        """First subscribed first; ``admit`` and ``dismiss`` change them. A tuple while they are few: most channels of
        most applications are somebody's own, and a dictionary of one takes 232 bytes."""
        self.weak_listeners: int = 0
        """How many of the listeners do not keep the channel from being swept (CHN-6)."""
        self._listeners: Registry[MessageListener] | None = None
        self._subscribed: Registry[Subscribed] | None = None
        self._unsubscribed: Registry[Subscribed] | None = None
        self._authorizers: Registry[Authorizer] | None = None
        self.idle_sweeps: int = 0
        self._attributes: dict[str, Any] | None = None
        self._matching: tuple[ServerChannel, ...] = ()
        self._matching_as_of = -1
        self._server = server

    def __repr__(self) -> str:
        return f"<ServerChannel {self.name.text}: {len(self.subscribers)} subscribers>"

    @property
    def kind(self) -> Kind:
        """Meta, service or broadcast."""
        return self.name.kind

    @property
    def is_wild(self) -> bool:
        """A pattern, ending in ``*`` or ``**``."""
        return self.name.is_wild

    @property
    def is_deep_wild(self) -> bool:
        """A pattern ending in ``**``."""
        return self.name.text.endswith("/**")

    @property
    def attributes(self) -> dict[str, Any]:
        """Whatever the application wants to remember of this channel."""
        if self._attributes is None:
            self._attributes = {}
        return self._attributes

    @property
    def listeners(self) -> Registry[MessageListener]:
        """Asked for each message here, in order, before its subscribers see it (LST-8)."""
        if self._listeners is None:
            self._listeners = Registry()
        return self._listeners

    @property
    def authorizers(self) -> Registry[Authorizer]:
        """Asked about what clients want to do here (AUZ-4)."""
        if self._authorizers is None:
            self._authorizers = Registry()
            self._server.channels.may_be_guarded = True
        return self._authorizers

    @property
    def is_heard(self) -> bool:
        """Somebody listens here; asked in the way of each message, so it makes nothing."""
        return bool(self._listeners)

    @property
    def is_special(self) -> bool:
        """Somebody listens here, or its events wait, or some are spared: likewise."""
        return bool(self._listeners) or self._is_lazy or self.lazy_timeout > 0 or self.flow is not None

    @property
    def is_guarded(self) -> bool:
        """Some authorizer is to be asked, likewise: who only wants to know does not ask for ``authorizers``."""
        return bool(self._authorizers)

    @property
    def subscribed(self) -> Registry[Subscribed]:
        """Told of each new subscriber (LST-4)."""
        if self._subscribed is None:
            self._subscribed = Registry()
        return self._subscribed

    @property
    def unsubscribed(self) -> Registry[Subscribed]:
        """Told of each subscriber that has left (LST-4)."""
        if self._unsubscribed is None:
            self._unsubscribed = Registry()
        return self._unsubscribed

    @property
    def lazy(self) -> bool:
        """Its events, and those below a pattern, wait for company: it was made lazy, or given a time to wait (Q-10).

        False takes the time back as well (CHN-2).
        """
        return self._is_lazy or self.lazy_timeout > 0

    @lazy.setter
    def lazy(self, is_lazy: bool) -> None:
        self._is_lazy = is_lazy
        if not is_lazy:
            self.lazy_timeout = 0.0

    def matching(self, patterns_as_of: int) -> tuple[ServerChannel, ...]:
        """What sees a message here, found anew when patterns came or went (``Channels.matching``)."""
        if self._matching_as_of != patterns_as_of:
            self._matching = self._server.channels.find_matching(self.name)
            self._matching_as_of = patterns_as_of
        return self._matching

    def forget_matching(self) -> None:
        """It is gone; what it sees itself among would keep it in memory."""
        self._matching, self._matching_as_of = (), -1

    @property
    def is_idle(self) -> bool:
        """Nobody would miss it (CH-31)."""
        return not (
            self.persistent
            or self.subscribers
            or self._authorizers
            or self.flow is not None
            or self._subscribed
            or self._unsubscribed
            or len(self._listeners or ()) > self.weak_listeners
        )

    def add_listener(self, listener: MessageListener, *, weak: bool = False) -> Callable[[], None]:
        """Hear each message here before its subscribers do; False vetoes it (LST-8); returns how to stop.

        Args:
            weak: it does not keep the channel from being swept (CHN-6).

        Raises TypeError for what cannot be called.
        """
        if not callable(listener):
            raise TypeError(f"{self.name.text}: a listener is a function, not {listener!r:.80}")
        self.weak_listeners += weak
        self.idle_sweeps = 0
        remove = self.listeners.add(listener)
        return _WeakRemoval(self, remove) if weak else remove

    def add_filter(self, data_filter: DataFilter) -> Callable[[], None]:
        """Have the data of each message here changed or refused, as a listener (FLT-1); returns how to stop."""
        return self.add_listener(FilterListener(data_filter))

    def add_authorizer(self, authorizer: Authorizer) -> Callable[[], None]:
        """Have it asked about this channel or pattern (AUZ-4); returns how to stop.

        Raises TypeError for what has no ``authorize``.
        """
        if not hasattr(authorizer, "authorize") or isinstance(authorizer, type):
            raise TypeError(f"{self.name.text}: an authorizer is an object with an authorize, not {authorizer!r:.80}")
        self.authorizers.append(authorizer)
        return Removal(self.authorizers, authorizer)

    def subscribe(self, session: ServerSession) -> bool:
        """Subscribe a session, unasked and unchecked (CHN-3); False if it is over or subscribed already.

        Raises ChannelInvalid for a meta channel.
        """
        if self.kind is Kind.META:
            raise ChannelInvalid
        if session.is_over or session.is_in(self.name.text):
            return False
        session.enter(self.name.text)
        self._server.go(self._server.channels.enter(session, self.name, None))
        if self._server.cluster is not None:
            self._server.cluster.keep_soon(session)
        return True

    def unsubscribe(self, session: ServerSession) -> bool:
        """Take a session out of the subscribers; False if it was none (CHN-3)."""
        if not session.is_in(self.name.text):
            return False
        session.leave(self.name.text)
        self._server.go(self._server.channels.leave(session, self.name, None))
        if self._server.cluster is not None:
            self._server.cluster.keep_soon(session)
        return True

    def admit(self, session: ServerSession) -> None:
        """Enter a session among the subscribers; it must not be one of them."""
        if not self.subscribers and self._server.cluster is not None:
            self._server.cluster.listen_to(self.name)
        if isinstance(self.subscribers, dict):
            self.subscribers[session] = None
        elif len(self.subscribers) < FEW:
            self.subscribers = (*self.subscribers, session)
        else:
            self.subscribers = dict.fromkeys((*self.subscribers, session))

    def dismiss(self, session: ServerSession) -> bool:
        """Take a session out of the subscribers; False if it is none."""
        if session not in self.subscribers:
            return False
        if isinstance(self.subscribers, dict):
            del self.subscribers[session]
        else:
            self.subscribers = tuple(each for each in self.subscribers if each is not session)
        if not self.subscribers and self._server.cluster is not None:
            self._server.cluster.ignore(self.name)
        return True

    def publish(self, data: Any, sender: Sender | None = None) -> asyncio.Task[Any] | None:
        """As ``BayeuxServer.publish`` (CHN-4)."""
        return self._server.publish(self.name.text, data, sender=sender)

    def remove(self) -> None:
        """Unsubscribe everyone and be gone; a later use makes a new channel of that name (CHN-4).

        Raises ChannelInvalid for a meta channel.
        """
        if self.kind is Kind.META:
            raise ChannelInvalid
        for session in tuple(self.subscribers):
            self.unsubscribe(session)
        self._server.channels.remove(self)


class _WeakRemoval:
    """Takes a weak listener back, once."""

    __slots__ = ("_channel", "_remove")

    def __init__(self, channel: ServerChannel, remove: Callable[[], None]) -> None:
        self._channel: ServerChannel | None = channel
        self._remove = remove

    def __call__(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.weak_listeners -= 1
            self._remove()


def narrowest_flow(matching: Iterable[ServerChannel]) -> FlowControl | None:
    """What controls the events that these channels see, widest first: the narrowest that is set (QUE-5)."""
    flow = None
    for channel in matching:
        if channel.flow is not None:
            flow = channel.flow
    return flow


class Channels:
    """All channels by name."""

    def __init__(self, server: BayeuxServer) -> None:
        self._by_name: dict[str, ServerChannel] = {}
        self._initializers: Registry[tuple[str, Initializer]] = Registry()
        self._server = server
        self._patterns_as_of = 0  # changes whenever a pattern comes or goes
        self.may_be_guarded: bool = False
        """Somebody was given the authorizers of a channel; as long as nobody was, none has any."""
        for name in META_CHANNELS:
            self._by_name[name] = ServerChannel(parse_channel(name), server)

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[ServerChannel]:
        return iter(tuple(self._by_name.values()))

    def get(self, name: str) -> ServerChannel | None:
        """The channel of that name, if it exists."""
        return self._by_name.get(name)

    def on_created(self, pattern: ChannelName, initializer: Initializer) -> Callable[[], None]:
        """Have ``initializer`` configure every channel created later that ``pattern`` matches (SRV-3)."""
        return self._initializers.add((pattern.text, initializer))

    def create_if_absent(self, name: ChannelName, initializers: Iterable[Initializer] = ()) -> ServerChannel:
        """The channel of that name, made and configured exactly once before any client sees it (CH-30, LST-7)."""
        channel = self._by_name.get(name.text)
        if channel is not None:
            channel.idle_sweeps = 0
            return channel
        channel = self._by_name[name.text] = ServerChannel(name, self._server)
        self._patterns_as_of += name.is_wild
        by_pattern = [initializer for pattern, initializer in self._initializers if pattern in name.patterns]
        for initializer in (*by_pattern, *initializers):
            tell_plainly([initializer], channel)
        listeners = self._server.listeners
        if listeners.channel_configured or listeners.channel_added:
            self._server.go(self._announce(channel))
        return channel

    def matching(self, name: ChannelName) -> tuple[ServerChannel, ...]:
        """The existing channels that see a message to ``name``, widest first (CH-21)."""
        channel = self._by_name.get(name.text)
        return self.find_matching(name) if channel is None else channel.matching(self._patterns_as_of)

    def used(self, name: ChannelName) -> tuple[ServerChannel, ...]:
        """The same, where ``name`` is in use from here on, and made if it is absent (CH-30)."""
        channel = self._by_name.get(name.text)
        if channel is None:
            self.create_if_absent(name)
            return self.matching(name)
        channel.idle_sweeps = 0
        is_known = channel._matching_as_of == self._patterns_as_of
        return channel._matching if is_known else channel.matching(self._patterns_as_of)

    def find_matching(self, name: ChannelName) -> tuple[ServerChannel, ...]:
        """The same by a look at each pattern."""
        by_name = self._by_name
        return tuple([by_name[pattern] for pattern in name.patterns if pattern in by_name])

    def subscribers(self, channels: Sequence[ServerChannel]) -> Sequence[ServerSession]:
        """Everyone under these channels, each session once (CH-22), however they change meanwhile."""
        if len(channels) == 1:
            return tuple(channels[0].subscribers)
        groups = [channel.subscribers for channel in channels if channel.subscribers]
        if len(groups) == 1:
            return list(groups[0])
        return list(dict.fromkeys(chain.from_iterable(groups)))

    def enter(self, session: ServerSession, name: ChannelName, message: Any) -> Steps[None]:
        """Enter a session that was recorded as subscribed, and tell of it: the channel's listeners first (LST-4)."""
        if self._server.is_private(name):
            # SEC-44: a private name has no list of subscribers that anyone could walk.
            yield from tell(self._server.listeners.privately_subscribed, session, name, message)
            return
        channel = self.create_if_absent(name)
        if session.is_over or not session.is_in(name.text):
            return  # it ended or left while listeners were told: nobody would ever take it out again
        if session not in channel.subscribers:
            channel.admit(session)
        for listeners in (channel._subscribed, self._server.listeners.subscribed):
            if listeners:
                yield from tell_while(lambda: session in channel.subscribers, listeners, session, channel, message)

    def leave(self, session: ServerSession, name: ChannelName, message: Any) -> Steps[None]:
        """Take a session out of a channel's subscribers, if it is one, and tell of it (LST-4)."""
        if session.recovering and self._server.recovery is not None:
            self._server.recovery.give_up(session)
        if self._server.is_private(name):
            yield from tell(self._server.listeners.privately_unsubscribed, session, name, message)
            return
        channel = self._by_name.get(name.text)
        if channel is not None and channel.dismiss(session):
            yield from self.tell_left(session, channel, message)

    def tell_left(self, session: ServerSession, channel: ServerChannel, message: Any) -> Steps[None]:
        """Tell that a session is no subscriber any more."""
        yield from tell(channel._unsubscribed or [], session, channel, message)
        yield from tell(self._server.listeners.unsubscribed, session, channel, message)

    def remove(self, channel: ServerChannel) -> None:
        """Forget a channel that has no subscribers; nothing, if it is forgotten already."""
        if self._by_name.get(channel.name.text) is channel:
            del self._by_name[channel.name.text]
            self._patterns_as_of += channel.is_wild
            channel.forget_matching()
            self._server.go(tell(self._server.listeners.channel_removed, channel))

    def sweep(self) -> None:
        """Remove the channels that nobody used for three sweeps in a row (CH-31)."""
        for channel in self:
            if not channel.is_idle:
                channel.idle_sweeps = 0
                continue
            channel.idle_sweeps += 1
            if channel.idle_sweeps >= SWEEPS_BEFORE_REMOVAL:
                self.remove(channel)

    def _announce(self, channel: ServerChannel) -> Steps[None]:
        yield from tell(self._server.listeners.channel_configured, channel)
        yield from tell(self._server.listeners.channel_added, channel)
