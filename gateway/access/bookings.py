"""All bookings of the store: made, found by a call and ended, from any node at the same time.

Each is a part of somebody's decision, so that a number is given in the same commit as the instance that it is for.
Nobody waits for anybody: who finds a claim taken that was free a moment ago looks again. What has run out is as good as
gone by the caller's clock, whether or not the store has removed it already, so that no node has to end anything.

A booking is read before its claims. The other way round, it might be younger than what is known of them, and its end
would leave them behind: the number or code of a call that came in while it was being booked (``_end``).

Source: RS-3…5, RS-7, RI-5, RI-6, RA-7, MI-1, MI-3, RI-10.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from gateway.access.booking import Booking, booking_key, caller_index, code_key, lock_key, number_index
from gateway.access.code import Below, draw
from gateway.access.dialling import Dialling
from gateway.access.match import Call, match
from gateway.access.pool import Pool, Strategy
from gateway.access.refusal import MatchNotFound, NoneFree
from gateway.access.requests import Wanted
from gateway.store.store import Conflict, Room
from gateway.store.turn import Turn, decided

_DRAWS: Final = 64
"""Of a code, until there seems to be none that is free; of a hundred where one is free half of all find it."""
_LINGERING: Final = 60.0
"""Seconds that the store keeps what has run out: clocks of nodes may differ."""
_MOST_LOOKED_AT: Final = 100
"""Numbers of a group whose claims are read at once."""
_MOST_CANDIDATES: Final = 100
"""Bookings of one caller on one number that a call is compared with."""

Body = Mapping[str, Any] | None
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

    What has a turn is a part of that decision, and may raise Conflict: it has read what was changed meanwhile, and the
    decision has to be taken anew (``decided`` does). All methods raise Unavailable. Times are seconds since 1970.
    """

    def __init__(self, room: Room, *, node: str, dialling: Dialling, below: Below) -> None:
        self._room = room
        self._node = node
        self._dialling = dialling
        self._below = below
        self._last: dict[str, str] = {}
        """Number that was last given of each group: a node goes round by itself, and the claims keep nodes apart."""

    async def book(self, instance: str, data_id: str, wanted: Wanted, now: float) -> Booking:
        """As ``book_in``, as a decision of its own."""
        return await self._decide(lambda turn: self.book_in(turn, instance, data_id, wanted), now)

    async def find(self, call: Call, now: float, *, most: int = 1) -> list[Booking]:
        """As ``find_in``, as a decision of its own."""
        return await self._decide(lambda turn: self.find_in(turn, call, most=most), now)

    async def release(self, instance: str) -> None:
        """As ``release_in``, as a decision of its own."""
        await self._decide(lambda turn: self.release_in(turn, instance), math.inf)

    async def health(self, pool: Pool, now: float) -> Health:
        """As ``health_in``, by what is there now."""
        return await self.health_in(Turn(self._room, now), pool)

    # In somebody's decision

    async def book_in(
        self, turn: Turn, instance: str, data_id: str, wanted: Wanted, *, until: float = math.inf
    ) -> Booking:
        """Give an instance a number; what it had before is free in the same moment (RA-7).

        Args:
            until: when the instance is over: it holds no number afterwards (RS-3).

        Raises:
            NoneFree: the decision must change nothing.
        """
        pool, now = wanted.pool, turn.now
        key = booking_key(instance)
        (before,) = await turn.read(key)
        number = await self._choose(turn, pool, instance)
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
            expires=min(now + wanted.seconds, until),
        )
        if before is not None:
            await self._end(turn, Booking.from_document(before))
        ttl = booking.expires - now + _LINGERING
        for claim in booking.claims:
            body = {"instance": booking.instance, "booked": booking.booked, "expires": booking.expires}
            turn.write(claim, body, ttl=ttl)
        turn.write(key, booking.to_document(), indexes=booking.indexes, ttl=ttl)
        return booking

    async def find_in(self, turn: Turn, call: Call, *, most: int = 1) -> list[Booking]:
        """The bookings that a call is for, the oldest first; they have ended (MI-3). Of two calls one finds it.

        Raises:
            MatchNotFound: the decision must change nothing.
        """
        bookings, is_shared = await self._candidates(turn, call)
        found = match(bookings, call, turn.now, is_shared=is_shared)[:most]
        if not found:
            raise MatchNotFound("no booking matches")
        for booking in found:
            await self._end(turn, booking)
        return found

    async def release_in(self, turn: Turn, instance: str) -> None:
        """End what an instance has booked, as it is over; nothing, if it has nothing (RS-3)."""
        (body,) = await turn.read(booking_key(instance))
        if body is not None:
            await self._end(turn, Booking.from_document(body))

    async def health_in(self, turn: Turn, pool: Pool) -> Health:
        """How many numbers of a group are given, as the turn would leave them; they are counted as they are dialled."""
        locks = self._locks(pool.numbers)
        known = dict(zip(locks, await turn.read(*locks), strict=True))
        dialled = {self._dialling.comparable(number) for number in pool.numbers}
        booked = [number for number in dialled if self._is_locked(number, known, "", turn.now)]
        return Health(len(dialled), len(booked))

    async def _decide(self, decision: Callable[[Turn], Awaitable[T]], now: float) -> T:
        given, _ = await decided(self._room, decision, lambda: Turn(self._room, now))
        return given

    # A number

    async def _choose(self, turn: Turn, pool: Pool, instance: str) -> str:
        """Looks at some numbers at a time, from where the round stands: a large group has thousands.

        Raises NoneFree.
        """
        is_random = pool.strategy is Strategy.RANDOM
        size = len(pool.numbers)
        start = self._below(size) if is_random and size > _MOST_LOOKED_AT else self._stands(pool)
        in_turn = (*pool.numbers[start:], *pool.numbers[:start])
        known: dict[str, Body] = {}
        for first in range(0, size, _MOST_LOOKED_AT):
            some = in_turn[first : first + _MOST_LOOKED_AT]
            locks = self._locks(some)
            known.update(zip(locks, await turn.read(*locks), strict=True))
            free = [
                each for each in some if not self._is_locked(self._dialling.comparable(each), known, instance, turn.now)
            ]
            if free and is_random:
                return free[self._below(len(free))]
            if free:
                # Noted before it is booked: others of this node that book at the same time go on to the next one.
                chosen = self._last[pool.name] = pool.following(self._last.get(pool.name, ""), free)
                return chosen
        raise NoneFree(f"{pool.name}: no number is free", retry_after=_first_free(known, turn.now))

    def _stands(self, pool: Pool) -> int:
        """Place of the number whose turn it is."""
        last = self._last.get(pool.name)
        return pool.numbers.index(last) + 1 if last in pool.numbers else 0

    def _locks(self, numbers: Iterable[str]) -> list[str]:
        """Keys of all claims that keep these numbers from this node."""
        dialled = [self._dialling.comparable(number) for number in numbers]
        return list(dict.fromkeys(lock_key(scope, number) for number in dialled for scope in self._scopes))

    @property
    def _scopes(self) -> tuple[str, str]:
        return "", self._node

    def _is_locked(self, dialled: str, known: Mapping[str, Body], instance: str, now: float) -> bool:
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

    # Its documents

    async def _end(self, turn: Turn, booking: Booking) -> None:
        """End a booking that was read, and its claims but for those that others have by now.

        Raises Conflict where a claim was read before the booking was made.
        """
        claims = await turn.read(*booking.claims)
        for key, claim in zip(booking.claims, claims, strict=True):
            if not _is_of(claim, booking.instance):
                # Who has it by now booked later; who booked before had it, when it was read, before this one.
                if booking.is_live(turn.now) if claim is None else claim["booked"] <= booking.booked:
                    raise Conflict(key)
            else:
                turn.write(key, None)
        turn.write(booking_key(booking.instance), None)

    async def _candidates(self, turn: Turn, call: Call) -> tuple[list[Booking], bool]:
        """What ``match`` has to know: who has the code, who calls from there, whether the number is shared.

        None of that is kept in the turn but the bookings: it only tells which ones to look at.
        """
        keys: list[str] = []
        if call.code:
            (claim,) = await self._room.read(code_key(call.dialled, call.code))
            keys += [] if claim is None else [booking_key(claim.body["instance"])]
        later = math.nextafter(turn.now, math.inf)
        if call.caller:
            keys += await turn.page(caller_index(call.dialled, call.caller), least=later, limit=_MOST_CANDIDATES)
        sharing = await turn.page(number_index(call.dialled), least=later, limit=2)
        found = await turn.read(*dict.fromkeys([*keys, *sharing]))
        return [Booking.from_document(body) for body in found if body is not None], len(sharing) > 1


def _holds(claim: Body, now: float) -> bool:
    return claim is not None and now < float(claim["expires"])


def _is_of(claim: Body, instance: str) -> bool:
    return claim is not None and claim["instance"] == instance


def _first_free(known: Mapping[str, Body], now: float) -> int:
    """Seconds until the first claim runs out; what is not known to end is asked for again after a while."""
    ends = [float(each["expires"]) for each in known.values() if each is not None and _holds(each, now)]
    return max(1, math.ceil(min(ends, default=now + 30.0) - now))
