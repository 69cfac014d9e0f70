"""What a callback has set going with others: it leaves by the outbox, in order, and may leave twice.

An effect carries all that it needs. What would give a callback something (a place, an agent) is not carried out for one
that has gone on meanwhile; what takes something away always is.

Source: SM-20, SM-25, SM-40, SM-43, SM-70; TH-9.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from bayeux.protocol.errors import Unavailable
from gateway.callback.effects import AskQueue, Effect, JoinQueue, LeaveQueue, NextTarget, Route
from gateway.callback.events import News, QueueSeen, TargetUnknown
from gateway.callback.instance import Instance
from gateway.callback.profiles import Media
from gateway.callback.states import Reason, Step
from gateway.callbacks.callback import Callback
from gateway.callbacks.router import QueueUnknown, Router
from gateway.callbacks.sight import place_or_new
from gateway.store.store import Outgoing

log = logging.getLogger(__name__)

LANE: Final = "callback"
"""Of the outbox."""

_KINDS: Final = {kind.__name__: kind for kind in (JoinQueue, AskQueue, Route, NextTarget, LeaveQueue)}
"""Those that leave; the others are part of the commit that they follow from."""


class Told(Protocol):
    """Where callbacks are kept."""

    async def look(self, id: str) -> Callback | None:
        """One, as it stands now."""

    async def news(self, id: str, event: News, *, once: str = "") -> None:
        """Something has happened to it."""


def as_outgoing(callback: Callback, effect: Effect, id: str) -> Outgoing | None:
    """An effect as it stands in the outbox; None, if it is none that leaves."""
    kind = type(effect).__name__
    if kind not in _KINDS:
        return None
    instance = callback.instance
    body = {
        "callback": instance.id,
        "effect": kind,
        "media": instance.profile.media.value,
        "queue": callback.queue,
        "since": instance.created,
        "rejections": instance.rejections,
    }
    return Outgoing(id, LANE, body)


class Effects:
    """Carries them out.

    Args:
        routers: who finds agents for callbacks of which media.
    """

    def __init__(self, callbacks: Told, routers: Mapping[Media, Router]) -> None:
        self._callbacks = callbacks
        self._routers = routers

    async def leave(self, entries: Sequence[Outgoing]) -> None:
        """All of them: of one callback in their order, of different ones at once. Raises Unavailable."""
        of: dict[str, list[Mapping[str, Any]]] = {}
        for entry in entries:
            of.setdefault(entry.body["callback"], []).append(entry.body)
        outcomes = await asyncio.gather(*(self._carry_out_all(each) for each in of.values()), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _carry_out_all(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        for body in bodies:
            try:
                await self._carry_out(body)
            except Unavailable:
                raise
            except Exception:
                # It would stand in the way of all others; the callback's own deadlines take care of it.
                log.exception("defect in %s of callback %s", body["effect"], body["callback"])

    async def _carry_out(self, body: Mapping[str, Any]) -> None:
        kind, id = _KINDS[body["effect"]], body["callback"]
        router = self._routers[Media(body["media"])]
        if kind is LeaveQueue:
            await router.leave(id)
            return
        callback = await self._callbacks.look(id)
        if callback is None or not _is_wanted(kind, callback.instance):
            return
        try:
            if kind is JoinQueue:
                await router.join(id, body["queue"], since=body["since"])
                await self._take_back(router, id)
            elif kind is AskQueue:
                await self._ask(router, id, body)
            elif kind is Route:
                await router.route(id, body["queue"], since=body["since"])
            else:
                await router.next_target(id, rejections=body["rejections"])
        except QueueUnknown:
            await self._callbacks.news(id, TargetUnknown())

    async def _ask(self, router: Router, id: str, body: Mapping[str, Any]) -> None:
        """Whoever has lost his place is given it anew; nobody waits for who cannot answer at present (TH-9)."""
        try:
            report = await place_or_new(router, id, body["queue"], body["since"])
            await self._take_back(router, id)
        except Unavailable:
            log.debug("the queue of a callback is looked at later")
            return
        if report is not None:
            await self._callbacks.news(id, QueueSeen(report))

    async def _take_back(self, router: Router, id: str) -> None:
        """Who has left while he was given a place has none: another node may have carried that out by now."""
        callback = await self._callbacks.look(id)
        if callback is None or _has_left(callback.instance):
            await router.leave(id)


def _is_wanted(kind: type[Any], instance: Instance) -> bool:
    """Whether the callback still stands where that has followed from."""
    if kind is JoinQueue:
        return instance.is_in_queue
    if kind is AskQueue:
        return instance.step is Step.WAIT_AGENT
    return instance.step is Step.ROUTING


def _has_left(instance: Instance) -> bool:
    """Whether it is over without an agent; what one has, has no place that could be given up."""
    return instance.step is Step.DONE and instance.reason is not Reason.AGENT_CONNECTED
