"""A redis-server of our own: it keeps nothing on disk, and ends with the context."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from benchmarks.peers.peer import Lacking
from benchmarks.peers.server import PATIENCE, ServerFailed, ended, last_words

_PROGRAM = "redis-server"
_HOST = "127.0.0.1"
_GLANCE = 0.05  # seconds between two looks whether it serves


def prepare() -> None:
    """Raises Lacking."""
    if shutil.which(_PROGRAM) is None:
        raise Lacking(f"Many nodes were left out: {_PROGRAM} is not installed.")


def version() -> str:
    """Of the program."""
    told = subprocess.run((_PROGRAM, "--version"), capture_output=True, text=True, check=False).stdout
    return next((word.removeprefix("v=") for word in told.split() if word.startswith("v=")), told.strip())


class Store:
    """A running one."""

    def __init__(self, port: int, pid: int) -> None:
        self.pid = pid
        self.url = f"redis://{_HOST}:{port}"

    def used_bytes(self) -> int:
        """All that it has in memory."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.info("memory")["used_memory"])

    def bytes_per_event(self) -> float | None:
        """What an event takes in the journals of all partitions; None if they are empty."""
        with redis.Redis.from_url(self.url) as client:
            journals = list(client.scan_iter("*:journal:*", 1000))
            events = sum(client.xlen(key) for key in journals)
            taken = sum(int(client.memory_usage(key, 0) or 0) for key in journals)
        return taken / events if events else None


@contextmanager
def stored() -> Iterator[Store]:
    """Run one on a free port of this machine; raises ServerFailed."""
    with tempfile.TemporaryDirectory() as temporary:
        log, port = Path(temporary) / "log", _free_port()
        command = [_PROGRAM, "--port", str(port), "--bind", _HOST, "--dir", temporary]
        command += ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        with log.open("wb") as output:
            child = subprocess.Popen(command, stdout=output, stderr=output)
        with ended(child, by_signal=True):
            _await_answer(child, port, log)
            yield Store(port, child.pid)


def _await_answer(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with socket.create_connection((_HOST, port), _GLANCE) as sock:
                sock.sendall(b"PING\r\n")
                if sock.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            pass
        time.sleep(_GLANCE)
    raise ServerFailed(last_words(log))


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((_HOST, 0))
        port: int = sock.getsockname()[1]
    return port
