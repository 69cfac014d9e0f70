"""What absolute URLs begin with that apps are told."""

from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders

from gateway.customers.http.origin import OwnOrigin

PROXIED = {"Host": "10.0.0.5:8080", "X-Forwarded-Proto": "http, https", "X-Forwarded-Host": "x, gms.example.com"}


@pytest.mark.spec("G-25")
@pytest.mark.parametrize(
    ("origin", "headers", "expected"),
    [
        (OwnOrigin(), {"Host": "localhost:8080"}, "http://localhost:8080"),
        (OwnOrigin(), {"Host": "[::1]:8080"}, "http://[::1]:8080"),
        (OwnOrigin(), PROXIED, "http://10.0.0.5:8080"),
        (OwnOrigin(trusts_forwarded=True), PROXIED, "https://gms.example.com"),
        (OwnOrigin(trusts_forwarded=True), {"Host": "localhost"}, "http://localhost"),
        (OwnOrigin(external_url="https://gms.example.com/", trusts_forwarded=True), PROXIED, "https://gms.example.com"),
    ],
)
def test_where_an_app_finds_us(origin: OwnOrigin, headers: dict[str, str], expected: str) -> None:
    assert origin.of("http", HTTPHeaders(headers)) == expected


@pytest.mark.spec("G-25", "NF-3")
@pytest.mark.parametrize("host", ["", "a b", 'x"><script>', "x/../y", "user@x", "x" * 300])
def test_a_host_that_is_none_is_not_told(host: str) -> None:
    assert OwnOrigin().of("http", {"Host": host}) == "http://localhost"
    forwarded = {"Host": "here", "X-Forwarded-Host": host, "X-Forwarded-Proto": "javascript"}
    assert OwnOrigin(trusts_forwarded=True).of("https", forwarded) == ("http://localhost" if host else "http://here")
