"""A program that knows nothing but the OpenAPI document tries the management of a gateway (schemathesis)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.process import ANYWHERE, Process

PATIENT = ("--set", "auth.login_failures=100000", "--set", "auth.login_failures_per_address=100000")
"""It shows wrong passwords in plenty, which would be answered 429 for a while."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, "serve", "--dev", *ANYWHERE, *PATIENT)
    yield process
    process.close()


@pytest.mark.spec("NF-2", "AUTH-4", "MG-24", "ERR-1")
@pytest.mark.timeout(300)
def test_every_answer_is_as_the_document_says(gateway: Process, tmp_path: Path) -> None:
    origin = gateway.wait_for("a page to try it").split()[-1].rstrip("/")
    tried = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("run", f"{origin}/genesys/1/admin/openapi.json", "--auth", "default:password"),
            *("--phases", "coverage,fuzzing", "--max-examples", "20", "--seed", "1", "--no-color"),
            # What a text has to be depends on the option, and which tag counts on what is there: no schema says that.
            *("--exclude-checks", "positive_data_acceptance"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert tried.returncode == 0, tried.stdout[-6000:]
    assert not [line for line in gateway.printed.splitlines() if json.loads(line)["level"] == "error"]
