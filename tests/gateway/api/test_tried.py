"""A program that knows nothing but the OpenAPI document tries the API of a gateway (schemathesis).

It sends what the document allows and what it does not, with and without sign-in, and compares every answer with what
is promised there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.process import Start

LENIENT = ("auth.login_failures=1000000", "auth.login_failures_per_address=1000000")
"""It also tries wrong passwords."""


@pytest.mark.soak
@pytest.mark.spec("AG-11", "AG-140", "AG-142")
def test_every_answer_is_as_the_document_says(start: Start, tmp_path: Path) -> None:
    gateway = start("serve", "--dev", *_settings("listen.internal=127.0.0.1:0", "listen.public=127.0.0.1:0", *LENIENT))
    origin = _origin(gateway.wait_for("a page to try it"))
    tried = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("run", f"{origin}/api/v2/openapi.json"),
            *("--auth", "Agent1:Agent1", "--phases", "coverage,fuzzing", "--max-examples", "5", "--seed", "1"),
            *("--exclude-path", "/emails", "--no-color"),  # it makes no mails
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert tried.returncode == 0, tried.stdout[-6000:]
    assert not [line for line in gateway.printed.splitlines() if json.loads(line)["level"] == "error"]


def _settings(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def _origin(line: str) -> str:
    found = re.search(r"http://\S+", line)
    assert found is not None
    return found[0].rstrip("/")
