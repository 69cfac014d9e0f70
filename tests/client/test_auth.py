"""Tokens that expire, with a scripted server: fetched for each handshake, and after a 401."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.client import (
    BayeuxClient,
    ClientDisconnected,
    HandshakeRefused,
    State,
    TokenAuth,
    TokenUnavailable,
    TransportFailed,
)
from tests.client.scripted import Message, ScriptedServer, reply

EACH_TRANSPORT = pytest.mark.parametrize("transport", ["websocket", "long-polling"])
NONE = {"reconnect": "none", "interval": 0}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


class Tokens:
    """Gives ``t1``, ``t2`` …, or fails when told to."""

    def __init__(self) -> None:
        self.given = 0
        self.error: Exception | None = None

    async def __call__(self) -> str:
        if self.error is not None:
            raise self.error
        self.given += 1
        return f"t{self.given}"


def client_of(server: ScriptedServer, auth: TokenAuth, transport: str = "long-polling", **more: Any) -> BayeuxClient:
    return BayeuxClient(server.url, transports=(transport,), extensions=[auth], **more)


def unknown_once(message: Message) -> list[Message]:
    error = {"successful": False, "error": "402::session_unknown", "advice": {"reconnect": "handshake"}}
    return [reply(message, **error)]


@pytest.mark.spec("CLI-1")
@EACH_TRANSPORT
async def test_each_handshake_has_a_token_of_its_own(server: ScriptedServer, transport: str) -> None:
    auth = TokenAuth.in_ext(Tokens(), "authentication", "token")
    async with client_of(server, auth, transport, ext={"e": 1}) as client:
        await server.wait_for("/meta/connect", 2)
        server.answers["/meta/connect"] = unknown_once
        server.push()
        await server.wait_for("/meta/handshake", 2)
        del server.answers["/meta/connect"]
        await client.wait_for_state(State.CONNECTED)
    exts = [message["ext"] for message in server.seen("/meta/handshake")][:2]
    assert exts == [{"e": 1, "authentication": {"token": "t1"}}, {"e": 1, "authentication": {"token": "t2"}}]


@pytest.mark.spec("CLI-1")
@EACH_TRANSPORT
async def test_a_token_in_a_header_is_said_by_every_request_and_on_a_new_socket(
    server: ScriptedServer, transport: str
) -> None:
    async with client_of(server, TokenAuth.in_header(Tokens()), transport) as client:
        await server.wait_for("/meta/connect", 2)
        server.answers["/meta/connect"] = lambda message: [
            reply(message, successful=False, error="401::Authentication invalid", advice=NONE)
        ]
        server.push()
        await client.wait_for_state(State.BROKEN)
        del server.answers["/meta/connect"]
        await client.wait_for_state(State.CONNECTED)
        await client.publish("/a", 1)
    said = [line for head in server.heads for line in head.split("\r\n") if line.startswith("Authorization")]
    assert len(said) == len(server.heads)
    assert list(dict.fromkeys(said)) == ["Authorization: Bearer t1", "Authorization: Bearer t2"]


REFUSALS = {
    "ours": {"error": "401::Authentication invalid"},
    "salesforce": {
        "error": "403::Handshake denied",
        "ext": {"sfdc": {"failureReason": "401::Authentication invalid"}},
        "advice": NONE,
    },
}


@pytest.mark.spec("CLI-1")
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refused_token_is_replaced_once(server: ScriptedServer, refusal: dict[str, Any]) -> None:
    tokens = Tokens()
    server.answers["/meta/handshake"] = lambda message: (
        [reply(message, successful=False, **refusal)] if message["ext"]["token"] == "t1" else server._usual(message)
    )
    async with client_of(server, TokenAuth.in_ext(tokens)):
        assert tokens.given == 2
    server.answers["/meta/handshake"] = lambda message: [reply(message, successful=False, **refusal)]
    with pytest.raises(HandshakeRefused):
        await client_of(server, TokenAuth.in_ext(tokens)).open()
    assert tokens.given == 4


async def test_a_refusal_for_another_reason_is_final(server: ScriptedServer) -> None:
    tokens = Tokens()
    server.answers["/meta/handshake"] = lambda message: [
        reply(message, successful=False, error="403::handshake_denied", advice=NONE)
    ]
    with pytest.raises(HandshakeRefused):
        await client_of(server, TokenAuth.in_ext(tokens)).open()
    assert tokens.given == 1


async def test_a_token_refused_by_every_connect_is_not_fetched_for_ever(server: ScriptedServer) -> None:
    tokens = Tokens()
    server.answers["/meta/connect"] = lambda message: [
        reply(message, successful=False, error="401::Authentication invalid", advice=NONE)
    ]
    with pytest.raises(ClientDisconnected):
        await client_of(server, TokenAuth.in_ext(tokens)).open()
    assert tokens.given == 2


@pytest.mark.spec("CLI-2")
async def test_an_http_401_fetches_another_token(server: ScriptedServer) -> None:
    """A proxy before the server looks at the header, and has forgotten the token."""
    tokens = Tokens()
    async with client_of(server, TokenAuth.in_header(tokens)) as client:
        await server.wait_for("/meta/connect", 2)
        server.http_status = 401
        server.push()
        await client.wait_for_state(State.BROKEN)
        server.http_status = 200
        await client.wait_for_state(State.CONNECTED)
        assert tokens.given == 2


async def test_without_a_token_there_is_no_handshake(server: ScriptedServer) -> None:
    tokens = Tokens()
    tokens.error = OSError("the token server is away")
    with pytest.raises(TokenUnavailable, match="away"):
        await client_of(server, TokenAuth.in_ext(tokens)).open()
    assert not server.messages


async def test_a_token_whose_request_was_cancelled_is_no_token(server: ScriptedServer) -> None:
    """The handshake was sent without one."""

    async def fetch() -> str:
        raise asyncio.CancelledError

    with pytest.raises(TokenUnavailable, match="cancelled"):
        await client_of(server, TokenAuth.in_ext(fetch)).open()
    assert not server.messages


async def test_a_client_that_has_been_connected_waits_for_the_next_token(server: ScriptedServer) -> None:
    tokens = Tokens()
    reasons: list[str] = []
    async with client_of(server, TokenAuth.in_ext(tokens)) as client:
        client.listeners.state.add(lambda change: reasons.append(change.reason))
        await server.wait_for("/meta/connect", 2)
        server.answers["/meta/connect"] = unknown_once
        tokens.error = OSError("away")
        server.push()
        await client.wait_for_state(State.BROKEN)
        with pytest.raises(TransportFailed):
            await client.publish("/a", 1)
        tokens.error = None
        del server.answers["/meta/connect"]
        await client.wait_for_state(State.CONNECTED)
        assert tokens.given == 2


async def test_a_token_serves_one_client(server: ScriptedServer) -> None:
    auth = TokenAuth.in_ext(Tokens())
    client_of(server, auth)
    with pytest.raises(ValueError, match="one client"):
        client_of(server, auth)
