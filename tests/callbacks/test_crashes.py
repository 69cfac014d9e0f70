"""A process is killed at any step of a callback's life; another node goes on with it, and everything happens once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.callbacks.mortal import STEPS

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 120
LEAST = {"commit": 12, "sent": 4, "effect": 6}
"""Times that a life passes a step, at least."""


def lives(path: Path, step: str) -> list[dict[str, Any]]:
    """What has become of the callback for each time that a process died at this step."""
    tried = subprocess.run(
        [sys.executable, "-m", "tests.callbacks.mortal", str(path), step],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert tried.stderr == ""
    found: list[dict[str, Any]] = json.loads(tried.stdout)
    return found


@pytest.mark.spec("SM-70", "SM-71", "SM-73", "CB-10", "RS-3")
@pytest.mark.parametrize("step", STEPS)
def test_whoever_dies_the_callback_goes_on_once(tmp_path: Path, step: str) -> None:
    found = lives(tmp_path, step)
    assert len(found) >= LEAST[step.partition(" ")[2]], "it was not passed"
    for each in found:
        assert each["state"] == "AGENT_CONNECTED", each
        id = each.pop("id")
        assert len(set(each["told"])) == len(each.pop("told")) == 2, "told twice for one attempt, or not at all"
        assert each == {
            "state": "AGENT_CONNECTED",
            "attempts": 2,
            "connects": 1,
            "joins": [id],
            "asked": [[id, "first"], [id, "second"]],
            "served": {id: "second"},
            "booked": 0,
            "left over": [],
            "deadline": True,
        }
