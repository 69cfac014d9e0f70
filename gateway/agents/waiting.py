"""Where customers stand in their queues: asked of the communication server, for nobody reads another role's room.

The answer goes to where the chat side listens, so it comes to the node that leads there. If another one has asked, it
finds the answer in the room: no node needs a queue of its own, which would be left over when it dies.

Source: MRE-4, MRE-100, MRE-110…112, MRE-114.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from bayeux.protocol.errors import Unavailable
from gateway.agents.operations import QueuePosition
from gateway.agents.side import ChatSide
from gateway.agents.turn import Turn
from gateway.routing import messages
from gateway.routing.bus.bus import CHAT_SERVER, GENERAL, Bus

PATIENCE: Final = 2.0
"""Seconds for an answer (MRE-112)."""
LOOK: Final = 0.1
"""Seconds between two looks for an answer that went to another node."""
KEPT: Final = 10.0
"""Seconds that an answer can be found; whoever asked waits no longer."""

Answer = Mapping[str, Any]


class Waiting:
    """Asks, and is told what was answered."""

    def __init__(self, side: ChatSide, bus: Bus) -> None:
        self._side = side
        self._bus = bus
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        """What this node waits for, by the question's id."""

    async def of_task(self, task: str) -> QueuePosition | None:
        """Where it stands; None, if it is in no queue. Raises Unavailable: nobody answered.

        Args:
            task: its id, or a held one's ``ClientUniqueId``.
        """
        side = self._side
        id, now = side.new_id(), side.clock()
        question = messages.compose(
            GENERAL,
            "GetTaskState",
            {"TaskId": task},
            id=id,
            now=now,
            producer=f"chat@{side.node}",
            reply_to=CHAT_SERVER,
            expires=now + PATIENCE,
        )
        answer = self._asked[id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._bus.send(GENERAL, question)
                return _position(await self._look_for(id, answer))
        except TimeoutError:
            raise Unavailable from None
        finally:
            del self._asked[id]

    async def answered(self, id: str, answer: Answer) -> None:
        """To be called by who leads, with what was answered to a question of any node. Raises Unavailable."""
        waited_for = self._asked.get(id)
        if waited_for is not None:
            if not waited_for.done():
                waited_for.set_result(answer)
            return

        async def leave(turn: Turn) -> None:
            await turn.read(_key(id))
            turn.write(_key(id), answer, ttl=KEPT)

        await self._side.decide(leave)

    async def _look_for(self, id: str, answer: asyncio.Future[Answer]) -> Answer:
        while True:
            await asyncio.wait([answer], timeout=LOOK)
            if answer.done():
                return answer.result()
            (left,) = await self._side.room.read(_key(id))
            if left is not None:
                return left.body


def _position(answer: Answer) -> QueuePosition | None:
    position, waiting, wait = (answer.get(name) for name in ("Position", "Waiting", "EstimatedWait"))
    if not isinstance(position, int) or not isinstance(waiting, int):
        return None  # it is not QUEUED, or unknown
    ready = answer.get("ReadyAgents")
    return QueuePosition(
        position,
        waiting,
        float(wait) if isinstance(wait, int | float) else None,
        ready if isinstance(ready, int) else 0,
    )


def _key(id: str) -> str:
    return f"answer:{id}"
