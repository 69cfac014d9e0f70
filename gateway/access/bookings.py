"""All bookings of the store: made, found by a call and ended, from any node at the same time.

Nobody waits for anybody: who finds a claim taken that was free a moment ago looks again. What has run out is as good as
gone by the caller's clock, whether or not the store has removed it already, so that no node has to end anything.

Source: RS-3…5, RS-7, RI-5, RI-6, RA-7, MI-1, MI-3, RI-10.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bayeux.protocol.errors import Unavailable
from gateway.access.booking import Booking, booking_key, caller_index, code_key, lock_key, number_index
from gateway.access.code import Below, draw
from gateway.access.dialling import Dialling
from gateway.access.match import Call, match
from gateway.access.pool import Pool, Strategy
from gateway.access.refusal import MatchNotFound, NoneFree
from gateway.access.requests import Wanted
from gateway.store.store import Changes, Conflict, Document, Room, Write

_ATTEMPTS: Final = 16
"""Beyond those that a group's size explains."""
_DRAWS: Final = 64
"""Of a code, until there seems to be none that is free; of a hundred where one is free half of all find it."""
_LINGERING: Final = 60.0
"""Seconds that the store keeps what has run out: clocks of nodes may differ."""
_MOST_CANDIDATES: Final = 100
"""Bookings of one caller on one number that a call is compared with."""


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
        pool = wanted.pool
        # Of those who book at once one is first for each number, so a group is looked at again as often as it is large.
        for _ in range(len(pool.numbers) + _ATTEMPTS):
            known = await self._read(booking_key(instance), *self._locks(pool))
            number = self._choose(pool, known, instance, now)
            dialled = self._dialling.comparable(number)
            booking = Booking(
                instance=instance,
                data_id=data_id,
                number=number,
                dialled=dialled,
                caller=wanted.caller,
                code=await self._free_code(dialled, wanted.code_length, known, now) if wanted.code_length else "",
                scope=pool.scope(self._node),
                booked=now,
                expires=now + wanted.seconds,
            )
            try:
                await self._replace(known, booking, now)
            except Conflict:
                continue
            return booking
        raise Unavailable

    async def find(self, call: Call, now: float, *, most: int = 1) -> list[Booking]:
        """The bookings that a call is for, the oldest first; they have ended (MI-3). Of two calls one finds it.

        Raises:
            MatchNotFound: nothing has changed.
        """
        for _ in range(_ATTEMPTS):
            documents, is_shared = await self._candidates(call, now)
            bookings = [Booking.from_document(each.body) for each in documents.values()]
            found = match(bookings, call, now, is_shared=is_shared)[:most]
            if not found:
                raise MatchNotFound("no booking matches")
            try:
                await self._end(found, documents)
            except Conflict:
                continue
            return found
        raise Unavailable

    async def release(self, instance: str) -> None:
        """End what an instance has booked, as it is over; nothing, if it has nothing (RS-3)."""
        for _ in range(_ATTEMPTS):
            known = await self._read(booking_key(instance))
            document = known[booking_key(instance)]
            if document is None:
                return
            try:
                await self._end([Booking.from_document(document.body)], {document.key: document})
            except Conflict:
                continue
            return
        raise Unavailable

    async def health(self, pool: Pool, now: float) -> Health:
        """How many numbers of a group are given; they are counted as they are dialled."""
        known = await self._read(*self._locks(pool))
        dialled = {self._dialling.comparable(number) for number in pool.numbers}
        booked = [number for number in dialled if self._is_locked(number, known, "", now)]
        return Health(len(dialled), len(booked))

    # A number

    def _choose(self, pool: Pool, known: Mapping[str, Document | None], instance: str, now: float) -> str:
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

    def _is_locked(self, dialled: str, known: Mapping[str, Document | None], instance: str, now: float) -> bool:
        """Whether another instance holds the number."""
        locks = (known[lock_key(scope, dialled)] for scope in self._scopes)
        return any(_holds(lock, now) and not _is_of(lock, instance) for lock in locks)

    async def _free_code(self, dialled: str, length: int, known: dict[str, Document | None], now: float) -> str:
        """A code that nobody has on the number; its claim is known afterwards. Raises NoneFree."""
        for _ in range(_DRAWS):
            code = draw(length, self._below)
            key = code_key(dialled, code)
            known.update(await self._read(key))
            if not _holds(known[key], now):
                return code
        raise NoneFree("no access code is free")

    # The store

    async def _read(self, *keys: str) -> dict[str, Document | None]:
        return dict(zip(keys, await self._room.read(*keys), strict=True))

    async def _replace(self, known: dict[str, Document | None], booking: Booking, now: float) -> None:
        """Have an instance's booking be this one. Raises Conflict."""
        key = booking_key(booking.instance)
        before = known[key]
        writes = {} if before is None else await self._ended([Booking.from_document(before.body)])
        ttl = booking.expires - now + _LINGERING
        claim = {"instance": booking.instance, "expires": booking.expires}
        for each in booking.claims:
            # What the end of the booking before has read is later than what the choice was made by; the choice counts.
            writes[each] = Write(each, claim, _version(known[each]), ttl=ttl)
        writes[key] = Write(key, booking.to_document(), _version(before), booking.indexes, ttl)
        await self._room.commit(Changes(writes=list(writes.values())))

    async def _end(self, bookings: Sequence[Booking], documents: Mapping[str, Document]) -> None:
        """Raises Conflict."""
        writes = await self._ended(bookings)
        for booking in bookings:
            key = booking_key(booking.instance)
            writes[key] = Write(key, None, documents[key].version)
        await self._room.commit(Changes(writes=list(writes.values())))

    async def _ended(self, bookings: Sequence[Booking]) -> dict[str, Write]:
        """The end of these bookings' claims, but for those that others have by now."""
        owners = {claim: booking.instance for booking in bookings for claim in booking.claims}
        claims = await self._read(*owners)
        return {
            key: Write(key, None, claim.version)
            for key, claim in claims.items()
            if claim is not None and _is_of(claim, owners[key])
        }

    async def _candidates(self, call: Call, now: float) -> tuple[dict[str, Document], bool]:
        """What ``match`` has to know: who has the code, who calls from there, whether the number is shared."""
        keys: list[str] = []
        if call.code:
            (claim,) = await self._room.read(code_key(call.dialled, call.code))
            keys += [] if claim is None else [booking_key(claim.body["instance"])]
        later = math.nextafter(now, math.inf)
        if call.caller:
            index = caller_index(call.dialled, call.caller)
            keys += [each.key for each in await self._room.page(index, least=later, limit=_MOST_CANDIDATES)]
        sharing = await self._room.page(number_index(call.dialled), least=later, limit=2)
        keys += [each.key for each in sharing]
        found = await self._read(*dict.fromkeys(keys))
        return {key: document for key, document in found.items() if document is not None}, len(sharing) > 1


def _holds(claim: Document | None, now: float) -> bool:
    return claim is not None and now < float(claim.body["expires"])


def _is_of(claim: Document | None, instance: str) -> bool:
    return claim is not None and claim.body["instance"] == instance


def _version(document: Document | None) -> int:
    return 0 if document is None else document.version


def _first_free(known: Mapping[str, Document | None], now: float) -> int:
    """Seconds until the first claim runs out; what is not known to end is asked for again after a while."""
    ends = [float(each.body["expires"]) for each in known.values() if each is not None and _holds(each, now)]
    return max(1, math.ceil(min(ends, default=now + 30.0) - now))
