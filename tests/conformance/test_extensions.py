"""Section 20 and what hooks may see: ``ext``, the context of a message, and replies that are stopped."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import Browser, Client, event, success

spec = pytest.mark.spec


@spec("EXT-2", "EXT-4")
async def test_unknown_ext_is_ignored_and_never_echoed(newcomer: Client, channel: str) -> None:
    ext = {"ack": True, "com.acme.token": "secret", "__class__": {"a": [1]}, "": None}
    assert "ext" not in await newcomer.handshake(ext=ext)
    requests = [
        newcomer.connect_message(ext=ext),
        newcomer.message("/meta/subscribe", subscription=channel, ext=ext),
        newcomer.message("/service/conformance/x", ext=ext),
        newcomer.message("/meta/unsubscribe", subscription=channel, ext=ext),
        newcomer.message(channel, data=1, ext=ext),
        newcomer.message("/meta/disconnect", ext=ext),
    ]
    for request in requests:
        (reply,) = await newcomer.exchange(request)
        assert reply["successful"]
        assert "ext" not in reply


@spec("EXT-1", "MSG-20")
async def test_empty_ext_is_an_ext(alice: Client, channel: str) -> None:
    await alice.subscribe(channel)
    assert (await alice.publish(channel, 1, ext={}))["successful"]
    (got,) = await alice.events()
    assert got in (event(channel, 1), event(channel, 1, ext={}))


@pytest.mark.profile("hooks")
class TestHooks:
    @spec("MSG-3", "BAT-7")
    async def test_empty_array_is_sent_when_extensions_stopped_every_reply(self, guests: Guests) -> None:
        """The only case; a POST must have an answer."""
        client = guests.long_polling()
        await client.ready()
        reply = await client.post([client.message("/service/silent")])
        assert (reply.status, reply.body) == (200, b"[]")

    @spec("BAT-7")
    async def test_stopped_reply_is_left_out(self, guests: Guests) -> None:
        client = guests.long_polling()
        await client.ready()
        silent, other = client.message("/service/silent"), client.message("/service/conformance/x")
        assert await client.exchange(silent, other) == [success(other)]
        socket = await guests.websocket()
        await socket.ready()
        silent, other = socket.message("/service/silent"), socket.message("/service/conformance/x")
        socket.send(silent, other)
        assert await socket.frame() == [success(other)]

    @spec("WS-5", "HS-15")
    async def test_context_on_a_socket_is_that_of_the_upgrade(self, guests: Guests) -> None:
        """The user agent is that of the handshake."""
        socket = await guests.websocket(Browser(mood="sour"), headers={"X-Mood": "good", "User-Agent": "conformance/1"})
        await socket.ready()
        for _ in range(2):
            request = socket.message("/service/who")
            told, reply = await socket.exchange(request)
            assert reply == success(request)
            assert told == event(
                "/who",
                {
                    "userAgent": "conformance/1",
                    "transport": "websocket",
                    "path": told["data"]["path"],
                    "mood": "good",
                    "cookie": "sour",
                },
            )

    @spec("HS-15")
    async def test_context_of_a_post_is_its_own(self, guests: Guests) -> None:
        client = guests.long_polling(Browser(mood="sour"))
        json = {"Content-Type": "application/json"}
        handshake = await client.post([client.handshake_message()], {**json, "User-Agent": "conformance/2"})
        client.client_id = handshake.json[0]["clientId"]
        for mood in ("good", "bad"):
            reply = await client.post([client.message("/service/who")], {**json, "X-Mood": mood, "User-Agent": "x"})
            (told, _) = reply.json
            assert told["data"]["userAgent"] == "conformance/2"
            assert told["data"]["transport"] == "long-polling"
            assert (told["data"]["mood"], told["data"]["cookie"]) == (mood, "sour")
