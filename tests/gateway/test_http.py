"""What the gateway answers over HTTP besides Bayeux."""

import base64
import json
import re

import pytest

from gateway import __version__
from tests.gateway.conftest import Serve

COMMON = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
DENIED = {"statusCode": 20, "statusMessage": "Access denied"}
PUBLIC = ["/", "/static/app.js", "/health/live", "/api/v2/me", "/api/v2/diagnostics/version", "/nowhere", "/static/no"]
INTERNAL = ["/metrics", "/health/ready", "/internal/publish", "/nowhere"]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.spec("SEC-34", "SEC-22", "OPS-53")
async def test_every_answer_has_the_common_headers_and_no_server_name(serve: Serve) -> None:
    served = await serve()
    for internal, paths in ((False, PUBLIC), (True, INTERNAL)):
        for path in paths:
            answer = await served.get(path, internal=internal)
            assert {name: answer.headers.get(name) for name in COMMON} == COMMON, path
            assert "Server" not in answer.headers, path
            assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-Id"]), path


@pytest.mark.spec("SEC-34", "SEC-35")
async def test_pages_have_a_policy_and_data_is_not_stored(serve: Serve) -> None:
    served = await serve()
    page = await served.get("/")
    assert page.code == 200
    assert "default-src 'none'; script-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert page.headers["Content-Type"] == "text/html"
    data = await served.get("/api/v2/diagnostics/version")
    assert data.headers["Cache-Control"] == "no-store"


@pytest.mark.spec("OPS-53")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Request-Id": "client-chosen.1"}, "client-chosen.1"),
        ({"traceparent": f"00-{'a1' * 16}-{'b2' * 8}-01"}, "a1" * 16),
        ({"X-Request-Id": "short"}, None),
        ({"X-Request-Id": "with blanks in it"}, None),
        ({"X-Request-Id": "a" * 65}, None),
        ({"traceparent": "nonsense"}, None),
    ],
)
async def test_a_sane_request_id_is_kept(serve: Serve, headers: dict[str, str], expected: str | None) -> None:
    answer = await (await serve()).get("/nowhere", headers=headers)
    given = answer.headers["X-Request-Id"]
    assert given == expected if expected else re.fullmatch(r"[0-9a-f]{16}", given)
    assert json.loads(answer.body)["requestId"] == given


@pytest.mark.spec("AG-11", "SEC-22")
@pytest.mark.parametrize(
    "headers",
    [{}, basic("Agent1", "wrong"), basic("Nobody", "x"), {"Cookie": "JSESSIONID=made-up"}, {"Authorization": "?"}],
)
async def test_who_cannot_be_told_is_refused_without_a_dialog(serve: Serve, headers: dict[str, str]) -> None:
    answer = await (await serve()).get("/api/v2/me", headers=headers)
    assert (answer.code, json.loads(answer.body)) == (403, DENIED)
    assert "WWW-Authenticate" not in answer.headers
    assert "Set-Cookie" not in answer.headers


@pytest.mark.spec("AG-10", "AG-13", "SEC-37")
async def test_a_password_sets_a_cookie_that_is_enough_from_then_on(serve: Serve) -> None:
    served = await serve()
    first = await served.get("/api/v2/me", headers=basic("Agent1", "Agent1"))
    user = json.loads(first.body)["user"]
    assert (user["userName"], user["roles"], user["enabled"]) == ("Agent1", ["ROLE_AGENT"], True)
    cookie, *attributes = first.headers["Set-Cookie"].split("; ")
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax"]
    assert first.headers["X-CSRF-HEADER"] == "X-CSRF-TOKEN"
    second = await served.get("/api/v2/me/", headers={"Cookie": cookie})
    assert json.loads(second.body)["user"] == user
    assert "Set-Cookie" not in second.headers
    assert second.headers["X-CSRF-TOKEN"] == first.headers["X-CSRF-TOKEN"]


@pytest.mark.spec("AG-102", "SEC-37")
async def test_another_user_in_the_same_browser_gets_a_session_of_his_own(serve: Serve) -> None:
    served = await serve()
    first = await served.get("/api/v2/me", headers=basic("Agent1", "Agent1"))
    cookie = first.headers["Set-Cookie"].split(";")[0]
    second = await served.get("/api/v2/me", headers={**basic("Agent2", "Agent2"), "Cookie": cookie})
    assert json.loads(second.body)["user"]["userName"] == "Agent2"
    assert not second.headers["Set-Cookie"].startswith(cookie)


