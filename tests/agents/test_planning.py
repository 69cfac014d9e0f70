"""What operators change on one node is followed on all, within two seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.agents import planning
from gateway.agents.refusal import Refused
from gateway.agents.roles import COMMUNICATION, ENGINE
from gateway.operations import PlanChanged, RoutingRefused
from gateway.routing import role
from gateway.routing.planned import PLAN
from gateway.store.store import Room
from tests.agents.conftest import OpenOffice
from tests.agents.office import PATIENCE, Office

pytestmark = pytest.mark.spec("MRE-4", "MRE-150")

QUEUE = "SimpleChatInQueue"
"""Where chats wait under ``--dev``."""


async def followed(*offices: Office) -> None:
    """Wait until all know the same, and the roles decide by it."""
    rooms = [offices[0].center.store.room(name) for name in (COMMUNICATION, ENGINE)]
    async with asyncio.timeout(PATIENCE):
        while len(await _marks(offices, rooms)) > 1:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def _marks(offices: Sequence[Office], rooms: Sequence[Room]) -> set[str]:
    """Of the plans that are known, and of those that was decided by."""
    decided = [document for room in rooms for document in await room.read(PLAN)]
    marks = {document.body["mark"] if document is not None else "" for document in decided}
    return marks | {office.center.planning.plan.mark for office in offices}


async def change(office: Office, kind: str, name: str, **body: Any) -> None:
    await office.center.planning.change(kind, name, body, None)


def test_looks_come_often_enough() -> None:
    """A node's after what operators changed on others, then a role's after what its node knows."""
    assert planning.LOOK + role.LOOK <= 2.0


async def test_a_raised_maximum_lets_what_waits_be_offered(pair: tuple[Office, Office]) -> None:
    leads, stands_by = pair
    await change(stands_by, "agents", "Agent1", mrds=["chat=1", "email"])
    await followed(*pair)
    agent = await leads.ready()
    first = await leads.chat()
    await agent.told("Invited", first)
    await agent.perform(first, "Accept")
    await agent.told("Accepted", first)
    second = await leads.chat()
    await asyncio.sleep(1.0)  # nothing is to come
    assert [each for each, _ in await agent.has()] == [first]

    await change(stands_by, "agents", "Agent1", mrds=["chat=2", "email"])
    await agent.told("Invited", second)


async def test_an_attribute_makes_a_step_match(pair: tuple[Office, Office]) -> None:
    leads, stands_by = pair
    await change(stands_by, "queues", QUEUE, mrd="chat", steps=[{"agents": "english >= 5"}])
    await followed(*pair)
    agent = await leads.ready()
    chat = await leads.chat()
    await asyncio.sleep(1.0)  # nothing is to come
    assert await agent.has() == []

    await change(stands_by, "attributes", "english", agents={"Agent1": 7})
    await agent.told("Invited", chat)


async def test_of_two_who_saw_the_same_one_is_refused(pair: tuple[Office, Office]) -> None:
    here, there = (office.center.planning for office in pair)
    answers = await asyncio.gather(
        here.change("agents", "Anna", {}, 0), there.change("agents", "Bert", {}, 0), return_exceptions=True
    )
    assert sorted(type(answer) for answer in answers if isinstance(answer, Exception)) == [PlanChanged]
    others = await asyncio.gather(*(office.change("agents", "Cleo", {}, None) for office in (here, there)))
    assert sorted(each["version"] for each in others) == [2, 3]


async def test_who_takes_over_looks_at_what_waits(pair: tuple[Office, Office]) -> None:
    """The plan was changed while nobody led."""
    leads, stands_by = pair
    await change(leads, "queues", QUEUE, mrd="chat", steps=[{"agents": "english"}])
    await followed(*pair)
    agent = await stands_by.ready()
    chat = await leads.chat()
    await asyncio.sleep(1.0)  # nothing is to come
    await leads.center.stop()
    await change(stands_by, "queues", QUEUE, mrd="chat")
    await agent.told("Invited", chat)


async def test_a_chat_of_a_removed_mrd_is_given_up_and_the_mrd_comes_back(open_office: OpenOffice) -> None:
    office = await open_office()
    waiting = await office.chat()
    await office.center.planning.change("mrds", "chat", None, None)
    await office.knows_interaction(waiting, lambda chat: chat.is_closed)
    with pytest.raises(Refused, match="no queue"):
        await office.chat()

    await change(office, "mrds", "chat", default_queue=QUEUE)
    await followed(office)
    agent = await office.ready()
    await agent.told("Invited", await office.chat())


@pytest.mark.expected_logs("does not fit the configuration")
async def test_what_does_not_fit_another_configuration_waits_until_it_is_made_to(tmp_path: Path) -> None:
    async with Office(tmp_path) as office:
        await change(office, "agents", "Anna", attributes=["vip"])
        await change(office, "queues", "Gold", mrd="chat")
        await change(office, "mrds", "chat", default_queue="Gold")
        await change(office, "queues", "Letters", mrd="email")
    mrds = [{"id": "chat", "default_queue": QUEUE}]
    queues = [{"name": QUEUE, "mrd": "chat"}]
    settings = [f"mre.mrds={json.dumps(mrds)}", f"mre.queues={json.dumps(queues)}", "mail.mailboxes=[]"]
    async with Office(tmp_path, *settings, node="node2") as office:
        planning = office.center.planning
        assert "Anna" not in planning.plan.agents
        with pytest.raises(RoutingRefused, match="Letters is of the MRD email"):
            await change(office, "agents", "Bert")
        await change(office, "mrds", "email", default_queue="Letters")
        assert "Anna" in planning.plan.agents
