"""The reference of the API says what the API does: it is made of the same declarations, and tried out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.api.routes import RESOURCES, reference
from tests.gateway.api.conftest import Api
from tests.gateway.conftest import Shell

COMMITTED = Path(__file__).parent.parent.parent.parent / "docs" / "reference" / "agent-openapi.json"


@pytest.mark.spec("AG-69")
def test_the_committed_reference_is_what_the_resources_declare(shell: Shell) -> None:
    assert shell("openapi") == 0
    assert shell.out == COMMITTED.read_text("utf-8"), "run `bayeux-gateway openapi > docs/reference/agent-openapi.json`"


async def test_it_is_served_to_everybody(api: Api) -> None:
    answer = await api.fetch("/openapi.json")
    assert json.loads(answer.body) == reference()


def test_every_operation_of_a_resource_is_told_once() -> None:
    paths = reference()["paths"].values()
    ids = [path[method]["operationId"] for path in paths for method in ("get", "post") if method in path]
    assert len(ids) == len(set(ids))
    assert len(paths) == len(RESOURCES)
