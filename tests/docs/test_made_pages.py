"""Pages that are made from tables or documents say what those say."""

from __future__ import annotations

import importlib.util

import pytest

from tests.docs.samples import ROOT


@pytest.mark.parametrize(("program", "made"), [("contact_center", "contact-center"), ("rest", "rest")])
def test_page_is_made_from_its_source(program: str, made: str) -> None:
    found = importlib.util.spec_from_file_location(f"docs_{program}", ROOT / "docs" / f"{program}.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    written = (ROOT / "docs" / "reference" / f"{made}.md").read_text("utf-8")
    assert written == module.page(), f"run `python docs/{program}.py > docs/reference/{made}.md`"
