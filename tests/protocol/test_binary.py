"""Bytes in JSON: the text they become, and what is refused on the way back."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol import json
from bayeux.protocol.binary import BinaryData, decode_z85, encode_z85, receive_binary, send_binary
from bayeux.protocol.errors import BinaryInvalid

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

VECTORS = [
    ("", ""), ("00", "00"), ("ff", "@@"), ("0001", "009"), ("000102", "009c"), ("00010203", "009c6"),
    ("864fd26fb559f75b", "HelloWorld"), ("864fd26fb559f75b0a", "HelloWorld3i"), ("ffffffff", "%nSc0"),
    ("deadbeef01", "?MsJX0r"),
]  # fmt: skip


@pytest.mark.spec("BIN-7", "BIN-8")
@pytest.mark.parametrize(("data", "text"), VECTORS)
def test_texts_are_those_of_the_javascript_client(data: str, text: str) -> None:
    assert encode_z85(bytes.fromhex(data)) == text
    assert decode_z85(text) == bytes.fromhex(data)


def by_the_rule(data: bytes) -> str:
    """The text, computed digit by digit as the rule words it."""
    digits = []
    for start in range(0, len(data), 4):
        group = data[start : start + 4]
        number = int.from_bytes(group.ljust(4, b"\0"), "big")
        digits += [ALPHABET[number // 85**power % 85] for power in (4, 3, 2, 1, 0)][: len(group) + 1]
    return "".join(digits)


@pytest.mark.spec("BIN-7")
@given(st.binary(max_size=64))
def test_every_length_is_encoded_by_the_rule_and_comes_back(data: bytes) -> None:
    assert encode_z85(data) == by_the_rule(data)
    assert decode_z85(encode_z85(data)) == data


@pytest.mark.spec("BIN-5")
@given(st.text(alphabet=ALPHABET + " \"\\~_`|;,'é\n\0\u0661", max_size=12))
def test_any_text_decodes_or_is_refused(text: str) -> None:
    """What decodes has digits of the alphabet, no group above the largest number, and a length that exists."""
    groups = [text[start : start + 5] for start in range(0, len(text), 5)]
    is_valid = set(text) <= set(ALPHABET) and len(text) % 5 != 1
    if is_valid:
        numbers = [sum(ALPHABET.index(d) * 85 ** (4 - n) for n, d in enumerate(g.ljust(5, "#"))) for g in groups]
        is_valid = all(number < 2**32 for number in numbers)
    if is_valid:
        assert len(decode_z85(text)) == len(text) - len(groups)
    else:
        with pytest.raises(BinaryInvalid):
            decode_z85(text)


@pytest.mark.spec("BIN-5")
@pytest.mark.parametrize("text", ["%nSc1", "#####", "%%", "0", "HelloW", "Hello~", "Hell_", "hé", "Hello World", '"'])
def test_texts_of_no_bytes_are_refused_with_the_error_of_the_rule(text: str) -> None:
    with pytest.raises(BinaryInvalid) as refused:
        decode_z85(text)
    assert refused.value.wire == "400:data:binary_invalid"


@pytest.mark.spec("BIN-1")
def test_a_message_says_its_bytes_whether_it_is_the_last_and_what_goes_with_it() -> None:
    data = BinaryData(bytes.fromhex("deadbeef01"), meta={"name": "a.bin"})
    assert data.wire == {"data": "?MsJX0r", "last": True, "meta": {"name": "a.bin"}}
    assert BinaryData.from_wire(data.wire) == data
    assert BinaryData(b"", last=False).wire == {"data": "", "last": False}
    assert BinaryData.from_wire({"data": ""}) == BinaryData(b"")


@pytest.mark.spec("BIN-5")
@pytest.mark.parametrize(
    "value", [None, "?MsJX0r", [], {}, {"data": None}, {"data": 5}, {"data": ["00"]}, {"data": "00", "last": 1}]
)
def test_data_of_another_shape_is_refused(value: Any) -> None:
    with pytest.raises(BinaryInvalid):
        BinaryData.from_wire(value)


@pytest.mark.spec("BIN-2", "BIN-3", "DEL-8")
def test_a_received_message_is_decoded_and_encoded_again_with_the_rest_of_its_ext() -> None:
    wire = {"channel": "/f", "data": {"data": "00", "last": True}, "ext": {"binary": {}, "own": 1}}
    fields = dict(wire)
    receive_binary(fields)
    assert fields == {"channel": "/f", "data": BinaryData(b"\0"), "ext": {"own": 1}}
    send_binary(fields)
    assert fields == wire


@pytest.mark.spec("BIN-2", "XT-2")
@pytest.mark.parametrize("mark", [{}, [], True, 1, "yes"])
def test_whatever_javascript_takes_for_true_marks_a_binary_message(mark: Any) -> None:
    fields = {"channel": "/f", "data": {"data": "00", "last": True}, "ext": {"binary": mark}}
    receive_binary(fields)
    assert fields == {"channel": "/f", "data": BinaryData(b"\0")}


@pytest.mark.spec("BIN-1", "BIN-4")
@pytest.mark.parametrize("ext", [{}, {"ext": None}, {"ext": {}}, {"ext": {"binary": False}}, {"ext": {"binary": None}}])
def test_other_messages_are_left_as_they_are(ext: dict[str, Any]) -> None:
    fields = {"channel": "/f", "data": {"data": "not base 85", "last": True}, **ext}
    untouched = dict(fields)
    receive_binary(fields)
    send_binary(fields)
    assert fields == untouched


@pytest.mark.spec("BIN-5")
def test_a_refused_message_is_left_as_it_was() -> None:
    fields = {"channel": "/f", "data": {"data": "0"}, "ext": {"binary": {}}}
    with pytest.raises(BinaryInvalid):
        receive_binary(fields)
    assert fields == {"channel": "/f", "data": {"data": "0"}, "ext": {"binary": {}}}


def test_a_mebibyte_takes_a_fraction_of_a_second() -> None:
    """A loop over single digits would hold the event loop for much longer."""
    data = os.urandom(2**20)
    started = time.process_time()
    assert decode_z85(encode_z85(data)) == data
    assert time.process_time() - started < 1.0


def test_bytes_that_no_extension_encoded_are_refused_by_the_codec() -> None:
    """Without the extension, a publish of bytes raises where it is made (MSGX-6)."""
    with pytest.raises(TypeError):
        json.encode({"data": BinaryData(b"\0")})
