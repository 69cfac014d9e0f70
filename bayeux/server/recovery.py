"""Events that a subscriber missed: kept with a position, and replayed before it hears live ones.

While a session catches up on a channel, live events of that channel pass it by: they are in the history, and the
catching up ends only when it has read them, too. So nothing is missing and nothing comes twice at the seam, however
slowly the session reads and whoever publishes meanwhile (RPL-16).

Source: RPL-1, RPL-10…22; the decisions are those of ``protocol.replay``.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bayeux.backplane.interface import History, Retained, Retention, Stretch, Swept
from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, Kind, parse_channel
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.message import Fields, Message, subscriptions_of
from bayeux.protocol.replay import (
    NEW,
    Extent,
    OnGap,
    Outcome,
    Position,
    ReplayMap,
    Style,
    Wanted,
    decide,
    default_on_gap,
    mark,
    replay_map,
)
from bayeux.protocol.transitions import Happening
from bayeux.server import fanout
from bayeux.server.ending import let_happen
from bayeux.server.steps import Steps, ask

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

Setting = TypeVar("Setting")

SWEEP_PERIOD = 60.0
SLICE = 100  # events read from the history at a time
LONGEST_WAY = 5.0  # seconds after which an event that was kept has come to every node, or is told as a gap


@dataclass(slots=True)
class Cursor:
    """How far a session has come with the history of one channel."""

    after: int
    withheld: int = 0
    """The greatest id of a live event that passed the session by meanwhile."""
    is_waiting: bool = False
    """It has read everything, but an event that is being kept may still pass by."""
    is_at_end: bool = False
    """It has read everything, but some of that may still be on its way through the cluster."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one subscribe will have replayed."""

    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    report: Mapping[str, Fields] = field(default_factory=dict)
    """What the reply says, by channel (RPL-14)."""


