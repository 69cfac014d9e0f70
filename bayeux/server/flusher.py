"""What a loop turn has to say, written at its end: the events of sessions, then the replies of sockets.

Cost model: a session costs one comparison of lists by identity and one write. Sessions with the same
events waiting share one batch, found by its last event and dropped at the end of the turn; nothing is
made for a session alone (benchmarks/fanout). A socket whose replies waited for the end of the turn has them
in the same write as its events. Many held connects are answered in slices, and input is read between two of them;
sockets do not wait for that (docs/decisions/held-connects-in-slices).

Rules: WS-11, BAT-4, SEC-92.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bayeux.protocol.encoded import NOTHING, Batch, EncodedMessage

if TYPE_CHECKING:
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

# A write costs 4 to 6 microseconds of kernel time: so many keep a turn within SEC-92's 10 ms.
SESSIONS_A_TURN = 1000
# To answer a held connect takes five times as long; and what is published meanwhile, others of them take along.
CONNECTS_A_TURN = 64


class Holder(Protocol):
    """A socket that holds back what it has to write until the end of the turn."""

    def write_held_back(self) -> None:
        """Write it, unless it has left with events meanwhile."""


class Flusher:
    """Collects the sessions and sockets of a turn and has each written once.

    Args:
        call_soon: runs a function in the loop's next turn.
        write: writes what each of these sessions has waiting and does not raise, but answers at most so many held
            connects; the sessions that have to wait, in order, which stay ``is_marked``. No other does.
        on_batches: told of the distinct batches of a turn, at its end.
    """

    __slots__ = ("_batches", "_call_soon", "_holders", "_is_scheduled", "_on_batches", "_put_off", "_write", "marked")

    def __init__(
        self,
        call_soon: Callable[..., Any],
        write: Callable[[Sequence[ServerSession], int], Sequence[ServerSession]],
        on_batches: Callable[[Iterable[Batch]], None],
    ) -> None:
        self._call_soon = call_soon
        self._write = write
        self._on_batches = on_batches
        self.marked: list[ServerSession] = []
        """The sessions to be written, in order; where there is one, the end of the turn is awaited."""
        self._put_off: list[ServerSession] = []  # whose held connects had to wait; marked, too, but in nobody's way
        self._holders: list[Holder] = []
        self._batches: dict[EncodedMessage, Batch] = {}
        self._is_scheduled = False

    def start(self) -> None:
        """Work on the loop that runs from here on; one before may have been closed in front of the end of a turn."""
        self._is_scheduled = False
        if self.marked or self._put_off or self._holders or self._batches:
            self._schedule()

    def mark(self, session: ServerSession) -> None:
        """Have this session written at the end of the turn."""
        if session.is_marked:
            return
        if not self._is_scheduled:
            self._schedule()
        session.is_marked = True
        self.marked.append(session)

    def wait_for_end(self, holder: Holder) -> None:
        """Have this socket write at the end of the turn what it holds back."""
        self._holders.append(holder)
        if not self._is_scheduled:
            self._schedule()

    def flush(self) -> None:
        """Write the marked sessions, a slice of them; the rest in later turns, in order. Then all the sockets."""
        marked, put_off = self.marked, self._put_off
        if marked or put_off:
            due = marked[:SESSIONS_A_TURN]
            del marked[:SESSIONS_A_TURN]  # before they are written: who is told of a write may have the rest finished
            if put_off:
                due[:0] = put_off[:CONNECTS_A_TURN]
                del put_off[:CONNECTS_A_TURN]
            put_off += self._write(due, CONNECTS_A_TURN)
        if self._batches:
            self._on_batches(self._batches.values())
            self._batches.clear()
        holders, self._holders = self._holders, []
        for holder in holders:
            try:
                holder.write_held_back()
            except Exception:
                log.exception("writing to a socket failed")
        self._is_scheduled = False
        if marked or put_off or self._holders:
            self._schedule()

    def finish(self) -> None:
        """Write all that is marked, however long it takes: no later turn will."""
        for _ in range((len(self.marked) + len(self._put_off)) // CONNECTS_A_TURN + 1):
            self.flush()

    def take(self, session: ServerSession) -> Batch:
        """Everything the session has waiting, as a batch shared with whoever waits for the same."""
        queue = session.queue
        messages = queue.messages
        if not messages:
            return NOTHING
        last = messages[-1]
        batch = self._batches.get(last)
        options = session.options
        if (
            batch is None
            or batch.messages != messages
            or batch.max_frame_bytes != options.ws_max_frame_bytes
            or batch.max_frame_messages != options.ws_messages_per_frame
        ):
            if batch is not None:  # the new one takes its place
                self._on_batches((batch,))
            batch = Batch(queue.take(), options.ws_max_frame_bytes, options.ws_messages_per_frame)
            self._batches[last] = batch
            if not self._is_scheduled:
                self._schedule()
        else:
            queue.clear()
        return batch

    def _schedule(self) -> None:
        self._call_soon(self.flush)
        self._is_scheduled = True  # behind it: where no loop runs it raises, and has to be asked again
