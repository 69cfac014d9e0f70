"""Cookies, the token against other sites' pages, and which pages may ask at all."""

from __future__ import annotations

import json

import pytest

from tests.gateway.api.conftest import JSON, Api, basic

REFUSED = {"statusCode": 3, "statusMessage": "Missing or invalid Csrf token"}
DENIED = {"statusCode": 20, "statusMessage": "Access denied"}
OTHER = "https://desktop.example"


@pytest.mark.spec("AG-13")
async def test_a_change_by_cookie_needs_the_token(api: Api) -> None:
    cookie, token = await api.sign_in()
    for wrong in ({}, {"X-CSRF-TOKEN": ""}, {"X-CSRF-TOKEN": "other"}, {"X-CSRF-TOKEN": token.upper()}):
        answer = await api.change({**cookie, **wrong})
        assert (answer.code, json.loads(answer.body)) == (403, REFUSED)
    assert ("state", "Ready", None) not in api.desk.asked
    answer = await api.change({**cookie, "X-CSRF-TOKEN": token})
    assert (answer.code, json.loads(answer.body)) == (200, {"statusCode": 0})


@pytest.mark.spec("AG-13")
async def test_a_token_is_its_own_sessions_only(api: Api) -> None:
    cookie, _ = await api.sign_in("Agent1")
    _, token = await api.sign_in("Agent2")
    assert (await api.change({**cookie, "X-CSRF-TOKEN": token})).code == 403


@pytest.mark.spec("AG-13")
async def test_who_shows_credentials_with_the_request_needs_no_token(api: Api) -> None:
    assert (await api.change(basic("Agent1"))).code == 200


@pytest.mark.spec("AG-11", "AG-13")
async def test_without_cookie_the_token_is_missing_and_with_an_old_one_the_sign_in(api: Api) -> None:
    answer = await api.change({})
    assert (answer.code, json.loads(answer.body)) == (403, REFUSED)
    answer = await api.change({"Cookie": "JSESSIONID=gone", "X-CSRF-TOKEN": "gone"})
    assert (answer.code, json.loads(answer.body)) == (403, DENIED)


@pytest.mark.spec("AG-13")
@pytest.mark.parametrize("demands_csrf_token", [False])
async def test_the_token_can_be_switched_off(api: Api) -> None:
    cookie, _ = await api.sign_in()
    assert (await api.change(cookie)).code == 200


@pytest.mark.spec("AG-13")
async def test_the_token_stays_as_long_as_the_session(api: Api) -> None:
    cookie, token = await api.sign_in()
    answer = await api.fetch("/me/channels", headers=cookie)
    assert (answer.headers["X-CSRF-HEADER"], answer.headers["X-CSRF-TOKEN"]) == ("X-CSRF-TOKEN", token)


@pytest.mark.spec("AG-26", "SEC-37")
async def test_the_end_of_the_session_ends_the_cookie(api: Api) -> None:
    cookie, token = await api.sign_in()
    body = json.dumps({"operationName": "EndContactCenterSession"})
    answer = await api.fetch("/me", method="POST", headers={**JSON, **cookie, "X-CSRF-TOKEN": token}, body=body)
    assert json.loads(answer.body) == {"statusCode": 0}
    assert answer.headers["Set-Cookie"] == "JSESSIONID=; Path=/; Max-Age=0"
    assert api.desk.asked[-1] == ("end",)
    assert (await api.fetch("/me", headers=cookie)).code == 403


async def test_the_service_learns_who_asks_but_not_his_cookie(api: Api) -> None:
    cookie, _ = await api.sign_in("Boss")
    await api.fetch("/me/channels", headers=cookie)
    caller = api.desk.callers[-1]
    assert (caller.user, sorted(caller.roles), caller.origin) == ("Boss", ["admin", "agent"], api.origin)
    assert caller.session
    assert caller.session not in cookie["Cookie"]


@pytest.mark.spec("AG-13", "CORS-2", "CORS-3")
@pytest.mark.parametrize("options", [{"allowed_origins": (OTHER,)}])
async def test_a_page_of_an_allowed_origin_may_ask_and_read_the_token(api: Api) -> None:
    preflight = await api.fetch(
        "/me",
        method="OPTIONS",
        headers={"Origin": OTHER, "Access-Control-Request-Method": "POST"},
    )
    assert (preflight.code, preflight.body) == (200, b"")
    assert "X-CSRF-TOKEN" in preflight.headers["Access-Control-Allow-Headers"]
    for answer in (
        await api.fetch("/me", headers={"Origin": OTHER, **basic("Agent1")}),
        await api.fetch("/me", headers={"Origin": OTHER}),  # refusals can be read, too
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == OTHER
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert {"X-CSRF-HEADER", "X-CSRF-TOKEN"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))


@pytest.mark.spec("CORS-6", "SEC-30")
async def test_a_page_of_another_origin_may_not_change_anything(api: Api) -> None:
    cookie, token = await api.sign_in()
    answer = await api.change({**cookie, "X-CSRF-TOKEN": token, "Origin": OTHER})
    assert (answer.code, json.loads(answer.body)["statusCode"]) == (403, 3)
    assert "Access-Control-Allow-Origin" not in answer.headers
    preflight = await api.fetch("/me", method="OPTIONS", headers={"Origin": OTHER})
    assert preflight.code == 403
    assert ("state", "Ready", None) not in api.desk.asked


@pytest.mark.spec("SEC-30")
async def test_our_own_page_may(api: Api) -> None:
    cookie, token = await api.sign_in()
    answer = await api.change({**cookie, "X-CSRF-TOKEN": token, "Origin": api.origin})
    assert answer.code == 200
