"""What heads of different clients have in common is parsed once, and means the same as if it were parsed each time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.transports.adopted.http import HttpRefused, _length_of_body, _parse_common, parse_head

LINES = (
    b"Host: chat.example.com",
    b"Content-Type: application/json",
    b"Accept-Encoding:  gzip\t",
    b"X-Forwarded-For: 192.0.2.1",
    b"x-forwarded-for: 192.0.2.2",
    b"Cookie: a=1",
    b"COOKIE: b=2",
    b"Authorization: Basic eDp5",
    b"Content-Length: 2",
    b"content-length: 7",
    b"Content-Length:",
    b"Content-Length: -1",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Cookies: none of one client",
    b"X-Cookie: Cookie: no",
)
heads = st.lists(st.sampled_from(LINES), max_size=8).map(
    lambda lines: b"\r\n".join((b"POST /cometd?a=b HTTP/1.1", *lines, b"", b""))
)


@given(heads)
def test_a_head_means_what_all_of_its_lines_say(raw: bytes) -> None:
    try:
        whole = _parse_common(raw)
        length = _length_of_body(whole.headers, whole.version)
    except HttpRefused:
        with pytest.raises(HttpRefused):
            parse_head(raw)
        return
    head = parse_head(raw)
    found = (head.method, head.target, head.version, head.headers, head.keep_alive, head.length)
    assert found == (whole.method, whole.target, whole.version, whole.headers, whole.keep_alive, length)


def of_one_client(cookie: str) -> bytes:
    return f"POST /cometd HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Length: {len(cookie)}\r\n\r\n".encode()


def test_what_one_client_sends_is_not_another_ones() -> None:
    first, second = parse_head(of_one_client("a=1")), parse_head(of_one_client("b=22"))
    assert (first.headers["cookie"], first.length) == ("a=1", 3)
    assert (second.headers["cookie"], second.length) == ("b=22", 4)
    assert first.common is second.common
    assert first.common is not None
    assert "cookie" not in first.common.headers


@pytest.mark.parametrize(("size", "is_known"), [(100, True), (5_000, False)])
def test_only_short_heads_are_remembered(size: int, is_known: bool) -> None:
    raw = b"POST /cometd HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * size + b"\r\n\r\n"
    assert (parse_head(raw).common is not None) is is_known
