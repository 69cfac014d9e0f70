"""The code in the documentation: which blocks there are, and what kind each one is.

A **program** is a whole file and says so in a comment of its first line, ``# chat.py``. A **test** defines
``test_…`` functions, which run with the fixtures of ``bayeux.testing``. A **definition** needs nothing
that the page has not defined before; it is executed. A **fragment** shows a few lines in the middle of
something: it is only type-checked, as all the others are too. A block is left out by a comment on the
line before it, ``<!-- sample: left out, because … -->``.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

GIVEN = (
    "from typing import Any",
    "from tornado.httputil import HTTPServerRequest",
    "import bayeux, bayeux.client",
    "server: bayeux.BayeuxServer",
    "session: bayeux.ServerSession",
    "message: bayeux.Message",
    "channel: bayeux.ServerChannel",
    "client: bayeux.client.BayeuxClient",
)
"""What a fragment may speak of without saying where it comes from."""

LEFT_OUT = re.compile(r"<!-- sample: left out, because (\S.+) -->")
OPENING = re.compile(r"^(?P<margin>\s*(?:[-*] )*)(?P<fence>`{3,}|~{3,})(?P<language>\w+)\s*$")
TITLE = re.compile(r"^(?:#|//|<!--) (?P<name>[\w.-]+\.\w+)(?: -->)?$")


@dataclass(frozen=True)
class Sample:
    """One block of code."""

    page: Path
    line: int
    """Of its first line in the page, counted from 1."""
    language: str
    text: str
    left_out: str | None
    """Why it is not to be tried."""
    is_in_table: bool
    """It stands in a cell of a table."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def program(self) -> str | None:
        """The name of the file it is."""
        title = TITLE.match(self.text.partition("\n")[0])
        return title["name"] if title else None

    @property
    def padded(self) -> str:
        """The text on the lines it has in the page, for messages and tracebacks."""
        return "\n" * (self.line - 1) + self.text

    @cached_property
    def tree(self) -> ast.Module:
        """Raises SyntaxError."""
        return ast.parse(self.padded, str(self.page))

    @property
    def has_tests(self) -> bool:
        return any(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
            for node in self.tree.body
        )

    def is_fragment(self, known: set[str]) -> bool:
        """It waits at top level, or uses names that neither the page nor the block has defined."""
        try:
            compile(self.tree, str(self.page), "exec")
        except SyntaxError:
            return True
        return bool(free_names(self.text) - known - set(vars(builtins)))

    def run(self, namespace: dict[str, object]) -> None:
        if re.search(r"^asyncio\.run\(", self.text, re.MULTILINE):
            raise ValueError(f"{self} runs for ever: a program has its name in the first line, as in # chat.py")
        exec(compile(self.tree, str(self.page), "exec"), namespace)  # noqa: S102


def free_names(source: str) -> set[str]:
    """Names that a module reads and does not bind, at any depth."""

    def read(table: symtable.SymbolTable) -> Iterator[str]:
        for symbol in table.get_symbols():
            if symbol.is_referenced() and symbol.is_global():
                yield symbol.get_name()
        for child in table.get_children():
            yield from read(child)

    module = symtable.symtable(source, "<sample>", "exec")
    bound = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    bound |= {child.get_name() for child in module.get_children()}
    return set(read(module)) - bound


def samples(page: Path) -> list[Sample]:
    """All blocks of a page that name a language, in order; also those in the cells of a table."""
    lines = page.read_text("utf-8").splitlines()
    found: list[Sample] = []
    number = 0
    while number < len(lines):
        opening = OPENING.match(lines[number])
        number += 1
        if opening is None:
            continue
        start, margin = number, len(opening["margin"])
        while lines[number].strip() != opening["fence"]:
            number += 1
        text = "\n".join(line[margin:] for line in lines[start:number]) + "\n"
        reason = LEFT_OUT.search(lines[start - 2]) if start > 1 else None
        found.append(Sample(page, start + 1, opening["language"], text, reason[1] if reason else None, margin > 0))
        number += 1
    return found


def python_of(page: Path) -> list[Sample]:
    return [each for each in samples(page) if each.language == "python" and each.left_out is None]


def program(page: str, name: str) -> str:
    """The text of a program by its page, relative to the root, and its file name."""
    (found,) = [each.text for each in samples(ROOT / page) if each.program == name]
    return found


def module_of(page: Path) -> types.ModuleType:
    """A page read as one module: its definitions and tests executed, in order."""
    module = types.ModuleType(f"docs_{page.stem.replace('-', '_')}")
    module.__file__ = str(page)
    for sample in python_of(page):
        if sample.program is None and not sample.is_fragment(set(vars(module))):
            sample.run(vars(module))
    return module


def typed_text(page: Path) -> str:
    """The page as one module for the type checker, each line where it is in the page."""
    lines = [""] * (page.read_text("utf-8").count("\n") + 1)
    lines[0] = "; ".join(GIVEN)
    for sample in python_of(page):
        if sample.program is None:
            for offset, line in enumerate(sample.text.splitlines()):
                lines[sample.line - 1 + offset] = line
    return "\n".join(lines) + "\n"
