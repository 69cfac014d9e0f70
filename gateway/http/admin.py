"""What the internal listener serves about the routing: a task, the dead letters, the bus, the plan.

Source: MRE-77, MRE-125, MRE-150, MRE-152.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody, Unavailable
from gateway.http.internal import RETRY_AFTER, Ordered, OrderRefused
from gateway.operations import PlanChanged, PlanConflict, Report, RoutingRefused, RoutingUnknown


class _RoutingHandler(Ordered):
    """Answers what the routing says, or why it does not."""

    async def tell(self, asked: Awaitable[Report]) -> None:
        """Wait for it, and answer."""
        try:
            self.say(await asked)
        except RoutingRefused as refused:
            self.refuse(str(refused), 422)
        except RoutingUnknown as unknown:
            self.refuse(str(unknown), 404, 6)
        except PlanConflict as conflict:
            self.refuse(str(conflict), 409, 2)
        except PlanChanged as changed:
            self.refuse(str(changed), 412, 2)
        except Unavailable as away:
            self.set_header("Retry-After", str(RETRY_AFTER))
            self.refuse(f"the store or the bus is away ({away}); try again", 503, 4)

    def say(self, report: Report) -> None:
        """Answer it."""
        self.answer({"statusCode": 0, **report})


class TaskHandler(_RoutingHandler):
    """``GET /admin/tasks/{id}``."""

    async def get(self, id: str) -> None:
        """State, legs and history."""
        await self.tell(self.operations.task(id))


class DeadLettersHandler(_RoutingHandler):
    """``GET /admin/dlq?queue=…`` lists, ``POST /admin/dlq`` with ``{"queue": …, "id": …}`` replays one."""

    async def get(self) -> None:
        """Of one queue, or of all roles; without their secrets."""
        await self.tell(self.operations.dead_letters(self.get_query_argument("queue", None)))

    async def post(self) -> None:
        """Send it to its queue again."""
        try:
            match self.order():
                case {"queue": str(queue), "id": str(id)}:
                    pass
                case _:
                    raise OrderRefused('the body must be {"queue": name, "id": text}')
        except OrderRefused as refused:
            self.refuse(str(refused))
            return
        await self.tell(self.operations.replay(queue, id))


class BusHandler(_RoutingHandler):
    """``GET /admin/bus?cursor=…`` listens, ``POST /admin/bus`` with ``{"type": …, "queue": …, "body": …}`` sends."""

    async def get(self) -> None:
        """What has gone by since the look that gave this cursor; without one it begins to listen."""
        try:
            cursor = json.decode(self.get_query_argument("cursor", "{}"), 1)
        except MalformedBody:
            cursor = None
        if isinstance(cursor, dict) and all(type(number) is int for number in cursor.values()):
            await self.tell(self.operations.overheard(cursor))
        else:
            self.refuse("cursor must be what an earlier answer gave, as JSON")

    async def post(self) -> None:
        """Put one message into a queue."""
        try:
            match {"queue": None, **self.order()}:
                case {"type": str(message_type), "queue": str() | None as queue, "body": dict(body)}:
                    pass
                case _:
                    raise OrderRefused('the body must be {"type": text, "queue": name or null, "body": object}')
        except OrderRefused as refused:
            self.refuse(str(refused))
            return
        await self.tell(self.operations.send(message_type, queue, body))


class _PlanHandler(_RoutingHandler):
    """Its version is the ETag; it is that of all MRDs, queues, agents and attributes together."""

    def say(self, report: Report) -> None:
        """With the version, and 201 for what is new."""
        told = dict(report)
        is_new = told.pop("isNew", False)
        self.set_header("ETag", f'"{told["version"]}"')
        self.answer({"statusCode": 0, **told}, 201 if is_new else 200)


class PlanHandler(_PlanHandler):
    """``GET /admin/mrds``, ``queues``, ``agents``, ``attributes``."""

    async def get(self, kind: str) -> None:
        """All of them."""
        await self.tell(self.operations.planned(kind, None))


class PlanEntryHandler(_PlanHandler):
    """``GET``, ``PUT``, ``DELETE /admin/{mrds|queues|agents|attributes}/{name}``; ``If-Match``: only if unchanged."""

    async def get(self, kind: str, name: str) -> None:
        """One."""
        await self.tell(self.operations.planned(kind, name))

    async def put(self, kind: str, name: str) -> None:
        """A new one, or another one in its place."""
        try:
            body = self.order()
        except OrderRefused as refused:
            self.refuse(str(refused))
            return
        await self.tell(self.operations.plan(kind, name, body, self._seen()))

    async def delete(self, kind: str, name: str) -> None:
        """No more."""
        await self.tell(self.operations.plan(kind, name, None, self._seen()))

    def _seen(self) -> int | None:
        """The version that the asker has seen; one that never was if it is none of ours."""
        text = self.request.headers.get("If-Match", "*").strip()
        if text == "*":
            return None
        found = re.fullmatch(r'"(\d{1,15})"', text)
        return int(found[1]) if found else -1
