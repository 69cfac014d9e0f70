"""A running server: started on its core, asked to collect garbage, ended with the context.

The servers that we wrote around libraries of others speak a few words with us: they print their URL, answer
the line ``collect`` after a full garbage collection, and end with their standard input, so that none outlives us.
"""

from __future__ import annotations

import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

PATIENCE = 60.0  # seconds for a start or an answer; a virtual machine on a busy core needs some
_FAREWELL = 15.0  # seconds to end by itself
_SHOWN = 2000  # characters of what a server complained of


class ServerFailed(Exception):
    """A server did not start, or does not answer; the text has its last words."""


class Server(Protocol):
    """One running peer."""

    @property
    def url(self) -> str:
        """Its Bayeux endpoint."""

    @property
    def pid(self) -> int:
        """Its process."""

    def collect(self) -> int | None:
        """Have it collect all garbage; the bytes of its heap in use, None if it cannot tell."""


class Speaking:
    """A server that speaks our few words."""

    def __init__(self, child: subprocess.Popen[bytes], complaints: Path) -> None:
        self._child = child
        self._complaints = complaints
        self.pid = child.pid
        self.url = self._word()

    def collect(self) -> int | None:
        """See Server."""
        assert self._child.stdin is not None
        self._child.stdin.write(b"collect\n")
        self._child.stdin.flush()
        return int(self._word())

    def _word(self) -> str:
        told: IO[bytes] | None = self._child.stdout
        assert told is not None
        ready, _, _ = select.select([told], [], [], PATIENCE)
        line = told.readline() if ready else b""
        if not line:
            raise ServerFailed(last_words(self._complaints))
        return line.decode().strip()


@contextmanager
def speaking(command: Sequence[str], folder: Path) -> Iterator[Speaking]:
    """Start a server that speaks our words, in its folder; raises ServerFailed."""
    with tempfile.TemporaryDirectory() as temporary:
        complaints = Path(temporary) / "complaints"
        with complaints.open("wb") as errors:
            child = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0
            )
        with ended(child):
            yield Speaking(child, complaints)


@contextmanager
def ended(child: subprocess.Popen[bytes], *, by_signal: bool = False) -> Iterator[None]:
    """End a process with the context: by TERM or by the end of its input, and by force if that does not help."""
    try:
        yield
    finally:
        if by_signal:
            child.terminate()
        elif child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(_FAREWELL)
        except BaseException:  # a second Ctrl-C, too, must leave nothing behind
            child.kill()
            child.wait()
            raise
        finally:
            if child.stdout is not None:
                child.stdout.close()


def last_words(complaints: Path) -> str:
    """The end of what a server wrote to a file."""
    words = complaints.read_text("utf-8", "replace").strip()
    return words[-_SHOWN:] or "it said nothing"
