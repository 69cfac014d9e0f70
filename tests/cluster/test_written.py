"""What nodes write for each other: it comes back as it was, and what was written by nobody of ours is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.backplane.hub import MemoryHub
from bayeux.protocol.acknowledgement import ResumedAcknowledgement
from bayeux.protocol.encoded import EncodedMessage
from bayeux.server.cluster.baggage import Baggage
from bayeux.server.cluster.checkpoints import REMEMBERED, Behind, Checkpoint, Ring
from bayeux.server.cluster.interest import LINGER, Interest
from bayeux.server.cluster.records import Record
from bayeux.server.cluster.wire import Header, Unreadable, pack, unpack
from bayeux.testing import ManualClock
from tests.cluster.nodes import Client, lasting_hub, nodes_on, until

pytestmark = pytest.mark.expected_logs("without its lease")  # of those that die here

texts = st.text(max_size=20)
places = st.dictionaries(st.integers(0, 63), st.integers(0, 2**53), max_size=5)
replays = st.dictionaries(texts, st.integers(0, 2**53), max_size=3)
packable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**60)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
READERS = [Header.read, Record.read, Checkpoint.read, Baggage.read]


@pytest.mark.spec("SEC-80")
@given(written=st.binary(max_size=200) | st.lists(packable, max_size=18).map(lambda values: pack(*values)))
def test_what_is_not_ours_is_refused_or_read_never_worse(written: bytes) -> None:
    """Whoever wrote it: a reader raises Unreadable, or gives a value of its type."""
    for read in READERS:
        try:
            read(written)
        except Unreadable:
            continue


@pytest.mark.spec("SEC-80", "OPS-64")
def test_another_version_is_refused_with_a_hint() -> None:
    """The operator reads which mistake it is likely to be."""
    import msgpack

    with pytest.raises(Unreadable, match="another release"):
        unpack(msgpack.packb([2, "a"]), (str,))


@given(channel=texts, user=st.none() | texts, sender=st.none() | texts, is_echoed=st.booleans(), is_lazy=st.booleans())
def test_a_header_comes_back(**fields: Any) -> None:
    """As it was."""
    assert Header.read(Header(**fields).packed()) == Header(**fields)


@given(
    number=st.integers(0, 2**40),
    here=places,
    others=st.dictionaries(
        texts,
        st.builds(Behind, st.none() | places, st.dictionaries(texts, st.integers(0, 2**53), max_size=3)),
        max_size=5,
    ),
)
def test_a_checkpoint_comes_back(number: int, here: dict[int, int], others: dict[str, Behind]) -> None:
    """Sessions that are not in it are where the node was, unless it could not know."""
    read = Checkpoint.read(Checkpoint(number, here, others, frozenset({"unsettled"})).packed())
    assert read == Checkpoint(number, here, others, frozenset({"unsettled"}))
    assert read.of("this is nobody's id") == Behind(here, {})
    assert read.of("unsettled") is None


def test_a_ring_knows_where_the_node_was_before_a_moment() -> None:
    """At that very moment is not before it; what is forgotten is not guessed."""
    ring = Ring(10.0)
    ring.add(11.0, {1: 5})
    ring.add(12.0, {1: 9})
    assert ring.before(10.5) == {}
    assert ring.before(11.0) == {}
    assert ring.before(11.5) == {1: 5}
    assert ring.before(99.0) == {1: 9}
    assert ring.before(10.0) is None
    for number in range(REMEMBERED):
        ring.add(13.0 + number, {1: number})
    assert ring.before(12.5) is None


@given(
    st.lists(st.tuples(texts, st.binary(min_size=1, max_size=9), st.integers(0, 99)), max_size=4),
    st.integers(0, 99),
    st.booleans(),
)
def test_baggage_comes_back(events: list[tuple[str, bytes, int]], next_batch: int, is_connected: bool) -> None:
    """Events with their channels and positions, in their order."""

    def messages() -> list[EncodedMessage]:
        made = []
        for channel, json, position in events:
            made.append(EncodedMessage(channel, json, 7.0))
            made[-1].position = position
        return made

    baggage = Baggage(
        is_connected, {3: 4}, [(1, messages())], next_batch, 2, messages(), messages(), {"/a": 1}, 5.0, {"x": 1}
    )
    read = Baggage.read(baggage.packed())
    for ours, theirs in ((read.queue, baggage.queue), (read.unhooked, baggage.unhooked), (read.sent[0][1], messages())):
        assert [(each.channel, each.json, each.position) for each in ours] == [
            (each.channel, each.json, each.position) for each in theirs
        ]
    assert (read.is_connected, read.places, read.next_batch, read.replays) == (
        is_connected,
        {3: 4},
        next_batch,
        {"/a": 1},
    )


async def test_a_record_says_what_another_node_must_know() -> None:
    """The store's last word on a session is what the session is."""
    hub = lasting_hub()
    async with nodes_on(hub, 1) as (node,):
        client = await Client(node, user="ann", roles=frozenset({"b", "a"})).begin("/a", "/b/*")
        claim = await node.backplane.sessions.find(str(client.client_id))
        assert claim is not None
        record = Record.read(claim.record)
        assert (record.user, record.roles, record.browser) == ("ann", {"a", "b"}, client.browser)
        assert set(record.begun) == {"/a", "/b/*"}
        assert record.acknowledges and record.connect_only
        assert Record.read(record.packed()) == record
        node.create_channel_if_absent("/c")[0].subscribe(client.session)

        async def kept() -> set[str]:
            claim = await node.backplane.sessions.find(str(client.client_id))
            assert claim is not None
            return set(Record.read(claim.record).begun)

        await until(lambda: not node.joined.keeping._to_check.get(client.session))
        assert await kept() == {"/a", "/b/*", "/c"}
        await client.ask_for("/meta/disconnect")
        for _ in range(100):
            if await node.backplane.sessions.find(str(client.client_id)) is None:
                break
        else:
            pytest.fail("a session that is over is kept")


