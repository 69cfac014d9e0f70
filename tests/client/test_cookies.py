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
@pytest.mark.parametrize("text", ["\x00=;;", "=1", "a", "", "a=1\x7f", "a=b\rc"])
def test_what_is_no_cookie_is_ignored(cookies: Cookies, text: str) -> None:
    cookies.store(text)
    assert cookies.header("/", secure=False) == ""


@pytest.mark.spec("CLI-1", "COOK-2")
@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("b=1; Path=/; HttpOnly; Secure; SameSite=None; Partitioned", "b=1"),
        ("b=1; Priority=High", "b=1"),
        ('b={"a":[1]}; Path=/', 'b={"a":[1]}'),
        ("b[1]=2==", "b[1]=2=="),
        ("b=", "b="),
        ("b=1; Max-Age=soon; Expires=later", "b=1"),
    ],
)
def test_attributes_and_values_that_are_unusual_cost_no_cookie(cookies: Cookies, text: str, sent: str) -> None:
    """A server with cookies for other sites sets ``Partitioned``; the client lost its session over HTTP by that."""
    cookies.store(text)
    assert cookies.header("/", secure=True) == sent


@pytest.mark.spec("CLI-1")
@pytest.mark.parametrize("end", ["Max-Age=-5", "Expires=Wed, 21 Oct 2015 07:28:00 GMT", "max-age=0; expires=later"])
def test_a_life_that_is_over_deletes(cookies: Cookies, end: str) -> None:
    cookies.store("a=1; Max-Age=100; Expires=Wed, 21 Oct 2015 07:28:00 GMT")
    assert cookies.header("/", secure=False) == "a=1", "Max-Age goes before Expires"
    cookies.store(f"a=1; {end}")
    assert cookies.header("/", secure=False) == ""


@pytest.mark.spec("CLI-1")
def test_a_server_cannot_fill_the_memory(cookies: Cookies) -> None:
    for n in range(1000):
        cookies.store(f"c{n}=1")
    assert cookies.header("/", secure=False).split("; ") == [f"c{n}=1" for n in range(950, 1000)]
