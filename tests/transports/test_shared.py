"""Equal strings of many connections are one, and what is long is nobody's to share."""

from __future__ import annotations

import pytest

from bayeux.transports.adopted.http import parse_head
from bayeux.transports.browser import cookies_of
from bayeux.transports.shared import LONGEST, shared


def twice(text: str) -> tuple[str, str]:
    """Two equal strings that are not one."""
    return text.encode().decode(), text.encode().decode()


def test_equal_texts_are_one() -> None:
    first, second = twice("application/json")
    assert first is not second
    assert shared(first) is shared(second)


def test_long_texts_are_not_kept() -> None:
    first, second = twice("x" * (LONGEST + 1))
    assert shared(first) is first
    assert shared(second) is second


def test_heads_of_two_connections_share_what_they_have_in_common() -> None:
    raw = b"POST /cometd HTTP/1.1\r\nHost: chat.example.com\r\nCookie: a=1\r\nContent-Length: 1234\r\n\r\n"
    first, second = parse_head(raw), parse_head(bytes(bytearray(raw)))
    for name in ("host", "content-length"):
        assert first.headers[name] is second.headers[name]
    assert first.target is second.target
    assert first.headers["cookie"] is not second.headers["cookie"]


@pytest.mark.parametrize("header", ["session=abc", "session=abc; theme=dark"])
def test_cookies_share_their_names(header: str) -> None:
    first, second = (next(iter(cookies_of({"cookie": each}))) for each in twice(header))
    assert first == "session"
    assert first is second
