"""A whole sitting, small: ``python -m benchmarks --quick`` as a person types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICK = (sys.executable, "-m", "benchmarks", "--quick", "--peers", "ours")
PATIENCE = 240  # seconds; on a machine that is busy


@contextmanager
def sit(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Start one in a process group of its own, which has all that it starts; what a failed test leaves is killed."""
    with subprocess.Popen(
        (*QUICK, *words), cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as sitting:
        try:
            yield sitting
        finally:
            if has_left_something(sitting):
                os.killpg(sitting.pid, signal.SIGKILL)


def has_left_something(sitting: subprocess.Popen[str]) -> bool:
    """A process of its group is still there."""
    try:
        os.killpg(sitting.pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.soak
def test_quick_sitting_measures_and_writes_down(tmp_path: Path) -> None:
    """Our server and the fan-out alone: nothing is lost, and nothing is left running."""
    with sit("--only", "fan-out-window-10", "--results", str(tmp_path)) as sitting:
        _, told = sitting.communicate(timeout=PATIENCE)
        assert sitting.returncode == 0, told
        assert not has_left_something(sitting)
    (run,) = json.loads((tmp_path / "latest.json").read_text("utf-8"))["measurements"]
    assert run["value"] > 0
    assert run["delivered"] > 0
    assert run.keys().isdisjoint({"lost", "double", "out_of_order", "errors", "failure"})
    assert "| fan-out ×1000, ten in flight |" in (tmp_path / "latest.md").read_text("utf-8")
    assert "[1/1] fan-out ×1000, ten in flight: ours, round 1" in told


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_sitting_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Servers and generators end with it."""
    with sit("--only", "fan-out-window-10", "--rounds", "50", "--results", str(tmp_path)) as sitting:
        assert sitting.stderr is not None
        for line in sitting.stderr:
            if line.startswith("[1/50]"):
                break
        sitting.send_signal(number)
        _, told = sitting.communicate(timeout=PATIENCE)
        assert sitting.returncode == 130, told
        assert not has_left_something(sitting)


def test_unknown_words_are_refused(tmp_path: Path) -> None:
    """With those that exist, and before anything starts."""
    for words, known in ((("--only", "teleport"), "polling-fan-out"), (("--peers", "nginx"), "cometd-nodejs-server")):
        done = subprocess.run((*QUICK, *words), cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert known in done.stderr