@pytest.mark.spec("ACK-11")
def test_numbers_of_batches_go_on_behind_what_the_client_has() -> None:
    """Whatever it says first; after that, as everywhere."""
    resumed = ResumedAcknowledgement()
    assert resumed.acknowledge(41) == 41
    assert resumed.close_batch([EncodedMessage("/a", b"1")]) == 42
    assert resumed.acknowledge(41) == 41 and resumed.count == 1
    assert resumed.acknowledge(99) == 42 and resumed.count == 0
    nothing = ResumedAcknowledgement()
    assert nothing.acknowledge(-5) <= 0
    assert nothing.close_batch(()) == 1
    huge = ResumedAcknowledgement()
    huge.acknowledge(2**80)
    assert huge.next_batch == 2**53


@pytest.mark.spec("ACK-11")
@pytest.mark.parametrize("moves", [1, 2])
async def test_a_client_that_says_again_what_it_has_acknowledges_nothing_else(moves: int) -> None:
    """Taken over, it moved before its first connect: numbers began at 1, and 57 was taken for the last of them."""
    hub = MemoryHub(lease=0.2, look=0.05)
    async with nodes_on(hub, 3) as (first, *others):
        client = await Client(first).begin("/a")
        await first.joined.look()
        first.die()
        task = others[0].publish("/a", 1)
        assert task is not None
        await task
        await until(lambda: len(others[0].joined.nodes) == 1)
        for turn in range(moves):
            socket = Client(others[turn % 2], "websocket", browser=client.browser)
            socket.client_id = client.client_id
            assert (await socket.ask_for("/meta/subscribe", subscription="/b"))["successful"]
        for _ in range(2):  # the first answer is lost
            reply = await socket.poll(ack=57, timeout=0)
            assert socket.data[-1:] == [1]
            assert reply["ext"]["ack"] > 57
            socket.heard.clear()


async def test_partitions_are_let_go_of_a_while_after_the_last_who_needed_them() -> None:
    """Not at once: whoever left often comes back; a listen that failed is tried again."""
    clock = ManualClock()
    hub = MemoryHub(clock=clock)
    backplane = hub.node()
    interest = Interest(backplane, clock)
    interest.add((1,))  # the store cannot be reached before the start
    await until(lambda: not interest._beginning)
    from tests.support.nodes import Ears

    await backplane.start(Ears())
    interest.look()
    await interest.listen((1, 2))
    assert set(backplane.places) == {1, 2}
    assert not interest.is_missing((1, 2))
    interest.add((1,))
    interest.remove((1,))
    clock.advance(LINGER + 1)
    interest.look()
    assert set(backplane.places) == {1}
    interest.remove((1,))
    interest.look()
    assert set(backplane.places) == {1}
    clock.advance(LINGER + 1)
    interest.look()
    assert not backplane.places
    await backplane.stop()
