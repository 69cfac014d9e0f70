"""The customers' chats of one node, put together with the agents' side.

Source: CH1-1…15, CC-1…14, SM-25, SM-40, SM-42.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping

from gateway.chats.absence import Absences
from gateway.chats.chats import Chats
from gateway.chats.kept import KeptChats
from gateway.chats.neighbours import Areas, Callbacks, Desk, HasSession, Instances, Push, Services
from gateway.chats.settings import Settings
from gateway.chats.telling import Telling
from gateway.customers.duty import Expire
from gateway.routing.outbox import Leave
from gateway.store.store import Room


class ChatPart:
    """Everything about them.

    Args:
        room: the customers'.
        desk: the agents' side.
        perform: carries out what was decided about callbacks.
        areas: what apps have sent with their instances.
        has_session: whether a user has a live Bayeux session, on any node.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        room: Room,
        settings: Settings,
        desk: Desk,
        *,
        instances: Instances,
        services: Services,
        areas: Areas,
        callbacks: Callbacks,
        perform: Callable[[], Awaitable[None]],
        push: Push,
        has_session: HasSession,
        clock: Callable[[], float],
    ) -> None:
        kept = KeptChats(room, clock)
        telling = Telling(kept, desk, push, callbacks, services, has_session, settings)
        self.chats: Chats = Chats(
            kept,
            telling,
            desk,
            instances=instances,
            services=services,
            areas=areas,
            callbacks=callbacks,
            perform=perform,
            has_session=has_session,
            settings=settings,
            new_key=lambda: secrets.token_hex(8),
        )
        self.heard: Leave = telling.leave
        """Takes what the agents' side has for customers; any node may."""
        self._absences = Absences(kept, telling, desk, services, has_session, clock)

    @property
    def expiring(self) -> Mapping[str, Expire]:
        """Who keeps which deadlines, for the leader."""
        return {"chat": self._absences.expire}
