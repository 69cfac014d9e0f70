"""From where in a channel's history a client begins, and what it does when that place is gone.

Owns the wire of replay in subscribes, their replies and events, in the two styles there are; and the positions an
application keeps from one run to the next. What a subscription was given is in ``seen``.

Source: section 7 of the extensions' reference (RPL-10…23), CLI-3.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from bayeux.client.event import Event, Message, Position, is_integer
from bayeux.protocol.channel import parse_channel
from bayeux.protocol.errors import ChannelInvalid

ONLY_NEW: Final = -1
"""A start: what is published from here on (RPL-12)."""
ALL_RETAINED: Final = -2
"""A start: everything the server still has, oldest first (RPL-12)."""

Start: TypeAlias = "int | Position"
"""``ONLY_NEW``, ``ALL_RETAINED``, or the position after which events are wanted."""
Starts: TypeAlias = "dict[str, Start]"
"""By channel, or by pattern."""
ReplayFrom: TypeAlias = "Start | Mapping[str, Any]"
"""A start as an application gives it: one for all channels, ``{"id": …, "epoch": …}``, or a mapping by channel."""
Style: TypeAlias = Literal["ext", "salesforce"]
"""Where events carry their position: in ``ext.replay``, or the id alone in ``data.event.replayId`` (RPL-13)."""
OnGap: TypeAlias = Literal["raise", "all", "new"]
"""What follows when a server has no longer what comes after a position, and says so by refusing."""

MAX_KEPT = 10_000  # channels whose positions are kept in memory

_FALLBACK: Mapping[str, Start] = {"all": ALL_RETAINED, "new": ONLY_NEW}
_SALESFORCE_GAP = "400::The replayId"
_SALESFORCE_ID = re.compile(r"\{(-?\d+)\}")
_GAP = re.compile(r"412:(.*):replay_gap")

log: logging.Logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a server says of one channel's replay in its reply to a subscribe (RPL-14)."""

    position: Position
    """The newest one there was."""
    is_complete: bool
    """False: not everything after the position asked for is retained any more."""
    count: int
    """Events that are replayed."""


class Replay:
    """How a client uses the histories of channels; give it as ``BayeuxClient(…, replay=…)``.

    Without one, a client remembers positions while it lives, for its own new handshakes only. With
    one, a channel's position is also kept once its event was processed: when the reader asks for
    the next one, or the callback has returned. A later subscribe without ``replay`` begins there.
    Where several subscriptions read one channel, the furthest of them counts.

    Args:
        positions: where they are kept, by channel, as integers or ``{"id", "epoch"}``: any mutable
            mapping, of a file or a database if they have to outlive the program. It is asked and
            written in the event loop, so it must be quick. In memory by default.
        style: where the server puts positions.
        on_gap: a refused position raises ``ReplayGap``, or the channel is subscribed from
            ``all`` that is retained, or from ``new`` events on. A server that does not refuse tells
            what it did in ``Subscription.recovery``.
        otherwise: where channels without a kept position begin. Even ``ONLY_NEW`` is said, since the
            server then reports the newest position, and a new session misses nothing after it.
    """

    def __init__(
        self,
        positions: MutableMapping[str, Any] | None = None,
        *,
        style: Style = "ext",
        on_gap: OnGap = "raise",
        otherwise: Start = ONLY_NEW,
    ) -> None:
        if style not in ("ext", "salesforce"):
            raise ValueError("style: choose from ext, salesforce")
        if on_gap not in ("raise", *_FALLBACK):
            raise ValueError("on_gap: choose from raise, all, new")
        self._positions: MutableMapping[str, Any] = _Kept() if positions is None else positions
        self._on_gap = on_gap
        self._otherwise = _parse_start(otherwise)
        self.position_of: Callable[[Message], Position | None] = position_in_ext if style == "ext" else position_in_data
        """Reads the position of an event."""

    def starts(self, patterns: Sequence[str], given: Starts) -> Starts:
        """Where channels and patterns begin: as the application says, or else as kept here (RPL-17, RPL-19)."""
        starts = dict(given)
        for pattern in patterns:
            if matching(pattern, given):
                continue
            starts.update(self._kept(pattern) or {pattern: self._otherwise})
        return starts

    def processed(self, event: Event) -> None:
        """Keep the position of an event that was treated; an older one than the last is not."""
        if event.position is None:
            return
        try:
            former = Position.parse(self._positions.get(event.channel))
            if former is None or former.epoch != event.position.epoch or former.id < event.position.id:
                self._positions[event.channel] = event.position.wire
        except Exception:  # the mapping is the application's
            log.exception("the position of an event on %s could not be kept", event.channel)

    def after_gap(self, refused: Message, starts: Starts) -> Starts | None:
        """Where to begin instead, once a subscribe was refused; None if there is nothing else to try."""
        if self._on_gap == "raise" or not is_gap(refused):
            return None
        lost = [channel for channel, start in starts.items() if start not in (ONLY_NEW, ALL_RETAINED)]
        lost = _named(refused["error"], {channel: starts[channel] for channel in lost}) or lost
        return {**starts, **dict.fromkeys(lost, _FALLBACK[self._on_gap])} if lost else None

    def _kept(self, pattern: str) -> Starts:
        try:
            channels = list(self._positions) if parse_channel(pattern).is_wild else [pattern]
            found = {channel: Position.parse(self._positions.get(channel)) for channel in channels}
        except Exception:  # the mapping is the application's
            log.exception("the positions kept for %s could not be read", pattern)
            return {}
        return matching(pattern, {channel: position for channel, position in found.items() if position is not None})


