"""The SQLite file of the embedded store: how it is opened, and what its tables are.

Everything is committed with ``synchronous=FULL``: also a machine that loses its power forgets nothing that was
answered. The write-ahead log makes that one wait for the disk a commit, and lets readers go on meanwhile.

Source: OPS-64, AG-123.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from gateway.failure import Failure

_TABLES = (
    """
    CREATE TABLE documents (
        room TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL, expires REAL NOT NULL,
        PRIMARY KEY (room, key)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX documents_by_expiry ON documents (expires)",
    """
    CREATE TABLE places (
        room TEXT NOT NULL, name TEXT NOT NULL, place REAL NOT NULL, key TEXT NOT NULL, expires REAL NOT NULL,
        PRIMARY KEY (room, name, place, key),
        FOREIGN KEY (room, key) REFERENCES documents ON DELETE CASCADE
    ) WITHOUT ROWID
    """,
    "CREATE INDEX places_by_document ON places (room, key)",
    """
    CREATE TABLE deadlines (
        room TEXT NOT NULL, name TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (room, name)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX deadlines_by_moment ON deadlines (room, at, name)",
    # AUTOINCREMENT: no number comes again, also when all that had one were sent.
    """
    CREATE TABLE outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        room TEXT NOT NULL, lane TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
        UNIQUE (room, id)
    )
    """,
    "CREATE INDEX outbox_by_lane ON outbox (room, lane, number)",
    """
    CREATE TABLE taken (
        room TEXT NOT NULL, id TEXT NOT NULL, expires REAL NOT NULL,
        PRIMARY KEY (room, id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX taken_by_expiry ON taken (expires)",
    """
    CREATE TABLE leases (
        room TEXT NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL, number INTEGER NOT NULL, expires REAL NOT NULL,
        PRIMARY KEY (room, name)
    ) WITHOUT ROWID
    """,
)

_VERSIONS = (
    # Of the documents of a room that are no more: new ones begin above it.
    "CREATE TABLE versions (room TEXT NOT NULL PRIMARY KEY, highest INTEGER NOT NULL) WITHOUT ROWID",
    """
    CREATE TRIGGER document_ends AFTER DELETE ON documents BEGIN
        INSERT INTO versions (room, highest) VALUES (OLD.room, OLD.version)
        ON CONFLICT (room) DO UPDATE SET highest = max(highest, excluded.highest);
    END
    """,
    # Of the document whose version is told beside a message; 0: of none.
    "ALTER TABLE outbox ADD COLUMN version INTEGER NOT NULL DEFAULT 0",
)

MIGRATIONS: Final = (_TABLES, _VERSIONS)
"""What makes of each version of the format the next one; an empty file has version 0. Never change one, add one."""

BUSY = 5.0
"""Seconds to wait for another process that writes in the same file, such as a backup."""

_SETTINGS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON")


def prepare(path: Path) -> None:
    """Make the file, for this user alone, or bring it to this version of the format.

    Raises Failure.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = connect(path)
        try:
            _migrate(connection, path)
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise Failure(f"{path} cannot be used ({error}): check data_dir, its owner and its disk") from error


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that was prepared. Transactions begin and end by words alone. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        for setting in _SETTINGS:
            connection.execute(setting)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")  # whoever opens the file at the same time waits
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise Failure(
            f"{path} was written by a later version (format {version}, known are up to {len(MIGRATIONS)}): "
            "start that one, or name another data_dir"
        )
    for migration in MIGRATIONS[version:]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute("COMMIT")
