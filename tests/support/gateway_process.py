"""A development gateway in a process of its own, watched from outside: its memory, its CPU time, its log.

Ends with TERM, and must then exit with 0 and without having written a traceback.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

PATIENCE = 60.0
"""Seconds within which it must stop, or answer."""

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_EXPECTED = ("development profile: everybody knows the passwords",)


class GatewayProcess:
    """A running ``serve --dev``.

    Args:
        log: the file it writes its log to, a JSON object a line.
    """

    def __init__(self, pid: int, public: str, internal: str, log: Path) -> None:
        self.pid = pid
        self.public = public
        """Origin of its public listener."""
        self.internal = internal
        """Origin of its internal listener."""
        self._log = log

    @property
    def cometd(self) -> str:
        """URL of the mount that is open to guests."""
        return f"{self.public}/cometd"

    def memory(self) -> int:
        """Bytes of it that are resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE_SIZE

    def cpu_seconds(self) -> float:
        """Processor time it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    def descriptors(self) -> int:
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def records(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]

    def complaints(self) -> list[dict[str, Any]]:
        """Warnings and errors among it, but what every development gateway warns of."""
        return [
            record
            for record in self.records()
            if record["level"] not in ("debug", "info") and not record["event"].startswith(_EXPECTED)
        ]

    def metrics(self) -> Mapping[str, float]:
        """Its Prometheus samples, by name with labels."""
        connection = http.client.HTTPConnection(self.internal.removeprefix("http://"), timeout=PATIENCE)
        with closing(connection):
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}


@contextmanager
def gateway_process(
    directory: Path, settings: Mapping[str, object] | None = None, *, descriptor_limit: int | None = None
) -> Iterator[GatewayProcess]:
    """Start a development gateway on free ports.

    Args:
        directory: for its files.
        settings: configuration keys and their values.
        descriptor_limit: how many descriptors it may have, and cannot raise.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BAYEUX_")}
    environment |= {"XDG_RUNTIME_DIR": str(directory), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "gateway", "serve", "--dev"]
    for key, value in {"listen.public": "127.0.0.1:0", "listen.internal": "127.0.0.1:0", **(settings or {})}.items():
        command += ["--set", f"{key}={value}"]
    if descriptor_limit is not None:
        command = ["sh", "-c", f"ulimit -n {descriptor_limit} && exec {shlex.join(command)}"]
    log = directory / "gateway.log"
    with (
        log.open("wb") as out,
        ThreadPoolExecutor(1) as pool,
        subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        try:
            public, internal = _origins(process.stderr)
            # It must never wait for somebody to read what it tells.
            reading = pool.submit(process.stderr.read)
            yield GatewayProcess(process.pid, public, internal, log)
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
        finally:
            process.kill()
        errors = reading.result()
    assert process.returncode == 0, errors[-2000:]
    assert "Traceback" not in errors, errors[:2000]


def _origins(errors: IO[str]) -> list[str]:
    """Where it serves and where it is watched, from what it tells people."""
    told = ""
    for line in errors:
        told += line
        if "metrics" in line:
            return re.findall(r"(?:page to try it|health, metrics) +(http://[^/]+)/", told)
    raise AssertionError(f"the gateway did not start: {told}")
