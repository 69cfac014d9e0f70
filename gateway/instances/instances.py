"""All instances of the store: begun, found and ended, from any node.

An instance and its storage area begin and end in one commit, together with whatever the kind of its service keeps. A
deadline tells the leader when its life is over, so that those who care for it hear of it.

Source: SV-4, SV-5, SV-7, G-10, G-14, G-18, AUTH-6, ERR-5; ST-14, ST-15; SM-70.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from uuid import UUID

from gateway.access.refusal import InstanceUnknown
from gateway.customers.storage import LONGEST_TTL, Storage
from gateway.customers.values import Values
from gateway.instances.instance import Instance, application_data, instance_key, is_id, reserved_parameters
from gateway.store.store import Fence, Room
from gateway.store.turn import Turn, decided

DEADLINE: Final = "instance"
"""Kind of the deadlines of instances: it stands before the colon of their names."""
_LINGERING: Final = 24 * 60 * 60.0
"""Seconds that the document of one stays whose end nobody has told of; a leader does in a moment."""

T = TypeVar("T")


def node_number(name: str) -> int:
    """A small number of a node's: what its ids begin with; two nodes may have the same one (G-18)."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % 999 + 1


class Instances:
    """The instances of one room.

    Args:
        room: the customers' part of the store.
        node: this process among those of the gateway.
        clock: seconds since 1970.
        new_uuid: a random one.
        is_strict: refuse who does not say his user where an instance has one (``server.strict_user``).

    All methods raise Unavailable.
    """

    def __init__(
        self,
        room: Room,
        storage: Storage,
        *,
        node: str,
        clock: Callable[[], float],
        new_uuid: Callable[[], UUID],
        is_strict: bool = False,
    ) -> None:
        self._room = room
        self._storage = storage
        self._number = node_number(node)
        self._clock = clock
        self._new_uuid = new_uuid
        self._is_strict = is_strict
        self.ending: list[Callable[[Turn, Instance], Awaitable[None]]] = []
        """Add to the commit by which an instance ends; they may be asked again, as every decision."""
        self.ended: list[Callable[[Instance], Awaitable[None]]] = []
        """Told when one has ended, unless the node crashes just then: what must not be lost is for ``ending``."""

    def new_id(self) -> str:
        """What a new one is called."""
        return f"{self._number}-{self._new_uuid()}"

    async def create(
        self,
        turn: Turn,
        *,
        service: str,
        name: str,
        kind: str,
        user: str,
        ttl: float,
        values: Values,
        id: str = "",
    ) -> Instance:
        """A new instance with its storage area, in the caller's commit.

        Args:
            service: the name asked for.
            name: of the service that handles it.
            kind: what that does.
            ttl: seconds that it lives from now on (SV-4).
            values: all parameters of the request; what is reserved is kept with the instance, the rest in the area.
            id: of ``new_id``, where the caller has to know it before; empty: it is given one.

        Raises RequestWrong, TooLarge.
        """
        id, data, ttl = id or self.new_id(), self._storage.new_id(), min(ttl, LONGEST_TTL)
        instance = Instance(
            id=id,
            service=service,
            name=name,
            kind=kind,
            user=user,
            data=data,
            created=turn.now,
            expires=turn.now + ttl,
            reserved=reserved_parameters(values),
        )
        key = instance_key(id)
        await turn.read(key)
        turn.write(key, instance.to_document(), ttl=ttl + _LINGERING)
        turn.deadlines[key] = instance.expires
        await self._storage.put(turn, data, application_data(values), ttl)
        return instance

    async def find(self, id: str, *, user: str) -> Instance:
        """One that a customer's app asks for. Raises InstanceUnknown, also for who may not use it (AUTH-6).

        Args:
            user: who asks; empty: he does not say.
        """
        return await self.open_in(Turn(self._room, self._clock()), id, user)

    async def open_in(self, turn: Turn, id: str, user: str) -> Instance:
        """As ``find``, as the caller's turn reads it. Raises InstanceUnknown."""
        instance = await self.find_in(turn, id)
        if instance is None or not instance.is_open_to(user, is_strict=self._is_strict):
            raise _unknown()
        return instance

    async def find_any(self, id: str) -> Instance:
        """One that the contact center's own side asks for, which is no user's. Raises InstanceUnknown."""
        instance = await self.look(id)
        if instance is None:
            raise _unknown()
        return instance

    async def look(self, id: str) -> Instance | None:
        """One that is there and not over, whoever asks."""
        return await self.find_in(Turn(self._room, self._clock()), id)

    async def find_in(self, turn: Turn, id: str) -> Instance | None:
        """One that is there and not over, as the caller's turn reads it."""
        instance = await self._stored(turn, id) if is_id(id) else None
        return instance if instance is not None and instance.is_live(turn.now) else None

    async def end(self, id: str) -> None:
        """One is over; nothing, if it is already (SV-7)."""
        await self._told(await self.decide(lambda turn: self.end_in(turn, id)))

    async def end_in(self, turn: Turn, id: str) -> Instance | None:
        """One is over with the caller's commit, with its data and what others keep of it; what it was.

        After the commit ``tell_ended`` has to be called with what this gave, unless that is None: there was none.
        """
        instance = await self._stored(turn, id) if is_id(id) else None
        if instance is None:
            return None
        key = instance_key(id)
        turn.write(key, None)
        turn.deadlines[key] = None
        await self._storage.drop(turn, instance.data)
        for listener in self.ending:
            await listener(turn, instance)
        return instance

    async def tell_ended(self, instance: Instance) -> None:
        """After the commit of ``end_in``."""
        for listener in self.ended:
            await listener(instance)

    async def expire(self, name: str, fence: Fence) -> None:
        """A deadline of the kind ``instance`` is due; see ``gateway.customers.duty``. Raises LeaseLost."""

        async def decision(turn: Turn) -> Instance | None:
            ended = await self.end_in(turn, name)
            turn.deadlines[instance_key(name)] = None  # also of what has vanished
            return ended

        await self._told(await self.decide(decision, fence=fence))

    async def decide(self, decision: Callable[[Turn], Awaitable[T]], *, fence: Fence | None = None) -> T:
        """Take a decision about customers, and commit it; see ``gateway.store.turn.decided``."""

        def begin() -> Turn:
            turn = Turn(self._room, self._clock())
            turn.fence = fence
            return turn

        given, _ = await decided(self._room, decision, begin)
        return given

    # What an app keeps with its instance

    async def add(self, instance: Instance, values: Values) -> None:
        """Add or change keys of its area, whose life they do not prolong (ST-14).

        Raises InstanceUnknown, RequestWrong, TooLarge.
        """

        async def decision(turn: Turn) -> None:
            live = await self._live(turn, instance.id)
            await self._storage.put(turn, live.data, application_data(values), live.expires - turn.now)

        await self.decide(decision)

    async def remove(self, instance: Instance, key: str) -> None:
        """End a key of its area. Raises InstanceUnknown, StorageNotFound."""

        async def decision(turn: Turn) -> None:
            live = await self._live(turn, instance.id)
            await self._storage.remove(turn, live.data, key, live.expires - turn.now)

        await self.decide(decision)

    # Steps

    async def _live(self, turn: Turn, id: str) -> Instance:
        instance = await self.find_in(turn, id)
        if instance is None:
            raise _unknown()
        return instance

    async def _stored(self, turn: Turn, id: str) -> Instance | None:
        (body,) = await turn.read(instance_key(id))
        return Instance.from_document(body) if body is not None else None

    async def _told(self, ended: Instance | None) -> None:
        if ended is not None:
            await self.tell_ended(ended)


def _unknown() -> InstanceUnknown:
    return InstanceUnknown("there is no such instance, or it is over")
