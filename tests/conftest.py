"""What every test is held to: no log output it did not expect, no task left behind; and the fixtures we ship.

Unclosed sockets and coroutines that were never awaited fail through ``filterwarnings = error``.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import re
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from bayeux.server import flusher
from tests.support.figures import pytest_terminal_summary, tell  # noqa: F401 (a hook, and a fixture)

# A machine that is busy is no failure.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# asyncio logs exceptions that nobody retrieved, Tornado those that a handler raised.
WATCHED = ("bayeux", "channels", "gateway", "asyncio", "tornado.application")
LEAVING = 5.0
"""Seconds that the tasks of a test have to end in."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``make test-compiled`` says that it wants the compiled modules."""
    parser.addoption("--compiled", action="store_true", help="fail unless the hot modules are compiled")


def pytest_configure(config: pytest.Config) -> None:
    """Our plugin, also where the package is not installed, whose entry point registers it by this name."""
    if config.getoption("compiled") and not (flusher.__file__ or "").endswith(".so"):
        raise pytest.UsageError(f"not compiled: {flusher.__file__}")
    if not config.pluginmanager.hasplugin("bayeux"):
        config.pluginmanager.register(importlib.import_module("bayeux.testing.plugin"), "bayeux")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes minutes begins first: at the end one worker would be alone with it.

    Of compiled modules, leave out what looks into them or puts something in place of what is theirs.
    """
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if config.getoption("compiled"):
        for item in items:
            for mark in item.iter_markers("interpreted"):
                item.add_marker(pytest.mark.skip(reason=mark.args[0]))


class Unexpected(logging.Handler):
    """Collects warnings and errors that match none of the expected patterns."""

    def __init__(self, expected: tuple[str, ...]) -> None:
        super().__init__(logging.WARNING)
        self.expected = expected
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1]:
            line += f" ({record.exc_info[1]!r})"
        if not any(re.search(pattern, line) for pattern in self.expected):
            self.lines.append(line)


@pytest.fixture(autouse=True)
def no_unexpected_logs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test on a warning or error that its ``expected_logs`` marks do not name."""
    expected = tuple(pattern for mark in request.node.iter_markers("expected_logs") for pattern in mark.args)
    handler = Unexpected(expected)
    for name in WATCHED:
        logging.getLogger(name).addHandler(handler)
    yield
    for name in WATCHED:
        logging.getLogger(name).removeHandler(handler)
    assert not handler.lines, "unexpected log output:\n" + "\n".join(handler.lines)


@pytest.fixture
async def no_leaked_tasks() -> AsyncIterator[None]:
    """Fails a test whose tasks are still running a while after it."""
    yield
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    _, pending = await asyncio.wait(tasks, timeout=LEAVING) if tasks else (set(), set())
    assert not pending, f"tasks left behind: {[task.get_coro() for task in pending]}"


@pytest.fixture(autouse=True)
def no_tasks_left_by_a_coroutine_test(request: pytest.FixtureRequest) -> None:
    """Asks for ``no_leaked_tasks`` first, hence checks last; a plain test needs no loop for it."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("no_leaked_tasks")
