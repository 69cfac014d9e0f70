"""The customers' API as a part of the gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.config import Sources, load
from gateway.config.loading import ConfigurationWrong
from tests.gateway.conftest import Serve

ENABLED = "server.enabled=true"


@pytest.mark.spec("G-1")
async def test_it_is_served_where_it_is_switched_on(serve: Serve) -> None:
    off = await serve(["server.enabled=false"])
    assert (await off.get("/genesys/1/storage/30", method="POST", body=b"")).code == 404
    on = await serve([ENABLED])
    assert (await on.get("/genesys/1/storage/30", method="POST", body=b"")).code == 200


@pytest.mark.spec("ST-13")
async def test_without_a_contact_center_it_keeps_its_storage_in_the_data_directory(
    serve: Serve, tmp_path: Path
) -> None:
    settings = [ENABLED, f"data_dir={tmp_path}"]
    first = await serve(settings, dev=False)
    stored = await first.get("/genesys/1/storage/600?a=1", method="POST", body=b"")
    await first.run.stop()
    second = await serve(settings, dev=False)
    read = await second.get(f"/genesys/1/storage/{json.loads(stored.body)['id']}")
    assert json.loads(read.body) == {"a": "1"}


@pytest.mark.spec("AUTH-2", "AUTH-5")
@pytest.mark.parametrize(
    "settings", [["server.username=gms"], ["server.username=gms", "server.password_hash=plain"]], ids=["half", "plain"]
)
def test_an_account_needs_a_name_and_a_hash(settings: list[str]) -> None:
    with pytest.raises(ConfigurationWrong, match="password_hash"):
        load(Sources(settings=settings, environment={}))
