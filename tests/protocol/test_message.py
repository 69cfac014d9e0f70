"""Envelopes, field checks and what of a message is passed on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from bayeux.protocol.envelope import Envelope, parse_envelope
from bayeux.protocol.errors import MalformedBody, ProtocolError
from bayeux.protocol.message import (
    PROTOCOL_FIELDS,
    Message,
    Request,
    event_of,
    is_handshake,
    oversized,
    subscriptions_of,
)
from bayeux.protocol.options import Options

OPTIONS = Options()


@pytest.mark.spec("MSG-1")
def test_a_bare_object_is_an_envelope_of_one() -> None:
    assert parse_envelope(b'{"channel":"/a"}', OPTIONS) == [{"channel": "/a"}]
    assert parse_envelope(b'[{"channel":"/a"},{}]', OPTIONS) == [{"channel": "/a"}, {}]


BROKEN = [
    b"", b"   ", b"x", b"1", b"null", b"true", b'"a"', b"[1]", b'[{"a":1},2]', b"[[]]", b"{", b"[", b"[{}", b"{}{}",
    b"[{}],", b"[{},]", b'{"a":}', b'{"a" 1}', b"{a:1}", b"{'a':1}", b'{"a":1,}', b"NaN", b'{"a":NaN}',
    b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":-1e999}', b'{"a":01}', b'{"a":.5}', b'{"a":+1}',
    b'{"a":0x1}', b"\xef\xbb\xbf[]", b"\xff\xfe[\x00]\x00", b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\\ud800"}', b'{"a":"\\udc00\\ud800"}', b'{"a":"\x01"}', b'{"a":"\n"}', b'{"a":"\\x41"}', b'{"a":"b}',
    b"[/* */]", b"[// x\n]",
    b"undefined", b"[{}]\x00", b"tru", b"[" * 40 + b"]" * 40, b'{"a":' * 33 + b"1" + b"}" * 33,
]  # fmt: skip


@pytest.mark.spec("MSG-4", "MSG-5", "SEC-10", "SEC-L12")
@pytest.mark.parametrize("body", BROKEN)
def test_what_is_not_json_of_objects_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(MalformedBody) as refused:
        parse_envelope(body, OPTIONS)
    assert str(refused.value) in ("not JSON", "nested deeper than 32", "neither an object nor an array of objects")


@pytest.mark.spec("SEC-L12", "SEC-1")
@pytest.mark.parametrize(("depth", "is_taken"), [(31, True), (32, True), (33, False)])
def test_nesting_is_bounded(depth: int, is_taken: bool) -> None:
    body = b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)
    if is_taken:
        parse_envelope(body, OPTIONS)
    else:
        with pytest.raises(MalformedBody):
            parse_envelope(body, OPTIONS)


@pytest.mark.spec("MSG-5", "SEC-11")
def test_of_duplicate_keys_the_last_wins() -> None:
    assert parse_envelope(b'{"channel":"/a","channel":"/b"}', OPTIONS) == [{"channel": "/b"}]


@pytest.mark.spec("MSG-6")
@pytest.mark.parametrize("text", ["\u2028\u2029", "😀𝒳", "\x00", "é\u0301", "\uffff"])
def test_any_unicode_survives(text: str) -> None:
    body = orjson.dumps({"channel": "/a", "data": text})
    message = Message.received(parse_envelope(body, OPTIONS)[0], OPTIONS)
    assert orjson.loads(orjson.dumps(event_of(message, OPTIONS)))["data"] == text


@pytest.mark.spec("MSG-14", "MSG-20", "MSG-12", "SEC-L13")
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "400::channel_missing"),
        ({"channel": None}, "400::channel_missing"),
        ({"channel": 5}, "400:channel:field_invalid"),
        ({"channel": "a", "id": "<"}, "405::channel_invalid"),
        ({"channel": "/a", "id": "<script>alert()</script>", "ext": []}, "405::message_id_invalid"),
        ({"channel": "/a", "id": ""}, "405::message_id_invalid"),
        ({"channel": "/a", "id": "x" * 129}, "405::message_id_invalid"),
        ({"channel": "/a", "id": 1.5}, "405::message_id_invalid"),
        ({"channel": "/a", "id": True}, "405::message_id_invalid"),
        ({"channel": "/a", "clientId": 1}, "400:clientId:field_invalid"),
        ({"channel": "/a", "ext": []}, "400:ext:field_invalid"),
        ({"channel": "/a", "ext": {"a": "x" * 8192}}, "400:ext:field_invalid"),
        ({"channel": "/a", "advice": "x"}, "400:advice:field_invalid"),
        ({"channel": "/meta/connect", "advice": {"timeout": "0"}}, "400:advice:field_invalid"),
        ({"channel": "/meta/connect", "advice": {"interval": True}}, "400:advice:field_invalid"),
        ({"channel": "/meta/handshake", "version": 1}, "400:version:field_invalid"),
        ({"channel": "/meta/handshake", "supportedConnectionTypes": "a"}, "400:supportedConnectionTypes:field_invalid"),
        ({"channel": "/meta/subscribe/x"}, "403:denied_by_security_policy:channel_create_denied"),
        ({"channel": "/meta/Connect"}, "403:denied_by_security_policy:channel_create_denied"),
    ],
)
def test_fields_are_checked_in_their_order(fields: dict[str, Any], error: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        Message.received(fields, OPTIONS)
    assert refused.value.wire == error


@pytest.mark.spec("CH-11", "SEC-40")
@pytest.mark.parametrize(
    "channel",
    [
        f"/meta/{name}{tail}"
        for name in ("handshake", "connect", "subscribe", "unsubscribe", "disconnect")
        for tail in ("/x", "x", "/*", "/**", "/__init__", ".", "/x/y", "-")
    ]
    + ["/meta/__init__", "/meta/__class__", "/meta/handle", "/meta/*", "/meta/**", "/META/connect", "/Meta/connect"],
)
def test_no_variant_of_a_meta_channel_is_taken_for_it(channel: str) -> None:
    """Looked up whole, never by prefix or attribute."""
    if not channel.startswith("/meta/"):
        assert Message.received({"channel": channel}, OPTIONS).request is Request.PUBLISH
        return
    with pytest.raises(ProtocolError) as refused:
        Message.received({"channel": channel}, OPTIONS)
    assert refused.value.wire == "403:denied_by_security_policy:channel_create_denied"


@pytest.mark.spec("MSG-12")
@pytest.mark.parametrize("valid", ["1", "x" * 127, "x" * 128, "550e8400-e29b:a_b.c", 5, 0, -1])
def test_ids_of_old_and_new_clients_are_valid(valid: Any) -> None:
    message = Message.received({"channel": "/a", "id": valid}, OPTIONS)
    assert message.reply["id"] == valid
    assert type(message.reply["id"]) is type(valid)


@pytest.mark.spec("MSG-11", "MSG-10")
def test_without_id_there_is_none_in_the_reply() -> None:
    assert "id" not in Message.received({"channel": "/a"}, OPTIONS).reply


@pytest.mark.spec("MSG-19", "MSG-18", "PUB-8", "PUB-9", "WSEC-1", "ADV-10")
def test_only_what_is_the_applications_reaches_subscribers() -> None:
    fields: dict[str, Any] = dict.fromkeys(PROTOCOL_FIELDS, "x")
    fields |= {"successful": True, "advice": {"reconnect": "none"}, "clientId": "s1", "id": "1"}
    fields |= {"supportedConnectionTypes": ["x"], "ext": {}}
    fields |= {"channel": "/a/", "data": {"b": 1}, "timestamp": "t", "own": [1]}
    event = event_of(Message.received(fields, OPTIONS), OPTIONS)
    assert event == {"channel": "/a", "data": {"b": 1}, "timestamp": "t", "own": [1]}
    assert "own" not in event_of(Message.received(fields, OPTIONS), Options(forward_unknown_fields=False))


@pytest.mark.spec("PUB-3", "PUB-4")
@pytest.mark.parametrize("data", ["", 0, False, None, [], {}, [{"a": [None]}], 1.5, "x"])
def test_any_json_value_is_data_and_none_is_null(data: Any) -> None:
    assert event_of(Message.received({"channel": "/a", "data": data}, OPTIONS), OPTIONS)["data"] == data
    assert event_of(Message.received({"channel": "/a"}, OPTIONS), OPTIONS)["data"] is None


@pytest.mark.spec("EXT-3", "SEC-43")
def test_ext_is_forwarded_as_far_as_the_options_say() -> None:
    message = Message.received({"channel": "/a", "ext": {"binary": {}, "token": "t"}}, OPTIONS)
    assert event_of(message, OPTIONS)["ext"] == {"binary": {}, "token": "t"}
    assert event_of(message, Options(forward_ext=("binary",)))["ext"] == {"binary": {}}
    assert "ext" not in event_of(message, Options(forward_ext=False))
    assert "ext" not in event_of(Message.received({"channel": "/a", "ext": {}}, OPTIONS), OPTIONS)


@pytest.mark.spec("SUB-1", "SUB-2", "CH-6")
@pytest.mark.parametrize(
    ("subscription", "error"),
    [
        (None, "403::subscription_missing"),
        ([], "403::subscription_missing"),
        (5, "403::subscription_invalid"),
        ({"a": 1}, "403::subscription_invalid"),
        (["/a", 5], "403::subscription_invalid"),
        (["/a", "/a/*/b"], "403::subscription_invalid"),
        ("", "403::subscription_invalid"),
        ("/a/{b}", "403::subscription_invalid"),
    ],
)
def test_subscriptions_are_names_or_patterns(subscription: Any, error: str) -> None:
    message = Message.received({"channel": "/meta/subscribe", "subscription": subscription}, OPTIONS)
    with pytest.raises(ProtocolError) as refused:
        subscriptions_of(message, OPTIONS)
    assert refused.value.wire == error


@pytest.mark.spec("SEC-L8", "SEC-1")
@pytest.mark.parametrize(("size", "is_too_large"), [(199, False), (200, False), (201, True)])
def test_one_message_is_bounded(size: int, is_too_large: bool) -> None:
    options = Options(max_bayeux_message_size=200)
    padding = size - len(b'{"channel":"/a","data":""}')
    body = orjson.dumps([{"channel": "/b"}, {"channel": "/a", "data": "x" * padding}])
    assert oversized(parse_envelope(body, options), options) == ({1} if is_too_large else set())
    assert oversized(Envelope([{"channel": "/b"}], 10), options) == frozenset()


@pytest.mark.spec("HS-9", "CH-3")
def test_a_handshake_is_told_by_its_channel_alone() -> None:
    assert is_handshake({"channel": "/meta/handshake/ ", "id": []})
    assert not is_handshake({"channel": "/meta/handshakes"})
    assert not is_handshake({"channel": 5})
