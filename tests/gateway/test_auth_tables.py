"""Failed sign-ins and HTTP sessions: pure tables, time is told."""

import pytest

from gateway.auth.http_sessions import HttpSessions
from gateway.auth.throttle import Throttle, TooManyFailures

WINDOW = 900.0


def throttle() -> Throttle:
    return Throttle(per_account=5, per_address=50, window=WINDOW)


@pytest.mark.spec("SEC-L21", "SEC-1", "SEC-52")
def test_an_account_is_paused_after_five_failures_from_one_address() -> None:
    table = throttle()
    for second in range(5):
        table.attempt("agent", "192.0.2.1", second)
    with pytest.raises(TooManyFailures) as paused:
        table.attempt("agent", "192.0.2.1", 5)
    assert paused.value.retry_after == WINDOW - 5
    table.attempt("agent", "192.0.2.2", 5)  # from elsewhere it goes on
    table.attempt("other", "192.0.2.1", 5)
    table.attempt("agent", "192.0.2.1", WINDOW)  # and here, when the window is over


@pytest.mark.spec("SEC-L21", "SEC-1")
def test_an_address_is_paused_after_fifty_failures() -> None:
    table = throttle()
    for number in range(50):
        table.attempt(f"agent{number}", "192.0.2.1", 0)
    with pytest.raises(TooManyFailures):
        table.attempt("another", "192.0.2.1", 0)
    table.attempt("another", "192.0.2.2", 0)


@pytest.mark.spec("SEC-L21")
def test_ipv6_addresses_count_by_network() -> None:
    table = throttle()
    for number in range(5):
        table.attempt("agent", f"2001:db8:1:2::{number}", 0)
    with pytest.raises(TooManyFailures):
        table.attempt("agent", "2001:db8:1:2:ffff::1", 0)
    table.attempt("agent", "2001:db8:1:3::1", 0)


@pytest.mark.spec("SEC-52")
def test_a_success_is_no_failure_and_forgets_none() -> None:
    table = throttle()
    for _ in range(20):
        table.attempt("agent", "192.0.2.1", 0)
        table.forgive("agent", "192.0.2.1")
    for _ in range(5):
        table.attempt("agent", "192.0.2.1", 0)
    with pytest.raises(TooManyFailures):
        table.attempt("agent", "192.0.2.1", 0)


@pytest.mark.spec("SEC-2")
def test_the_table_of_failures_is_bounded() -> None:
    table = Throttle(per_account=5, per_address=10**9, window=WINDOW)
    for number in range(30_000):
        table.attempt(f"agent{number}", "192.0.2.1", 0)
    assert len(table._table) == 20_000


@pytest.mark.spec("AG-10", "AG-14", "SEC-37")
def test_an_http_session_lives_while_it_is_used() -> None:
    table = HttpSessions(idle=1800, most=10, most_per_user=3)
    cookie, session = table.begin("Agent1", 0)
    assert table.use(cookie, 1799) is session
    assert table.use(cookie, 3598) is session
    assert table.use(cookie, 3598 + 1800) is None
    assert table.use(cookie, 3598) is None
    assert len(table) == 0


@pytest.mark.spec("SEC-37", "SEC-41")
def test_every_sign_in_gets_a_value_of_its_own() -> None:
    table = HttpSessions(idle=1800, most=1000, most_per_user=1000)
    cookies = {table.begin("Agent1", 0)[0] for _ in range(500)}
    assert len(cookies) == 500
    assert all(len(cookie) == 32 for cookie in cookies)
    for wrong in ("", "x", next(iter(cookies))[:-1], next(iter(cookies)).lower() + "g"):
        assert table.use(wrong, 0) is None


def test_a_user_with_too_many_sessions_loses_the_one_idle_for_longest() -> None:
    table = HttpSessions(idle=1800, most=100, most_per_user=2)
    first, second = table.begin("Agent1", 0)[0], table.begin("Agent1", 1)[0]
    other = table.begin("Agent2", 1)[0]
    table.use(first, 2)
    third = table.begin("Agent1", 3)[0]
    assert [table.use(cookie, 3) is not None for cookie in (first, second, third, other)] == [True, False, True, True]


def test_too_many_sessions_in_all_end_the_one_idle_for_longest() -> None:
    table = HttpSessions(idle=1800, most=2, most_per_user=2)
    cookies = [table.begin(f"Agent{number}", number)[0] for number in range(3)]
    assert [table.use(cookie, 3) is not None for cookie in cookies] == [False, True, True]
    assert len(table) == 2
