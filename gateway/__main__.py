"""``python -m gateway`` and ``bayeux-gateway``: nothing heavy is imported before it is needed.

Source: OPS-14, OPS-90.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Sequence

import tornado

from gateway import __version__

INSTALL = "pip install 'bayeux-gateway[gateway]'"
_EXTRAS = {
    "gateway": ("typer", "rich", "pydantic", "structlog", "prometheus_client", "jwt", "cryptography", "argon2"),
    "bench": ("hdrh",),
    "speed": ("hiredis",),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        sys.stdout.write(version())
        return 0
    try:
        from gateway.cli.main import run  # noqa: PLC0415 (the extras, some of which take long to import)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRAS["gateway"]:
            raise
        sys.stderr.write(f"{error.name} is not installed, which the commands need: {INSTALL}\n")
        return 1
    return run(given)


def version() -> str:
    """Ours, and that of what matters below us; then which extras are there."""
    there = [name for name, modules in _EXTRAS.items() if all(importlib.util.find_spec(module) for module in modules)]
    return (
        f"bayeux-gateway {__version__}, Python {platform.python_version()}, Tornado {tornado.version}, "
        f"extras: {', '.join(there) or 'none'}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
