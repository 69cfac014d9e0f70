"""Reading what processes use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gateway.bench.server_cost import used_by
from gateway.failure import Failure

WORK = """
import os, sys, time
if os.fork():
    sys.stdin.read()
    os.wait()
else:
    begun = time.process_time()
    held = b"x" * 50_000_000
    while time.process_time() - begun < 0.3:
        pass
    print(flush=True)
    sys.stdin.read()
"""


def test_descendants_are_counted_with_their_parent() -> None:
    """A child that works for 0.3 s and holds 50 MB."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin:
        process.stdout.readline()
        used = used_by(process.pid)
        assert used.processes == 2
        assert used.user + used.system >= 0.28
        assert used.rss > 50_000_000


def test_a_process_that_is_gone_is_named() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(Failure, match=f"process {process.pid} is gone"):
        used_by(process.pid)


def test_this_process_uses_something() -> None:
    used = used_by(os.getpid())
    assert used.user > 0
    assert used.rss > 10_000_000
