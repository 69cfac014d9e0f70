"""Section 1: the envelope, the fields of a message, and what is checked before a session is looked for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import OMIT, UNKNOWN, Client, Message, Socket, event, failure, success
from tests.support.wire import WebSocket

spec = pytest.mark.spec

MALFORMED_MESSAGE = {"successful": False, "error": "400::malformed_message"}

MALFORMED: dict[str, bytes] = {
    "nothing but white space": b" \n",
    "a word": b"hello",
    "a string": b'"[]"',
    "a number": b"7",
    "null": b"null",
    "true": b"true",
    "an array of numbers": b"[1]",
    "an array of arrays": b"[[]]",
    "an array of strings": b'["/meta/connect"]',
    "null between objects": b'[{"channel":"/a"},null]',
    "an object and a number": b'[{"channel":"/a"},5]',
    "an open array": b"[",
    "an open object": b'{"channel":"/a"',
    "a closed array too many": b"[]]",
    "two documents": b'{"channel":"/a"}{"channel":"/b"}',
    "two arrays": b'[{"channel":"/a"}][{"channel":"/b"}]',
    "a trailing comma": b'[{"channel":"/a"},]',
    "a trailing comma in an object": b'{"channel":"/a",}',
    "a missing colon": b'{"channel" "/a"}',
    "a missing value": b'{"channel":}',
    "an unquoted key": b'{channel:"/a"}',
    "single quotes": b"{'channel':'/a'}",
    "a comment": b'{"channel":"/a"}//',
    "a C comment": b'/**/{"channel":"/a"}',
    "the filtered comment of old clients": b'/*[{"channel":"/a"}]*/',
    "NaN": b'{"channel":"/a","data":NaN}',
    "Infinity": b'{"channel":"/a","data":Infinity}',
    "minus Infinity": b'[{"channel":"/a","data":-Infinity}]',
    "a number beyond a double": b'{"channel":"/a","data":1e999}',
    "a number with a leading zero": b'{"channel":"/a","data":01}',
    "a number with a plus": b'{"channel":"/a","data":+1}',
    "a number with a bare point": b'{"channel":"/a","data":1.}',
    "a hexadecimal number": b'{"channel":"/a","data":0x10}',
    "True of Python": b'{"channel":"/a","data":True}',
    "undefined": b'{"channel":"/a","data":undefined}',
    "a byte order mark": b'\xef\xbb\xbf{"channel":"/a"}',
    "a lone high surrogate": b'{"channel":"/a","data":"\\ud800"}',
    "a lone low surrogate": b'{"channel":"/a","data":"\\udc00"}',
    "surrogates the wrong way round": b'{"channel":"/a","data":"\\udc00\\ud800"}',
    "a raw newline in a string": b'{"channel":"/a","data":"\n"}',
    "a raw NUL in a string": b'{"channel":"/a","data":"\0"}',
    "an unknown escape": b'{"channel":"/a","data":"\\x41"}',
    "a cut escape": b'{"channel":"/a","data":"\\u12"}',
    "an open string": b'{"channel":"/a',
    "33 levels": b'{"channel":"/a","data":' + b"[" * 32 + b"]" * 32 + b"}",
    "100 000 levels": b"[" * 100_000,
}
NOT_UTF8: dict[str, bytes] = {
    "a lone continuation byte": b'{"channel":"/a","data":"\x80"}',
    "latin-1": b'{"channel":"/a","data":"\xe9"}',
    "an overlong slash": b'{"channel":"/a","data":"\xc0\xaf"}',
    "an encoded surrogate": b'{"channel":"/a","data":"\xed\xa0\x80"}',
    "beyond Unicode": b'{"channel":"/a","data":"\xf4\x90\x80\x80"}',
    "UTF-16": '{"channel":"/a"}'.encode("utf-16"),
}


def documents(*tables: dict[str, bytes]) -> pytest.MarkDecorator:
    cases = {name: document for table in tables for name, document in table.items()}
    return pytest.mark.parametrize("document", list(cases.values()), ids=list(cases))


class TestEnvelope:
    @spec("MSG-1", "MSG-2")
    async def test_bare_object_counts_as_an_array_of_one(self, newcomer: Client) -> None:
        """A handshake sent as an object, not in an array, is answered by an array."""
        body = orjson.dumps(newcomer.handshake_message())
        (reply,) = await newcomer.raw(body)
        assert reply["successful"] is True
        assert reply["channel"] == "/meta/handshake"

    @spec("MSG-1")
    async def test_white_space_around_the_envelope_does_not_matter(self, newcomer: Client) -> None:
        body = b" \r\n\t" + orjson.dumps([newcomer.handshake_message()]) + b"\n "
        (reply,) = await newcomer.raw(body)
        assert reply["successful"] is True

    @spec("MSG-4", "MSG-5", "SEC-10", "SEC-L12", "HTTP-9")
    @documents(MALFORMED, NOT_UTF8)
    async def test_malformed_body_is_refused_over_http(self, guests: Guests, document: bytes) -> None:
        """Status 400, a short text, nothing of the body in it."""
        client = guests.long_polling()
        reply = await client.post(document)
        assert reply.status == 400
        assert len(reply.body) <= 200
        assert b"channel" not in reply.body
        assert not reply.every("set-cookie")

    @spec("MSG-4", "MSG-5", "SEC-10", "SEC-L12")
    @documents(MALFORMED)
    async def test_malformed_message_is_answered_on_a_websocket(self, guests: Guests, document: bytes) -> None:
        """The socket stays usable after the first."""
        client = await guests.websocket()
        assert await client.raw(document) == [MALFORMED_MESSAGE]
        assert (await client.handshake())["successful"]

    @spec("MSG-5", "SEC-10")
    @documents({name: body for name, body in NOT_UTF8.items() if name != "UTF-16"})
    async def test_text_frame_that_is_not_utf8_fails_the_socket(self, guests: Guests, document: bytes) -> None:
        """RFC 6455, 8.1 is stricter than the rule for malformed messages: close 1007."""
        client = await guests.websocket()
        client.wire.send(document)
        assert (await client.closed()).code == 1007

    @spec("MSG-4", "SEC-10", "WS-20")
    async def test_third_malformed_message_closes_the_socket(self, guests: Guests) -> None:
        """Two are answered, also with good ones between them; the third is answered, too, or only closes: 1008."""
        client = await guests.websocket()
        for _ in range(2):
            assert await client.raw(b"{") == [MALFORMED_MESSAGE]
            await client.handshake()
        assert await client.refusal(b"{") == 1008

    @spec("MSG-4", "BAT-3")
    async def test_nothing_of_a_malformed_array_is_processed(self, alice: Client, bob: Client, channel: str) -> None:
        """A good publish before a number in the array reaches nobody."""
        await alice.subscribe(channel)
        body = orjson.dumps([bob.message(channel, data="too early"), 5])
        if isinstance(bob, Socket):
            assert await bob.raw(body) == [MALFORMED_MESSAGE]
        else:
            assert await bob.refusal(body) == 400
        await bob.publish(channel, "good")
        assert await alice.events() == [event(channel, "good")]

    @spec("MSG-5", "SEC-11")
    async def test_of_two_equal_keys_the_last_wins(self, alice: Client, channel: str) -> None:
        await alice.subscribe(channel)
        body = (
            f'[{{"channel":"/elsewhere","id":"a","id":"b","clientId":"{alice.client_id}",'
            f'"channel":"{channel}","data":1,"data":2}}]'
        ).encode()
        assert await alice.raw(body) == [event(channel, 2), {"channel": channel, "id": "b", "successful": True}]

    @spec("MSG-6")
    @pytest.mark.parametrize(
        "text",
        [
            "\u2028 and \u2029",
            "\U0001f600 \U00010348",
            "e\u0301 is not \u00e9",
            "\u0000\u0001\u001f\u007f\u0080",
            "\ufeff\uffff\ufffe",
            "\u202e\u05d0\u0627",
            '</script> " \\ / \b\f\n\r\t',
            "\u7530\u4e2d\u3055\u3093",
        ],
    )
    async def test_any_unicode_survives(self, alice: Client, channel: str, text: str) -> None:
        """As a value and as a key."""
        await alice.subscribe(channel)
        await alice.publish(channel, {text: text})
        assert await alice.events() == [event(channel, {text: text})]

    @spec("MSG-6")
    async def test_escapes_of_a_pair_of_surrogates_are_one_character(self, alice: Client, channel: str) -> None:
        await alice.subscribe(channel)
        request = orjson.dumps([alice.message(channel, data="@")]).replace(b"@", b"\\ud83d\\ude00")
        assert event(channel, "\U0001f600") in await alice.raw(request)


class TestId:
    @spec("MSG-10", "MSG-12")
    @pytest.mark.parametrize("message_id", ["1", "0", "a-b_c.d:e", "x" * 128, 7, 0, -1, 2**53, "07", "Zz9"])
    async def test_reply_has_the_id_of_its_request_in_the_same_type(self, alice: Client, message_id: Any) -> None:
        for channel in ("/service/conformance/x", "/meta/subscribe", "/meta/unsubscribe", "/meta/connect"):
            (reply,) = await alice.exchange(
                alice.message(channel, id=message_id, subscription="/conformance/x", advice={"timeout": 0})
            )
            assert reply["successful"]
            assert reply["id"] == message_id
            assert type(reply["id"]) is type(message_id)

    @spec("MSG-11")
    async def test_request_without_id_gets_a_reply_without_id(self, newcomer: Client) -> None:
        (reply,) = await newcomer.exchange(newcomer.handshake_message(id=OMIT))
        assert reply["successful"]
        assert "id" not in reply

    @spec("MSG-12", "WSEC-1", "SEC-L13")
    @pytest.mark.parametrize(
        "message_id",
        [
            "<script>alert()</script>", "", " ", "a b", "x" * 129, "a/b", "a\n", "\u00e9", "a,b", '"', "'", "a\u0000",
            "{}", "a;b", "\u0661", 1.5, True, [], ["1"], {}, {"a": 1},
        ],
    )  # fmt: skip
    async def test_invalid_id_is_refused_and_not_repeated(self, alice: Client, message_id: Any) -> None:
        for channel in ("/conformance/x", "/meta/connect"):
            (reply,) = await alice.exchange(alice.message(channel, id=message_id, data=1))
            assert reply == {"channel": channel, "successful": False, "error": "405::message_id_invalid"}

    @spec("MSG-12")
    async def test_handshake_with_an_invalid_id_makes_no_session(self, newcomer: Client) -> None:
        (reply,) = await newcomer.exchange(newcomer.handshake_message(id="<b>"))
        assert reply["error"] == "405::message_id_invalid"
        assert "id" not in reply

    @spec("MSG-13")
    async def test_messages_with_the_same_id_are_all_processed(self, alice: Client, bob: Client, channel: str) -> None:
        """In one batch, and again in the next."""
        await alice.subscribe(channel)
        for n in (0, 2):
            replies = await bob.exchange(*(bob.message(channel, id="same", data=n + k) for k in range(2)))
            assert replies == [{"id": "same", "channel": channel, "successful": True}] * 2
        assert await alice.events() == [event(channel, n) for n in range(4)]


class TestFieldChecks:
    @spec("MSG-14", "SEC-22")
    async def test_missing_channel(self, newcomer: Client) -> None:
        """Before any session is looked for."""
        assert await newcomer.exchange({}) == [{"successful": False, "error": "400::channel_missing"}]

    @spec("MSG-14")
    async def test_missing_channel_keeps_the_id(self, newcomer: Client) -> None:
        (reply,) = await newcomer.exchange({"id": "9", "data": 1})
        assert reply == {"id": "9", "successful": False, "error": "400::channel_missing"}

    @spec("MSG-14")
    async def test_channel_is_looked_at_before_the_id(self, newcomer: Client) -> None:
        missing, invalid, bad_id = await newcomer.exchange(
            {"id": "<b>"},
            {"id": "<b>", "channel": "no slash"},
            {"id": "<b>", "channel": "/conformance/x"},
        )
        assert missing == {"successful": False, "error": "400::channel_missing"}
        assert invalid["error"] == "405::channel_invalid"
        assert bad_id["error"] == "405::message_id_invalid"

    @spec("MSG-14")
    async def test_grammar_is_looked_at_before_the_session(self, newcomer: Client) -> None:
        replies = await newcomer.exchange(
            {"id": "1", "channel": "/a//b", "clientId": "gone"}, {"id": "2", "channel": "/a", "clientId": "gone"}
        )
        assert [reply["error"] for reply in replies] == ["405::channel_invalid", UNKNOWN]

    @spec("MSG-20", "EXT-1")
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("channel", 5), ("channel", []), ("channel", {}), ("channel", True),
            ("advice", "x"), ("advice", []), ("advice", 1),
            ("ext", []), ("ext", "x"), ("ext", 0), ("ext", False),
            ("clientId", 1), ("clientId", []), ("clientId", {"a": 1}), ("clientId", False),
        ],
    )  # fmt: skip
    async def test_field_of_a_wrong_type_fails_its_message(self, alice: Client, field: str, value: Any) -> None:
        """On a meta request and on a publish; the reply names the field."""
        for channel in ("/meta/connect", "/meta/subscribe", "/conformance/x"):
            message = {**alice.message(channel, subscription="/conformance/x"), field: value}
            (reply,) = await alice.exchange(message)
            assert reply["successful"] is False
            assert reply["error"] == f"400:{field}:field_invalid"
            assert reply["id"] == message["id"]
        assert await alice.is_known()

    @spec("MSG-20", "ADV-7")
    @pytest.mark.parametrize("value", ["0", [], {}, True])
    @pytest.mark.parametrize("name", ["timeout", "interval"])
    async def test_advice_of_a_client_must_be_numbers(self, alice: Client, name: str, value: Any) -> None:
        request = alice.connect_message(advice={name: value})
        assert await alice.exchange(request) == [failure(request, "400:advice:field_invalid")]

    @spec("MSG-20")
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("version", 1.0),
            ("minimumVersion", 1),
            ("supportedConnectionTypes", "long-polling"),
            ("supportedConnectionTypes", {"long-polling": True}),
            ("supportedConnectionTypes", ["long-polling", 5]),
        ],
    )
    async def test_handshake_with_a_field_of_a_wrong_type_fails(self, newcomer: Client, field: str, value: Any) -> None:
        (reply,) = await newcomer.exchange(newcomer.handshake_message(**{field: value}))
        assert reply["successful"] is False
        assert reply["error"] == f"400:{field}:field_invalid"

    @spec("MSG-15", "MSG-16", "MSG-17")
    async def test_replies_have_no_data_no_client_id_and_errors_only_when_failed(
        self, alice: Client, channel: str
    ) -> None:
        """Exactly the agreed keys, for each kind of request; the client checks the rest with every message."""
        subscribe = alice.message("/meta/subscribe", subscription=channel)
        assert await alice.exchange(subscribe) == [success(subscribe, subscription=channel)]
        service = alice.message("/service/conformance/x", data={"a": 1})
        assert await alice.exchange(service) == [success(service)]
        unsubscribe = alice.message("/meta/unsubscribe", subscription=channel)
        assert await alice.exchange(unsubscribe) == [success(unsubscribe, subscription=channel)]
        publish = alice.message(channel, data=1)
        assert await alice.exchange(publish) == [success(publish)]
        bad = alice.message("/conformance/*", data=1)
        assert await alice.exchange(bad) == [failure(bad, "405::channel_invalid")]
        disconnect = alice.message("/meta/disconnect")
        assert await alice.exchange(disconnect) == [success(disconnect)]

    @spec("MSG-19")
    async def test_unknown_fields_of_meta_requests_are_ignored(self, newcomer: Client) -> None:
        oddities: Message = {
            "authSuccessful": True, "connectionId": "x", "json-comment-filtered": True, "reestablish": True,
            "failure": {"a": 1}, "x-messages": 3, "mood": "good", "__class__": "x", "successful": False, "error": "no",
        }  # fmt: skip
        reply = await newcomer.handshake(**oddities)
        assert reply["successful"]
        assert not reply.keys() & oddities.keys() - {"successful"}
        connected = await newcomer.connect(**oddities)
        assert connected["successful"]
        assert not connected.keys() & oddities.keys() - {"successful"}


@spec("MSG-3", "WS-8")
async def test_empty_array_on_a_websocket_is_a_heartbeat(guests: Guests) -> None:
    """Faye before 1.3 sends it; the answer is ``[]``, before and after a handshake."""
    client = await guests.websocket()
    client.wire.send("[]")
    assert await client.wire.text() == "[]"
    await client.ready()
    client.wire.send(" [ ] ")
    assert await client.wire.text() == "[]"
    assert await client.is_known()


@spec("MSG-2", "MSG-3")
async def test_every_frame_is_an_array(guests: Guests, url: str, channel: str) -> None:
    """One reply, one event: still arrays."""
    client = await guests.websocket()
    await client.handshake()
    await client.subscribe(channel)
    client.send(client.message(channel, data=1))
    texts = [await client.wire.text(), await client.wire.text()]
    assert all(text.startswith("[") and text.endswith("]") for text in texts)
    assert isinstance(client.wire, WebSocket)
