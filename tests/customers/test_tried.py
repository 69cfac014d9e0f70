"""A program that knows nothing but the OpenAPI document tries the customers' API of a gateway (schemathesis)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.process import ANYWHERE, Process


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, "serve", "--dev", *ANYWHERE, "--set", "server.enabled=true")
    yield process
    process.close()


@pytest.mark.soak
@pytest.mark.spec("NF-2", "G-22", "ERR-1")
def test_every_answer_is_as_the_document_says(gateway: Process, tmp_path: Path) -> None:
    origin = gateway.wait_for("a page to try it").split()[-1].rstrip("/")
    tried = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("run", f"{origin}/genesys/1/openapi.json"),
            *("--phases", "coverage,fuzzing", "--max-examples", "20", "--seed", "1", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert tried.returncode == 0, tried.stdout[-6000:]
    assert not [line for line in gateway.printed.splitlines() if json.loads(line)["level"] == "error"]
