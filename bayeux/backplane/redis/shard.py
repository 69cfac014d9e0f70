"""One server with a part of our keys: its line for commands, its ear for subscriptions, and the probe between them.

A probe is published by the line and must be heard by the ear (OPS-73). That finds what no time-out of a connection
does: a subscription that is silent because nothing comes through, or because its server is not the one that is
published at.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bayeux.backplane.backplane import Link as Tally
from bayeux.backplane.redis.calls import Call
from bayeux.backplane.redis.command import pack
from bayeux.backplane.redis.connecting import Server, Wire
from bayeux.backplane.redis.ear import Ear
from bayeux.backplane.redis.keeper import Keeper
from bayeux.backplane.redis.line import Line
from bayeux.backplane.redis.timing import Timing


class Hearer(Protocol):
    """For whom a shard listens; plain functions."""

    def wanted_at(self, shard: Shard) -> Sequence[str]:
        """The channels that are to be heard there."""

    def heard(self, channel: str, message: bytes) -> None:
        """Published there."""

    def confirmed(self, shard: Shard, channels: Sequence[str]) -> None:
        """Heard from here on."""

    def taken(self, shard: Shard, channels: Sequence[str]) -> None:
        """No more heard here: their slots have moved, perhaps to and fro."""

    def lost(self, shard: Shard) -> None:
        """None of them is heard any more; they will be asked for again."""


class Owner(Protocol):
    """Who knows a shard's place among others; plain functions."""

    def is_sharded_by(self, server: Server) -> bool:
        """Whether this server's channels are bound to slots."""

    def probe_channel(self, shard: Shard) -> str:
        """One that is published and heard at this server; empty while it has no slot."""

    def changed(self, shard: Shard, why: str) -> None:
        """Line or ear came, or went for the reason given."""


class Shard:
    """Start with ``start``; ``stop`` closes its connections.

    Args:
        connect: opens a connection to it, wherever it is by then.
        name: for operators, without a password.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[tuple[Wire, Server]]],
        owner: Owner,
        hearer: Hearer,
        *,
        name: str,
        timing: Timing,
        tally: Tally,
        chance: random.Random,
    ) -> None:
        self.name = name
        self.line: Line | None = None
        self.ear: Ear | None = None
        self.trouble: str = f"{name} is not connected yet"
        self.is_sharded: bool = False
        self._connect, self._owner, self._hearer = connect, owner, hearer
        self._timing, self._tally, self._chance = timing, tally, chance
        self._restoring: set[str] = set()
        self._probe = ""
        self._number = 0
        self._answer = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._times_connected = 0
        self.away_since: float = asyncio.get_running_loop().time()

    def start(self) -> None:
        """Begin to connect; the owner is told."""
        line = Keeper(self._connect, self._serve_line, self._missed, self._timing, self._chance)
        ear = Keeper(self._connect, self._serve_ear, self._missed, self._timing, self._chance)
        self._tasks = [
            asyncio.create_task(work, name=f"Redis: {self.name}") for work in (line.run(), ear.run(), self._probe_on())
        ]

    async def stop(self) -> None:
        """Close both connections; what is under way is lost."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def is_up(self) -> bool:
        """Commands are taken, and all is heard that was wanted when the ear was connected."""
        return self.line is not None and self.ear is not None and not self._restoring

    def drop(self, why: str) -> None:
        """Close both connections and look for the server again."""
        if self.line is not None:
            self.line.drop(why)
        if self.ear is not None:
            self.ear.drop(why)

    # Line -------------------------------------------------------------------------------------

    async def _serve_line(self, wire: Wire, server: Server) -> str:
        if self._times_connected:
            self._tally.reconnects += 1
        self._times_connected += 1
        self.is_sharded = self._owner.is_sharded_by(server)
        self.line = line = Line(wire, self.name, self._timing)
        self.trouble = ""
        self._owner.changed(self, "")
        try:
            why = await line.run()
        finally:
            self.line = None
            self.away_since = asyncio.get_running_loop().time()
        if self.ear is not None:
            self.ear.drop(why)  # what befell the one has perhaps befallen the other, which would not notice
        return why

    def _missed(self, why: str) -> None:
        self.trouble = why
        self._owner.changed(self, why)

    # Ear --------------------------------------------------------------------------------------

    async def _serve_ear(self, wire: Wire, server: Server) -> str:
        self.ear = ear = Ear(
            wire,
            self.name,
            reply=self._timing.reply,
            is_sharded=self._owner.is_sharded_by(server),
            heard=self._heard,
            confirmed=self._confirmed,
            taken=self._taken,
        )
        self._probe = self._owner.probe_channel(self)
        self._restoring = {*self._hearer.wanted_at(self)} | ({self._probe} - {""})
        ear.subscribe(self._restoring)
        try:
            return await ear.run()
        finally:
            self.ear = None
            self._restoring.clear()
            self._hearer.lost(self)

    def _heard(self, channel: str, message: bytes) -> None:
        if channel != self._probe:
            self._hearer.heard(channel, message)
        elif message == str(self._number).encode():
            self._answer.set()

    def _confirmed(self, channels: Sequence[str]) -> None:
        others = [channel for channel in channels if channel != self._probe]
        if others:
            self._hearer.confirmed(self, others)
        self._restored(channels)

    def _taken(self, channels: Sequence[str]) -> None:
        self._hearer.taken(self, channels)
        self._restored(channels)

    def _restored(self, channels: Sequence[str]) -> None:
        """These need not be waited for any more."""
        if self._restoring:
            self._restoring.difference_update(channels)
            if not self._restoring:
                self._owner.changed(self, "")

    # Probe ------------------------------------------------------------------------------------

    async def _probe_on(self) -> None:
        """After one that is missed, others follow without a pause: a silent link is found out in less than 3 probes."""
        missed = 0
        while True:
            if not missed:
                await asyncio.sleep(self._timing.probe)
            ear = self.ear
            if ear is None or self.line is None or not self._owner.probe_channel(self):
                missed = 0
                continue
            if await self._is_heard(ear):
                missed = 0
            elif self.ear is ear:
                missed += 1
                self._tally.probes_missed += 1
                if missed == self._timing.missed_probes:
                    missed = 0
                    self.drop(f"{self.name}: nothing that is published there is heard; it is looked for again")

    async def _is_heard(self, ear: Ear) -> bool:
        probe = self._owner.probe_channel(self)
        if probe != self._probe:
            if self._probe:
                ear.unsubscribe([self._probe])
            ear.subscribe([probe])
            self._probe = probe
        self._number += 1
        self._answer.clear()
        line = self.line
        if line is not None:
            deadline = asyncio.get_running_loop().time() + self._timing.reply
            command = "SPUBLISH" if self.is_sharded else "PUBLISH"
            line.send(Call(pack(command, probe, self._number), deadline))
        try:
            async with asyncio.timeout(self._timing.reply):
                await self._answer.wait()
        except TimeoutError:
            return False
        return True
