"""What a client was sent and has not acknowledged yet.

Owns the numbers of the batches and the events of each, oldest first. Knows nothing of the queue the events
come from, nor of how they travel.

Source: ACK-10…16, ACK-41; the acknowledge extension of CometD (``ext.ack``).
"""

from __future__ import annotations

from bayeux.protocol.encoded import EncodedMessage


class Acknowledgement:
    """The unacknowledged batches of one session."""

    __slots__ = ("bytes", "count", "next_batch", "resends", "sent")

    def __init__(self) -> None:
        self.next_batch = 1
        self.sent: list[tuple[int, list[EncodedMessage]]] = []
        """Number and events of each batch that had any; their lists are shared and never changed."""
        self.count = 0
        """Events in them."""
        self.bytes = 0
        self.resends = 0
        """Connects in a row that acknowledged nothing although something was sent (ACK-41)."""

    def acknowledge(self, number: int) -> int:
        """Forget the batches up to ``number``; what it means after clamping (ACK-11, ACK-12)."""
        number = min(number, self.next_batch - 1)
        had = len(self.sent)
        self.sent = [batch for batch in self.sent if batch[0] > number]
        self._measure()
        if had:
            self.resends = 0 if len(self.sent) < had else self.resends + 1
        return number

    def close_batch(self, fresh: list[EncodedMessage]) -> int:
        """Number what leaves for the first time with a connect reply (ACK-14)."""
        number = self.next_batch
        self.next_batch += 1
        if fresh:
            self.sent.append((number, fresh))
            self._measure()
        return number

    def replace(self, messages: list[EncodedMessage]) -> None:
        """A listener decided what is left of everything that was sent (ACK-18)."""
        self.sent = [(self.next_batch - 1, messages)] if messages else []
        self._measure()

    @property
    def messages(self) -> list[EncodedMessage]:
        """Everything sent and not acknowledged, oldest first."""
        return [message for _, messages in self.sent for message in messages]

    def _measure(self) -> None:
        self.count = sum(len(messages) for _, messages in self.sent)
        self.bytes = sum(message.size for _, messages in self.sent for message in messages)


def batch_number(value: object) -> int | None:
    """The number in a connect's ``ext.ack``, or None for what is none (ACK-11, XT-1)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value
