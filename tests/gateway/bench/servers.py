"""Servers for load tests that last a second: one of ours that takes everything, and load on it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bayeux import BayeuxServer, Options, SecurityPolicy
from gateway.bench.conductor import Progress, run
from gateway.bench.outcome import Outcome
from gateway.bench.target import Target
from gateway.bench.workload import Workload

UNBOUNDED = {
    "session_message_rate": 0.0,
    "handshake_rate_per_ip": 0.0,
    "accept_rate": 0.0,
    "max_sessions": 0,
    "max_connections": 0,
}
SHORT: dict[str, Any] = {
    "sessions": 8,
    "seconds": 0.4,
    "warm_up": 0.1,
    "hold": 0.1,
    "settle": 5.0,
    "window": 4,
    "size": 10,
}


@dataclass
class Loaded:
    """A server under load."""

    target: Target
    server: BayeuxServer | None = None

    async def bear(self, *, log_in: Sequence[dict[str, Any]] = (), **fields: Any) -> Outcome:
        """One run, in a thread, because the server is in this one's loop."""
        outcome, _ = await self.watch(log_in=log_in, **fields)
        return outcome

    async def watch(
        self, *, log_in: Sequence[dict[str, Any]] = (), server_pid: int | None = None, **fields: Any
    ) -> tuple[Outcome, list[Progress]]:
        """The same, and what was told meanwhile."""
        told: list[Progress] = []
        workload = Workload(**{**SHORT, **fields})
        outcome = await asyncio.to_thread(
            run, workload, self.target, progress=told.append, log_in=log_in, server_pid=server_pid
        )
        return outcome, told


@asynccontextmanager
async def loaded(
    *, policy: SecurityPolicy | None = None, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[Loaded]:
    """Our server, without the limits that protect it."""
    server = BayeuxServer(Options(**{**UNBOUNDED, **options}), policy=policy)
    async with await server.listen(0, ssl=tls) as listener:
        yield Loaded(Target("127.0.0.1", listener.port, tls=tls is not None), server)
