"""Stores for tests of what works on one.

Import the fixture where it is needed: ``from tests.support.stores import sqlite_store``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.sqlite import SqliteStore


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """An empty store, open; its file goes with the test."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    yield store
    await store.close()
