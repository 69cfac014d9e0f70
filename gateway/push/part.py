"""All that tells customers on one node, put together.

Source: IN-1…10, NT-1…14, PN-1, CB-2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bayeux.server.server import BayeuxServer
from gateway.config import customers as configuration
from gateway.instances.instance import Instance
from gateway.instances.instances import Instances
from gateway.instances.request import Request
from gateway.instances.services import Method, Services
from gateway.push.deliveries import DEADLINE
from gateway.push.localization import Localization, Texts
from gateway.push.mailboxes import Mailboxes
from gateway.push.messages import Messages
from gateway.push.notifications import Notifications
from gateway.push.provider import Provider
from gateway.push.push import Push
from gateway.push.reader import Reader
from gateway.routing.outbox import Pump
from gateway.store.store import Fence, Room
from gateway.store.turn import Turn


def no_provider(type_: str) -> Provider | None:
    """For a node that tells Bayeux sessions alone."""
    return None


class PushPart:
    """Use: make it before the first session comes, have a task ``run`` it.

    Args:
        room: the customers'.
        texts: for messages that are published as keys.
        provider_of: the provider for a type of devices, None where there is none.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        server: BayeuxServer,
        room: Room,
        options: configuration.Push,
        instances: Instances,
        *,
        texts: Texts,
        provider_of: Callable[[str], Provider | None] = no_provider,
        clock: Callable[[], float],
    ) -> None:
        self.room: Room = room
        mailboxes = Mailboxes(room, clock)
        self.mailboxes: Mailboxes = mailboxes
        self.reader: Reader = Reader(server, mailboxes, clock)
        self.reader.watch()
        self.push: Push = Push(
            server, room, mailboxes, self.reader, enabled=options.enabled, provider_of=provider_of, clock=clock
        )
        self.messages: Messages = Messages(room, self.push, mailboxes, clock)
        self.notifications: Notifications = Notifications(
            room,
            self.push,
            user_of=_UserOf(instances),
            localization=Localization(texts),
            shortest=float(options.default_subscription_expiration),
            clock=clock,
        )

    async def run(self) -> None:
        """Give the customers of this node what is for them, until cancelled."""
        await self.reader.run()

    @property
    def expiring(self) -> Mapping[str, Callable[[str, Fence], Any]]:
        """Who keeps which deadlines, for the leader."""
        return {DEADLINE: self.push.deliveries.expire}

    @property
    def pumps(self) -> list[Pump]:
        """For the leader alone: two nodes would tell a device twice."""
        return [self.push.deliveries.pump]

    def register(self, services: Services) -> None:
        """Have instances be asked for messages (IN-1…10)."""
        messages = self.messages

        def asking(ask: Callable[[Instance, Mapping[str, Any]], Any]) -> Callable[[Instance, Request], Any]:
            return lambda instance, request: ask(instance, request.values)

        services.methods |= {
            "internal-notification": Method(answer=asking(messages.tell_app), for_center=True),
            "poke": Method(answer=asking(messages.tell_app), for_center=True),
            "retrieve-notifications": Method(answer=asking(messages.retrieve), by_get=True),
            "agent-notification": Method(answer=asking(messages.tell_agent)),
            "retrieve-agent-notifications": Method(
                answer=asking(messages.retrieve_for_agent), for_center=True, by_get=True
            ),
        }


class _UserOf:
    """Whose an instance is (NT-7)."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances

    async def __call__(self, turn: Turn, id: str) -> str | None:
        instance = await self._instances.find_in(turn, id)
        return instance.user if instance is not None else None
