"""Whose desktops a node reports."""

from __future__ import annotations

import asyncio

import pytest

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import Conversation
from channels.private import INTERACTIONS, PRIVATE_PREFIXES
from gateway.agents.presence import Presence

PATIENCE = 60.0


@pytest.mark.spec("AG-36")
@pytest.mark.expected_logs("defect in reporting")
async def test_defect_about_one_agent_hides_no_other() -> None:
    reported: asyncio.Queue[str] = asyncio.Queue()

    async def report(user: str, media: frozenset[str] | None) -> None:
        if user == "Agent1":
            raise RuntimeError
        await reported.put(user)

    server = BayeuxServer(Options(private_prefixes=PRIVATE_PREFIXES))
    await server.start()
    presence = Presence(server, report)
    presence.watch()
    running = asyncio.create_task(presence.run())
    for user in ("Agent1", "Agent2"):
        await Conversation(server, user=user).handshake().connect().subscribe(INTERACTIONS)
    assert await asyncio.wait_for(reported.get(), PATIENCE) == "Agent2"
    running.cancel()
    await server.stop()
