"""What every ``SessionStore`` promises; each implementation runs the same lines."""

from __future__ import annotations

import asyncio

import pytest

from bayeux.backplane.backplane import Claim, SessionStore, StaleClaim
from tests.support.nodes import Nodes, eventually

STORES = ("memory", "redis", "cluster")

ID = "aaaaaaaa" + "0" * 27
LONG = 60.0


@pytest.fixture
async def here(nodes: Nodes) -> SessionStore:
    """The sessions as one node reaches them."""
    return (await nodes.node()).backplane.sessions


@pytest.fixture
async def there(nodes: Nodes, here: SessionStore) -> SessionStore:
    """The same as another node reaches them."""
    return (await nodes.node()).backplane.sessions


async def test_what_one_node_keeps_another_finds(here: SessionStore, there: SessionStore) -> None:
    number = await here.create(ID, "one", b"\x00record\xff", LONG)
    assert await there.find(ID) == Claim("one", number, b"\x00record\xff")
    assert await there.find(ID[:-1] + "1") is None
    await here.update(ID, number, b"", LONG)
    assert await there.find(ID) == Claim("one", number, b"")


async def test_a_claim_rises_and_shuts_the_former_owner_out(here: SessionStore, there: SessionStore) -> None:
    first = await here.create(ID, "one", b"record", LONG)
    second = await there.claim(ID, first, "two", None, LONG)
    assert second > first
    assert await here.find(ID) == Claim("two", second, b"record")
    with pytest.raises(StaleClaim):
        await here.update(ID, first, b"late", LONG)
    with pytest.raises(StaleClaim):
        await here.claim(ID, first, "one", None, LONG)
    await here.end(ID, first)
    assert await here.find(ID) == Claim("two", second, b"record")
    third = await here.claim(ID, second, "one", b"moved", LONG)
    assert await there.find(ID) == Claim("one", third, b"moved")


async def test_of_many_who_claim_at_once_one_does(here: SessionStore, there: SessionStore) -> None:
    number = await here.create(ID, "dead", b"", LONG)
    stores = (here, there, here, there)
    tried = await asyncio.gather(
        *(store.claim(ID, number, f"node{n}", None, LONG) for n, store in enumerate(stores)), return_exceptions=True
    )
    (winner,) = [n for n, outcome in enumerate(tried) if isinstance(outcome, int)]
    assert all(isinstance(outcome, StaleClaim) for n, outcome in enumerate(tried) if n != winner)
    claim = await here.find(ID)
    assert claim is not None
    assert claim.owner == f"node{winner}"


async def test_what_is_over_is_not_found_and_cannot_be_claimed(here: SessionStore, there: SessionStore) -> None:
    number = await here.create(ID, "one", b"", LONG)
    await here.end(ID, number)
    await here.end(ID, number)
    assert await there.find(ID) is None
    with pytest.raises(StaleClaim):
        await there.claim(ID, number, "two", None, LONG)
    with pytest.raises(StaleClaim):
        await here.update(ID, number, b"", LONG)
    assert await there.find(ID) is None


async def test_a_session_nobody_touches_is_forgotten(here: SessionStore) -> None:
    await here.create(ID, "one", b"", 0.3)
    other = ID[:-1] + "1"
    await here.create(other, "one", b"", 0.3)
    assert list(await here.touch([other, "unknown"], LONG)) == ["unknown"]

    async def is_forgotten() -> bool:
        return await here.find(ID) is None

    await eventually(is_forgotten)
    assert await here.find(other) is not None
    await here.touch([], LONG)


async def test_the_last_checkpoint_of_a_node_outlives_it(nodes: Nodes, here: SessionStore) -> None:
    node = await nodes.node()
    id = node.backplane.node.id
    assert await here.read_checkpoint(id) is None
    await node.backplane.sessions.write_checkpoint(id, b"first", LONG)
    await node.backplane.sessions.write_checkpoint(id, b"\x00last", LONG)
    await node.kill()
    assert await here.read_checkpoint(id) == b"\x00last"


async def test_a_checkpoint_is_kept_for_its_time(here: SessionStore) -> None:
    await here.write_checkpoint("node", b"said", 0.2)
    assert await here.read_checkpoint("node") == b"said"

    async def is_forgotten() -> bool:
        return await here.read_checkpoint("node") is None

    await eventually(is_forgotten)
