"""Figures and seeds that tests tell, also when they pass: printed at the end of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

FIGURE = "figure"

Tell = Callable[[str], None]
"""Takes a line for the end of the test run."""


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Notes a figure or a seed; all of them are printed after the tests."""
    return lambda line: record_property(FIGURE, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests have told."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    told = [(report.nodeid, line) for report in reports for key, line in report.user_properties if key == FIGURE]
    if told:
        terminalreporter.section("figures")
    for test, line in told:
        terminalreporter.write_line(f"{test.rpartition('::')[2]}: {line}")
