"""Chats of apps over HTTP: whatever body they send, and while no agent is there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from tests.scenarios.apps import App
from tests.scenarios.conftest import OpenTown

MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="message"\r\n\r\nby parts\r\n'
    b'--b\r\nContent-Disposition: form-data; name="transcriptPosition"\r\n\r\n1\r\n--b--\r\n'
)


async def sent(app: App, operation: str, body: bytes, media: str) -> tuple[int, Any]:
    """Status and answer of one request about the app's chat."""
    url = f"{app.origin}/genesys/1/service/{app.instance}/ixn/chat{operation}"
    headers = {"gms_user": app.user, "Content-Type": media} if media else {"gms_user": app.user}
    answer = await AsyncHTTPClient().fetch(HTTPRequest(url, "POST", headers, body), raise_error=False)
    return answer.code, json.loads(answer.body)


@pytest.mark.spec("CH1-4", "CH1-7", "CH1-9", "CH1-10", "CH1-11", "G-3", "G-7")
async def test_a_chat_takes_forms_and_json(open_town: OpenTown) -> None:
    town = await open_town()
    app = App(town.house.nodes[0].origin, "alice")
    dialog = await app.start("chat-immediate", _customer_number="6504661232")
    assert dialog["_action"] == "StartChat"
    begun = await sent(app, "", json.dumps({"userDisplayName": "Alice", "_verbose": True}).encode(), "application/json")
    assert (begun[0], begun[1]["chatIxnState"], begun[1]["transcriptToShow"][0][1]) == (200, "CONNECTED", "Alice")
    assert begun[1]["_chatIxnAPI_SEND_URL"] == f"/genesys/1/service/{app.instance}/ixn/chat/send"

    await sent(app, "/send", b"message=by+form", "application/x-www-form-urlencoded")
    await sent(app, "/send", b'{"message": "by JSON"}', "application/json")
    status, answer = await sent(app, "/refresh", MULTIPART, "multipart/form-data; boundary=b")
    assert [entry[2] for entry in answer["transcriptToShow"][1:]] == ["by form", "by JSON", "by parts"]
    assert (status, answer["transcriptPosition"]) == (200, "4")
    assert (await sent(app, "/refresh?transcriptPosition=3", b"", ""))[1]["transcriptToShow"][0][2] == "by parts"

    assert (await sent(app, "/send", b"<message/>", "application/xml"))[0] == 415
    assert (await sent(app, "/send", b"", ""))[0] == 400
    assert (await sent(app, "/sing", b"", ""))[0] == 404
    for _ in range(2):
        assert (await sent(app, "/disconnect", b"", ""))[1]["chatIxnState"] == "DISCONNECTED"
    assert (await sent(app, "/startTyping", b"", ""))[1]["chatIxnState"] == "DISCONNECTED"


@pytest.mark.spec("CH1-12", "CH1-3", "ERR-3", "ERR-4")
async def test_a_chat_is_refused_by_name(open_town: OpenTown) -> None:
    town = await open_town()
    app = App(town.house.nodes[0].origin, "alice")
    await app.start("chat-delay", _customer_number="6504661232")
    status, refused = await sent(app, "", b"", "")
    assert (status, refused["exception"]) == (503, "com.genesyslab.gsg.services.chat.ChatException")
    assert (await sent(app, "/refresh", b"", ""))[0] == 404
    stranger = App(app.origin, "")
    await stranger.start("chat-immediate", _customer_number="6504661233")
    assert (await sent(stranger, "", b"notify_by=comet", "application/x-www-form-urlencoded"))[0] == 400
