"""The services around access numbers, as kinds: a request is one decision, with instance, data and booking.

So what is refused has left nothing, and nobody is told a number that a crash could take from him.

Source: RI-1…10, RA-1…7, MI-1…9, RS-3, ERR-5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.access.booking import Booking
from gateway.access.refusal import InstanceUnknown
from gateway.access.requests import Search
from gateway.access.service import AccessService, match_answer
from gateway.callback.options import Options, Service
from gateway.customers.refusal import RequestWrong
from gateway.customers.storage import Storage
from gateway.instances.account import leads_past
from gateway.instances.dispatch import CALLBACK
from gateway.instances.instance import Instance
from gateway.instances.instances import Instances
from gateway.instances.request import Request
from gateway.instances.services import Kind
from gateway.store.turn import Turn

REQUEST_INTERACTION: Final = "request-interaction"
REQUEST_ACCESS: Final = "request-access"
MATCH_INTERACTION: Final = "match-interaction"

DEFAULT_TTL: Final = 30
"""Seconds that an instance of request-interaction lives where nobody says (RI-7)."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a call was for."""

    answer: dict[str, Any]
    matched: Sequence[Instance]
    ended: Sequence[Instance]


class AccessKinds:
    """request-interaction, request-access and match-interaction.

    Args:
        path_of: what is told of a file: where a key of a storage is to be had.
        configured: the services as they are configured at the moment.
    """

    def __init__(
        self,
        instances: Instances,
        storage: Storage,
        access: AccessService,
        path_of: Callable[[str, str], str],
        configured: Callable[[], Mapping[str, Options]],
    ) -> None:
        self._instances = instances
        self._storage = storage
        self._access = access
        self._path_of = path_of
        self._configured = configured
        self.matching: list[Callable[[Turn, Instance], Awaitable[None]]] = []
        """Add to the commit by which a callback's call is found; they may be asked again, as every decision."""
        self.matched: list[Callable[[str], Awaitable[None]]] = []
        """Told the ids of callbacks whose call was found, after that commit; not after a crash just then (MI-8)."""
        instances.ending.append(self._release)

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """To be registered."""
        return {
            REQUEST_INTERACTION: Kind(start=self.request_interaction),
            REQUEST_ACCESS: Kind(start=self.request_access),
            MATCH_INTERACTION: Kind(start=self.match_interaction, for_center=True),
        }

    async def request_interaction(self, service: Service, request: Request) -> Mapping[str, Any]:
        """A new instance, and a number for it (RI-2). Raises RequestWrong, GroupWrong, TooLarge, NoneFree."""
        wanted = self._access.interaction_wanted(request.values, service.options)
        ttl = _ttl(service.options)

        async def decision(turn: Turn) -> Mapping[str, Any]:
            instance = await self._instances.create(
                turn,
                service=service.asked,
                name=service.name,
                kind=REQUEST_INTERACTION,
                user=request.user,
                ttl=ttl,
                values=request.values,
            )
            told = await self._access.book(turn, instance.id, instance.data, wanted, until=instance.expires)
            return {"_id": instance.id, **told}

        return await self._instances.decide(decision)

    async def request_access(self, service: Service, request: Request) -> Mapping[str, Any]:
        """A number for an instance that is there (RA-2). Raises RequestWrong, GroupWrong, InstanceUnknown, NoneFree."""
        id, wanted = self._access.access_wanted(request.values, service.options)

        async def decision(turn: Turn) -> Mapping[str, Any]:
            instance = await self._instances.open_in(turn, id, request.user)
            if leads_past(self._configured(), service.asked, instance.service):
                raise InstanceUnknown("there is no such instance, or it is over")
            return await self._access.book(turn, instance.id, instance.data, wanted, until=instance.expires)

        return await self._instances.decide(decision)

    async def match_interaction(self, service: Service, request: Request) -> Mapping[str, Any]:
        """Whose call it is (MI-2, MI-7). Raises RequestWrong, MatchNotFound."""
        search = self._access.search_wanted(request.values, service.options)
        found = await self._instances.decide(lambda turn: self._find(turn, search))
        for instance in found.matched:
            for listener in self.matched:
                await listener(instance.id)
        for instance in found.ended:
            await self._instances.tell_ended(instance)
        return found.answer

    # Steps

    async def _find(self, turn: Turn, search: Search) -> _Found:
        bookings = await self._access.find(turn, search)
        data = [await self._data(turn, booking) for booking in bookings] if search.with_data else None
        instances = [await self._instances.find_in(turn, booking.instance) for booking in bookings]
        live = [instance for instance in instances if instance is not None]
        matched = [instance for instance in live if instance.kind == CALLBACK]
        for instance in matched:
            for listener in self.matching:
                await listener(turn, instance)
        ended = [await self._instances.end_in(turn, instance.id) for instance in live] if search.ends else []
        return _Found(match_answer(search, bookings, data), matched, [each for each in ended if each is not None])

    async def _data(self, turn: Turn, booking: Booking) -> dict[str, str]:
        """As ST-5 tells it."""
        texts = await self._storage.texts(turn, booking.data_id)
        return {key: self._path_of(booking.data_id, key) if text is None else text for key, text in texts.items()}

    async def _release(self, turn: Turn, instance: Instance) -> None:
        await self._access.release(turn, instance.id)


def _ttl(options: Options) -> int:
    """What the service says (RI-7). Raises RequestWrong."""
    text = options.get("_ttl", "").strip()
    if not text:
        return DEFAULT_TTL
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text)):
        raise RequestWrong("_ttl is a whole number of seconds above 0")
    return int(text)
