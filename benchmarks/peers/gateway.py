"""Our own gateway, as people run it, with a configuration that lets a thousand clients of one machine in."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.peers.peer import BOTH, Lacking
from benchmarks.peers.server import PATIENCE, Server, ServerFailed, ended, last_words
from gateway import __version__

_ROOT = Path(__file__).parents[2]
_COMPILED = _ROOT / "build" / "compiled"
_CONFIGURATION = Path(__file__).parent / "ours" / "gateway.toml"
_GLANCE = 0.05  # seconds between two looks whether it serves
_ANSWER = 5.0  # seconds for it to say so


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running ``bayeux-gateway serve``."""

    url: str
    pid: int

    def collect(self) -> int | None:
        """Nothing to do: CPython frees what nobody refers to at once."""
        return None


class OurPeer:
    """This repository's gateway: one worker, with sessions, policy, limits and metrics at work."""

    name = "ours"
    title = "ours"
    transports = BOTH

    def prepare(self) -> None:
        """It is here."""

    def versions(self) -> Mapping[str, str]:
        """See Peer; with the commit, where git can tell it."""
        return {"bayeux-gateway": f"{__version__}{_commit()}", "Python": platform.python_version()}

    def start(self, *, is_frugal: bool = False) -> AbstractContextManager[Server]:
        """See Peer; it has no other way to be."""
        return serving()


class CompiledPeer(OurPeer):
    """The same with its hot modules compiled, where ``make compiled`` has made them."""

    name = "ours-compiled"
    title = "ours, compiled"

    def prepare(self) -> None:
        """See Peer; it was made by the interpreter that runs here, or cannot be used."""
        if not any(_COMPILED.glob(f"bayeux/server/flusher{EXTENSION_SUFFIXES[0]}")):
            raise Lacking("Ours compiled was left out: make compiled has not made it for this Python.")

    def versions(self) -> Mapping[str, str]:
        """See Peer; those of ours."""
        return {}

    def start(self, *, is_frugal: bool = False) -> AbstractContextManager[Server]:
        """See Peer."""
        return serving(code=_COMPILED)


@contextmanager
def serving(*options: str, code: Path = _ROOT) -> Iterator[Gateway]:
    """Run it until the context ends, with more options of its command line; raises ServerFailed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        log = folder / "log"
        command = [sys.executable, "-m", "gateway", "serve", "-c", str(_CONFIGURATION)]
        command += ["--set", f"internal.directory={folder}", *options]
        with log.open("wb") as output:
            child = subprocess.Popen(command, cwd=code, env=environment, stdout=output, stderr=output)
        with ended(child, by_signal=True):
            yield Gateway(f"{_public_origin(child, folder, log)}/cometd", child.pid)


def _public_origin(child: subprocess.Popen[bytes], folder: Path, log: Path) -> str:
    """Where it serves, once it does: it writes both its addresses into a file for commands."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and child.poll() is None:
        for told in folder.glob("internal-*.json"):
            addresses = json.loads(told.read_text("utf-8"))
            if _is_ready(addresses["internal"]):
                origin: str = addresses["public"]
                return origin
        time.sleep(_GLANCE)
    raise ServerFailed(last_words(log))


def _is_ready(origin: str) -> bool:
    address = urlsplit(origin)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _commit() -> str:
    if shutil.which("git") is None:
        return ""
    command = ("git", "describe", "--always", "--dirty", "--exclude=*")
    told = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    return f" ({told.stdout.strip()})" if told.returncode == 0 else ""


OURS = OurPeer()
OURS_COMPILED = CompiledPeer()
