"""The browser cookie: when it is set, what it looks like, what of a client's is believed."""

from __future__ import annotations

import os
import re
from typing import Any

import orjson
import pytest

from bayeux.protocol.options import Options
from bayeux.transports.browser import browser_of, cookies_of, new_browser, set_cookie
from tests.support.wire import HttpConnection, WebSocket
from tests.transports.doors import DOORS, open_house

HANDSHAKE = {"id": "1", "channel": "/meta/handshake"}


@pytest.mark.spec("COOK-5")
@pytest.mark.parametrize(
    ("value", "is_believed"),
    [
        ("abcdefgh", True),
        ("A1" * 32, True),
        ("abcdefg", False),
        ("a" * 65, False),
        ("abcdefg-", False),
        ("abcdefgé", False),
        ("abcdefgh\n", False),
        ("", False),
        ("a" * 26, True),
    ],
)
def test_value_is_believed_if_we_could_have_made_it(value: str, is_believed: bool) -> None:
    assert browser_of({"BAYEUX_BROWSER": value}, Options()) == (value if is_believed else None)


@pytest.mark.spec("COOK-1")
def test_new_value_is_long_enough_and_alphanumeric() -> None:
    values = {new_browser(os.urandom) for _ in range(1000)}
    assert len(values) == 1000
    assert all(re.fullmatch("[a-z0-9]{26,32}", value) for value in values)


def test_cookies_are_read_from_one_header() -> None:
    assert cookies_of({"cookie": "a=1; BAYEUX_BROWSER=abc; b="}) == {"a": "1", "BAYEUX_BROWSER": "abc", "b": ""}
    assert cookies_of({}) == {}


@pytest.mark.spec("COOK-2", "SEC-37")
@pytest.mark.parametrize(
    ("options", "secure", "attributes"),
    [
        ({}, False, "Path=/; HttpOnly; SameSite=Lax"),
        ({}, True, "Path=/; HttpOnly; Secure; SameSite=Lax"),
        ({"browser_cookie_secure": "on"}, False, "Path=/; HttpOnly; Secure; SameSite=Lax"),
        ({"browser_cookie_secure": "off"}, True, "Path=/; HttpOnly; SameSite=Lax"),
        ({"browser_cookie_path": "/cometd"}, False, "Path=/cometd; HttpOnly; SameSite=Lax"),
        ({"browser_cookie_domain": "a.example"}, False, "Domain=a.example; Path=/; HttpOnly; SameSite=Lax"),
        ({"browser_cookie_max_age": 60}, False, "Path=/; Max-Age=60; HttpOnly; SameSite=Lax"),
        ({"browser_cookie_http_only": False}, False, "Path=/; SameSite=Lax"),
        ({"browser_cookie_same_site": "Strict"}, False, "Path=/; HttpOnly; SameSite=Strict"),
        ({"browser_cookie_same_site": ""}, False, "Path=/; HttpOnly"),
        (
            {"browser_cookie_same_site": "None", "browser_cookie_partitioned": True},
            False,
            "Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
        ),
    ],
)
def test_attributes_are_as_the_options_say(options: dict[str, Any], secure: bool, attributes: str) -> None:
    line = set_cookie("abcdefgh", Options(**options), secure=secure)
    assert line == f"Set-Cookie: BAYEUX_BROWSER=abcdefgh; {attributes}\r\n".encode()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("HS-10", "COOK-1", "COOK-3", "COOK-5", "HS-7")
async def test_handshake_sets_the_cookie_where_the_request_has_none_of_ours(door: str) -> None:
    async with open_house(door) as house:
        connection = await HttpConnection.open(house.url)

        async def ask(cookie: str, fields: dict[str, Any]) -> str | None:
            connection.request("POST", "/cometd", {"Cookie": cookie} if cookie else {}, orjson.dumps(fields))
            reply = await connection.reply()
            found = reply.header("set-cookie")
            assert reply.status == 200
            assert found is None or ("Secure" in found) == (door == "tls")
            return found and found.partition(";")[0]

        given = await ask("", HANDSHAKE)
        assert given
        assert await ask(given, HANDSHAKE) is None
        assert await ask(f"other=1; {given}; another=2", HANDSHAKE) is None
        assert await ask("BAYEUX_BROWSER=<script>", HANDSHAKE) != given
        assert await ask("", {**HANDSHAKE, "supportedConnectionTypes": ["none"]}) is None
        assert await ask("", {"channel": "/meta/connect", "clientId": "x"}) is None
        await connection.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.spec("WS-32", "COOK-5")
async def test_upgrade_sets_the_cookie_where_the_request_has_none_of_ours(door: str) -> None:
    async with open_house(door) as house:
        first = await WebSocket.open(house.url)
        given = (first.upgrade.header("set-cookie") or "").partition(";")[0]
        assert re.fullmatch("BAYEUX_BROWSER=[a-z0-9]{26,}", given)
        second = await WebSocket.open(house.url, {"Cookie": given})
        assert second.upgrade.header("set-cookie") is None
        await first.close()
        await second.close()
