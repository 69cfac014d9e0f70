"""What desktops are told of the services behind the gateway."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.errors import Unavailable
from bayeux.server.server import BayeuxServer
from bayeux.testing import Conversation, ManualClock
from channels.private import SERVICES
from gateway.agents.services import Absences, Services
from tests.agents.conftest import OpenOffice


def told(desktop: Conversation) -> list[dict[str, str]]:
    """State by name, of each message."""
    return [
        {each["name"]: each["state"] for each in event["data"]["services"]}
        for event in desktop.events
        if event["channel"] == SERVICES
    ]


@pytest.mark.spec("AG-101")
async def test_services_are_told_at_first_and_when_they_come_and_go() -> None:
    state = {"engine": True, "store": True}

    async def look() -> Any:
        return dict(state)

    async with BayeuxServer() as server:
        services = Services(server, look)
        services.watch()
        await services.look()
        desktop = Conversation(server, user="Agent1").handshake().connect()
        guest = Conversation(server).handshake().connect().subscribe(SERVICES)
        await desktop.subscribe(SERVICES).connect()
        assert told(desktop) == [{"engine": "Available", "store": "Available"}]
        for is_there in (False, False, True):
            state["engine"] = is_there
            await services.look()
        await desktop.connect()
        assert told(desktop)[1:] == [{"engine": "Away"}, {"engine": "Available"}]
        assert (await guest.connect()).events[0]["data"]["services"] == [{"name": "engine", "state": "Away"}]


@pytest.mark.spec("AG-101")
async def test_who_wants_everything_is_told_at_first_of_what_is_away_alone() -> None:
    """A wildcard is seldom meant for this: its first message is to be one that somebody sent."""
    state = {"engine": True, "store": True}

    async def look() -> Any:
        return dict(state)

    async with BayeuxServer() as server:
        services = Services(server, look)
        services.watch()
        await services.look()
        early = Conversation(server, user="Agent1").handshake().connect()
        await early.subscribe("/**").connect()
        state["engine"] = False
        await services.look()
        late = Conversation(server, user="Agent2").handshake().connect()
        await late.subscribe("/**").connect()
        assert told(late) == [{"engine": "Away"}]
        assert told(await early.connect()) == [{"engine": "Away"}]


def test_what_passes_from_node_to_node_is_not_away() -> None:
    clock = ManualClock(0.0)
    absences = Absences(15.0, clock)
    said = []
    for passes, is_missing in ((0.0, True), (14.0, True), (0.5, False), (6.0, True), (15.0, True), (1.0, False)):
        clock.advance(passes)
        said.append(absences.counts("engine", is_missing=is_missing))
    assert said == [False, False, False, False, True, False]


@pytest.mark.spec("AG-101")
async def test_center_knows_its_services(open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    office = await open_office("mail.relay.address=127.0.0.1:1")
    await office.ready()
    center = office.center
    for _ in range(2):
        await office.pass_time(16)
        assert set((await center._look_at_services()).items()) >= {("engine", True), ("store", True), ("bus", True)}
    center.roles["engine"].is_reigning = False
    center._letters.is_relay_away = True
    await center._nodes.alive()
    await center._look_at_services()
    await office.pass_time(16)
    found = await center._look_at_services()
    assert [name for name, is_there in found.items() if not is_there] == ["engine", "mail"]

    async def away() -> None:
        raise Unavailable

    monkeypatch.setattr(center._nodes, "said", away)
    assert await center._look_at_services() == {"store": False}
