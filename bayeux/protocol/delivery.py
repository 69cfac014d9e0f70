"""One client's queue of events waiting to be delivered.

Owns the order and the bounds. Knows nothing of sockets or time: the session's shell takes from
it, a transport writes what was taken.

Cost model: a put is an append, an addition and two comparisons; a thousand queues hold the same
object (benchmarks/fanout).

Rules: Q-1, Q-2, SEC-L16.
"""

from __future__ import annotations

import sys

from bayeux.protocol.encoded import EncodedMessage


class DeliveryQueue:
    """First in, first out, bounded in messages and in bytes.

    Args:
        max_messages: 0 or less = unlimited.
        max_bytes: of JSON; 0 or less = unlimited.
    """

    __slots__ = ("bytes", "max_bytes", "max_messages", "messages")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.messages: list[EncodedMessage] = []
        self.bytes = 0
        self.max_messages = max_messages if max_messages > 0 else sys.maxsize
        self.max_bytes = max_bytes if max_bytes > 0 else sys.maxsize

    def __len__(self) -> int:
        return len(self.messages)

    def put(self, message: EncodedMessage) -> bool:
        """Queue it; False if it is above a bound, and then it is not queued."""
        if len(self.messages) >= self.max_messages or self.bytes + message.size > self.max_bytes:
            return False
        self.messages.append(message)
        self.bytes += message.size
        return True

    def put_beyond_bounds(self, message: EncodedMessage) -> None:
        """Queue it whatever the bounds say: a listener decided so (Q-1), or it is the last one (DSC-6)."""
        self.messages.append(message)
        self.bytes += message.size

    def drop_oldest_for(self, message: EncodedMessage) -> int:
        """Make room for ``message`` by dropping from the front; how many were dropped.

        None, if it would not fit into an empty queue either.
        """
        dropped = 0
        if message.size > self.max_bytes:
            return dropped
        while self.messages and (len(self.messages) >= self.max_messages or self.bytes + message.size > self.max_bytes):
            self.bytes -= self.messages.pop(0).size
            dropped += 1
        return dropped

    def close(self) -> None:
        """Take nothing from here on: its session has ended (DEL-7)."""
        self.max_messages = 0

    def clear(self) -> None:
        """Forget everything: it was taken."""
        self.messages.clear()
        self.bytes = 0
