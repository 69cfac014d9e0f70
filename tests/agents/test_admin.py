"""What operators see of the routing, and do to it, while agents work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bayeux.server.server import BayeuxServer
from gateway.observe.loop_lag import LoopLag
from gateway.observe.metrics import Metrics
from gateway.operations import RoutingRefused, RoutingUnknown
from gateway.routing.bus.bus import CHAT_SERVER, GENERAL, ROUTING_ENGINE, BusMessage
from tests.agents.conftest import OpenOffice
from tests.agents.office import PATIENCE, Office

QUEUE = "SimpleChatInQueue"
"""Where chats wait under ``--dev``."""


async def until(holds: Callable[[], Any]) -> None:
    """Look until it holds: the roles tell nobody."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def reigning(office: Office) -> None:
    await until(lambda: all(role.is_reigning for role in office.center.roles.values()))


async def task_of(office: Office, chat: str, state: str) -> Any:
    """What operators see of a chat's task once it is so; its id went by on the bus."""
    heard = office.center.admin.overheard({})["messages"]
    (id,) = {each["key"].removeprefix("task:") for each in heard if each["type"] == "NewTask"}
    async with asyncio.timeout(PATIENCE):
        while (report := await office.center.admin.task(id))["state"] != state:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert report["clientUniqueId"] == chat
    return report


def figures(office: Office) -> dict[str, float]:
    """Metrics of the routing, by name and values of labels but the worker's."""
    metrics = Metrics(BayeuxServer(), LoopLag())
    for collector in office.center.collectors:
        metrics.watch(collector)
    samples = [each for family in metrics.families() for each in family.values.items()]
    return {
        " ".join([name, *(value for label, value in labels if label != "worker")]): value
        for (name, labels), value in samples
    }


def malformed(number: int) -> BusMessage:
    return BusMessage(type="AgentState", body=b"[]", id=f"id-{number}", key="k")


