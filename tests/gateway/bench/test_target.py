"""Where a load test goes to, from a URL."""

from __future__ import annotations

import pytest

from gateway.bench.target import Target, TargetWrong


@pytest.mark.parametrize(
    ("url", "found", "normal"),
    [
        ("http://127.0.0.1:8080", Target("127.0.0.1", 8080, "/cometd"), "http://127.0.0.1:8080/cometd"),
        ("ws://localhost:1/bayeux", Target("localhost", 1, "/bayeux"), "http://localhost:1/bayeux"),
        ("https://a.example/", Target("a.example", 443, "/cometd", tls=True), "https://a.example:443/cometd"),
        ("wss://[::1]/x?y=z", Target("::1", 443, "/x?y=z", tls=True), "https://[::1]:443/x?y=z"),
    ],
)
def test_a_url_names_an_endpoint(url: str, found: Target, normal: str) -> None:
    assert Target.parse(url) == found
    assert found.url == normal
    assert Target.parse(normal) == found


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://a/b", "http://", "http://a:b", "http://u:p@a/", "http://a/ b", "http://a/#b"]
)
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(TargetWrong):
        Target.parse(url)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("example.com", False),
    ],
)
def test_loopback_is_told_from_the_words_alone(host: str, is_loopback: bool) -> None:
    assert Target(host, 80).is_loopback is is_loopback