class _Kept(dict[str, Any]):
    """Positions in memory; of too many channels the first is forgotten."""

    def __setitem__(self, channel: str, position: Any) -> None:
        super().__setitem__(channel, position)
        if len(self) > MAX_KEPT:
            del self[next(iter(self))]


# -- what is said --------------------------------------------------------------------------


def parse_starts(channels: Sequence[str], replay: object) -> Starts:
    """What an application gives as ``replay``: one start for all channels, or a mapping by channel.

    Raises ValueError for anything else.
    """
    if replay is None:
        return {}
    if isinstance(replay, Mapping) and "id" not in replay:
        return {_channel(name): _parse_start(start) for name, start in replay.items()}
    return dict.fromkeys(channels, _parse_start(replay))


def _channel(name: object) -> str:
    try:
        return parse_channel(str(name)).text
    except ChannelInvalid:
        raise ValueError(f"replay: {name!r} is not a channel") from None


def _parse_start(value: object) -> Start:
    if is_integer(value) and value >= ALL_RETAINED:
        return value
    position = value if isinstance(value, Position) else Position.parse(value) if isinstance(value, Mapping) else None
    if position is None or position.id < 0:
        raise ValueError("replay: give -1, -2, a replay id, {'id': …, 'epoch': …}, or one of these by channel")
    return position


def wire_of(starts: Starts) -> dict[str, Any]:
    """The ``ext.replay`` of a subscribe (RPL-11)."""
    return {channel: start.wire if isinstance(start, Position) else start for channel, start in starts.items()}


def earliest(starts: Iterable[Start]) -> Start:
    """The one that brings the most."""
    return min(starts, key=_rank)


def _rank(start: Start) -> float:
    if start == ONLY_NEW:
        return float("inf")
    return start.id if isinstance(start, Position) else start


# -- what is heard -------------------------------------------------------------------------


def position_in_ext(message: Message) -> Position | None:
    """That of an event of ours (RPL-13)."""
    ext = message.get("ext")
    return Position.parse(ext.get("replay")) if isinstance(ext, dict) else None


def position_in_data(message: Message) -> Position | None:
    """That of an event of Salesforce (RPL-13)."""
    data = message.get("data")
    event = data.get("event") if isinstance(data, dict) else None
    return Position.parse(event.get("replayId")) if isinstance(event, dict) else None


def recoveries(reply: Message) -> dict[str, Recovery]:
    """What a subscribe reply reports, by channel (RPL-14); what is malformed is left out (XT-1)."""
    ext = reply.get("ext")
    reports = ext.get("replay") if isinstance(ext, dict) else None
    found = {}
    for channel, report in reports.items() if isinstance(reports, dict) else ():
        position = Position.parse(report)
        if position is not None and isinstance(report, dict) and _patterns(channel):
            count = report.get("count")
            found[channel] = Recovery(position, report.get("recovered") is not False, count if is_integer(count) else 0)
    return found


def is_gap(refused: Message) -> bool:
    """Whether a subscribe was refused because of its position (RPL-20)."""
    error = str(refused.get("error"))
    return error.startswith(_SALESFORCE_GAP) or _GAP.match(error) is not None


def _named(error: str, starts: Starts) -> list[str]:
    """The channels that a refusal is about, if it tells."""
    if gap := _GAP.match(error):
        return [channel for channel in gap[1].split(",") if channel in starts]
    if told := _SALESFORCE_ID.search(error):
        return [channel for channel, start in starts.items() if _rank(start) == int(told[1])]
    return []


def matching(pattern: str, starts: Starts) -> Starts:
    """Those that belong to a pattern: its own, and those of channels that it matches."""
    return {channel: start for channel, start in starts.items() if pattern in _patterns(channel)}


def _patterns(channel: str) -> tuple[str, ...]:
    try:
        return parse_channel(channel).patterns
    except ChannelInvalid:
        return ()
