"""Commands on their way, and the order among them that survives being sent again.

A queue holds calls that may not overtake each other: all of one slot in a Cluster, all where there is one server. While
some come back unanswered, the others of the queue wait; when none is under way any more, all go again, in the order in
which they were made. The backplane counts on it: it tells a publish that comes twice by its number being no higher
than the last.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

from redis import exceptions

from bayeux.backplane.redis.topology import Address
from bayeux.backplane.redis.unavailable import StoreUnavailable

ATTEMPTS = 2
"""How often a call is sent whose outcome stays unknown (OPS-72)."""

_NOT_THIS_CONNECTION = (exceptions.ReadOnlyError, exceptions.MasterDownError, exceptions.NoScriptError)
_IN_A_MOMENT = (exceptions.TryAgainError, exceptions.ClusterDownError, exceptions.AskError)
_OPERATORS_CLASSES = (exceptions.OutOfMemoryError, exceptions.NoPermissionError)
_OPERATORS_CODES = ("MISCONF", "NOREPLICAS", "BUSY")
"""Refusals that are the operator's to end, not a defect of ours."""
_MAX_MOVES = 3
"""After so many redirections of one call two servers may be pointing at each other: the map is read first."""


class Sender(Protocol):
    """A connection to the server that a queue's calls go to."""

    place: str

    def send(self, call: Call) -> None:
        """Write it soon; the queue is told of the answer, or that it is lost."""

    def drop(self, why: str) -> None:
        """Close the connection; all it has under way is lost."""


class Dispatcher(Protocol):
    """Knows the servers."""

    def sender_of(self, queue: Queue) -> Sender | None:
        """Where its calls go; None while there is no connection."""

    def sender_at(self, address: Address) -> Sender | None:
        """A server that another one named."""

    def moved(self, slot: int, address: Address) -> None:
        """A server says that a slot is another one's."""

    def look_again(self) -> None:
        """Something is changing in the Cluster: read its map; then ``resume`` is called."""

    def why_away(self, queue: Queue) -> str:
        """Why its calls have to wait, for operators."""


class Call:
    """One command.

    Args:
        packed: its bytes.
        deadline: on the loop's clock.
    """

    __slots__ = ("answer", "attempts", "deadline", "due", "instead", "moves", "packed", "queue")

    def __init__(self, packed: bytes, deadline: float, queue: Queue | None = None) -> None:
        self.packed: bytes = packed
        self.deadline: float = deadline
        self.due: float = deadline
        self.attempts: int = 0
        self.moves: int = 0
        self.instead: Address | None = None
        """Who is to be asked for this once, as a slot is on its way there."""
        self.queue: Queue | None = queue
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answered(self, reply: Any) -> None:
        """By a connection: this is what came back, perhaps an exception."""
        if self.queue is not None:
            self.queue.answered(self, reply)

    def lost(self, why: str) -> None:
        """By a connection: no answer will come."""
        if self.queue is not None:
            self.queue.lost(self, why)

    def finish(self, reply: Any) -> None:
        """Whoever made the call gets this, or is raised it."""
        if self.answer.done():
            return  # whoever waited has gone
        if isinstance(reply, Exception):
            self.answer.set_exception(reply)
        else:
            self.answer.set_result(reply)


class Queue:
    """See above.

    Args:
        slot: of a Cluster; 0 elsewhere.
    """

    def __init__(self, dispatcher: Dispatcher, slot: int = 0) -> None:
        self.slot = slot
        self._dispatcher = dispatcher
        self._waiting: deque[Call] = deque()
        self._returned: list[Call] = []
        self._under_way = 0
        self._is_pausing = False
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing waits or is under way."""
        return not (self._waiting or self._under_way)

    def put(self, call: Call) -> None:
        """Send it after those before it."""
        call.queue = self
        sender = None if self._waiting or self._returned else self._dispatcher.sender_of(self)
        if sender is None:
            self._waiting.append(call)
            self._watch()
        else:
            self._send(call, sender)

    def resume(self) -> None:
        """Send what waits, as there may be a connection."""
        if self._under_way and self._returned:
            return  # the others come back first
        while self._waiting:
            instead = self._waiting[0].instead
            sender = self._dispatcher.sender_at(instead) if instead else self._dispatcher.sender_of(self)
            if sender is None:
                self._watch()
                return
            call = self._waiting.popleft()
            if not call.answer.done():
                self._send(call, sender)

    def fail(self, why: str) -> None:
        """Nothing will be sent any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._waiting:
            self._waiting.popleft().finish(StoreUnavailable(why))

    def answered(self, call: Call, reply: Any) -> None:
        """By a call that was sent: this is what came back."""
        self._under_way -= 1
        if isinstance(reply, exceptions.ResponseError):
            self._refused(call, reply)
        else:
            call.finish(reply)
        if self._returned and not self._under_way:
            self._go_again()

    def lost(self, call: Call, why: str) -> None:
        """By a call that was sent: no answer will come."""
        self._under_way -= 1
        if call.attempts < ATTEMPTS:
            self._returned.append(call)
        else:
            call.finish(StoreUnavailable(f"{why}; whether it was done is unknown: it may be tried again"))
        if self._returned and not self._under_way:
            self._go_again()

    def _send(self, call: Call, sender: Sender) -> None:
        call.attempts += 1
        self._under_way += 1
        sender.send(call)

    def _refused(self, call: Call, error: exceptions.ResponseError) -> None:
        """It was not done: sent again where that may help."""
        if isinstance(error, _NOT_THIS_CONNECTION):
            sender = self._dispatcher.sender_of(self)
            if sender is not None:
                sender.drop(f"{sender.place} can do nothing for us any more ({error})")
        elif isinstance(error, exceptions.AskError) and call.moves < _MAX_MOVES:
            call.attempts -= 1
            call.moves += 1
            address = Address(error.host, error.port)
            if isinstance(error, exceptions.MovedError):  # redis-py has it as a kind of the other
                self._dispatcher.moved(self.slot, address)
            else:
                call.instead = address
        elif isinstance(error, _IN_A_MOMENT):
            call.attempts -= 1
            call.moves = 0
            self._is_pausing = True
            self._dispatcher.look_again()
        elif isinstance(error, _OPERATORS_CLASSES) or str(error).startswith(_OPERATORS_CODES):
            call.finish(StoreUnavailable(f"{self._dispatcher.why_away(self)} refuses a command: {error}"))
            return
        else:
            call.finish(error)
            return
        self._returned.append(call)

    def _go_again(self) -> None:
        self._waiting.extendleft(reversed(self._returned))
        self._returned.clear()
        if self._is_pausing:
            self._is_pausing = False  # the dispatcher will resume
        else:
            # Not from within the loss of a connection, which may not be over.
            asyncio.get_running_loop().call_soon(self.resume)
        self._watch()

    def _watch(self) -> None:
        """Wake up when the first of those that wait has waited enough."""
        if self._alarm is None and self._waiting:
            self._alarm = asyncio.get_running_loop().call_at(self._waiting[0].deadline, self._give_up)

    def _give_up(self) -> None:
        self._alarm = None
        now = asyncio.get_running_loop().time()
        while self._waiting and self._waiting[0].deadline <= now:
            self._waiting.popleft().finish(StoreUnavailable(self._dispatcher.why_away(self)))
        self._watch()
