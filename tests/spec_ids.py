"""Rule ids in code, tests and docs against the rules of ``docs/reference``; run as ``python -m tests.spec_ids``.

Fails when a cited id has no rule there, and prints which MUST rules of ``bayeux.md`` no test is marked with
(a MUST is a rule without a mark such as *(should)* or *(later)* at the end of its line).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SEARCHED = ("bayeux", "channels", "gateway", "tests", "docs")
SUFFIXES = (".py", ".md", ".mjs", ".js")
SKIPPED = ("node_modules", "vendor")

LOOK_ALIKE = frozenset({"CP", "ISO", "KOI", "RFC", "SHA", "SSH", "UCS", "UTF", "WINDOWS"})
"""``UTF-8`` and the like have the shape of an id and are none."""

PREFIX = r"(?<![A-Za-z0-9_-])([A-Z]{2,5}|Q)-(L?)"
CITED = re.compile(rf"{PREFIX}(\d+)(?![\w-])(?:\s?[…–]\s?(?:[A-Z]+-)?L?(\d+))?")
"""An id, or a range of them: ``HS-3``, ``SEC-L1…L22``, ``Q-10…Q-13``, ``BAT-1…5``."""
RULE = re.compile(r"^- \*\*([A-Z]{1,5}-L?\d+)\*\* .+?(?:\*\((should|may|later|not planned)\)\*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Citation:
    """One mention of a rule."""

    id: str
    path: Path
    line: int


def rules(page: Path) -> dict[str, str]:
    """The rules of a reference page, each with its mark; ``must`` when its line has none."""
    return {id: mark or "must" for id, mark in RULE.findall(page.read_text("utf-8"))}


def ids_in(text: str) -> Iterator[tuple[str, int]]:
    """The ids a text cites, ranges spelled out, each with its line number."""
    for number, line in enumerate(text.splitlines(), 1):
        for prefix, letter, first, last in CITED.findall(line):
            if prefix in LOOK_ALIKE:
                continue
            for n in range(int(first), int(last or first) + 1):
                yield f"{prefix}-{letter}{n}", number


def citations(root: Path) -> Iterator[Citation]:
    """All ids that code, tests and docs cite."""
    for folder in SEARCHED:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and not set(SKIPPED) & set(path.relative_to(root).parts):
                for id, line in ids_in(path.read_text("utf-8")):
                    yield Citation(id, path.relative_to(root), line)


def marked(source: str) -> Iterator[str]:
    """Ids that a test file's ``spec(...)`` marks name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if name == "spec":
                yield from (each.value for each in node.args if isinstance(each, ast.Constant))


def main(root: Path = ROOT) -> int:
    """Print what is missing; 1 if a cited id has no rule."""
    pages = {page.name: rules(page) for page in sorted((root / "docs" / "reference").glob("*.md"))}
    known = set().union(*pages.values())
    unknown = [each for each in citations(root) if each.id not in known]
    for each in unknown:
        print(f"{each.path}:{each.line}: {each.id} has no rule in docs/reference")

    must = [id for id, mark in pages["bayeux.md"].items() if mark == "must"]
    tested = {id for path in (root / "tests").rglob("*.py") for id in marked(path.read_text("utf-8"))}
    untested = [id for id in must if id not in tested]
    print(f"{len(must) - len(untested)} of {len(must)} MUST rules of bayeux.md have a test.")
    if untested:
        print(f"Without one: {', '.join(untested)}")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
