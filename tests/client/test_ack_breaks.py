"""The client and the server with acknowledged messages, over connections that break at a chosen byte."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bayeux.client import Acknowledge, BayeuxClient, State
from bayeux.extensions import ack
from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import FaultProxy, Way

PATIENCE = 60.0  # seconds
# On a socket the frame of the event and that of the reply have 110 bytes or more; an answer to a poll has 260.
PLACES = [("websocket", place) for place in range(0, 110, 3)] + [("long-polling", place) for place in range(0, 251, 25)]


@pytest.mark.spec("ACK-11", "ACK-15", "ACK-31", "SES-8", "CLI-1")
@pytest.mark.parametrize(("transport", "place"), PLACES)
async def test_wherever_a_connection_breaks_events_are_handed_over_once(transport: str, place: int) -> None:
    """Before, in or behind the event, or the reply with its number."""
    server = BayeuxServer(Options(max_interval=60.0))
    server.extensions.append(ack.Acknowledge())
    is_held, has_all = asyncio.Event(), asyncio.Event()
    server.listeners.suspended.append(lambda *_: is_held.set())
    heard: list[Any] = []

    def hear(event: Any) -> None:
        heard.append(event.data)
        if event.data == "last":
            has_all.set()

    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(await server.listen(0))
        proxy = await stack.enter_async_context(FaultProxy(listener.port))
        stays = BayeuxClient(
            proxy.url("/cometd"), transports=[transport], extensions=[Acknowledge()], random=lambda: 0.0
        )
        client = await stack.enter_async_context(stays)
        await client.subscribe("/n", callback=hear)
        session_id = client.client_id
        async with asyncio.timeout(PATIENCE):
            await is_held.wait()
            proxy.cut_after(place, Way.TO_CLIENT)
            server.publish("/n", {"text": "first"})
            await client.wait_for_state(State.BROKEN)
            proxy.heal()
            server.publish("/n", "last")
            await has_all.wait()
        assert client.client_id == session_id
        assert heard == [{"text": "first"}, "last"]
