"""What an agent has in hand, as a collection and one by one, whatever dialect it is told in.

Source: AG-4, AG-55…57, AG-69, AG-70, AG-143.
"""

from __future__ import annotations

from typing import ClassVar

from gateway.agents.operations import Dialect, Json
from gateway.api.answers import DEFAULT_LIMIT, collection, done, paged
from gateway.api.declaration import Order
from gateway.api.resource import Operable, Readable


class Held(Readable):
    """All of one dialect that this agent has."""

    dialect: ClassVar[Dialect]
    """Also the plural name of what is in it."""

    async def read(self, query: Json, *path: str) -> Json:
        """What is invited, accepted or composed; all of it at one moment."""
        objects = await self.service.interactions(self.caller, self.dialect)
        offset = query.get("offset", 0)
        page = objects[offset : offset + query.get("limit", DEFAULT_LIMIT)] if "limit" in query else objects[offset:]
        origin = f"{self.caller.origin}/api/v2"
        uris = [f"{origin}/{self.dialect}/{each['id']}" for each in page]
        return {
            **collection(self.dialect.value, page, uris, query),
            **paged(f"{origin}{self.path}", query, len(objects)),
        }


class HeldOne(Readable, Operable):
    """One of them, and what can be done with it."""

    dialect: ClassVar[Dialect]

    async def read(self, query: Json, *path: str) -> Json:
        """As the notifications show it."""
        singular = self.dialect.value.removesuffix("s")
        return {singular: await self.service.interaction(self.caller, path[0], self.dialect)}

    async def operate(self, order: Order, *path: str) -> Json:
        """Only that it was taken (AG-4)."""
        taken = await self.service.perform(self.caller, path[0], order.operation, order.parameters, self.dialect)
        return done(taken)
