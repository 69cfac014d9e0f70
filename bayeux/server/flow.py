"""What a subscriber that reads slowly, or wants less, is spared: stale, superseded and too frequent events.

A channel or pattern is given a ``FlowControl``; its events then pass it on their way into each queue and out of it.
Without one an event costs nothing here.

Source: QUE-5; what users of CometD write by hand in queue listeners.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayeux.protocol.json import Json
from bayeux.protocol.session import NEVER

if TYPE_CHECKING:
    from bayeux.protocol.delivery import DeliveryQueue
    from bayeux.protocol.encoded import EncodedMessage
    from bayeux.server.sessions import ServerSession

MAX_SAMPLED_KEYS = 1000  # of one session; as many as its queue holds events by default


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowControl:
    """Which events of a channel or pattern a session is spared; each part works alone and with the others.

    Args:
        latest_only: an event takes the place of one of the same key that still waits (conflation).
        every: seconds; of one key a session gets at most one event in this time, the latest (sampling).
        live_for: seconds; an event that waited longer is dropped (time to live).
        key: what of an event's data tells which one supersedes which; without it, the channel does.

    Raises ValueError for one that does nothing, and for negative times.
    """

    latest_only: bool = False
    every: float = 0.0
    live_for: float = 0.0
    key: Callable[[Json], Hashable] | None = None

    def __post_init__(self) -> None:
        if self.every < 0 or self.live_for < 0:
            raise ValueError("every and live_for are seconds, not negative")
        if not (self.latest_only or self.every or self.live_for):
            raise ValueError("a FlowControl needs latest_only, every or live_for")

    def key_of(self, channel: str, data: Json) -> Hashable:
        """What supersedes what; a key function that raises is the caller's to log."""
        return (channel, None if self.key is None else self.key(data))


class Samples:
    """What one session was given of each sampled key, and what waits for its time."""

    __slots__ = ("_by_key", "_look_again_at", "due_at")

    def __init__(self) -> None:
        self._look_again_at = 0.0
        self._by_key: dict[Hashable, tuple[float, EncodedMessage | None]] = {}
        self.due_at: float = NEVER
        """When the earliest of those that wait is due."""

    def pass_now(self, message: EncodedMessage, every: float, now: float) -> bool:
        """Whether an event may be queued at once; if not, it waits, in place of an earlier one of its key.

        Keys for which there is no room are not sampled.
        """
        next_at, _ = self._by_key.get(message.key, (0.0, None))
        if next_at <= now:
            self._forget_old(now)
            if len(self._by_key) < MAX_SAMPLED_KEYS:
                self._by_key[message.key] = (now + every, None)
            return True
        self._by_key[message.key] = (next_at, message)
        self.due_at = min(self.due_at, next_at)
        return False

    def take_due(self, now: float) -> list[EncodedMessage]:
        """The events whose time has come, the longest due first."""
        due = sorted(
            ((at, message) for at, message in self._by_key.values() if message is not None and at <= now),
            key=lambda each: each[0],
        )
        for _, message in due:
            assert message.flow is not None
            self._by_key[message.key] = (now + message.flow.every, None)
        self._find_due_at()
        return [message for _, message in due]

    def withdraw(self, is_meant: Callable[[EncodedMessage], bool]) -> None:
        """Let none of these wait any more."""
        for key, (at, message) in self._by_key.items():
            if message is not None and is_meant(message):
                self._by_key[key] = (at, None)
        self._find_due_at()

    def _find_due_at(self) -> None:
        self.due_at = min((at for at, message in self._by_key.values() if message is not None), default=NEVER)

    def _forget_old(self, now: float) -> None:
        """Keep the table bounded: a key whose time is over needs no entry."""
        if len(self._by_key) >= MAX_SAMPLED_KEYS and now >= self._look_again_at:
            self._by_key = {key: entry for key, entry in self._by_key.items() if entry[0] > now or entry[1] is not None}
            self._look_again_at = min((at for at, _ in self._by_key.values()), default=now)


def may_queue(session: ServerSession, message: EncodedMessage, now: float) -> bool:
    """Make way for an event of a controlled channel; False if it has to wait for its time."""
    flow = message.flow
    assert flow is not None
    if flow.every:
        if session.samples is None:
            session.samples = Samples()
        if not session.samples.pass_now(message, flow.every, now):
            return False
    make_way(session.queue, message)
    return True


def make_way(queue: DeliveryQueue, message: EncodedMessage) -> None:
    """Drop what the event supersedes."""
    assert message.flow is not None
    if message.flow.latest_only and queue.controlled:
        kept = [each for each in queue.messages if each.flow is not message.flow or each.key != message.key]
        if len(kept) < len(queue.messages):
            queue.replace(kept)


def drop_stale(queue: DeliveryQueue, now: float) -> int:
    """Drop the events that waited too long; how many."""
    kept = [each for each in queue.messages if not _is_stale(each, now)]
    dropped = len(queue.messages) - len(kept)
    if dropped:
        queue.replace(kept)
    return dropped


def _is_stale(message: EncodedMessage, now: float) -> bool:
    flow = message.flow
    return flow is not None and flow.live_for > 0 and now - message.accepted_at > flow.live_for
