"""One client's queue of events waiting to be delivered.

Owns the order, the bounds, and until when lazy events may wait. Knows nothing of sockets or time: the session's
shell takes from it, a transport writes what was taken.

Cost model: a put is an append, an addition and two comparisons; a thousand queues hold the same
object (benchmarks/fanout).

Rules: Q-1, Q-2, Q-4, Q-10…12, SEC-L16.
"""

from __future__ import annotations

import math
import sys

from bayeux.protocol.encoded import EncodedMessage


class DeliveryQueue:
    """First in, first out, bounded in messages and in bytes.

    Args:
        max_messages: 0 or less = unlimited.
        max_bytes: of JSON; 0 or less = unlimited.
    """

    __slots__ = (
        "_bound_bytes",
        "_bound_messages",
        "bytes",
        "controlled",
        "lazy",
        "lazy_until",
        "max_bytes",
        "max_messages",
        "messages",
    )

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.messages: list[EncodedMessage] = []
        self.bytes: int = 0
        self.controlled: int = 0
        """How many of the messages may be superseded or become stale (QUE-5)."""
        self.lazy: int = 0
        """How many of the messages are lazy and still have time."""
        self.lazy_until: float = math.inf
        """When the lazy ones stop being lazy, on the caller's clock."""
        self._bound_messages = max_messages if max_messages > 0 else sys.maxsize
        self._bound_bytes = max_bytes if max_bytes > 0 else sys.maxsize
        self.max_messages: int = self._bound_messages
        self.max_bytes: int = self._bound_bytes

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def is_pressing(self) -> bool:
        """Something waits that is not lazy (CN-5)."""
        return len(self.messages) > self.lazy

    def put(self, message: EncodedMessage) -> bool:
        """Queue it; False if it is above a bound, and then it is not queued."""
        messages, size = self.messages, self.bytes + message.size
        if len(messages) >= self.max_messages or size > self.max_bytes:
            return False
        messages.append(message)
        self.bytes = size
        return True

    def put_beyond_bounds(self, message: EncodedMessage) -> None:
        """Queue it whatever the bounds say: a listener decided so (Q-1), or it is the last one (DSC-6)."""
        self.messages.append(message)
        self.bytes += message.size

    def may_wait(self, until: float) -> None:
        """The message put last is lazy: it waits until then, or until anything else leaves (Q-11)."""
        self.lazy += 1
        self.lazy_until = min(self.lazy_until, until)

    def stop_waiting(self) -> None:
        """The time of the lazy ones is up."""
        self.lazy = 0
        self.lazy_until = math.inf

    def occupy(self, messages: int, size: int) -> None:
        """So many messages and bytes of the bounds are taken by what was sent and not acknowledged (Q-4)."""
        self.max_messages = self._bound_messages - messages
        self.max_bytes = self._bound_bytes - size

    @property
    def room_in_half(self) -> int:
        """How many messages fit until half of the bounds is taken, counting what ``occupy`` says; may be negative.

        0 where half of the bytes is taken already.
        """
        messages = self._bound_messages - self.max_messages + len(self.messages)
        size = self._bound_bytes - self.max_bytes + self.bytes
        return 0 if size > self._bound_bytes // 2 else max(1, self._bound_messages // 2) - messages

    def drop_oldest_for(self, message: EncodedMessage) -> int:
        """Make room for ``message`` by dropping from the front; how many were dropped.

        None, if it would not fit into an empty queue either.
        """
        dropped = 0
        if message.size > self.max_bytes:
            return dropped
        while self.messages and (len(self.messages) >= self.max_messages or self.bytes + message.size > self.max_bytes):
            self.bytes -= self.messages[0].size
            self.lazy = max(0, self.lazy - (self.messages.pop(0).lazy_timeout is not None))
            dropped += 1
        return dropped

    def replace(self, messages: list[EncodedMessage]) -> None:
        """Hold just these: a listener changed the queue (Q-3)."""
        self.messages[:] = messages
        self.measure()

    def measure(self) -> None:
        """Count anew what the queue holds, after a listener changed ``messages``."""
        self.bytes = sum(message.size for message in self.messages)
        self.controlled = sum(message.flow is not None for message in self.messages)
        self.lazy = min(self.lazy, sum(message.lazy_timeout is not None for message in self.messages))

    def close(self) -> None:
        """Take nothing from here on: its session has ended (DEL-7)."""
        self.max_messages = self._bound_messages = 0

    def take(self) -> list[EncodedMessage]:
        """Everything, which from here on is whoever's who asked."""
        messages, self.messages = self.messages, []
        self.bytes = self.controlled = 0
        if self.lazy:
            self.stop_waiting()
        return messages

    def clear(self) -> None:
        """Forget everything."""
        self.messages.clear()
        self.bytes = self.controlled = 0
        if self.lazy:
            self.stop_waiting()
