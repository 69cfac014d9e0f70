"""Queues and agents of the tests' own: real in that places, offers and rejections happen, and in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.callback.events import AgentConnected, AgentRejected, AgentReserved
from gateway.callback.threshold import QueueReport
from gateway.callbacks.router import Listener, QueueUnknown


@dataclass(slots=True)
class Place:
    queue: str
    since: float
    is_there: bool = False
    """The customer; agents are asked."""
    asked: str = ""
    """Agent who was asked and has not answered."""


@dataclass
class Queues:
    """A router: all nodes share one, as they share the routing engine."""

    names: set[str] = field(default_factory=lambda: {"sales"})
    ahead: int = 20
    """Others who wait in front of everybody: no agent is near."""
    eta: int | None = 600
    places: dict[str, Place] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    """They get no place again: what is asked for them comes too late."""
    served: dict[str, str] = field(default_factory=dict)
    """Callback to the agent who has it."""
    ready: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Callbacks and agents, each time that one was asked."""
    joins: list[str] = field(default_factory=list)
    """Each place that was given."""
    released: dict[str, int] = field(default_factory=dict)
    listener: Listener | None = None

    def nears(self) -> None:
        """An agent is near to all who wait."""
        self.ahead, self.eta = 0, 5

    # What a router does

    async def join(self, id: str, queue: str, *, since: float) -> None:
        if queue not in self.names:
            raise QueueUnknown(queue)
        if id not in self.places and id not in self.served and id not in self.left:
            self.places[id] = Place(queue, since)
            self.joins.append(id)

    async def look(self, id: str) -> QueueReport | None:
        place = self.places.get(id)
        if place is None:
            return None
        waiting = self.waiting(place.queue)
        return QueueReport(
            position=self.ahead + waiting.index(id) + 1,
            total=self.ahead + len(waiting),
            eta=self.eta,
            ready_agents=len(self.ready),
        )

    async def leave(self, id: str) -> None:
        self.left.add(id)
        place = self.places.pop(id, None)
        if place is not None and place.asked:
            self.ready.append(place.asked)

    async def route(self, id: str, queue: str, *, since: float) -> None:
        await self.join(id, queue, since=since)
        if id in self.places:
            self.places[id].is_there = True
            await self._ask(id)

    async def next_target(self, id: str, *, rejections: int) -> None:
        place = self.places.get(id)
        if place is None or self.released.get(id, 0) >= rejections:
            return
        self.released[id] = rejections
        place.asked = ""
        await self._ask(id)

    # What agents do

    async def comes(self, agent: str) -> None:
        """An agent is ready; whoever waits first and is there is his."""
        self.ready.append(agent)
        for queue in sorted(self.names):
            for id in self.waiting(queue):
                await self._ask(id)

    async def rejects(self, id: str) -> None:
        place = self.places[id]
        place.asked = ""
        await self._tell(id, AgentRejected())

    async def takes(self, id: str) -> None:
        self.served[id] = self.places.pop(id).asked
        await self._tell(id, AgentConnected())

    # What is known

    def waiting(self, queue: str) -> list[str]:
        """The longest first."""
        return sorted((id for id, place in self.places.items() if place.queue == queue), key=self._since)

    def _since(self, id: str) -> tuple[float, int]:
        return self.places[id].since, self.joins.index(id)

    async def _ask(self, id: str) -> None:
        place = self.places[id]
        if place.is_there and not place.asked and self.ready:
            place.asked = self.ready.pop(0)
            self.asked.append((id, place.asked))
            await self._tell(id, AgentReserved())

    async def _tell(self, id: str, news: AgentReserved | AgentRejected | AgentConnected) -> None:
        if self.listener is not None:
            await self.listener(id, news)
