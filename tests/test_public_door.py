"""The public doors, ``bayeux/__init__.py`` and those beside it: list and reality together, all of it documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import bayeux

ROOT = Path(__file__).parent.parent
DOORS = [importlib.import_module(name) for name in ("bayeux", "bayeux.client", "bayeux.extensions", "bayeux.testing")]
REFERENCE = ROOT / "docs" / "reference" / "api"

EVERY_DOOR = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


@EVERY_DOOR
def test_everything_listed_exists_and_is_not_defined_there(door: ModuleType) -> None:
    for name in door.__all__:
        assert getattr(getattr(door, name), "__module__", "bayeux.elsewhere") != door.__name__
    visible = {name: value for name, value in vars(door).items() if not name.startswith("_")}
    assert {name for name, value in visible.items() if not inspect.ismodule(value)} == set(door.__all__)


@EVERY_DOOR
def test_everything_public_has_a_docstring(door: ModuleType) -> None:
    assert list(undocumented(door)) == []


@EVERY_DOOR
def test_everything_public_has_its_place_in_the_reference(door: ModuleType) -> None:
    """By itself, or in a door whose whole list is there."""
    pages = "\n".join(page.read_text("utf-8") for page in sorted(REFERENCE.glob("*.md")))
    whole = [each for each in DOORS if f".. automodule:: {each.__name__}\n" in pages]
    placed = {id(getattr(each, name)) for each in whole for name in each.__all__}
    alone = set(re.findall(rf"^\.\. auto(?!module)\w+:: {re.escape(door.__name__)}\.(\w+)", pages, re.MULTILINE))
    assert [name for name in door.__all__ if name not in alone and id(getattr(door, name)) not in placed] == []
    assert alone <= set(door.__all__)


def test_importing_it_costs_no_gateway() -> None:
    """OPS-90: what the service needs is not needed by who mounts the library."""
    script = "import sys, bayeux; print(sorted({'typer', 'pydantic', 'redis', 'gateway', 'pytest'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def undocumented(door: ModuleType) -> Iterator[str]:
    """Public names, and public members of public classes that are ours, without a docstring."""
    for name in door.__all__:
        public = getattr(door, name)
        if inspect.isclass(public):
            if not public.__doc__ or public.__doc__.startswith(f"{public.__name__}("):  # a dataclass makes one up
                yield name
            yield from (f"{name}.{member}" for member in undocumented_members(public))
        elif inspect.isroutine(public):
            if not inspect.getdoc(public):
                yield name
        elif name not in documented_constants():
            yield name


def undocumented_members(public: type) -> Iterator[str]:
    for base in public.__mro__:
        if base.__module__.partition(".")[0] != "bayeux":
            continue
        for name, member in vars(base).items():
            if name.startswith("_") or not isinstance(member, property | classmethod | staticmethod | FUNCTION):
                continue
            if not inspect.getdoc(getattr(public, name)):
                yield name


FUNCTION = type(lambda: None)


def documented_constants() -> set[str]:
    """Names that some module of ours assigns, with a text behind the assignment that says what they are."""
    found = set()
    for path in (ROOT / "bayeux").rglob("*.py"):
        body = ast.parse(path.read_text("utf-8")).body
        for statement, following in itertools.pairwise(body):
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_the_first_door_is_enough_for_a_server() -> None:
    """GEN-7: one place to import from."""
    assert {"BayeuxServer", "Mount", "Options", "make_handlers"} <= set(bayeux.__all__)
