"""``bayeux/__init__.py``: list and reality together."""

from __future__ import annotations

import inspect
import subprocess
import sys

import bayeux


def test_everything_listed_exists_is_documented_and_is_not_defined_there() -> None:
    for name in bayeux.__all__:
        public = getattr(bayeux, name)
        assert getattr(public, "__module__", "bayeux.elsewhere") != "bayeux"
        assert not inspect.isroutine(public) or inspect.getdoc(public)
    listed = {name for name, value in vars(bayeux).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert listed == set(bayeux.__all__)


def test_importing_it_costs_no_gateway() -> None:
    """OPS-90: what the service needs is not needed by who mounts the library."""
    script = "import sys, bayeux; print(sorted({'typer', 'pydantic', 'redis', 'gateway'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
