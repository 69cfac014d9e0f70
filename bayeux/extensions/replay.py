"""Replay: subscribers say which event they had last, and get those after it.

Owns what is kept of which channel, and the words in which it is announced. The decisions are pure
(``protocol.replay``); keeping and catching up are the server's (``server.recovery``).

Source: section 7 of the extensions' reference; the wire form is Salesforce's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from bayeux.backplane.interface import History, Retention
from bayeux.backplane.memory import MemoryHistory
from bayeux.protocol.channel import META_HANDSHAKE
from bayeux.protocol.instant import iso_8601
from bayeux.protocol.replay import OnGap, Style
from bayeux.server.extension import Extension
from bayeux.server.recovery import Recovery
from bayeux.server.server import BayeuxServer

if TYPE_CHECKING:
    from bayeux.protocol.reply import Reply
    from bayeux.server.sessions import ServerSession

KEY = "replay"
MAX_EVENTS: Final = 10_000  # RPL-22


class Replay(Extension):
    """Keep the latest events of some channels, and replay them to who asks.

    ::

        server.extensions.append(Replay({"/news/**": Retention(events=1000, ttl=3600)}))

    Register it with a server, before anything is published; ``channel.retention`` sets it for one channel. A
    subscriber that wants to miss nothing says with its subscribe the last id it has processed (RPL-23).

    Args:
        retentions: what is kept, by channel or pattern; the narrowest counts. ``/news/**`` is not ``/news`` itself.
        styles: how events carry their ids, likewise; in ``ext.replay`` where nothing is said.
        on_gap: what a subscriber gets that asks for what is gone; None = what clients of that style expect.
        max_events: most events that one subscribe has replayed, of each channel; what is above counts as gone.
        history: where events are kept; in this process unless another is given.
        clock: seconds since 1970, for ``createdDate``.

    Raises ChannelInvalid.
    """

    def __init__(
        self,
        retentions: Mapping[str, Retention],
        *,
        styles: Mapping[str, Style] | None = None,
        on_gap: OnGap | None = None,
        max_events: int = MAX_EVENTS,
        history: History | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.history: History | None = history
        """Where events are kept; made when the extension is registered, unless it was given."""
        self._retentions = retentions
        self._styles = styles or {}
        self._on_gap = on_gap
        self._max_events = max_events
        self._clock = clock
        self._announcement = {KEY: True}
        if Style.SALESFORCE in self._styles.values():
            self._announcement["payload.format"] = True

    def added(self, owner: BayeuxServer | ServerSession) -> None:
        """Raises TypeError for a session: what is kept of a channel is kept for all."""
        if not isinstance(owner, BayeuxServer):
            raise TypeError("Replay is for a server, not for one of its sessions")
        if self.history is None:
            self.history = MemoryHistory(clock=owner.clock, random_bytes=owner.random_bytes)
        owner.recovery = Recovery(
            owner,
            self.history,
            self._retentions,
            self._styles,
            on_gap=self._on_gap,
            max_events=self._max_events,
            now=lambda: iso_8601(self._clock()),
        )

    def removed(self, owner: BayeuxServer | ServerSession) -> None:
        """Nothing is kept or replayed from here on."""
        if isinstance(owner, BayeuxServer):
            owner.recovery = None

    def outgoing_meta(self, session: ServerSession | None, reply: Reply) -> None:
        """Say that there is something to ask for (RPL-10)."""
        if reply.get("channel") == META_HANDSHAKE and reply.get("successful") is True:
            reply["ext"] = {**(reply.get("ext") or {}), **self._announcement}
