"""The three services around access numbers, as an HTTP interface offers them.

Instances and what is stored with them are the caller's: he names them, and is told which ones a call is for.

Source: RI-1…7, RI-10, RA-1…7, MI-1…7.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from gateway.access.booking import Booking
from gateway.access.bookings import Bookings
from gateway.access.dialling import Dialling
from gateway.access.refusal import InstanceUnknown
from gateway.access.requests import Options, Pools, Search, Wanted, access_wanted, interaction_wanted, search_wanted
from gateway.customers.values import Values

MOST_MATCHES: Final = 100
"""Instances in one answer."""


class AccessService:
    """Books numbers and finds bookings again.

    Args:
        pools: the groups as they are configured at the moment (RS-7).
        data_of: storage id of an instance's data; empty where it has none, None where there is no such instance, or it
            is over (RA-3).

    All methods with a time raise Unavailable. Times are seconds since 1970.
    """

    def __init__(
        self,
        bookings: Bookings,
        *,
        pools: Callable[[], Pools],
        dialling: Dialling,
        data_of: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self._bookings = bookings
        self._pools = pools
        self._dialling = dialling
        self._data_of = data_of

    def wanted(self, parameters: Values, options: Options) -> Wanted:
        """What a request-interaction asks for; ask before anything of it is stored (ERR-5).

        Raises RequestWrong, GroupWrong.
        """
        return interaction_wanted(parameters, options, self._pools(), self._dialling)

    async def request_interaction(self, instance: str, data_id: str, wanted: Wanted, now: float) -> dict[str, Any]:
        """The answer to who began this instance (RI-2).

        Raises NoneFree; what the caller has stored for the instance is then his to remove.
        """
        booking = await self._bookings.book(instance, data_id, wanted, now)
        answer = {"_id": instance, **_access(booking, wanted.seconds)}
        if wanted.with_health:
            health = await self._bookings.health(wanted.pool, now)
            answer["_pool_health"] = {
                "group": wanted.pool.name,
                "size": health.size,
                "free": health.free,
                "booked": health.booked,
            }
        return answer

    async def request_access(self, parameters: Values, options: Options, now: float) -> dict[str, Any]:
        """The answer to who wants a number for an instance that is there (RA-2).

        Raises RequestWrong, GroupWrong, InstanceUnknown, NoneFree.
        """
        instance, wanted = access_wanted(parameters, options, self._pools(), self._dialling)
        data_id = await self._data_of(instance)
        if data_id is None:
            raise InstanceUnknown("there is no such instance, or it is over")
        return _access(await self._bookings.book(instance, data_id, wanted, now), wanted.seconds)

    async def match_interaction(
        self, parameters: Values, options: Options, now: float
    ) -> tuple[Search, Sequence[Booking]]:
        """Whose call it is, the oldest first, and what is to be done about it; their numbers are free (MI-3).

        To tell a callback of it (MI-8) and to end instances is the caller's; ``match_answer`` is what he answers.

        Raises RequestWrong, MatchNotFound.
        """
        search = search_wanted(parameters, options, self._dialling)
        return search, await self._bookings.find(search.call, now, most=MOST_MATCHES if search.all else 1)

    async def release(self, instance: str) -> None:
        """An instance is over: its number and code are free (RS-3)."""
        await self._bookings.release(instance)


def match_answer(search: Search, found: Sequence[Booking]) -> dict[str, Any]:
    """Who was found (MI-2, MI-7); there is one at least."""
    matches = [{"_id": booking.instance, "_data_id": booking.data_id} for booking in found]
    return {"matches": matches} if search.all else dict(matches[0])


def _access(booking: Booking, seconds: int) -> dict[str, Any]:
    """A time is a text of digits, as in dialogs (G-20)."""
    code = {"_access_code": booking.code} if booking.code else {}
    return {"_access_number": booking.number, **code, "_expiration_time": str(seconds)}
