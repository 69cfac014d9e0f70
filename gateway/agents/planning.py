"""What is routed to whom, as the configuration and the operators say: kept for all nodes, and followed by each.

The changes of operators are one document, in a room of its own that all roles read: it is configuration, not the state
of one of them. Nobody is told of a change: nodes look, which costs one read each time.

Source: MRE-4, MRE-150.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from bayeux.protocol.errors import Unavailable
from gateway.agents.settings import Routed
from gateway.config.contact import Mre
from gateway.config.model import Config
from gateway.config.overrides import EntryNeeded, EntryUnknown, Overrides, OverrideWrong, shown
from gateway.operations import PlanChanged, PlanConflict, Report, RoutingRefused, RoutingUnknown
from gateway.routing.plan import Plan
from gateway.store.store import Changes, Conflict, Document, Room, Write

log = logging.getLogger(__name__)

ROOM: Final = "plan"
KEY: Final = "overrides"
LOOK: Final = 0.5
"""Seconds between two looks at what operators have changed on other nodes."""
MOST_TRIES: Final = 5
"""To change it while others do."""


class Planning:
    """Follows and changes it.

    Args:
        config: what it begins with.
        routed: what is told of each change.
    """

    def __init__(self, config: Config, routed: Routed, room: Room) -> None:
        self._config = config
        self._routed = routed
        self._room = room
        self._mre = config.mre
        self._version = 0

    # For the roles

    @property
    def plan(self) -> Plan:
        """By what is known here."""
        return self._routed.plan

    async def read(self) -> Plan:
        """By what is stored. Raises Unavailable."""
        self._follow(await self._read())
        return self.plan

    async def begin(self) -> None:
        """Know what is stored, if the store is there; if not, the roles wait for it, too."""
        try:
            await self.read()
        except Unavailable as error:
            log.debug("changes of the plan are looked for again: %s", error)

    async def run(self) -> None:
        """Follow what operators do, until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            await self.begin()

    # For operators

    async def shown(self, kind: str, name: str | None) -> Report:
        """All of one kind, or one of them. Raises RoutingUnknown, Unavailable."""
        await self.read()
        entries = shown(self._mre, kind)
        if name is None:
            return {"version": self._version, kind: list(entries.values())}
        if name not in entries:
            raise RoutingUnknown(f"{kind} has no {name}")
        return {"version": self._version, "entry": entries[name]}

    async def change(self, kind: str, name: str, body: Mapping[str, Any] | None, version: int | None) -> Report:
        """Put an entry, or remove it (None).

        Args:
            version: of what was seen; None: whatever there is.

        Raises RoutingUnknown, RoutingRefused, PlanConflict, PlanChanged, Unavailable.
        """
        for _ in range(MOST_TRIES):
            document = await self._read()
            self._follow(document)
            stored = document.version if document is not None else 0
            if version not in (None, stored):
                raise PlanChanged(f"it is version {stored} by now; get it, and decide anew")
            try:
                after = self._decided(_overrides(document), kind, name, body)
                versions = await self._room.commit(Changes(writes=[Write(KEY, after.entries, stored)]))
            except Conflict:
                continue
            log.info("an operator changes the plan", extra={"kind": kind, "entry": name, "is_removed": body is None})
            is_new = body is not None and name not in shown(self._mre, kind)
            await self.begin()
            report: dict[str, Any] = {"version": versions[KEY], "isNew": is_new}
            return report if body is None else {**report, "entry": shown(after.over(self._config.mre), kind)[name]}
        raise PlanConflict("others keep changing it; try again")

    def _decided(self, overrides: Overrides, kind: str, name: str, body: Mapping[str, Any] | None) -> Overrides:
        """With that change; it fits the rest."""
        try:
            before = overrides.over(self._config.mre)
        except OverrideWrong:
            before = self._config.mre  # this change may be what makes it fit again
        try:
            if body is not None:
                after = overrides.put(before, kind, name, body)
                self._check(after.over(self._config.mre))
                return after
            after = overrides.remove(before, kind, name)
        except OverrideWrong as wrong:
            raise RoutingRefused(str(wrong)) from None
        except EntryUnknown as unknown:
            raise RoutingUnknown(str(unknown)) from None
        except EntryNeeded as needed:
            raise PlanConflict(str(needed)) from None
        try:
            self._check(after.over(self._config.mre))
        except OverrideWrong as wrong:
            raise PlanConflict(str(wrong)) from None
        return after

    def _check(self, mre: Mre) -> None:
        """What the configuration demands of queues elsewhere."""
        queues = {each.name: each.mrd for each in mre.queues}
        for mailbox in self._config.mail.mailboxes:
            if queues.get(mailbox.queue) != "email":
                raise OverrideWrong(
                    f"mail to {mailbox.address} waits in {mailbox.queue}, which must be a queue of email"
                )

    # What is stored

    async def _read(self) -> Document | None:
        (document,) = await self._room.read(KEY)
        return document

    def _follow(self, document: Document | None) -> None:
        if document is None or document.version <= self._version:
            return
        self._version = document.version
        try:
            mre = _overrides(document).over(self._config.mre)
            self._check(mre)
        except OverrideWrong as wrong:
            log.error(
                "what operators changed does not fit the configuration of this node; it goes on as before: %s", wrong
            )
            return
        self._mre = mre
        self._routed.take(self._config.model_copy(update={"mre": mre}))


def _overrides(document: Document | None) -> Overrides:
    return Overrides(document.body if document is not None else {})
