"""The walks through the vendor's samples, and who may see them (scenarios 1 to 4 of the agents' interface)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.scenarios.conftest import OpenTown
from tests.scenarios.house import Plan
from tests.scenarios.people import CHANNELS, INTERACTIONS
from tests.scenarios.samples import masked, sample

MAIL = (
    b"From: Customer1@ci-vm106\r\n"
    b"To: support@localhost\r\n"
    b"Subject: test_reply\r\n"
    b"Date: Fri, 28 Jun 2013 13:30:34 -0700\r\n"
    b"Message-ID: <4fdz6n7aiqcqyw3.280620131330@ci-vm106>\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="==1840393583=="\r\n'
    b"\r\n"
    b"--==1840393583==\r\n"
    b"Content-Type: text/plain\r\n"
    b"\r\n"
    b"Thisisemailbody.\r\nTesting,hopefullythiswillwork\r\n"
    b"--==1840393583==--\r\n"
)
HOUSE_NAMES = {"support@localhost": "support@ci-vm106"}


def as_sampled(told: Any) -> Any:
    """A notification with the sample's name for our mailbox."""
    if isinstance(told, dict):
        return {key: as_sampled(value) for key, value in told.items()}
    return HOUSE_NAMES.get(told, told) if isinstance(told, str) else told


@pytest.mark.spec("AG-20", "AG-30", "AG-33", "AG-35", "AG-50", "AG-126", "AG-127")
async def test_the_walk_of_an_email(open_town: OpenTown, nodes: int) -> None:
    """Invited, left alone until it is revoked, Ready again, accepted."""
    town = await open_town(Plan(accept={"email": 2.0}, settings=("rona.exclude_for=1s",)), nodes=nodes)
    agent = await town.agent()
    await agent.start("email")
    await agent.ready("email")
    await agent.watch(INTERACTIONS, CHANNELS)
    id = await town.house.bring_mail(MAIL)

    assert masked(as_sampled(await agent.invited(id))) == masked(sample("email-invited"))
    assert masked(as_sampled(await agent.state("Revoked", id))) == masked(sample("email-revoked"))
    told = await agent.until(lambda told: told["channels"][0]["userState"]["state"] == "NotReady", CHANNELS)
    assert told["channels"][0]["userState"]["reason"] == "RONA"
    order = [channel for channel, data in agent.history if data.get("state") == "Revoked" or data == told]
    assert order == [INTERACTIONS, CHANNELS]

    await agent.ready("email")
    again = await agent.invited(id)
    assert again["userData"]["RTargetAgentSelected"] == "Agent1"
    await agent.perform(id, "Accept")
    accepted = await agent.state("Accepted", id)
    assert masked(as_sampled(accepted)) == masked(sample("email-accepted"))
    assert [each["id"] for each in await agent.held()] == [id]


@pytest.mark.spec("AG-54", "AG-90", "AG-91", "AG-92", "AG-93")
async def test_the_walk_of_a_chat(open_town: OpenTown, nodes: int) -> None:
    """Three texts before Accept, one after it."""
    town = await open_town(nodes=nodes)
    agent = await town.desk("Agent1", "chat")
    customer = await town.customer("CustomerName!L")
    id = await customer.begin({"Subject": "Customersupport"})
    await customer.say(*(f"testmessage{n}fromclient" for n in (1, 2, 3)))

    assert masked(await agent.invited(id)) == masked(sample("chat-invited"))
    await agent.perform(id, "Accept", nickname="TestName")
    accepted = await agent.state("Accepted", id)
    assert masked(accepted) == masked(sample("chat-accepted"))
    assert [event["EventId"] for event in accepted["chat_notifications"]] == [1, 2, 3, 4, 5]
    assert accepted["sessionId"] == id

    await customer.say("one more")
    (event,) = (await agent.state("Accepted", id))["chat_notifications"]
    (sampled,) = sample("chat-notifications")["chat_notifications"]
    assert event.keys() == sampled.keys()
    assert (event["EventId"], event["MessageType"], event["MessageText"]) == (6, "NEW_MESSAGE", "one more")
    assert event["UserId"] == accepted["chat_notifications"][0]["UserId"]

    await customer.leave()
    left = await agent.state("Accepted", id)
    assert left["chat_notifications"][0]["MessageType"] == "PARTY_LEFT"
    assert left["capabilities"] == ["PlaceInQueue", "StopProcessing", "PlaceInWorkbin", "UpdateProperties"]
    await agent.perform(id, "StopProcessing")
    done = await agent.state("Completed", id)
    assert (done["capabilities"], "sessionId" in done) == ([], False)
    assert await agent.held() == []
    assert await agent.refused(id, "SendMessage", text="too late") == 6


@pytest.mark.spec("AG-128")
async def test_a_customer_who_does_not_wait(open_town: OpenTown) -> None:
    town = await open_town()
    agent = await town.desk("Agent1", "chat")
    customer = await town.customer()
    id = await customer.begin({"Subject": "Customersupport"})
    await agent.invited(id)
    await customer.leave()
    assert masked(await agent.state("Revoked", id)) == masked(sample("chat-revoked"))
    assert (await agent.get("/me/channels/chat"))["channel"]["userState"]["state"] == "Ready"


@pytest.mark.spec("AG-102", "AG-106")
async def test_nobody_sees_what_is_anothers(open_town: OpenTown) -> None:
    """One name for everybody, two agents on two nodes, five hundred notifications."""
    town = await open_town(nodes=2)
    agents = [await town.desk("Agent1", node=0), await town.desk("Agent2", node=1)]
    beside = await town.agent("Agent1", node=1)  # a second desktop of the first
    await beside.watch()
    customers, chats = [], []
    for agent in agents:
        customers.append(await town.customer(f"Customer of {agent.user}"))
        await agent.ready("chat")
        chats.append(await customers[-1].begin())
        await agent.invited(chats[-1])
        await agent.not_ready("chat")
        await agent.perform(chats[-1], "Accept")
        await agent.state("Accepted", chats[-1])

    async def talk(n: int) -> None:
        for line in range(250):
            await customers[n].say(f"{chats[n]} line {line}")

    await asyncio.gather(talk(0), talk(1))
    for agent, chat in zip((*agents, beside), (*chats, chats[0]), strict=True):
        lines: list[str] = []
        while len(lines) < 250:
            told = await agent.state("Accepted")
            assert told["id"] == chat
            lines += [each["MessageText"] for each in told.get("chat_notifications", []) if each["MessageText"]]
        assert lines == [f"{chat} line {n}" for n in range(250)]
    for agent, foreign in zip(agents, reversed(chats), strict=True):
        assert foreign not in str(agent.history)
        assert await agent.refused(foreign, "SendMessage", text="hello") == 6
        assert (await agent.get(f"/interactions/{foreign}"))["statusCode"] == 6


@pytest.mark.spec("AG-36")
@pytest.mark.parametrize("first", ["ready", "watch"])
async def test_ready_and_the_subscription_come_in_any_order(open_town: OpenTown, first: str) -> None:
    """Who is Ready and cannot be shown an invitation is not chosen; the chat waits for him."""
    town = await open_town()
    agent = await town.agent()
    await agent.start("chat")
    customer = await town.customer()
    if first == "watch":
        await agent.watch()
    await agent.ready("chat")
    id = await customer.begin()
    if first == "ready":
        await asyncio.sleep(1)
        assert await agent.held() == []
        await agent.watch()
    assert (await agent.invited(id))["capabilities"] == ["Accept", "Reject"]
