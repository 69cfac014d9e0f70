"""Places in queues of customers who are not there yet, in a contact center with agents."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from bayeux.protocol.errors import Unavailable
from gateway.agents.operations import QueuePosition
from gateway.agents.places import Place, Standing, task_name
from gateway.agents.refusal import NOT_FOUND, NOT_NOW, Refused
from gateway.agents.turn import Turn
from tests.agents.conftest import OpenOffice
from tests.agents.office import NOON, PATIENCE, Office

pytestmark = pytest.mark.spec("SM-20", "MRE-100")

QUEUE = "SimpleChatInQueue"


async def hold(office: Office, key: str, since: float | None = None, queue: str = QUEUE) -> None:
    await office.center.places.hold(key, queue, since=since)
    await office.knows_place(key, lambda place: bool(place.task))
    await office.pass_time(1)


async def chat(office: Office, place: str = "") -> str:
    """A customer has come."""
    key = f"chat of {place}" if place else ""
    begun = await office.center.customers.begin_chat(nickname="Carla", key=key, place=place)
    await office.knows_interaction(begun, lambda interaction: bool(interaction.task))
    await office.pass_time(1)
    return begun


async def position(office: Office, begun: str) -> tuple[int, int]:
    found = await office.center.customers.queue_position(begun)
    assert found is not None
    return found.position, found.waiting


async def position_is(office: Office, begun: str, wanted: tuple[int, int]) -> None:
    """Wait until what was decided has reached the queue."""
    found = None
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while (found := await position(office, begun)) != wanted:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
    assert found == wanted


async def test_place_counts_for_all_and_is_offered_to_nobody(open_office: OpenOffice) -> None:
    office = await open_office()
    await hold(office, "c1")
    begun = await chat(office)
    assert await office.center.places.look("c1") == QueuePosition(1, 2, None)
    assert await position(office, begun) == (2, 2)
    agent = await office.ready()
    await agent.told("Invited", begun)
    await agent.perform(begun, "Reject")
    assert await office.center.places.look("c1") == QueuePosition(1, 2, None, ready_agents=1)
    assert [data["id"] for data in office.heard("Agent1", "/v2/me/interactions")] == [begun, begun]


@pytest.mark.spec("SM-25")
async def test_chat_takes_the_place_of_its_customer(open_office: OpenOffice) -> None:
    office = await open_office()
    await hold(office, "c1")
    await office.pass_time(1)
    other = await chat(office)
    begun = await chat(office, place="c1")
    assert (await position(office, begun), await position(office, other)) == ((1, 2), (2, 2))
    assert await office.center.places.look("c1") is None
    agent = await office.ready()
    await agent.told("Invited", begun)
    assert await position(office, other) == (1, 1)


async def test_chat_that_begins_twice_takes_its_place_once(open_office: OpenOffice) -> None:
    office = await open_office()
    await hold(office, "c1")
    assert await chat(office, place="c1") == (begun := await chat(office, place="c1"))
    await office.center.places.release("c1")
    assert await position(office, begun) == (1, 1)


async def test_customer_who_had_no_place_stands_where_he_would_have(open_office: OpenOffice) -> None:
    office = await open_office()
    await office.pass_time(100)
    other = await chat(office)
    begun = await office.center.customers.begin_chat(nickname="Carla", place="c1", since=NOON + 10)
    await office.knows_interaction(begun, lambda interaction: bool(interaction.task))
    assert (await position(office, begun), await position(office, other)) == ((1, 2), (2, 2))
    await office.center.places.hold("c1", QUEUE)
    assert await office.center.places.look("c1") is None, "his chat has it already"


@pytest.mark.spec("SM-70")
async def test_whatever_is_asked_of_a_place_may_be_asked_twice(open_office: OpenOffice) -> None:
    office = await open_office()
    await hold(office, "c1")
    await office.pass_time(1)
    other = await chat(office)
    await hold(office, "c1")
    assert await position(office, other) == (2, 2)
    for _ in range(2):
        await office.center.places.release("c1")
        assert await office.center.places.look("c1") is None
        await position_is(office, other, (1, 1))
    await office.center.places.hold("c1", QUEUE)
    assert await position(office, other) == (1, 1), "what was given up is not held again"


async def test_place_that_is_given_up_first_is_never_held(open_office: OpenOffice) -> None:
    office = await open_office()
    await office.center.places.release("c1")
    await office.center.places.hold("c1", QUEUE)
    assert await office.center.places.look("c1") is None
    assert await position(office, await chat(office)) == (1, 1)


async def test_place_is_given_up_before_its_task_has_an_id(open_office: OpenOffice) -> None:
    """And again while the message that began it is still under way."""
    office = await open_office()
    await office.center.places.hold("c1", QUEUE)
    await office.center.places.release("c1")
    begun = await chat(office)
    await position_is(office, begun, (1, 1))


async def test_chat_takes_a_place_whose_task_has_no_id_yet(open_office: OpenOffice) -> None:
    office = await open_office()
    await office.center.places.hold("c1", QUEUE)
    await office.pass_time(1)
    other = await chat(office)
    begun = await chat(office, place="c1")
    assert (await position(office, begun), await position(office, other)) == ((1, 2), (2, 2))


@pytest.mark.spec("CB-12")
async def test_chat_at_a_place_that_was_given_up_does_not_begin(open_office: OpenOffice) -> None:
    office = await open_office()
    await hold(office, "c1")
    await office.center.places.release("c1")
    with pytest.raises(Refused) as refused:
        await chat(office, place="c1")
    assert refused.value.status_code == NOT_NOW
    assert await position(office, await chat(office)) == (1, 1)


async def test_queue_that_there_is_not_has_no_places(open_office: OpenOffice) -> None:
    office = await open_office()
    with pytest.raises(Refused) as refused:
        await office.center.places.hold("c1", "Nowhere")
    assert refused.value.status_code == NOT_FOUND


@pytest.mark.spec("SM-70")
async def test_place_that_the_queue_lost_is_held_again_where_it_was(open_office: OpenOffice) -> None:
    office = await open_office()
    await hold(office, "c1", since=NOON - 10)
    other = await chat(office)
    tasks: list[str] = []
    await office.knows_place("c1", lambda place: bool(tasks.append(place.task) or place.task))
    await close_by_force(office, tasks[-1])
    await office.knows_place("c1", lambda place: place.standing is Standing.LOST)
    assert await office.center.places.look("c1") is None
    assert await position(office, other) == (1, 1)
    await hold(office, "c1", since=NOON - 10)
    assert await office.center.places.look("c1") == QueuePosition(1, 2, None)
    assert await position(office, other) == (2, 2)


@pytest.mark.spec("SM-70")
@pytest.mark.expected_logs("bus waits in the outbox")
async def test_place_outlives_the_process(open_office: OpenOffice) -> None:
    """Also one whose process died before anything of it had left."""
    office = await open_office()
    await hold(office, "c1")
    await office.pass_time(1)
    office.cut_off()
    await office.center.places.hold("c2", QUEUE)
    await office.restart()
    await office.knows_place("c2", lambda place: bool(place.task))
    assert (await office.center.places.look("c1"), await office.center.places.look("c2")) == (
        QueuePosition(1, 2, None),
        QueuePosition(2, 2, None),
    )
    office.cut_off()
    begun = await office.center.customers.begin_chat(nickname="Carla", key="k", place="c2")
    await office.center.places.release("c1")
    await office.restart()
    await office.knows_interaction(begun, lambda interaction: bool(interaction.task))
    await position_is(office, begun, (1, 1))


async def test_question_waits_for_the_place_that_it_is_about(open_office: OpenOffice) -> None:
    """It goes by itself, and the place by the outbox."""
    office = await open_office()
    await office.center.places.hold("c1", QUEUE)
    assert await office.center.places.look("c1") == QueuePosition(1, 1, None)


@pytest.mark.expected_logs("bus waits in the outbox")
async def test_position_of_a_place_on_its_way_is_not_none(open_office: OpenOffice) -> None:
    office = await open_office()
    office.cut_off()
    await office.center.places.hold("c1", QUEUE)
    with pytest.raises(Unavailable):
        await office.center.places.look("c1")


# On two nodes


@pytest.mark.spec("SM-70", "SM-73")
async def test_nodes_decide_about_places_at_the_same_time(pair: tuple[Office, Office]) -> None:
    """Whatever comes first: what was given up is held by nobody, and a chat has a place or does not begin."""
    leads, stands_by = pair
    keys = [f"c{number}" for number in range(8)]
    await stands_by.center.places.hold("c", QUEUE, since=NOON - 10)
    await asyncio.gather(
        *(office.center.places.hold(key, QUEUE) for key in keys for office in pair),
        *(pair[number % 2].center.places.release(key) for number, key in enumerate(keys[:4])),
    )
    begun = await asyncio.gather(
        *(leads.center.customers.begin_chat(nickname=key, key=key, place=key) for key in keys[2:]),
        *(stands_by.center.places.release(key) for key in keys[2:]),
        return_exceptions=True,
    )
    chats = [each for each in begun if isinstance(each, str)]
    assert {type(each) for each in begun} <= {str, Refused, type(None)}
    for office in pair:
        await office.pass_time(1)  # who came at the same moment may stand in any order
    last = await chat(leads)
    await position_is(leads, last, (len(chats) + 2, len(chats) + 2))
    for office in pair:
        assert await office.center.places.look("c") == QueuePosition(1, len(chats) + 2, None)
        assert [await office.center.places.look(key) for key in keys] == [None] * len(keys)


# What is told late, or again

HELD = Place(standing=Standing.HELD, queue=QUEUE, mrd="chat", since=NOON)


@pytest.mark.parametrize(
    ("before", "message", "after"),
    [
        pytest.param({}, ("t1", "QUEUED"), {"task": "t1"}, id="learns its id"),
        pytest.param({"task": "t1"}, ("t1", "QUEUED"), {"task": "t1"}, id="learns it again"),
        pytest.param({"task": "t1"}, ("t1", "CLOSED"), {"standing": Standing.LOST, "given_up": "t1"}, id="lost"),
        pytest.param({}, ("t1", "CLOSED"), {"standing": Standing.LOST, "given_up": "t1"}, id="lost at once"),
        pytest.param({"task": "t2"}, ("t1", "CLOSED"), {"task": "t2"}, id="another's end"),
        pytest.param({"given_up": "t1"}, ("t1", "CLOSED"), {"given_up": "t1"}, id="an earlier one's end"),
        pytest.param({"given_up": "t1"}, ("t1", "QUEUED"), {"given_up": "t1"}, id="an earlier one's beginning"),
        pytest.param({}, ("", "Error"), {"standing": Standing.LOST}, id="refused"),
        pytest.param({"task": "t1"}, ("", "Error"), {"task": "t1"}, id="refused again"),
        pytest.param({"standing": Standing.TAKEN}, ("t1", "CLOSED"), {"standing": Standing.TAKEN}, id="taken"),
    ],
)
async def test_what_is_told_of_a_task_counts_for_that_task(
    open_office: OpenOffice, before: dict[str, Any], message: tuple[str, str], after: dict[str, Any]
) -> None:
    office = await open_office()
    places, (task, state) = office.center.places, message

    async def decision(turn: Turn) -> Place:
        await places._find(turn, "c1")
        places._put(turn, "c1", Place(**{**_fields(HELD), **before}))
        body = {"ClientUniqueId": task_name("c1"), "TaskId": task, "State": state}
        await places.heard(turn, "Error" if state == "Error" else "TaskState", body)
        found = await places._find(turn, "c1")
        assert found is not None
        assert turn.lanes == frozenset()
        return found

    assert await office.center._side.decide(decision) == Place(**{**_fields(HELD), **after})


@pytest.mark.parametrize("standing", [Standing.TAKEN, Standing.RELEASED, None])
async def test_task_of_no_place_is_closed(open_office: OpenOffice, standing: Standing | None) -> None:
    office = await open_office()
    places = office.center.places

    async def decision(turn: Turn) -> list[str]:
        await places._find(turn, "c1")
        if standing is not None:
            places._put(turn, "c1", Place(standing=standing))
        await places.heard(turn, "TaskState", {"ClientUniqueId": task_name("c1"), "TaskId": "t1", "State": "QUEUED"})
        return [each.body["body"] for each in turn.changes.outgoing]

    (told,) = await office.center._side.decide(decision)
    assert '"TaskId":"t1"' in told and '"State":"CLOSED"' in told


def _fields(place: Place) -> dict[str, Any]:
    return {"standing": place.standing, "queue": place.queue, "mrd": place.mrd, "since": place.since}


async def close_by_force(office: Office, task: str) -> None:
    """An operator does."""
    body = {"AgentId": "", "TaskId": task, "State": "CLOSED", "Code": "FORCE_CLOSED"}
    await office.center.admin.send("TaskState", None, body)
