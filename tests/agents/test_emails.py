"""E-mails: routed once however often they come, answered, and sent or not."""

from __future__ import annotations

import asyncio

import pytest

from gateway.agents.refusal import Refused
from gateway.agents.side import ROOM
from gateway.agents.tasks import ASKED_AGAIN_AFTER
from gateway.mail.correspondent import Correspondent
from gateway.mail.parse import parse
from gateway.routing.bus.bus import CHAT_SERVER
from gateway.routing.messages import compose
from tests.agents.conftest import OpenOffice
from tests.agents.office import PATIENCE, Agent, Office

MAIL = (
    b"From: carla@mail.example\r\nTo: support@localhost\r\nSubject: Order 7\r\n"
    b"Message-ID: <1@mail.example>\r\n\r\nWhere is it?\r\n"
)


async def accepted(office: Office) -> tuple[Agent, str]:
    """An agent with an e-mail in hand."""
    agent = await office.ready("Agent1", "email")
    mail = await office.center.service.begin_email(parse(MAIL, Correspondent("support@localhost")))
    await agent.told("Invited", mail)
    await agent.perform(mail, "Accept")
    await agent.told("Accepted", mail)
    return agent, mail


@pytest.mark.spec("AG-80")
async def test_mail_that_comes_twice_is_one_interaction(open_office: OpenOffice) -> None:
    office = await open_office()
    agent, mail = await accepted(office)
    assert await office.center.service.begin_email(parse(MAIL, Correspondent("support@localhost"))) == mail
    assert await agent.has() == [(mail, "Accepted")]


async def test_mail_for_a_mailbox_that_is_not_ours_is_refused(open_office: OpenOffice) -> None:
    office = await open_office()
    with pytest.raises(Refused) as refused:
        await office.center.service.begin_email(parse(MAIL, Correspondent("sales@localhost")))
    assert refused.value.status_code == 6


@pytest.mark.spec("AG-70", "AG-79", "AG-80", "AG-144")
async def test_answer_that_no_relay_takes_stays_with_its_agent(open_office: OpenOffice) -> None:
    office = await open_office()
    agent, mail = await accepted(office)
    await agent.perform(mail, "Reply", bodyAsPlainText="It is on its way.")
    draft = await agent.told("Composing")
    assert (draft["parentId"], draft["interactionSubType"]) == (mail, "OutboundReply")
    await agent.perform(draft["id"], "Send", referenceId=17)

    error = await agent.error()
    assert (error["operationName"], error["statusCode"], error["id"]) == ("Send", 4, draft["id"])
    assert error["referenceId"] == 17
    assert sorted(await agent.has()) == sorted([(mail, "Accepted"), (draft["id"], "Composing")])
    await agent.perform(draft["id"], "CancelReply")
    await agent.told("Completed", draft["id"])


@pytest.mark.spec("AG-80", "AG-144")
@pytest.mark.expected_logs("defect in sending a mail")
async def test_mail_that_trips_a_defect_does_not_keep_others_from_leaving(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("gateway.agents.letters.post", broken)
    office = await open_office("mail.relay.address=127.0.0.1:1")
    agent, mail = await accepted(office)
    await agent.perform(mail, "Reply", bodyAsPlainText="It is on its way.")
    draft = await agent.told("Composing")
    await agent.perform(draft["id"], "Send")
    assert (await agent.error())["id"] == draft["id"]
    assert (draft["id"], "Composing") in await agent.has()


@pytest.mark.spec("MRE-98")
async def test_mail_that_nobody_takes_is_asked_for_again(open_office: OpenOffice) -> None:
    """A queue gives up after its time; who wrote is not there to be told."""
    office = await open_office()
    mail = await office.center.service.begin_email(parse(MAIL, Correspondent("support@localhost")))
    for _ in range(2):
        await office.knows_interaction(mail, lambda interaction: bool(interaction.task))
        await office.pass_time(301)
        await office.knows_interaction(mail, lambda interaction: not interaction.task)
        await office.pass_time(ASKED_AGAIN_AFTER)
    agent = await office.ready("Agent1", "email")
    await agent.told("Invited", mail)


async def is_asked_for_later(office: Office, mail: str) -> bool:
    due = await office.center.store.room(ROOM).due(office.clock() + ASKED_AGAIN_AFTER)
    return f"again:{mail}" in {each.name for each in due}


@pytest.mark.spec("MRE-98")
async def test_mail_that_nobody_could_ever_take_is_not_asked_for_without_pause(open_office: OpenOffice) -> None:
    office = await open_office("mre.no_agent_fast=true")
    mail = await office.center.service.begin_email(parse(MAIL, Correspondent("support@localhost")))
    async with asyncio.timeout(PATIENCE):
        while not await is_asked_for_later(office, mail):  # noqa: ASYNC110 - roles write it
            await asyncio.sleep(0.01)
    await office.knows_interaction(mail, lambda interaction: not interaction.is_closed)


@pytest.mark.spec("MRE-48", "MRE-114")
async def test_mail_that_the_communication_server_does_not_take_is_asked_for_again(open_office: OpenOffice) -> None:
    office = await open_office()
    sent = parse(MAIL, Correspondent("support@localhost"))
    await office.occupy(sent.delivery, "chat")
    mail = await office.center.service.begin_email(sent)
    async with asyncio.timeout(PATIENCE):
        while not await is_asked_for_later(office, mail):  # noqa: ASYNC110 - roles write it
            await asyncio.sleep(0.01)
    await office.knows_interaction(mail, lambda interaction: not interaction.is_closed)


@pytest.mark.spec("MRE-128")
async def test_mail_whose_queue_is_full_waits_outside(open_office: OpenOffice) -> None:
    office = await open_office()
    mail = await office.center.service.begin_email(parse(MAIL, Correspondent("support@localhost")))
    tasks: list[str] = []
    await office.knows_interaction(mail, lambda interaction: bool(tasks.append(interaction.task) or tasks[-1]))
    about = {"TaskId": tasks[-1], "AgentId": ""}
    full = {"Type": "Task", "Code": "INTERNAL", "Reason": "queue full", "RequestId": "1", **about}
    closed = {"MRD": "email", "State": "CLOSED", "Code": "FORCE_CLOSED", "ClientUniqueId": mail, **about}
    for number, (kind, body) in enumerate((("Error", full), ("TaskState", closed))):
        message = compose(CHAT_SERVER, kind, body, id=f"said {number}", now=office.clock(), producer="test")
        await office.center.bus.send(CHAT_SERVER, message)
    assert await is_asked_for_later(office, mail)
    await office.knows_interaction(mail, lambda interaction: not interaction.task and not interaction.is_closed)
    await office.pass_time(ASKED_AGAIN_AFTER)
    await office.knows_interaction(mail, lambda interaction: bool(interaction.task))
