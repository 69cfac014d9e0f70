"""What the chat side's leader does: hears the communication server, and keeps the deadlines of agents and chats.

Keeps no state: every decision reads what there is, because other nodes decide, too.

Source: MRE-4, MRE-11, MRE-120, MRE-123, AG-125, AG-126, AG-129.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from channels.interaction import idle
from gateway.agents import sessions
from gateway.agents.interactions import IDLE, Interactions
from gateway.agents.nodes import SWEEP, Nodes
from gateway.agents.places import Places, is_about_place
from gateway.agents.sessions import Sessions
from gateway.agents.settings import Settings
from gateway.agents.side import ChatSide
from gateway.agents.tasks import AGAIN, Tasks
from gateway.agents.turn import Turn
from gateway.agents.waiting import Waiting
from gateway.routing import messages, moment
from gateway.routing.bus.bus import BusMessage
from gateway.routing.refusal import Refused
from gateway.store.store import Deadline, Fence, TakenAlready

log = logging.getLogger(__name__)


class ChatDuty:
    """See ``gateway.routing.role.Duty``."""

    def __init__(
        self,
        side: ChatSide,
        settings: Settings,
        interactions: Interactions,
        agent_sessions: Sessions,
        tasks: Tasks,
        places: Places,
        waiting: Waiting,
        nodes: Nodes,
        new_hex: Callable[[], str],
    ) -> None:
        self._side = side
        self._settings = settings
        self._interactions = interactions
        self._sessions = agent_sessions
        self._tasks = tasks
        self._places = places
        self._waiting = waiting
        self._nodes = nodes
        self._new_hex = new_hex
        self._fence: Fence | None = None

    async def begin(self, fence: Fence) -> None:
        """Look for silent nodes from here on."""
        self._fence = fence
        await self._nodes.sweep(fence)

    async def receive(self, queue: str, message: BusMessage) -> str:
        """Store what follows; why the message is unreadable, if it is."""
        try:
            body = messages.read(queue, message)
        except Refused as refused:
            return str(refused)
        if message.correlation and (message.type != "Error" or body["Type"] == "GetTaskState"):
            await self._waiting.answered(message.correlation, body)
            return ""

        async def decision(turn: Turn) -> None:
            turn.said_at = min(turn.now, _time_of(message, turn.now))
            listener = self._places if is_about_place(body) else self._tasks
            await listener.heard(turn, message.type, body)

        try:
            await self._side.decide(decision, taken=f"{queue}/{message.id}", fence=self._fence)
        except TakenAlready:
            log.debug("heard before", extra={"type": message.type})
        return ""

    async def expire(self, deadline: Deadline) -> None:
        """Store what follows, and that it is over."""
        kind, _, name = deadline.name.partition(":")
        if kind == SWEEP and self._fence is not None:
            await self._nodes.sweep(self._fence)
            return

        async def decision(turn: Turn) -> None:
            turn.deadlines[deadline.name] = None
            if kind in (sessions.GRACE, sessions.LOST, sessions.REQUEUE):
                await self._sessions.expired(turn, kind, name)
            elif kind == IDLE:
                await self._be_idle(turn, name)
            elif kind == AGAIN:
                await self._tasks.ask_again(turn, name)

        await self._side.decide(decision, fence=self._fence)

    async def _be_idle(self, turn: Turn, id: str) -> None:
        chat = await self._interactions.find(turn, id)
        if chat is None:
            return
        awaited = idle.due(chat, self._settings.rules)
        turn.deadlines[f"{IDLE}:{id}"] = awaited[0] if awaited is not None else None
        await self._interactions.keep(turn, chat, idle.expire(chat, turn.now, self._new_hex, self._settings.rules))

    def end(self) -> None:
        """Another one leads."""
        self._fence = None


def _time_of(message: BusMessage, now: float) -> float:
    """When it was sent; now, of another program's that does not say."""
    try:
        return moment.read(message.time)
    except ValueError:
        return now
