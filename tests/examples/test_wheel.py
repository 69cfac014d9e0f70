"""The examples beside the built wheel, in an environment that has nothing else: nothing they need is missing there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.examples.programs import EXAMPLES, PROGRAMS

ROOT = Path(__file__).parents[2]
PACKAGES = ("bayeux", "channels", "gateway")
BUILT_FROM = ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
CHECKS = (
    *("examples/__init__.py", "examples/programs.py", "examples/test_programs.py"),
    *("support/__init__.py", "support/ports.py"),
)
ASGI = ("starlette", "uvicorn", "websockets")

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


def test_the_programs_run_with_the_wheel_alone(tmp_path: Path) -> None:
    wheel = build(tmp_path)
    tops = {name.partition("/")[0] for name in ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)

    run(sys.executable, "-m", "venv", tmp_path / "venv", within=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", wheel, within=tmp_path)
    away = copied(tmp_path / "away")
    assert run(python, "-c", "import bayeux; print(bayeux.__file__)", within=away).startswith(str(tmp_path / "venv"))
    for name in PROGRAMS:
        if name != "starlette_app":
            run(python, away / "examples" / f"{name}.py", "--help", within=away)

    run(python, "-m", "pip", "install", "-q", f"{wheel}[testing]", *ASGI, within=tmp_path)
    told = run(python, "-m", "pytest", "-q", "-x", away / "tests" / "examples", within=away)
    assert "passed" in told.splitlines()[-1]
    assert "skipped" not in told.splitlines()[-1]


def build(folder: Path) -> Path:
    """The wheel, made from a copy: a build leaves its traces beside the sources."""
    sources = folder / "sources"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, sources / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, sources)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, sources, within=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def copied(away: Path) -> Path:
    """The examples and what checks them, with the repository out of sight."""
    shutil.copytree(EXAMPLES, away / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", *CHECKS):
        (away / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tests" / name, away / "tests" / name)
    (away / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n", "utf-8")
    return away


def run(*command: str | Path, within: Path) -> str:
    """What a command prints that must go well, and must find nothing by the environment it is started in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        cwd=within,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout
