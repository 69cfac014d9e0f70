"""The peers from npm, each a few lines of ours in a folder with its own lock file."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.peer import BOTH, Lacking, made_from
from benchmarks.peers.server import Server, speaking
from gateway.bench.workload import Transport

_HERE = Path(__file__).parent
_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")


@dataclass(frozen=True, slots=True)
class NodePeer:
    """A Bayeux server of an npm package; its folder is named like it."""

    name: str
    transports: frozenset[Transport] = BOTH

    @property
    def title(self) -> str:
        """See Peer."""
        return {"faye": "Faye"}.get(self.name, self.name)

    def prepare(self) -> None:
        """Install its packages, unless they are there."""
        for program in ("node", "npm"):
            if shutil.which(program) is None:
                raise Lacking(f"{self.title} was left out: {program} is not installed.")
        modules = self._folder / "node_modules"
        stamp = made_from(modules, [self._folder / "package-lock.json"])
        if stamp.exists():
            return
        done = subprocess.run(_INSTALL, cwd=self._folder, stdout=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise Lacking(f"{self.title} was left out: npm could not install its packages.")
        stamp.touch()

    def versions(self) -> Mapping[str, str]:
        """See Peer."""
        node = subprocess.run(("node", "--version"), capture_output=True, text=True, check=True)
        package = self._folder / "node_modules" / self.name / "package.json"
        return {
            self.title: json.loads(package.read_text("utf-8"))["version"],
            "Node": node.stdout.strip().removeprefix("v"),
        }

    def start(self, *, is_frugal: bool = False) -> AbstractContextManager[Server]:
        """See Peer; Node needs no persuasion to be frugal once it was asked to collect."""
        return speaking(("node", "--expose-gc", "server.mjs"), self._folder)

    @property
    def _folder(self) -> Path:
        return _HERE / self.name


FAYE = NodePeer("faye")
COMETD_NODEJS_SERVER = NodePeer("cometd-nodejs-server", frozenset({"long-polling"}))