class Recovery:
    """Keeps events of some channels, and brings sessions up to date with them.

    Args:
        history: where the events are kept.
        retentions: by channel or pattern, the narrowest counts; other channels have no history (RPL-1).
        styles: likewise; ``Style.EXT`` where none is given (RPL-13).
        on_gap: what happens where events are gone; None = what the style's clients expect (RPL-15).
        max_events: most events that one subscribe has replayed, of each channel (RPL-22).
        now: the date and time as ISO 8601, for ``createdDate`` (RPL-13).
    """

    def __init__(
        self,
        server: BayeuxServer,
        history: History,
        retentions: Mapping[str, Retention],
        styles: Mapping[str, Style],
        *,
        on_gap: OnGap | None,
        max_events: int,
        now: Callable[[], str],
    ) -> None:
        self._server = server
        self._history = history
        self._retentions = {parse_channel(pattern).text: retention for pattern, retention in retentions.items()}
        self._styles = {parse_channel(pattern).text: style for pattern, style in styles.items()}
        self._on_gap = on_gap
        self._max_events = max_events
        self._now = now
        self._sweep_at = 0.0
        self._being_kept: Counter[str] = Counter()
        """How many events of a channel are on their way into the history."""

    def keep_in(self, history: History) -> None:
        """Read the events from here on where all nodes of a cluster keep them."""
        self._history = history

    def sweep(self, now: float) -> None:
        """Have the history tidied up, once a minute."""
        if now >= self._sweep_at and isinstance(self._history, Swept):
            self._sweep_at = now + SWEEP_PERIOD
            self._history.sweep()

    # Keeping --------------------------------------------------------------------------------------

    def retention(self, name: ChannelName) -> Retention | None:
        """How much of a channel is kept, by its own setting or by pattern; None = nothing."""
        if name.is_wild or name.kind is not Kind.BROADCAST or self._server.is_private(name):
            return None
        channel = self._server.channels.get(name.text)
        if channel is not None and channel.retention is not None:
            return channel.retention
        return _narrowest(self._retentions, name)

    def follows(self, name: ChannelName) -> bool:
        """Whether a subscriber to this channel or pattern may be one who asks for events that he missed."""
        return bool(self._retentions) if name.is_wild else self.retention(name) is not None

    def style(self, name: ChannelName) -> Style:
        """How its events carry their ids."""
        return _narrowest(self._styles, name) or Style.EXT

    def record(self, name: ChannelName, event: Fields) -> Steps[int]:
        """Keep an event and write into it where it stands; its id, or 0 if its channel has no history (RPL-2)."""
        retention = self.retention(name)
        if retention is None:
            return 0
        style = self.style(name)
        # Marked once before it is kept, for the date, and again for what is known only then.
        self.prepare(name, event)
        payload = self._server.options.json_codec.encode(event)
        self._being_kept[name.text] += 1
        try:
            position: Position = yield from ask(self._history.append, name.text, payload, retention)
        except BaseException:
            self._go_on_without(name)
            raise
        finally:
            self._being_kept -= Counter((name.text,))
        mark(event, position, style, "")
        return position.offset

    def prepare(self, name: ChannelName, event: Fields) -> None:
        """Make room in an event for where it will stand."""
        mark(event, Position(0, ""), self.style(name), self._now())

    def sealed(self, name: ChannelName, payload: bytes, position: Position) -> bytes:
        """An event that was kept, with where it stands written into it."""
        event: Fields = json.decode_own(payload)
        mark(event, position, self.style(name), "")
        return json.encode(event)

    def withhold(self, session: ServerSession, message: EncodedMessage) -> bool:
        """Whether a live event is to pass a session by, which will come to it by itself (RPL-16)."""
        cursor = (session.recovering or {}).get(message.channel)
        if cursor is None or not message.position:
            return False
        if cursor.is_at_end:
            if message.position > cursor.after:
                self._end(session, message.channel, cursor)
                return False
            return True  # it was read from the history
        cursor.withheld = max(cursor.withheld, message.position)
        if cursor.is_waiting:
            cursor.is_waiting = False
            self.go_on(session)
        return True

    def _go_on_without(self, name: ChannelName) -> None:
        """An event could not be kept: nobody need wait for it."""
        channels = self._server.channels
        for session in channels.subscribers(channels.matching(name)):
            cursor = (session.recovering or {}).get(name.text)
            if cursor is not None and cursor.is_waiting:
                cursor.is_waiting = False
                self._server.call_later(0.0, partial(self.go_on, session))

    # Asking ---------------------------------------------------------------------------------------

    def plan(self, session: ServerSession, message: Message) -> Steps[Plan]:
        """What a granted subscribe is to have replayed; nothing of it takes effect yet (RPL-19).

        Raises ReplayGap, ReplayInvalid, ReplayIdInvalid, ReplayIdMissing.
        """
        asked = replay_map(message.ext)
        if asked is None:
            return Plan()
        cursors: dict[str, Cursor] = {}
        report: dict[str, Fields] = {}
        for name in subscriptions_of(message, session.options):
            wanted = yield from self._wanted(asked, name)
            for channel, position in wanted.items():
                yield from self._plan_channel(parse_channel(channel), position, cursors, report)
        return Plan(cursors, report)

    def _wanted(self, asked: ReplayMap, name: ChannelName) -> Steps[dict[str, Wanted]]:
        """Positions by channel; that of a pattern is meant for each channel it covers (RPL-17)."""
        if name.kind is not Kind.BROADCAST or self._server.is_private(name):
            return {}
        wanted = asked.wanted(name, self.style(name))
        position = wanted.pop(name.text, None) if name.is_wild else None
        if position is not None and position.id != NEW:
            covered = yield from ask(self._history.channels, name)
            wanted = {**dict.fromkeys(sorted(covered), position), **wanted}
        return wanted

    def _plan_channel(
        self, name: ChannelName, wanted: Wanted, cursors: dict[str, Cursor], report: dict[str, Fields]
    ) -> Steps[None]:
        if self.retention(name) is None:
            return
        style = self.style(name)
        stretch: Stretch = yield from ask(self._history.since, name.text, max(wanted.id, 0), self._max_events + 1)
        extent, is_cut = stretch.extent, False
        if wanted.id != NEW and len(stretch.events) > self._max_events:
            extent, is_cut = (yield from self._newest_part(name, extent)), True
        outcome = decide(wanted, extent, name.text, style, self._on_gap or default_on_gap(style))
        after = max(outcome.after, extent.floor)
        if is_cut:
            outcome = Outcome(after, recovered=False)
        count = 0
        if wanted.id != NEW:
            cursors[name.text] = Cursor(after)
            count = len((yield from ask(self._history.since, name.text, after, self._max_events)).events)
        if style is not Style.SALESFORCE:
            report[name.text] = outcome.report(extent, count)

    def _newest_part(self, name: ChannelName, extent: Extent) -> Steps[Extent]:
        """The extent as if only the newest ``max_events`` were kept (RPL-22)."""
        after = 0
        ids: list[int] = []
        while True:
            stretch: Stretch = yield from ask(self._history.since, name.text, after, self._max_events)
            if not stretch.events:
                return Extent(extent.epoch, ids[-self._max_events - 1], extent.newest)
            ids = [*ids, *[event.id for event in stretch.events]][-self._max_events - 1 :]
            after = ids[-1]

    # Catching up ----------------------------------------------------------------------------------

    def begin(self, session: ServerSession, plan: Plan) -> None:
        """Withhold live events of these channels from here on; call it before the session is a subscriber."""
        if not plan.cursors:
            return
        hooks = session.add_hooks()
        session.recovering = {**(session.recovering or {}), **plan.cursors}
        comes_again = partial(_comes_again, plan.cursors)
        kept = [each for each in session.queue.messages if not comes_again(each)]
        if len(kept) < len(session.queue.messages):
            session.queue.replace(kept)
        if session.samples is not None:
            session.samples.withdraw(comes_again)
        for waiting in hooks.waiting:
            waiting.is_withdrawn = waiting.is_withdrawn or comes_again(waiting.message)

    def give_up(self, session: ServerSession) -> None:
        """Replay no more of what it has left (RPL-21)."""
        cursors = session.recovering or {}
        session.recovering = {
            name: cursor for name, cursor in cursors.items() if session.is_subscribed_to(parse_channel(name))
        }
        self.go_on(session)

    def go_on(self, session: ServerSession) -> None:
        """Replay as much as the session's queue has room for; called again whenever it was emptied (RPL-22)."""
        if session.recovering is not None and not session.is_over and not session.is_reading_history:
            self._server.go(self._catch_up(session))

    def _catch_up(self, session: ServerSession) -> Steps[None]:
        session.is_reading_history = True
        try:
            while (found := _next_cursor(session)) is not None:
                name, cursor = found
                room = _room(session)
                if room <= 0:
                    return
                if not (yield from self._replay_some(session, parse_channel(name), cursor, room)):
                    continue
                if self._being_kept[name]:
                    cursor.is_waiting = True
                elif self._server.cluster is not None:
                    cursor.is_waiting = cursor.is_at_end = True
                    self._server.call_later(LONGEST_WAY, partial(self._end, session, name, cursor))
                elif session.recovering and session.recovering.get(name) is cursor:  # it may have rewound meanwhile
                    del session.recovering[name]
        finally:
            session.is_reading_history = False
            if not session.recovering:
                session.recovering = None
                session.drop_empty_hooks()

    def _end(self, session: ServerSession, name: str, cursor: Cursor) -> None:
        """What comes live from here on was not read from the history."""
        if session.recovering is not None and session.recovering.get(name) is cursor:
            del session.recovering[name]
            self._server.call_later(0.0, partial(self.go_on, session))  # which tidies up behind the last of them

    def _replay_some(self, session: ServerSession, channel: ChannelName, cursor: Cursor, room: int) -> Steps[bool]:
        """Queue the next events; True when the session is up to date."""
        stretch: Stretch = yield from ask(self._history.since, channel.text, cursor.after, min(room, SLICE))
        if stretch.extent.floor > cursor.after and cursor.after < stretch.extent.newest:
            log.info("a session reads too slowly to catch up", extra={"event": "replay_lost", "channel": channel.text})
            let_happen(self._server, session, Happening.OVERFLOW)  # never a silent hole
            return True
        for event in stretch.events:
            is_current = (session.recovering or {}).get(channel.text) is cursor
            if session.is_over or not is_current or _room(session) <= 0:
                return False
            cursor.after = event.id
            self._queue(session, channel, event, stretch.extent.epoch)
        return not stretch.events and cursor.after >= cursor.withheld

    def _queue(self, session: ServerSession, channel: ChannelName, retained: Retained, epoch: str) -> None:
        event: Fields = json.decode_own(retained.payload)
        mark(event, Position(retained.id, epoch), self.style(channel), "")
        server = self._server
        # In a cluster what is from the past is found by its id alone, wherever the session goes (``checkpoints``).
        accepted_at = server.clock() if server.cluster is None else 0.0
        message = EncodedMessage(channel.text, json.encode(event), accepted_at)
        message.position = retained.id
        fanout.replay(server, session, message, event)


def _next_cursor(session: ServerSession) -> tuple[str, Cursor] | None:
    if session.is_over:
        return None
    return next(((name, each) for name, each in (session.recovering or {}).items() if not each.is_waiting), None)


def _room(session: ServerSession) -> int:
    """Half of the queue, and what stands in front of it: the other half stays free for live events of others."""
    on_their_way = 0 if session.hooks is None else len(session.hooks.waiting)
    return session.queue.room_in_half - on_their_way


def _narrowest(settings: Mapping[str, Setting], name: ChannelName) -> Setting | None:
    return next((settings[pattern] for pattern in reversed(name.patterns) if pattern in settings), None)


def _comes_again(cursors: Mapping[str, Cursor], message: EncodedMessage) -> bool:
    """It waits, and will be replayed (RPL-21)."""
    cursor = cursors.get(message.channel)
    return cursor is not None and message.position > cursor.after
