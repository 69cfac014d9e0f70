"""Places in queues for customers who are not there yet: a held task each, which the chat of the customer takes over.

A place is known by the key that its owner gave it. Whatever is asked of it may be asked twice, and too late: what was
given up or taken once is remembered, so that a hold that comes behind it opens nothing.

Source: SM-20, SM-70, TH-1, TH-11, TH-13, MRE-100; docs/decisions/a-place-is-a-held-task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from bayeux.protocol.errors import Unavailable
from channels.answers import MAX_ECHO
from channels.document import from_document, to_document
from gateway.agents.operations import QueuePosition
from gateway.agents.refusal import NOT_FOUND, NOT_NOW, Refused
from gateway.agents.settings import Settings
from gateway.agents.side import ChatSide
from gateway.agents.turn import Turn
from gateway.agents.waiting import LOOK, PATIENCE, Waiting

REMEMBERED: Final = 24 * 60 * 60.0
"""Seconds for which a place that is none any more is known: longer than anything that was asked of it is under way."""
_PREFIX: Final = "place:"
"""Of the document, and of the task's ``ClientUniqueId``: no interaction is called so."""


class Standing(StrEnum):
    """What has become of a place."""

    HELD = "held"
    TAKEN = "taken"
    """By the customer's chat."""
    RELEASED = "released"
    LOST = "lost"
    """The queue has not taken it, or not kept it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One, as it is stored."""

    standing: Standing
    queue: str = ""
    """Empty: it was taken, or released, before it was held."""
    mrd: str = ""
    since: float | None = None
    """When its owner began to wait."""
    task: str = ""
    """``TaskId`` of the held task; empty: not known yet, or there is none."""
    given_up: str = ""
    """The task before this one: what is still said of it is about the past."""


class Places:
    """All of them, on any node. All methods but those of a turn raise Unavailable."""

    def __init__(self, side: ChatSide, settings: Settings, waiting: Waiting) -> None:
        self._side = side
        self._settings = settings
        self._waiting = waiting

    # What their owners ask

    async def hold(self, key: str, queue: str, *, since: float | None = None) -> None:
        """Stand in a queue, behind all who wait there since earlier; nothing, where there is or was that place.

        One that the queue has lost is held anew.

        Args:
            since: when its owner began to wait, in seconds since 1970; None: now.

        Raises Refused: 6 for a queue that there is not.
        """
        chosen = self._settings.queues.get(queue)
        if chosen is None:
            raise Refused(NOT_FOUND, f"there is no queue {queue[:MAX_ECHO]!r}")

        async def decision(turn: Turn) -> None:
            before = await self._find(turn, key)
            if before is not None and before.standing is not Standing.LOST:
                return
            place = Place(
                standing=Standing.HELD,
                queue=chosen.name,
                mrd=chosen.mrd,
                since=turn.now if since is None else since,
                given_up=before.given_up if before is not None else "",
            )
            self._put(turn, key, place)
            params = {"queue": place.queue, "held": True, "since": place.since}
            body = {"Mrd": place.mrd, "ClientUniqueId": task_name(key), "name": place.queue, "params": params}
            self._side.command(turn, "Task", body)

        await self._side.decide(decision)

    async def look(self, key: str) -> QueuePosition | None:
        """Where it stands; None, where it is not held.

        Raises Unavailable also where it has not come into the queue within two seconds.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    (document,) = await self._side.room.read(_key(key))
                    place = from_document(Place, document.body) if document is not None else None
                    if place is None or place.standing is not Standing.HELD:
                        return None
                    position = await self._waiting.of_task(place.task or task_name(key))
                    if position is not None or place.task:
                        return position
                    await asyncio.sleep(LOOK)  # the question has overtaken what it is about
        except TimeoutError:
            raise Unavailable from None

    async def release(self, key: str) -> None:
        """Give it up. What a chat has taken is the chat's."""

        async def decision(turn: Turn) -> None:
            place = await self._find(turn, key)
            if place is None or place.standing in (Standing.HELD, Standing.LOST):
                released = replace(place or Place(standing=Standing.RELEASED), standing=Standing.RELEASED)
                self._put(turn, key, released)
                if released.task:
                    self._close(turn, released.task)

        await self._side.decide(decision)

    # What the chat of its owner asks

    async def take(self, turn: Turn, key: str) -> Place:
        """His chat takes it, by a task that names it: how it was held, if it was.

        Raises Refused: 2 for one that was given up.
        """
        place = await self._find(turn, key) or Place(standing=Standing.TAKEN)
        if place.standing is Standing.RELEASED:
            raise Refused(NOT_NOW, "the place was given up")
        self._put(turn, key, replace(place, standing=Standing.TAKEN))
        return place

    # What the communication server tells

    async def heard(self, turn: Turn, message_type: str, body: Mapping[str, Any]) -> None:
        """What follows from a notice or an error about a held task (``is_about_place``); also twice, and late."""
        key = body["ClientUniqueId"].removeprefix(_PREFIX)
        place, task = await self._find(turn, key), body.get("TaskId", "")
        is_held = place is not None and place.standing is Standing.HELD
        if message_type == "TaskState" and body["State"] != "CLOSED":
            if place is None or not is_held:
                self._close(turn, task)  # it was given up, or taken, before its task had an id
            elif not place.task and task != place.given_up:
                self._put(turn, key, replace(place, task=task))
        elif place is not None and is_held and _is_of(place, task):
            self._put(turn, key, replace(place, standing=Standing.LOST, task="", given_up=task))

    # Steps

    async def _find(self, turn: Turn, key: str) -> Place | None:
        (body,) = await turn.read(_key(key))
        return from_document(Place, body) if body is not None else None

    def _put(self, turn: Turn, key: str, place: Place) -> None:
        ttl = None if place.standing is Standing.HELD else REMEMBERED
        turn.write(_key(key), to_document(place), ttl=ttl)

    def _close(self, turn: Turn, task: str) -> None:
        body = {"AgentId": "", "TaskId": task, "State": "CLOSED", "Code": "CANCELLED"}
        self._side.command(turn, "TaskState", body)


def task_name(key: str) -> str:
    """``ClientUniqueId`` of the held task."""
    return _PREFIX + key


def _is_of(place: Place, task: str) -> bool:
    """Is it about the present task? One that was refused at once had no id."""
    return task == (place.task or task) != place.given_up if task else not place.task


def is_about_place(body: Mapping[str, Any]) -> bool:
    """Is a message about a held task, and not about an interaction's?"""
    return str(body.get("ClientUniqueId", "")).startswith(_PREFIX)


def _key(key: str) -> str:
    return _PREFIX + key
