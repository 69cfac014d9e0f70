"""The routing's part of the internal listener, and the commands that ask it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tornado.httpclient import HTTPResponse

from gateway.cli.mre import line
from gateway.routing.bus.bus import GENERAL, BusMessage
from tests.gateway.conftest import TOKEN, Serve, Served
from tests.gateway.process import Start
from tests.gateway.process import serve as serve_process


async def ask(served: Served, path: str, body: Any = None, token: str = TOKEN) -> HTTPResponse:
    more: dict[str, Any] = {} if body is None else {"method": "POST", "body": json.dumps(body)}
    return await served.get(path, internal=True, headers={"Authorization": f"Bearer {token}"}, **more)


@pytest.mark.spec("MRE-77", "MRE-125", "MRE-152", "SEC-97")
@pytest.mark.parametrize("path", ["/admin/tasks/1", "/admin/dlq", "/admin/bus"])
async def test_only_who_bears_the_token_is_told(serve: Serve, tmp_path: Path, path: str) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    assert (await ask(served, path, token="wrong")).code == 401
    assert (await served.get(path)).code == 404  # the public listener


@pytest.mark.spec("MRE-77")
async def test_an_unknown_task_is_404_in_words(serve: Serve, tmp_path: Path) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    answer = await ask(served, "/admin/tasks/nonsense")
    assert answer.code == 404
    assert "no task nonsense" in json.loads(answer.body)["statusMessage"]


@pytest.mark.spec("MRE-77", "MRE-125")
async def test_without_a_contact_center_there_is_nothing_to_ask(serve: Serve) -> None:
    served = await serve(dev=False)
    answer = await ask(served, "/admin/dlq")
    assert answer.code == 404
    assert "mre.mrds" in json.loads(answer.body)["statusMessage"]


@pytest.mark.spec("MRE-125")
@pytest.mark.expected_logs("could not be handled")
async def test_dead_letters_are_listed_and_replayed(serve: Serve, tmp_path: Path) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    assert served.gateway.center is not None
    await served.gateway.center.bus.send(GENERAL, BusMessage(type="Login", body=b"[]", id="id-1", key="k"))
    (letter,) = json.loads((await ask(served, f"/admin/dlq?queue={GENERAL}")).body)["letters"]
    assert (letter["id"], letter["type"], letter["body"]) == ("id-1", "Login", [])
    assert json.loads((await ask(served, "/admin/dlq?queue=Nobody")).body)["letters"] == []

    replayed = await ask(served, "/admin/dlq", {"queue": GENERAL, "id": "id-1"})
    assert json.loads(replayed.body)["id"].startswith("id-1/")
    assert (await ask(served, "/admin/dlq", {"queue": GENERAL, "id": "id-1"})).code == 404
    assert (await ask(served, "/admin/dlq", {"queue": GENERAL})).code == 400

    metrics = (await served.get("/metrics", internal=True)).body.decode()
    assert f'mre_dead_letters{{queue="{GENERAL}",worker="0"}} 1.0' in metrics


@pytest.mark.spec("MRE-152")
async def test_a_message_is_sent_and_heard(serve: Serve, tmp_path: Path) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    begun = json.loads((await ask(served, "/admin/bus")).body)
    body = {"AgentId": "Agent1", "Mrd": "chat", "Password": "s3cret-1"}
    sent = await ask(served, "/admin/bus", {"type": "Login", "body": body})
    assert json.loads(sent.body)["queue"] == GENERAL
    heard = await ask(served, f"/admin/bus?cursor={quote(json.dumps(begun['cursor']))}")
    assert "s3cret" not in heard.body.decode()
    (login,) = [each for each in json.loads(heard.body)["messages"] if each["type"] == "Login"]
    assert json.loads(login["body"]) == {**body, "Password": "***"}
    assert "Login" in line(login)


@pytest.mark.spec("MRE-152")
@pytest.mark.parametrize("cursor", ["x", "[]", '{"a":"b"}', '{"a":{}}', '{"a":true}'])
async def test_a_cursor_of_somebody_elses_is_refused(serve: Serve, tmp_path: Path, cursor: str) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    assert (await ask(served, f"/admin/bus?cursor={quote(cursor)}")).code == 400


@pytest.mark.spec("MRE-152")
async def test_what_nobody_could_read_is_refused(serve: Serve, tmp_path: Path) -> None:
    served = await serve([f"data_dir={tmp_path}"])
    answer = await ask(served, "/admin/bus", {"type": "GetTaskState", "body": {}})
    assert answer.code == 422
    assert json.loads(answer.body)["statusMessage"] == "GetTaskState needs TaskId"
    assert (await ask(served, "/admin/bus", {"type": "GetTaskState", "body": []})).code == 400


@pytest.mark.spec("MRE-152")
def test_tail_shows_what_send_has_sent(start: Start, tmp_path: Path) -> None:
    serve_process(start, "--dev", "--set", f"data_dir={tmp_path}")
    (tmp_path / "body.json").write_text('{"TaskId": "nonsense"}')
    tail = start("mre", "tail", "--json", "-n", "3")
    while tail.child.poll() is None:  # it may begin to listen after what was sent
        sent = start("mre", "send", "GetTaskState", "body.json")
        assert sent.end() == 0, sent.printed
        assert json.loads(sent.printed)["queue"] == GENERAL
    shown = [json.loads(each) for each in tail.printed.splitlines()]
    assert {(each["queue"], each["type"]) for each in shown} == {(GENERAL, "GetTaskState"), ("ChatServer", "Error")}

    refused = start("mre", "send", "Nonsense", "body.json")
    assert refused.end() == 1
    assert refused.child.stderr is not None
    assert "there are AgentState" in refused.child.stderr.read()
