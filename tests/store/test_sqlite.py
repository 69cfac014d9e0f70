"""The file of the embedded store: what it costs, and what may be wrong with it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from bayeux.protocol.errors import Unavailable
from gateway.failure import Failure
from gateway.store import database, database_thread
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Conflict, Document, Outgoing, Write
from tests.support.nodes import eventually
from tests.support.stores import sqlite_store

__all__ = ["sqlite_store"]


async def limit_pages(store: SqliteStore, most: int) -> int:
    """As if the disk ended there; how many pages there are."""

    def limit(connection: sqlite3.Connection) -> int:
        connection.execute(f"PRAGMA max_page_count = {most}")
        (count,) = connection.execute("PRAGMA page_count").fetchone()
        return int(count)

    return await store._writer.ask(limit)


# What it costs --------------------------------------------------------------------------------


async def test_commits_that_wait_for_the_disk_share_a_transaction(sqlite_store: SqliteStore) -> None:
    """One that is refused takes none of the others with it."""
    room, said = sqlite_store.room("contact"), list[str]()
    sqlite_store._writer._connection.set_trace_callback(said.append)
    right = [Changes(writes=[Write(f"one{n}", {}, 0)]) for n in range(1000)]
    wrong = [Changes(writes=[Write("wrong", {}, 1)]) for _ in range(10)]
    outcomes = await asyncio.gather(*map(room.commit, [*right[:500], *wrong, *right[500:]]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[500:510]] == [Conflict] * 10
    assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == outcomes[500:510]
    assert 4 <= said.count("COMMIT") <= 50
    assert None not in await room.read(*(f"one{n}" for n in range(1000)))


async def test_whoever_waits_for_too_many_others_is_refused(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_thread, "MOST_WAITING", 100)
    room = sqlite_store.room("contact")
    outcomes = await asyncio.gather(
        *(room.commit(Changes(writes=[Write(f"{n}", {}, 0)])) for n in range(5000)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert 0 < len(refused) < 4901
    assert {type(outcome) for outcome in refused} == {database_thread.DatabaseUnavailable}
    assert "too slow" in str(refused[0])


async def test_a_commit_happens_also_when_its_caller_has_gone(sqlite_store: SqliteStore) -> None:
    room = sqlite_store.room("contact")
    going = asyncio.create_task(room.commit(Changes(writes=[Write("one", {}, 0)])))
    await asyncio.sleep(0)
    going.cancel()
    await room.commit(Changes())
    assert await room.read("one") == [Document("one", 1, {})]


async def test_times_to_live_go_by_the_clock_that_was_given(tmp_path: Path) -> None:
    now = [1000.0]
    store = SqliteStore(tmp_path / "store.db", lambda: now[0])
    await store.open()
    room = store.room("contact")
    await room.commit(Changes(writes=[Write("one", {}, 0, {"all": 1.0}, ttl=10)], taken="message", taken_ttl=20))
    fence = await room.claim("role", "a", 5)
    now[0] += 4.9
    assert await room.claim("role", "b", 5) is None
    await room.commit(Changes(fence=fence))
    now[0] += 0.1
    assert await room.claim("role", "b", 5) is not None
    assert await room.count("all") == 1
    now[0] += 5
    assert await room.count("all") == 0
    assert await room.page("all") == []
    assert await room.read("one") == [None]
    now[0] += 10
    await room.commit(Changes(taken="message"))
    await store.close()


# What may be wrong ----------------------------------------------------------------------------


@pytest.mark.expected_logs("ERROR gateway.store.database_thread: .*the disk is full")
async def test_a_full_disk_refuses_commits_until_there_is_space(sqlite_store: SqliteStore) -> None:
    """What was there can be read; what did not fit left nothing behind."""
    room = sqlite_store.room("contact")
    await room.commit(Changes(writes=[Write("one", {}, 0)]))
    await limit_pages(sqlite_store, 1)  # the least it takes is what there is
    large = Changes(writes=[Write("large", {"text": "x" * 500_000}, 0)], outgoing=[Outgoing("id", "bus", {})])
    for _ in range(2):
        with pytest.raises(Unavailable) as raised:
            await room.commit(large)
        assert "free some space" in str(raised.value)
        assert str(sqlite_store._path) in str(raised.value)
        assert raised.value.wire == "503::unavailable"
        assert sqlite_store.trouble == str(raised.value)
    assert await room.read("one", "large") == [Document("one", 1, {}), None]
    assert await room.outbox("bus") == []
    await limit_pages(sqlite_store, 1_000_000)
    await room.commit(large)
    assert sqlite_store.trouble == ""
    assert len(await room.outbox("bus")) == 1


@pytest.mark.expected_logs("ERROR gateway.store.database_thread: .*another process")
async def test_another_writer_is_waited_for_and_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as an operator's shell with a transaction open."""
    monkeypatch.setattr(database, "BUSY", 0.3)
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    room = store.room("contact")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="second gateway"):
        await room.commit(Changes(writes=[Write("one", {}, 0)]))
    assert await room.read("one") == [None]
    other.execute("ROLLBACK")
    await room.commit(Changes(writes=[Write("one", {}, 0)]))
    other.close()
    await store.close()


