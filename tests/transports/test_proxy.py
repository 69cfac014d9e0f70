"""Proxies: believed if trusted, and only then."""

from __future__ import annotations

import pytest

from bayeux.transports.proxy import Client, Proxies
from tests.support.wire import HttpConnection
from tests.transports.doors import open_house

TOLD = {
    "host": "inner",
    "x-forwarded-for": "1.2.3.4",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "push.example",
    "via": "2.0 front, 1.1 back",
}


@pytest.mark.spec("SEC-96")
def test_stranger_is_not_believed() -> None:
    for proxies in (Proxies(), Proxies(["10.0.0.0/8", "::1/128"])):
        assert proxies.client("9.9.9.9", False, TOLD) == Client("9.9.9.9", False, False, "inner")
    assert Proxies(["0.0.0.0/0"]).client("", False, TOLD).peer == ""


@pytest.mark.spec("SEC-96", "COOK-10")
def test_trusted_proxy_is_believed() -> None:
    client = Proxies(["10.0.0.0/8"]).client("10.1.1.1", False, TOLD)
    assert client == Client("1.2.3.4", True, True, "push.example")
    assert client.own_origin == "https://push.example"


@pytest.mark.spec("SEC-96")
@pytest.mark.parametrize(
    ("forwarded", "peer"),
    [
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),  # what the client claimed stands before what the proxy saw
        ("1.2.3.4, 10.2.2.2", "1.2.3.4"),  # two proxies of ours
        ("10.9.9.9, 10.2.2.2", "10.9.9.9"),
        ("unknown", "10.1.1.1"),
        ("1.2.3.4, nonsense", "10.1.1.1"),
        ("", "10.1.1.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("1.2.3.4:5678", "10.1.1.1"),
    ],
)
def test_client_is_the_last_whom_we_do_not_trust(forwarded: str, peer: str) -> None:
    assert Proxies(["10.0.0.0/8"]).client("10.1.1.1", False, {"x-forwarded-for": forwarded}).peer == peer


@pytest.mark.parametrize(
    ("headers", "secure", "expected"),
    [
        ({"x-forwarded-proto": "https"}, False, True),
        ({"x-forwarded-proto": "http"}, True, False),
        ({"x-forwarded-proto": "http, https"}, False, True),
        ({"x-forwarded-proto": "nonsense"}, True, True),
        ({}, True, True),
    ],
)
def test_scheme_is_the_last_that_was_told(headers: dict[str, str], secure: bool, expected: bool) -> None:
    assert Proxies(["::ffff:10.0.0.1/128", "10.0.0.1"]).client("10.0.0.1", secure, headers).secure is expected


def test_ipv4_address_on_an_ipv6_socket_is_the_same_address() -> None:
    assert Proxies(["10.0.0.0/8"]).client("::ffff:10.1.1.1", False, TOLD).peer == "1.2.3.4"


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Proxies(["nonsense"])


@pytest.mark.spec("SEC-96", "SEC-37", "CORS-6")
async def test_page_behind_a_trusted_proxy_has_its_own_origin_and_a_secure_cookie() -> None:
    for trusted, status in (((), 403), (("127.0.0.0/8",), 200)):
        async with open_house(options={"trusted_proxies": trusted}) as house:
            connection = await HttpConnection.open(house.url)
            headers = {
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "push.example",
                "Origin": "https://push.example",
            }
            connection.request("POST", "/cometd", headers, b'{"channel":"/meta/handshake"}')
            reply = await connection.reply()
            assert reply.status == status
            assert ("Secure" in (reply.header("set-cookie") or "")) == (status == 200)
            await connection.close()
