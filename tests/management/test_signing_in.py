"""Who administrators are, and what their browsers have to show."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from gateway.config.model import Config
from tests.management.conftest import HASHED, JSON, LIGHT, SETTINGS, Admin, basic
from tests.services.conftest import Clock


async def login(admin: Admin, user: str = "ada", password: str | None = None, **headers: str) -> HTTPResponse:
    account = {"username": user, "password": f"{user}'s" if password is None else password}
    return await admin.fetch("/admin/login", "POST", headers={**JSON, **headers}, body=json.dumps(account))


async def browser(admin: Admin, user: str = "ada") -> dict[str, str]:
    """Headers of a browser that has signed in, on a page of ours."""
    answer = await login(admin, user)
    assert answer.code == 200
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    return {"Cookie": cookie, "Origin": admin.origin, "X-CSRF-TOKEN": json.loads(answer.body)["csrfToken"], **JSON}


async def put(admin: Admin, headers: dict[str, str]) -> int:
    body = json.dumps({"value": "60"})
    return (await admin.fetch("/admin/services/chat-delay/options/_ttl", "PUT", headers=headers, body=body)).code


@pytest.mark.spec("AUTH-4")
@pytest.mark.parametrize(
    "path", ["/me", "/services", "/services/chat-delay", "/templates", "/patterns", "/resources/a"]
)
async def test_without_an_account_everything_is_refused(admin: Admin, path: str) -> None:
    answer = await admin.fetch(f"/admin{path}")
    assert answer.code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert json.loads(answer.body)["exception"] == "com.genesyslab.gsg.AuthenticationException"


@pytest.mark.spec("AUTH-4", "AUTH-5")
async def test_administrators_and_users_who_are_administrators_may_ask(admin: Admin) -> None:
    assert await admin.ask("/me") == (200, {"name": "ada", "role": "Administrator"})
    assert await admin.ask("/me", user="uma") == (200, {"name": "uma", "role": "Administrator"})
    assert (await admin.fetch("/admin/me", headers=basic("ada", "uma's"))).code == 401
    assert (await admin.fetch("/admin/me", headers=basic("eve"))).code == 401


@pytest.mark.spec("MG-22")
async def test_a_supervisor_may_do_nothing_but_see_who_he_is(admin: Admin) -> None:
    assert await admin.ask("/me", user="sam") == (200, {"name": "sam", "role": "Supervisor"})
    for path in ("/services", "/services/chat-delay", "/templates", "/patterns", "/resources"):
        status, answer = await admin.ask(path, user="sam")
        assert (status, answer["exception"]) == (403, "java.rmi.AccessException")


@pytest.mark.spec("MG-1")
async def test_a_browser_signs_in_and_out(admin: Admin) -> None:
    headers = await browser(admin)
    me = json.loads((await admin.fetch("/admin/me", headers=headers)).body)
    assert me == {"name": "ada", "role": "Administrator", "csrfToken": headers["X-CSRF-TOKEN"]}
    assert await put(admin, headers) == 200
    ended = await admin.fetch("/admin/logout", "POST", headers=headers)
    assert ended.code == 204
    assert "Max-Age=0" in ended.headers["Set-Cookie"]
    assert (await admin.fetch("/admin/me", headers=headers)).code == 401


@pytest.mark.spec("MG-1", "AUTH-5")
async def test_a_wrong_password_and_an_unknown_user_are_refused_alike(admin: Admin) -> None:
    wrong, unknown = await login(admin, password="no"), await login(admin, "eve")
    assert (wrong.code, unknown.code) == (401, 401)
    assert json.loads(wrong.body) == json.loads(unknown.body)
    assert "Set-Cookie" not in wrong.headers


@pytest.mark.spec("SEC-52")
async def test_guessing_is_slowed(admin: Admin) -> None:
    for _ in range(5):
        assert (await login(admin, password="guess")).code == 401
    answer = await login(admin)
    assert answer.code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert (await login(admin, "uma")).code == 200


@pytest.mark.spec("SEC-37")
async def test_the_cookie_is_for_our_own_pages_alone(admin: Admin) -> None:
    cookie = (await login(admin)).headers["Set-Cookie"]
    name, _, attributes = cookie.partition("=")
    assert name == "GATEWAY_ADMIN"
    assert attributes.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]
    assert cookie != (await login(admin)).headers["Set-Cookie"]


@pytest.mark.spec("SEC-33")
@pytest.mark.parametrize(
    "changed",
    [
        {"X-CSRF-TOKEN": ""},
        {"X-CSRF-TOKEN": "0" * 32},
        {"X-CSRF-TOKEN": "ü"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=lambda changed: "=".join(*changed.items()),
)
async def test_a_cookie_alone_changes_nothing(admin: Admin, changed: dict[str, str]) -> None:
    assert await put(admin, {**await browser(admin), **changed}) == 403


@pytest.mark.spec("SEC-33")
async def test_a_browser_has_to_tell_which_page_asks(admin: Admin) -> None:
    headers = await browser(admin)
    del headers["Origin"]
    assert await put(admin, headers) == 403
    assert await put(admin, {**headers, "Sec-Fetch-Site": "same-origin"}) == 200


@pytest.mark.spec("SEC-33")
async def test_other_pages_sign_nobody_in_and_read_nothing(admin: Admin) -> None:
    assert (await login(admin, Origin="https://evil.example")).code == 403
    answer = await admin.fetch("/admin/me", headers={**basic("ada"), "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.spec("MG-1", "SEC-37")
async def test_a_session_ends_when_it_is_idle(admin: Admin, clock: Clock) -> None:
    headers = await browser(admin)
    for _ in range(4):
        clock.now += 20 * 60
        assert (await admin.fetch("/admin/me", headers=headers)).code == 200
    clock.now += 30 * 60
    assert (await admin.fetch("/admin/me", headers=headers)).code == 401


@pytest.mark.spec("SEC-37")
async def test_a_session_ends_after_half_a_day_however_busy(admin: Admin, clock: Clock) -> None:
    headers = await browser(admin)
    for _ in range(35):
        clock.now += 20 * 60
        assert (await admin.fetch("/admin/me", headers=headers)).code == 200
    clock.now += 20 * 60
    assert (await admin.fetch("/admin/me", headers=headers)).code == 401


@pytest.mark.spec("SEC-52", "SEC-55")
async def test_signing_in_is_told_in_the_log_without_the_password(
    admin: Admin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.audit")
    await login(admin)
    await login(admin, password="hunter2")
    lines = [record for record in caplog.records if record.name == "gateway.audit"]
    assert [line.message for line in lines] == [
        "signed in to the management",
        "sign-in to the management refused",
    ]
    assert "hunter2" not in caplog.text
    assert lines[0].__dict__["user"] == "ada"


def management(**account: Any) -> dict[str, Any]:
    return {**SETTINGS, "management": {"enabled": True, "administrators": [account]}}


@pytest.mark.spec("AUTH-4")
@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (management(name="default", password_hash=LIGHT.hash("password")), "everybody knows"),
        (management(name="ada", password_hash="secret"), "argon2id"),
        (management(name="eve"), "auth.users"),
        ({**SETTINGS, "management": {"enabled": True}}, "somebody"),
    ],
    ids=["known to all", "plain", "nobody", "none"],
)
def test_it_does_not_start_with_accounts_that_protect_nothing(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Config.model_validate(settings)


@pytest.mark.spec("AUTH-4")
def test_the_known_account_may_be_there_for_development() -> None:
    account = {"name": "default", "password_hash": LIGHT.hash("password")}
    assert Config.model_validate({**management(**account), "profile": "development"}).management.enabled
    assert HASHED["ada"] not in repr(Config.model_validate(SETTINGS))
