"""What operators may see of the routing, and do to it: one task, the dead letters, what goes by on the bus.

Nobody here decides about tasks or agents: what an operator sends is handled by the roles as any message is.

Source: MRE-77, MRE-125, MRE-152.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody, Unavailable
from gateway.operations import Report, RoutingRefused, RoutingUnknown
from gateway.routing import moment
from gateway.routing.bus.bus import CHAT_SERVER, COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE, Bus, BusMessage
from gateway.routing.bus.dead_letters import DeadLetter, DeadLetters
from gateway.routing.bus.tap import Tap
from gateway.routing.communication.records import TaskRecord
from gateway.routing.communication.state import TASK
from gateway.routing.leg import Leg
from gateway.routing.machine import NewId
from gateway.routing.messages import MESSAGES, compose, read
from gateway.routing.refusal import Refused
from gateway.store.store import Room

log = logging.getLogger(__name__)

QUEUES: Final = (GENERAL, ROUTING_ENGINE, COMMUNICATION_SERVER, CHAT_SERVER)
"""Whose dead letters are looked at unless an operator names one."""
MOST_LETTERS: Final = 100
"""Dead letters that are listed of a queue, the oldest."""
PATIENCE: Final = 3.0
"""Seconds that an operator waits for a queue to take his message."""
COUNTING: Final = 0.3
"""Seconds for counting dead letters; who asks for metrics is not kept longer."""


class BusWithDeadLetters(Bus, DeadLetters, Protocol):
    """What all of ours are."""


class Admin:
    """The operators' side of one node's routing.

    Args:
        bus: what they send goes there.
        tap: what they listen by.
        tasks: the communication server's room; None: another program plays that role.
        node: names the producer of what they send.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        bus: BusWithDeadLetters,
        tap: Tap,
        tasks: Room | None,
        *,
        node: str,
        clock: Callable[[], float],
        new_id: NewId,
    ) -> None:
        self._bus = bus
        self._tap = tap
        self._tasks = tasks
        self._node = node
        self._clock = clock
        self._new_id = new_id

    async def task(self, id: str) -> Report:
        """State, legs and history of a task, until some time after it is closed (MRE-76, MRE-77).

        Raises RoutingUnknown, Unavailable.
        """
        if self._tasks is None:
            raise RoutingUnknown("tasks are known to the communication server, which another program is here")
        (document,) = await self._tasks.read(TASK + id)
        if document is None:
            raise RoutingUnknown(f"there is no task {id}, or it was closed too long ago")
        return _task_report(TaskRecord.from_body(document.body))

    async def dead_letters(self, queue: str | None) -> Report:
        """Those of one queue, or of all that the roles take from. Raises Unavailable."""
        letters = [
            letter
            for name in ([queue] if queue else QUEUES)
            for letter in await self._bus.dead_letters(name, MOST_LETTERS)
        ]
        return {"letters": [_letter_report(letter) for letter in letters]}

    async def replay(self, queue: str, id: str) -> Report:
        """Send a dead letter to its queue again, as a message of its own, and keep it no longer.

        Its id is made of the old one and the moment of its burial: asked for twice, it is handled once, and it is not
        taken for the one that was handled before it was buried.

        Raises RoutingUnknown; RoutingRefused: its secret is not known any more; Unavailable.
        """
        letter = next(
            (each for each in await self._bus.dead_letters(queue, MOST_LETTERS) if each.message.id == id), None
        )
        if letter is None:
            raise RoutingUnknown(f"{queue} has no dead letter {id} among its {MOST_LETTERS} oldest")
        if not letter.is_whole:
            raise RoutingRefused("it named a secret, which dead letters do not keep: send the message anew")
        message = replace(letter.message, id=f"{id}/{round(letter.last * 1000)}", expires=None)
        await self._send(queue, message)
        await self._bus.forget_dead(letter)
        log.info("an operator replays a dead letter", extra={"queue": queue, "id": id})
        return {"queue": queue, "id": message.id}

    async def send(self, message_type: str, queue: str | None, body: Mapping[str, Any]) -> Report:
        """Put one message into a queue: the one named, or the first that takes its type.

        Raises RoutingRefused: nobody could read it; Unavailable.
        """
        place = queue or next((place for known, place in MESSAGES if known == message_type), None)
        if place is None:
            known = ", ".join(sorted({name for name, _ in MESSAGES}))
            raise RoutingRefused(f"there is no message of the type {message_type[:64]!r}; there are {known}")
        try:
            message = compose(
                place, message_type, body, id=self._new_id(), now=self._clock(), producer=f"operator@{self._node}"
            )
            read(place, message)
        except ValueError as error:
            raise RoutingRefused(str(error)) from None
        except Refused as refused:
            raise RoutingRefused(refused.reason) from None
        await self._send(place, message)
        log.info("an operator sends a message", extra={"queue": place, "message_type": message_type, "id": message.id})
        return {"queue": place, "id": message.id}

    def overheard(self, cursor: Mapping[str, int]) -> Report:
        """What has gone by since the last look, whose ``cursor`` it was; {} begins to listen."""
        heard, lost = self._tap.listen(cursor.get(self._node, 0))
        last = heard[-1].number if heard else cursor.get(self._node, 0)
        return {"messages": [each.as_report() for each in heard], "lost": lost, "cursor": {self._node: last}}

    async def count_dead(self, queues: Iterable[str]) -> Mapping[str, int]:
        """How many each has; empty while the bus is away or too slow to be waited for."""
        try:
            async with asyncio.timeout(COUNTING):
                return {queue: await self._bus.count_dead(queue) for queue in queues}
        except (TimeoutError, Unavailable):
            return {}

    async def _send(self, queue: str, message: BusMessage) -> None:
        self._tap.hear(queue, [message])
        try:
            async with asyncio.timeout(PATIENCE):
                await self._bus.send(queue, message)
        except TimeoutError:
            raise Unavailable(f"nobody takes from {queue}") from None


def _task_report(task: TaskRecord) -> Report:
    """Without its params: they are the customer's words."""
    return {
        "id": task.id,
        "clientUniqueId": task.client_id,
        "mrd": task.mrd,
        "queue": task.queue,
        "priority": task.priority,
        "state": task.state,
        "code": task.code,
        "owner": task.owner_id,
        "created": moment.written(task.created),
        "changed": moment.written(task.since),
        "attempts": task.attempts,
        "held": task.held,
        "legs": [_leg_report(leg) for leg in task.legs],
        "history": list(task.history),
    }


def _leg_report(leg: Leg) -> Report:
    return {"agent": leg.agent, "state": leg.state, "role": leg.role, "joined": moment.written(leg.joined)}


def _letter_report(letter: DeadLetter) -> Report:
    return {
        "queue": letter.queue,
        "id": letter.message.id,
        "type": letter.message.type,
        "reason": letter.reason,
        "tries": letter.tries,
        "first": moment.written(letter.first),
        "last": moment.written(letter.last),
        "body": _shown(letter.message.body),
    }


def _shown(body: bytes) -> Any:
    """As JSON, or as text where it is none."""
    try:
        return json.decode(body, 0)
    except MalformedBody:
        return body.decode("utf-8", "replace")
