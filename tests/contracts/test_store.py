"""What every ``Store`` promises; each implementation runs the same lines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store.store import (
    Changes,
    Conflict,
    Deadline,
    Document,
    Entry,
    Fence,
    LeaseLost,
    Outgoing,
    Room,
    Store,
    TakenAlready,
    Write,
)
from tests.support.nodes import eventually
from tests.support.nodes_on_redis import Store as Servers
from tests.support.store_model import Model, random_changes
from tests.support.stores import Ways, WaysToFile, WaysToRedis

STORES = ("sqlite", "redis", "secure", "sentinel", "cluster")

LONG = 60.0
SHORT = 0.3

ODD = ["", " ", "ä", "a b", "a:b", "{a}", "a\x00b", "\U0001f600", "a" * 500, "a/b", "'; --", "*"]
"""Names that a store might take for something else."""


@pytest.fixture
async def ways(store: Servers | None, tmp_path: Path) -> AsyncIterator[Ways]:
    made: Ways = WaysToFile(tmp_path / "store.db") if store is None else WaysToRedis(store)
    yield made
    await made.close()


@pytest.fixture
async def near(ways: Ways) -> Store:
    return await ways.open()


@pytest.fixture
async def here(near: Store) -> Room:
    """A room as one node reaches it."""
    return near.room("contact")


@pytest.fixture
async def there(ways: Ways, here: Room) -> Room:
    """The same as another node reaches it."""
    return (await ways.open()).room("contact")


async def keys_in(room: Room, index: str, **bounds: Any) -> list[str]:
    return [entry.key for entry in await room.page(index, **bounds)]


async def body_of(room: Room, key: str) -> Any:
    (found,) = await room.read(key)
    return found and found.body


async def is_missing(room: Room, key: str) -> bool:
    return await room.read(key) == [None]


# Documents ------------------------------------------------------------------------------------


async def test_what_one_node_commits_another_reads(here: Room, there: Room) -> None:
    body = {"z": 1, "a": [None, True, "ä\x00", 1.5, {"y": {}, "b": -(2**53)}], "": ""}
    await here.commit(Changes(writes=[Write("one", body, 0)]))
    one, none, again = await there.read("one", "two", "one")
    assert one == again == Document("one", 1, body)
    assert none is None
    assert list(one.body) == ["z", "a", ""]
    assert await there.read() == []


@pytest.mark.spec("MRE-122")
async def test_a_write_needs_the_version_that_is_there(here: Room, there: Room) -> None:
    """Who lost the race reads again; nothing of its commit has happened."""
    await here.commit(Changes(writes=[Write("one", {"n": 1}, 0)]))
    await there.commit(Changes(writes=[Write("one", {"n": 2}, 1, {"all": 1.0})]))
    late = Changes(
        writes=[Write("other", {}, 0, {"all": 2.0}), Write("one", {"n": 3}, 1)],
        deadlines={"bell": 1.0},
        outgoing=[Outgoing("id", "mail", {})],
        taken="message",
    )
    with pytest.raises(Conflict) as raised:
        await here.commit(late)
    assert raised.value.key == "one"
    assert await here.read("one", "other") == [Document("one", 2, {"n": 2}), None]
    assert await keys_in(here, "all") == ["one"]
    assert await here.next_deadline() is None
    assert await here.outbox("mail") == []
    await here.commit(Changes(taken="message"))


@pytest.mark.parametrize("version", [0, 2])
async def test_what_is_there_is_not_created_and_what_is_not_is_not_changed(here: Room, version: int) -> None:
    await here.commit(Changes(writes=[Write("there", {}, 0)]))
    with pytest.raises(Conflict):
        await here.commit(Changes(writes=[Write("there" if version == 0 else "elsewhere", {}, version)]))


async def test_a_document_may_end_and_begin_anew(here: Room) -> None:
    await here.commit(Changes(writes=[Write("one", {}, 0, {"all": 1.0})]))
    with pytest.raises(Conflict):
        await here.commit(Changes(writes=[Write("one", None, 2)]))
    await here.commit(Changes(writes=[Write("one", None, 1)]))
    assert await here.read("one") == [None]
    assert await here.count("all") == 0
    await here.commit(Changes(writes=[Write("one", None, 0)]))
    await here.commit(Changes(writes=[Write("one", {"life": 2}, 0)]))
    assert await here.read("one") == [Document("one", 2, {"life": 2})]


@pytest.mark.spec("MRE-122")
@pytest.mark.parametrize("ends_by_itself", [False, True])
async def test_what_was_known_of_a_document_is_not_taken_for_its_next_life(
    here: Room, there: Room, ends_by_itself: bool
) -> None:
    """A number was given back and booked by another one meanwhile; who had read before that once took it from him."""
    await there.commit(Changes(writes=[Write("claim", {"of": "Ann"}, 0, ttl=SHORT if ends_by_itself else None)]))
    (known,) = await here.read("claim")
    assert known is not None
    if ends_by_itself:
        await eventually(lambda: is_missing(there, "claim"))
    else:
        await there.commit(Changes(writes=[Write("claim", None, known.version)]))
    await there.commit(Changes(writes=[Write("claim", {"of": "Bob"}, 0)]))
    for body in ({"of": "Cid"}, None):
        with pytest.raises(Conflict):
            await here.commit(Changes(writes=[Write("claim", body, known.version)]))
    assert await body_of(here, "claim") == {"of": "Bob"}


async def test_a_commit_tells_the_versions_it_made(here: Room, there: Room) -> None:
    """Also that of a document which follows others that ended; one goes on from there without reading."""
    assert await here.commit(Changes(writes=[Write("one", {}, 0), Write("two", {}, 0)])) == {"one": 1, "two": 1}
    assert await here.commit(Changes(writes=[Write("one", {}, 1)])) == {"one": 2}
    versions = await here.commit(Changes(writes=[Write("one", None, 2), Write("two", {}, 1), Write("three", {}, 0)]))
    assert list(versions) == ["two", "three"]
    assert await here.commit(Changes(deadlines={"bell": 1.0})) == {}
    versions = await here.commit(Changes(writes=[Write("one", {}, 0), Write("three", {}, versions["three"])]))
    found = await there.read("one", "three")
    assert versions == {each.key: each.version for each in found if each is not None}
    assert versions["one"] > 2


@pytest.mark.spec("AG-122")
async def test_a_message_leaves_with_the_version_of_what_it_is_of(here: Room, there: Room) -> None:
    """Also where the document is made by the same commit, so that nobody can know before."""
    for n in range(2):
        await here.commit(Changes(writes=[Write("one", {}, n)], outgoing=[Outgoing(f"{n}", "mail", {}, "one")]))
    await here.commit(Changes(writes=[Write("one", None, 2)], outgoing=[Outgoing("2", "mail", {}, "one")]))
    await here.commit(Changes(writes=[Write("one", {}, 0)], outgoing=[Outgoing("3", "mail", {}, "one")]))
    assert [each.version for each in await there.outbox("mail")] == [1, 2, 0, 3]


def test_two_writes_of_one_document_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two writes"):
        Changes(writes=[Write("one", {}, 0), Write("one", {}, 1)])


@pytest.mark.spec("MRE-122")
async def test_of_many_who_write_at_once_one_wins_each_round(here: Room, there: Room) -> None:
    """Counted up by compare-and-set from all sides, nothing is counted twice or lost."""

    async def count_up(room: Room) -> None:
        for _ in range(10):
            while True:
                (found,) = await room.read("counter")
                version, n = (found.version, found.body["n"]) if found else (0, 0)
                try:
                    await room.commit(Changes(writes=[Write("counter", {"n": n + 1}, version)]))
                    break
                except Conflict:
                    continue

    await asyncio.gather(*(count_up(room) for room in (here, there) * 3))
    assert await here.read("counter") == [Document("counter", 60, {"n": 60})]


async def test_documents_are_read_as_of_one_moment(here: Room, there: Room) -> None:
    """Two that always change together are never seen apart."""
    pair = ("left", "right")

    async def change() -> None:
        for n in range(100):
            await here.commit(Changes(writes=[Write(key, {"n": n}, n) for key in pair]))

    changing = asyncio.create_task(change())
    seen = set()
    while not changing.done():
        left, right = await there.read(*pair)
        assert (left and left.version) == (right and right.version)
        seen.add(left and left.version)
    await changing
    assert len(seen) > 1


async def test_commits_that_were_not_waited_for_happen_in_their_order(here: Room) -> None:
    await asyncio.gather(*(here.commit(Changes(writes=[Write("one", {"n": n}, n)])) for n in range(200)))
    assert await here.read("one") == [Document("one", 200, {"n": 199})]


async def test_a_document_outlives_its_time_by_little(here: Room) -> None:
    """Then it is gone, from indexes, too."""
    writes = [Write("short", {}, 0, {"all": 1.0}, ttl=SHORT), Write("long", {}, 0, {"all": 2.0}, ttl=LONG)]
    await here.commit(Changes(writes=writes))
    await here.commit(Changes(writes=[Write("kept", {}, 0, {"all": 3.0}, ttl=SHORT)]))
    await here.commit(Changes(writes=[Write("kept", {"for": "good"}, 1, {"all": 3.0})]))

    async def is_gone() -> bool:
        return await here.read("short") == [None]

    await eventually(is_gone)
    assert await keys_in(here, "all") == ["long", "kept"]
    assert await here.count("all") == 2
    await here.commit(Changes(writes=[Write("short", {"life": 2}, 0)]))
    assert await body_of(here, "short") == {"life": 2}
    assert await keys_in(here, "all") == ["long", "kept"]


# Indexes --------------------------------------------------------------------------------------


async def test_an_index_is_read_in_pages_from_the_lowest_place(here: Room, there: Room) -> None:
    places = {"d": 1e300, "c": 2.5, "b": 2.5, "a": 3.0, "e": -1.0, "f": -1e-300, "g": 0.0, "h": -0.0, "i": 1.7e9}
    await here.commit(Changes(writes=[Write(key, {}, 0, {"all": place}) for key, place in places.items()]))
    assert await keys_in(there, "all") == ["e", "f", "g", "h", "b", "c", "a", "i", "d"]
    assert await there.page("all", least=2.5, most=3.0) == [Entry("b", 2.5), Entry("c", 2.5), Entry("a", 3.0)]
    assert await keys_in(there, "all", least=1.8e9) == ["d"]
    assert await keys_in(there, "all", most=-1.0) == ["e"]
    assert await keys_in(there, "all", offset=1, limit=3) == ["f", "g", "h"]
    assert await keys_in(there, "all", least=0.0, offset=6) == ["d"]
    assert await keys_in(there, "all", offset=9) == []
    assert await there.count("all") == 9


async def test_a_document_leaves_the_indexes_that_a_write_does_not_name(here: Room) -> None:
    await here.commit(Changes(writes=[Write("one", {}, 0, {"open": 1.0, "all": 1.0, "mine": 1.0})]))
    await here.commit(Changes(writes=[Write("one", {}, 1, {"all": 7.0, "closed": 2.0})]))
    for index, entries in {"open": [], "mine": [], "all": [Entry("one", 7.0)], "closed": [Entry("one", 2.0)]}.items():
        assert await here.page(index) == entries
        assert await here.count(index) == len(entries)


async def test_no_name_is_mistaken_for_another(here: Room, there: Room) -> None:
    """Documents, indexes, deadlines, lanes, ids and leases may have any names."""
    writes = [Write(name, {"name": name}, 0, {name: n, "all": 0.0}) for n, name in enumerate(ODD)]
    outgoing = [Outgoing(name, name, {"name": name}) for name in ODD]
    await here.commit(Changes(writes=writes, outgoing=outgoing, deadlines=dict.fromkeys(ODD, 1.0)))
    assert await here.read(*ODD) == [Document(name, 1, {"name": name}) for name in ODD]
    assert await keys_in(here, "all") == sorted(ODD)
    assert [due.name for due in await here.due(1.0)] == sorted(ODD)
    for n, name in enumerate(ODD):
        assert await here.page(name) == [Entry(name, n)]
        assert await here.outbox(name) == [Outgoing(name, name, {"name": name})]
        assert await here.claim(name, name, LONG) is not None
        assert await there.claim(name, f"{name}.", LONG) is None
        if name:
            await here.commit(Changes(taken=name))


async def test_rooms_know_nothing_of_each_other(near: Store) -> None:
    rooms = [near.room("contact"), near.room("contacts"), near.room("engine")]
    for n, room in enumerate(rooms):
        fence = await room.claim("role", f"holder{n}", LONG)
        await room.commit(
            Changes(
                writes=[Write("one", {"n": n}, 0, {"all": n})],
                deadlines={"bell": n},
                outgoing=[Outgoing("id", "mail", {"n": n})],
                taken="message",
                fence=fence,
            )
        )
    for n, room in enumerate(rooms):
        assert await body_of(room, "one") == {"n": n}
        assert await room.page("all") == [Entry("one", n)]
        assert await room.due(9.0) == [Deadline("bell", n)]
        assert await room.outbox("mail") == [Outgoing("id", "mail", {"n": n})]


@pytest.mark.parametrize("name", ["", "Contact", "a/b", "room1", "a" * 33])
async def test_a_room_has_a_plain_name(near: Store, name: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        near.room(name)


# Deadlines ------------------------------------------------------------------------------------


@pytest.mark.spec("AG-126")
async def test_a_deadline_is_due_until_a_commit_ends_or_moves_it(here: Room, there: Room) -> None:
    await here.commit(Changes(deadlines={"c": 3.0, "b": 2.0, "a": 2.0, "d": 1_700_000_000.125}))
    assert await there.next_deadline() == 2.0
    assert await there.due(1.999) == []
    assert await there.due(3.0) == [Deadline("a", 2.0), Deadline("b", 2.0), Deadline("c", 3.0)]
    assert await there.due(3.0, limit=1) == [Deadline("a", 2.0)]
    await there.commit(Changes(deadlines={"a": None, "b": 4.0, "none": None}))
    assert await here.due(3.0) == [Deadline("c", 3.0)]
    await there.commit(Changes(deadlines={"b": None, "c": None}))
    assert await here.due(2e9) == [Deadline("d", 1_700_000_000.125)]
    await there.commit(Changes(deadlines={"d": None}))
    assert await here.next_deadline() is None


@pytest.mark.spec("AG-126")
async def test_a_deadline_fires_once_for_all_who_see_it(here: Room, there: Room) -> None:
    """Whoever answers it takes it in the same commit."""
    await here.commit(Changes(deadlines={"bell": 1.0}))
    (due,) = await here.due(2.0)
    assert await there.due(2.0) == [due]
    answer = Changes(deadlines={due.name: None}, outgoing=[Outgoing("id", "bus", {})], taken=f"{due.name} {due.at}")
    outcomes = await asyncio.gather(here.commit(answer), there.commit(answer), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {dict, TakenAlready}
    assert await here.due(2.0) == []
    assert len(await here.outbox("bus")) == 1


# Outbox ---------------------------------------------------------------------------------------


@pytest.mark.spec("MRE-120")
async def test_a_lane_is_left_in_the_order_of_commits(here: Room, there: Room) -> None:
    for n in range(0, 12, 2):
        room = (here, there)[n // 2 % 2]
        mail = [Outgoing(f"mail{n + i}", "mail", {"n": n + i}) for i in range(2)]
        await room.commit(Changes(outgoing=[mail[0], Outgoing(f"bus{n}", "bus", {}), mail[1]]))
    assert [message.body["n"] for message in await there.outbox("mail")] == list(range(12))
    assert [message.id for message in await there.outbox("mail", limit=2)] == ["mail0", "mail1"]
    assert len(await there.outbox("bus")) == 6
    assert await there.outbox("mai") == []


@pytest.mark.spec("MRE-120")
async def test_a_message_stays_until_it_is_known_to_be_sent(here: Room, there: Room) -> None:
    await here.commit(Changes(outgoing=[Outgoing(id, "mail", {"first": True}) for id in "abc"]))
    await there.commit(Changes(sent=["b", "unknown"]))
    assert [message.id for message in await here.outbox("mail")] == ["a", "c"]
    await here.commit(Changes(outgoing=[Outgoing("a", "mail", {"first": False}), Outgoing("d", "mail", {})]))
    assert [message.id for message in await here.outbox("mail")] == ["a", "c", "d"]
    assert (await here.outbox("mail"))[0].body == {"first": True}
    await here.commit(Changes(sent=["a", "c"], outgoing=[Outgoing("a", "mail", {"again": True})]))
    assert [message.id for message in await here.outbox("mail")] == ["d", "a"]
    await here.commit(Changes(sent=["d", "a"]))
    await here.commit(Changes(outgoing=[Outgoing("e", "mail", {})]))
    assert [message.id for message in await there.outbox("mail")] == ["e"]


# What was taken -------------------------------------------------------------------------------


@pytest.mark.spec("MRE-120")
async def test_what_was_taken_changes_nothing_a_second_time(here: Room, there: Room) -> None:
    answer = Changes(outgoing=[Outgoing("id", "bus", {})], taken="message")
    await here.commit(answer)
    await here.commit(Changes(sent=["id"]))
    for room in (here, there):
        with pytest.raises(TakenAlready):
            await room.commit(answer)
    assert await here.outbox("bus") == []
    await there.commit(Changes(outgoing=[Outgoing("id", "bus", {})], taken="another"))


async def test_what_was_taken_is_forgotten_in_time(here: Room) -> None:
    await here.commit(Changes(taken="message", taken_ttl=SHORT))

    async def is_forgotten() -> bool:
        try:
            await here.commit(Changes(taken="message", taken_ttl=SHORT))
        except TakenAlready:
            return False
        return True

    await eventually(is_forgotten)


# Leases ---------------------------------------------------------------------------------------


@pytest.mark.spec("MRE-123")
async def test_a_lease_has_one_holder_who_renews_it(here: Room, there: Room) -> None:
    claims = await asyncio.gather(*(room.claim("role", name, LONG) for name, room in {"a": here, "b": there}.items()))
    (held,) = [claim for claim in claims if claim is not None]
    assert held.lease == "role"
    assert await there.claim("role", "a" if claims[0] else "b", LONG) == held
    assert await here.claim("role", "c", LONG) is None
    assert await here.claim("other", "c", LONG) is not None


@pytest.mark.spec("MRE-123")
async def test_who_has_lost_the_lease_changes_nothing(here: Room, there: Room) -> None:
    """It ran out while its holder did not notice; the next one has the higher number."""
    first = await here.claim("role", "a", SHORT)
    assert first is not None
    await here.commit(Changes(deadlines={"bell": 1.0}, fence=first))

    second = None
    while second is None:
        second = await there.claim("role", "b", LONG)
    assert second.number > first.number
    with pytest.raises(LeaseLost):
        await here.commit(Changes(deadlines={"bell": 2.0}, outgoing=[Outgoing("id", "bus", {})], fence=first))
    assert await here.due(9.0) == [Deadline("bell", 1.0)]
    assert await here.outbox("bus") == []
    await here.release(first)
    assert await here.claim("role", "a", LONG) is None
    await there.commit(Changes(deadlines={"bell": 2.0}, fence=second))


async def test_what_has_run_out_is_lost_also_while_nobody_else_wants_it(here: Room) -> None:
    first = await here.claim("role", "a", SHORT)
    assert first is not None

    async def is_lost() -> bool:
        try:
            await here.commit(Changes(fence=first))
        except LeaseLost:
            return True
        return False

    await eventually(is_lost)
    second = await here.claim("role", "a", LONG)
    assert second is not None
    assert second.number > first.number


async def test_a_lease_that_is_released_is_free_at_once(here: Room, there: Room) -> None:
    first = await here.claim("role", "a", LONG)
    assert first is not None
    await here.release(first)
    with pytest.raises(LeaseLost):
        await here.commit(Changes(fence=first))
    second = await there.claim("role", "b", LONG)
    assert second is not None
    assert second.number > first.number
    with pytest.raises(LeaseLost):
        await here.commit(Changes(fence=Fence("never claimed", second.number)))


async def test_a_refusal_names_the_gravest_reason(here: Room) -> None:
    """Who lost the lease must stop, whatever else; and what was taken stands, whatever the versions are by now."""
    await here.commit(Changes(writes=[Write("one", {}, 0)], taken="message"))
    writes = [Write("one", {}, 0)]
    with pytest.raises(LeaseLost):
        await here.commit(Changes(writes=writes, taken="message", fence=Fence("role", 1)))
    fence = await here.claim("role", "a", LONG)
    with pytest.raises(TakenAlready):
        await here.commit(Changes(writes=writes, taken="message", fence=fence))
    with pytest.raises(Conflict):
        await here.commit(Changes(writes=writes, taken="another", fence=fence))


# The whole ------------------------------------------------------------------------------------


@pytest.mark.spec("AG-123", "MRE-126")
async def test_all_is_there_again_after_a_new_start(ways: Ways, near: Store) -> None:
    room = near.room("contact")
    fence = await room.claim("role", "a", LONG)
    before = Changes(
        writes=[Write("one", {"b": 1, "a": 2}, 0, {"all": 1.0})],
        deadlines={"bell": 5.0},
        outgoing=[Outgoing(id, "bus", {}) for id in "ba"],
        taken="message",
        fence=fence,
    )
    await room.commit(before)
    await near.close()

    room = (await ways.open()).room("contact")
    assert await room.read("one") == [Document("one", 1, {"b": 1, "a": 2})]
    assert await room.page("all") == [Entry("one", 1.0)]
    assert await room.due(5.0) == [Deadline("bell", 5.0)]
    assert [message.id for message in await room.outbox("bus")] == ["b", "a"]
    assert await room.claim("role", "b", LONG) is None
    with pytest.raises(TakenAlready):
        await room.commit(before)


async def test_what_json_cannot_say_is_refused_where_it_is_given(here: Room) -> None:
    """The caller's mistake; commits beside it are none the worse."""
    wrong = [
        Changes(writes=[Write("wrong", {"a": object()}, 0)]),
        Changes(outgoing=[Outgoing("wrong", "bus", {"a": object()})]),
        Changes(writes=[Write("wrong \ud800", {}, 0)]),
    ]
    right = [Changes(writes=[Write(f"right{n}", {}, 0)]) for n in range(3)]
    outcomes = await asyncio.gather(*map(here.commit, [*wrong, *right]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[:3]] == [TypeError, TypeError, UnicodeEncodeError]
    assert outcomes[3:] == [{f"right{n}": 1} for n in range(3)]
    assert await here.read("wrong") == [None]
    assert await here.outbox("bus") == []


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_committed_the_store_does_as_a_simple_model(here: Room, there: Room, seed: int) -> None:
    """Random changes, right and wrong ones; after each the store gives what the model does."""
    chance, model = random.Random(seed), Model()
    for _ in range(60):
        changes = random_changes(chance, model)
        expected = model.refusal_of(changes)
        room = chance.choice([here, there])
        if expected is None:
            assert await room.commit(changes) == model.apply(changes)
        else:
            with pytest.raises(expected):
                await room.commit(changes)
        await model.compare(chance.choice([here, there]))
