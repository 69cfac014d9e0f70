"""The gateway as a person starts it, and its commands as a person types them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.interop.foreign import PATIENCE

COMMAND = (sys.executable, "-m", "gateway")
ANY_PORT = "127.0.0.1:0"


class Gateway:
    """A running ``serve --dev``."""

    def __init__(self, origin: str, environment: dict[str, str]) -> None:
        self.origin = origin
        self.environment = environment

    def url(self, path: str = "/") -> str:
        """An address of its public listener."""
        return self.origin + path

    async def run(self, *arguments: str, typed: str = "") -> str:
        """What a command prints; raises AssertionError with its errors if it fails."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(PATIENCE):
            printed, errors = await process.communicate(typed.encode())
        assert process.returncode == 0, errors.decode()
        return printed.decode()


@contextmanager
def gateway(directory: Path, *settings: str) -> Iterator[Gateway]:
    """Start a development gateway on free ports; its files are in ``directory``, so commands find this one.

    Args:
        settings: more of what ``--set`` takes.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment |= {"XDG_RUNTIME_DIR": str(directory), "NO_COLOR": "1"}
    all_settings = (f"listen.public={ANY_PORT}", f"listen.internal={ANY_PORT}", *settings)
    command = [*COMMAND, "serve", "--dev", *(word for each in all_settings for word in ("--set", each))]
    log = directory / "gateway.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        try:
            yield Gateway(_public_origin(process.stderr), environment)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
    errors = [line for line in log.read_text(encoding="utf-8").splitlines() if json.loads(line)["level"] == "error"]
    assert not errors, errors
    assert process.returncode == 0


def _public_origin(told: IO[str]) -> str:
    """Where it serves, from what it tells people."""
    lines = []
    for line in told:
        lines.append(line)
        if match := re.search(r"page.*(http://\S+)/$", line.rstrip()):
            return match[1].replace("127.0.0.1", "localhost")  # aiohttp keeps no cookies of a bare address (COOK-4)
    raise AssertionError("the gateway did not start: " + "".join(lines))