@pytest.mark.spec("SEC-37", "SEC-96")
async def test_the_cookie_is_secure_behind_a_trusted_proxy_that_says_https(serve: Serve) -> None:
    served = await serve(["bayeux.trusted_proxies=127.0.0.0/8"])
    headers = {**basic("Agent1", "Agent1"), "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    answer = await served.get("/api/v2/me", headers=headers)
    assert "; Secure" in answer.headers["Set-Cookie"]
    assert json.loads(answer.body)["user"]["uri"].startswith("https://")


@pytest.mark.spec("SEC-53", "SEC-96")
@pytest.mark.expected_logs("plain HTTP")
async def test_a_proxy_that_says_http_carries_no_passwords(serve: Serve) -> None:
    served = await serve(["bayeux.trusted_proxies=127.0.0.0/8"])
    headers = {**basic("Agent1", "Agent1"), "X-Forwarded-Proto": "http", "X-Forwarded-For": "192.0.2.1"}
    assert (await served.get("/api/v2/me", headers=headers)).code == 403


@pytest.mark.spec("SEC-L21")
async def test_failed_sign_ins_get_the_same_answer_with_a_delay(serve: Serve) -> None:
    served = await serve()
    for _ in range(5):
        assert "Retry-After" not in (await served.get("/api/v2/me", headers=basic("Agent1", "x"))).headers
    answer = await served.get("/api/v2/me", headers=basic("Agent1", "Agent1"))
    assert (answer.code, json.loads(answer.body)) == (403, DENIED)
    assert 890 <= int(answer.headers["Retry-After"]) <= 900
    assert (await served.get("/api/v2/me", headers=basic("Agent2", "Agent2"))).code == 200


@pytest.mark.spec("AG-12")
async def test_a_bearer_token_is_accepted_everywhere_basic_is(serve: Serve) -> None:
    import time

    served = await serve()
    token = served.gateway.agents.tokens.make("Agent9", now=time.time(), lifetime=60)
    answer = await served.get("/api/v2/me", headers={"Authorization": f"Bearer {token}"})
    assert json.loads(answer.body)["user"]["userName"] == "Agent9"


@pytest.mark.spec("AG-15")
async def test_the_version_needs_no_sign_in(serve: Serve) -> None:
    answer = await (await serve()).get("/api/v2/diagnostics/version")
    assert json.loads(answer.body) == {"statusCode": 0, "version": __version__}


@pytest.mark.spec("SEC-17", "AG-140")
@pytest.mark.parametrize(("path", "method", "status"), [("/nowhere", "GET", 404), ("/health/live", "DELETE", 405)])
async def test_errors_are_json_without_a_trace(serve: Serve, path: str, method: str, status: int) -> None:
    answer = await (await serve()).get(path, method=method, headers=basic("Agent1", "Agent1"))
    assert answer.code == status
    assert set(json.loads(answer.body)) == {"statusCode", "statusMessage", "requestId"}


@pytest.mark.spec("SEC-21", "SEC-22")
@pytest.mark.expected_logs("a request failed")
async def test_an_exception_becomes_an_id(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = await serve()

    def fail() -> None:
        raise RuntimeError("CANARY")

    monkeypatch.setattr(served.gateway.metrics, "families", fail)
    answer = await served.get("/metrics", internal=True)
    assert answer.code == 500
    assert re.fullmatch("[0-9a-f]{8}", json.loads(answer.body)["errorId"])
    assert b"CANARY" not in answer.body


@pytest.mark.spec("SEC-22")
@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%00", "/static//etc/passwd"]
)
async def test_nothing_outside_the_static_folder_is_served(serve: Serve, path: str) -> None:
    answer = await (await serve()).get(path)
    assert answer.code in (400, 403, 404)
    assert b"import" not in answer.body


@pytest.mark.spec("OPS-51", "SEC-97")
async def test_health_tells_details_on_the_internal_listener_only(serve: Serve) -> None:
    served = await serve()
    for question in ("live", "ready", "startup"):
        public = await served.get(f"/health/{question}")
        assert (public.code, json.loads(public.body)) == (200, {"status": "ok"})
        internal = json.loads((await served.get(f"/health/{question}", internal=True)).body)
        assert all(check.keys() == {"name", "ok", "since", "detail"} for check in internal["checks"])
    assert (await served.get("/metrics")).code == 404
    assert (await served.get("/internal/publish", method="POST", body="")).code == 404


@pytest.mark.spec("OPS-51", "OPS-61")
async def test_a_draining_gateway_is_alive_and_not_ready(serve: Serve) -> None:
    served = await serve()
    served.gateway.health.is_draining = True
    assert (await served.get("/health/live")).code == 200
    assert (await served.get("/health/ready")).code == 503
    assert (await served.get("/health/startup")).code == 200
    detail = json.loads((await served.get("/health/ready", internal=True)).body)
    assert [check["detail"] for check in detail["checks"] if not check["ok"]] == ["draining"]


@pytest.mark.spec("SEC-54", "OPS-40")
@pytest.mark.parametrize("token", ["", "wrong", "the token of the internal listene"])
async def test_publishing_to_a_user_needs_the_internal_token(serve: Serve, token: str) -> None:
    answer = await (await serve()).publish_to("Agent1", "/v2/me", {}, token=token)
    assert answer.code == 401


@pytest.mark.spec("SEC-44")
@pytest.mark.parametrize(
    ("user", "channel"),
    [("Agent1", "/news"), ("Agent1", "/v2/me/*"), ("Agent1", "/**"), ("Agent1", "v2"), (5, "/v2/me"), ("Agent1", None)],
)
async def test_publishing_to_a_user_needs_a_private_name(serve: Serve, user: object, channel: object) -> None:
    answer = await (await serve()).publish_to(user, channel, {})
    assert answer.code == 400
    assert json.loads(answer.body)["statusCode"] == 1
