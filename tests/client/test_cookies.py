"""The client's cookies: kept, replaced, deleted, and sent where they belong."""

from __future__ import annotations

import pytest

from bayeux.client.cookies import Cookies


@pytest.fixture
def cookies() -> Cookies:
    return Cookies()


@pytest.mark.spec("CLI-1", "COOK-1")
def test_a_cookie_is_sent_back(cookies: Cookies) -> None:
    cookies.store("BAYEUX_BROWSER=k3; Path=/; HttpOnly; SameSite=Lax")
    cookies.store("other=x")
    assert cookies.header("/cometd", secure=False) == "BAYEUX_BROWSER=k3; other=x"


@pytest.mark.spec("CLI-1")
def test_the_newest_value_counts_and_a_life_of_nothing_deletes(cookies: Cookies) -> None:
    cookies.store("a=1")
    cookies.store("a=2")
    assert cookies.header("/", secure=False) == "a=2"
    cookies.store("a=2; Max-Age=0")
    assert cookies.header("/", secure=False) == ""
    cookies.store("a=3")
    cookies.store("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
    assert cookies.header("/", secure=False) == ""


@pytest.mark.spec("CLI-1")
@pytest.mark.parametrize(
    ("path", "is_sent"), [("/cometd", True), ("/cometd/x", True), ("/cometdx", False), ("/", False)]
)
def test_a_path_bounds_a_cookie(cookies: Cookies, path: str, is_sent: bool) -> None:
    cookies.store("a=1; Path=/cometd")
    assert cookies.header(path, secure=False) == ("a=1" if is_sent else "")


@pytest.mark.spec("CLI-1")
def test_a_secure_cookie_waits_for_tls(cookies: Cookies) -> None:
    cookies.store("a=1; Secure")
    assert cookies.header("/", secure=False) == ""
    assert cookies.header("/", secure=True) == "a=1"


@pytest.mark.spec("CLI-1")
def test_what_is_no_cookie_is_ignored(cookies: Cookies) -> None:
    cookies.store("\x00=;;")
    assert cookies.header("/", secure=False) == ""
