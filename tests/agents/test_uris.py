"""What URIs begin with, in notifications and in answers."""

from __future__ import annotations

import base64
import json

import pytest

from channels.private import CHATS
from tests.agents.conftest import OpenOffice
from tests.gateway.conftest import Serve, serve

__all__ = ["serve"]

HOST = "https://agents.example.com"


@pytest.mark.spec("AG-98")
@pytest.mark.parametrize("origin", ["", HOST])
async def test_notifications_have_whole_uris_where_the_host_is_known(open_office: OpenOffice, origin: str) -> None:
    office = await open_office(f"agent.origin={origin}")
    agent = await office.ready()
    chat = await office.chat()
    await agent.told("Invited", chat)
    told = await office.until("Agent1", CHATS, lambda data: "chat" in data)
    assert told["chat"]["uri"] == f"{origin}/api/v2/chats/{chat}"
    await agent.perform(chat, "Accept")
    told = await office.until("Agent1", CHATS, lambda data: "chatUri" in data)
    assert (told["chatUri"], told["chatPath"]) == (f"{origin}/api/v2/chats/{chat}", f"/chats/{chat}")
    (shown,) = await office.center.service.snapshot("Agent1", CHATS)
    assert shown.data["uri"] == f"{origin}/api/v2/chats/{chat}"


@pytest.mark.spec("AG-143")
async def test_answers_have_whole_uris(serve: Serve) -> None:
    word = base64.b64encode(b"Agent1:Agent1").decode()
    for origin in ("", HOST):
        served = await serve([f"agent.origin={origin}"])
        answer = await served.get("/api/v2/workbins?fields=*", headers={"Authorization": f"Basic {word}"})
        uris = [each["uri"] for each in json.loads(answer.body)["workbins"]]
        assert uris
        assert all(uri.startswith(f"{origin or served.origin}/api/v2/") for uri in uris)
