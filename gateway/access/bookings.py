"""All bookings of the store: made, found by a call and ended, from any node at the same time.

Nobody waits for anybody: who finds a claim taken that was free a moment ago looks again. What has run out is as good as
gone by the caller's clock, whether or not the store has removed it already, so that no node has to end anything.

Source: RS-3…5, RS-7, RI-5, RI-6, RA-7, MI-1, MI-3, RI-10.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bayeux.protocol.errors import Unavailable
from gateway.access.booking import Booking, booking_key, caller_index, code_key, lock_key, number_index
from gateway.access.code import Below, draw
from gateway.access.dialling import Dialling
from gateway.access.match import Call, match
from gateway.access.pool import Pool, Strategy
from gateway.access.refusal import MatchNotFound, NoneFree
from gateway.access.requests import Wanted
from gateway.store.store import Conflict, Room
from gateway.store.turn import Turn

_ATTEMPTS: Final = 16
"""Beyond those that a group's size explains."""
_DRAWS: Final = 64
"""Of a code, until there seems to be none that is free; of a hundred where one is free half of all find it."""
_LINGERING: Final = 60.0
"""Seconds that the store keeps what has run out: clocks of nodes may differ."""
_MOST_CANDIDATES: Final = 100
"""Bookings of one caller on one number that a call is compared with."""

