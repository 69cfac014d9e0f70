"""Servers whose time stands still: deadlines come due when a test lets time pass, in their order."""

from __future__ import annotations

import pytest

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import Conversation, ManualClock, pass_time, standing_still, still_server


@pytest.mark.spec("CN-3", "SES-6")
async def test_deadlines_on_the_way_come_due_in_order() -> None:
    clock = ManualClock()
    async with still_server(clock, Options(timeout=10.0, max_interval=5.0)) as server:
        alice = Conversation(server).handshake().connect().connect()
        await pass_time(server, clock, 9.5)
        assert alice.is_held
        await pass_time(server, clock, 1.0)
        assert (alice.is_held, alice.reply["successful"]) == (False, True)
        assert len(server.sessions) == 1
        await pass_time(server, clock, 5.0)
        assert len(server.sessions) == 0
        assert clock() == 1015.5


async def test_real_time_moves_nothing() -> None:
    clock = ManualClock()
    async with still_server(clock, Options(timeout=0.001, max_interval=0.001)) as server:
        alice = await Conversation(server).handshake().connect()
        assert (clock(), alice.session.is_over) == (1000.0, False)


async def test_a_server_of_ones_own_stands_still_too() -> None:
    clock = ManualClock()
    async with standing_still(BayeuxServer(Options(timeout=10.0), clock=clock)) as server:
        alice = Conversation(server).handshake().connect().connect()
        await pass_time(server, clock, 10.5)
        assert not alice.is_held
