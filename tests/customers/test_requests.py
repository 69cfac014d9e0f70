"""What all resources of the customers have in common: bodies, headers, errors, account, pages."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from gateway.customers.http.authentication import Doorkeeper
from tests.customers.conftest import FORM, JSON, LIGHT, Api, basic

LIMIT = 10 * 1024 * 1024
ACCOUNT = {"username": "gms", "password_hash": LIGHT.hash("secret")}


@pytest.mark.spec("G-15", "G-16", "G-17", "G-24")
async def test_headers_of_an_answer(api: Api) -> None:
    answer = await api.fetch("/genesys/1/storage/30", "POST", body=b"", headers={"X-Request-Id": "mine-12345"})
    assert answer.headers.get_list("Content-Type") == ["application/json;charset=UTF-8"]
    assert answer.headers["Cache-Control"] == "no-cache, no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.headers["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert answer.headers["X-Request-Id"] == "mine-12345"
    assert "Set-Cookie" not in answer.headers
    assert int(answer.headers["Content-Length"]) == len(answer.body)


@pytest.mark.spec("G-2")
async def test_the_legacy_base_answers_alike(api: Api) -> None:
    answer = await api.fetch("/gms-web/gms/1/storage/30", "POST", headers=FORM, body=b"a=1")
    assert await api.ask(f"/storage/{json.loads(answer.body)['id']}") == (200, {"a": "1"})


@pytest.mark.spec("G-1", "G-2")
@pytest.mark.parametrize("settings", [{"path": "/elsewhere", "legacy_path": False}])
async def test_paths_are_configured(api: Api) -> None:
    stored = await api.fetch("/elsewhere/1/storage/30", "POST", body=b"")
    assert [stored.code, (await api.fetch("/genesys/1/storage/30", "POST", body=b"")).code] == [200, 404]
    assert (await api.fetch("/gms-web/gms/1/storage/30", "POST", body=b"")).code == 404


@pytest.mark.spec("G-22", "ERR-1", "ERR-2")
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize("path", ["", "/", "/nothing", "/storage", "/storage/binary/1/2/3", "/..%2f..%2fetc"])
async def test_an_unknown_path(api: Api, method: str, path: str) -> None:
    assert await api.refused(path, method, body=b"x" if method == "POST" else None) == (404, "GSGException")


@pytest.mark.spec("G-22", "ERR-4")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/storage/1", "GET, HEAD, POST, DELETE, OPTIONS"),
        ("DELETE", "/storage/1/2", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/storage/binary/1/2", "GET, HEAD, OPTIONS"),
        ("GET", "/storage/custom/1/2", "POST, OPTIONS"),
        ("TRACE", "/storage/1", "GET, HEAD, POST, DELETE, OPTIONS"),
    ],
)
async def test_a_method_that_is_not_known(api: Api, method: str, path: str, allowed: str) -> None:
    answer = await api.fetch(f"/genesys/1{path}", method, body=b"{" if method == "POST" else None)
    assert (answer.code, answer.headers["Allow"]) == (405, allowed)
    assert json.loads(answer.body)["exception"] == "com.genesyslab.gsg.GSGException"


@pytest.mark.spec("G-22")
async def test_head_and_options(api: Api) -> None:
    id = await api.store({"a": "1"})
    head = await api.fetch(f"/genesys/1/storage/{id}/a", "HEAD")
    assert (head.code, head.headers["Content-Length"], head.body) == (200, "1", b"")
    options = await api.fetch(f"/genesys/1/storage/{id}", "OPTIONS")
    assert (options.code, options.body) == (204, b"")
    assert "DELETE" in options.headers["Allow"]


@pytest.mark.spec("G-8", "ERR-1", "ERR-4")
async def test_bodies_that_cannot_be_read(api: Api) -> None:
    assert await api.refused("/storage/30", "POST", headers=JSON, body=b"{") == (400, "GSGException")
    answer = await api.refused("/storage/30", "POST", headers={"Content-Type": "text/plain"}, body=b"x")
    assert answer == (415, "MediaTypeException")
    assert await api.refused("/storage/30?a=%ff", "POST", body=b"") == (400, "GSGException")


@pytest.mark.spec("G-22", "NF-2")
async def test_a_path_that_is_not_utf8(api: Api) -> None:
    assert await api.refused("/storage/1/%ff") == (400, "GSGException")


@pytest.mark.spec("G-9", "SEC-L9")
@pytest.mark.parametrize("settings", [{"max_body_size": "64KiB"}])
@pytest.mark.parametrize(("excess", "status"), [(-1, 200), (0, 200), (1, 413), (9 * 1024 * 1024, 413)])
async def test_a_body_at_the_bound(api: Api, excess: int, status: int) -> None:
    body = b"{" + b" " * (64 * 1024 + excess - 2) + b"}"
    answer = await api.fetch("/genesys/1/storage/30", "POST", headers=JSON, body=body)
    assert answer.code == status
    if status == 413:
        assert answer.headers["Connection"] == "close"
        assert json.loads(answer.body)["status"] == 413


@pytest.mark.spec("G-9")
@pytest.mark.parametrize("path", ["/storage/30", "/nothing"])
async def test_a_body_that_is_far_too_large_is_not_awaited(api: Api, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(f"POST /genesys/1{path} HTTP/1.1\r\nHost: a\r\nContent-Length: {10**12}\r\n\r\n".encode())
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"phrase":' in answer
    writer.close()
    await writer.wait_closed()


@pytest.mark.spec("G-27")
async def test_a_compressed_body(api: Api) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    status, answer = await api.ask("/storage/30", "POST", headers=headers, body=gzip.compress(b'{"a":"1"}'))
    assert status == 200
    assert await api.ask(f"/storage/{answer['id']}") == (200, {"a": "1"})


@pytest.mark.spec("G-9", "G-27")
async def test_a_compressed_body_that_grows_too_large(api: Api) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    body = gzip.compress(b"{" + b" " * LIMIT + b"}")
    assert await api.refused("/storage/30", "POST", headers=headers, body=body) == (413, "GSGException")


@pytest.mark.spec("G-27")
@pytest.mark.parametrize(("size", "packed"), [(10, False), (2000, True)])
async def test_an_answer_is_compressed_when_that_is_worth_it(api: Api, size: int, packed: bool) -> None:
    id = await api.store({"a": "x" * size})
    answer = await api.fetch(f"/genesys/1/storage/{id}/a", headers={"Accept-Encoding": "gzip,deflate,sdch"})
    assert ("Content-Encoding" in answer.headers) is packed
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (gzip.decompress(answer.body) if packed else answer.body) == b"x" * size


@pytest.mark.spec("G-14")
@pytest.mark.parametrize(("length", "status"), [(512, 200), (513, 400)])
async def test_a_user_of_some_length(api: Api, length: int, status: int) -> None:
    answer = await api.fetch("/genesys/1/storage/custom/a/30", "POST", headers={"gms_user": "u" * length}, body=b"")
    assert answer.code == status


@pytest.mark.spec("G-26")
async def test_a_contact_center_id_makes_no_difference(api: Api) -> None:
    answer = await api.fetch("/genesys/1/storage/30", "POST", headers={"ContactCenterId": "7"}, body=b"")
    assert answer.code == 200


@pytest.mark.spec("AUTH-2", "AUTH-5")
@pytest.mark.parametrize("settings", [ACCOUNT])
@pytest.mark.parametrize(
    "headers", [{}, basic("gms", "wrong"), basic("other", "secret"), {"Authorization": "Bearer x"}]
)
async def test_without_the_account_nobody_is_served(api: Api, headers: dict[str, str]) -> None:
    assert await api.refused("/storage/30", "POST", headers=headers, body=b"") == (401, "AuthenticationException")
    answer = await api.fetch("/genesys/1/storage/30", "POST", headers=headers, body=b"")
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.spec("AUTH-2")
@pytest.mark.parametrize("settings", [ACCOUNT])
async def test_with_the_account_all_are_served(api: Api) -> None:
    assert (await api.ask("/storage/30", "POST", headers=basic("gms", "secret"), body=b""))[0] == 200


@pytest.mark.spec("AUTH-2", "SEC-L21", "ERR-4")
@pytest.mark.parametrize("settings", [ACCOUNT])
async def test_who_guesses_has_to_pause(api: Api) -> None:
    for _ in range(5):
        await api.fetch("/genesys/1/storage/30", "POST", headers=basic("gms", "wrong"), body=b"")
    answer = await api.fetch("/genesys/1/storage/30", "POST", headers=basic("gms", "secret"), body=b"")
    assert answer.code == 503
    assert int(answer.headers["Retry-After"]) > 600


@pytest.mark.spec("G-23", "SEC-33")
async def test_a_page_of_another_origin_changes_nothing(api: Api) -> None:
    headers = {"Origin": "https://evil.example"}
    assert await api.refused("/storage/30", "POST", headers=headers, body=b"") == (403, "java.rmi.AccessException")
    answer = await api.fetch("/genesys/1/storage/1", headers=headers)
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.spec("G-23")
@pytest.mark.parametrize("options", [{"allowed_origins": ("https://shop.example",)}])
async def test_a_page_of_an_allowed_origin_is_served(api: Api) -> None:
    headers = {"Origin": "https://shop.example"}
    answer = await api.fetch("/genesys/1/storage/30", "POST", headers=headers, body=b"")
    assert answer.code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    preflight = await api.fetch("/genesys/1/storage/1", "OPTIONS", headers=headers)
    assert preflight.code == 204
    granted = preflight.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"gms_user", "Authorization", "ContactCenterId", "Content-Type"} <= {*granted}
    assert "DELETE" in preflight.headers["Access-Control-Allow-Methods"]


@pytest.mark.spec("ERR-3")
@pytest.mark.expected_logs("a request failed")
async def test_a_defect_tells_nothing_but_the_request(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("a secret path")

    monkeypatch.setattr(Doorkeeper, "admit", fail)
    answer = await api.fetch("/genesys/1/storage/1", headers={"X-Request-Id": "mine-12345"})
    assert json.loads(answer.body) == {
        "message": "request mine-12345",
        "exception": "com.genesyslab.gsg.InternalException",
        "phrase": "Internal Server Error",
        "status": 500,
    }
