"""Agents who change their minds while something is decided about them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from channels.private import INTERACTIONS
from gateway.agents.interactions import Interactions
from gateway.agents.refusal import NOT_NOW, Refused
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
