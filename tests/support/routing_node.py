"""A node that plays routing roles on a Redis: ``python -m tests.support.routing_node URL PREFIX NODE ROLE…``.

Roles: communication, engine. It lives until it is killed.
"""

from __future__ import annotations

import asyncio
import sys

from bayeux.backplane.redis.topology import Topology
from gateway.routing.bus.bus import COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE
from gateway.routing.bus.redis_streams import RedisBus
from gateway.routing.communication.server import CommunicationServer
from gateway.routing.duty import MachineDuty
from gateway.routing.engine.engine import RoutingEngine
from gateway.routing.machine import Machine
from gateway.routing.outbox import bus_pump
from gateway.routing.role import Role
from gateway.store.redis import RedisStore
from tests.routing.story import plan
from tests.support.nodes_on_redis import TIMING

GROUPS = {
    "communication": {GENERAL: "comm-server", COMMUNICATION_SERVER: "comm-server"},
    "engine": {ROUTING_ENGINE: "mre"},
}


def machine_of(role: str, node: str) -> Machine:
    return CommunicationServer(plan(), node=node) if role == "communication" else RoutingEngine(plan(), node=node)


async def live(url: str, prefix: str, node: str, *names: str) -> None:
    store = RedisStore(url, node=node, prefix=prefix, timing=TIMING)
    bus = RedisBus(Topology.parse(url), node=node, prefix=f"{prefix}:", timing=TIMING)
    await store.open()
    await bus.open()
    async with asyncio.TaskGroup() as tasks:
        for name in names:
            room = store.room(name)
            pump = bus_pump(room, bus)
            duty = MachineDuty(machine_of(name, node), room, pump)
            role = Role(duty, room, bus, name=name, node=node, queues=GROUPS[name], pumps=[pump])
            tasks.create_task(role.run())


if __name__ == "__main__":
    asyncio.run(live(*sys.argv[1:]))
