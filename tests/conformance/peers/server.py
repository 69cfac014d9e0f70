"""A peer as a process of its own, one port of the loopback a profile."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from types import TracebackType

from tests.conformance.peers.peer import FOLDER, Peer
from tests.conformance.profiles import PROFILES

END_PATIENCE = 10.0
"""Seconds it may take to end once its standard input has."""


class PeerServer:
    """``<package>.mjs`` under Node, as a context manager."""

    def __init__(self, peer: Peer, profiles: Sequence[str] | None = None) -> None:
        self._peer = peer
        self._profiles = peer.profiles if profiles is None else profiles
        self._process: subprocess.Popen[bytes] | None = None
        self.urls: dict[str, str] = {}
        """By profile."""

    def __enter__(self) -> PeerServer:
        node = shutil.which("node")
        if node is None:
            raise RuntimeError("the peers run under Node, which is not installed")
        profiles = {name: PROFILES[name] for name in self._profiles}
        told = {
            name: {"options": dict(each.options), "hooks": each.has_hooks, "extensions": each.extensions}
            for name, each in profiles.items()
        }
        self._process = subprocess.Popen(
            [node, str(FOLDER / f"{self._peer.name}.mjs"), json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._end()
            raise RuntimeError(f"{self._peer.name} did not start; are its packages there (npm ci in tests/interop)?")
        self.urls = json.loads(line)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: TracebackType | BaseException | None) -> None:
        self._end()

    def _end(self) -> None:
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
