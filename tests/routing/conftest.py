"""Fixtures of roles that last."""

from tests.support.stores import sqlite_store  # noqa: F401 (a fixture)
