"""One process of the gateway, as its operators see it.

Source: OPS-9, OPS-10, OPS-50, OPS-51, OPS-61, OPS-62, MRE-77, MRE-125, MRE-150, MRE-152.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bayeux.protocol.channel import parse_channel
from bayeux.protocol.errors import ChannelInvalid
from bayeux.server.ending import log_fields
from gateway import __version__
from gateway.agents.center import ContactCenter
from gateway.observe.families import Family
from gateway.operations import NodeUnknown, Operations, PublishRefused, Report, RoutingUnknown
from gateway.routing.admin import Admin
from gateway.run import Run


class NodeOperations(Operations):
    """What can be asked of one process.

    Args:
        worker: its number among the workers; empty if it is alone.
    """

    def __init__(self, run: Run, worker: str = "") -> None:
        self._run = run
        self._gateway = run.gateway
        self._server = run.gateway.server
        self._worker = worker
        self._begun_at = time.monotonic()

    async def metrics(self) -> Sequence[Family]:
        """Its own."""
        if self._gateway.center is not None:
            await self._gateway.center.count_dead()
        return self._gateway.metrics.families()

    async def health(self, question: str) -> tuple[bool, Report]:
        """Its own."""
        return self._gateway.health.ask(question)

    async def status(self) -> Report:
        """Itself as the only process."""
        server, (is_ready, _) = self._server, self._gateway.health.ready()
        state = "draining" if self._gateway.health.is_draining else "ready" if is_ready else "not ready"
        return {
            "version": __version__,
            "pid": os.getpid(),
            "state": state,
            "public": f"http://{self._run.public}",
            "workers": [
                {
                    "worker": self._worker,
                    "pid": os.getpid(),
                    "node": self._gateway.node_id,
                    "state": state,
                    "up": round(time.monotonic() - self._begun_at, 1),
                    "sessions": len(server.sessions),
                    "connections": self._run.connections,
                    "channels": len(server.channels),
                    "subscriptions": sum(len(session.subscriptions) for session in server.sessions),
                    "queued": sum(len(session.queue) for session in server.sessions),
                }
            ],
            "cluster": self._gateway.cluster_status(),
        }

    async def publish(self, user: str, channel: str, data: Any) -> Report:
        """To the sessions that the user has; see ``Operations``."""
        server = self._server
        try:
            name = parse_channel(channel)
        except ChannelInvalid:
            raise PublishRefused("the channel is not a channel name") from None
        if name.is_wild or name.is_template or not server.is_private(name):
            prefixes = ", ".join(server.options.private_prefixes)
            raise PublishRefused(f"only a private channel has one user's sessions behind it: one below {prefixes}")
        return {"sessions": await self._gateway.deliver_to_user(user, channel, data)}

    async def drain(self, node: str | None, *, leave: bool) -> Report:
        """Its own clients; see ``Operations``."""
        if node not in (None, self._gateway.node_id, self._worker or None):
            raise NodeUnknown(f"{node} is no process of this gateway; `bayeux-gateway status` lists them")
        sessions = len(self._server.sessions)
        if leave:
            self._run.orders.put_nowait(signal.SIGTERM)
        await asyncio.shield(self._run.begin_drain())
        return {"drained": 1, "sessions": sessions}

    async def kick(self, *, user: str | None, session: str | None) -> Report:
        """Its own sessions; see ``Operations``."""
        if user is not None:
            found = self._server.sessions.of_user(user)
        else:
            found = [each for each in self._server.sessions if log_fields(each)["session"] == session]
        for each in list(found):
            self._server.kick(each)
        return {"sessions": len(found)}

    async def other_gateways(self) -> Sequence[str]:
        """Whose processes are nodes of the cluster."""
        backplane = self._gateway.backplane
        if backplane is None:
            return ()
        return sorted({node.url for node in backplane.nodes if node.url} - {backplane.node.url})

    async def task(self, id: str) -> Report:
        """See ``Operations``."""
        return await self._routing().task(id)

    async def dead_letters(self, queue: str | None) -> Report:
        """See ``Operations``."""
        return await self._routing().dead_letters(queue)

    async def replay(self, queue: str, id: str) -> Report:
        """See ``Operations``."""
        return await self._routing().replay(queue, id)

    async def send(self, message_type: str, queue: str | None, body: Report) -> Report:
        """See ``Operations``."""
        return await self._routing().send(message_type, queue, body)

    async def overheard(self, cursor: Mapping[str, int]) -> Report:
        """What this process has sent and taken."""
        return self._routing().overheard(cursor)

    async def planned(self, kind: str, name: str | None) -> Report:
        """See ``Operations``."""
        return await self._center().planning.shown(kind, name)

    async def plan(self, kind: str, name: str, body: Report | None, version: int | None) -> Report:
        """See ``Operations``."""
        return await self._center().planning.change(kind, name, body, version)

    def _routing(self) -> Admin:
        return self._center().admin

    def _center(self) -> ContactCenter:
        if self._gateway.center is None:
            raise RoutingUnknown("this gateway has no contact center: it has one where mre.mrds are configured")
        return self._gateway.center
