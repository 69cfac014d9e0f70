"""Requests that are wrong in form: each gets the envelope of all answers, and changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bayeux.protocol.errors import Unavailable
from gateway.agents.refusal import Refused
from gateway.api.answers import HTTP_STATUS
from gateway.auth.passwords import PasswordsBusy
from tests.gateway.api.conftest import JSON, Api, basic

READY = json.dumps({"operationName": "Ready"})


async def refusal(api: Api, body: bytes | str, headers: dict[str, str] = JSON, path: str = "/me") -> tuple[int, int]:
    """HTTP status and ``statusCode``."""
    answer = await api.fetch(path, method="POST", headers={**basic("Agent1"), **headers}, body=body)
    said = json.loads(answer.body)
    assert said["statusMessage"]
    assert api.desk.asked == []
    return answer.code, said["statusCode"]


@pytest.mark.spec("AG-142")
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"Ready"', b"null", b"\xff", b'{"operationName": NaN}', b"[" * 300]
)
async def test_a_body_that_is_no_json_object(api: Api, body: bytes) -> None:
    assert await refusal(api, body) == (400, 1)


@pytest.mark.spec("AG-142", "SEC-18")
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {**JSON, "Content-Encoding": "gzip"},
    ],
)
async def test_a_body_of_another_type(api: Api, headers: dict[str, str]) -> None:
    assert await refusal(api, READY, headers) == (415, 10)


@pytest.mark.spec("AG-142")
@pytest.mark.parametrize(
    "media", ["application/json; charset=UTF-8", 'application/json;charset="utf-8"', "Application/JSON"]
)
async def test_the_type_is_understood_in_all_its_spellings(api: Api, media: str) -> None:
    answer = await api.fetch("/me", method="POST", headers={**basic("Agent1"), "Content-Type": media}, body=READY)
    assert answer.code == 200


@pytest.mark.spec("AG-142", "SEC-L9")
@pytest.mark.parametrize("excess", [1, 3 * 1024 * 1024])
async def test_a_body_of_more_than_a_mebibyte(api: Api, excess: int) -> None:
    body = READY[:-1] + " " * (1024 * 1024 + excess - len(READY)) + "}"
    assert await refusal(api, body) == (413, 10)


@pytest.mark.spec("AG-142", "SEC-L9")
async def test_a_body_of_a_mebibyte(api: Api) -> None:
    body = READY[:-1] + " " * (1024 * 1024 - len(READY)) + "}"
    answer = await api.fetch("/me", method="POST", headers={**basic("Agent1"), **JSON}, body=body)
    assert answer.code == 200


@pytest.mark.spec("SEC-17")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/me", "GET, POST, OPTIONS"),
        ("DELETE", "/me/interactions/1", "GET, POST, OPTIONS"),
        ("POST", "/me/interactions", "GET, OPTIONS"),
        ("GET", "/emails", "POST, OPTIONS"),
        ("PATCH", "/diagnostics/version", "GET, OPTIONS"),
        ("HEAD", "/me", "GET, POST, OPTIONS"),
        ("TRACE", "/me/chats", "GET, OPTIONS"),
    ],
)
async def test_a_method_that_is_not_known(api: Api, method: str, path: str, allowed: str) -> None:
    answer = await api.fetch(path, method=method, headers=basic("Agent1"), allow_nonstandard_methods=True)
    assert (answer.code, answer.headers["Allow"]) == (405, allowed)
    if method != "HEAD":
        assert json.loads(answer.body)["statusCode"] == 10


@pytest.mark.spec("SEC-17")
async def test_a_path_that_is_not_known(api: Api) -> None:
    for path in ("/nothing", "/me/interactions/1/2", "/me/interactions//"):
        answer = await api.fetch(path, headers=basic("Agent1"))
        assert (answer.code, json.loads(answer.body)["statusCode"]) == (404, 6)


@pytest.mark.spec("AG-28")
async def test_a_slash_at_the_end_makes_no_difference(api: Api) -> None:
    assert await api.get("/me/") == await api.get("/me")
    assert await api.get("/me/channels/") == await api.get("/me/channels")


@pytest.mark.spec("AG-140")
@pytest.mark.parametrize("code", [code for code in HTTP_STATUS if code not in (0, 7)])
async def test_every_refusal_has_its_http_status_and_a_text(api: Api, code: int) -> None:
    api.desk.error = Refused(code, "the reason")
    answer = await api.post("/me/interactions/1", {"operationName": "Accept"})
    assert answer == (HTTP_STATUS[code], {"statusCode": code, "statusMessage": "the reason"})


@pytest.mark.spec("OPS-72", "AG-140")
@pytest.mark.parametrize("error", [Unavailable(), PasswordsBusy()])
async def test_what_is_away_for_the_moment_may_be_asked_again(api: Api, error: Exception) -> None:
    api.desk.error = error
    answer = await api.fetch("/me/channels", headers=basic("Agent1"))
    assert (answer.code, json.loads(answer.body)["statusCode"]) == (503, 4)
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.spec("SEC-21", "AG-140")
@pytest.mark.expected_logs("a request failed")
async def test_a_defect_is_told_by_its_number_alone(api: Api) -> None:
    api.desk.error = RuntimeError("secret")
    answer = await api.fetch("/me/channels", headers=basic("Agent1"))
    said: dict[str, Any] = json.loads(answer.body)
    assert (answer.code, said["statusCode"]) == (500, 4)
    assert said["errorId"]
    assert b"secret" not in answer.body
