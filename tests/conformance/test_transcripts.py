"""Section 23: the worked transcripts, byte for byte where the specification shows bytes."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import KICKED, Client, LongPolling
from tests.conformance.profiles import Profile

spec = pytest.mark.spec

DEFAULT = {"reconnect": "retry", "interval": 0, "timeout": 30000}


async def post(client: LongPolling, suffix: str, *messages: dict[str, Any]) -> Any:
    reply = await client.post(list(messages), suffix=suffix)
    assert reply.status == 200
    return reply.json


@pytest.mark.profile("hooks")
class TestLongPolling:
    @spec("HTTP-1", "HS-2", "HS-10", "CN-1", "CN-2", "CN-3", "SUB-1", "COOK-1", "BAT-5", "PUB-12")
    async def test_t1_to_t3_first_steps_and_events(self, guests: Guests, carol: Client, channel: str) -> None:
        """Handshake, connect, held connect, subscribe; a server event ends the hold; an own publish does not."""
        client = guests.long_polling()
        reply = await client.post(
            b'[{"id":"1","channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]',
            suffix="/handshake",
        )
        (handshake,) = reply.json
        session = handshake["clientId"]
        assert handshake == {
            "id": "1", "channel": "/meta/handshake", "successful": True, "clientId": session, "version": "1.0",
            "minimumVersion": "1.0", "supportedConnectionTypes": ["websocket", "long-polling"], "advice": DEFAULT,
        }  # fmt: skip
        (line,) = reply.every("set-cookie")
        assert re.match(r"BAYEUX_BROWSER=[A-Za-z0-9]+; ", line)
        client.client_id = session

        connect = {"channel": "/meta/connect", "clientId": session, "connectionType": "long-polling"}
        assert await post(client, "/connect", {"id": "2", **connect, "advice": {"timeout": 0}}) == [
            {"id": "2", "channel": "/meta/connect", "successful": True, "advice": DEFAULT}
        ]
        poll = await client.warm_connection()
        client.write(poll, [{"id": "4", **connect}], suffix="/connect")
        assert await post(
            client, "/", {"id": "3", "channel": "/meta/subscribe", "clientId": session, "subscription": channel}
        ) == [{"id": "3", "channel": "/meta/subscribe", "subscription": channel, "successful": True}]

        await carol.publish("/service/publish", {"channel": channel, "data": "x"})
        assert (await poll.reply()).json == [
            {"channel": channel, "data": "x"},
            {"id": "4", "channel": "/meta/connect", "successful": True},
        ]

        client.write(poll, [{"id": "5", **connect}], suffix="/connect")
        assert await post(client, "/", {"id": "6", "channel": channel, "clientId": session, "data": 7}) == [
            {"channel": channel, "data": 7},
            {"id": "6", "channel": channel, "successful": True},
        ]
        await carol.publish("/service/publish", {"channel": channel, "data": "y"})
        assert (await poll.reply()).json == [
            {"channel": channel, "data": "y"},
            {"id": "5", "channel": "/meta/connect", "successful": True},
        ]

    @spec("BAT-3", "BAT-5", "SUB-2", "PUB-4", "CH-2")
    async def test_t4_batch_with_one_bad_message(self, guests: Guests, channel: str) -> None:
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        session = client.client_id
        assert await post(
            client,
            "",
            {"id": "8", "channel": "/meta/subscribe", "clientId": session, "subscription": "/a/*/b"},
            {"id": "9", "channel": channel, "clientId": session, "data": None},
        ) == [
            {"channel": channel, "data": None},
            {"id": "8", "channel": "/meta/subscribe", "subscription": "/a/*/b", "successful": False,
             "error": "403::subscription_invalid"},
            {"id": "9", "channel": channel, "successful": True},
        ]  # fmt: skip

    @spec("DSC-6", "CN-23")
    async def test_t5_kick_while_a_connect_is_held(self, guests: Guests, carol: Client) -> None:
        client = guests.long_polling()
        await client.ready()
        held = await client.hold()
        await carol.publish("/service/kick", {"clientId": client.client_id})
        reply = await held.answer
        assert reply.json == [
            KICKED,
            {"id": held.request["id"], "channel": "/meta/connect",
             "successful": True, "advice": {"reconnect": "none", "interval": 0, "timeout": 30000}},
        ]  # fmt: skip


@spec("WS-10", "WS-11", "CN-3", "MSG-2")
@pytest.mark.profile("quick")
async def test_t6_events_then_the_heartbeat(guests: Guests, carol: Client, channel: str, profile: Profile) -> None:
    """On a socket: each event in its frame, and the connect reply when the hold times out."""
    client = await guests.websocket()
    await client.ready()
    await client.subscribe(channel)
    held = await client.hold()
    for n in (1, 2):
        await carol.publish("/service/publish", {"channel": channel, "data": n})
        assert orjson.loads(await client.wire.text()) == [{"channel": channel, "data": n}]
    assert orjson.loads(await client.wire.text()) == [
        {"id": held.request["id"], "channel": "/meta/connect", "successful": True}
    ]


@spec("CN-21", "BER-1")
async def test_t7_unknown_session(newcomer: Client) -> None:
    """Exactly two keys of advice, as CometD sends."""
    request = {"id": "1", "channel": "/meta/connect", "clientId": "gone", "connectionType": newcomer.transport}
    assert await newcomer.exchange(request) == [
        {
            "id": "1",
            "channel": "/meta/connect",
            "successful": False,
            "error": "402::session_unknown",
            "advice": {"reconnect": "handshake", "interval": 0},
        }
    ]