async def test_what_was_asked_for_before_the_close_is_done_and_nothing_after(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    room = store.room("contact")
    commits = [asyncio.create_task(room.commit(Changes(writes=[Write(f"{n}", {}, 0)]))) for n in range(600)]
    await eventually(commits[0].done)
    await store.close()
    await asyncio.gather(*commits)
    with pytest.raises(Unavailable, match="stopping"):
        await room.commit(Changes())
    with pytest.raises(Unavailable, match="stopping"):
        await room.read("0")
    await store.close()
    assert os.listdir(tmp_path) == ["store.db"]  # the log was merged


def test_only_its_user_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.db"
    database.prepare(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_file_is_opened_again_and_again(tmp_path: Path) -> None:
    for _ in range(3):
        database.prepare(tmp_path / "store.db")
    connection = database.connect(tmp_path / "store.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (len(database.MIGRATIONS),)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


async def test_a_place_that_cannot_hold_a_file_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=r"file/store\.db cannot be used.*data_dir"):
        await SqliteStore(tmp_path / "file" / "store.db").open()


async def test_a_file_that_is_something_else_is_told_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("Dear diary, " * 1000)
    with pytest.raises(Failure, match=r"store\.db cannot be used.*not a database"):
        await SqliteStore(path).open()
    assert path.read_text().startswith("Dear diary")


@pytest.mark.expected_logs("ERROR gateway.store.database_thread: .*is damaged")
async def test_a_file_that_is_damaged_is_told_when_it_is_found_out(tmp_path: Path) -> None:
    """Whoever asks is refused, in words for the operator; no error of SQLite's goes further."""
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    writes = [Write(f"{n}", {"text": "x" * 5000}, 0) for n in range(100)]
    await store.room("contact").commit(Changes(writes=writes))
    await store.close()
    page = 4096
    with path.open("r+b") as file:
        file.seek(2 * page)  # the schema stays
        file.write(b"\xff" * 200 * page)

    store = SqliteStore(path)
    await store.open()
    room = store.room("contact")
    with pytest.raises(Unavailable, match="is damaged"):
        await room.read(*(f"{n}" for n in range(100)))
    with pytest.raises(Unavailable, match="is damaged"):
        await room.commit(Changes(writes=[Write("50", {}, 1)]))
    assert "docs/reference/store.md" in store.trouble
    await store.close()


@pytest.mark.spec("OPS-64")
async def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database.prepare(path)
    connection = database.connect(path)
    connection.execute("PRAGMA user_version = 1000")
    connection.close()
    with pytest.raises(Failure, match=r"later version \(format 1000"):
        await SqliteStore(path).open()


@pytest.mark.spec("OPS-64")
async def test_a_file_of_an_earlier_version_is_brought_forward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in it stays."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    await store.room("contact").commit(Changes(writes=[Write("one", {}, 0)]))
    await store.close()
    later = (*database.MIGRATIONS, ("ALTER TABLE leases ADD COLUMN since REAL", "CREATE TABLE more (id TEXT)"))
    monkeypatch.setattr(database, "MIGRATIONS", later)
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    assert await store.room("contact").read("one") == [Document("one", 1, {})]
    await store._writer.ask(lambda connection: connection.execute("INSERT INTO more VALUES ('x')").close())
    await store.close()


@pytest.mark.spec("OPS-64", "MRE-122")
async def test_documents_of_the_first_format_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knew no versions of documents that had ended, and messages without one."""
    path = tmp_path / "store.db"
    with monkeypatch.context() as before:
        before.setattr(database, "MIGRATIONS", database.MIGRATIONS[:1])
        database.prepare(path)
    connection = database.connect(path)
    connection.execute("INSERT INTO documents VALUES ('contact', 'one', 7, '{}', 9e99)")
    connection.execute("INSERT INTO outbox (room, lane, id, body) VALUES ('contact', 'mail', 'id', '{}')")
    connection.close()
    store = SqliteStore(path)
    await store.open()
    room = store.room("contact")
    assert await room.outbox("mail") == [Outgoing("id", "mail", {})]
    assert await room.commit(Changes(writes=[Write("one", None, 7)])) == {}
    assert await room.commit(Changes(writes=[Write("one", {}, 0)])) == {"one": 8}
    await store.close()
