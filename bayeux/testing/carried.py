"""One connection through a ``FaultProxy``: its two directions, and what befalls them.

Owns the bytes on their way, at most 256 KiB a direction: who sends faster than the other side reads, or than
the faults let through, is kept waiting. Knows nothing of what the bytes say.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bayeux.testing.faults import BOTH, Fault, Faults, Faulty, Planned, Way

CHUNK = 16 * 1024  # bytes
MAX_CHUNKS = 16  # of a direction on their way
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST and drops what is unsent


@dataclass(slots=True)
class Tally:
    """What a proxy has done so far."""

    connections: int = 0
    """Carried to the server."""
    refused: int = 0
    """Reset at once: the network is cut, or there are too many."""
    refused_upgrades: int = 0
    unreachable: int = 0
    """Reset because the server did not accept them."""
    cuts: int = 0
    """Connections reset by a fault."""
    half_closes: int = 0
    outages: int = 0
    """Times that the whole network was cut."""
    carried_bytes: int = 0
    swallowed_bytes: int = 0
    delayed: int = 0
    """Reads that were kept for a while."""
    pieces: int = 0
    """Writes that were not all there was to write."""


class Cut(ConnectionError):
    """A fault says that the connection ends here."""


class Lane:
    """One direction: what was read is kept as long as its latency says, then written.

    Args:
        first: what was read already.
        chance: where jitter comes from.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        faults: Faults,
        tally: Tally,
        chance: random.Random,
        first: bytes = b"",
    ) -> None:
        self.faults = faults
        self.has_hole: bool = False
        """Bytes or the end of it got lost: what would follow makes no sense."""
        self._reader = reader
        self._writer = writer
        self._tally = tally
        self._chance = chance
        self._first = first
        self._is_closed = False
        self._on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_CHUNKS)

    async def take(self) -> None:
        """Read to the end. Raises OSError when its sender is gone."""
        clock, latest = asyncio.get_running_loop().time, 0.0
        data = self._first or await self._reader.read(CHUNK)
        while data:
            now = clock()
            latest = max(latest, now + self._lateness())
            self._tally.delayed += latest > now
            await self._on_the_way.put((latest, data))
            data = await self._reader.read(CHUNK)
        await self._on_the_way.put((max(latest, clock() + self._lateness()), b""))

    async def bring(self) -> None:
        """Write to the end. Raises OSError when its receiver is gone, Cut where a fault says so."""
        clock = asyncio.get_running_loop().time
        data = b"first"
        while data:
            due, data = await self._on_the_way.get()
            wait = due - clock()
            if wait > 0:
                await asyncio.sleep(wait)
            if data:
                await self._write(data)
            elif self._is_losing:
                self.has_hole = True
            else:
                self._writer.write_eof()

    def close(self) -> None:
        """End this way for its receiver; what is still sent vanishes."""
        if not self._is_closed and not self._writer.transport.is_closing():
            self._is_closed = self.has_hole = True
            self._tally.half_closes += 1
            self._writer.write_eof()

    def _lateness(self) -> float:
        return self.faults.latency + self.faults.jitter * self._chance.random()

    @property
    def _is_losing(self) -> bool:
        return self.faults.is_swallowing or self._is_closed

    async def _write(self, data: bytes) -> None:
        while data:
            if self._is_losing:
                self._tally.swallowed_bytes += len(data)
                self.has_hole = True
                return
            faults = self.faults
            piece = data[: faults.piece or len(data)]
            if faults.until_cut is not None:
                piece = piece[: faults.until_cut]
                faults.until_cut -= len(piece)
            data = data[len(piece) :]
            self._writer.write(piece)
            await self._writer.drain()
            self._tally.carried_bytes += len(piece)
            if faults.until_cut == 0:
                raise Cut
            if data:
                self._tally.pieces += 1
                await asyncio.sleep(faults.pause)


