"""CometD on Jetty: a class of ours around the libraries from the Maven registry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.peers.peer import BOTH, Lacking, made_from
from benchmarks.peers.server import Server, speaking

_FOLDER = Path(__file__).parent / "cometd"
_TARGET = _FOLDER / "target"
_SOURCES = (_FOLDER / "pom.xml", _FOLDER / "src/main/java/benchmarks/Server.java")
_BUILD = ("mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "compile", "dependency:copy-dependencies")

_CLASSES = os.pathsep.join(("target/classes", "target/dependency/*"))
# The serial collector is what the virtual machine chooses by itself on one core.
_JAVA = ("java", "-Xmx2g", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
# The heap begins small, and after a full collection shrinks to what is alive. Otherwise pages that new objects have
# passed through count as memory of sessions, three to five times what these hold.
_FRUGAL = ("-Xms8m", "-XX:MinHeapFreeRatio=5", "-XX:MaxHeapFreeRatio=10")


class CometD:
    """The reference implementation, in Java."""

    name = "cometd"
    title = "CometD"
    transports = BOTH

    def prepare(self) -> None:
        """Build it, unless it is built."""
        for program in ("java", "mvn"):
            if shutil.which(program) is None:
                raise Lacking(f"CometD was left out: {program} is not installed.")
        stamp = made_from(_TARGET, _SOURCES)
        if stamp.exists():
            return
        shutil.rmtree(_TARGET, ignore_errors=True)
        if subprocess.run(_BUILD, cwd=_FOLDER, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            raise Lacking("CometD was left out: Maven could not build it, or found no registry.")
        stamp.touch()

    def versions(self) -> Mapping[str, str]:
        """See Peer."""
        pom = _SOURCES[0].read_text("utf-8")
        java = subprocess.run(("java", "-version"), capture_output=True, text=True, check=True)
        return {
            "CometD": _first(r"<cometd.version>(.*)</", pom),
            "Jetty": _first(r"<jetty.version>(.*)</", pom),
            "Java": _first(r'version "(.*)"', java.stderr),
        }

    def start(self, *, is_frugal: bool = False) -> AbstractContextManager[Server]:
        """See Peer."""
        options = (*_JAVA, *_FRUGAL) if is_frugal else _JAVA
        return speaking((*options, "-cp", _CLASSES, "benchmarks.Server"), _FOLDER)


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else "unknown"


COMETD = CometD()
