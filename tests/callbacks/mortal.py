"""Processes that die at a named step of a callback's life, and others that go on with it.

Run as a program it tries every step: for each it forks a process that lives through a whole callback and kills itself
there, then one on another node that lives through what is left, and prints what has become of everything. What both
share lies in files: the store, and the queues with their agents.

Source: SM-70…73.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.access.match import Call
from gateway.access.requests import Wanted  # noqa: F401 - imported once, before all forks
from gateway.callback.events import AgentConnected, AgentRejected, AgentReserved
from gateway.callback.profiles import Profile
from gateway.callback.states import Step
from gateway.callback.threshold import QueueReport
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, LeaseLost, Room
from gateway.store.turn import Turn
from tests.callbacks.office import BASE, BEGIN, NUMBER, Clock, Office
from tests.callbacks.queues import Place, Queues

STEPS = ("before commit", "after commit", "before sent", "after sent", "before effect", "after effect")
AT_ONCE = 2
LEASE = 0.2
"""Seconds; who has died holds his no longer."""


class Fuse:
    """Kills this process at a step.

    Args:
        step: its name; empty: never.
        times: how often it is passed before.
    """

    def __init__(self, step: str = "", times: int = 0) -> None:
        self._step, self._times = step, times

    def at(self, step: str) -> None:
        if step == self._step:
            self._times -= 1
            if self._times < 0:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalRoom:
    """A room as a process sees it that dies."""

    def __init__(self, room: Room, fuse: Fuse) -> None:
        self._room, self._fuse = room, fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._room, name)

    async def commit(self, changes: Changes) -> None:
        step = "sent" if changes.sent else "commit"
        self._fuse.at(f"before {step}")
        await self._room.commit(changes)
        self._fuse.at(f"after {step}")


class MortalStore:
    """Gives such rooms."""

    def __init__(self, store: SqliteStore, fuse: Fuse) -> None:
        self._store, self._fuse = store, fuse

    def room(self, name: str) -> Room:
        return MortalRoom(self._store.room(name), self._fuse)  # type: ignore[return-value]


class KeptQueues(Queues):
    """Queues and a clock in a file, as a routing engine outlives who asks it."""

    def __init__(self, path: Path, clock: Clock, fuse: Fuse) -> None:
        super().__init__()
        self._path, self._clock, self._fuse = path, clock, fuse
        if path.exists():
            kept = json.loads(path.read_text("utf-8"))
            clock.now, self.joins, self.served = kept["now"], kept["joins"], kept["served"]
            self.places = {id: Place(**place) for id, place in kept["places"].items()}
            self.left, self.ready = set(kept["left"]), kept["ready"]
            self.asked = [(id, agent) for id, agent in kept["asked"]]
            self.released = kept["released"]

    def save(self) -> None:
        kept = {
            "now": self._clock.now,
            "joins": self.joins,
            "served": self.served,
            "places": {id: asdict(place) for id, place in self.places.items()},
            "left": sorted(self.left),
            "ready": self.ready,
            "asked": self.asked,
            "released": self.released,
        }
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(kept), "utf-8")
        fresh.replace(self._path)

    async def join(self, id: str, queue: str, *, since: float) -> None:
        self._fuse.at("before effect")
        await super().join(id, queue, since=since)
        self.save()
        self._fuse.at("after effect")

    async def look(self, id: str) -> QueueReport | None:
        self._fuse.at("before effect")
        if self._clock.now > BEGIN + 60:
            self.nears()
        report = await super().look(id)
        self._fuse.at("after effect")
        return report

    async def leave(self, id: str) -> None:
        self._fuse.at("before effect")
        await super().leave(id)
        self.save()
        self._fuse.at("after effect")

    async def route(self, id: str, queue: str, *, since: float) -> None:
        self._fuse.at("before effect")
        await super().route(id, queue, since=since)
        self.save()
        self._fuse.at("after effect")

    async def next_target(self, id: str, *, rejections: int) -> None:
        self._fuse.at("before effect")
        await super().next_target(id, rejections=rejections)
        self.save()
        self._fuse.at("after effect")

    async def _tell(self, id: str, news: AgentReserved | AgentRejected | AgentConnected) -> None:
        self.save()
        await super()._tell(id, news)


async def live(path: Path, node: str, fuse: Fuse) -> None:
    """One process: it takes a callback on to its end, from wherever that is by now."""
    store = SqliteStore(path / "store.db")
    await store.open()
    clock = Clock()
    queues = KeptQueues(path / "queues.json", clock, fuse)
    office = Office(MortalStore(store, fuse), clock, queues, node=node, lease=LEASE)  # type: ignore[arg-type]
    office.serves("help", Profile.VOICE_WAIT).has_numbers(1)
    # Who got no answer asks again.
    dialog = await office.starts("help", headers={"Idempotency-Key": "1"})
    id = dialog["_id"]
    while await office.state(id) != "AGENT_CONNECTED":
        await go_on(office, queues, id)
        try:
            await office.keeps_deadlines()
        except LeaseLost:
            continue  # this machine is slow: whoever leads now goes on
        queues.save()
    await office.carries_out()
    await store.close()


async def go_on(office: Office, queues: KeptQueues, id: str) -> None:
    """What customer and agent do next; without them, time passes."""
    instance = await office.instance(id)
    if instance.step is Step.WAIT_CONFIRM and instance.attempts == 2:
        await office.callbacks.connect(id, BASE)
    elif instance.step is Step.WAIT_CONTACT:
        assert instance.access is not None
        call = Call(dialled=f"1{instance.access.number.replace('-', '').removeprefix('1')}", caller=f"1{NUMBER}")
        await office.instances.decide(lambda turn: _matches(office, turn, call))
    elif instance.step is Step.ROUTING:
        await office.carries_out()
        if id in queues.served:
            await office.callbacks.news(id, AgentConnected())
        elif not queues.asked:
            await queues.comes("first")
        elif not instance.rejections:
            queues.places[id].asked = ""
            queues.ready = ["second"]
            queues.save()
            await office.callbacks.news(id, AgentRejected(), once="rejected")
        else:
            await queues.takes(id)
    else:
        office.clock.now += 31


async def _matches(office: Office, turn: Turn, call: Call) -> None:
    """MI-8: the booking ends, and its callback knows why, in one commit."""
    for booking in await office.bookings.find_in(turn, call):
        instance = await office.instances.find_in(turn, booking.instance)
        assert instance is not None
        await office.callbacks.matching(turn, instance)


async def outcome(path: Path) -> dict[str, Any]:
    """What there is when all is over."""
    store = SqliteStore(path / "store.db")
    await store.open()
    clock = Clock()
    queues = KeptQueues(path / "queues.json", clock, Fuse())
    office = Office(store, clock, queues).has_numbers(1)
    (id,) = [key.partition(":")[2] for key in await Turn(office.room, clock()).page("callbacks")]
    instance = await office.instance(id)
    found = {
        "id": id,
        "state": await office.state(id),
        "attempts": instance.attempts,
        "connects": instance.connects,
        "told": [notice.id for notice in await office.told()],
        "joins": queues.joins,
        "asked": queues.asked,
        "served": queues.served,
        "booked": await office.booked(),
        "left over": [entry.body["effect"] for entry in await office.room.outbox("callback")],
        "deadline": await office.room.next_deadline() == BEGIN + instance.settings.ttl,
    }
    await store.close()
    return found


# The processes ----------------------------------------------------------------------------------


def forked(path: Path, node: str, step: str = "", times: int = 0) -> int:
    """The process that lives like that."""
    child = os.fork()
    if not child:
        try:
            asyncio.run(live(path, node, Fuse(step, times)))
        except BaseException as error:  # noqa: BLE001 - told by the exit code
            sys.stderr.write(f"{step} {times} {node}: {error!r}\n")
            sys.stderr.flush()
            os._exit(3)
        os._exit(0)
    return child


def tried(path: Path, step: str, times: int) -> dict[str, Any] | None:
    """What has become of a callback one of whose processes died at that step; None: it was not passed so often."""
    path.mkdir(parents=True)
    _, status = os.waitpid(forked(path, "first", step, times), 0)
    has_died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not has_died and os.waitstatus_to_exitcode(status) == 0:
        return None
    _, after = os.waitpid(forked(path, "second"), 0)
    if not has_died or os.waitstatus_to_exitcode(after) != 0:
        return {"died": has_died, "state": "failed"}
    return asyncio.run(outcome(path))


def main(arguments: Sequence[str]) -> None:
    """Prints, for a step, what has become of the callback for each time that it is passed."""
    root, step = Path(arguments[0]), arguments[1]
    found: list[dict[str, Any]] = []
    while (each := tried(root / f"{len(found)}", step, len(found))) is not None:
        found.append(each)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
