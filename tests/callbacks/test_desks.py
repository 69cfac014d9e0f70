"""Callbacks that wait for a chat, and the agents who take it, in a contact center as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from channels.interaction.hearing import Hearing
from channels.private import INTERACTIONS
from gateway.agents.customers import id_of
from gateway.agents.refusal import Refused
from gateway.callback.threshold import QueueReport
from gateway.callbacks.desks import Desks, Opening
from gateway.callbacks.router import QueueUnknown, Router
from gateway.store.store import Outgoing
from tests.agents.office import NOON, PATIENCE, Office

QUEUE = "SimpleChatInQueue"
CHAT = id_of("c1")
"""What the chat of the callback c1 is called."""


@dataclass(frozen=True)
class Carla:
    nickname: str = "Carla"
    user_data: Mapping[str, Any] = field(default_factory=lambda: {"subject": "A hat"})


async def chat_of(id: str) -> Opening | None:
    """All have asked for one but those who have not."""
    return None if id.startswith("silent") else Carla()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with Office(tmp_path) as opened:
        yield opened


@pytest.fixture
def desks(office: Office) -> Desks:
    return Desks(office.center.places, office.center.customers, chat_of)


async def routed(office: Office, desks: Desks, id: str = "c1") -> str:
    await desks.route(id, QUEUE, since=NOON)
    await office.knows_interaction(id_of(id), lambda chat: bool(chat.task))
    return id_of(id)


async def begun(office: Office, id: str) -> bool:
    try:
        await office.center.customers.transcript(id_of(id))
    except Refused:
        return False
    return True


def test_contact_center_is_a_router(desks: Desks) -> None:
    router: Router = desks
    assert router


@pytest.mark.spec("SM-20", "TH-1", "TH-11", "TH-13")
async def test_callback_stands_in_the_queue_before_its_customer_is_there(office: Office, desks: Desks) -> None:
    agent = await office.ready()
    assert await desks.look("c1") is None
    for _ in range(2):
        await desks.join("c1", QUEUE, since=NOON)
    await desks.join("c2", QUEUE, since=NOON - 5)
    assert await desks.look("c2") == QueueReport(position=1, total=2, eta=None, ready_agents=1)
    assert await desks.look("c1") == QueueReport(position=2, total=2, eta=None, ready_agents=1)
    assert office.heard(agent.user, INTERACTIONS) == []


@pytest.mark.spec("TH-1", "MRE-100")
async def test_estimate_is_in_whole_seconds(office: Office, desks: Desks) -> None:
    agent = await office.ready()
    for _ in range(3):
        chat = await office.chat()
        await agent.told("Invited", chat)
        await office.center.customers.leave(chat)
        await agent.told("Revoked", chat)
        await office.pass_time(10)
    await desks.join("c1", QUEUE, since=NOON)
    report = await desks.look("c1")
    assert report is not None
    assert (report.eta, type(report.eta)) == (10, int)


@pytest.mark.spec("SM-25", "SM-40")
async def test_chat_of_a_callback_is_offered_from_its_place(office: Office, desks: Desks) -> None:
    await desks.join("c1", QUEUE, since=NOON)
    await office.pass_time(5)
    await office.chat("Otto")
    for _ in range(2):
        await routed(office, desks)
    assert await desks.look("c1") == QueueReport(position=1, total=2, eta=None, ready_agents=0)
    agent = await office.ready()
    assert (await agent.told("Invited"))["id"] == CHAT
    await office.knows_interaction(CHAT, lambda chat: "A hat" in chat.user_data.values())
    assert await desks.look("c1") is None
    await agent.perform(CHAT, "Accept")
    await agent.told("Accepted", CHAT)


@pytest.mark.spec("SM-32")
async def test_callback_without_a_place_is_routed_as_who_has_waited_since_then(office: Office, desks: Desks) -> None:
    await office.pass_time(5)
    await office.chat("Otto")
    await routed(office, desks)
    assert await desks.look("c1") == QueueReport(position=1, total=2, eta=None, ready_agents=0)


@pytest.mark.spec("SM-43")
async def test_queue_that_nobody_knows_is_told(office: Office, desks: Desks) -> None:
    with pytest.raises(QueueUnknown):
        await desks.join("c1", "Nowhere", since=NOON)
    with pytest.raises(QueueUnknown):
        await desks.route("c1", "SimpleEmailInQueue", since=NOON)


async def test_customer_who_wants_no_chat_is_given_none(office: Office, desks: Desks) -> None:
    await desks.route("silent", QUEUE, since=NOON)
    assert not await begun(office, "silent")


@pytest.mark.spec("SM-40")
async def test_agent_who_does_not_answer_is_followed_by_another(office: Office, desks: Desks) -> None:
    first = await office.ready("Agent1")
    await routed(office, desks)
    await first.told("Invited", CHAT)
    second = await office.ready("Agent2")
    await desks.next_target("c1", rejections=1)
    await second.told("Invited", CHAT)
    await desks.next_target("c1", rejections=1)
    await first.told("Revoked", CHAT)
    assert await second.has() == [(CHAT, "Invited")]
    await second.perform(CHAT, "Accept")
    await desks.next_target("c1", rejections=2)
    assert await second.has() == [(CHAT, "Accepted")], "who has it keeps it"


@pytest.mark.spec("SM-40")
async def test_agent_who_rejected_is_not_rejected_again(office: Office, desks: Desks) -> None:
    """The callback hears of it, and asks for the next one: he is asked by then."""
    first = await office.ready("Agent1")
    await routed(office, desks)
    await first.told("Invited", CHAT)
    second = await office.ready("Agent2")
    await first.perform(CHAT, "Reject")
    await second.told("Invited", CHAT)
    await desks.next_target("c1", rejections=1)
    assert await second.has() == [(CHAT, "Invited")]


async def test_nobody_is_asked_for_a_callback_that_has_no_chat(desks: Desks) -> None:
    await desks.next_target("c1", rejections=1)


@pytest.mark.spec("CB-12")
@pytest.mark.parametrize("times", [1, 2])
async def test_place_that_was_left_is_left_for_good(office: Office, desks: Desks, times: int) -> None:
    await desks.join("c1", QUEUE, since=NOON)
    for _ in range(times):
        await desks.leave("c1")
    assert await desks.look("c1") is None
    await desks.join("c1", QUEUE, since=NOON)
    await desks.route("c1", QUEUE, since=NOON)
    assert not await begun(office, "c1")
    assert await desks.look("c1") is None


@pytest.mark.spec("SM-70")
async def test_what_was_left_before_it_came_never_comes(office: Office, desks: Desks) -> None:
    await desks.leave("c1")
    await desks.join("c1", QUEUE, since=NOON)
    await desks.route("c1", QUEUE, since=NOON)
    assert await desks.look("c1") is None
    assert not await begun(office, "c1")


@pytest.mark.spec("SM-41", "SM-42")
async def test_agent_who_is_asked_is_released_with_the_callback(office: Office, desks: Desks) -> None:
    agent = await office.ready()
    await routed(office, desks)
    await agent.told("Invited", CHAT)
    for _ in range(2):
        await desks.leave("c1")
    await agent.told("Revoked", CHAT)
    assert office.reasons("Agent1") == ["CUSTOMER_LEFT"]
    assert await agent.has() == []


@pytest.mark.spec("SM-41")
async def test_chat_that_waits_ends_with_the_callback(office: Office, desks: Desks) -> None:
    await routed(office, desks)
    await desks.leave("c1")
    await office.knows_interaction(CHAT, lambda chat: chat.is_closed)
    agent = await office.ready()
    other = await office.chat()
    assert (await agent.told("Invited"))["id"] == other


@pytest.mark.spec("CB-12")
async def test_chat_that_runs_goes_on_without_the_callback(office: Office, desks: Desks) -> None:
    """Also while it is on its way from one agent to another."""
    agent = await office.ready()
    await routed(office, desks)
    await agent.told("Invited", CHAT)
    await agent.perform(CHAT, "Accept")
    await desks.leave("c1")
    assert await agent.has() == [(CHAT, "Accepted")]
    await agent.perform(CHAT, "PlaceInQueue", queueName=QUEUE)
    await desks.leave("c1")
    await agent.told("Invited", CHAT)


@pytest.mark.spec("SM-40", "SM-42")
async def test_callback_hears_what_becomes_of_its_chat(tmp_path: Path) -> None:
    """All but what it has brought about itself."""
    news: list[tuple[str, str]] = []

    async def leave(entries: Sequence[Outgoing]) -> None:
        for entry in entries:
            heard = Hearing.from_document(entry.body)
            news.extend((heard.service, word) for word in heard.news)

    office = Office(tmp_path)
    office.center.tell_customers(leave)
    async with office:
        desks = Desks(office.center.places, office.center.customers, chat_of)
        first = await office.ready("Agent1")
        await routed(office, desks)
        await first.told("Invited", CHAT)
        second = await office.ready("Agent2")
        await desks.next_target("c1", rejections=1)
        await second.told("Invited", CHAT)
        third = await office.ready("Agent3")
        await second.perform(CHAT, "Reject")
        await third.told("Invited", CHAT)
        await third.perform(CHAT, "Accept")
        await office.center.customers.leave(CHAT)
        async with asyncio.timeout(PATIENCE):
            while True:
                if ("c1", "ended") in news:
                    break
                await asyncio.sleep(0.005)
    words = ["reserved", "reserved", "rejected", "reserved", "connected", "ended"]
    assert news == [("c1", word) for word in words]
