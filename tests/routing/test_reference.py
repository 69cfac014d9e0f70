"""The page of messages and states is what the tables say."""

from __future__ import annotations

from pathlib import Path

from gateway.routing.reference import markdown

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "routing-messages.md"


def test_committed_page_is_up_to_date() -> None:
    page = PAGE.read_text("utf-8")
    assert page == markdown(), "run `python -m gateway.routing.reference > docs/reference/routing-messages.md`"