Body = Mapping[str, Any]
Bodies = Mapping[str, Body | None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Health:
    """How a group is, as this node sees it (RI-10)."""

    size: int
    booked: int

    @property
    def free(self) -> int:
        """What may be booked now."""
        return self.size - self.booked


class Bookings:
    """The bookings of one room, as one node gives and finds them.

    Args:
        room: the customers' part of the store.
        node: whose numbers ``LOCAL`` keeps from others.
        below: randomness that nobody can foresee.

    All methods raise Unavailable. Times are seconds since 1970.
    """

    def __init__(self, room: Room, *, node: str, dialling: Dialling, below: Below) -> None:
        self._room = room
        self._node = node
        self._dialling = dialling
        self._below = below
        self._last: dict[str, str] = {}
        """Number that was last given of each group: a node goes round by itself, and the claims keep nodes apart."""

    async def book(self, instance: str, data_id: str, wanted: Wanted, now: float) -> Booking:
        """Give an instance a number; what it had before is free in the same moment (RA-7).

        Raises:
            NoneFree: nothing has changed.
        """
        # Of those who book at once one is first for each number, so a group is looked at again as often as it is large.
        return await self._decided(
            lambda turn: self.book_in(turn, instance, data_id, wanted), now, len(wanted.pool.numbers) + _ATTEMPTS
        )

    async def book_in(self, turn: Turn, instance: str, data_id: str, wanted: Wanted) -> Booking:
        """The same as part of a decision about more than the number: it is booked when that is committed.

        Raises:
            NoneFree: the turn is not to be committed.
        """
        pool, now = wanted.pool, turn.now
        known = await _read(turn, booking_key(instance), *self._locks(pool))
        number = self._choose(pool, known, instance, now)
        dialled = self._dialling.comparable(number)
        booking = Booking(
            instance=instance,
            data_id=data_id,
            number=number,
            dialled=dialled,
            caller=wanted.caller,
            code=await self._free_code(turn, dialled, wanted.code_length) if wanted.code_length else "",
            scope=pool.scope(self._node),
            booked=now,
            expires=now + wanted.seconds,
        )
        await _end(turn, instance)
        ttl = booking.expires - now + _LINGERING
        await turn.read(*booking.claims)
        for claim in booking.claims:
            turn.write(claim, {"instance": instance, "expires": booking.expires}, ttl=ttl)
        turn.write(booking_key(instance), booking.to_document(), indexes=booking.indexes, ttl=ttl)
        return booking

    async def find(self, call: Call, now: float, *, most: int = 1) -> list[Booking]:
        """The bookings that a call is for, the oldest first; they have ended (MI-3). Of two calls one finds it.

        Raises:
            MatchNotFound: nothing has changed.
        """
        return await self._decided(lambda turn: self.find_in(turn, call, most=most), now, _ATTEMPTS)

    async def find_in(self, turn: Turn, call: Call, *, most: int = 1) -> list[Booking]:
        """The same as part of a decision, such as one that tells the instances that their call is there.

        Raises:
            MatchNotFound: the turn is not to be committed.
        """
        candidates, is_shared = await self._candidates(turn, call)
        found = match(candidates, call, turn.now, is_shared=is_shared)[:most]
        if not found:
            raise MatchNotFound("no booking matches")
        for booking in found:
            await _end(turn, booking.instance)
        return found

    async def release(self, instance: str) -> None:
        """End what an instance has booked, as it is over; nothing, if it has nothing (RS-3)."""
        await self._decided(lambda turn: self.release_in(turn, instance), 0.0, _ATTEMPTS)

    async def release_in(self, turn: Turn, instance: str) -> None:
        """The same as part of a decision."""
        await _end(turn, instance)

    async def health(self, pool: Pool, now: float) -> Health:
        """How many numbers of a group are given; they are counted as they are dialled."""
        known = await _read(Turn(self._room, now), *self._locks(pool))
        dialled = {self._dialling.comparable(number) for number in pool.numbers}
        booked = [number for number in dialled if self._is_locked(number, known, "", now)]
        return Health(len(dialled), len(booked))

    # A number

    def _choose(self, pool: Pool, known: Bodies, instance: str, now: float) -> str:
        """Raises NoneFree."""
        free = [
            number
            for number in pool.numbers
            if not self._is_locked(self._dialling.comparable(number), known, instance, now)
        ]
        if not free:
            raise NoneFree(f"{pool.name}: no number is free", retry_after=_first_free(known, now))
        if pool.strategy is Strategy.RANDOM:
            return free[self._below(len(free))]
        # Noted before it is booked: others of this node that book at the same time go on to the next one.
        chosen = self._last[pool.name] = pool.following(self._last.get(pool.name, ""), free)
        return chosen

    def _locks(self, pool: Pool) -> list[str]:
        """Keys of all claims that keep a number of the group from this node."""
        numbers = [self._dialling.comparable(number) for number in pool.numbers]
        return list(dict.fromkeys(lock_key(scope, number) for number in numbers for scope in self._scopes))

    @property
    def _scopes(self) -> tuple[str, str]:
        return "", self._node

    def _is_locked(self, dialled: str, known: Bodies, instance: str, now: float) -> bool:
        """Whether another instance holds the number."""
        locks = (known[lock_key(scope, dialled)] for scope in self._scopes)
        return any(_holds(lock, now) and not _is_of(lock, instance) for lock in locks)

    async def _free_code(self, turn: Turn, dialled: str, length: int) -> str:
        """A code that nobody has on the number. Raises NoneFree."""
        for _ in range(_DRAWS):
            code = draw(length, self._below)
            (claim,) = await turn.read(code_key(dialled, code))
            if not _holds(claim, turn.now):
                return code
        raise NoneFree("no access code is free")

    # The store

    async def _decided(self, decision: Callable[[Turn], Awaitable[T]], now: float, attempts: int) -> T:
        """What it gives, when it is committed. Raises what it raises."""
        for _ in range(attempts):
            turn = Turn(self._room, now)
            given = await decision(turn)
            try:
                if not turn.is_empty:
                    await self._room.commit(turn.changes)
            except Conflict:
                continue
            return given
        raise Unavailable

    async def _candidates(self, turn: Turn, call: Call) -> tuple[list[Booking], bool]:
        """What ``match`` has to know: who has the code, who calls from there, whether the number is shared."""
        keys: list[str] = []
        if call.code:
            # Not read by the turn: a claim that it knows from before its booking might not be that booking's.
            (claim,) = await self._room.read(code_key(call.dialled, call.code))
            keys += [] if claim is None else [booking_key(claim.body["instance"])]
        later = math.nextafter(turn.now, math.inf)
        if call.caller:
            keys += await turn.page(caller_index(call.dialled, call.caller), least=later, limit=_MOST_CANDIDATES)
        sharing = await turn.page(number_index(call.dialled), least=later, limit=2)
        found = await turn.read(*dict.fromkeys([*keys, *sharing]))
        return [Booking.from_document(body) for body in found if body is not None], len(sharing) > 1


async def _read(turn: Turn, *keys: str) -> dict[str, Body | None]:
    return dict(zip(keys, await turn.read(*keys), strict=True))


async def _end(turn: Turn, instance: str) -> None:
    """An instance's booking, and its claims but for those that others have by now."""
    key = booking_key(instance)
    (body,) = await turn.read(key)
    if body is None:
        return
    for claim, held in (await _read(turn, *Booking.from_document(body).claims)).items():
        if _is_of(held, instance):
            turn.write(claim, None)
    turn.write(key, None)


def _holds(claim: Body | None, now: float) -> bool:
    return claim is not None and now < float(claim["expires"])


def _is_of(claim: Body | None, instance: str) -> bool:
    return claim is not None and claim["instance"] == instance


def _first_free(known: Bodies, now: float) -> int:
    """Seconds until the first claim runs out; what is not known to end is asked for again after a while."""
    ends = [float(each["expires"]) for each in known.values() if each is not None and _holds(each, now)]
    return max(1, math.ceil(min(ends, default=now + 30.0) - now))
