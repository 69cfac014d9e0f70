"""However a request is sent, the same values come of it."""

from __future__ import annotations

import pytest

from gateway.customers.http.parameters import FORM, JSON, read_parameters
from gateway.customers.refusal import MediaTypeWrong, RequestWrong
from gateway.customers.values import File, Values

DEPTH = 32
MULTIPART = "multipart/form-data; boundary=----WebKitFormBoundaryteXJ8ZpAGGDTAMFN"
CLOSING = b"------WebKitFormBoundaryteXJ8ZpAGGDTAMFN--\r\n"


def read(content_type: str, body: bytes, query: str = "") -> Values:
    return read_parameters(content_type, body, query, DEPTH)


def part(head: str, value: bytes) -> bytes:
    return b"------WebKitFormBoundaryteXJ8ZpAGGDTAMFN\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n"


def text(name: str, value: bytes) -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', value)


@pytest.mark.spec("G-3")
def test_three_forms_of_a_body_are_one_map() -> None:
    expected = {"subject": "a&b=ç", "_verbose": "false", "empty": ""}
    sent = [text("subject", "a&b=ç".encode()), text("_verbose", b"false"), text("empty", b"")]
    assert read(MULTIPART, b"".join([*sent, CLOSING])) == expected
    assert read(FORM, b"subject=a%26b%3D%C3%A7&_verbose=false&empty=") == expected
    assert read(JSON, '{"subject":"a&b=ç","_verbose":"false","empty":""}'.encode()) == expected


@pytest.mark.spec("G-4")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [(MULTIPART, CLOSING[:44]), (MULTIPART, b""), ("", b""), ("text/plain", b""), (FORM, b""), (JSON, b"{}")],
)
def test_no_parameters_may_be_sent_in_many_ways(content_type: str, body: bytes) -> None:
    assert read(content_type, body) == {}


@pytest.mark.spec("G-5")
def test_a_part_with_a_file_name_is_a_file() -> None:
    head = 'Content-Disposition: form-data; name="photo"; filename="me.png"\r\nContent-Type: image/png'
    assert read(MULTIPART, part(head, b"\x89PNG\r\n\x00") + CLOSING) == {
        "photo": File("me.png", "image/png", b"\x89PNG\r\n\x00")
    }


@pytest.mark.spec("G-5")
def test_a_text_part_ends_before_its_line_end_and_is_not_trimmed() -> None:
    assert read(MULTIPART, text("note", b" two\r\nlines \r\n") + CLOSING) == {"note": " two\r\nlines \r\n"}


@pytest.mark.spec("G-6")
def test_json_values_are_texts() -> None:
    body = b'{"flag": true, "number": 2.5, "none": null, "object": {"a": [1, null]}, "list": []}'
    assert read(JSON, body) == {"flag": "true", "number": "2.5", "object": '{"a":[1,null]}', "list": "[]"}


@pytest.mark.spec("G-7")
def test_the_body_wins_over_the_query_and_the_last_over_the_first() -> None:
    assert read(FORM, b"a=3&a=4", "a=1&b=1&b=2") == {"a": "4", "b": "2"}
    assert read(MULTIPART, text("a", b"3") + text("a", b"4") + CLOSING, "a=1") == {"a": "4"}
    assert read(JSON, b'{"a":"3","a":"4"}') == {"a": "4"}


@pytest.mark.spec("G-8")
@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/xml", "multipart/mixed; boundary=x", f"{JSON}; charset=utf-16"]
)
def test_a_body_of_another_type(content_type: str) -> None:
    with pytest.raises(MediaTypeWrong):
        read(content_type, b"x")


@pytest.mark.spec("G-8", "NF-2")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b"{"),
        (JSON, b"[]"),
        (JSON, b"null"),
        (JSON, b'{"a":"\xff"}'),
        (JSON, b'{"a":"\\ud800"}'),
        (JSON, b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"),
        (FORM, b"a=%ff"),
        (FORM, b"a=\xff"),
        (FORM, b"&".join(b"a%d=" % n for n in range(4001))),
        ("multipart/form-data", CLOSING),
        ("multipart/form-data; boundary=", CLOSING),
        ("multipart/form-data; boundary=other", CLOSING),
        (MULTIPART, text("a", b"1")),
        (MULTIPART, text("a", b"\xff") + CLOSING),
        (MULTIPART, part("Content-Disposition: form-data", b"1") + CLOSING),
        (MULTIPART, part("X-Other: form-data", b"1") + CLOSING),
        (MULTIPART, part("\x00", b"1") + CLOSING),
    ],
)
def test_a_body_that_cannot_be_read(content_type: str, body: bytes) -> None:
    with pytest.raises(RequestWrong):
        read(content_type, body)


@pytest.mark.spec("G-8", "NF-2")
@pytest.mark.parametrize("cut", range(0, 150, 7))
def test_a_multipart_body_cut_short_is_refused_or_empty(cut: int) -> None:
    whole = text("a", b"1") + CLOSING
    body = whole[:cut]
    if body and cut < len(whole) - 4:
        with pytest.raises(RequestWrong):
            read(MULTIPART, body)


@pytest.mark.spec("G-7", "NF-2")
def test_a_query_that_is_not_utf8() -> None:
    with pytest.raises(RequestWrong):
        read("", b"", "a=%ff")


@pytest.mark.spec("NF-2", "ERR-3")
@pytest.mark.parametrize("names", ["name*=utf-7''%2B2AA-", "name=a; filename*=utf-7''%2B2AA-"])
def test_a_name_with_half_a_character(names: str) -> None:
    """No store takes it."""
    with pytest.raises(RequestWrong):
        read(MULTIPART, part(f"Content-Disposition: form-data; {names}", b"1") + CLOSING)


@pytest.mark.spec("G-3", "ST-11")
@pytest.mark.parametrize(
    ("content_type", "body", "query"),
    [
        ("application/json", b'{"": "1"}', ""),
        ("application/json", b'{"a\\u0085": "1"}', ""),
        ("application/x-www-form-urlencoded", b"a%00=1", ""),
        ("", b"", "a%0A=1"),
    ],
)
def test_a_name_that_no_form_of_several_parts_can_have(content_type: str, body: bytes, query: str) -> None:
    with pytest.raises(RequestWrong):
        read_parameters(content_type, body, query, 10)
