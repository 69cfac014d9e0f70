"""A configuration over a store, and clocks that move when told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.services.configuration import ROOM, Configuration, Written
from gateway.services.entry import Entry
from gateway.services.kinds import Kind, Texts
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Store
from tests.support.stores import sqlite_store

__all__ = ["sqlite_store"]

CHAT = {"_type": "ors", "_service_type": "callback", "_profile": "Chat-Delayed", "_target": "sales@StatServer.GA"}
NUMBERS = {"Key1": "1-800-1234", "match-interaction": None, "_allocation_strategy": "CLUSTER"}
EXPRESSIONS = {"exception1": "555.*", "ex2": "123.*", "ex3": "a", "ddd": "12345"}
FILE: Written = {
    Kind.SERVICE: {"chat-delay": CHAT},
    Kind.RESOURCES: {"DNIS": NUMBERS},
    Kind.PATTERNS: {"Callback_exceptions": EXPRESSIONS},
}


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Node:
    """One of several that share a store."""

    configuration: Configuration
    clock: Clock = field(default_factory=Clock)

    async def put(self, kind: Kind, name: str, texts: Mapping[str, Any] | None, by: str = "ada") -> Entry | None:
        """Write an entry, or remove it, whatever is there."""

        def whatever(entry: Entry | None) -> None:
            pass

        def alteration(before: Entry | None) -> Texts | None:
            return texts

        return (await self.configuration.alter(kind, name, alteration, by, match=whatever)).after


def node_on(store: Store, file: Written = FILE) -> Node:
    clock = Clock()
    return Node(Configuration(file, store.room(ROOM), clock=clock), clock)


@pytest.fixture
async def node(sqlite_store: SqliteStore) -> Node:
    node = node_on(sqlite_store)
    await node.configuration.begin()
    return node
