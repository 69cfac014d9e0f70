"""Fan-out, point-to-point and round trips: sessions that stay, and streams of publishes that they hear.

A closed loop keeps so many publishes in flight; an open one follows the clock, and counts from when each was due.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from gateway.bench.hearing import Published
from gateway.bench.latencies import bucket_of
from gateway.bench.loop import Loop, Stopped
from gateway.bench.marks import Content, message_parts
from gateway.bench.part import HOPELESS, Found, Pace, Part
from gateway.bench.session import Session, State

_SECOND = 1_000_000_000
_SILENCE = 2 * _SECOND  # without a delivery: what is in flight is lost, and the window is filled again
_MAX_AT_ONCE = 1000  # publishes of an open loop that is late; then the sockets are read


class Stream:
    """What one session publishes to one channel.

    Args:
        listeners: sessions of this generator that hear it.
    """

    __slots__ = ("_after", "_before", "_client_id", "channel", "count", "id", "listeners", "refused", "sender")

    def __init__(self, id: int, sender: Session, channel: str, listeners: int) -> None:
        self.id = id
        self.sender = sender
        self.channel = channel
        self.listeners = listeners
        self.count = 0
        self.refused: set[int] = set()
        self._client_id: str | None = None
        self._before, self._after = b"", b""

    def publish(self, run: str, fill: str, intended: int) -> int:
        """Send the next event; its number."""
        sender = self.sender
        if sender.client_id != self._client_id:
            self._client_id = sender.client_id
            self._before, self._after = message_parts(run, self.id, self.channel, sender.client_id, fill)
        number = self.count
        self.count = number + 1
        sender.publish(b'%b%d %d%b%d"}]' % (self._before, number, intended, self._after, number))
        return number


class Publishing(Part):
    """Sessions that publish to sessions; one of a closed loop that hears its own goes on itself.

    Args:
        key_of: of a stream, of whatever generator; its events go to the sessions with the same key.
        key_heard: of a session.
    """

    streams: Sequence[Stream] = ()
    """Of this generator's publishers, in the order of their turns."""
    listeners: Sequence[Session] = ()
    echoes = False
    """The stream whose event has arrived publishes next, not the one in turn."""

    def __init__(
        self,
        loop: Loop,
        found: Found,
        run: str,
        fill: str,
        pace: Pace,
        *,
        key_of: Callable[[int], int],
        key_heard: Callable[[Session], int],
    ) -> None:
        super().__init__(loop, found)
        self._key_of = key_of
        self._key_heard = key_heard
        self._run = run
        self._fill = fill
        self.pace = pace
        self._turn = 0
        self._in_flight: dict[tuple[int, int], int] = {}
        self._by_id: dict[int, Stream] = {}
        self._begin = self._until = 0
        self._left: int | None = 0
        self._begun = 0
        self._is_over = True
        self._has_unheard = False
        """Some streams are heard in other generators only: there the reply counts as arrival."""
        self._ended_at = 0
        self._sent = self._taken = self._refused = 0

    # Publishing --------------------------------------------------------------------------------

    def begin(self, at: int, until: int, *, counts: bool) -> None:
        """See ``Part``."""
        self._by_id = {stream.id: stream for stream in self.streams}
        self._has_unheard = any(not stream.listeners for stream in self.streams)
        self._in_flight.clear()
        self._begin, self._until, self._begun, self._ended_at = at, until, 0, 0
        self._left = self.pace.limit if counts else None
        self._is_over = not self.streams or (self.pace.rate is None and self.pace.window == 0)
        if self._is_over:
            return
        start = self._keep_time if self.pace.rate is not None else self._fill_window
        self.loop.call_at(at / _SECOND, start)

    def is_done(self, now: int) -> bool:
        """See ``Part``; what is refused must be known, or it would be taken for lost."""
        if not self._ends(now):
            return False
        return self._sent == self._taken + self._refused or now - self._ended_at > _SILENCE

    def _ends(self, now: int) -> bool:
        if not self._is_over and (self._left == 0 or (now >= self._until and self.pace.rate is None)):
            self._is_over = True
        if self._is_over and not self._ended_at:
            self._ended_at = now
        return self._is_over

    def stop(self) -> None:
        """See ``Part``."""
        self._is_over = True

    def _fill_window(self) -> None:
        now = time.monotonic_ns()
        if self._is_over or now < self._begin:  # called for by an earlier phase
            return
        if self._in_flight and now - self.found.last_arrival > _SILENCE:
            self.found.trouble("nothing arrived for 2 s; the window was filled again")
            self._in_flight.clear()
            self.found.last_arrival = now
        for _ in range(self.pace.window - len(self._in_flight)):
            if self._ends(now):
                break
            self._publish(self._next(), now, now)
        self.loop.call_at(time.monotonic() + 0.25, self._fill_window)

    def _keep_time(self) -> None:
        rate = self.pace.rate
        assert rate is not None
        now = time.monotonic_ns()
        # What is late is sent all the same: an open loop that left it out would not be one.
        for _ in range(_MAX_AT_ONCE):
            intended = self._begin + int(self._begun * _SECOND / rate)
            if intended >= self._until:
                self._is_over = True
            if self._ends(now) or intended > now:
                break
            late = now - intended
            if late > self.found.latest_publish:
                self.found.latest_publish = late
            self._publish(self._next(), intended, now)
        if not self._is_over:
            self.loop.call_at((self._begin + self._begun * _SECOND / rate) / _SECOND, self._keep_time)

    def _next(self) -> Stream:
        stream = self.streams[self._turn]
        self._turn = (self._turn + 1) % len(self.streams)
        return stream

    def _publish(self, stream: Stream, intended: int, now: int) -> None:
        self._begun += 1
        if stream.sender.state is not State.CONNECTED:
            self.found.trouble("a publisher was not connected when it was its turn")
            if all(each.sender.state is State.ENDED for each in self.streams):
                raise Stopped("the server has ended the sessions of all publishers")
            return
        self.found.published += 1
        if self._left is not None:
            self._left -= 1
        if self.pace.rate is None:
            # Before it is sent: a connection that breaks tells at once.
            self._in_flight[stream.id, stream.count] = max(1, stream.listeners)
        self._sent += 1
        stream.publish(self._run, self._fill, intended)

    def answered(self, session: Session, id: str, refusal: str | None) -> None:
        """See ``Owner``."""
        if refusal is None:
            self._taken += 1
            if not self._has_unheard:
                return
        else:
            super().answered(session, id, refusal)
            self._refused += 1
            if self._refused > HOPELESS and not self._taken:
                raise Stopped("no publish was taken")
        stream_id, _, number = id.partition("n")
        stream = self._by_id.get(int(stream_id)) if stream_id.isdigit() and number.isdigit() else None
        if stream is None:
            return
        if refusal is not None:
            self.found.published -= 1
            stream.refused.add(int(number))
            # The next one is not sent at once: a server that refuses everything would be asked without end.
            self._in_flight.pop((stream.id, int(number)), None)
        elif not stream.listeners:
            self._arrive(stream.id, int(number), time.monotonic_ns())

    # Hearing -----------------------------------------------------------------------------------

    def hear(self, session: Session, content: Content) -> None:
        """See ``Owner``."""
        now, found = time.monotonic_ns(), self.found
        following = session.hearing.following
        if not content.is_plain or any(following.get(stream) != first for stream, first, _ in content.runs):
            self._hear_one_by_one(session, content, now)
            return
        for stream, first, count in content.runs:
            following[stream] = first + count
            found.tally.arrived += count
        found.last_arrival = now
        latencies = found.latencies
        if now >= latencies.second_ends:
            latencies.turn(now)
        counts = latencies.counts
        in_flight = self._in_flight
        for stream, number, sent in content.marks:
            bucket = bucket_of((now - sent) // 1000)
            counts[bucket] = counts.get(bucket, 0) + 1
            if in_flight:
                self._arrive(stream, number, now)

    def _hear_one_by_one(self, session: Session, content: Content, now: int) -> None:
        found = self.found
        for stream, number, sent in content.marks:
            if self._key_of(stream) != self._key_heard(session):
                found.tally.stray += 1
            elif session.hearing.hear(stream, number, found.tally):
                found.last_arrival = now
                found.latencies.add(sent, now)
                self._arrive(stream, number, now)

    def _arrive(self, stream: int, number: int, now: int) -> None:
        in_flight = self._in_flight
        missing = in_flight.get((stream, number))
        if missing is None:
            return
        if missing > 1:
            in_flight[stream, number] = missing - 1
            return
        del in_flight[stream, number]
        if not self._ends(now):
            self._publish(self._by_id[stream] if self.echoes else self._next(), now, now)

    # Counting ----------------------------------------------------------------------------------

    def published(self) -> Mapping[int, Published]:
        """See ``Part``."""
        return {stream.id: Published(stream.count, frozenset(stream.refused)) for stream in self.streams}

    def expected(self, published: Mapping[int, Published]) -> int:
        """See ``Part``."""
        listeners = Counter(map(self._key_heard, self.listeners))
        return sum(each.taken * listeners[self._key_of(stream)] for stream, each in published.items())

    def lost(self, published: Mapping[int, Published]) -> int:
        """See ``Part``."""
        by_key: dict[int, dict[int, Published]] = defaultdict(dict)
        for stream, each in published.items():
            by_key[self._key_of(stream)][stream] = each
        return sum(session.hearing.lost(by_key[self._key_heard(session)]) for session in self.listeners)
