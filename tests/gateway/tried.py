"""A program that knows nothing but an OpenAPI document tries a gateway (schemathesis).

It sends what the document allows and what it does not, with and without sign-in, and compares every answer with what
is promised there.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.gateway.process import Process


def assert_as_documented(gateway: Process, document: str, *options: str, examples: int) -> None:
    """The gateway has just been started; ``document`` is the path of one, ``examples`` are tried of each operation."""
    origin = gateway.wait_for("a page to try it").split()[-1].rstrip("/")
    tried = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("run", origin + document, "--phases", "coverage,fuzzing", "--max-examples", str(examples)),
            *("--seed", "1", "--no-color", *options),
        ],
        cwd=gateway.directory,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert tried.returncode == 0, tried.stdout[-6000:]
    assert not [line for line in gateway.printed.splitlines() if json.loads(line)["level"] == "error"]
