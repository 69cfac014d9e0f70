"""The channels of a server: who subscribed, who listens, who guards them.

Patterns are channels too. A name's matches are looked up one by one from its own list of patterns,
so their cost does not depend on how many channels there are (CH-24).

Rules: CH-21, CH-22, CH-30…32.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from bayeux.protocol.channel import META_CHANNELS, ChannelName, Kind, parse_channel
from bayeux.server.listeners import Listeners, MessageListener, tell
from bayeux.server.security import Authorizer

if TYPE_CHECKING:
    from bayeux.server.sessions import ServerSession

log = logging.getLogger(__name__)

SWEEPS_BEFORE_REMOVAL = 3  # CH-31

Initializer: TypeAlias = "Callable[[ServerChannel], object]"


class ServerChannel:
    """One channel or pattern; make one with ``Channels.create_if_absent``."""

    __slots__ = (
        "authorizers",
        "broadcast_to_publisher",
        "idle_sweeps",
        "listeners",
        "name",
        "persistent",
        "subscribers",
        "weak_listeners",
    )

    def __init__(self, name: ChannelName) -> None:
        self.name = name
        self.persistent = name.kind is not Kind.BROADCAST  # CH-32
        self.broadcast_to_publisher = True
        self.subscribers: dict[ServerSession, None] = {}
        """An ordered set, first subscribed first."""
        self.listeners: list[MessageListener] = []
        self.weak_listeners = 0
        """How many of the listeners do not keep the channel from being swept (CHN-6)."""
        self.authorizers: list[Authorizer] = []
        self.idle_sweeps = 0

    def add_listener(self, listener: MessageListener, *, weak: bool = False) -> None:
        """Hear each message here before its subscribers do; False vetoes it (LST-8)."""
        self.listeners.append(listener)
        self.weak_listeners += weak
        self.idle_sweeps = 0

    @property
    def is_idle(self) -> bool:
        """Nobody would miss it (CH-31)."""
        return not (
            self.persistent or self.subscribers or self.authorizers or len(self.listeners) > self.weak_listeners
        )


class Channels:
    """All channels by name."""

    def __init__(self, listeners: Listeners) -> None:
        self._by_name: dict[str, ServerChannel] = {}
        self._initializers: list[tuple[str, Initializer]] = []
        self._listeners = listeners
        for name in META_CHANNELS:
            self._by_name[name] = ServerChannel(parse_channel(name))

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[ServerChannel]:
        return iter(tuple(self._by_name.values()))

    def get(self, name: str) -> ServerChannel | None:
        """The channel of that name, if it exists."""
        return self._by_name.get(name)

    def on_created(self, pattern: ChannelName, initializer: Initializer) -> None:
        """Have ``initializer`` configure every channel created later that ``pattern`` matches (SRV-3)."""
        self._initializers.append((pattern.text, initializer))

    def create_if_absent(self, name: ChannelName) -> ServerChannel:
        """The channel of that name, made and configured exactly once before any client sees it (CH-30)."""
        channel = self._by_name.get(name.text)
        if channel is not None:
            channel.idle_sweeps = 0
            return channel
        channel = self._by_name[name.text] = ServerChannel(name)
        for pattern, initializer in self._initializers:
            if pattern in name.patterns:
                try:
                    initializer(channel)
                except Exception:
                    log.exception("an initializer of a channel raised")
        tell(self._listeners.channel_added, channel)
        return channel

    def matching(self, name: ChannelName) -> list[ServerChannel]:
        """The existing channels that see a message to ``name``, widest first (CH-21)."""
        by_name = self._by_name
        return [by_name[pattern] for pattern in name.patterns if pattern in by_name]

    def subscribers(self, channels: Iterable[ServerChannel]) -> list[ServerSession]:
        """Everyone under these channels, each session once (CH-22)."""
        groups = [channel.subscribers for channel in channels if channel.subscribers]
        if len(groups) == 1:
            return list(groups[0])
        everyone: dict[ServerSession, None] = {}
        for group in groups:
            everyone.update(group)
        return list(everyone)

    def sweep(self) -> None:
        """Remove the channels that nobody used for three sweeps in a row (CH-31)."""
        for channel in self:
            if not channel.is_idle:
                channel.idle_sweeps = 0
                continue
            channel.idle_sweeps += 1
            if channel.idle_sweeps >= SWEEPS_BEFORE_REMOVAL:
                del self._by_name[channel.name.text]
                tell(self._listeners.channel_removed, channel)
