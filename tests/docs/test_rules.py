"""``docs/rules.py``: citations lead to the rules that ``tests.spec_ids`` knows."""

from __future__ import annotations

import importlib.util

import pytest

from tests import spec_ids
from tests.docs.samples import ROOT

pytest.importorskip("docutils")
_found = importlib.util.spec_from_file_location("docs_rules", ROOT / "docs" / "rules.py")
assert _found is not None and _found.loader is not None
links = importlib.util.module_from_spec(_found)
_found.loader.exec_module(links)


def test_the_same_rules_are_found() -> None:
    reference = ROOT / "docs" / "reference"
    expected = {id: f"reference/{page.stem}" for page in reference.glob("*.md") for id in spec_ids.rules(page)}
    assert links.rules(ROOT / "docs") == expected


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("see LST-1…4, SEC-L16 and (Q-2)", ["LST-1", "SEC-L16", "Q-2"]),
        ("UTF-8 and X-CSRF-TOKEN-1a", ["UTF-8"]),
    ],
)
def test_citations_are_found(text: str, cited: list[str]) -> None:
    assert links.CITED.findall(text) == cited
