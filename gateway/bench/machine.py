"""The machine and the versions a load test ran on: figures without them say little."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import tornado

from gateway import __version__

_GIB = 1024**3


def this_machine() -> dict[str, str]:
    """What is known of it, by name. It tells neither its host name nor its addresses."""
    return {
        "Processor": _processor(),
        "Cores": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}",
        "Memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / _GIB:.1f} GiB",
        "System": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "bayeux-gateway": f"{__version__}, Tornado {tornado.version}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(named, "") or platform.processor() or "unknown"
