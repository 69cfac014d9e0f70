"""The three services around access numbers, as an HTTP interface offers them.

Instances, what is stored with them and what becomes of them are the caller's, who also answers.

Source: RI-1…7, RI-10, RA-1…7, MI-1…6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from gateway.access.booking import Booking
from gateway.access.bookings import Bookings
from gateway.access.dialling import Dialling
from gateway.access.requests import Options, Pools, Search, Wanted, access_wanted, interaction_wanted, search_wanted
from gateway.customers.values import Values
from gateway.store.turn import Turn

MOST_MATCHES: Final = 100
"""Instances in one answer."""


class AccessService:
    """Books numbers and finds bookings again, in its caller's decisions.

    Args:
        pools: the groups as they are configured at the moment (RS-7).

    What has a turn raises Conflict and Unavailable, as ``Bookings`` does.
    """

    def __init__(self, bookings: Bookings, *, pools: Callable[[], Pools], dialling: Dialling) -> None:
        self._bookings = bookings
        self._pools = pools
        self._dialling = dialling

    def interaction_wanted(self, parameters: Values, options: Options) -> Wanted:
        """What a request-interaction asks for. Raises RequestWrong, GroupWrong."""
        return interaction_wanted(parameters, options, self._pools(), self._dialling)

    def access_wanted(self, parameters: Values, options: Options) -> tuple[str, Wanted]:
        """For which instance a request-access asks for what. Raises RequestWrong, GroupWrong."""
        return access_wanted(parameters, options, self._pools(), self._dialling)

    def search_wanted(self, parameters: Values, options: Options) -> Search:
        """Whose call a match-interaction looks for. Raises RequestWrong."""
        return search_wanted(parameters, options, self._dialling)

    async def book(self, turn: Turn, instance: str, data_id: str, wanted: Wanted, *, until: float) -> dict[str, Any]:
        """What an app is told of the number that its instance has with this turn (RI-2, RA-2, RI-10).

        Args:
            until: when the instance is over.

        Raises NoneFree: nothing of the turn may be committed (ERR-5).
        """
        booking = await self._bookings.book_in(turn, instance, data_id, wanted, until=until)
        answer: dict[str, Any] = {"_access_number": booking.number}
        if booking.code:
            answer["_access_code"] = booking.code
        answer["_expiration_time"] = str(booking.seconds)  # a text of digits, as in dialogs (G-20)
        if wanted.with_health:
            health = await self._bookings.health_in(turn, wanted.pool)
            answer["_pool_health"] = {
                "group": wanted.pool.name,
                "size": health.size,
                "free": health.free,
                "booked": health.booked,
            }
        return answer

    async def find(self, turn: Turn, search: Search) -> Sequence[Booking]:
        """Whose call it is, the oldest first; with this turn their numbers are free (MI-3). Raises MatchNotFound."""
        return await self._bookings.find_in(turn, search.call, most=MOST_MATCHES if search.all else 1)

    async def release(self, turn: Turn, instance: str) -> None:
        """An instance is over with this turn: its number and code are free (RS-3)."""
        await self._bookings.release_in(turn, instance)


def match_answer(
    search: Search, found: Sequence[Booking], data: Sequence[Mapping[str, str]] | None = None
) -> dict[str, Any]:
    """Who was found (MI-2, MI-7); there is one at least.

    Args:
        data: what is stored for each of them, where that is told, too.
    """
    matches: list[dict[str, Any]] = [{"_id": each.instance, "_data_id": each.data_id} for each in found]
    if data is not None:
        for told, stored in zip(matches, data, strict=True):
            told["_data"] = stored
    return {"matches": matches} if search.all else matches[0]
