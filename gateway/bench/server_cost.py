"""What a server's processes use, read from ``/proc``: processor time and resident memory of one and its descendants.

Source: proc(5).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gateway.failure import Failure

_PROC = Path("/proc")
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Used:
    """So far; seconds and bytes."""

    user: float
    system: float
    rss: int
    processes: int


def used_by(pid: int) -> Used:
    """By this process and its descendants at this moment.

    Raises Failure if it does not run, or may not be looked at.
    """
    user = system = 0.0
    rss = processes = 0
    for member in _family(pid):
        try:
            fields = _stat(member)
            rss += _rss(member)
        except OSError:
            if member == pid:
                raise Failure(f"process {pid} is gone: give the server's process id with --server-pid") from None
            continue  # a child that has just ended
        user += int(fields[11]) * _TICK
        system += int(fields[12]) * _TICK
        processes += 1
    return Used(user, system, rss, processes)


def _family(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except OSError:
                pass  # it has just ended
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return family


def _stat(pid: int) -> list[str]:
    """The fields after the command's name, which may contain anything: state first, then the parent."""
    return (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def _rss(pid: int) -> int:
    """Exactly where the kernel tells, else from its own approximation."""
    try:
        for line in (_PROC / str(pid) / "smaps_rollup").read_text("ascii", "replace").splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    except PermissionError:
        pass
    return int((_PROC / str(pid) / "statm").read_text("ascii").split()[1]) * _PAGE
