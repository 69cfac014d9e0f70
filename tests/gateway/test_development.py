"""The door for who plays a customer, under ``--dev`` alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.client import BayeuxClient
from bayeux.client.errors import CallFailed
from bayeux.protocol.errors import Unavailable
from bayeux.server.server import BayeuxServer
from gateway.agents.refusal import NOT_FOUND, Refused
from gateway.development import serve_development_customers

WISHES = {"nickname": "Carla", "queue": "", "userData": {"Subject": "Order 7"}}


class Chats:
    """Notes what it is asked for, or refuses."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.refusal: Exception | None = None

    async def begin_chat(self, **asked: Any) -> str:
        self._note(asked)
        return "chat 1"

    async def say(self, chat: str, text: str, *, message_id: str = "") -> None:
        self._note((chat, text, message_id))

    def _note(self, asked: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(asked)


@pytest.fixture
def chats() -> Chats:
    return Chats()


@pytest.fixture
async def customer(chats: Chats) -> AsyncIterator[BayeuxClient]:
    server = BayeuxServer()
    serve_development_customers(server, chats)  # type: ignore[arg-type]
    async with (
        server,
        await server.listen(0) as listener,
        BayeuxClient(f"http://127.0.0.1:{listener.port}/cometd") as client,
    ):
        yield client


async def test_what_was_not_answered_can_be_asked_again(customer: BayeuxClient, chats: Chats) -> None:
    """By a key for the chat, and an id for what is said; without them it is something else each time."""
    assert await customer.call("dev/chat/begin", {**WISHES, "key": "Carla's"}) == "chat 1"
    await customer.call("dev/chat/begin", WISHES)
    await customer.call("dev/chat/say", {"chat": "chat 1", "text": "hello", "messageId": "1"})
    assert [asked["key"] for asked in chats.asked[:2]] == ["Carla's", ""]
    assert chats.asked[2] == ("chat 1", "hello", "1")


@pytest.mark.parametrize(
    ("refusal", "code"), [(Refused(NOT_FOUND, "there is no such queue"), NOT_FOUND), (Unavailable(), 4)]
)
async def test_what_cannot_be_done_fails_with_its_code(
    customer: BayeuxClient, chats: Chats, refusal: Exception, code: int
) -> None:
    """Also where the store is away: that is no defect, and may be asked again."""
    chats.refusal = refusal
    with pytest.raises(CallFailed) as failed:
        await customer.call("dev/chat/begin", WISHES)
    assert failed.value.data["statusCode"] == code


async def test_what_makes_no_sense_fails(customer: BayeuxClient, chats: Chats) -> None:
    with pytest.raises(CallFailed):
        await customer.call("dev/chat/begin", {"nickname": 7})
    assert chats.asked == []
