"""The reference of the management says what it does: it is made of the same declarations."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.management.routes import RESOURCES, reference
from tests.management.conftest import Admin

COMMITTED = Path(__file__).parent.parent.parent / "docs" / "reference" / "management-openapi.json"


def test_the_committed_reference_is_what_the_resources_declare() -> None:
    printed = CliRunner().invoke(app, ["openapi", "management"]).output
    command = "bayeux-gateway openapi management > docs/reference/management-openapi.json"
    assert printed == COMMITTED.read_text("utf-8"), f"run `{command}`"


async def test_it_is_served_to_everybody(admin: Admin) -> None:
    assert json.loads((await admin.fetch("/admin/openapi.json")).body) == reference()


def test_every_method_of_a_resource_is_told_once() -> None:
    paths = reference()["paths"].values()
    ids = [method["operationId"] for path in paths for method in path.values() if "operationId" in method]
    assert len(ids) == len(set(ids)) == 33
    assert len(paths) == len(RESOURCES)
