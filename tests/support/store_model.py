"""What a room does, in the plainest words, without times; and changes at random, of which many are refused."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.store.store import (
    Changes,
    Conflict,
    Deadline,
    Document,
    Entry,
    Fence,
    LeaseLost,
    Outgoing,
    Room,
    TakenAlready,
    Write,
)

KEYS = ("a", "ab", "b", "c")
INDEXES = ("all", "open")
LANES = ("bus", "mail")
PLACES = (-2.0, 0.0, 0.5, 1e9)
EVER = 1e12


@dataclass
class Model:
    """A room."""

    documents: dict[str, tuple[int, Mapping[str, Any], Mapping[str, float]]] = field(default_factory=dict)
    """Version, body and places."""
    deadlines: dict[str, float] = field(default_factory=dict)
    outbox: list[Outgoing] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    highest: int = 0
    """Of the versions of documents that are no more."""

    def version(self, key: str) -> int:
        return self.documents[key][0] if key in self.documents else 0

    def refusal_of(self, changes: Changes) -> type[Exception] | None:
        if changes.fence is not None:
            return LeaseLost  # none was ever claimed
        if changes.taken in self.taken:
            return TakenAlready
        if any(write.version != self.version(write.key) for write in changes.writes):
            return Conflict
        return None

    def apply(self, changes: Changes) -> Mapping[str, int]:
        """The versions that documents have by it."""
        versions = {}
        for write in changes.writes:
            self.documents.pop(write.key, None)
            if write.body is not None:
                versions[write.key] = write.version + 1 if write.version else self.highest + 1
                self.documents[write.key] = (versions[write.key], write.body, write.indexes)
        ended = [write.version for write in changes.writes if write.body is None]
        self.highest = max([self.highest, *ended])
        for name, at in changes.deadlines.items():
            self.deadlines.pop(name, None)
            if at is not None:
                self.deadlines[name] = at
        self.outbox = [message for message in self.outbox if message.id not in changes.sent]
        for message in changes.outgoing:
            if message.id not in {each.id for each in self.outbox}:
                self.outbox.append(replace(message, of=None, version=versions.get(message.of or "", 0)))
        self.taken |= {changes.taken} - {""}
        return versions

    async def compare(self, room: Room) -> None:
        """AssertionError where the room is not as this one."""
        documents = {key: Document(key, version, body) for key, (version, body, _) in self.documents.items()}
        assert await room.read(*KEYS) == [documents.get(key) for key in KEYS]
        for index in INDEXES:
            entries = self._entries(index)
            assert await room.page(index) == entries
            assert await room.page(index, offset=1, limit=2) == entries[1:3]
            assert await room.page(index, least=0.0, most=0.5) == [e for e in entries if 0.0 <= e.place <= 0.5]
            assert await room.count(index) == len(entries)
        for lane in LANES:
            assert await room.outbox(lane) == [message for message in self.outbox if message.lane == lane]
        due = sorted((Deadline(*each) for each in self.deadlines.items()), key=lambda each: (each.at, each.name))
        assert await room.due(EVER) == due
        assert await room.next_deadline() == (due[0].at if due else None)

    def _entries(self, index: str) -> list[Entry]:
        standing = {key: places[index] for key, (_, _, places) in self.documents.items() if index in places}
        return [Entry(key, place) for key, place in sorted(standing.items(), key=lambda each: (each[1], each[0]))]


def random_changes(chance: random.Random, model: Model) -> Changes:
    """Two of three are right."""
    outgoing = [
        Outgoing(str(chance.randrange(8)), chance.choice(LANES), {"n": chance.random()}, chance.choice([None, *KEYS]))
        for _ in range(chance.randrange(3))
    ]
    return Changes(
        writes=[_random_write(chance, model, key) for key in chance.sample(KEYS, chance.randrange(4))],
        deadlines={chance.choice(KEYS): chance.choice([None, *PLACES]) for _ in range(chance.randrange(3))},
        outgoing=outgoing,
        sent=[str(chance.randrange(8)) for _ in range(chance.randrange(3))],
        taken=chance.choice(["", str(chance.randrange(30))]),
        fence=Fence("role", 1) if chance.random() < 0.05 else None,
    )


def _random_write(chance: random.Random, model: Model, key: str) -> Write:
    version = model.version(key) + (chance.choice([-1, 1]) if chance.random() < 0.1 else 0)
    indexes = {index: chance.choice(PLACES) for index in INDEXES if chance.random() < 0.6}
    if chance.random() < 0.2:
        return Write(key, None, version)
    return Write(key, {"n": chance.random(), "a": None}, version, indexes)
