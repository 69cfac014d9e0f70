"""The examples as texts: each is listed, tested, short, and made of public names alone."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.programs import EXAMPLES, PROGRAMS, SHOWN_PORT, shown_client

FILES = sorted(EXAMPLES.glob("*.py"))
DOORS = ("bayeux", "bayeux.client", "bayeux.client.sync", "bayeux.extensions", "bayeux.testing")
LONGEST = 85  # lines: more is not read over

EVERY_FILE = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_there_are_some() -> None:
    assert len(PROGRAMS) >= 8


@EVERY_FILE
def test_is_listed_for_readers(path: Path) -> None:
    assert f"| [{path.name}]({path.name}) |" in (EXAMPLES / "README.md").read_text("utf-8")


@EVERY_FILE
def test_is_used_by_a_test(path: Path) -> None:
    tests = Path(__file__).with_name("test_programs.py").read_text("utf-8")
    assert f'"{path.name}"' in tests or f'"{path.stem}"' in tests


@EVERY_FILE
def test_is_short(path: Path) -> None:
    assert path.read_text("utf-8").count("\n") <= LONGEST


@EVERY_FILE
def test_imports_public_names_alone(path: Path) -> None:
    assert list(not_public(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_client_it_shows_imports_public_names_alone(name: str) -> None:
    code = shown_client(name)
    assert SHOWN_PORT in code
    assert list(not_public(code)) == []


def test_an_inner_name_is_found() -> None:
    code = "import bayeux.server.server\nfrom bayeux.server.flow import FlowControl\nfrom bayeux import log, Mount\n"
    assert list(not_public(code)) == ["bayeux.server.server", "bayeux.server.flow.FlowControl", "bayeux.log"]


def not_public(code: str) -> Iterator[str]:
    """What a program imports of us that is not listed."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if is_ours(each.name) and each.name not in DOORS)
        elif isinstance(node, ast.ImportFrom) and is_ours(node.module or "."):
            names = public_names(node.module or ".")
            yield from (f"{node.module}.{each.name}" for each in node.names if each.name not in names)


def is_ours(module: str) -> bool:
    """Whether it is one of the packages here; ``.`` is a relative import."""
    return module.partition(".")[0] in ("", "bayeux", "channels", "gateway", "tests")


def public_names(module: str) -> set[str]:
    if module not in DOORS:
        return set()
    door = importlib.import_module(module)
    if module == "bayeux.client.sync":  # all that it defines
        return {name for name, value in vars(door).items() if getattr(value, "__module__", "") == module}
    return set(door.__all__)
