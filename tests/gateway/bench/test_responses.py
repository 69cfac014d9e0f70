"""HTTP answers from bytes, in whatever pieces and forms servers send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bench.responses import AnswerReader, NotHttp

SIZED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n[{}]"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\n[{\r\n2;name=value\r\n}]\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("answer", [SIZED, CHUNKED])
@given(cut=st.integers(1, 60))
def test_an_answer_may_come_in_two_pieces(answer: bytes, cut: int) -> None:
    reader = AnswerReader()
    assert reader.feed(answer[:cut]) is None
    found = reader.feed(answer[cut:])
    assert found is not None
    head, body = found
    assert (head.status, body, head.stays_open) == (200, b"[{}]", True)


def test_a_connection_serves_one_answer_after_the_other() -> None:
    reader = AnswerReader()
    assert [reader.feed(each) is not None for each in (SIZED, CHUNKED, SIZED)] == [True] * 3


def test_cookies_are_told() -> None:
    found = AnswerReader().feed(CHUNKED)
    assert found is not None
    assert found[0].cookies == ("a=b; Path=/",)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.0 200 OK\r\nContent-Length: 0", b"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0"]
)
def test_whether_the_connection_stays_open_is_told(head: bytes) -> None:
    found = AnswerReader().feed(head + b"\r\n\r\n")
    assert found is not None
    assert not found[0].stays_open


def test_a_body_without_length_ends_with_the_connection() -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[") is None
    assert reader.feed(b"]") is None
    found = reader.finish()
    assert found is not None
    assert found[1] == b"[]"


def test_half_an_answer_is_none_when_the_connection_ends() -> None:
    reader = AnswerReader()
    reader.feed(SIZED[:-1])
    assert reader.finish() is None


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"X" * 20_000,
    ],
)
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(NotHttp):
        AnswerReader().feed(answer)
