"""A machine on duty whose plan may change: it decides by the new one at once, and looks again at what waits.

With the machine's documents it is stored by which plan they were decided, in the same commit. So another node that
takes over finds out whether that was done.

Source: MRE-120, MRE-150.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from gateway.routing.duty import MachineDuty
from gateway.routing.machine import NewId, Planned, Step
from gateway.routing.outbox import Pump
from gateway.routing.plan import Plan
from gateway.store.store import Fence, Room

log = logging.getLogger(__name__)

PLAN: Final = "plan:"
"""The document that tells by which plan the others were decided."""


class Plans(Protocol):
    """Where the plan comes from."""

    @property
    def plan(self) -> Plan:
        """By what is known on this node."""

    async def read(self) -> Plan:
        """By what is stored. Raises Unavailable."""


class PlannedDuty(MachineDuty):
    """What a role does whose machine has a plan.

    Args:
        room: the role's own.
        pump: carries its messages off.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        machine: Planned,
        plans: Plans,
        room: Room,
        pump: Pump,
        *,
        clock: Callable[[], float] = time.time,
        new_id: NewId = lambda: str(uuid.uuid4()),
    ) -> None:
        super().__init__(machine, room, pump, clock=clock, new_id=new_id)
        self._planned = machine
        self._plans = plans
        self._mark = ""
        """Of the plan by which all was decided."""

    async def begin(self, fence: Fence) -> None:
        """Know what is stored, and by which plan; see what the present one makes of it."""
        self._planned.load(())
        self._planned.replan(await self._plans.read(), self._clock(), self._new_id)
        await super().begin(fence)
        (document,) = await self._room.read(PLAN)
        self._mark = document.body["mark"] if document is not None else ""
        await self.look()

    async def look(self) -> None:
        """Follow the plan, if it is another one by now."""
        plan = self._plans.plan
        if plan.mark == self._mark:
            return
        try:
            step = self._planned.replan(plan, self._clock(), self._new_id)
        except Exception:  # a role that ends by a plan would end by it on the next node, too
            log.exception("defect: what waits is not looked at again")
            step = Step()
        await self._commit(replace(step, documents={**step.documents, PLAN: {"mark": plan.mark}}))
        self._planned.adopt(step)
        self._mark = plan.mark
