"""Agents who change their minds while something is decided about them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from channels.private import INTERACTIONS
from gateway.agents.interactions import Interactions
from gateway.agents.refusal import NOT_NOW, Refused
from gateway.agents.tasks import Tasks
from tests.agents.conftest import OpenOffice


def interrupt(
    monkeypatch: pytest.MonkeyPatch, name: str, happening: Callable[[], Awaitable[None]], *, first: bool
) -> None:
    """Have something happen once, before or after a step of a decision."""
    step = getattr(Interactions, name)
    left = [happening]

    async def interrupted(*args: Any, **kwargs: Any) -> Any:
        happens = left.pop() if left else None
        if first and happens is not None:
            await happens()
        given = await step(*args, **kwargs)
        if not first and happens is not None:
            await happens()
        return given

    monkeypatch.setattr(Interactions, name, interrupted)


@pytest.mark.spec("AG-37")
async def test_colleague_who_rests_meanwhile_is_not_invited(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await open_office()
    first = await office.ready("Agent1")
    chat = await office.chat()
    await first.told("Invited", chat)
    await first.perform(chat, "Accept")
    second = await office.ready("Agent2")
    interrupt(monkeypatch, "_expect_free", lambda: second.state("NotReady", "chat"), first=False)
    with pytest.raises(Refused) as refused:
        await first.perform(chat, "InviteUser", agentId="Agent2")
    assert refused.value.status_code == NOT_NOW
    assert office.heard("Agent2", INTERACTIONS) == []


@pytest.mark.spec("AG-66", "AG-126")
async def test_who_accepts_at_the_last_moment_keeps_it(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The communication server hears of it half a second later, when the time to accept is over."""
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await office.pass_time(29.9)
    interrupt(monkeypatch, "keep", lambda: office.pass_time(0.5), first=True)
    await agent.perform(chat, "Accept")
    await agent.told("Accepted", chat)
    await agent.perform(chat, "StopProcessing")
    assert [data["state"] for data in office.heard("Agent1", INTERACTIONS)] == ["Invited", "Accepted", "Completed"]
    await agent.told("Invited", await office.chat())  # and he has not stopped being ready


@pytest.mark.spec("AG-66", "AG-126")
async def test_who_accepts_too_late_is_told_so(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await office.pass_time(30.1)
    with pytest.raises(Refused) as refused:
        await agent.perform(chat, "Accept")
    assert refused.value.status_code == NOT_NOW
    await office.pass_time(1)
    await agent.told("Revoked", chat)
    assert [data["state"] for data in office.heard("Agent1", INTERACTIONS)] == ["Invited", "Revoked"]


@pytest.mark.spec("AG-66", "AG-126", "MRE-74")
async def test_time_to_accept_begins_with_the_booking_however_late_that_is_heard(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await open_office()
    agent = await office.ready()
    hear = Tasks.heard

    async def late(*args: Any) -> None:
        if "TaskAgentSelected" in args:
            monkeypatch.undo()
            await office.pass_time(20)
            args[1].now += 20
        await hear(*args)

    monkeypatch.setattr(Tasks, "heard", late)
    chat = await office.chat()
    await agent.told("Invited", chat)
    await office.pass_time(10.1)
    with pytest.raises(Refused) as refused:
        await agent.perform(chat, "Accept")
    assert refused.value.status_code == NOT_NOW


@pytest.mark.spec("AG-26", "AG-152")
async def test_who_signs_out_meanwhile_pulls_nothing(open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    workbin = (await agent.service.workbins(agent.caller))[0]["id"]
    await agent.perform(chat, "PlaceInWorkbin", workbin=workbin)
    interrupt(monkeypatch, "keep", lambda: agent.service.end_session(agent.caller), first=True)
    with pytest.raises(Refused) as refused:
        await agent.service.perform_on_workbin(agent.caller, workbin, "PullChat", {"id": chat})
    assert refused.value.status_code == NOT_NOW
    assert await agent.has() == []


@pytest.mark.spec("AG-73")
async def test_messages_keep_their_order_though_the_first_is_overtaken(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    interrupt(monkeypatch, "keep", lambda: office.say(chat, "Hello?"), first=True)
    await asyncio.gather(*(agent.perform(chat, "SendMessage", text=text) for text in ("one", "two", "three")))
    said = [each["MessageText"] for each in await office.center.customers.transcript(chat) if each["MessageText"]]
    assert said == ["Hello?", "one", "two", "three"]
