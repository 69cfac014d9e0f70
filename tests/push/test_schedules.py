"""Whatever befalls a customer's sessions: nothing is lost, and all comes in order, each under an id of its own."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bayeux.testing import Peer, pass_time
from gateway.store.sqlite import SqliteStore
from tests.push.customers import Alone, heard, heard_ids, node

STEPS = 60
ALICE = "alice"


@dataclass
class Customer:
    """One device after the other, of which some answers get lost."""

    node: Alone
    chance: random.Random
    name: str
    acknowledges: bool
    sessions: list[Peer] = field(default_factory=list)
    ids: list[list[str]] = field(default_factory=list)
    """Of each session, as they came."""
    _batch: int = 0

    @property
    def peer(self) -> Peer:
        return self.sessions[-1]

    async def begin(self) -> None:
        more = {"ext": {"ack": True}} if self.acknowledges else {}
        self._batch = 0
        self.sessions.append(await self.node.listener(ALICE, self.name, **more))
        self._note()

    async def connect(self) -> None:
        """Its next one, if it has an answer to the last or has given up on that."""
        fields: dict[str, Any] = {"ext": {"ack": self._batch}} if self.acknowledges else {}
        self.peer.connect(**fields)
        await self.node.settle()
        self._note()

    async def lose_an_answer(self) -> None:
        """Something is written, and its client never reads it."""
        before, batch = len(self.peer.heard), self._batch
        await self.connect()
        self._batch = batch
        del self.peer.heard[before:]
        if not self.acknowledges:
            self.peer.lose_connection()  # the socket has died with it
        await self.node.settle()
        del self.peer.heard[before:]

    async def go(self) -> None:
        await self.node.settle()
        if self.chance.random() < 0.5:
            self.peer.ask("/meta/disconnect")
        else:
            self.peer.lose_connection()
            await pass_time(self.node.server, self.node.clock, 60.0)
        await self.begin()

    def _note(self) -> None:
        for reply in self.peer.replies:
            batch = reply.get("ext", {}).get("ack")
            if type(batch) is int:
                self._batch = max(self._batch, batch)


@pytest.mark.spec("CM-15", "CM-16", "PN-2", "PN-7", "CM-21")
@pytest.mark.parametrize(("name", "acknowledges"), [("websocket", False), ("websocket", True), ("long-polling", True)])
@pytest.mark.parametrize("seed", range(8))
async def test_no_schedule_loses_a_notice_or_its_place(seed: int, name: str, acknowledges: bool) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory) / "store.db")
        await store.open()
        async with node(store, acknowledges=acknowledges) as here:
            alice = Customer(here, chance, name, acknowledges)
            told: list[str] = []
            await alice.begin()
            for _ in range(STEPS):
                step = chance.choice(["tell", "tell", "connect", "connect", "lose", "go", "pass"])
                if step == "tell":
                    told.append(await here.tell(ALICE, len(told), nudges=chance.random() < 0.8))
                elif step == "connect":
                    await alice.connect()
                elif step == "lose":
                    await alice.lose_an_answer()
                elif step == "go":
                    await alice.go()
                else:
                    here.times.now += chance.random()
                    await here.reader.look()
                    await here.settle()
            await here.reader.look(everywhere=True)
            for _ in range(4):
                await alice.connect()
            assert await here.waiting(ALICE) == []
            assert {id for session in alice.sessions for id in heard_ids(session)} == set(told)
            for session in alice.sessions:
                numbers = list(dict.fromkeys(heard(session)))
                assert numbers == sorted(numbers), "in order, but for what was given again"
            messages: dict[str, set[int]] = {id: set() for id in told}
            for session in alice.sessions:
                for id, message in zip(heard_ids(session), heard(session), strict=True):
                    messages[id].add(message)
            assert all(len(each) == 1 for each in messages.values()), "an id is of one notice"
        await store.close()
