"""Service templates over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from gateway.callback.profiles import PRESETS
from tests.management.conftest import Admin, basic
from tests.services.archives import FILES, HOSTILE, MANIFEST, PROFILE, manifest, packed
from tests.services.conftest import node_on


async def upload(admin: Admin, archive: bytes, query: str = "", **headers: str) -> HTTPResponse:
    body = (
        b'--xXx\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n'
        b"Content-Type: application/zip\r\n\r\n" + archive + b"\r\n--xXx--\r\n"
    )
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await admin.fetch(
        f"/admin/templates{query}",
        "POST",
        headers={**basic("ada"), "Content-Type": "multipart/form-data; boundary=xXx", **sent},
        body=body,
    )


async def names(admin: Admin) -> list[str]:
    _, listed = await admin.ask("/templates")
    return [each["name"] for each in listed["templates"]]


SHIPPED = ["callback", "match-interaction", "request-access", "request-chat", "request-interaction"]


@pytest.mark.spec("MG-6", "SM-1", "OPT-2", "OPT-3", "OPT-8", "OPT-9")
async def test_those_that_come_with_the_gateway(admin: Admin) -> None:
    assert await names(admin) == SHIPPED
    _, callback = await admin.ask("/templates/callback")
    assert callback["isShipped"]
    assert [each["name"] for each in callback["profiles"]] == list(PRESETS)
    by_name = {each["name"]: each for each in callback["parameters"]}
    assert by_name["_target"]["kind"] == "mandatory"
    assert by_name["_eta_pos_threshold"]["type"] == "threshold"
    assert by_name["_userorig_connect_limit"]["category"] == "Voice - User Originated"
    assert "_trunk_group" in by_name
    assert "_filtering_chat_events" in by_name
    assert (await admin.ask("/templates/callback", "DELETE"))[0] == 409


@pytest.mark.spec("MG-6")
async def test_a_template_is_uploaded_used_and_removed(admin: Admin) -> None:
    sent = packed()
    answer = await upload(admin, sent)
    assert answer.code == 201, answer.body
    assert answer.headers["Location"] == "/genesys/1/admin/templates/sales"
    kept = json.loads(answer.body)
    assert (kept["name"], kept["title"], kept["files"]) == ("sales", "Sales", {"Resources/wait.wav": 5004})
    assert await names(admin) == [*SHIPPED, "sales"]
    assert (await admin.ask("/templates/sales"))[1] == kept
    archive = await admin.fetch("/admin/templates/sales/archive", headers=basic("ada"))
    assert (archive.body, archive.headers["Content-Type"]) == (sent, "application/zip")
    new = {"name": "evenings", "template": "sales", "profile": "Evenings", "options": {"_target": "a@StatServer.GA"}}
    status, made = await admin.ask("/services", "POST", new)
    assert status == 201, made
    assert made["options"] == {
        "_type": "ors",
        "_service": "callback",
        "_service_type": "callback",
        "_target": "a@StatServer.GA",
        "_userorig_connect_limit": "3",
        "_media_type": "chat",
        "_ttl": "60",
        "_template": "sales",
        "_profile": "Evenings",
    }
    assert (await admin.ask("/services/evenings/options/_media_type", "PUT", {"value": "voice"}))[0] == 409
    assert (await admin.ask("/templates/sales", "DELETE"))[0] == 409
    await admin.ask("/services/evenings", "DELETE")
    assert (await admin.ask("/templates/sales", "DELETE"))[0] == 204
    assert (await admin.ask("/templates/sales"))[0] == 404
    assert (await admin.fetch("/admin/templates/sales/archive", headers=basic("ada"))).code == 404


@pytest.mark.spec("MG-6", "MG-24")
async def test_a_template_takes_the_place_of_another_only_if_that_is_said(admin: Admin) -> None:
    assert (await upload(admin, packed())).code == 201
    tag = await admin.tag("/templates/sales")
    changed = manifest(title="Sales and more")
    assert (await upload(admin, changed)).code == 409
    assert (await upload(admin, changed, "?replace=true", If_Match='"other"')).code == 412
    assert (await upload(admin, changed, "?replace=true", If_Match=tag)).code == 201
    assert (await admin.ask("/templates/sales"))[1]["title"] == "Sales and more"
    assert (await upload(admin, manifest(name="callback"))).code == 409
    assert (await upload(admin, manifest(name="fresh"), If_Match=tag)).code == 412


@pytest.mark.spec("MG-6", "MG-20")
async def test_other_nodes_have_it_too(admin: Admin, sqlite_store: Any) -> None:
    await upload(admin, packed())
    there = node_on(sqlite_store).configuration
    await there.begin()
    assert there.templates["sales"].profiles[0].name == PROFILE["name"]
    await admin.ask("/templates/sales", "DELETE")
    await there.look()
    assert "sales" not in there.templates


@pytest.mark.spec("MG-23", "SEC-60", "SEC-61")
async def test_of_what_is_wrong_nothing_is_kept(admin: Admin) -> None:
    for name in HOSTILE:
        answer = await upload(admin, HOSTILE[name]())
        assert answer.code == 422, name
        assert json.loads(answer.body)["errors"], name
    assert await names(admin) == SHIPPED


@pytest.mark.spec("MG-23", "SEC-L10")
async def test_too_large_an_archive_is_refused(admin: Admin) -> None:
    assert (await upload(admin, bytes(10 * 1024 * 1024 + 1))).code == 413
    assert (await upload(admin, bytes(12 * 1024 * 1024))).code == 413


@pytest.mark.spec("MG-24")
@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data; boundary=xXx", b"--xXx--\r\n", 400),
        ("multipart/form-data", b"--xXx--\r\n", 400),
        ("application/zip", packed(), 415),
        ("application/json", json.dumps(MANIFEST).encode(), 400),
        ("application/x-www-form-urlencoded", b"file=" + FILES["template.json"], 400),
    ],
)
async def test_it_has_to_be_a_form_with_a_file(admin: Admin, content_type: str, body: bytes, status: int) -> None:
    headers = {**basic("ada"), "Content-Type": content_type}
    assert (await admin.fetch("/admin/templates", "POST", headers=headers, body=body)).code == status
