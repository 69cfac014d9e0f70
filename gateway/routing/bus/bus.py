"""What moves messages between the roles, whichever way is configured.

Delivery is at least once: what was received and not acknowledged comes again, to this consumer or its successor, with
one try more. Order is as sent, for messages of one key. Who receives deduplicates by ``id``.

Source: MRE-2, MRE-3, MRE-10…12, MRE-120, MRE-121, MRE-125.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

GENERAL = "General"
ROUTING_ENGINE = "RoutingEngine"
COMMUNICATION_SERVER = "CommunicationServer"
CHAT_SERVER = "ChatServer"
"""Where the chat side listens, unless ``Connect`` names another place (MRE-11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusMessage:
    """One message with its metadata; the type is not in the body (MRE-12)."""

    type: str
    body: bytes
    """JSON text, the same on all buses."""
    id: str
    """By the producer; the key of deduplication."""
    key: str
    """Messages of one key are handled in the order sent (MRE-121)."""
    correlation: str = ""
    """Id of the request that this answers."""
    reply_to: str = ""
    """Queue for replies and errors."""
    producer: str = ""
    """``role@node``."""
    time: str = ""
    """ISO 8601, UTC, milliseconds."""
    expires: float | None = None
    """Seconds since 1970 after which nobody wants it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is to be handled, then acknowledged or buried."""

    message: BusMessage
    queue: str
    tries: int
    """1 when it comes for the first time."""
    handle: str
    """What the bus knows it by."""


class Consumer(Protocol):
    """Takes from one queue; only one of a group does at a time (the lease holder, MRE-143)."""

    async def receive(self, limit: int = 100) -> Sequence[Delivery]:
        """What has come, oldest first; waits until there is something. Raises Unavailable."""

    async def acknowledge(self, *deliveries: Delivery) -> None:
        """They were handled, and what they changed is stored. Raises Unavailable."""

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """To the dead letters, with the reason, the tries, first and last time; secrets masked (MRE-116, MRE-125)."""

    async def close(self) -> None:
        """Take no more; what was not acknowledged comes again to the next one."""


class Bus(Protocol):
    """All queues."""

    async def open(self) -> None:
        """Begin to use it. One that is away is no failure: it is looked for until it is there."""

    async def close(self) -> None:
        """Leave it, after its consumers were closed; who waits for ``send`` is raised Unavailable."""

    async def send(self, queue: str, *messages: BusMessage) -> None:
        """Returns when the bus will not lose them: only then may they leave the outbox. Raises Unavailable."""

    async def consumer(self, queue: str, group: str, name: str) -> Consumer:
        """Begin to take from a queue; ``name`` is the node's. Raises Unavailable."""
