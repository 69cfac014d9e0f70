"""The roles that this gateway plays: chat side, communication server, engine; each alone in its room.

Source: MRE-1, MRE-2, MRE-4, MRE-123, MRE-141.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.agents.side import ROOM
from gateway.config.model import Config
from gateway.routing.bus.bus import CHAT_SERVER, COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE, Bus
from gateway.routing.communication.server import CommunicationServer
from gateway.routing.engine.engine import RoutingEngine
from gateway.routing.machine import NewId, Planned
from gateway.routing.outbox import Pump, bus_pump
from gateway.routing.planned import PlannedDuty, Plans
from gateway.routing.role import Duty, Role
from gateway.store.store import Store

CHAT: Final = "chat"
COMMUNICATION: Final = "communication"
ENGINE: Final = "engine"
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    CHAT: {CHAT_SERVER: f"chat-server:{CHAT_SERVER}"},
    COMMUNICATION: {GENERAL: "comm-server", COMMUNICATION_SERVER: "comm-server"},
    ENGINE: {ROUTING_ENGINE: "mre"},
}
"""What each role takes from, and as whom (MRE-141)."""


class Roles:
    """Makes them.

    Args:
        node: name of this process.
        clock: seconds since 1970.
    """

    def __init__(
        self, store: Store, bus: Bus, plans: Plans, *, node: str, clock: Callable[[], float], new_id: NewId
    ) -> None:
        self._store = store
        self._bus = bus
        self._plans = plans
        self._node = node
        self._clock = clock
        self._new_id = new_id

    def played(
        self, config: Config, communication: CommunicationServer, chat: Duty, chat_pumps: Sequence[Pump]
    ) -> Mapping[str, Role]:
        """Those of ``mre.roles``, by their names.

        Args:
            communication: the machine of that role.
            chat: what the chat side's leader does.
            chat_pumps: what he alone lets leave.
        """
        roles = {
            CHAT: self._role(CHAT, ROOM, chat, chat_pumps),
            COMMUNICATION: self._machine(COMMUNICATION, communication),
            ENGINE: self._machine(ENGINE, RoutingEngine(communication.plan, node=self._node)),
        }
        return {name: role for name, role in roles.items() if name in config.mre.roles}

    def _machine(self, name: str, machine: Planned) -> Role:
        room = self._store.room(name)
        pump = bus_pump(room, self._bus)
        duty = PlannedDuty(machine, self._plans, room, pump, clock=self._clock, new_id=self._new_id)
        return self._role(name, name, duty, [pump])

    def _role(self, name: str, room: str, duty: Duty, pumps: Sequence[Pump]) -> Role:
        return Role(
            duty,
            self._store.room(room),
            self._bus,
            name=name,
            node=self._node,
            queues=GROUPS[name],
            pumps=pumps,
            clock=self._clock,
        )
