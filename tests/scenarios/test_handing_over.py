"""From one agent to another: transfers, consultations and conferences (scenarios 9 and 10)."""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import OpenTown, Town
from tests.scenarios.house import Plan
from tests.scenarios.people import Agent, Customer


async def talking(town: Town, user: str = "Agent1") -> tuple[Agent, Customer, str]:
    """An agent in a chat, and NotReady for others."""
    agent = await town.desk(user, "chat")
    customer = await town.customer()
    id = await customer.begin()
    await customer.say("hello")
    await agent.invited(id)
    await agent.perform(id, "Accept")
    await agent.state("Accepted", id)
    await agent.not_ready("chat")
    return agent, customer, id


async def users_uri(agent: Agent) -> str:
    """Where an agent is, as he tells it himself."""
    uri: str = (await agent.get("/me"))["user"]["uri"]
    return uri


@pytest.mark.spec("AG-75")
@pytest.mark.parametrize("by", ["agentId", "targetUri"])
async def test_a_chat_goes_to_a_colleague_who_is_ready(open_town: OpenTown, nodes: int, by: str) -> None:
    town = await open_town(nodes=nodes)
    owner, customer, id = await talking(town)
    colleague = await town.desk("Agent2", "chat", node=-1)
    target = "Agent2" if by == "agentId" else await users_uri(colleague)
    await owner.perform(id, "Transfer", **{by: target})
    assert (await owner.state("Transferred", id))["capabilities"] == []
    await customer.say("still here")
    await colleague.invited(id)
    await colleague.perform(id, "Accept")
    accepted = await colleague.state("Accepted", id)
    texts = [each["MessageText"] for each in accepted["chat_notifications"] if each["MessageText"]]
    assert texts == ["hello", "still here"]
    assert accepted["chat_notifications"][-1]["UserType"] == "Agent"
    assert await owner.held() == []


@pytest.mark.spec("AG-75")
async def test_transfers_that_cannot_be(open_town: OpenTown) -> None:
    """To oneself, to nobody, to who is not Ready: nothing changes, and the chat goes on."""
    town = await open_town()
    owner, customer, id = await talking(town)
    await town.desk("Agent2")
    assert await owner.refused(id, "Transfer", agentId="Agent1") == 10
    assert await owner.refused(id, "Transfer", agentId="Agent77") == 6
    assert await owner.refused(id, "Transfer", queueName="NoSuchQueue") in (6, 10)
    assert await owner.refused(id, "Transfer") == 1
    answer = await owner.ask(f"/me/interactions/{id}", "Transfer", agentId="Agent2", referenceId=7)
    if answer["statusCode"] == 0:  # the engine's word comes later
        told = await owner.until(lambda told: told["messageType"] == "ErrorMessage")
        assert (told["operationName"], told["statusCode"], told["id"]) == ("Transfer", 2, id)
    else:
        assert answer["statusCode"] == 2
    await customer.say("go on")
    told = await owner.until(lambda told: bool(told.get("chat_notifications")))
    assert (told["state"], told["chat_notifications"][0]["MessageText"]) == ("Accepted", "go on")


@pytest.mark.spec("AG-76", "AG-127")
async def test_a_transfer_that_rings_out_goes_to_the_queue_and_not_back(open_town: OpenTown) -> None:
    town = await open_town(Plan(accept={"chat": 2.0}))
    owner, _, id = await talking(town)
    colleague = await town.desk("Agent2", "chat")
    await owner.perform(id, "Transfer", agentId="Agent2")
    await owner.state("Transferred", id)
    await colleague.invited(id)
    await colleague.state("Revoked", id)
    assert await owner.held() == []
    third = await town.desk("Agent3", "chat")
    await third.invited(id)


@pytest.mark.spec("AG-75")
async def test_a_transfer_to_a_queue(open_town: OpenTown) -> None:
    town = await open_town()
    owner, _, id = await talking(town)
    await owner.perform(id, "Transfer", queueName="SimpleChatInQueue")
    await owner.state("Transferred", id)
    colleague = await town.desk("Agent2", "chat")
    await colleague.invited(id)


@pytest.mark.spec("AG-75")
async def test_an_email_is_handed_on_and_put_back(open_town: OpenTown) -> None:
    town = await open_town()
    owner = await town.desk("Agent1", "email")
    id = await town.house.bring_mail(b"From: a@example.com\r\nSubject: Help\r\n\r\nPlease.\r\n")
    await owner.invited(id)
    await owner.perform(id, "Accept")
    await owner.state("Accepted", id)
    await owner.not_ready("email")
    await owner.perform(id, "PlaceInQueue", queueName="SimpleEmailInQueue")
    assert (await owner.state("Placed", id))["capabilities"] == []
    colleague = await town.desk("Agent2", "email")
    await colleague.invited(id)


@pytest.mark.spec("AG-95", "AG-62")
async def test_a_consultation_is_hidden_from_the_customer(open_town: OpenTown) -> None:
    """Whisper first, then the colleague takes over in front of the customer."""
    town = await open_town()
    owner, customer, id = await talking(town)
    colleague = await town.desk("Agent2", "chat")
    await owner.perform(id, "InitiateConsultation", agentId="Agent2")
    invited = await colleague.invited(id)
    assert (invited["interactionType"], invited["interactionSubType"]) == ("Internal", "InternalConferenceInvite")
    await colleague.perform(id, "Accept")
    await colleague.state("Accepted", id)
    await owner.perform(id, "SendMessage", text="can you take this one?", visibility="Agents")
    whisper = await colleague.until(lambda told: "take this one" in str(told.get("chat_notifications")))
    assert whisper["chat_notifications"][0]["Visibility"] == "Agents"

    seen = await customer.sees()
    assert "take this one" not in str(seen)
    assert {each["Visibility"] for each in seen} == {"All"}
    assert [each["UserType"] for each in seen if each["MessageType"] == "PARTY_JOINED"] == ["Client", "Agent"]

    await owner.perform(id, "CompleteTransfer")
    await owner.state("Transferred", id)
    await customer.say("who is there?")
    told = await colleague.until(lambda told: "who is there?" in str(told.get("chat_notifications")))
    assert told["state"] == "Accepted"
    assert "take this one" not in str(await customer.sees())
