"""Signing in and out, Ready and NotReady, and who is gone without a word."""

from __future__ import annotations

import pytest

from bayeux.testing import Conversation
from channels.private import AGENT, CHANNELS, INTERACTIONS
from gateway.agents.operations import Caller, Json
from gateway.agents.refusal import Refused
from tests.agents.conftest import OpenOffice


@pytest.mark.spec("AG-20", "AG-21")
async def test_what_is_not_served_fails_by_itself(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = office.agent()
    results = {each.channel: each for each in await agent.start("voice", "chat", "email", "fax")}
    assert {name: each.status_code for name, each in results.items()} == {"voice": 4, "multimedia": 0, "fax": 10}
    with pytest.raises(Refused) as refused:
        await agent.start()
    assert refused.value.status_code == 1


@pytest.mark.spec("AG-22", "AG-24", "AG-33", "AG-40")
async def test_only_what_changes_is_told(open_office: OpenOffice) -> None:
    office = await open_office("agent.reasons=Lunch")
    agent = office.agent()
    await agent.start("chat", "email")
    await agent.start("email")
    await agent.state("Ready")
    await agent.state("Ready", "chat")
    await agent.state("Lunch", "chat")
    told = office.heard("Agent1", CHANNELS)
    assert [[_shown(each) for each in data["channels"]] for data in told] == [
        [("chat", "NotReady"), ("email", "NotReady")],
        [("chat", "Ready"), ("email", "Ready")],
        [("chat", "Lunch")],
    ]


@pytest.mark.spec("AG-30")
async def test_states_are_refused_where_they_cannot_be(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = office.agent()
    codes = []
    for operation, channel in (("Ready", "chat"), ("Asleep", "chat"), ("Ready", "fax"), ("Ready", None)):
        with pytest.raises(Refused) as refused:
            await agent.state(operation, channel)
        codes.append(refused.value.status_code)
    assert codes == [2, 10, 6, 2]


@pytest.mark.spec("AG-37", "AG-38")
async def test_not_ready_keeps_what_one_has_and_brings_nothing_new(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.state("NotReady", "chat")
    waiting = await office.chat()
    other = await office.ready("Agent2")
    await other.told("Invited", waiting)

    await agent.perform(chat, "Accept")
    await agent.told("Accepted", chat)
    assert await agent.has() == [(chat, "Accepted")]


@pytest.mark.spec("AG-26", "MRE-64")
async def test_who_signs_out_leaves_his_work_to_others(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    accepted, invited = await office.chat("First"), await office.chat("Second")
    first = (await agent.told("Invited"))["id"]
    await agent.perform(first, "Accept")
    await agent.told("Invited")
    await agent.service.end_session(agent.caller)

    assert {data["id"] for data in office.heard("Agent1", INTERACTIONS) if data["state"] == "Revoked"} == {
        accepted,
        invited,
    }
    assert await agent.has() == []
    assert set(office.reasons("Agent1")) == {"LOGOUT"}
    assert agent.desktop is not None
    await agent.desktop
    assert office.server.sessions.of_user("Agent1") == []
    other = await office.ready("Agent2")
    found = (await other.told("Invited"))["id"]
    await other.perform(found, "Accept")
    assert {found, (await other.told("Invited"))["id"]} == {accepted, invited}
    with pytest.raises(Refused):
        await agent.state("Ready", "chat")


@pytest.mark.spec("AG-26")
async def test_work_of_who_signs_out_may_be_closed(open_office: OpenOffice) -> None:
    office = await open_office("logout.active=close")
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    await agent.service.end_session(agent.caller)
    with pytest.raises(Refused):
        await office.say(chat, "Hello?")


@pytest.mark.spec("AG-125")
async def test_who_is_lost_gives_his_invitation_back_and_later_his_chats(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    agent.get_up()
    await office.knows("Agent1", lambda agent: agent.away_since is not None)

    await office.pass_time(61)
    await agent.channel_is("chat", "NotReady", "CONNECTION_LOST")
    assert await agent.has() == [(chat, "Accepted")]
    await office.pass_time(120)
    await agent.told("Revoked", chat)
    assert office.reasons("Agent1") == ["CONNECTION_LOST"]
    other = await office.ready("Agent2")
    await other.told("Invited", chat)


@pytest.mark.spec("AG-125")
async def test_who_comes_back_in_time_has_lost_nothing(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    await agent.perform(chat, "Accept")
    agent.get_up()
    await office.knows("Agent1", lambda agent: agent.away_since is not None)
    await agent.sit_down()
    await office.knows("Agent1", lambda agent: agent.away_since is None)
    await office.pass_time(300)
    following = await office.chat()
    await agent.told("Invited", following)
    assert (chat, "Accepted") in await agent.has()


@pytest.mark.spec("AG-25")
async def test_second_desktop_is_refused_where_one_is_enough(open_office: OpenOffice) -> None:
    office = await open_office("sessions.multi=refuse")
    await office.agent().start("chat")
    other = Caller(user="Agent1", session="another browser")
    with pytest.raises(Refused) as refused:
        await office.center.service.start_session(other, ["chat"])
    assert refused.value.status_code == 19


@pytest.mark.spec("AG-25")
async def test_second_desktop_takes_over_where_that_is_wanted(open_office: OpenOffice) -> None:
    office = await open_office("sessions.multi=takeover")
    agent = office.agent()
    desktop = await (await agent.sit_down()).stay_connected()
    await agent.start("chat")
    await office.center.service.start_session(Caller(user="Agent1", session="another browser"), ["chat"])
    await desktop
    assert [each["data"] for each in desktop.events if each["channel"] == AGENT] == [
        {"messageType": "SessionReplacedMessage"}
    ]
    assert office.server.sessions.of_user("Agent1") == []


@pytest.mark.spec("AG-109")
async def test_additions_are_for_sessions_that_asked_for_them(open_office: OpenOffice) -> None:
    office = await open_office()
    plain = await Conversation(office.server, user="Agent1").handshake().connect().subscribe(CHANNELS).connect()
    curious = Conversation(office.server, user="Agent1").handshake(ext={"gw": True}).connect()
    await curious.subscribe(CHANNELS).connect()
    await office.agent().start("chat")
    assert "ext" not in (await plain).events[0]
    ext = (await curious).events[0]["ext"]
    assert set(ext["gw"]) == {"seq", "ts"}


@pytest.mark.spec("AG-121")
async def test_session_may_begin_with_what_there_is(open_office: OpenOffice) -> None:
    office = await open_office()
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    late = Conversation(office.server, user="Agent1").handshake(ext={"gw": True}).connect()
    await late.subscribe(INTERACTIONS, ext={"snapshot": True}).connect()
    event = late.events[0]
    assert (event["data"]["id"], event["ext"]["gw"]["snapshot"]) == (chat, True)


@pytest.mark.spec("AG-123", "AG-125", "MRE-127")
async def test_desktops_of_a_node_that_died_count_no_more(open_office: OpenOffice) -> None:
    """It could not say goodbye; the others notice that it is silent."""
    office = await open_office()
    agent = await office.ready()
    await office.node_dies("another node", "Agent1")
    agent.get_up()
    await office.knows("Agent1", lambda known: set(known.desks) == {"another node"})
    await office.pass_time(30)
    await office.knows("Agent1", lambda known: not known.desks)


def _shown(channel: Json) -> tuple[str, str]:
    state = channel["userState"]
    return channel["channel"], state.get("reason", state["state"])
