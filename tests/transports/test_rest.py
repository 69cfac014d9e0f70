"""A connection that nothing comes over lets go of what it can learn again; nobody notices."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from bayeux.server.transport import Context
from bayeux.transports.adopted.connection import REST, Connection
from tests.support.wire import HttpConnection, Reply
from tests.transports.doors import House, open_house, until

FRIEND = "https://friend.example"
OPTIONS = {"allowed_origins": (FRIEND,), "gzip_min_size": 100, "timeout": 20.0}
HEADERS = {"Origin": FRIEND, "Accept-Encoding": "gzip", "X-User": "anna"}


def connection_of(house: House) -> Connection:
    """The only connection there is."""
    assert house.listener is not None
    assert house.listener._door is not None
    (connection,) = house.listener._door.connections
    return connection


def rest(connection: Connection) -> None:
    """Let the time pass in which nothing comes: two looks."""
    now = connection.door.clock()
    connection.look(now + REST)
    connection.look(now + 2 * REST)


class Client:
    """A browser's page that polls over one connection."""

    def __init__(self, house: House, connection: HttpConnection) -> None:
        self.house = house
        self.connection = connection
        self.cookie = ""
        self.client_id = ""

    async def ask(self, **message: Any) -> Reply:
        self.send(**message)
        return await self.connection.reply()

    def send(self, **message: Any) -> None:
        headers = {**HEADERS, "Content-Type": "application/json"}
        if self.cookie:
            headers["Cookie"] = self.cookie
        if self.client_id:
            message["clientId"] = self.client_id
        self.connection.request("POST", "/cometd", headers, orjson.dumps(message))

    async def begin(self) -> None:
        """Handshake, subscribe and have a connect held."""
        reply = await self.ask(channel="/meta/handshake")
        self.cookie = (reply.header("set-cookie") or "").partition(";")[0]
        self.client_id = reply.json[0]["clientId"]
        await self.ask(channel="/meta/subscribe", subscription="/a")
        await self.ask(channel="/meta/connect", connectionType="long-polling")

    async def hold(self) -> None:
        self.send(channel="/meta/connect", connectionType="long-polling", id="7")
        (session,) = self.house.server.sessions
        await until(lambda: session.held_by is not None)


async def answers(*, rests: bool, identify: Any = None) -> list[Reply]:
    """What a client gets that polls twice, each time with a large event in the end."""
    async with open_house(options=OPTIONS, identify=identify) as house:
        client = Client(house, await HttpConnection.open(house.url))
        await client.begin()
        replies = []
        for n in range(2):
            await client.hold()
            if rests:
                rest(connection_of(house))
            house.server.publish("/a", [n, "x" * 1000])
            replies.append(await client.connection.reply())
            if rests:
                rest(connection_of(house))
        await client.connection.close()
        return replies


@pytest.mark.spec("LP-12", "ENC-2", "CORS-2")
async def test_poll_held_by_a_connection_at_rest_is_answered_as_any_other() -> None:
    usual, rested = await answers(rests=False), await answers(rests=True)
    assert [each.header("content-encoding") for each in usual] == ["gzip", "gzip"]
    assert [each.header("access-control-allow-origin") for each in usual] == [FRIEND, FRIEND]
    assert [(each.status, each.headers, each.json) for each in rested] == [
        (each.status, each.headers, each.json) for each in usual
    ]


async def test_header_that_identify_asked_for_outlasts_the_rest() -> None:
    def identify(context: Context) -> None:
        context.answer_headers["X-Welcome"] = context.headers["x-user"]

    assert [each.header("x-welcome") for each in await answers(rests=True, identify=identify)] == ["anna", "anna"]


async def test_hooks_see_the_whole_request_behind_a_rest() -> None:
    seen: list[tuple[dict[str, str], dict[str, str], str | None]] = []

    def identify(context: Context) -> None:
        seen.append((dict(context.headers), dict(context.cookies), context.browser))

    await answers(rests=True, identify=identify)
    *_, first, second = seen
    assert first == second
    assert first[0]["x-user"] == "anna"
    assert first[1]["BAYEUX_BROWSER"] == first[2]


async def test_request_behind_a_held_poll_outlasts_the_rest() -> None:
    async with open_house(options=OPTIONS) as house:
        client = Client(house, await HttpConnection.open(house.url))
        await client.begin()
        await client.hold()
        connection = connection_of(house)
        client.send(channel="/meta/unsubscribe", subscription="/a", id="8")
        await until(lambda: connection._reader.waiting)
        rest(connection)
        house.server.publish("/a", 1)
        assert [each.get("id") for each in (await client.connection.reply()).json] == [None, "7"]
        assert [each["id"] for each in (await client.connection.reply()).json] == ["8"]
        await client.connection.close()


async def test_connection_in_use_remembers_and_one_at_rest_does_not() -> None:
    async with open_house(options=OPTIONS) as house:
        client = Client(house, await HttpConnection.open(house.url))
        await client.begin()
        connection = connection_of(house)
        remembered = connection.provenance
        assert remembered is not None
        connection.look(connection.door.clock())
        assert connection.provenance is remembered, "a request has just come with it"
        await until(lambda: connection.provenance is None)
        await client.connection.close()


async def test_held_polls_share_what_their_answers_have_in_common() -> None:
    async with open_house(options=OPTIONS) as house:
        clients = [Client(house, await HttpConnection.open(house.url)) for _ in range(2)]
        for client in clients:
            await client.begin()
        for client in clients:
            client.send(channel="/meta/connect", connectionType="long-polling")
        await until(lambda: all(session.held_by is not None for session in house.server.sessions))
        assert house.listener is not None
        assert house.listener._door is not None
        for connection in house.listener._door.connections:
            rest(connection)
        exchanges: list[Any] = [session.held_by._exchange for session in house.server.sessions]  # type: ignore[union-attr]
        assert exchanges[0].provenance is exchanges[1].provenance
        assert exchanges[0].context is exchanges[1].context
        for client in clients:
            await client.connection.close()
