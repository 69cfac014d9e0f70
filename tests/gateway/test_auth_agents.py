"""Signing in: by password, token or cookie."""

import asyncio
import base64
import threading
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import argon2
import pytest

from bayeux.protocol.options import Options
from bayeux.server.transport import Context
from gateway.auth.agents import Agents, Credentials
from gateway.auth.passwords import Passwords, PasswordsBusy, hash_password
from gateway.auth.throttle import TooManyFailures
from gateway.config.model import Auth, User

LIGHT = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def user(name: str, password: str, **fields: Any) -> User:
    return User.model_validate({"name": name, "password_hash": LIGHT.hash(password), **fields})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def agents() -> AsyncIterator[Agents]:
    users = [user("Agent1", "one"), user("Ägent2", "zwei:drei"), user("Gone", "gone", enabled=False)]
    auth = Auth.model_validate({"users": users, "tokens": {"secret": "a secret that is long enough for it"}})
    made = Agents(auth, clock=Clock())
    yield made
    made.close()


def basic(name: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


async def who(
    agents: Agents, authorization: str = "", cookie: str = "", peer: str = "127.0.0.1", **more: Any
) -> str | None:
    more = {"is_secure": False, **more}
    found = agents.who(Credentials(authorization=authorization, cookie=cookie, peer=peer, **more))
    return await found if isinstance(found, Awaitable) else found


@pytest.mark.spec("AG-10", "SEC-51")
@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (basic("Agent1", "one"), "Agent1"),
        (basic("Agent1", "one", "bAsIc"), "Agent1"),
        (basic("Ägent2", "zwei:drei"), "Ägent2"),
        (basic("Agent1", "two"), None),
        (basic("agent1", "one"), None),
        (basic("Agent1", ""), None),
        (basic("", ""), None),
        (basic("Nobody", "one"), None),
        (basic("Gone", "gone"), None),
        ("Basic", None),
        ("Basic !!!", None),
        ("Basic " + base64.b64encode(b"Agent1").decode(), None),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), None),
        ("Digest username=Agent1", None),
        ("", None),
    ],
)
async def test_passwords(agents: Agents, authorization: str, expected: str | None) -> None:
    for _ in range(2):  # a right one is remembered, a wrong one is not
        assert await who(agents, authorization) == expected


@pytest.mark.spec("AG-10")
async def test_a_password_that_was_right_before_needs_no_waiting(agents: Agents) -> None:
    assert await who(agents, basic("Agent1", "one")) == "Agent1"
    shown = Credentials(authorization=basic("Agent1", "one"), cookie="", peer="127.0.0.1", is_secure=False)
    assert agents.who(shown) == "Agent1"


@pytest.mark.spec("AG-12")
async def test_tokens(agents: Agents) -> None:
    token = agents.tokens.make("Agent7", now=time.time(), lifetime=60)
    assert await who(agents, f"Bearer {token}") == "Agent7"
    assert await who(agents, f"Bearer {token}x") is None
    assert await who(agents, "Bearer") is None


@pytest.mark.spec("AG-10", "AG-14")
async def test_a_cookie_is_enough_until_it_was_idle_for_too_long(agents: Agents) -> None:
    cookie, _ = await agents.enter("Agent1")
    assert await who(agents, cookie=cookie) == "Agent1"
    assert await who(agents, cookie="other") is None
    agents._clock.now = 1800  # type: ignore[attr-defined]
    assert await who(agents, cookie=cookie) is None


@pytest.mark.spec("AG-102")
async def test_what_is_shown_wins_over_the_cookie(agents: Agents) -> None:
    cookie, _ = await agents.enter("Agent1")
    assert await who(agents, basic("Ägent2", "zwei:drei"), cookie) == "Ägent2"
    assert await who(agents, basic("Ägent2", "wrong"), cookie) is None


