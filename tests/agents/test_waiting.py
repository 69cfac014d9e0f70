"""Where customers stand in their queues."""

from __future__ import annotations

import pytest

from bayeux.protocol.errors import Unavailable
from gateway.agents.operations import QueuePosition
from gateway.agents.refusal import Refused
from gateway.agents.waiting import Waiting
from tests.agents.conftest import OpenOffice
from tests.agents.office import Office


async def positions(office: Office, *chats: str) -> list[tuple[int, int, float | None]]:
    """As their customers are told, who are all in the queue."""
    found = [await office.center.customers.queue_position(chat) for chat in chats]
    return [(each.position, each.waiting, each.estimated_wait) for each in found if each is not None]


@pytest.mark.spec("MRE-100", "MRE-111")
async def test_customer_learns_where_he_stands(open_office: OpenOffice) -> None:
    office = await open_office()
    chats = []
    for _ in range(3):
        chats.append(await office.chat())
        await office.knows_interaction(chats[-1], lambda interaction: bool(interaction.task))
        await office.pass_time(1)
    assert await positions(office, *chats) == [(1, 3, None), (2, 3, None), (3, 3, None)]
    agent = await office.ready()
    await agent.told("Invited", chats[0])
    assert await office.center.customers.queue_position(chats[0]) is None
    await office.center.customers.leave(chats[0])
    with pytest.raises(Refused) as refused:
        await office.center.customers.queue_position(chats[0])
    assert refused.value.status_code == 2


@pytest.mark.spec("MRE-112", "MRE-114")
async def test_position_is_answered_to_the_node_that_asked(open_office: OpenOffice) -> None:
    """Another node leads: it hears the answer, and leaves it in the room; of a task that is gone, too."""
    office = await open_office()
    chat = await office.chat()
    tasks: list[str] = []
    await office.knows_interaction(chat, lambda interaction: bool(tasks.append(interaction.task) or tasks[-1]))
    other = Waiting(office.center._side, office.center.bus)
    assert await other.of_task(tasks[-1]) == QueuePosition(1, 1, None)
    assert await other.of_task("no such task") is None


@pytest.mark.spec("MRE-112")
async def test_position_that_nobody_tells_is_not_waited_for(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def heard_by_nobody(*_: object) -> None:
        pass

    monkeypatch.setattr("gateway.agents.waiting.PATIENCE", 0.3)
    office = await open_office()
    chat = await office.chat()
    await office.knows_interaction(chat, lambda interaction: bool(interaction.task))
    monkeypatch.setattr(office.center.bus, "send", heard_by_nobody)
    with pytest.raises(Unavailable):
        await office.center.customers.queue_position(chat)
