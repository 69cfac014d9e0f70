"""A program that knows nothing but the OpenAPI document tries the customers' API of a gateway (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.process import ANYWHERE, Process
from tests.gateway.tried import assert_as_documented


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, "serve", "--dev", *ANYWHERE, "--set", "server.enabled=true")
    yield process
    process.close()


@pytest.mark.soak
@pytest.mark.spec("NF-2", "G-22", "ERR-1")
def test_every_answer_is_as_the_document_says(gateway: Process) -> None:
    assert_as_documented(gateway, "/genesys/1/openapi.json", examples=20)
