"""MRDs, queues, agents and attributes are read and changed while the gateway runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from tests.gateway.conftest import TOKEN, Serve, Served

pytestmark = pytest.mark.spec("MRE-150")

QUEUE = "SimpleChatInQueue"
"""Where chats wait under ``--dev``."""


async def ask(
    served: Served, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> HTTPResponse:
    return await served.get(
        f"/admin/{path}",
        internal=True,
        method=method,
        headers={"Authorization": f"Bearer {TOKEN}", **(headers or {})},
        body=json.dumps(body) if method == "PUT" else None,
    )


async def got(served: Served, path: str) -> Any:
    answer = await ask(served, "GET", path)
    assert answer.code == 200
    return json.loads(answer.body)


async def test_only_operators_are_told(serve: Serve, tmp_path: Path) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    assert (await ask(served, "GET", "mrds", headers={"Authorization": "Bearer wrong"})).code == 401
    assert (await served.get("/admin/mrds")).code == 404  # the public listener


async def test_it_begins_as_configured_and_keeps_what_was_changed(serve: Serve, tmp_path: Path) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    begun = await got(served, "mrds")
    assert begun["version"] == 0
    chat = next(each for each in begun["mrds"] if each["id"] == "chat")
    assert (chat["max_tasks"], chat["default_queue"]) == (3, QUEUE)

    changed = await ask(served, "PUT", "mrds/chat", {**chat, "max_tasks": 7, "accept_timeout": "45s"})
    assert (changed.code, changed.headers["ETag"]) == (200, '"1"')
    new = await ask(served, "PUT", "queues/Gold%2FNorth", {"mrd": "chat", "priority": 3})
    assert new.code == 201
    assert (await got(served, "queues/Gold%2FNorth"))["entry"]["name"] == "Gold/North"
    assert served.gateway.center is not None
    assert served.gateway.center.planning.plan.mrds["chat"].max_tasks == 7

    again = await serve([f"data_dir={tmp_path}"])
    entry = (await got(again, "mrds/chat"))["entry"]
    assert (entry["max_tasks"], entry["accept_timeout"]) == (7, "45s")
    assert (await ask(again, "DELETE", "queues/Gold%2FNorth")).code == 200
    assert (await ask(again, "GET", "queues/Gold%2FNorth")).code == 404


async def test_attributes_are_the_agents(serve: Serve, tmp_path: Path) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    assert (await ask(served, "PUT", "agents/Anna", {"mrds": ["chat=2"], "attributes": ["vip"]})).code == 201
    assert (await ask(served, "PUT", "attributes/english", {"agents": {"Anna": 7, "Bob": 2}})).code == 201
    assert (await got(served, "agents/Anna"))["entry"]["attributes"] == ["vip", "english=7"]
    assert (await ask(served, "PUT", "attributes/english", {"agents": {"Anna": 8}})).code == 200
    assert (await got(served, "attributes/english"))["entry"] == {"name": "english", "agents": {"Anna": 8}}
    assert [each["name"] for each in (await got(served, "attributes"))["attributes"]] == ["english", "vip"]
    assert (await ask(served, "DELETE", "attributes/english")).code == 200
    assert (await ask(served, "DELETE", "attributes/english")).code == 404
    assert (await got(served, "agents/Bob"))["entry"]["attributes"] == []


async def test_an_mrd_brings_its_queue_and_takes_its_queues_along(serve: Serve, tmp_path: Path) -> None:
    mrds, queues = [{"id": "chat", "default_queue": "Q"}], [{"name": "Q", "mrd": "chat"}]
    mre = [f"mre.mrds={json.dumps(mrds)}", f"mre.queues={json.dumps(queues)}", "mail.mailboxes=[]"]
    served = await serve([f"data_dir={tmp_path}", *mre])
    assert (await ask(served, "PUT", "mrds/email", {"default_queue": "Letters"})).code == 201
    assert (await got(served, "queues/Letters"))["entry"]["mrd"] == "email"
    assert (await ask(served, "DELETE", "mrds/chat")).code == 200
    assert [each["name"] for each in (await got(served, "queues"))["queues"]] == ["Letters"]
    last = await ask(served, "DELETE", "mrds/email")
    assert last.code == 409
    assert "last MRD" in json.loads(last.body)["statusMessage"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("PUT", "mrds/chat", [], 400, "must be an object"),
        ("PUT", "mrds/chat", {"max_tasks": 99, "default_queue": QUEUE}, 422, "max_tasks"),
        ("PUT", "mrds/chat", {"default_queue": QUEUE, "max_taks": 2}, 422, "max_taks"),
        ("PUT", "mrds/chat", {"id": "email", "default_queue": QUEUE}, 422, "as in the path"),
        ("PUT", "mrds/chat", {}, 422, "needs a default_queue"),
        ("PUT", "mrds/voice", {"default_queue": QUEUE}, 422, "id"),
        ("PUT", "queues/Q", {"mrd": "chat", "steps": [{"agents": "english >"}]}, 422, "agents"),
        ("PUT", "queues/Q", {"mrd": "chat", "ttl": 5}, 422, "with a unit"),
        ("PUT", "agents/Anna", {"attributes": ["english=11"]}, 422, "english=11"),
        ("PUT", "attributes/english", {"agents": {"Anna": 11}}, 422, "english=11"),
        ("PUT", "attributes/english", {"agents": {}}, 422, "one agent"),
        ("PUT", "attributes/a b", {"agents": {"Anna": 1}}, 422, "a b"),
        ("GET", "queues/Nowhere", None, 404, "no Nowhere"),
        ("DELETE", "agents/Nobody", None, 404, "no Nobody"),
        ("DELETE", f"queues/{QUEUE}", None, 409, "default_queue"),
    ],
)
async def test_what_cannot_be_changes_nothing(
    serve: Serve, tmp_path: Path, method: str, path: str, body: Any, status: int, words: str
) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    answer = await ask(served, method, path.replace(" ", "%20"), body)
    assert (answer.code, words in json.loads(answer.body)["statusMessage"]) == (status, True), answer.body
    assert (await got(served, "mrds"))["version"] == 0


async def test_whoever_saw_an_older_version_is_refused(serve: Serve, tmp_path: Path) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    seen = (await ask(served, "GET", "agents")).headers["ETag"]
    first = await ask(served, "PUT", "agents/Anna", {}, {"If-Match": seen})
    assert first.code == 201
    for stale in (seen, "nonsense"):
        late = await ask(served, "PUT", "agents/Bob", {}, {"If-Match": stale})
        assert (late.code, "version 1" in json.loads(late.body)["statusMessage"]) == (412, True)
    assert (await ask(served, "DELETE", "agents/Anna", None, {"If-Match": first.headers["ETag"]})).code == 200
    assert (await ask(served, "DELETE", "mrds")).code == 405


async def test_without_a_contact_center_there_is_nothing_to_change(serve: Serve) -> None:
    served = await serve(dev=False)
    assert (await ask(served, "PUT", "mrds/chat", {})).code == 404
