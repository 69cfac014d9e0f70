"""Commands of the gateway as processes of their own, and what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ANYWHERE = ("--set", "listen.public=127.0.0.1:0", "--set", "listen.internal=127.0.0.1:0")
PATIENCE = 60.0  # each command takes a second of an idle machine to start


class Process:
    """A command that runs, and what it has printed."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self.directory = directory
        self.output = tempfile.NamedTemporaryFile("w+", dir=directory, suffix=".out")  # noqa: SIM115 (see close)
        self.child = subprocess.Popen(
            [sys.executable, "-m", "gateway", *arguments],
            cwd=directory,
            env={**environment, "XDG_RUNTIME_DIR": str(directory), "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=self.output,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,  # as a shell starts it
        )

    def wait_for(self, words: str) -> str:
        """Read what people are told until a line has these words."""
        assert self.child.stderr is not None
        for line in self.child.stderr:
            if words in line:
                return line
        raise AssertionError(f"ended with {self.child.wait()} and did not say {words!r}")

    def end(self) -> int:
        return self.child.wait(PATIENCE)

    @property
    def printed(self) -> str:
        return Path(self.output.name).read_text()

    @property
    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.printed.splitlines()]

    def close(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        if self.child.stderr is not None:
            self.child.stderr.close()
        self.output.close()


Start = Callable[..., Process]


def serve(start: Start, *arguments: str) -> Process:
    gateway = start("serve", *ANYWHERE, *arguments)
    gateway.wait_for("Ctrl-C stops it")
    return gateway


def subscribed(start: Start, *arguments: str) -> Process:
    client = start("subscribe", *arguments)
    client.wait_for("Subscribed")
    return client