class CarriedConnection(Faulty):
    """A client's connection and the one to the server that belongs to it; made by ``FaultProxy``.

    Args:
        client, server: where each is read and written.
        common: the faults that befall all connections of the proxy, as they are at any time.
        first: bytes of the client that were read already.
    """

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        common: Mapping[Way, Faults],
        tally: Tally,
        chance: random.Random,
        first: bytes = b"",
    ) -> None:
        self._common = common
        self._tally = tally
        self._writers = (client[1], server[1])
        for writer in self._writers:
            writer.transport.set_write_buffer_limits(0)  # what was drained is the kernel's: a cut comes after it
        self._lanes = {
            Way.TO_SERVER: Lane(client[0], server[1], replace(common[Way.TO_SERVER]), tally, chance, first),
            Way.TO_CLIENT: Lane(server[0], client[1], replace(common[Way.TO_CLIENT]), tally, chance),
        }
        self._carrying: asyncio.Task[None] | None = None
        self._trouble: asyncio.Task[None] | None = None

    # What befalls it --------------------------------------------------------------------------

    def faults(self, way: Way | None = None) -> Iterable[Faults]:
        """See ``Faulty``."""
        return [self._lanes[each].faults for each in _ways(way)]

    def cut(self) -> None:
        """Reset it, both sides; does nothing if it is over."""
        carrying, self._carrying = self._carrying, None
        if carrying is not None and carrying.cancel():
            self._tally.cuts += 1

    def half_close(self, way: Way) -> None:
        """End one way for its receiver, as if its sender had nothing more to say; the other goes on."""
        self._lanes[way].close()

    def heal(self) -> None:
        """End its own faults. If it lost bytes it is reset: there is no going on after a hole."""
        for way, lane in self._lanes.items():
            lane.faults = replace(self._common[way])
        if any(lane.has_hole for lane in self._lanes.values()):
            self.cut()

    def suffer(self, plan: Iterator[Planned]) -> None:
        """Have the faults of a schedule befall it until ``recover``."""
        self.recover()
        self._trouble = asyncio.create_task(self._suffer(plan), name="fault proxy: trouble")

    def recover(self) -> None:
        """End the schedule, not the fault in force."""
        if self._trouble is not None:
            self._trouble.cancel()
            self._trouble = None

    async def _suffer(self, plan: Iterator[Planned]) -> None:
        for planned in plan:
            await asyncio.sleep(planned.after)
            self._befall(planned)
            if planned.fault in (Fault.CUT, Fault.CUT_INSIDE):
                return  # what is to be cut needs no other fault
            await asyncio.sleep(planned.lasting)
            self.heal()

    def _befall(self, planned: Planned) -> None:
        match planned.fault:
            case Fault.CUT:
                self.cut()
            case Fault.CUT_INSIDE:
                self.cut_after(planned.bytes, planned.way)
            case Fault.DELAY:
                self.delay(planned.latency, way=planned.way)
            case Fault.SWALLOW:
                self.swallow(planned.way)
            case Fault.DRIBBLE:
                self.dribble(planned.bytes, way=planned.way)
            case Fault.HALF_CLOSE:
                self.half_close(planned.way)

    # Its life ---------------------------------------------------------------------------------

    async def carry(self) -> None:
        """Carry both ways until both have ended, or it breaks; both sides are closed then, or reset."""
        self._carrying = asyncio.current_task()
        try:
            async with asyncio.TaskGroup() as tasks:
                for lane in self._lanes.values():
                    tasks.create_task(lane.take(), name="fault proxy: take")
                    tasks.create_task(lane.bring(), name="fault proxy: bring")
            if not any(lane.has_hole for lane in self._lanes.values()):
                for writer in self._writers:
                    writer.close()
        except* Cut:
            self._tally.cuts += 1
        except* OSError:
            pass  # one side reset it: so do we
        finally:
            self._carrying = None
            self.recover()
            for writer in self._writers:
                reset(writer)


def _ways(way: Way | None) -> Iterable[Way]:
    return BOTH if way is None else (way,)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST unless it is being closed politely."""
    if not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
