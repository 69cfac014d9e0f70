"""What a desktop is told that it may do is all that it can do, in every state (scenario 8)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.conftest import OpenTown, Town
from tests.scenarios.people import CHATS, INTERACTIONS, Agent

MAIL = b"From: a@example.com\r\nSubject: Help\r\n\r\nPlease.\r\n"
PARAMETERS: dict[str, dict[str, Any]] = {
    "Accept": {},
    "Reject": {},
    "SendMessage": {"text": "hello"},
    "SendNotification": {"notification": "TypingStarted"},
    "RequestChatHistory": {},
    "InitiateConsultation": {"agentId": "Agent2"},
    "CompleteTransfer": {},
    "CompleteConference": {},
    "InviteUser": {"agentId": "Agent2"},
    "RemoveParticipantFromConference": {"agentId": "Agent2"},
    "LeaveConference": {},
    "EndChatSession": {},
    "Transfer": {"agentId": "Agent2"},
    "StopProcessing": {},
    "PlaceInQueue": {"queueName": "SimpleChatInQueue"},
    "PlaceInWorkbin": {"workbin": "Personal"},
    "UpdateProperties": {"userData": {"seen": 1}},
    "Reply": {},
    "ReplyAll": {},
    "Forward": {},
    "Save": {"email": {"subject": "x"}},
    "Send": {},
    "CancelReply": {},
}
TALKING = {
    *("SendMessage", "SendNotification", "RequestChatHistory", "InitiateConsultation", "CompleteTransfer"),
    *("CompleteConference", "InviteUser", "RemoveParticipantFromConference", "LeaveConference", "EndChatSession"),
    *("Reply", "Send"),  # in a chat they say something
}
COVERED = {("chat", "Reply"): TALKING, ("email", "Reply"): {"Reply", "Forward"}, ("email", "Send"): {"Send", "Save"}}
"""What an entry of ``capabilities`` covers, where it is more than its own name."""


async def invited_chat(town: Town, agent: Agent) -> str:
    id = await (await town.customer()).begin()
    await agent.invited(id)
    return id


async def chat(town: Town, agent: Agent) -> str:
    id = await invited_chat(town, agent)
    await agent.perform(id, "Accept")
    return id


async def after_chat(town: Town, agent: Agent) -> str:
    customer = await town.customer()
    id = await customer.begin()
    await agent.invited(id)
    await agent.perform(id, "Accept")
    await customer.leave()
    return id


async def invited_email(town: Town, agent: Agent) -> str:
    id = await town.house.bring_mail(MAIL)
    await agent.invited(id)
    return id


async def email(town: Town, agent: Agent) -> str:
    id = await invited_email(town, agent)
    await agent.perform(id, "Accept")
    return id


async def parked_email(town: Town, agent: Agent) -> str:
    id = await email(town, agent)
    await agent.perform(id, "PlaceInWorkbin", workbin="Personal")
    return id


async def draft(town: Town, agent: Agent) -> str:
    answered = await email(town, agent)
    await agent.perform(answered, "Reply")
    composing: str = (await agent.state("Composing"))["id"]
    return composing


STATES = {
    "invited chat": (invited_chat, ["Accept", "Reject"]),
    "chat": (chat, ["Transfer", "PlaceInQueue", "StopProcessing", "PlaceInWorkbin", "UpdateProperties", "Reply"]),
    "after chat": (after_chat, ["PlaceInQueue", "StopProcessing", "PlaceInWorkbin", "UpdateProperties"]),
    "invited e-mail": (invited_email, ["Accept", "Reject"]),
    "e-mail in a workbin": (parked_email, []),
    "e-mail": (
        email,
        ["Transfer", "PlaceInQueue", "StopProcessing", "PlaceInWorkbin", "UpdateProperties", "Reply", "ReplyAll"],
    ),
    "draft": (draft, ["Send", "CancelReply", "Transfer", "PlaceInWorkbin", "UpdateProperties"]),
}


@pytest.mark.spec("AG-60", "AG-61", "AG-62", "AG-64", "AG-71", "AG-141")
@pytest.mark.parametrize("state", STATES)
async def test_what_is_not_covered_is_refused_and_changes_nothing(open_town: OpenTown, state: str) -> None:
    town = await open_town()
    agent = await town.desk("Agent1", "chat", "email")
    make, expected = STATES[state]
    id = await make(town, agent)
    before = await agent.get(f"/me/interactions/{id}")
    held = before["interaction"]
    assert held["capabilities"] == expected
    covered = {each for entry in expected for each in COVERED.get((held["channel"], entry), {entry})}
    already_done = {"Accept"} - set(expected)  # AG-71: asked twice is asked once
    for operation, parameters in PARAMETERS.items():
        if operation not in covered | already_done:
            assert await agent.refused(id, operation, **parameters) == 2, operation
    assert await agent.get(f"/me/interactions/{id}") == before


@pytest.mark.spec("AG-67")
@pytest.mark.parametrize("end", ["Reject", "StopProcessing", "PlaceInQueue"])
async def test_after_the_end_nothing_is_known_of_it(open_town: OpenTown, end: str) -> None:
    town = await open_town()
    agent = await town.desk("Agent1", "chat")
    id = await (invited_chat if end == "Reject" else chat)(town, agent)
    await agent.not_ready("chat")
    await agent.perform(id, end, **PARAMETERS[end])
    for operation, parameters in PARAMETERS.items():
        assert await agent.refused(id, operation, **parameters) == 6, operation
    assert (await agent.get(f"/me/interactions/{id}"))["statusCode"] == 6
    assert await agent.held() == []


@pytest.mark.spec("AG-2", "AG-68", "AG-98")
async def test_both_dialects_speak_of_one_chat(open_town: OpenTown) -> None:
    """Accepted by B, seen by A; ended by A, seen by B."""
    town = await open_town()
    agent = await town.desk("Agent1", "chat", watch=(INTERACTIONS, CHATS))
    customer = await town.customer()
    id = await customer.begin()
    await customer.say("hello")
    await agent.invited(id)
    typed = await agent.until(lambda told: "chat" in told, CHATS)
    assert (typed["messageType"], typed["chat"]["state"]) == ("ChatStateChangeMessage", "Invited")
    await agent.do(f"/me/chats/{id}", "Accept", nickname="Al")
    assert (await agent.state("Accepted", id))["sessionId"] == id
    kinds = [(await agent.next(CHATS))["notificationType"] for _ in range(3)]
    assert kinds == ["StatusChange", "ParticipantsUpdated", "NewMessages"]
    assert (await agent.get(f"/me/chats/{id}"))["chat"]["state"] == "Chatting"
    await agent.perform(id, "StopProcessing")
    ended = await agent.until(lambda told: told.get("chat", {}).get("state") == "Completed", CHATS)
    assert ended["chat"]["capabilities"] == []
