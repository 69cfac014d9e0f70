"""The hot paths: for each a round of messages that can be played again and again.

A round tells how many units it had, delivered messages or sessions, and fails if one is lost or comes twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from benchmarks.quick.clients import Client, PollClient, SocketClient, connect, publish
from benchmarks.quick.stand import Stand

CHANNEL = "/quick/news"


class Workload(ABC):
    """One path.

    Args:
        name: of the table in the baseline.
        count: of the sessions; as many as make little of what a round costs only once.
    """

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        self.count = count

    @abstractmethod
    def prepare(self, stand: Stand) -> None:
        """Open the sessions."""

    @abstractmethod
    def play(self, stand: Stand) -> int:
        """One round; its units."""


class FanOut(Workload):
    """One publisher, and subscribers of this kind; ``window`` publishes leave in one write and come in one read."""

    def __init__(self, name: str, count: int, kind: type[Client], window: int) -> None:
        super().__init__(name, count)
        self._kind = kind
        self._window = window

    def prepare(self, stand: Stand) -> None:
        """See Workload."""
        self._subscribers = stand.join(self._kind, self.count, [CHANNEL])
        (self._publisher,) = stand.join(SocketClient, 1)

    def play(self, stand: Stand) -> int:
        """See Workload. Who polled polls again at the end."""
        publisher, subscribers = self._publisher, self._subscribers
        replies = publisher.replies + self._window
        events = [each.events + self._window for each in subscribers]
        publisher.write(b"".join(publisher.encoded(publish(CHANNEL, n)) for n in range(self._window)))
        stand.until(lambda: publisher.replies == replies and [each.events for each in subscribers] == events)
        if self._kind is PollClient:
            for each in subscribers:
                each.send(connect(each))
            stand.settle()
        return self.count * self._window


class PointToPoint(Workload):
    """Each session publishes to the channel of another one: a frame in, a reply and an event out."""

    def prepare(self, stand: Stand) -> None:
        """See Workload."""
        self._channels = [f"/quick/{n:05}" for n in range(self.count)]
        self._sessions = stand.join(SocketClient, self.count, self._channels)

    def play(self, stand: Stand) -> int:
        """See Workload."""
        sessions = self._sessions
        expected = [(each.replies + 1, each.events + 1) for each in sessions]
        for n, session in enumerate(sessions):
            session.send(publish(self._channels[n - 1], n))
        stand.until(lambda: [(each.replies, each.events) for each in sessions] == expected)
        return self.count


class SetUp(Workload):
    """Sessions come: connection, upgrade, handshake, subscribe and first connect, and the second connect is held."""

    def __init__(self, name: str, count: int, kind: type[Client]) -> None:
        super().__init__(name, count)
        self._kind = kind

    def prepare(self, stand: Stand) -> None:
        """See Workload."""

    def play(self, stand: Stand) -> int:
        """See Workload."""
        stand.join(self._kind, self.count, [CHANNEL])
        return self.count


WORKLOADS = (
    FanOut("fan-out over WebSockets, one publish at a time", 200, SocketClient, 1),
    FanOut("fan-out over WebSockets, ten publishes in flight", 200, SocketClient, 10),
    PointToPoint("point-to-point over WebSockets", 50),
    FanOut("fan-out over held polls, one publish at a time", 50, PollClient, 1),
    FanOut("fan-out over held polls, ten publishes in flight", 50, PollClient, 10),
    SetUp("set-up of a session over a WebSocket", 20, SocketClient),
    SetUp("set-up of a session over long-polling", 20, PollClient),
)
