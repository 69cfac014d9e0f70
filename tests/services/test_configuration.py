"""What is configured: the file's, what management wrote over it, and how nodes learn of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bayeux.protocol.errors import Unavailable
from gateway.access.pool import Strategy
from gateway.services.configuration import ROOM, TOMBSTONE_KEPT, TRUSTED, Configuration
from gateway.services.entry import Entry
from gateway.services.kinds import Kind
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Write
from tests.services.conftest import CHAT, EXPRESSIONS, FILE, Clock, Node, node_on
from tests.support.nodes import eventually
from tests.support.nodes_on_redis import Store as Servers
from tests.support.nodes_on_redis import single
from tests.support.stores import Ways, WaysToFile, WaysToRedis


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with single() as servers:
        yield servers


@pytest.fixture(params=["sqlite", "redis"])
async def ways(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ways]:
    """To one store, for several nodes."""
    made: Ways
    if request.param == "sqlite":
        made = WaysToFile(tmp_path / "shared.db")
    else:
        made = WaysToRedis(request.getfixturevalue("servers"))
    yield made
    await made.close()


@pytest.mark.spec("OPT-7", "SM-1")
async def test_the_file_counts_before_anything_is_stored(node: Node) -> None:
    configuration = node.configuration
    assert configuration.services["chat-delay"]["_media_type"] == "chat"  # of the profile
    assert configuration.services["chat-delay"]["_target"] == "sales@StatServer.GA"
    assert configuration.pools["DNIS"].numbers == ("1-800-1234",)
    assert configuration.pools["DNIS"].strategy is Strategy.CLUSTER
    assert [name for name, _ in configuration.patterns["Callback_exceptions"]] == list(EXPRESSIONS)
    assert configuration.entries(Kind.SERVICE)["chat-delay"].by == ""


@pytest.mark.spec("MG-4", "MG-20")
async def test_what_management_wrote_beats_the_file_at_once(node: Node) -> None:
    before = node.configuration.entries(Kind.SERVICE)["chat-delay"].tag
    after = await node.put(Kind.SERVICE, "chat-delay", {**CHAT, "_ttl": "60"})
    assert node.configuration.services["chat-delay"]["_ttl"] == "60"
    assert after == node.configuration.entries(Kind.SERVICE)["chat-delay"]
    assert after is not None
    assert (after.by, after.at) == ("ada", node.clock.now)
    assert after.tag != before


@pytest.mark.spec("MG-4")
async def test_a_tombstone_hides_what_the_file_says(node: Node, sqlite_store: SqliteStore) -> None:
    await node.put(Kind.SERVICE, "chat-delay", None)
    assert node.configuration.services == {}
    later = node_on(sqlite_store)
    await later.configuration.begin()
    assert later.configuration.services == {}


@pytest.mark.spec("MG-20")
async def test_other_nodes_learn_of_changes_by_a_look(ways: Ways) -> None:
    here, there = node_on(await ways.open()), node_on(await ways.open())
    for each in (here, there):
        await each.configuration.begin()
    await here.put(Kind.RESOURCES, "Test", {"a": "1"})
    await here.put(Kind.PATTERNS, "Callback_exceptions", {"x": "9+"})
    await here.put(Kind.SERVICE, "chat-delay", None)
    assert "Test" not in there.configuration.pools
    await there.configuration.look()
    assert there.configuration.pools["Test"].numbers == ("1",)
    assert [name for name, _ in there.configuration.patterns["Callback_exceptions"]] == ["x"]
    assert there.configuration.services == {}
    await there.put(Kind.RESOURCES, "Test", None)
    await here.configuration.look()
    assert "Test" not in here.configuration.pools


@pytest.mark.spec("MG-20")
async def test_a_node_looks_again_and_again(sqlite_store: SqliteStore) -> None:
    here = node_on(sqlite_store)
    there = Configuration(FILE, sqlite_store.room(ROOM), clock=Clock(), period=0.001)
    await there.begin()
    running = asyncio.create_task(there.run())
    try:
        await here.put(Kind.RESOURCES, "Test", {"a": "1"})
        await eventually(lambda: "Test" in there.pools)
    finally:
        running.cancel()


@pytest.mark.spec("MG-20")
async def test_more_changes_than_one_page_are_all_learnt(sqlite_store: SqliteStore) -> None:
    here, there = node_on(sqlite_store), node_on(sqlite_store)
    await there.configuration.begin()
    names = [f"group{number}" for number in range(230)]
    for name in names:
        await here.put(Kind.RESOURCES, name, {"a": "1"})
    await there.configuration.look()
    assert list(there.configuration.pools) == ["DNIS", *names]  # PT-4: in the order in which they were made


@pytest.mark.spec("MG-20")
async def test_who_was_away_for_long_reads_everything_anew(sqlite_store: SqliteStore) -> None:
    """A tombstone of what no file has goes after a while; who has missed it must not keep the entry."""
    here, there = node_on(sqlite_store), node_on(sqlite_store)
    await here.put(Kind.RESOURCES, "Test", {"a": "1"})
    await there.configuration.look()
    assert "Test" in there.configuration.pools
    assert TRUSTED < TOMBSTONE_KEPT
    room = sqlite_store.room(ROOM)
    (stored,) = await room.read("resources:Test")
    assert stored is not None
    await room.commit(Changes(writes=[Write("resources:Test", None, stored.version)]))
    await there.configuration.look()
    assert "Test" in there.configuration.pools
    there.clock.now += TRUSTED + 1
    await there.configuration.look()
    assert "Test" not in there.configuration.pools


async def test_two_nodes_that_change_different_entries_both_succeed(ways: Ways) -> None:
    nodes = [node_on(await ways.open()) for _ in range(2)]
    names = [f"group{number}" for number in range(10)]
    await asyncio.gather(
        *(nodes[number % 2].put(Kind.RESOURCES, name, {"a": "1"}) for number, name in enumerate(names))
    )
    for each in nodes:
        await each.configuration.look()
        assert set(each.configuration.pools) == {"DNIS", *names}


async def test_a_condition_that_does_not_hold_changes_nothing(node: Node) -> None:
    class NotThat(Exception):
        pass

    def never(entry: Entry | None) -> None:
        raise NotThat

    with pytest.raises(NotThat):
        await node.configuration.alter(Kind.SERVICE, "chat-delay", lambda _: None, "ada", match=never)
    assert "chat-delay" in node.configuration.services


async def test_a_removed_entry_that_comes_again_has_another_tag(node: Node) -> None:
    first = await node.put(Kind.RESOURCES, "Test", {"a": "1"})
    await node.put(Kind.RESOURCES, "Test", None)
    second = await node.put(Kind.RESOURCES, "Test", {"a": "1"})
    assert first is not None and second is not None
    assert first.tag != second.tag


@pytest.mark.expected_logs("cannot be read yet")
async def test_while_the_store_is_away_the_file_counts() -> None:
    class Away:
        async def read(self, *keys: str) -> None:
            raise Unavailable

    configuration = Configuration(FILE, Away(), clock=Clock())  # type: ignore[arg-type]
    await configuration.begin()
    assert "chat-delay" in configuration.services


@pytest.mark.expected_logs("not understood")
async def test_a_stored_entry_that_this_version_does_not_understand_is_left_out(node: Node) -> None:
    await node.put(Kind.PATTERNS, "Ours", {"a": "(?=x)"})
    await node.put(Kind.RESOURCES, "Ours", {"_allocation_strategy": "NEAREST"})
    assert "Ours" not in node.configuration.patterns
    assert "Ours" not in node.configuration.pools
    assert "Callback_exceptions" in node.configuration.patterns
