"""Each resource: what is asked of the service, and how its answer is put."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.agents.operations import ChannelResult, Dialect
from gateway.agents.refusal import NOT_NOW, Refused
from gateway.mail.incoming import IncomingMail
from tests.gateway.api.conftest import Api, basic
from tests.gateway.api.desk import READY, STATES

SAMPLES = Path(__file__).parent.parent.parent / "samples" / "agent" / "ext"


# The agent himself


@pytest.mark.spec("AG-20")
async def test_the_session_is_opened_with_what_was_said(api: Api) -> None:
    body = {"operationName": "StartContactCenterSession", "channels": ["chat", "email"], "place": "Desk 7"}
    assert await api.post("/me", body) == (200, {"statusCode": 0})
    assert api.desk.asked == [("start", ["chat", "email"], "Desk 7", "", "")]


@pytest.mark.spec("AG-20")
@pytest.mark.parametrize("channels", [{}, {"channels": []}, {"channels": None}])
async def test_a_session_needs_channels(api: Api, channels: dict[str, Any]) -> None:
    status, said = await api.post("/me", {"operationName": "StartContactCenterSession", **channels})
    assert (status, said["statusCode"]) == (400, 1)


@pytest.mark.spec("AG-21")
async def test_a_session_of_which_a_part_failed(api: Api) -> None:
    api.desk.results = [ChannelResult("voice", 4, "Device '7001' is not registered."), ChannelResult("multimedia")]
    status, said = await api.post("/me", {"operationName": "StartContactCenterSession", "channels": ["voice", "chat"]})
    assert status == 200
    assert said == json.loads((SAMPLES / "session-partial-success.json").read_text("utf-8"))


@pytest.mark.spec("AG-21", "AG-31")
@pytest.mark.parametrize(
    "body", [{"operationName": "StartContactCenterSession", "channels": ["voice"]}, {"operationName": "Ready"}]
)
async def test_where_all_failed_the_reason_stands_alone(api: Api, body: dict[str, Any]) -> None:
    api.desk.results = [ChannelResult("voice", 10, "there is no channel 'voice'")]
    assert await api.post("/me", body) == (400, {"statusCode": 10, "statusMessage": "there is no channel 'voice'"})


@pytest.mark.spec("AG-31")
@pytest.mark.parametrize("operation", ["Ready", "NotReady", "OutToLunch"])
async def test_a_state_for_all_channels(api: Api, operation: str) -> None:
    assert await api.post("/me", {"operationName": operation}) == (200, {"statusCode": 0})
    assert api.desk.asked == [("state", operation, None)]


@pytest.mark.spec("AG-28")
async def test_an_agent_with_all_that_is_his(api: Api) -> None:
    said = await api.get("/me?subresources=*")
    sample = json.loads((SAMPLES / "me-subresources.json").read_text("utf-8"))
    assert set(said["user"]) == set(sample["user"]) | {"chats", "emails", "features"}
    assert said["user"]["channels"] == [{"channel": "chat", "userState": READY}]
    assert said["user"]["interactions"] == api.desk.held
    assert (said["user"]["devices"], said["user"]["calls"]) == ([], [])


@pytest.mark.spec("AG-28")
async def test_an_agent_with_some_of_what_is_his(api: Api) -> None:
    assert "channels" not in (await api.get("/me"))["user"]
    assert {"channels", "chats"} & set((await api.get("/me?subresources=channels,%20devices"))["user"]) == {"channels"}
    assert (await api.get("/me?subresources=channels,secrets"))["statusCode"] == 10


# Channels and states


@pytest.mark.spec("AG-30", "AG-34")
async def test_a_state_for_one_channel_is_answered_in_both_conventions(api: Api) -> None:
    assert await api.post("/me/channels/chat", {"operationName": "OutToLunch"}) == (
        200,
        {"statusCode": 0, "status": "ok"},
    )
    assert api.desk.asked == [("state", "OutToLunch", "chat")]
    api.desk.error = Refused(NOT_NOW, "not started")
    assert await api.post("/me/channels/email", {"operationName": "Ready"}) == (
        409,
        {"statusCode": 2, "statusMessage": "not started", "status": "error", "errorDescription": "not started"},
    )
    status, said = await api.post("/me/channels/chat", {"operationName": "Dance"})
    assert (status, said["statusCode"], said["status"]) == (400, 10, "error")


@pytest.mark.spec("AG-32")
async def test_channels_are_shown_with_their_states(api: Api) -> None:
    chat = {"channel": "chat", "userState": READY}
    assert await api.get("/me/channels") == {"statusCode": 0, "channels": [chat]}
    assert await api.get("/me/channels/chat") == {"statusCode": 0, "channel": chat}
    assert (await api.get("/me/channels/email"))["statusCode"] == 6


@pytest.mark.spec("AG-29")
async def test_the_states_that_can_be_asked_for(api: Api) -> None:
    assert await api.get("/settings/agent-states") == {"statusCode": 0, "settings": STATES}


# What is in hand


@pytest.mark.spec("AG-55", "AG-143")
@pytest.mark.parametrize("dialect", list(Dialect))
async def test_what_is_in_hand_by_address_and_as_objects(api: Api, dialect: Dialect) -> None:
    uris = [f"{api.origin}/api/v2/{dialect}/{each['id']}" for each in api.desk.held]
    assert await api.get(f"/me/{dialect}") == {"statusCode": 0, "uris": uris}
    assert await api.get(f"/me/{dialect}?fields=*") == {"statusCode": 0, dialect: api.desk.held}
    assert api.desk.asked == [("interactions", dialect)] * 2


@pytest.mark.spec("AG-143")
async def test_pages_say_how_many_there_are_and_where_the_others_are(api: Api) -> None:
    said = await api.get("/me/interactions?offset=1&limit=1")
    assert [uri[-16:] for uri in said["uris"]] == ["0000Ja8V814907K1"]
    assert said["totalCount"] == 3
    assert said["paging"] == {
        "previous": f"{api.origin}/api/v2/me/interactions?offset=0&limit=1",
        "next": f"{api.origin}/api/v2/me/interactions?offset=2&limit=1",
    }
    assert "next" not in (await api.get("/me/interactions?offset=2&limit=1"))["paging"]
    for wrong in ("limit=0", "limit=1001", "offset=-1", "offset=x", "fields=id"):
        assert (await api.get(f"/me/interactions?{wrong}"))["statusCode"] == 10


@pytest.mark.spec("AG-56")
@pytest.mark.parametrize("path", ["/interactions", "/me/interactions"])
async def test_one_interaction_is_found_where_its_uri_leads(api: Api, path: str) -> None:
    held = api.desk.held[0]
    assert await api.get(f"{path}/{held['id']}") == {"statusCode": 0, "interaction": held}
    answer = await api.fetch(f"{path}/0000Ja8V81490XXX", headers=basic("Agent1"))
    assert (answer.code, json.loads(answer.body)["statusCode"]) == (404, 6)


@pytest.mark.spec("AG-2")
@pytest.mark.parametrize(("path", "singular"), [("/me/chats", "chat"), ("/chats", "chat"), ("/emails", "email")])
async def test_dialect_b_is_asked_for_by_its_urls(api: Api, path: str, singular: str) -> None:
    held = api.desk.held[0]
    assert await api.get(f"{path}/{held['id']}") == {"statusCode": 0, singular: held}
    assert api.desk.asked == [("interaction", held["id"], f"{singular}s")]


@pytest.mark.spec("AG-56", "AG-143")
async def test_all_interactions_come_in_pages(api: Api) -> None:
    said = await api.get("/interactions", user="Boss")
    assert (len(said["uris"]), said["totalCount"], said["paging"]) == (3, 3, {})
    await api.get("/interactions?offset=2&limit=5", user="Boss")
    assert api.desk.asked == [("all", 0, 100), ("all", 2, 5)]


@pytest.mark.spec("AG-4", "AG-69", "AG-70")
@pytest.mark.parametrize(
    ("path", "dialect", "asked", "operation"),
    [
        ("/me/interactions", Dialect.INTERACTIONS, "Complete", "StopProcessing"),
        ("/me/chats", Dialect.CHATS, "Complete", "Complete"),
        ("/me/emails", Dialect.EMAILS, "CancelReply", "Cancel"),
    ],
)
async def test_an_operation_is_handed_on_in_its_dialect(
    api: Api, path: str, dialect: Dialect, asked: str, operation: str
) -> None:
    assert await api.post(f"{path}/7", {"operationName": asked}) == (200, {"statusCode": 0})
    api.desk.reference_id = 17
    assert await api.post(f"{path}/7", {"operationName": asked, "referenceId": 17}) == (
        200,
        {"statusCode": 0, "referenceId": 17},
    )
    assert api.desk.asked == [(dialect, "7", operation, {}), (dialect, "7", operation, {"referenceId": 17})]


@pytest.mark.spec("AG-52", "AG-78")
async def test_attached_data_arrives_as_it_was_sent(api: Api) -> None:
    data = {"?: 2>1": None, "b": "0", "a": 1.5, "n": {"x": [True]}}
    await api.post("/me/interactions/7", {"operationName": "UpdateProperties", "userData": data})
    parameters = api.desk.asked[0][3]
    assert list(parameters["userData"].items()) == list(data.items())


# Workbins


@pytest.mark.spec("AG-150")
async def test_workbins(api: Api) -> None:
    uri = f"{api.origin}/api/v2/workbins/1"
    workbin = {"id": "1", "workbinName": "Personal", "displayName": "Personal", "type": "Agent", "uri": uri}
    assert await api.get("/workbins") == {"statusCode": 0, "uris": [uri]}
    assert await api.get("/workbins?fields=*") == {"statusCode": 0, "workbins": [workbin]}
    assert await api.get("/workbins/1?subresources=*") == {"statusCode": 0, "workbin": workbin}
    assert api.desk.asked[-1] == ("workbin", "1", True)
    body = {"operationName": "PullChat", "id": "7", "nickname": "Al"}
    api.desk.asked.clear()
    assert await api.post("/workbins/1", body) == (200, {"statusCode": 0})
    assert api.desk.asked == [("workbin", "1", "PullChat", {"id": "7", "nickname": "Al"})]


# E-mails that come by HTTP


MAIL = b"From: Customer <customer@example.com>\r\nSubject: Help\r\n\r\nPlease.\r\n"


async def bring(api: Api, user: str = "Robot", query: str = "?mailbox=support@example.com", body: bytes = MAIL) -> Any:
    headers = {**basic(user), "Content-Type": "message/rfc822"}
    return await api.fetch(f"/emails{query}", method="POST", headers=headers, body=body)


@pytest.mark.spec("AG-80")
async def test_a_program_brings_a_mail(api: Api) -> None:
    answer = await bring(api)
    assert json.loads(answer.body) == {"statusCode": 0, "id": "0000Ja8V814907KS"}
    (asked,) = api.desk.asked
    mail: IncomingMail = asked[1]
    assert (mail.letter.mailbox, mail.letter.from_personal, mail.letter.subject) == (
        "support@example.com",
        "Customer",
        "Help",
    )


@pytest.mark.spec("AG-80", "AG-140")
@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"user": "Agent1"}, 403, 5),
        ({"query": ""}, 400, 1),
        ({"query": "?mailbox=nobody"}, 400, 10),
        ({"body": b"no mail"}, 400, 10),
    ],
)
async def test_not_everybody_brings_anything(api: Api, more: dict[str, Any], status: int, code: int) -> None:
    answer = await bring(api, **more)
    assert (answer.code, json.loads(answer.body)["statusCode"]) == (status, code)
    assert api.desk.asked == []
