"""Compiles and runs ``send.c``."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.cpus import Cpus
from benchmarks.peers.peer import Lacking, made_from
from gateway.bench.workload import Workload

NAME = "floor"
TITLE = "C loop of send()"

_SOURCE = Path(__file__).parent / "send.c"
_BUILT = Path(__file__).parents[2] / ".cache" / "benchmarks"
_EVENT_BYTES = 150  # about what an event of the fan-out has on the wire


def prepare() -> Path:
    """The compiled program; raises Lacking."""
    program = made_from(_BUILT, [_SOURCE])
    if program.exists():
        return program
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Lacking(f"The {TITLE} was left out: there is no C compiler.")
    _BUILT.mkdir(parents=True, exist_ok=True)
    command = (compiler, "-O2", "-o", str(program), str(_SOURCE))
    if subprocess.run(command, check=False).returncode != 0:
        raise Lacking(f"The {TITLE} was left out: the C compiler refused it.")
    return program


def measure(program: Path, workload: Workload, cpus: Cpus) -> dict[str, float]:
    """What it prints, after a run as long and as wide as the workload."""
    numbers = (workload.sessions, _EVENT_BYTES, workload.seconds, workload.warm_up)
    cores = (-1 if cpu is None else cpu for cpu in (cpus.server, cpus.load))
    command = [str(program), *map(str, (*numbers, *cores))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told
