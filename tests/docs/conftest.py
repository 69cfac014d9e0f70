"""Collects the tests that stand in the documentation, beside those of this folder."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.samples import PAGES, module_of, python_of


class Page(pytest.Module):
    """One page: the tests in it, in a module of what it defines."""

    def _getobj(self) -> types.ModuleType:
        return module_of(self.path)


class Documentation(pytest.File):
    """All pages that have tests."""

    def collect(self) -> Iterator[Page]:
        for page in PAGES:
            if any(sample.has_tests for sample in python_of(page) if sample.program is None):
                yield Page.from_parent(self, path=page)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Documentation | None:
    """They run with the tests that look at the samples as text."""
    if file_path.name == "test_samples.py" and file_path.parent == Path(__file__).parent:
        return Documentation.from_parent(parent, path=file_path)
    return None
