"""Callbacks whose customers come by a chat: the contact center finds the agent.

A callback waits at a place of the contact center, which its chat takes over. Both follow from the callback's id, so
whatever is asked twice is done once. What becomes of the chat is told by whoever watches interactions.

Source: SM-20, SM-25, SM-40…43, CB-12; TH-1, TH-11, TH-13.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from channels.interaction.refusal import NOT_FOUND, OperationRefused
from gateway.agents.customers import Customers, id_of
from gateway.agents.operations import QueuePosition
from gateway.agents.places import Places
from gateway.callback.threshold import QueueReport
from gateway.callbacks.router import QueueUnknown

log = logging.getLogger(__name__)


class Opening(Protocol):
    """What a chat begins with."""

    @property
    def nickname(self) -> str:
        """The customer's name in it."""

    @property
    def user_data(self) -> Mapping[str, Any]:
        """What is attached for the agent: items of the customer's form, his subject among them."""


ChatOf = Callable[[str], Awaitable[Opening | None]]
"""How the chat of a callback begins; None: nobody has asked for one. Raises Unavailable."""


class Desks:
    """See ``Router``.

    Args:
        chat_of: what the customer has said about his chat, by the callback's id.
    """

    def __init__(self, places: Places, customers: Customers, chat_of: ChatOf) -> None:
        self._places = places
        self._customers = customers
        self._chat_of = chat_of

    async def join(self, id: str, queue: str, *, since: float) -> None:
        """Hold a place."""
        try:
            await self._places.hold(id, queue, since=since)
        except OperationRefused as refused:
            raise QueueUnknown(refused.text) from None

    async def look(self, id: str) -> QueueReport | None:
        """Where the place is, or the chat that has taken it."""
        position = await self._places.look(id) or await self._look_at_chat(id)
        return _report(position) if position is not None else None

    async def route(self, id: str, queue: str, *, since: float) -> None:
        """Begin the chat at the place; nothing, where that was given up."""
        opening = await self._chat_of(id)
        if opening is None:
            log.debug("nobody has asked for the chat of a callback", extra={"instance": id})
            return
        try:
            await self._customers.begin_chat(
                nickname=opening.nickname,
                queue=queue,
                user_data=opening.user_data,
                service=id,
                key=id,
                place=id,
                since=since,
            )
        except OperationRefused as refused:
            if refused.status_code == NOT_FOUND:
                raise QueueUnknown(refused.text) from None

    async def next_target(self, id: str, *, rejections: int) -> None:
        """Take the chat back from the agent who is asked, if it was offered to fewer than so many before."""
        await self._customers.ask_another(id_of(id), rejections)

    async def leave(self, id: str) -> None:
        """Give up the place, or end the chat that has taken it; where an agent is or was in that, it goes on."""
        await self._places.release(id)
        await self._customers.give_up(id_of(id))

    async def _look_at_chat(self, id: str) -> QueuePosition | None:
        try:
            return await self._customers.queue_position(id_of(id))
        except OperationRefused:  # it has not begun, or is over
            return None


def _report(position: QueuePosition) -> QueueReport:
    eta = position.estimated_wait
    return QueueReport(
        position=position.position,
        total=position.waiting,
        eta=round(eta) if eta is not None else None,
        ready_agents=position.ready_agents,
    )
