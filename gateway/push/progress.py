"""How far one session has been given what its user's mailbox holds, and how much of that its client has for certain.

Without acknowledgements a client says that it has an answer only by coming again: what left before or with the reply
to a ``/meta/connect`` is proven by the session's next one. Where that comes by another socket the answer may have died
with the former, and proves nothing.

Source: CM-15, CM-16, PN-2, IN-6.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Transport
from channels.private import CUSTOMER
from gateway.push.mailbox import Mailbox, Slot

CARRIED: Final = "notices"
"""Where a session takes its progress along to another node."""
WINDOW: Final = 50
"""Notices that are on their way to a session at once."""
WINDOW_BYTES: Final = 256 * 1024
"""And their bytes, but for the first; both are well below what a session's queue holds."""


class Progress:
    """Of one session; it begins with the first mailbox that it is shown."""

    __slots__ = ("_flight", "_given", "_joined", "_proven", "_socket", "session")

    def __init__(self, session: ServerSession) -> None:
        self.session = session
        self._joined: int | None = None
        self._proven = 0
        self._given = 0
        self._flight: deque[Slot] = deque()
        self._socket: Transport | None = None

    @property
    def in_flight(self) -> list[str]:
        """Ids of what it was given and is not known to have."""
        return [slot.id for slot in self._flight]

    def due(self, mailbox: Mailbox, now: float) -> list[Slot]:
        """What it is to be given now, in order: as much as may be on its way."""
        if self._joined is None:
            self._begin(mailbox)
        assert self._joined is not None
        size = sum(slot.size for slot in self._flight)
        due: list[Slot] = []
        for slot in mailbox.behind(self._given, self._joined, now):
            size += slot.size
            is_first = not self._flight and not due
            if not is_first and (len(self._flight) + len(due) >= WINDOW or size > WINDOW_BYTES):
                break
            due.append(slot)
        return due

    def give(self, slot: Slot) -> None:
        """It is in the session's queue."""
        self._flight.append(slot)
        self._given = slot.number
        self._write_down()

    def skip(self, slot: Slot) -> None:
        """It is not there any more."""
        self._given = slot.number

    def prove(self) -> list[str]:
        """A connect has come: ids of what its client has."""
        socket, before = self.session.transport, self._socket
        self._socket = socket
        if not self._flight:
            return []
        is_numbered = self.session.acknowledgement is not None
        if before is not None and socket is not before and not is_numbered:
            self._begin_anew()
            return []
        certain = len(self._flight) - _pending(self.session)
        proven = [self._flight.popleft() for _ in range(max(certain, 0))]
        if proven:
            self._proven = proven[-1].number
        self._write_down()
        return [slot.id for slot in proven]

    def _begin(self, mailbox: Mailbox) -> None:
        carried = self.session.carried.get(CARRIED)
        if carried is None or self.session.is_taken_over:
            # Of a node that has died nobody knows what it had sent.
            self._joined, self._proven, self._given = mailbox.last, 0, 0
        else:
            self._joined, self._proven, self._given, was_on_socket = carried
            if was_on_socket and self.session.acknowledgement is None:
                self._begin_anew()
            else:
                self._flight.extend(mailbox.in_flight(self._proven, self._given))
        self._write_down()

    def _begin_anew(self) -> None:
        """All that is not proven is to be given again, in order: also what has not left yet."""
        queue = self.session.queue
        queue.replace([message for message in queue.messages if message.channel != CUSTOMER])
        self._flight.clear()
        self._given = self._proven

    def _write_down(self) -> None:
        was_on_socket = self.session.transport is not None
        self.session.carried[CARRIED] = [self._joined, self._proven, self._given, was_on_socket]


def _pending(session: ServerSession) -> int:
    """How many notices have not left yet, or left and were not acknowledged."""
    waiting: list[Any] = [*session.queue.messages]
    if session.acknowledgement is not None:
        waiting += session.acknowledgement.messages
    if session.hooks is not None:
        waiting += [each.message for each in session.hooks.waiting]
    return sum(message.channel == CUSTOMER for message in waiting)
