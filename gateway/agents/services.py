"""What desktops are told of the services behind the gateway: which of them is away, and that it is back.

Each node tells its own sessions what it knows: what all of them were told by one, nobody would tell while the store is
away. Once when something begins to be away, once when it is back; who subscribes is told how all of it stands, and who
does so by a wildcard, which is seldom meant for this, what is away then.

Source: AG-101.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from bayeux.protocol.channel import parse_channel
from bayeux.protocol.message import Message
from bayeux.server.channels import ServerChannel
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from channels.private import SERVICES

log = logging.getLogger(__name__)

LOOK: Final = 1.0
"""Seconds between two looks."""
STORE, BUS, MAIL = "store", "bus", "mail"
"""Services that are no roles; roles have the names of ``mre.roles``."""
CHANNEL: Final = parse_channel(SERVICES)

Look = Callable[[], Awaitable[Mapping[str, bool]]]
"""By name, whether each service can be used, by what is known."""


class Services:
    """Looks at them, and tells.

    Args:
        look: at all of them; one that is not named is as it was.
    """

    def __init__(self, server: BayeuxServer, look: Look) -> None:
        self._server = server
        self._look = look
        self._are_there: dict[str, bool] = {}

    def watch(self) -> None:
        """Tell those who subscribe, from here on."""
        self._server.listeners.subscribed.append(self._subscribed)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # a defect in looking at one must not hide all others for ever
                log.exception("defect in looking at services")
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Once; who is subscribed is told of what changed since the last time."""
        are_there = await self._look()
        # Until it was looked at, all is well.
        changed = [name for name, is_there in are_there.items() if self._are_there.get(name, True) is not is_there]
        self._are_there.update(are_there)
        if not changed:
            return
        for name in changed:
            log.info("a service is %s", "back" if are_there[name] else "away", extra={"service": name})
        news = self._told(changed)
        for session in list(self._server.sessions):
            if session.is_subscribed_to(CHANNEL):
                session.deliver(SERVICES, news)

    def _subscribed(self, session: ServerSession, channel: ServerChannel, message: Message | None) -> None:
        if message is None or session.user is None or not channel.name.covers(SERVICES):
            return
        told = [name for name, is_there in self._are_there.items() if not (channel.name.is_wild and is_there)]
        if told:
            session.deliver(SERVICES, self._told(told))

    def _told(self, names: Iterable[str]) -> dict[str, Any]:
        states = [{"name": name, "state": "Available" if self._are_there[name] else "Away"} for name in names]
        return {"messageType": "ServiceStateChangeMessage", "services": states}


class Absences:
    """Since when something is missing; for a while that is no absence, as when a role passes from node to node.

    Args:
        grace: seconds of that while.
        clock: seconds.
    """

    def __init__(self, grace: float, clock: Callable[[], float]) -> None:
        self._grace = grace
        self._clock = clock
        self._since: dict[str, float] = {}

    def counts(self, name: str, *, is_missing: bool) -> bool:
        """Is it away?"""
        if not is_missing:
            self._since.pop(name, None)
            return False
        return self._clock() - self._since.setdefault(name, self._clock()) >= self._grace
