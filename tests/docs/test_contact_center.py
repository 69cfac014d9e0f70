"""The page of states and messages says what the tables say."""

from __future__ import annotations

import importlib.util

from tests.docs.samples import ROOT


def test_page_is_made_from_the_tables() -> None:
    found = importlib.util.spec_from_file_location("docs_contact_center", ROOT / "docs" / "contact_center.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    written = (ROOT / "docs" / "reference" / "contact-center.md").read_text("utf-8")
    assert written == module.page(), "run `python docs/contact_center.py > docs/reference/contact-center.md`"
