"""Which request a notification answers."""

from __future__ import annotations

import pytest

from channels.private import CHATS, INTERACTIONS
from gateway.agents.operations import Dialect, Json
from tests.agents.conftest import OpenOffice
from tests.agents.office import Agent, Office


async def transferred(office: Office, dialect: Dialect, **parameters: int) -> tuple[int | None, Json, Json]:
    """A transfer that succeeds: its number in the answer, and its last messages in both dialects."""
    first = await office.ready("Agent1")
    chat = await office.chat()
    await first.told("Invited", chat)
    await first.perform(chat, "Accept")
    await office.ready("Agent2")
    done = await first.perform(chat, "Transfer", dialect, agentId="Agent2", **parameters)
    told = await first.told("Transferred", chat)
    typed = await office.until("Agent1", CHATS, lambda data: data.get("chat", {}).get("state") == "Completed")
    return done.reference_id, told, typed


@pytest.mark.spec("AG-70")
@pytest.mark.parametrize("dialect", [Dialect.INTERACTIONS, Dialect.CHATS])
async def test_what_the_engine_agrees_to_has_the_number_of_its_request(
    open_office: OpenOffice, dialect: Dialect
) -> None:
    office = await open_office()
    number, told, typed = await transferred(office, dialect, referenceId=17)
    assert (number, told["referenceId"], typed["referenceId"]) == (17, 17, 17)


@pytest.mark.spec("AG-70")
async def test_what_comes_later_has_a_number_in_the_typed_dialect(open_office: OpenOffice) -> None:
    office = await open_office()
    number, told, typed = await transferred(office, Dialect.CHATS)
    assert number is not None
    assert typed["referenceId"] == number
    assert "referenceId" not in told


@pytest.mark.spec("AG-70", "AG-144")
async def test_refusal_of_the_engine_has_that_number(open_office: OpenOffice) -> None:
    office = await open_office('mre.agents=[{"name": "Agent2", "mrds": ["chat=1"]}]')

    async def accepting(user: str) -> tuple[Agent, str]:
        agent, chat = await office.ready(user), await office.chat()
        await agent.told("Invited", chat)
        await agent.perform(chat, "Accept")
        return agent, chat

    await accepting("Agent2")
    first, chat = await accepting("Agent1")
    done = await first.perform(chat, "Transfer", Dialect.CHATS, agentId="Agent2")
    assert (await first.error(CHATS))["referenceId"] == done.reference_id
    assert "referenceId" not in await first.error(INTERACTIONS)
    done = await first.perform(chat, "SendMessage", Dialect.CHATS, text="Hello")
    assert done.reference_id is None
