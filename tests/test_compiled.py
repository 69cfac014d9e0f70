"""What ``setup.py`` has compiled: nothing that the compiler is known to get wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)


def compiled() -> tuple[str, ...]:
    """The list, without running what it is part of."""
    for node in ast.parse((ROOT / "setup.py").read_text("utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name("COMPILED")], value=value):
                names: tuple[str, ...] = ast.literal_eval(value)
                return names
    raise LookupError("setup.py lists nothing")


def waits_in_finally(source: str) -> Iterator[int]:
    """Lines where a ``finally`` waits."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Try | ast.TryStar):
            for statement in node.finalbody:
                yield from (each.lineno for each in ast.walk(statement) if isinstance(each, WAITS))


@pytest.mark.parametrize("name", compiled())
def test_nothing_compiled_waits_in_finally(name: str) -> None:
    """Else mypyc 2.4 has a later call raise the exception that ended an earlier one."""
    assert list(waits_in_finally((ROOT / "bayeux" / f"{name}.py").read_text("utf-8"))) == []


def test_wait_in_finally_is_found() -> None:
    """Otherwise the test above would pass whatever is compiled."""
    socket = (ROOT / "bayeux" / "transports" / "asgi_socket.py").read_text("utf-8")
    assert len(list(waits_in_finally(socket))) == 1
