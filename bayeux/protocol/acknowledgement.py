"""What a client was sent and has not acknowledged yet.

Owns the numbers of the batches and the events of each, oldest first. Knows nothing of the queue the events
come from, nor of how they travel.

Source: ACK-10…18, ACK-41; the acknowledge extension of CometD (``ext.ack``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from bayeux.protocol.encoded import EncodedMessage

MAX_NUMBER = 2**53 - 1  # what JavaScript counts exactly


class Acknowledgement:
    """The unacknowledged batches of one session."""

    __slots__ = ("bytes", "count", "next_batch", "resends", "sent")

    def __init__(self) -> None:
        self.next_batch: int = 1
        self.sent: list[tuple[int, Sequence[EncodedMessage]]] = []
        """Number and events of each batch that had any; sessions share the events of a batch, so never change them."""
        self.count: int = 0
        """Events in them."""
        self.bytes: int = 0
        self.resends: int = 0
        """Connects in a row that acknowledged nothing although something was sent (ACK-41)."""

    def acknowledge(self, number: int) -> int:
        """Take what a connect says that its client has; what that means after clamping (ACK-11, ACK-12).

        Args:
            number: 0 or less acknowledges nothing, and one that was never sent counts as the last that was.
        """
        had, count = bool(self.sent), self.count
        number = min(number, self.next_batch - 1)
        self.forget(number)
        self.resends = self.resends + 1 if had and self.count == count else 0
        return number

    def begin_behind(self, number: int) -> None:
        """Have the first batch be the one behind this number; nothing was sent before."""
        self.next_batch = max(1, number + 1)

    def forget(self, number: int) -> None:
        """Keep the events of the batches up to ``number`` no longer."""
        self.sent = [batch for batch in self.sent if batch[0] > number]
        self._measure()

    def close_batch(self, fresh: Sequence[EncodedMessage]) -> int:
        """Number what leaves for the first time with a connect reply (ACK-14)."""
        number = self.next_batch
        self.next_batch += 1
        if fresh:
            self.sent.append((number, fresh))
            self._measure()
        return number

    def replace(self, messages: Sequence[EncodedMessage]) -> None:
        """Hold just these, each of which was sent before and keeps its number (ACK-18)."""
        number_of = {id(message): number for number, sent in self.sent for message in sent}
        numbered = groupby(messages, lambda message: number_of[id(message)])
        self.sent = [(number, list(sent)) for number, sent in numbered]
        self._measure()

    def restore(self, sent: list[tuple[int, Sequence[EncodedMessage]]]) -> None:
        """Hold just these batches, which another server sent."""
        self.sent = sent
        self._measure()

    @property
    def messages(self) -> list[EncodedMessage]:
        """Everything sent and not acknowledged, oldest first."""
        return [message for _, messages in self.sent for message in messages]

    def _measure(self) -> None:
        self.count = sum(len(messages) for _, messages in self.sent)
        self.bytes = sum(message.size for _, messages in self.sent for message in messages)


class ResumedAcknowledgement(Acknowledgement):
    """That of a session that another server began: its client alone knows how far the numbers have come.

    They go on behind the first one that it acknowledges. What the other server had sent, and was not acknowledged, is
    no batch here: it waits in the queue once more.
    """

    __slots__ = ()

    def acknowledge(self, number: int) -> int:
        """See ``Acknowledgement``."""
        if self.next_batch == 1 and not self.sent:
            self.begin_behind(min(number, MAX_NUMBER))
        return super().acknowledge(number)


def batch_number(value: object) -> int | None:
    """The number in a connect's ``ext.ack``, or None for what is none (ACK-11, XT-1)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value