@pytest.mark.spec("SEC-53")
@pytest.mark.expected_logs("plain HTTP")
@pytest.mark.parametrize(
    ("peer", "is_secure", "expected"),
    [
        ("127.0.0.1", False, "Agent1"),
        ("::1", False, "Agent1"),
        ("192.0.2.1", True, "Agent1"),
        ("192.0.2.1", False, None),
        ("nonsense", False, None),
    ],
)
async def test_passwords_are_not_taken_in_clear_from_other_machines(
    agents: Agents, peer: str, is_secure: bool, expected: str | None
) -> None:
    assert await who(agents, basic("Agent1", "one"), peer=peer, is_secure=is_secure) == expected


@pytest.mark.spec("SEC-L21", "SEC-52")
async def test_after_five_failures_even_the_right_password_waits(agents: Agents) -> None:
    for number in range(5):
        assert await who(agents, basic("Agent1", f"wrong{number}")) is None
    with pytest.raises(TooManyFailures):
        await who(agents, basic("Agent1", "one"))
    assert await who(agents, basic("Agent1", "one"), peer="127.0.0.2") == "Agent1"
    context = Context(
        transport="websocket", options=Options(), headers={"authorization": basic("Agent1", "one")}, peer="127.0.0.1"
    )
    assert agents.identify(context) is None


@pytest.mark.spec("SEC-L21")
async def test_attempts_at_the_same_time_do_not_slip_through_together(agents: Agents) -> None:
    attempts = [who(agents, basic("Agent1", f"wrong{number}")) for number in range(10)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert [isinstance(result, TooManyFailures) for result in results] == [False] * 5 + [True] * 5


@pytest.mark.spec("SEC-L21")
async def test_the_same_right_password_many_times_at_once_is_one_attempt(agents: Agents) -> None:
    results = await asyncio.gather(*(who(agents, basic("Agent1", "one")) for _ in range(20)))
    assert results == ["Agent1"] * 20


@pytest.mark.spec("SEC-51", "SEC-1")
async def test_two_hashes_run_and_twenty_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords([user("Agent1", "one")])
    release, running, most = threading.Event(), 0, 0
    lock = threading.Lock()

    def matches(password_hash: str, password: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        release.wait(10)
        with lock:
            running -= 1
        return True

    monkeypatch.setattr(passwords, "_matches", matches)
    checks = [asyncio.ensure_future(passwords.verify("Agent1", "one")) for _ in range(22)]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy):
        await passwords.verify("Agent1", "one")
    release.set()
    assert await asyncio.gather(*checks) == [True] * 22
    assert most <= 2
    assert await passwords.verify("Agent1", "one")
    passwords.close()


@pytest.mark.spec("SEC-51")
async def test_an_unknown_user_is_checked_against_a_hash_too(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords([user("Agent1", "one")])
    seen: list[str] = []
    monkeypatch.setattr(passwords, "_matches", lambda password_hash, password: seen.append(password_hash) or True)
    assert await passwords.verify("Agent1", "x") is True
    assert await passwords.verify("Nobody", "x") is False
    assert seen[0] == seen[1]
    passwords.close()


@pytest.mark.spec("SEC-51")
def test_new_hashes_cost_what_the_rule_says() -> None:
    parameters = argon2.extract_parameters(hash_password("x"))
    assert (parameters.type, parameters.memory_cost, parameters.time_cost) == (argon2.Type.ID, 65536, 3)


@pytest.mark.spec("AG-12", "SEC-48")
async def test_who_is_barred_is_not_signed_in_by_a_token(agents: Agents) -> None:
    token = agents.tokens.make("Gone", now=time.time(), lifetime=60)
    assert await who(agents, f"Bearer {token}") is None


@pytest.mark.spec("SEC-48")
async def test_who_is_barred_is_not_signed_in_by_a_cookie_from_before(agents: Agents) -> None:
    """Where cookies are shared they live longer than a node."""
    cookie, _ = await agents.enter("Gone")
    assert await who(agents, cookie=cookie) is None
