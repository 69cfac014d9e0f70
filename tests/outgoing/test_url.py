"""Places to call as they are written."""

from __future__ import annotations

import pytest

from gateway.outgoing.failures import TargetRefused
from gateway.outgoing.url import Url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://example.com", Url("http", "example.com", 80, "/")),
        ("https://Example.COM/a/b?c=%0d%0a&d", Url("https", "example.com", 443, "/a/b?c=%0d%0a&d")),
        ("HTTPS://example.com.:8443?x", Url("https", "example.com", 8443, "/?x")),
        ("https://example.com:/x#part", Url("https", "example.com", 443, "/x")),
        ("http://8.8.8.8:443/", Url("http", "8.8.8.8", 443, "/")),
        ("http://[2A00:1450::0001]:65535//x", Url("http", "2a00:1450::1", 65535, "//x")),
        ("http://xn--bcher-kva.example/", Url("http", "xn--bcher-kva.example", 80, "/")),
        ("http://a_b.example/", Url("http", "a_b.example", 80, "/")),
    ],
)
def test_parts_of_a_url(text: str, expected: Url) -> None:
    assert Url.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("http://a.example:80/", "a.example"),
        ("https://a.example:80/", "a.example:80"),
        ("https://[2a00::1]/", "[2a00::1]"),
        ("https://[2a00::1]:8443/", "[2a00::1]:8443"),
    ],
)
def test_what_the_header_says(text: str, authority: str) -> None:
    assert Url.parse(text).authority == authority


@pytest.mark.spec("SEC-70", "NT-13")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "//example.com/",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com:70/_x",
        "javascript:alert(1)",
        "ws://example.com/",
        "https:example.com",
        "https:///example.com",
        "https://",
        "https://:443/",
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://@example.com/",
        "https://good.example@127.0.0.1/",
        "https://good.example\\@evil.example/",
        "https://evil.example\\.good.example/",
        "https://good.example/\\evil",
        "https://good.example/a b",
        "https://good.example/\r\nHost: evil",
        "https://good.example/\tx",
        "https://good.example/\x00",
        "https://good\u3002example/",
        "https://\u2460\u2461\u2466.0.0.1/",
        "https://b\u00fccher.example/",
        "https://ex%61mple.com/",
        "https://127.0.0.1%2f@x/",
        "https://exa mple.com/",
        "https://-a.example/",
        "https://a-.example/",
        "https://a..example/",
        "https://.example/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:6379/",
        "https://example.com:6667/",
        "https://example.com:11211/",
        "https://example.com:65536/",
        "https://example.com:-1/",
        "https://example.com:8o/",
        "https://example.com:80:80/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.01/",
        "https://127.0.0.256/",
        "https://1.2.3/",
        "https://1.2.3.4.5/",
        "https://a.0x7/",
        "https://[::1/",
        "https://::1/",
        "https://[::1]x/",
        "https://[::1]@x/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[v1.x]/",
        "https://[127.0.0.1]/",
        "https://example.com/" + "a" * 2048,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(TargetRefused):
        Url.parse(text)