@pytest.mark.spec("MRE-77")
async def test_a_task_shows_its_state_its_legs_and_how_they_came_about(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    office.center.admin.overheard({})
    chat = await office.chat(subject="a secret of the customer's")
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    await agent.told("Accepted", chat)

    report = await task_of(office, chat, "ACTIVE")
    assert (report["mrd"], report["owner"], report["attempts"]) == ("chat", "Agent1", 1)
    assert [(leg["agent"], leg["state"], leg["role"]) for leg in report["legs"]] == [("Agent1", "ACTIVE", "OWNER")]
    assert [(each["from"], each["to"], each["agent"]) for each in report["history"]] == [
        ("", "QUEUED", ""),
        ("QUEUED", "RESERVED", "Agent1"),
        ("RESERVED", "ACTIVE", "Agent1"),
    ]
    assert "secret" not in str(report)


@pytest.mark.spec("MRE-77")
async def test_a_task_that_nobody_knows_is_unknown(open_office: OpenOffice) -> None:
    office = await open_office()
    with pytest.raises(RoutingUnknown, match="no task nonsense"):
        await office.center.admin.task("nonsense")


@pytest.mark.spec("MRE-125")
@pytest.mark.expected_logs("could not be handled")
async def test_a_dead_letter_is_replayed_once_and_then_gone(open_office: OpenOffice) -> None:
    office = await open_office()
    admin = office.center.admin
    await office.center.bus.send(GENERAL, malformed(1))
    await office.center.bus.send(ROUTING_ENGINE, malformed(2))
    letters = (await admin.dead_letters(None))["letters"]
    assert [(each["queue"], each["id"], each["type"], each["body"]) for each in letters] == [
        (GENERAL, "id-1", "AgentState", []),
        (ROUTING_ENGINE, "id-2", "AgentState", []),
    ]
    assert all(each["reason"] and each["tries"] == 1 and each["first"] <= each["last"] for each in letters)

    replayed = await admin.replay(GENERAL, "id-1")
    assert replayed["id"].startswith("id-1/")
    letters = (await admin.dead_letters(GENERAL))["letters"]
    assert [each["id"] for each in letters] == [replayed["id"]]  # it is no better than it was
    with pytest.raises(RoutingUnknown, match="no dead letter id-1"):
        await admin.replay(GENERAL, "id-1")
    await office.center.count_dead()
    assert figures(office)[f"mre_dead_letters {GENERAL}"] == 1


@pytest.mark.spec("MRE-116", "MRE-125")
@pytest.mark.expected_logs("could not be handled")
async def test_what_named_a_secret_is_shown_masked_and_not_replayed(open_office: OpenOffice) -> None:
    office = await open_office()
    body = b'[{"AgentId":"Agent1","Password":"s3cret-1"}]'
    await office.center.bus.send(GENERAL, BusMessage(type="Login", body=body, id="id-1", key="k"))
    report = await office.center.admin.dead_letters(GENERAL)
    assert "s3cret" not in str(report)
    with pytest.raises(RoutingRefused, match="send the message anew"):
        await office.center.admin.replay(GENERAL, "id-1")
    assert len((await office.center.admin.dead_letters(GENERAL))["letters"]) == 1


@pytest.mark.spec("MRE-152")
async def test_what_is_sent_is_answered_on_the_bus_and_heard(open_office: OpenOffice) -> None:
    office = await open_office()
    admin = office.center.admin
    begun = admin.overheard({})
    sent = await admin.send("GetTaskState", None, {"TaskId": "nonsense"})
    assert sent["queue"] == GENERAL
    heard: list[Any] = []

    def answered() -> bool:
        heard[:] = admin.overheard(begun["cursor"])["messages"]
        return any(each["correlation"] == sent["id"] for each in heard)

    await until(answered)
    (answer,) = [each for each in heard if each["correlation"] == sent["id"]]
    assert (answer["queue"], answer["type"]) == (CHAT_SERVER, "Error")


@pytest.mark.spec("MRE-152")
@pytest.mark.parametrize(
    ("message_type", "queue", "body", "words"),
    [
        ("Nonsense", None, {}, "there are AgentState, ChatServerStarted, Conference"),
        ("Login", ROUTING_ENGINE, {}, "no message of the type 'Login' is for RoutingEngine"),
        ("GetTaskState", None, {}, "GetTaskState needs TaskId"),
        ("TaskState", GENERAL, {"AgentId": "a", "TaskId": "t", "State": "PURPLE"}, "State"),
    ],
)
async def test_what_nobody_could_read_is_not_sent(
    open_office: OpenOffice, message_type: str, queue: str | None, body: Any, words: str
) -> None:
    office = await open_office()
    with pytest.raises(RoutingRefused, match=words):
        await office.center.admin.send(message_type, queue, body)


@pytest.mark.spec("MRE-151")
async def test_metrics_tell_of_tasks_agents_and_offers(open_office: OpenOffice) -> None:
    office = await open_office()
    await reigning(office)
    first = await office.chat()
    await until(lambda: figures(office).get(f"mre_tasks {QUEUE} QUEUED") == 1)
    await office.pass_time(7)
    assert figures(office)[f"mre_oldest_wait_seconds {QUEUE}"] == 7

    agent = await office.ready()
    await agent.told("Invited", first)
    await until(lambda: figures(office).get(f"mre_tasks {QUEUE} RESERVED") == 1)
    told = figures(office)
    assert f"mre_tasks {QUEUE} QUEUED" not in told
    assert told["mre_agents chat RESERVED"] == 1
    assert told[f"mre_oldest_wait_seconds {QUEUE}"] == 0
    assert (told[f"mre_assign_seconds_count {QUEUE}"], told[f"mre_assign_seconds_sum {QUEUE}"]) == (1, 7)
    assert told["mre_handler_seconds_count communication Task"] == 1
    assert f"mre_rona_total {QUEUE}" not in told

    await office.pass_time(120)
    await until(lambda: figures(office).get(f"mre_rona_total {QUEUE}") == 1)
    await until(lambda: figures(office).get("mre_agents chat NOT_READY") == 1)
